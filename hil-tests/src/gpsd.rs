//! What does the agent do behind a real gpsd?
//!
//! gpsd on a loopback port of its own, reading a terminal of the rig, read-only (`-b`): it must not set up a receiver that is
//! only simulated.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock::await_condition;
use crate::running::{self, Running};

/// A gpsd process; dropping it kills it.
#[derive(Debug)]
pub struct Gpsd {
    port: u16,
    /// Without a receiver and without this socket, by which it could be told of one, gpsd would end at once.
    control: PathBuf,
    process: Running,
}

impl Gpsd {
    /// A free port, and nobody there yet; its control socket will lie in `dir`.
    ///
    /// # Errors
    /// When the system gives no port.
    pub fn stopped(dir: &Path) -> io::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        Ok(Self { port, control: dir.join("gpsd.sock"), process: Running::default() })
    }

    /// Where it listens, whether it runs or not.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    /// Kills it without warning and waits until it is gone.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it on `device`, or with no receiver at all, and waits until it listens.
    ///
    /// # Errors
    /// When it is not installed, says so by name; when it does not listen within ten seconds.
    pub fn start(&mut self, device: Option<&Path>) -> io::Result<()> {
        self.kill();
        // Absent is what gpsd wants.
        let _ = std::fs::remove_file(&self.control);
        self.process = running::start("gpsd", |command| {
            command.args(["-N", "-n", "-b", "-S", &self.port.to_string(), "-F"]).arg(&self.control).args(device);
        })?;
        let listens = || TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok();
        if await_condition(Duration::from_secs(10), listens) {
            return Ok(());
        }
        self.kill();
        Err(io::Error::other(format!("gpsd does not listen on port {}", self.port)))
    }
}
