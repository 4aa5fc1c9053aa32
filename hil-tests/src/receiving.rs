//! How is dispatch's real receiver started, killed and started again?

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// A running `gatestamp-receiver`; dropping it is kill -9.
#[derive(Debug)]
pub struct Receiver {
    program: PathBuf,
    config: PathBuf,
    process: Option<Child>,
}

impl Receiver {
    /// Starts it with a configuration; its log is appended to a file beside that.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn start(program: &Path, config: &Path) -> io::Result<Self> {
        let mut receiver = Self { program: program.to_owned(), config: config.to_owned(), process: None };
        receiver.restart()?;
        Ok(receiver)
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Both fail only if it is dead already.
            let _ = process.kill();
            let _ = process.wait();
        }
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
        self.process = Some(command.stderr(log).spawn()?);
        Ok(())
    }

    /// How it ended, if it ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.as_mut()?.try_wait().ok().flatten()
    }

    /// What it said so far, for a message that somebody reads.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.config.with_extension("log")).unwrap_or_default()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.kill();
    }
}
