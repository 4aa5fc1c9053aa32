//! How does dispatch remember what it has?

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;

use crate::event::Event;

/// Ranges above `thru` that one acknowledgement names; more would only be a longer message.
const HAVE_MAX: usize = 16;

/// Sequences that one event can declare lost ahead of `thru`; a larger claim is covered as far as this.
const LOST_MAX: u64 = 1_000_000;

/// What became of an event that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Committed for the first time.
    New,
    /// Known already, byte for byte.
    Copy,
    /// Known with another body; the other body is kept apart.
    Conflicting,
}

/// Dispatch's database, for one truck.
#[derive(Debug)]
pub struct Store {
    database: Connection,
    device: String,
    thru: u64,
    /// Committed sequences above `thru`.
    above: BTreeSet<u64>,
}

impl Store {
    /// Opens or makes the database. Durable like the truck's own: an acknowledgement must not outlive what it acknowledges.
    ///
    /// # Errors
    /// When `SQLite` says so.
    pub fn open(file: &Path, device: &str) -> rusqlite::Result<Self> {
        let database = Connection::open(file)?;
        database.pragma_update(None, "journal_mode", "WAL")?;
        database.pragma_update(None, "synchronous", "FULL")?;
        database.execute_batch(
            "CREATE TABLE IF NOT EXISTS event (id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
             CREATE TABLE IF NOT EXISTS conflicting (id TEXT NOT NULL, body BLOB NOT NULL) STRICT;
             CREATE TABLE IF NOT EXISTS lost (first INTEGER NOT NULL, last INTEGER NOT NULL) STRICT;",
        )?;
        let mut store = Self { database, device: device.to_owned(), thru: 0, above: BTreeSet::new() };
        let known: Vec<(i64, i64)> = {
            let ranges = "SELECT sequence, sequence FROM event UNION ALL SELECT first, last FROM lost";
            let mut query = store.database.prepare(ranges)?;
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?
        };
        for (first, last) in known {
            store.cover(u64::try_from(first).unwrap_or(0), u64::try_from(last).unwrap_or(0));
        }
        Ok(store)
    }

    /// Commits an event. When this returns, the event may be acknowledged.
    ///
    /// # Errors
    /// When `SQLite` says so; nothing may be acknowledged then.
    pub fn keep(&mut self, event: &Event, body: &[u8]) -> rusqlite::Result<Kept> {
        let known: Option<Vec<u8>> = self
            .database
            .query_row("SELECT body FROM event WHERE id = ?1", params![event.id], |row| row.get(0))
            .optional()?;
        match known {
            Some(known) if known == body => Ok(Kept::Copy),
            Some(_) => {
                self.database.execute("INSERT INTO conflicting (id, body) VALUES (?1, ?2)", params![event.id, body])?;
                Ok(Kept::Conflicting)
            }
            None => {
                self.insert(event, body)?;
                Ok(Kept::New)
            }
        }
    }

    /// One transaction: the event, and the range that it declares lost, which nobody can send any more and which counts as
    /// received from then on.
    fn insert(&mut self, event: &Event, body: &[u8]) -> rusqlite::Result<()> {
        let stored = |sequence: u64| i64::try_from(sequence).unwrap_or(i64::MAX);
        let transaction = self.database.transaction()?;
        let insert = "INSERT INTO event (id, sequence, body) VALUES (?1, ?2, ?3)";
        transaction.execute(insert, params![event.id, stored(event.sequence), body])?;
        for &(first, last) in &event.lost {
            transaction
                .execute("INSERT INTO lost (first, last) VALUES (?1, ?2)", params![stored(first), stored(last)])?;
        }
        transaction.commit()?;
        self.cover(event.sequence, event.sequence);
        for &(first, last) in &event.lost {
            self.cover(first, last);
        }
        Ok(())
    }

    /// The highest contiguous sequence; sequences begin at 1.
    #[must_use]
    pub fn thru(&self) -> u64 {
        self.thru
    }

    /// The acknowledgement to publish, dated `at`.
    #[must_use]
    pub fn ack(&self, at: &str) -> String {
        ack_text(&self.device, self.thru, &self.above, at)
    }

    fn cover(&mut self, first: u64, last: u64) {
        if first <= self.thru + 1 {
            self.thru = self.thru.max(last);
            self.above = self.above.split_off(&(self.thru + 1));
        } else {
            // A range that does not touch `thru` is bounded by what one event may declare lost.
            self.above.extend(first..=last.min(first + LOST_MAX));
        }
        while self.above.remove(&(self.thru + 1)) {
            self.thru += 1;
        }
    }
}

/// Everything committed to the database of a dispatch, running or not, in order of sequence.
///
/// # Errors
/// When `SQLite` says so.
pub fn committed(file: &Path) -> rusqlite::Result<Vec<(u64, Vec<u8>)>> {
    let database = Connection::open(file)?;
    let mut query = database.prepare("SELECT sequence, body FROM event ORDER BY sequence")?;
    let rows = query.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?;
    rows.map(|row| row.map(|(sequence, body)| (u64::try_from(sequence).unwrap_or(0), body))).collect()
}

/// `{"device":..,"thru":N,"have":[[first,last],..],"at":..}`.
#[must_use]
pub fn ack_text(device: &str, thru: u64, above: &BTreeSet<u64>, at: &str) -> String {
    let mut have: Vec<(u64, u64)> = Vec::new();
    for &sequence in above {
        if let Some((_, last)) = have.last_mut()
            && *last + 1 == sequence
        {
            *last = sequence;
        } else if have.len() < HAVE_MAX {
            have.push((sequence, sequence));
        } else {
            break;
        }
    }
    json!({"device": device, "thru": thru, "have": have, "at": at}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(sequence: u64) -> Event {
        Event {
            id: format!("demo-truck-7-{sequence}"),
            sequence,
            kind: "device.health".to_owned(),
            time_ms: 0,
            claim: None,
            lost: Vec::new(),
        }
    }

    #[test]
    fn the_acknowledgement_is_contiguous_and_survives_a_restart() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("dispatch.db");
        let mut store = Store::open(&file, "demo-truck-7").expect("opens");
        for sequence in [1, 2, 4, 5, 8] {
            assert_eq!(store.keep(&event(sequence), b"{}").expect("kept"), Kept::New);
        }
        drop(store);
        let store = Store::open(&file, "demo-truck-7").expect("opens again");
        let ack = r#"{"at":"T","device":"demo-truck-7","have":[[4,5],[8,8]],"thru":2}"#;
        let sorted: serde_json::Value = serde_json::from_str(&store.ack("T")).expect("JSON");
        assert_eq!(sorted, serde_json::from_str::<serde_json::Value>(ack).expect("JSON"));
    }

    #[test]
    fn a_range_declared_lost_counts_as_received() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut store = Store::open(&dir.path().join("dispatch.db"), "demo-truck-7").expect("opens");
        for sequence in [1, 2] {
            store.keep(&event(sequence), b"{}").expect("kept");
        }
        store.keep(&Event { lost: vec![(3, 9)], ..event(10) }, b"{}").expect("kept");
        assert_eq!(store.thru(), 10);
    }

    #[test]
    fn a_copy_is_dropped_and_another_body_is_kept_apart() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut store = Store::open(&dir.path().join("dispatch.db"), "demo-truck-7").expect("opens");
        assert_eq!(store.keep(&event(1), b"{}").expect("kept"), Kept::New);
        assert_eq!(store.keep(&event(1), b"{}").expect("kept"), Kept::Copy);
        assert_eq!(store.keep(&event(1), b"{ }").expect("kept"), Kept::Conflicting);
        assert_eq!(store.thru(), 1);
    }
}
