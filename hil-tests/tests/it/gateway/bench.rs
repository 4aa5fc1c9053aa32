//! What do the tests of one receiver need below them? A gateway on a bench, and a receiver that talks when it is told to.

use std::path::PathBuf;
use std::time::Duration;

use hil_tests::clock::await_condition;
use hil_tests::gateway::{self, Gateway};
use hil_tests::installation::Installation;
use hil_tests::pty::Port;
use hil_tests::receiver::{self, Epoch, Setup};
use hil_tests::world::Shift;
use serde_json::Value;
use tempfile::TempDir;

use super::rig::PATIENCE;

/// Simulated seconds in a real one.
pub(crate) const SCALE: u32 = 20;

/// A gateway with a receiver that talks when the test lets it. Nobody drives and there is no broker.
pub(crate) struct Bench {
    pub(crate) port: Port,
    pub(crate) agent: Option<Gateway>,
    pub(crate) installation: Installation,
    pub(crate) epochs: std::vec::IntoIter<Epoch>,
    dir: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(Setup::default())
    }

    /// The same with a receiver whose sentences do not say how good a position is.
    pub(crate) fn without_gst() -> Self {
        Self::with(Setup { gst: false, ..Setup::default() })
    }

    fn with(setup: Setup) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let shift = Shift::errands(61, 1);
        let binary = gateway::binary().expect("the agent's binary");
        let installation = Installation::write(binary, dir.path(), &shift, 1, SCALE).expect("files can be written");
        installation.configure("baud = 115200", "baud = \"auto\"").expect("a speed");
        let setup = Setup { cold_start_s: 0.0, ..setup };
        let epochs = receiver::listen(&shift, 1_795_000_000_000, setup).into_iter();
        let mut port = installation.port();
        port.plug().expect("a terminal");
        Self { port, agent: None, installation, epochs, dir }
    }

    pub(crate) fn start(&mut self) {
        self.agent = Some(self.installation.start().expect("the agent starts"));
    }

    pub(crate) fn health(&self, pointer: &str) -> Value {
        let health = self.installation.health().unwrap_or_default();
        health.pointer(pointer).cloned().unwrap_or_default()
    }

    pub(crate) fn state(&self) -> String {
        self.health("/receiver/state").as_str().unwrap_or_default().to_owned()
    }

    /// One second of the receiver.
    pub(crate) fn talk(&mut self) {
        let epoch = self.epochs.next().expect("the shift is long enough");
        self.port.send(&epoch.bytes);
        std::thread::sleep(Duration::from_secs(1) / SCALE);
    }

    /// The receiver talks until `done`.
    pub(crate) fn talk_until(&mut self, done: impl Fn(&Self) -> bool) {
        let mut passed = Duration::ZERO;
        while !done(self) {
            assert!(passed < PATIENCE, "in vain, the receiver's state is {}: {}", self.state(), self.log());
            self.talk();
            passed += Duration::from_secs(1) / SCALE;
        }
    }

    /// The receiver is silent until `done`.
    pub(crate) fn wait_until(&self, done: impl Fn(&Self) -> bool) {
        assert!(await_condition(PATIENCE, || done(self)), "the receiver's state is {}: {}", self.state(), self.log());
    }

    pub(crate) fn opened(&self) -> bool {
        self.state() != "" && self.state() != "starting"
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.installation.log()).unwrap_or_default()
    }

    /// A file beside the configuration.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}
