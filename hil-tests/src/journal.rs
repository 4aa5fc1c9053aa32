//! What does the agent's own database say?
//!
//! Read from outside, read-only, while the agent does not run: the tests compare it with dispatch and with a replay.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// The contents of `journal.db` that the contract names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// What `PRAGMA integrity_check` answers: `ok`.
    pub integrity: String,
    /// The events in order of sequence.
    pub events: Vec<(u64, Vec<u8>)>,
}

/// Reads the journal under `state`.
///
/// # Errors
/// When `SQLite` cannot read it or it lacks the table of events.
pub fn read(state: &Path) -> rusqlite::Result<Journal> {
    // Not SQLITE_OPEN_READ_ONLY: after a kill there is a write-ahead log to roll in.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(state.join("journal.db"), flags)?;
    let integrity = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    let mut query = database.prepare("SELECT sequence, CAST(body AS BLOB) FROM event ORDER BY sequence")?;
    let rows = query.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?;
    let mut events = Vec::new();
    for row in rows {
        let (sequence, body) = row?;
        events.push((u64::try_from(sequence).unwrap_or(0), body));
    }
    Ok(Journal { integrity, events })
}

/// Takes an event out of the journal of an agent that does not run, as damage would. How many it was.
///
/// # Errors
/// As `SQLite` has them.
pub fn forget(state: &Path, sequence: u64) -> rusqlite::Result<usize> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(state.join("journal.db"), flags)?;
    database.execute("DELETE FROM event WHERE sequence = ?1", [sequence.cast_signed()])
}

/// The highest sequence in the journal of an agent that may be running; 0 when there is none yet.
#[must_use]
pub fn highest(state: &Path) -> u64 {
    let count = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Connection::open_with_flags(state.join("journal.db"), flags)?;
        database.query_row("SELECT coalesce(max(sequence), 0) FROM event", [], |row| row.get::<_, i64>(0))
    };
    count().ok().and_then(|sequence| u64::try_from(sequence).ok()).unwrap_or(0)
}
