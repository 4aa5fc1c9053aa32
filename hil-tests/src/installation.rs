//! What lies on the gateway of one truck?
//!
//! A directory with the configuration, the facilities, the receiver's device name and the agent's state, all named relatively, so
//! that it can be moved, kept and replayed.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::certificates::Pair;
use crate::dispatch;
use crate::gateway::Gateway;
use crate::pty::Port;
use crate::world::{Shift, facility};

/// The fleet of every truck of the rig.
pub const FLEET: &str = "demo";
/// The truck.
pub const TRUCK: &str = "truck-7";

/// A disk commits perhaps a hundred times a second.
const ACK_EVERY_MIN: Duration = Duration::from_millis(20);

/// One truck's files and the agent's binary.
#[derive(Debug, Clone)]
pub struct Installation {
    binary: PathBuf,
    dir: PathBuf,
    scale: u32,
}

impl Installation {
    /// Writes configuration and facilities into `dir`, which exists.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(binary: PathBuf, dir: &Path, shift: &Shift, broker_port: u16, scale: u32) -> io::Result<Self> {
        facility::write_geojson(&shift.facilities, &shift.origin, &dir.join("facilities.geojson"))?;
        std::fs::write(dir.join("gatestamp.toml"), configuration(broker_port))?;
        Ok(Self { binary, dir: dir.to_owned(), scale })
    }

    /// Installs the claim bundle of this truck that `gatestamp-receiver add-truck` made in the folder `bundle`: its files as they are, and in
    /// its configuration what a rig has in the place of a truck.
    ///
    /// # Errors
    /// When a file cannot be read or written, or the bundle's configuration is not the shipped one.
    pub fn claim(binary: PathBuf, dir: &Path, shift: &Shift, bundle: &Path, scale: u32) -> io::Result<Self> {
        facility::write_geojson(&shift.facilities, &shift.origin, &dir.join("facilities.geojson"))?;
        for entry in std::fs::read_dir(bundle)? {
            let entry = entry?;
            // With its mode: the agent refuses a key that others can read.
            std::fs::copy(entry.path(), dir.join(entry.file_name()))?;
        }
        let installation = Self { binary, dir: dir.to_owned(), scale };
        for (shipped, of_the_rig) in [
            ("simulation = false", "simulation = true"),
            ("device = \"/dev/gnss\"", "device = \"gnss\""),
            ("baud = \"auto\"", "baud = 115200"),
            ("configure = true", "configure = false"),
            ("#date_floor = \"build\"", "date_floor = \"none\""),
            ("dir = \"/var/lib/gatestamp\"", "dir = \"state\""),
        ] {
            installation.configure(&format!("\n{shipped}\n"), &format!("\n{of_the_rig}\n"))?;
        }
        Ok(installation)
    }

    /// Writes the configuration again with `to` in the place of `from`.
    ///
    /// # Errors
    /// When it has no `from`, or cannot be written.
    pub fn configure(&self, from: &str, to: &str) -> io::Result<()> {
        let text = std::fs::read_to_string(self.config())?;
        if !text.contains(from) {
            return Err(io::Error::other(format!("the rig's configuration has no {from:?}")));
        }
        std::fs::write(self.config(), text.replacen(from, to, 1))
    }

    /// Puts another release's binary in the place of this one's.
    ///
    /// # Errors
    /// When there is none.
    pub fn install(&mut self, binary: &Path) -> io::Result<()> {
        self.binary = std::fs::canonicalize(binary)?;
        Ok(())
    }

    /// The binary that is installed.
    #[must_use]
    pub fn installed(&self) -> &Path {
        &self.binary
    }

    /// Makes the truck connect over TLS to another port, by a certificate of its own.
    ///
    /// # Errors
    /// As [`Installation::configure`].
    pub fn secure(&self, port: u16, ca: &Path, own: &Pair) -> io::Result<()> {
        let text = std::fs::read_to_string(self.config())?;
        let line = text.lines().find(|line| line.starts_with("url = ")).unwrap_or_default().to_owned();
        let (ca, cert, key) = (ca.display(), own.cert.display(), own.key.display());
        let by = format!("url = \"mqtts://localhost:{port}\"\nca = \"{ca}\"\ncert = \"{cert}\"\nkey = \"{key}\"");
        self.configure(&line, &by)
    }

    /// What the agent says of itself; none before it has said something.
    #[must_use]
    pub fn health(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&std::fs::read(self.state().join("health.json")).ok()?).ok()
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.dir.join("gatestamp.toml")
    }

    /// The agent's state.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// What the agent wrote to stderr, over all its lives.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.dir.join("gatestamp.log")
    }

    /// The receiver's port, with no cable in it yet.
    #[must_use]
    pub fn port(&self) -> Port {
        Port::unplugged(&self.dir.join("gnss"))
    }

    /// Dispatch for this truck, with its database beside the truck's files.
    #[must_use]
    pub fn dispatch(&self, broker_port: u16) -> dispatch::Options {
        let database = self.dir.join("dispatch.db");
        // Once a second of the truck's time, as a dispatcher would, but not so often that the broker has nothing else to do.
        let ack_every = (Duration::from_secs(1) / self.scale).max(ACK_EVERY_MIN);
        dispatch::Options { broker_port, fleet: FLEET.to_owned(), truck: TRUCK.to_owned(), database, ack_every }
    }

    /// Starts the agent.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn start(&self) -> io::Result<Gateway> {
        Gateway::start(&self.binary, &self.config(), self.scale, &self.log())
    }

    /// Runs another command of the agent to its end, such as `check`.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn ask(&self, command: &str, arguments: &[&Path]) -> io::Result<Output> {
        let mut process = Command::new(&self.binary);
        process.arg(command).arg("--config").arg(self.config()).args(arguments).stdin(Stdio::null());
        process.output()
    }

    /// The events that a replay of the recording gives, one a line.
    ///
    /// # Errors
    /// With the agent's own words when the replay fails.
    pub fn replay(&self) -> io::Result<Vec<u8>> {
        let output = self.ask("replay", &[&self.state().join("recording")])?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(io::Error::other(format!("replay ended with {}: {said}", output.status)))
    }
}

fn configuration(broker_port: u16) -> String {
    format!(
        r#"# One truck of the rig. Paths are relative to this file.
simulation = true                # allows --time-scale

[truck]
fleet = "{FLEET}"
id = "{TRUCK}"

[gnss]
source = "serial"
device = "gnss"                  # a symlink to the pseudo-terminal, as udev names a receiver
baud = 115200
date_floor = "none"              # the simulated receiver's dates are right

[facilities]
path = "facilities.geojson"

[state]
dir = "state"
journal_quota_mb = 64
recording_quota_mb = 64

[mqtt]
url = "mqtt://127.0.0.1:{broker_port}"
keep_alive_s = 60
profile = "normal"

[dispatch]
ack = true
"#
    )
}
