//! Dispatch's side: a broker, receivers, and the database that they share.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gatestamp_receiver::store::Place;
use hil_tests::gateway::program;
use hil_tests::mosquitto::Mosquitto;
use hil_tests::postgresql::Server;
use hil_tests::receiving::Receiver;

use crate::options::Kind;
use crate::plan::WorldFault;
use crate::tally::{Blow, Tally};

/// Once a second of the trucks' time, as in a real fleet, but not so often that the database does nothing else.
const ACK_EVERY_MIN_MS: u32 = 20;

/// What stands at dispatch. Dropped in this order.
#[derive(Debug)]
pub struct World {
    /// What ended by itself.
    fallen: Vec<String>,
    receivers: Vec<Receiver>,
    broker: Mosquitto,
    database: Place,
    /// Of the database, where it has one.
    server: Option<Server>,
}

impl World {
    /// Starts all of it, with its files in `dir`.
    ///
    /// # Errors
    /// When one of them is not installed, or does not start.
    pub fn start(dir: &Path, kind: Kind, speed: u32) -> io::Result<Self> {
        let binary = program("gatestamp-receiver", "GATESTAMP_RECEIVER_BIN")?;
        let (database, server) = match kind {
            Kind::Sqlite => (Place::Sqlite(dir.join("dispatch.db")), None),
            Kind::Postgres => {
                let server = Server::start(&dir.join("db"))?;
                (Place::Postgres { url: server.url(), ca: None }, Some(server))
            }
        };
        let broker_dir = dir.join("broker");
        fs::create_dir_all(&broker_dir)?;
        let broker = Mosquitto::start(&broker_dir)?;
        let start = |number: usize| {
            let config = configure(dir, &format!("receiver-{number}"), broker.port(), &database, speed)?;
            Receiver::start(&binary, &config)
        };
        let receivers = (1..=kind.receivers()).map(start).collect::<io::Result<_>>()?;
        Ok(Self { fallen: Vec::new(), receivers, broker, database, server })
    }

    /// Where the broker listens.
    #[must_use]
    pub fn broker_port(&self) -> u16 {
        self.broker.port()
    }

    /// Where the database is.
    #[must_use]
    pub fn database(&self) -> Place {
        self.database.clone()
    }

    /// Kills one part and brings it back.
    ///
    /// # Errors
    /// When it does not come back.
    pub fn suffer(&mut self, fault: WorldFault, tally: &Tally) -> io::Result<()> {
        let dead = |real_s: f64| std::thread::sleep(Duration::from_secs_f64(real_s));
        match fault {
            WorldFault::Broker(dead_s) => {
                self.broker.kill();
                tally.count(Blow::Broker);
                dead(dead_s);
                self.broker.restart()
            }
            WorldFault::Receiver(number, dead_s) => {
                // Killing one that is dead already would hide that it was.
                self.fallen();
                let Some(receiver) = self.receivers.get_mut(number) else { return Ok(()) };
                receiver.kill();
                tally.count(Blow::Receiver);
                dead(dead_s);
                receiver.restart()
            }
            WorldFault::Database(dead_s) => {
                let Some(server) = &mut self.server else { return Ok(()) };
                server.kill();
                tally.count(Blow::Database);
                dead(dead_s);
                server.restart()
            }
        }
    }

    /// Receivers that ended by themselves so far, with their last words.
    pub fn fallen(&mut self) -> Vec<String> {
        for (number, receiver) in (1..).zip(&mut self.receivers) {
            if let Some(status) = receiver.ended() {
                let log = receiver.log();
                let last = log.lines().last().unwrap_or_default();
                self.fallen.push(format!("receiver {number} ended with {status}, and said last: {last}"));
                receiver.kill();
            }
        }
        self.fallen.clone()
    }
}

fn configure(dir: &Path, name: &str, broker_port: u16, database: &Place, speed: u32) -> io::Result<PathBuf> {
    let file = dir.join(format!("{name}.toml"));
    let every_ms = (1_000 / speed.max(1)).max(ACK_EVERY_MIN_MS);
    let (group, store) = match database {
        Place::Postgres { url, .. } => {
            ("group = \"0123456789abcdef\"\n", format!("kind = \"postgres\"\nurl = \"{url}\""))
        }
        Place::Sqlite(file) => ("", format!("kind = \"sqlite\"\npath = \"{}\"", file.display())),
    };
    let text = format!(
        "[broker]\nurl = \"mqtt://127.0.0.1:{broker_port}\"\nclient_id = \"{name}\"\n{group}[store]\n{store}\n\
         [ack]\nevery_ms = {every_ms}\n"
    );
    fs::write(&file, text)?;
    Ok(file)
}
