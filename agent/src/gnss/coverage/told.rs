//! What the ledger tells: its lines, its sums, and what is told at once.

use super::cause::{Cause, Notes, Seen};
use geofence::{Span, UnixMillis};
use std::collections::BTreeMap;

/// One line of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Begin: the end of the interval before it.
    pub from: UnixMillis,
    /// End, not before the begin.
    pub to: UnixMillis,
    /// What this time was.
    pub cause: Cause,
    /// What was received meanwhile.
    pub seen: Seen,
    /// What else speaks for the cause.
    pub notes: Notes,
    /// Of the first after coverage: the best C/N0 in the 20 seconds before its last fix, dB-Hz. A sky that was full until then and is
    /// empty at once is no tunnel's mouth under trees.
    pub cn0_before: Option<u8>,
    /// Of a run that never learned the date: where this may have been.
    pub within: Option<Bounds>,
}

/// What is certain of something whose time nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// It did not begin before; `None`: there was no date before.
    pub not_before: Option<UnixMillis>,
    /// It did not end after.
    pub not_after: UnixMillis,
}

/// A time without a fix that was measured, whatever its causes were.
#[derive(Debug, Clone, PartialEq)]
pub struct Gap {
    /// The last measured fix before.
    pub from: UnixMillis,
    /// The first measured fix after.
    pub to: UnixMillis,
    /// The cause of most of it.
    pub cause: Cause,
    /// The cause of most of the part in which the device had power; `None`: it had none.
    pub powered_cause: Option<Cause>,
    /// How long each cause took.
    pub causes: BTreeMap<Cause, Span>,
}

/// What became known at one input.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// No measured fix for 20 s: since when and presumably why.
    Lost {
        /// The last of them.
        since: UnixMillis,
        /// The cause so far.
        cause: Cause,
    },
    /// They are back.
    Restored(Gap),
}

/// The ledger in numbers, with what is still open.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// What this moment is.
    pub cause: Cause,
    /// Since when, where that has a date.
    pub since: Option<UnixMillis>,
    /// Dated time by cause.
    pub sums: BTreeMap<Cause, Span>,
    /// Time without a date: all of a start, and of starts before it that had none, until a fix dates it.
    pub undated: Span,
    /// How often the receiver's time turned out wrong and the ledger went on at another one.
    pub restarts: u32,
}
