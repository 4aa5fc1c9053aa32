//! `gatestamp-receiver run`: the service.

use std::io::stderr;
use std::path::{Path, PathBuf};

use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use super::{Failure, configuration, exit, exposed};
use crate::command::Signer;
use crate::config::Config;
use crate::session::{self, Options};
use crate::webhook;

pub(super) fn run(path: &Path) -> Result<(), Failure> {
    let config = configuration(path)?;
    // systemd adds the time; a second one in each line helps nobody.
    tracing_subscriber::fmt().with_max_level(config.log).with_writer(stderr).without_time().with_target(false).init();
    if let Some(doubt) = &config.doubt {
        warn!("{doubt}. The next release refuses to start so");
    }
    exposed(&config).iter().for_each(|doubt| warn!("{doubt}"));
    let options = Options {
        broker: config.broker.clone(),
        place: config.place.clone(),
        ack_every: config.ack_every,
        hole_patience: config.hole_patience,
        signer: signer(&config)?,
    };
    if let Some(webhook) = config.webhook.clone() {
        webhook::check_secret(&webhook).map_err(|why| Failure(exit::CONFIGURATION, why))?;
        let place = config.place.clone();
        let thread = std::thread::Builder::new().name("webhook".to_owned());
        // Ends with the process: what it was about to post is posted by the next one.
        thread.spawn(move || webhook::run(&place, &webhook)).map_err(|fault| Failure(exit::IO, fault.to_string()))?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|fault| Failure(exit::IO, fault.to_string()))?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(|fault| Failure(exit::IO, fault.to_string()))?;
        let signal = tokio::select! {
            ended = session::run(&options, || info!("receiving")) => return ended.map_err(Failure::from),
            // Nothing to save: what is not committed is not acknowledged either.
            _ = terminate.recv() => "SIGTERM",
            _ = tokio::signal::ctrl_c() => "SIGINT",
        };
        info!(signal, "stopped");
        Ok(())
    })
}

/// Who signs commands, if there is a key.
pub(super) fn signer(config: &Config) -> Result<Option<Signer>, Failure> {
    let read =
        |file: &PathBuf| Signer::read(file).map_err(|why| Failure(exit::CONFIGURATION, format!("commands.key: {why}")));
    config.command_key.as_ref().map(read).transpose()
}
