//! `gatestamp check`: is this configuration good?

use super::{Failure, configuration, facilities_of};
use crate::io::facilities;
use clap::Args;
use geofence::Fences;
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn check(arguments: &Arguments) -> Result<(), Failure> {
    let config = configuration(&arguments.config);
    let path = config.as_ref().ok().map(|c| c.facilities.clone()).or_else(|| facilities_of(&arguments.config));
    let facilities = path.map(|path| facilities::load(&path));
    let mut faults = Vec::new();
    let device = match config {
        Ok(config) => Some(config.truck.device()),
        Err(found) => {
            faults.extend(found);
            None
        }
    };
    let facilities = match facilities {
        Some(Ok(facilities)) => Some(facilities),
        Some(Err(found)) => {
            faults.extend(found);
            None
        }
        None => None,
    };
    match (device, facilities) {
        (Some(device), Some(facilities)) => {
            say(&device, facilities.facilities().len(), facilities.len());
            Ok(())
        }
        _ => Err(Failure::faults(&faults)),
    }
}

#[allow(clippy::print_stdout, reason = "the command's answer")]
fn say(device: &str, facilities: usize, fences: usize) {
    println!("ok: {device}, {facilities} facilities with {fences} fences");
}
