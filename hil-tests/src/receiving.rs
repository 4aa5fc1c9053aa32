//! How is dispatch's real receiver started, killed and started again?

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::running::Running;

/// A running `gatestamp-receiver`; dropping it is kill -9.
#[derive(Debug)]
pub struct Receiver {
    program: PathBuf,
    config: PathBuf,
    process: Running,
}

impl Receiver {
    /// Starts it with a configuration; its log is appended to a file beside that.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn start(program: &Path, config: &Path) -> io::Result<Self> {
        let mut receiver = Self { program: program.to_owned(), config: config.to_owned(), process: Running::default() };
        receiver.restart()?;
        Ok(receiver)
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGTERM, as by systemd.
    ///
    /// # Errors
    /// When it does not run.
    pub fn terminate(&self) -> io::Result<()> {
        let pid = self.process.pid().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        Ok(kill_process(pid.ok_or(io::ErrorKind::NotFound)?, Signal::TERM)?)
    }

    /// Starts it again, killed or not.
    ///
    /// # Errors
    /// As [`Receiver::start`].
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        let log = fs::OpenOptions::new().create(true).append(true).open(self.config.with_extension("log"))?;
        let mut command = Command::new(&self.program);
        command.arg("run").arg("--config").arg(&self.config).stdin(Stdio::null()).stdout(Stdio::null());
        self.process = command.stderr(log).spawn()?.into();
        Ok(())
    }

    /// How it ended, if it ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.ended()
    }

    /// What it said so far, for a message that somebody reads.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.config.with_extension("log")).unwrap_or_default()
    }
}
