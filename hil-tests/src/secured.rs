//! What stands between trucks and the receiver of a dispatcher who followed the instructions?
//!
//! A real Mosquitto with the configuration, the certificates and the ACL that `gatestamp-receiver init` made.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::clock::await_condition;
use crate::running::{self, Running};

const PATIENCE: Duration = Duration::from_secs(10);

/// A port that is free now.
///
/// # Errors
/// When there is none.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The broker of an installation; dropping it kills it.
#[derive(Debug)]
pub struct Secured {
    folder: PathBuf,
    port: u16,
    process: Running,
}

impl Secured {
    /// Starts the broker of the installation in this folder, which was made for this port.
    ///
    /// # Errors
    /// When it is not installed, says so by name; when it does not listen within ten seconds, with its log.
    pub fn start(installation: &Path, port: u16) -> io::Result<Self> {
        let folder = installation.join("broker");
        let made = fs::read_to_string(folder.join("mosquitto.conf"))?;
        // A broker started by root would become `mosquitto`, to whom these files do not belong. Others ignore the line.
        fs::write(folder.join("as-root.conf"), made + "\nuser root\n")?;
        let mut broker = Self { folder, port, process: Running::default() };
        broker.restart()?;
        Ok(broker)
    }

    /// Kills it without warning: it loses what it has not saved, the sessions first.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again, killed or not, and waits until it listens.
    ///
    /// # Errors
    /// As [`Secured::start`].
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        let (config, log) = (self.folder.join("as-root.conf"), self.folder.join("log"));
        let file = File::options().create(true).append(true).open(&log)?;
        self.process = running::start("mosquitto", |command| {
            command.arg("-c").arg(&config);
            // Without the copy it says nothing, and is tested all the same.
            if let Ok(file) = file.try_clone() {
                command.stderr(file);
            }
        })?;
        let port = self.port;
        if await_condition(PATIENCE, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()) {
            return Ok(());
        }
        Err(io::Error::other(format!("mosquitto does not listen: {}", fs::read_to_string(&log).unwrap_or_default())))
    }

    /// What `systemctl reload mosquitto` does.
    ///
    /// # Errors
    /// When it does not run.
    pub fn reload(&self) -> io::Result<()> {
        let pid = self.process.pid().ok_or(io::ErrorKind::NotFound)?.to_string();
        let done = Command::new("kill").args(["-HUP", &pid]).status()?;
        if done.success() { Ok(()) } else { Err(io::Error::other("the broker takes no signal")) }
    }
}
