//! What does a dispatcher's side have to do so that nothing is lost and nothing counts twice?
//!
//! It commits each event to its own database first and acknowledges afterwards: to the broker, and cumulatively to the truck, as a
//! retained message. It does so again at every start and at every connection. It removes copies by `id`, and keeps another body
//! under a known id apart, because that is a fault and not a copy.

pub mod operator;
mod session;
mod store;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::background::Background;
pub use store::{Store, ack_text, committed};

/// What dispatch connects to and where it keeps what it has.
#[derive(Debug, Clone)]
pub struct Options {
    /// The broker's loopback port.
    pub broker_port: u16,
    /// The fleet of the truck.
    pub fleet: String,
    /// The truck it listens to.
    pub truck: String,
    /// Its own database.
    pub database: PathBuf,
    /// The least time between two acknowledgements; the truck needs the newest only.
    pub ack_every: Duration,
}

impl Options {
    /// The id under which the truck writes its events.
    #[must_use]
    pub fn device(&self) -> String {
        format!("{}-{}", self.fleet, self.truck)
    }

    fn topic(&self, leaf: &str) -> String {
        format!("gatestamp/v1/{}/{}/{leaf}", self.fleet, self.truck)
    }
}

/// An event that was committed for the first time.
#[derive(Debug, Clone)]
pub struct Received {
    /// When its commit was done.
    pub at: Instant,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// What the owner of dispatch sees of it.
#[derive(Debug, Default)]
struct Board {
    received: Vec<Received>,
    copies: u64,
    conflicting: u64,
    thru: u64,
    /// The newest `state`, `health` and `position`.
    latest: BTreeMap<String, Vec<u8>>,
    faults: Vec<String>,
}

/// A running dispatch; dropping it is a crash between any two of its steps.
#[derive(Debug)]
pub struct Dispatch {
    board: Arc<Mutex<Board>>,
    _listening: Background,
}

impl Dispatch {
    /// Opens the database and starts to listen, for ever and across broken connections.
    ///
    /// # Errors
    /// When the database or the thread cannot be made.
    pub fn start(options: Options) -> io::Result<Self> {
        let board = Arc::new(Mutex::new(Board::default()));
        let shared = Arc::clone(&board);
        let store = Store::open(&options.database, &options.device()).map_err(io::Error::other)?;
        let listening = Background::spawn("dispatch", move || session::listen(options, store, shared))?;
        Ok(Self { board, _listening: listening })
    }

    /// The events committed since this dispatch started, from the `from`-th on, in order of receipt.
    #[must_use]
    pub fn received_from(&self, from: usize) -> Vec<Received> {
        self.board().received.get(from..).unwrap_or_default().to_vec()
    }

    /// The highest sequence up to which everything is committed.
    #[must_use]
    pub fn thru(&self) -> u64 {
        self.board().thru
    }

    /// Copies that were received and dropped: the price of at-least-once.
    #[must_use]
    pub fn copies(&self) -> u64 {
        self.board().copies
    }

    /// Known ids that came with another body: always a fault.
    #[must_use]
    pub fn conflicting(&self) -> u64 {
        self.board().conflicting
    }

    /// The newest message of `state`, `health` or `position`.
    #[must_use]
    pub fn latest(&self, leaf: &str) -> Option<Vec<u8>> {
        self.board().latest.get(leaf).cloned()
    }

    /// What went wrong on dispatch's own side; must be empty.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.board().faults.clone()
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        lock(&self.board)
    }
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    // Counters and copies: a panic elsewhere leaves them readable.
    board.lock().unwrap_or_else(PoisonError::into_inner)
}
