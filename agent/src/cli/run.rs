//! `gatestamp run`: the daemon.

use super::{Failure, configuration, exit};
use crate::config::{Config, Source};
use crate::fault::Fault;
use crate::io::run::RunError;
use clap::Args;
use std::path::{Path, PathBuf};

/// Set for a process that was started again: once is enough.
const STARTED_AGAIN: &str = "GATESTAMP_STARTED_AGAIN";

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
    if let Some(fault) = cannot_listen(&arguments.config, &config) {
        return Err(Failure::faults(&[fault]));
    }
    tracing_subscriber::fmt()
        .with_max_level(config.log_level)
        .with_writer(std::io::stderr)
        .without_time()
        .with_ansi(false)
        .init();
    // One thread for all but the receiver's bytes: the work of a second takes microseconds, and there is nothing to share.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure(exit::IO, format!("cannot start: {error}")))?;
    let first = std::env::var_os(STARTED_AGAIN).is_none();
    let done = runtime.block_on(crate::io::run::run(config, arguments.time_scale, first));
    drop(runtime);
    let done = match done {
        Err(RunError::Compiled) => Err(RunError::Io(start_again())),
        done => done,
    };
    done.map_err(|error| {
        let code = match error {
            RunError::Facilities(faults) => return Failure::faults(&faults),
            RunError::InUse(_) => exit::UNAVAILABLE,
            RunError::OtherTruck { .. } => exit::CONFIGURATION,
            RunError::StateDir { .. }
            | RunError::Compiled
            | RunError::Journal(_)
            | RunError::StartAgain
            | RunError::Io(_) => exit::IO,
        };
        Failure(code, error.to_string())
    })
}

/// Why a configuration that is good for `replay` is not good for a truck.
pub(super) fn cannot_listen(file: &Path, config: &Config) -> Option<Fault> {
    let Source::Recording(recording) = &config.source else { return None };
    (recording.is_none() || !config.simulation).then(|| Fault {
        file: file.display().to_string(),
        line: None,
        what: "gnss.source = \"recording\" has no receiver to listen to".to_owned(),
        remedy: "use `gatestamp replay`, or set gnss.source = \"serial\"; a simulated truck (`simulation = true`) plays the file \
                 that gnss.device names"
            .to_owned(),
    })
}

/// Puts the same command in this process's place: parsing 15,000 facilities leaves 10 MB of free memory that the allocator keeps
/// for good, and the process id, for which systemd waits, stays the same. Comes back only if it fails.
fn start_again() -> std::io::Error {
    use std::os::unix::process::CommandExt;
    // Not by its path: a package may just have replaced the file.
    let mut again = std::process::Command::new("/proc/self/exe");
    let mut words = std::env::args_os();
    words.next().into_iter().for_each(|name| {
        again.arg0(name);
    });
    again.args(words).env(STARTED_AGAIN, "1").exec()
}
