//! The commands. One file each; this one has what they share: arguments, exit codes, reading the configuration.

mod dispatcher;
mod run;
mod status;

use std::io::{Write as _, stderr, stdout};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use gatestamp::besttime::{BestTime, TimeSource};
use geofence::UnixMillis;

use crate::backup;
use crate::broker;
use crate::clock::wall_ms;
use crate::config::{self, Config};
use crate::store::{self, Place, StoreError};
use crate::webhook;

/// Exit codes, as in sysexits.h and in the truck's agent. Usage errors are clap's 2.
mod exit {
    /// What was asked for did not work.
    pub(super) const FAILED: u8 = 1;
    /// Something it needs is not there.
    pub(super) const UNAVAILABLE: u8 = 69;
    /// Reading or writing failed.
    pub(super) const IO: u8 = 74;
    /// The configuration is at fault.
    pub(super) const CONFIGURATION: u8 = 78;
}

/// Permissions of those who are neither owner nor in the group.
const OTHERS: u32 = 0o007;

/// What ends a command: an exit code and what to say on stderr.
struct Failure(u8, String);

impl From<StoreError> for Failure {
    fn from(fault: StoreError) -> Self {
        match fault {
            StoreError::Refused(why) => Self(exit::CONFIGURATION, why),
            StoreError::Failed(why) => Self(exit::UNAVAILABLE, why),
        }
    }
}

/// The dispatcher's side of Gatestamp: takes the trucks' events from an MQTT 5 broker, keeps each once in SQLite or PostgreSQL, and
/// acknowledges to each truck what is committed. Until then the truck keeps it, so nothing is lost when this, the broker or the
/// database dies.
#[derive(Parser)]
#[command(name = "gatestamp-receiver", version, about, long_about = None, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "Exit codes: 0 ok, 1 failed, 2 usage, 69 unavailable, 74 input/output, 78 configuration.\n\
From nothing to the first truck: deploy/dispatch/README.md (/usr/share/doc/gatestamp-receiver in the package).";

#[derive(Subcommand)]
enum Command {
    /// Receive: the service of the dispatcher's side
    Run(ConfigFile),
    /// Validate the configuration
    Check(ConfigFile),
    /// Make the folder of a dispatcher: CA, broker, receiver
    Init(dispatcher::InitArguments),
    /// Make a truck's claim bundle, and give the truck its rights at the broker
    AddTruck(dispatcher::TruckArguments),
    /// Take a truck's rights at the broker away
    RemoveTruck(dispatcher::TruckArguments),
    /// Make the folder of a further receiver over the same PostgreSQL, and give it its rights at the broker
    AddReceiver(dispatcher::ReceiverArguments),
    /// Take a further receiver's rights at the broker away
    RemoveReceiver(dispatcher::RemovedArguments),
    /// Show each truck: what is received, missing, lost, and when it was heard last
    Status(ConfigFile),
    /// Write a copy of the database, or of everything, while the receiver runs
    Backup(BackupArguments),
    /// Put a copy in the place of a lost database
    Restore(CopyArguments),
}

/// Arguments of commands that need the configuration and nothing else.
#[derive(clap::Args)]
struct ConfigFile {
    /// The configuration: the service's is /var/lib/gatestamp-dispatch/receiver/receiver.toml
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Arguments of `backup`.
#[derive(clap::Args)]
struct BackupArguments {
    #[command(flatten)]
    copy: CopyArguments,
    /// COPY is a new folder, with the database and everything else that `init` and `add-truck` made: certificates, keys, ACL
    #[arg(long)]
    everything: bool,
}

/// Arguments of `restore`, and the first ones of `backup`.
#[derive(clap::Args)]
struct CopyArguments {
    /// The receiver's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The copy: a SQLite file, or an archive of pg_dump
    #[arg(value_name = "COPY")]
    copy: PathBuf,
}

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments.config),
        Command::Check(arguments) => check(&arguments.config),
        Command::Init(arguments) => dispatcher::init(&arguments),
        Command::AddTruck(arguments) => dispatcher::add_truck(&arguments),
        Command::RemoveTruck(arguments) => dispatcher::remove_truck(&arguments),
        Command::AddReceiver(arguments) => dispatcher::add_receiver(&arguments),
        Command::RemoveReceiver(arguments) => dispatcher::remove_receiver(&arguments),
        Command::Status(arguments) => status::status(&arguments.config),
        Command::Backup(arguments) => save(&arguments),
        Command::Restore(arguments) => restore(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(code, why)) => {
            complain(&why);
            ExitCode::from(code)
        }
    }
}

fn configuration(path: &Path) -> Result<Config, Failure> {
    config::read(path).map_err(|fault| Failure(exit::CONFIGURATION, fault.to_string()))
}

fn save(arguments: &BackupArguments) -> Result<(), Failure> {
    let CopyArguments { config: file, copy } = &arguments.copy;
    let place = configuration(file)?.place;
    let saved =
        if arguments.everything { backup::save_everything(file, &place, copy) } else { backup::save(&place, copy) };
    say(&saved?);
    Ok(())
}

fn restore(arguments: &CopyArguments) -> Result<(), Failure> {
    let config = configuration(&arguments.config)?;
    backup::bring_back(&config.place, &arguments.copy)?;
    say("restored; start the receiver: each truck is asked for everything that is not here, until it answers");
    if config.command_key.is_none() {
        complain("warning: that needs a key: [commands] names none, so NO TRUCK IS ASKED; `status` says what to do");
    }
    Ok(())
}

fn check(path: &Path) -> Result<(), Failure> {
    let config = config::read_strictly(path).map_err(|fault| Failure(exit::CONFIGURATION, fault.to_string()))?;
    run::signer(&config)?;
    if let Some(files) = &config.broker.tls {
        let time = BestTime { utc: UnixMillis(wall_ms()), source: TimeSource::System };
        broker::credentials(files, time).map_err(|why| Failure(exit::CONFIGURATION, why))?;
    }
    store::check(&config.place)?;
    if let Some(hook) = &config.webhook {
        webhook::check(hook).map_err(|why| Failure(exit::CONFIGURATION, why))?;
    }
    exposed(&config).iter().for_each(|doubt| complain(&format!("warning: {doubt}")));
    let place = match &config.place {
        Place::Sqlite(file) => format!("SQLite in {}", file.display()),
        Place::Postgres { ca, .. } => {
            format!("PostgreSQL, {}", if ca.is_some() { "encrypted" } else { "plain" })
        }
    };
    let broker = &config.broker;
    say(&format!("good: broker {}:{} as {}, {place}", broker.host, broker.port, broker.client_id));
    Ok(())
}

/// Secrets that everybody on this computer can read: they are used, and should not stay so.
fn exposed(config: &Config) -> Vec<String> {
    let secret = config.webhook.as_ref().and_then(|hook| hook.secret.as_deref());
    let files = [("webhook.secret", secret), ("commands.key", config.command_key.as_deref())];
    let told = |(key, file): (&str, Option<&Path>)| {
        let file = file?;
        let mode = std::fs::metadata(file).ok()?.permissions().mode() & 0o777;
        let name = file.display();
        let who = format!("everybody on this computer may use it (mode {mode:03o})");
        (mode & OTHERS != 0).then(|| format!("{key}: {name}: {who}: chmod 640 {name}, and chgrp gatestamp-receiver"))
    };
    files.into_iter().filter_map(told).collect()
}

/// What a person needs to know when a command fails.
fn complain(why: &str) {
    // Nobody is left to be told.
    let _ = writeln!(stderr(), "gatestamp-receiver: {why}");
}

/// What a person asked for. `head` and `less` leave when they have seen enough: that is no fault, and `println!` would panic.
fn say(what: &str) {
    // Trucks, brokers and webhooks said some of it: they must not steer the terminal.
    let plain: String = what.chars().map(|c| if c.is_control() && c != '\n' { '?' } else { c }).collect();
    let _ = writeln!(stdout(), "{plain}");
}
