//! What does the agent do beside a real broker that dies?
//!
//! Mosquitto on a loopback port of its own, with its default of saving every half hour: a kill loses session, queue and retained
//! messages that it had acknowledged, which is the case that matters.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::certificates::Pair;
use crate::clock::await_condition;
use crate::running::{self, Running};

/// As `gatestamp-receiver init` sets it. At 0 Mosquitto 2.0.11 closes the connection of whoever sends what is too long.
const QUEUE_OF_THE_PRODUCT: &str = "max_queued_messages 100000\n";

/// A Mosquitto process; dropping it kills it.
#[derive(Debug)]
pub struct Mosquitto {
    port: u16,
    secured_port: u16,
    config: PathBuf,
    process: Running,
}

impl Mosquitto {
    /// Starts a broker that keeps its files in `dir`.
    ///
    /// # Errors
    /// When it is not installed, says so by name; when it does not listen within ten seconds.
    pub fn start(dir: &Path) -> io::Result<Self> {
        Self::configured(dir, |_| String::new())
    }

    /// Starts one that trucks reach over TLS, on [`Mosquitto::secured_port`], with a certificate of the CA in the file `ca`; what each
    /// of them may do stands in the file `acl`, by the common name of its certificate. Dispatch stays on the open port.
    ///
    /// # Errors
    /// As [`Mosquitto::start`].
    pub fn start_secured(dir: &Path, ca: &Path, own: &Pair, acl: &Path) -> io::Result<Self> {
        let (ca, cert, key, acl) = (ca.display(), own.cert.display(), own.key.display(), acl.display());
        Self::configured(dir, |port| {
            format!(
                "listener {port} 127.0.0.1\ncafile {ca}\ncertfile {cert}\nkeyfile {key}\nrequire_certificate true\n\
                 use_identity_as_username true\nallow_anonymous false\nacl_file {acl}\ntls_version tlsv1.3\n"
            )
        })
    }

    /// Starts one that takes no packet longer than this, and says so.
    ///
    /// # Errors
    /// As [`Mosquitto::start`].
    pub fn start_narrow(dir: &Path, packet_bytes: u16) -> io::Result<Self> {
        Self::configured(dir, |_| format!("max_packet_size {packet_bytes}\n"))
    }

    /// Starts one that takes no message with contents longer than this, and says so nowhere: it answers with a reason that MQTT knows for
    /// other answers.
    ///
    /// # Errors
    /// As [`Mosquitto::start`].
    pub fn start_secretly_narrow(dir: &Path, contents_bytes: u16) -> io::Result<Self> {
        Self::configured(dir, |_| format!("message_size_limit {contents_bytes}\n{QUEUE_OF_THE_PRODUCT}"))
    }

    /// Starts one that wants a word of each client so often, and says so.
    ///
    /// # Errors
    /// As [`Mosquitto::start`].
    pub fn start_impatient(dir: &Path, keep_alive_s: u16) -> io::Result<Self> {
        Self::configured(dir, |_| format!("max_keepalive {keep_alive_s}\n"))
    }

    /// Kills it; what starts again takes packets of any length.
    ///
    /// # Errors
    /// As [`Mosquitto::start`].
    pub fn widen(&mut self) -> io::Result<()> {
        self.kill();
        let text = std::fs::read_to_string(&self.config)?;
        let is_limit = |line: &&str| line.starts_with("max_packet_size") || line.starts_with("message_size_limit");
        let kept: String = text.lines().filter(|line| !is_limit(line)).flat_map(|line| [line, "\n"]).collect();
        std::fs::write(&self.config, kept)?;
        self.restart()
    }

    fn configured(dir: &Path, secured: impl FnOnce(u16) -> String) -> io::Result<Self> {
        let free = || io::Result::Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port());
        let (port, secured_port) = (free()?, free()?);
        let config = dir.join("mosquitto.conf");
        let place = dir.display();
        let secured = secured(secured_port);
        let queue = if secured.contains(QUEUE_OF_THE_PRODUCT) { "" } else { "max_queued_messages 0\n" };
        // `user root`: a broker started by root would become `mosquitto`, who may not write here. Others ignore the line.
        let text = format!(
            "per_listener_settings true\nlistener {port} 127.0.0.1\nallow_anonymous true\n{secured}user root\n\
             persistence true\npersistence_location {place}/\n{queue}log_dest file {place}/mosquitto.log\n"
        );
        std::fs::write(&config, text)?;
        let mut broker = Self { port, secured_port, config, process: Running::default() };
        broker.restart()?;
        Ok(broker)
    }

    /// Where it listens, before and after a restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where trucks reach it over TLS, if it was started so.
    #[must_use]
    pub fn secured_port(&self) -> u16 {
        self.secured_port
    }

    /// Kills it without warning and waits until it is gone.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same port and waits until it listens.
    ///
    /// # Errors
    /// As [`Mosquitto::start`].
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        self.process = running::start("mosquitto", |command| {
            command.arg("-c").arg(&self.config);
        })?;
        let port = self.port;
        let listens = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        if await_condition(Duration::from_secs(10), listens) {
            return Ok(());
        }
        self.kill();
        Err(io::Error::other(format!("mosquitto does not listen on port {port}")))
    }
}
