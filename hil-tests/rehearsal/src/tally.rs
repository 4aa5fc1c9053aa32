//! How much has happened so far?

use std::sync::atomic::{AtomicU64, Ordering};

/// What can be done to a fleet and its dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blow {
    /// A truck of this process, dropped.
    InProcess,
    /// A truck that is a process of its own.
    Process,
    /// Mosquitto.
    Broker,
    /// One of the receivers.
    Receiver,
    /// The database server.
    Database,
    /// A link refuses and drops.
    Cut,
    /// A link forwards nothing for a while.
    Stall,
    /// A link's connection is gone and the truck does not know it.
    HalfOpen,
    /// A system clock jumps.
    ClockJump,
}

impl Blow {
    /// All of them, the kills first.
    pub const ALL: [Self; 9] = [
        Self::InProcess,
        Self::Process,
        Self::Broker,
        Self::Receiver,
        Self::Database,
        Self::Cut,
        Self::Stall,
        Self::HalfOpen,
        Self::ClockJump,
    ];
    /// So many of them are kills.
    pub const KILLS: usize = 5;
    /// So many after those are faults of links.
    pub const LINKS: usize = 3;

    /// The word in the last line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::InProcess => "in_process",
            Self::Process => "process",
            Self::Broker => "broker",
            Self::Receiver => "receiver",
            Self::Database => "database",
            Self::Cut => "cut",
            Self::Stall => "stall",
            Self::HalfOpen => "half_open",
            Self::ClockJump => "clock_jump",
        }
    }
}

/// Counters that every thread adds to.
#[derive(Debug, Default)]
pub struct Tally {
    blows: [AtomicU64; Blow::ALL.len()],
    behind_ms: AtomicU64,
}

impl Tally {
    /// One more.
    pub fn count(&self, blow: Blow) {
        for (counted, counter) in Blow::ALL.iter().zip(&self.blows) {
            if *counted == blow {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// How many there were of each.
    pub fn blows(&self) -> impl Iterator<Item = (Blow, u64)> {
        Blow::ALL.iter().zip(&self.blows).map(|(blow, counter)| (*blow, counter.load(Ordering::Relaxed)))
    }

    /// All that were killed.
    #[must_use]
    pub fn kills(&self) -> u64 {
        self.blows().take(Blow::KILLS).map(|(_, count)| count).sum()
    }

    /// A receiver's word came so much after its time, milliseconds of the truck's.
    pub fn behind(&self, late_ms: u64) {
        self.behind_ms.fetch_max(late_ms, Ordering::Relaxed);
    }

    /// The most by which one came late.
    #[must_use]
    pub fn most_behind_ms(&self) -> u64 {
        self.behind_ms.load(Ordering::Relaxed)
    }
}
