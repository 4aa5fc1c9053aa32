//! How is the real binary found, started, asked, stopped and killed?

use std::env;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::clock::await_condition;
use crate::running::Running;

/// How long an agent may take to end after SIGTERM: systemd would wait longer, a driver turning the key would not.
const TERM_PATIENCE: Duration = Duration::from_secs(15);

/// The agent's binary: `GATESTAMP_BIN` if set, else built by Cargo in the profile of the running rig and taken from beside it.
///
/// # Errors
/// When the variable names no file, or the build fails.
pub fn binary() -> io::Result<PathBuf> {
    program("gatestamp", "GATESTAMP_BIN")
}

/// A binary of the workspace, of the package with the same name: the one that `variable` names, else as [`binary`].
///
/// # Errors
/// As [`binary`].
pub fn program(name: &str, variable: &str) -> io::Result<PathBuf> {
    if let Some(named) = env::var_os(variable) {
        return std::fs::canonicalize(&named)
            .map_err(|fault| io::Error::new(fault.kind(), format!("{variable}={}: {fault}", named.display())));
    }
    let rig = env::current_exe()?;
    let beside = rig.parent().ok_or(io::ErrorKind::NotFound)?;
    // A test binary lies in `deps`, one below the folder of its profile.
    let folder = if beside.ends_with("deps") { beside.parent().ok_or(io::ErrorKind::NotFound)? } else { beside };
    build(name, folder)?;
    Ok(folder.join(name))
}

fn build(name: &str, folder: &Path) -> io::Result<()> {
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let target = folder.parent().ok_or(io::ErrorKind::NotFound)?;
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--quiet", "--package", name, "--bin", name, "--profile", profile])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"), "--target-dir"])
        .arg(target)
        .stdin(Stdio::null());
    // What `cargo run` tells the rig about itself; build scripts that look at it would build everything anew.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            cargo.env_remove(name);
        }
    }
    let status = cargo.status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("the binary {name} does not build"))) }
}

/// A running agent; dropping it kills it.
#[derive(Debug)]
pub struct Gateway {
    process: Running,
}

impl Gateway {
    /// Starts `gatestamp run`; its log is appended to `log`.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn start(binary: &Path, config: &Path, scale: u32, log: &Path) -> io::Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let process = Command::new(binary)
            .arg("run")
            .arg("--config")
            .arg(config)
            .args(["--time-scale", &scale.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        Ok(Self { process: process.into() })
    }

    /// How it ended, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.ended()
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    /// SIGKILL: as much warning as a pulled plug, for the process.
    pub fn kill(mut self) {
        self.process.kill();
    }

    /// SIGTERM, and how it ended.
    ///
    /// # Errors
    /// When it does not end in fifteen seconds.
    pub fn terminate(mut self) -> io::Result<ExitStatus> {
        let pid = self.pid().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        kill_process(pid.ok_or(io::ErrorKind::NotFound)?, Signal::TERM)?;
        let mut status = None;
        await_condition(TERM_PATIENCE, || {
            status = self.ended();
            status.is_some()
        });
        status.ok_or_else(|| io::Error::new(io::ErrorKind::TimedOut, "the agent ignores SIGTERM"))
    }
}
