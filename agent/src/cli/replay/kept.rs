//! Where `replay --state` keeps its events: a directory of its own, never a gateway's.

use super::super::{Failure, exit};
use crate::engine::State;
use crate::io::journal::{Journal, JournalError, Position};
use crate::io::lock;
use crate::io::run::RunError;
use std::fs::File;
use std::path::Path;

/// No quota: what is replayed is a finite recording.
const QUOTA: u64 = 1 << 32;
/// Where a replay stands in the recording that its journal belongs to: in none. A daemon's journal never has it, its segments count
/// from 1.
pub(super) const NOWHERE: Position = Position { segment: 0, records: 0 };

/// The journal of a replay, which nobody else writes to meanwhile.
pub(super) struct Kept {
    pub(super) journal: Journal,
    _lock: File,
}

/// Opens or begins the journal in `dir`, and the state that it goes on from.
pub(super) fn open(dir: &Path) -> Result<(Kept, State), Failure> {
    // Before the lock, which would leave a file in a directory that is none of ours.
    if is_gateways(dir).map_err(|error| unusable(dir, &error))? {
        return Err(Failure(exit::USAGE, format!("{}: {}", dir.display(), not_here(dir))));
    }
    let lock = lock::take(dir).map_err(|error| {
        if let RunError::InUse(_) = error {
            let remedy = "wait until it has ended, or name another, empty directory";
            let why = format!("{}: another gatestamp writes there\n    remedy: {remedy}", dir.display());
            return Failure(exit::UNAVAILABLE, why);
        }
        Failure(exit::IO, error.to_string())
    })?;
    let journal = Journal::open(&dir.join("journal.db"), QUOTA).map_err(|error| unusable(dir, &error))?;
    let state = match journal.state().map_err(|error| unusable(dir, &error))? {
        None => State::default(),
        Some((stored, _)) => serde_json::from_slice(&stored).map_err(|error| unusable(dir, &error))?,
    };
    Ok((Kept { journal, _lock: lock }, state))
}

fn unusable(dir: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure(exit::IO, format!("{}: {error}\n    remedy: name another, empty directory", dir.display()))
}

/// Whether a daemon keeps its history there, or a copy of one: what is replayed would be written behind its events, with its numbers.
fn is_gateways(dir: &Path) -> Result<bool, JournalError> {
    if dir.join("recording").exists() {
        return Ok(true);
    }
    let journal = dir.join("journal.db");
    if !journal.exists() {
        return Ok(false);
    }
    // Read only: not even the layout of a gateway's journal is touched.
    let journal = Journal::open_for_reading(&journal)?;
    Ok(match journal.state()? {
        Some((_, position)) => position != NOWHERE,
        None => journal.highest()? > 0,
    })
}

/// A directory that is a gateway's, and what was probably meant.
fn not_here(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "is the state of a gateway, and a replay would write its events into the gateway's history\n    remedy: name another, empty \
         directory with --state, or leave it out. The gateway's events come again from `gatestamp replay --config F {dir}/recording`; \
         its journal is read with `sqlite3 -readonly {dir}/journal.db \"SELECT CAST(body AS TEXT) FROM event\"`"
    )
}
