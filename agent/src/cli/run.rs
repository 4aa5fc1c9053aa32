//! `gatestamp run`: the daemon.

use super::{Failure, configuration, exit};
use crate::io::facilities;
use crate::io::run::RunError;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Run every timer and clock this many times faster; only with `simulation = true` in the configuration
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    time_scale: u32,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = configuration(&arguments.config).map_err(|faults| Failure::faults(&faults))?;
    if arguments.time_scale != 1 && !config.simulation {
        let why = "--time-scale would falsify every stamp of a real truck\n    remedy: set `simulation = true` in the configuration of a simulated one";
        return Err(Failure(exit::CONFIGURATION, why.to_owned()));
    }
    if config.source.is_none() {
        let why = "gnss.source = \"recording\" has no receiver to listen to\n    remedy: use `gatestamp replay`, or set gnss.source = \"serial\"";
        return Err(Failure(exit::CONFIGURATION, why.to_owned()));
    }
    let facilities = facilities::load(&config.facilities).map_err(|faults| Failure::faults(&faults))?;
    tracing_subscriber::fmt()
        .with_max_level(config.log_level)
        .with_writer(std::io::stderr)
        .without_time()
        .with_ansi(false)
        .init();
    // One thread: the work of a second takes microseconds, and there is nothing to share.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure(exit::IO, format!("cannot start: {error}")))?;
    let done = runtime.block_on(Box::pin(crate::io::run::run(config, facilities, arguments.time_scale)));
    done.map_err(|error| {
        let code = match error {
            RunError::InUse(_) => exit::UNAVAILABLE,
            RunError::OtherTruck { .. } => exit::CONFIGURATION,
            RunError::StateDir { .. } | RunError::Journal(_) | RunError::StartAgain | RunError::Io(_) => exit::IO,
        };
        Failure(code, error.to_string())
    })
}
