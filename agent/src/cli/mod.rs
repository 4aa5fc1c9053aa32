//! The commands. One file each; this one has what they share: arguments, exit codes, reading the configuration.

mod check;
mod facilities;
mod replay;
mod run;
mod say;
mod status;

use crate::config::{self, Config};
use crate::fault::Fault;
use crate::io::facilities::text;
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Exit codes, as in sysexits.h. Usage errors are clap's 2.
mod exit {
    /// What was asked for is not there or did not work.
    pub(super) const FAILED: u8 = 1;
    /// Called the wrong way, which only the files show.
    pub(super) const USAGE: u8 = 2;
    /// Something it needs is not there.
    pub(super) const UNAVAILABLE: u8 = 69;
    /// Reading or writing failed.
    pub(super) const IO: u8 = 74;
    /// The configuration is at fault.
    pub(super) const CONFIGURATION: u8 = 78;
}

/// What ends a command: an exit code and what to say on stderr.
struct Failure(u8, String);

impl Failure {
    fn faults(faults: &[Fault]) -> Self {
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let count = say::counted(faults.len(), ["fault", "faults"]);
        Self(exit::CONFIGURATION, format!("{}\n{count}", told.join("\n")))
    }
}

/// Arrival-and-departure recorder of a truck: reads the GNSS receiver, decides when the truck arrived and departed,
/// keeps every decision, and delivers it to dispatch.
#[derive(Parser)]
#[command(version, about, long_about = None, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Where the package has the configuration.
const INSTALLED: &str = "/etc/gatestamp/gatestamp.toml";

const AFTER_HELP: &str = "Exit codes: 0 ok, 1 failed, 2 usage, 69 unavailable, 74 input/output, 78 configuration.\n\
A commented configuration is in /etc/gatestamp/gatestamp.toml (deploy/gatestamp.toml in the sources).";

#[derive(Subcommand)]
enum Command {
    /// Record: the daemon that runs in the truck
    Run(run::Arguments),
    /// Derive events, fixes or coverage again from a recording
    Replay(replay::Arguments),
    /// Validate configuration and facilities: all faults at once, or what the daemon will do
    Check(check::Arguments),
    /// Compile, lint and show facility files
    Facilities(facilities::Arguments),
    /// Show how the daemon of this gateway is; 69 where it is stopped, or says nothing any more
    Status(status::Arguments),
}

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Replay(arguments) => replay::replay(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Facilities(arguments) => facilities::facilities(&arguments),
        Command::Status(arguments) => status::status(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(code, why)) => {
            say::note(&why);
            ExitCode::from(code)
        }
    }
}

/// Reads and validates the configuration; relative paths in it are relative to its own folder.
fn configuration(path: &Path) -> Result<Config, Vec<Fault>> {
    let text = text(path, "the configuration")?;
    let mut config = config::read(&path.display().to_string(), &text)?;
    let beside = |named: &Path| path.parent().map_or_else(|| named.to_owned(), |folder| folder.join(named));
    config.facilities = beside(&config.facilities);
    config.state_dir = beside(&config.state_dir);
    match &mut config.source {
        config::Source::Serial { device: path, .. } | config::Source::Recording(Some(path)) => *path = beside(path),
        config::Source::Gpsd { .. } | config::Source::Recording(None) => {}
    }
    if let Some(tls) = config.mqtt.as_mut().and_then(|mqtt| mqtt.tls.as_mut()) {
        (tls.ca, tls.cert, tls.key) = (beside(&tls.ca), beside(&tls.cert), beside(&tls.key));
    }
    Ok(config)
}

/// Where the configuration says that the facilities are, even if other things in it are wrong.
fn facilities_of(path: &Path) -> Option<PathBuf> {
    let text = text(path, "the configuration").ok()?;
    let named = config::facilities_path(&text)?;
    Some(path.parent().map_or_else(|| named.clone(), |folder| folder.join(&named)))
}
