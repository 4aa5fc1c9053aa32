//! The errors that a real receiver made on a real drive, replayed over simulated ones.
//!
//! The drive is google-mtv-2020 (Mountain View, 29 min, 8.6 km): a u-blox ZED-F9K beside a NovAtel SPAN reference. The
//! reference point of the one is not that of the other: their distance along and across the car is constant and no
//! error of the receiver, so its mean on the move is taken out. What is left is a receiver with corrections (RTK) and
//! wheel ticks, far better than a truck's: it is also replayed five and twenty times as large, the latter to the size
//! of an ordinary receiver's error, with the shape in time that was recorded. The accuracy reported with it is that of
//! the recording, from its HDOP, in all three.
//!
//! Where the truck stands, stretches in which the car stood are played, where it moves, those in which it moved, drawn
//! with the drive's seed. At a join the last error fades out in favour of the new stretch, so that no jump is invented.
//! Epochs that are missing in the recording end a stretch; gaps are the business of the scenarios.

mod figures;
mod reading;

use super::{Error, Errors, Model, Surroundings};
use crate::drive::Point;
use crate::path::State;
use crate::random::Chance;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub use figures::{Comparison, Drift, Figures, compare};

/// Where the recordings are.
pub const FOLDER: &str = "GATESTAMP_RECORDINGS";

const RECEIVER: &str = "drives/google-mtv-2020/MTV.Local1.ublox-F9K.20200206-181434.nmea.zst";
const REFERENCE: &str = "drives/google-mtv-2020/MTV.Local1.SPAN.20200206-181434.gga.zst";

/// Below this the truck stands, m/s; SPAN positions one second apart say 0 +- 0.02 m/s at a standstill.
const MOVING_MPS: f64 = 0.5;
/// Fast enough for the direction of motion to be that of the car, m/s.
const STRAIGHT_MPS: f64 = 3.0;
/// A stretch is this long at least, fixes.
const STRETCH: usize = 10;
/// How fast the last error fades after a join, seconds.
const FADE_S: f64 = 10.0;

/// The errors of one drive, in stretches of one fix per second without a gap.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// In which the car stood.
    pub standing: Vec<Vec<Error>>,
    /// In which it moved.
    pub moving: Vec<Vec<Error>>,
    /// The receiver's reference point as seen from that of the reference: forward (east) and to the left (north), metres.
    pub lever_m: Point,
    /// Epochs with a valid fix and a reference.
    pub epochs: usize,
    /// Seconds between the first and the last of them in which there was none.
    pub missing_s: f64,
}

/// The recorded drive; `None` without the folder.
///
/// # Errors
/// Why the folder that [`FOLDER`] names does not hold the drive.
pub fn load() -> Result<Option<&'static Recording>, &'static str> {
    static LOADED: OnceLock<Result<Option<Recording>, String>> = OnceLock::new();
    let loaded = LOADED.get_or_init(|| match folder() {
        Some(folder) => read(&folder).map(Some),
        None => Ok(None),
    });
    loaded.as_ref().map(Option::as_ref).map_err(String::as_str)
}

fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// The text of a recording, packed or not.
fn text(folder: &Path, name: &str) -> Result<Vec<u8>, String> {
    let path = folder.join(name);
    let packed = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let is_packed = path.extension().is_some_and(|extension| extension == "zst");
    let text = if is_packed { zstd::decode_all(packed.as_slice()) } else { Ok(packed) };
    text.map_err(|error| format!("{}: {error}", path.display()))
}

fn read(folder: &Path) -> Result<Recording, String> {
    recording(&text(folder, RECEIVER)?, &text(folder, REFERENCE)?)
        .ok_or_else(|| format!("{RECEIVER}: no epochs in common with {REFERENCE}"))
}

/// One epoch of both.
#[derive(Debug, Clone, Copy)]
struct Pair {
    time_ms: i64,
    error: Error,
    /// True velocity, m/s.
    velocity: Point,
    /// Unit vector of the car's motion, kept while it stands.
    heading: Point,
}

impl Pair {
    fn speed(&self) -> f64 {
        libm::hypot(self.velocity.east, self.velocity.north)
    }
}

fn recording(receiver: &[u8], reference: &[u8]) -> Option<Recording> {
    let mut pairs = pairs(receiver, reference);
    head(&mut pairs);
    let lever_m = lever(&pairs)?;
    for pair in &mut pairs {
        let mounted = turned(lever_m, pair.heading);
        pair.error.offset_m.east -= mounted.east;
        pair.error.offset_m.north -= mounted.north;
    }
    let (first, last) = (pairs.first()?, pairs.last()?);
    let epochs = pairs.len();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let missing_s = (last.time_ms - first.time_ms) as f64 / 1e3 + 1.0 - epochs as f64;
    let (mut standing, mut moving) = (Vec::new(), Vec::new());
    let together = |a: &Pair, b: &Pair| b.time_ms - a.time_ms == 1_000 && is_moving(a) == is_moving(b);
    for stretch in pairs.chunk_by(together).filter(|stretch| stretch.len() >= STRETCH) {
        let errors = stretch.iter().map(|pair| pair.error).collect();
        let kind = if stretch.first().is_some_and(is_moving) { &mut moving } else { &mut standing };
        kind.push(errors);
    }
    Some(Recording { standing, moving, lever_m, epochs, missing_s })
}

fn is_moving(pair: &Pair) -> bool {
    pair.speed() > MOVING_MPS
}

/// Epochs that both know, with the reference known a second before and after. Headings are left for [`head`].
fn pairs(receiver: &[u8], reference: &[u8]) -> Vec<Pair> {
    let (said, truth) = (reading::epochs(receiver), reading::epochs(reference));
    let pair = |(&time_ms, said): (&i64, &reading::Said)| {
        let here = truth.get(&time_ms)?.place;
        let (before, after) = (truth.get(&(time_ms - 1_000))?.place, truth.get(&(time_ms + 1_000))?.place);
        let step = after.minus(before);
        let velocity = Point { east: step.east / 2.0, north: step.north / 2.0 };
        let told = said.velocity_mps?;
        let velocity_mps = Point { east: told.east - velocity.east, north: told.north - velocity.north };
        let error = Error { offset_m: said.place.minus(here), velocity_mps, sigma_m: said.sigma_m };
        Some(Pair { time_ms, error, velocity, heading: Point { east: 0.0, north: 0.0 } })
    };
    said.iter().filter_map(pair).collect()
}

/// A car heads where it moves; while it stands, where it last moved, and before that where it is going to move.
fn head(pairs: &mut [Pair]) {
    let mut heading = pairs.iter().find(|pair| pair.speed() > STRAIGHT_MPS).map(|pair| pair.velocity);
    for pair in pairs {
        if pair.speed() > MOVING_MPS {
            heading = Some(pair.velocity);
        }
        let origin = Point { east: 0.0, north: 0.0 };
        pair.heading = heading.map_or(origin, |heading| origin.towards(heading));
    }
}

/// Mean error along and across the car while it moves.
fn lever(pairs: &[Pair]) -> Option<Point> {
    let straight = pairs.iter().filter(|pair| pair.speed() > STRAIGHT_MPS);
    let (mut sum, mut count) = (Point { east: 0.0, north: 0.0 }, 0.0);
    for pair in straight {
        let (offset, heading) = (pair.error.offset_m, pair.heading);
        sum.east += offset.east * heading.east + offset.north * heading.north;
        sum.north += offset.north * heading.east - offset.east * heading.north;
        count += 1.0;
    }
    (count > 0.0).then_some(Point { east: sum.east / count, north: sum.north / count })
}

/// From forward and left to east and north.
fn turned(mounted: Point, heading: Point) -> Point {
    Point {
        east: mounted.east * heading.east - mounted.north * heading.north,
        north: mounted.east * heading.north + mounted.north * heading.east,
    }
}

/// The recorded receivers, in the order of the report: none without the folder, or if it does not hold the drive.
pub(super) fn models() -> Vec<Model> {
    if !matches!(load(), Ok(Some(_))) {
        return Vec::new();
    }
    let model = |name, about, start| Model {
        name,
        about,
        surroundings: Surroundings::Open,
        modelled: false,
        blank_below_mps: 0.0,
        step_m: 0.0,
        start,
    };
    vec![
        model("mtv", "recorded: ZED-F9K with corrections, Mountain View 2020", |seed| replay(1.0, seed)),
        model("mtv-x5", "recorded, errors five times as large", |seed| replay(5.0, seed)),
        model("mtv-x20", "recorded, errors twenty times as large", |seed| replay(20.0, seed)),
    ]
}

fn replay(scale: f64, seed: u64) -> Box<dyn Errors> {
    static EMPTY: Recording = Recording {
        standing: Vec::new(),
        moving: Vec::new(),
        lever_m: Point { east: 0.0, north: 0.0 },
        epochs: 0,
        missing_s: 0.0,
    };
    let recording = load().ok().flatten().unwrap_or(&EMPTY);
    Box::new(Replay::start(recording, scale, seed))
}

/// One recorded receiver at work.
struct Replay<'a> {
    recording: &'a Recording,
    scale: f64,
    chance: Chance,
    moving: bool,
    /// What is left of the stretch that is being played.
    ahead: &'a [Error],
    /// The difference to the last error at the join, and seconds since.
    join: (Point, f64),
    last: Option<Point>,
}

impl<'a> Replay<'a> {
    fn start(recording: &'a Recording, scale: f64, seed: u64) -> Self {
        let join = (Point { east: 0.0, north: 0.0 }, 0.0);
        let chance = Chance::stream(seed, "recorded noise");
        Self { recording, scale, chance, moving: false, ahead: &[], join, last: None }
    }

    /// Another stretch, from somewhere in its first half: long ones more often.
    fn draw(&mut self) {
        let stretches = if self.moving { &self.recording.moving } else { &self.recording.standing };
        let fixes = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let total = stretches.iter().map(|stretch| fixes(stretch.len())).sum();
        let mut at = self.chance.below(total);
        for stretch in stretches {
            if at < fixes(stretch.len()) {
                let skip = self.chance.below(fixes(stretch.len() / 2)) as usize;
                self.ahead = stretch.get(skip..).unwrap_or_default();
                break;
            }
            at -= fixes(stretch.len());
        }
        let (last, next) = (self.last, self.ahead.first().map(|error| error.offset_m));
        let difference = last.zip(next).map(|(a, b)| Point { east: a.east - b.east, north: a.north - b.north });
        self.join = (difference.unwrap_or(Point { east: 0.0, north: 0.0 }), 0.0);
    }
}

impl Errors for Replay<'_> {
    fn next(&mut self, dt_s: f64, truth: &State) -> Error {
        let moving = truth.speed_mps > MOVING_MPS;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 3,600")]
        let steps = libm::round(dt_s).clamp(1.0, 3_600.0) as usize;
        self.ahead = self.ahead.get(steps..).unwrap_or_default();
        self.join.1 += dt_s;
        if self.ahead.is_empty() || moving != self.moving {
            self.moving = moving;
            self.draw();
        }
        let nothing = Point { east: 0.0, north: 0.0 };
        let silent = Error { offset_m: nothing, velocity_mps: nothing, sigma_m: 1.0 };
        let played = self.ahead.first().copied().unwrap_or(silent);
        let fade = libm::exp(-self.join.1 / FADE_S);
        let offset_m = Point {
            east: played.offset_m.east + fade * self.join.0.east,
            north: played.offset_m.north + fade * self.join.0.north,
        };
        self.last = Some(offset_m);
        let scaled = |point: Point| Point { east: self.scale * point.east, north: self.scale * point.north };
        Error { offset_m: scaled(offset_m), velocity_mps: scaled(played.velocity_mps), ..played }
    }
}

#[cfg(test)]
mod tests;
