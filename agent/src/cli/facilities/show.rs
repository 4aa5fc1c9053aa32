//! `gatestamp facilities show`: the facilities of a file as a table, a drawing, or seen from a position.

use crate::cli::say::print;
use crate::cli::{Failure, exit};
use crate::facility::{Facilities, show, survey, svg};
use crate::io::facilities::{self, FacilityFile};
use clap::Args;
use geofence::Position;
use std::path::PathBuf;

/// Fences around a position that are named beside those that hold it.
const NEAREST: usize = 5;
/// Farther away a distance is told as "more than": metres in a plane are not good any more.
const FAR_M: f64 = 50_000.0;

#[derive(Args)]
pub(super) struct Arguments {
    /// The facility file, GeoJSON or an atlas
    file: PathBuf,
    /// Only this facility; may be given several times
    #[arg(long, value_name = "ID")]
    facility: Vec<String>,
    /// Draw the facilities into an SVG file, one panel each
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Say which fences hold this position and how far the nearest borders are
    #[arg(long, value_name = "LAT,LON", value_parser = position, allow_hyphen_values = true)]
    at: Option<Position>,
}

/// `LAT,LON` in degrees.
fn position(text: &str) -> Result<Position, String> {
    let degrees = text.split_once(',').map(|(lat, lon)| (lat.trim().parse(), lon.trim().parse()));
    let Some((Ok(lat), Ok(lon))) = degrees else {
        return Err("write latitude and longitude in degrees with a comma between, such as 52.45,13.88".to_owned());
    };
    Position::from_degrees(lat, lon)
        .ok_or_else(|| format!("latitude {lat} and longitude {lon} are no place on earth; latitude comes first here"))
}

pub(super) fn show(arguments: &Arguments) -> Result<(), Failure> {
    let read = facilities::read(&arguments.file).map_err(|faults| Failure::faults(&faults))?;
    let name = arguments.file.display().to_string();
    let text = match read {
        FacilityFile::Atlas(bytes) => return show_atlas(arguments, &name, bytes),
        FacilityFile::Text(text) => text,
    };
    let (plan, errors) = survey(&text);
    if !errors.is_empty() {
        return Err(Failure::faults(&errors.iter().map(|error| error.fault(&name)).collect::<Vec<_>>()));
    }
    let rows = show::rows(&plan, &arguments.facility);
    known(arguments, &rows)?;
    if let Some(position) = arguments.at {
        print(show::nearest(&plan, position, NEAREST).iter().map(near))?;
    } else {
        print([show::table(&rows)])?;
    }
    let Some(path) = &arguments.svg else { return Ok(()) };
    std::fs::write(path, svg::draw(&plan, &arguments.facility)).map_err(|error| {
        let why = format!("{}: {error}", path.display());
        Failure(exit::IO, format!("{why}\n    remedy: name a file in a folder that can be written"))
    })?;
    if rows.len() > svg::PANELS_MAX {
        let why = format!("{}: {} of {} facilities are drawn", path.display(), svg::PANELS_MAX, rows.len());
        print([format!("{why}; choose others with --facility")])?;
    }
    Ok(())
}

/// What an atlas tells without the outlines that it was made of.
fn show_atlas(arguments: &Arguments, name: &str, bytes: Vec<u8>) -> Result<(), Failure> {
    if arguments.svg.is_some() {
        let why = format!("{name}: an atlas does not keep outlines to draw");
        return Err(Failure(exit::USAGE, format!("{why}\n    remedy: name the GeoJSON file that it was made of")));
    }
    let compiled = Facilities::open(bytes).map_err(|error| Failure::faults(&[error.fault(name)]))?;
    let rows = show::compiled_rows(&compiled, &arguments.facility);
    known(arguments, &rows)?;
    match arguments.at {
        Some(position) => print(show::compiled_nearest(&compiled, position, NEAREST).iter().map(near)),
        None => print([show::table(&rows)]),
    }
}

fn known(arguments: &Arguments, rows: &[show::Row]) -> Result<(), Failure> {
    match arguments.facility.iter().find(|id| !rows.iter().any(|row| row.id == **id)) {
        None => Ok(()),
        Some(unknown) => {
            let why = format!("{}: no facility \"{unknown}\"", arguments.file.display());
            Err(Failure(exit::FAILED, format!("{why}\n    remedy: without --facility all are shown")))
        }
    }
}

fn near(near: &show::Near) -> String {
    let distance = match near.distance_m {
        m if m > FAR_M => format!("outside, more than {:.0} km away", FAR_M / 1_000.0),
        m if m > 0.0 => format!("outside, {m:.2} m from the border"),
        m => format!("inside, {:.2} m from the border", -m),
    };
    let fence = if near.fence == near.facility { String::new() } else { format!(" fence \"{}\"", near.fence) };
    format!("{}{fence}, {}: {distance}", near.facility, near.zone.name())
}
