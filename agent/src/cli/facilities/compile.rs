//! `gatestamp facilities compile`: a facility file to an atlas, whole or not at all.

use super::drawn;
use crate::cli::say::{counted, print};
use crate::cli::{Failure, exit};
use crate::facility::lint::lint;
use crate::facility::{Facilities, compiled, survey};
use crate::io::atlas::write;
use clap::Args;
use geofence::Fences;
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct Arguments {
    /// The facility file (GeoJSON)
    file: PathBuf,
    /// Where the atlas goes; an atlas that is there is replaced as a whole
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(super) fn compile(arguments: &Arguments) -> Result<(), Failure> {
    let (name, output) = (arguments.file.display().to_string(), arguments.output.display().to_string());
    let text = drawn(&arguments.file, "there is nothing to do")?;
    let bytes = compiled(&name, &text).map_err(|faults| Failure::faults(&faults))?;
    let there = std::fs::read(&arguments.output).unwrap_or_default();
    if !there.is_empty() && !there.starts_with(b"GSATLAS\n") {
        let why =
            format!("{output}: a file that is no atlas is not overwritten\n    remedy: delete it, or name another");
        return Err(Failure(exit::USAGE, why));
    }
    let failed = |why: String| {
        Failure(
            exit::IO,
            format!("{output}: {why}\n    remedy: name a file in a folder that can be written, with room"),
        )
    };
    write(&arguments.output, &bytes).map_err(|error| failed(error.to_string()))?;
    // What counts is what can be read again.
    let reread = std::fs::read(&arguments.output).map_err(|error| failed(error.to_string()))?;
    Facilities::verify(&reread).map_err(|error| failed(error.to_string()))?;
    if reread != bytes {
        return Err(failed("is not what was written".to_owned()));
    }
    let size = reread.len();
    let facilities = Facilities::open(reread).map_err(|error| failed(error.to_string()))?;
    let fences = facilities.len();
    let mut told = vec![format!(
        "{output}: {} with {}, {size} bytes, {} bytes per fence, revision {:016x}",
        counted(facilities.count(), ["facility", "facilities"]),
        counted(fences, ["fence", "fences"]),
        size.div_ceil(fences.max(1)),
        facilities.revision()
    )];
    match lint(&survey(&text).0).len() {
        0 => {}
        n => {
            let them = counted(n, ["warning", "warnings"]);
            told.push(format!("{name}: {them}; gatestamp facilities lint {name} tells them"));
        }
    }
    print(told)
}
