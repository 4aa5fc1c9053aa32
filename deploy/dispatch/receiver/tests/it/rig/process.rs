//! The real receiver as a process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use gatestamp_receiver::store::Place;

/// The binary of this build.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_gatestamp-receiver");

/// Writes a configuration.
pub(crate) fn configure(dir: &Path, name: &str, broker_port: u16, place: &Place, more: &str) -> PathBuf {
    let store = match place {
        Place::Sqlite(file) => format!("kind = \"sqlite\"\npath = \"{}\"", file.display()),
        Place::Postgres { url, .. } => format!("kind = \"postgres\"\nurl = \"{url}\""),
    };
    let file = dir.join(format!("{name}.toml"));
    let broker = format!("[broker]\nurl = \"mqtt://127.0.0.1:{broker_port}\"\nclient_id = \"{name}\"");
    fs::write(&file, format!("{broker}\n{more}\n[store]\n{store}\n[ack]\nevery_ms = 50\n")).expect("written");
    file
}

/// A running receiver; dropping it is kill -9.
pub(crate) struct Receiver {
    config: PathBuf,
    process: Option<Child>,
}

impl Receiver {
    pub(crate) fn start(config: &Path) -> Self {
        let mut receiver = Self { config: config.to_owned(), process: None };
        receiver.restart();
        receiver
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Both fail only if it is dead already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    pub(crate) fn restart(&mut self) {
        self.kill();
        let log = fs::OpenOptions::new().create(true).append(true).open(self.config.with_extension("log"));
        let mut command = Command::new(PROGRAM);
        command.arg("run").arg("--config").arg(&self.config).stdin(Stdio::null()).stdout(Stdio::null());
        self.process = Some(command.stderr(log.expect("a log")).spawn().expect("the receiver starts"));
    }

    /// What it said so far, for a message that somebody reads.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.config.with_extension("log")).unwrap_or_default()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.kill();
    }
}
