//! What can still be read of a damaged journal goes into the new one, with its bytes as they were: dispatch may have them, and neither
//! the recording nor the facilities of then may be there to derive them from.
//!
//! Nothing here trusts the damaged file. Each row is looked for by its number, so that a page that is gone costs the rows on it and no
//! others; each must be the event that its columns say. What cannot be told is a byte that was changed within a row: SQLite has no
//! sum over it.

use super::{Journal, JournalError};
use crate::io::{reserve, systemd};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::path::Path;

/// Numbers in a row that cannot be looked at before the walk gives up: more events than the quota of a gateway holds. A look at a page
/// that is no page takes about 10 us.
const UNREADABLE_MAX: u32 = 100_000;
/// Looks between two signs of life to the service manager: about 10 ms.
const ALIVE_EVERY: u32 = 1_024;
/// Rows that are committed at once.
const BATCH: usize = 256;

const UP: &str = "SELECT sequence, id, type, at_ms, body FROM event WHERE sequence > ?1 ORDER BY sequence LIMIT 1";
const DOWN: &str =
    "SELECT sequence, id, type, at_ms, body FROM event WHERE sequence < ?1 ORDER BY sequence DESC LIMIT 1";

/// A row of the table of events.
struct Kept {
    sequence: i64,
    id: String,
    kind: String,
    at_ms: i64,
    body: Vec<u8>,
}

/// What stands in the body.
#[derive(Deserialize)]
struct Envelope {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    sequence: String,
    #[serde(rename = "data")]
    _data: IgnoredAny,
}

enum Look {
    Found(Kept),
    Unreadable,
    End,
}

impl Kept {
    fn read(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        let (sequence, id, kind, at_ms, body) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
        Ok(Self { sequence, id, kind, at_ms, body })
    }

    fn is_whole(&self) -> bool {
        let number = self.sequence.to_string();
        self.sequence > 0
            && self.id.strip_suffix(&number).is_some_and(|device| device.ends_with('-'))
            && serde_json::from_slice::<Envelope>(&self.body)
                .is_ok_and(|body| body.id == self.id && body.kind == self.kind && body.sequence == number)
    }
}

/// What could be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Salvaged {
    /// Events.
    pub events: u64,
    /// It could be read above which number they are counted; otherwise whoever has the recording knows.
    pub base_known: bool,
    /// There was no room for all of it.
    pub is_cut_short: bool,
}

/// How looking at one number after the other ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Walked {
    /// At the end, or where the rest is known.
    Through,
    /// Where nothing could be read any more.
    Stuck,
    /// Where there was no room any more.
    Full,
}

impl Journal {
    /// Takes over into this new journal what can be read of the damaged one at `kept`, which stays as it is: the events, what dispatch
    /// has of them, and what it ordered. The engine's state is kept for where nothing is recorded: else it is derived, so that what is
    /// missing is found. Doing it again, as long as nothing was saved, gives the same.
    ///
    /// `is_newest`: the other ones, older than the damaged one before this, only give events, if they are counted as this one's are.
    ///
    /// # Errors
    /// Of this journal. What is wrong with the other is no error, but for a disk without the room that even reading takes.
    pub fn salvage(&mut self, kept: &Path, is_newest: bool) -> Result<Salvaged, JournalError> {
        let Some(damaged) = open(kept)? else { return Ok(Salvaged::default()) };
        let base_known = if is_newest {
            self.take_over(&damaged)?
        } else if Said::by(&damaged).counted.is_some_and(|(base, _)| base.cast_unsigned() == self.base()) {
            true
        } else {
            return Ok(Salvaged::default());
        };
        if self.salvaged_state.is_none() {
            let state = damaged.query_row("SELECT engine FROM state", [], |row| row.get(0));
            self.salvaged_state = state.ok().map(super::packed::unpack);
        }
        let (mut events, mut highest) = (0, 0);
        let mut walked = self.walk(&damaged, UP, 0, |sequence| {
            (events, highest) = (events + 1, sequence);
            true
        })?;
        if walked == Walked::Stuck {
            // From above: everything behind what is gone. Its end is where no number was given, or where a page can be read.
            let mark = self.high_water().0.saturating_add(1).cast_signed();
            let from = if matches!(look(&damaged, DOWN, i64::MAX), Look::Unreadable) { mark } else { i64::MAX };
            walked = self.walk(&damaged, DOWN, from, |sequence| {
                let is_new = sequence > highest;
                events += u64::from(is_new);
                is_new
            })?;
        }
        Ok(Salvaged { events, base_known, is_cut_short: walked == Walked::Full })
    }

    /// All that could be was taken over from `kept` by a start before, which was stopped while it derived the rest: what it knew of
    /// dispatch came over too.
    ///
    /// # Errors
    /// As with [`Journal::salvage`].
    pub fn was_salvaged(&mut self, kept: &Path) -> Result<(), JournalError> {
        if open(kept)?.is_some_and(|damaged| Said::by(&damaged).is_whole()) {
            self.numbering.keep_history();
        }
        Ok(())
    }

    /// Looks at one number after the other until there are none, or `each` says that it knows the rest, or there is no room.
    fn walk(
        &mut self,
        damaged: &Connection,
        way: &str,
        from: i64,
        mut each: impl FnMut(i64) -> bool,
    ) -> Result<Walked, JournalError> {
        let (mut at, mut unreadable, mut looks, mut batch) = (from, 0, 0_u32, Vec::new());
        let walked = loop {
            looks = looks.wrapping_add(1);
            if looks % ALIVE_EVERY == 0 {
                systemd::still_starting();
            }
            match look(damaged, way, at) {
                Look::Found(kept) => {
                    (at, unreadable) = (kept.sequence, 0);
                    if !each(at) {
                        break Walked::Through;
                    }
                    batch.push(kept);
                    if batch.len() == BATCH && !self.put(&std::mem::take(&mut batch))? {
                        return Ok(Walked::Full);
                    }
                }
                Look::Unreadable if unreadable < UNREADABLE_MAX => {
                    unreadable += 1;
                    at = if way == UP { at.saturating_add(1) } else { at.saturating_sub(1) };
                }
                Look::Unreadable => break Walked::Stuck,
                Look::End => break Walked::Through,
            }
        };
        Ok(if self.put(&batch)? { walked } else { Walked::Full })
    }

    /// Whether there was room.
    fn put(&mut self, batch: &[Kept]) -> Result<bool, JournalError> {
        while let Err(error) = self.try_put(batch) {
            if !matches!(error, JournalError::Full) {
                return Err(error);
            }
            // The newest matter most; what goes is named when dispatch asks for it. Where the disk itself is full not even deleting
            // works: what is there stays.
            match self.forget_oldest() {
                Ok(true) => {}
                Ok(false) | Err(JournalError::Full) => return Ok(false),
                Err(other) => return Err(other),
            }
        }
        Ok(true)
    }

    fn try_put(&mut self, batch: &[Kept]) -> Result<(), JournalError> {
        if let (Some(mark), Some(highest)) = (&mut self.high_water, batch.iter().map(|kept| kept.sequence).max()) {
            mark.reach(highest.cast_unsigned(), true);
        }
        let tx = self.db.transaction()?;
        {
            let mut insert = tx.prepare_cached(
                "INSERT OR IGNORE INTO event (sequence, id, type, at_ms, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for Kept { sequence, id, kind, at_ms, body } in batch {
                insert.execute(params![sequence, id, kind, at_ms, body])?;
            }
        }
        Ok(tx.commit()?)
    }

    /// The tables of one row, each as far as it can be read. Whether the base could.
    fn take_over(&mut self, damaged: &Connection) -> Result<bool, JournalError> {
        let said = Said::by(damaged);
        let words =
            |sql: &str| damaged.query_row(sql, [], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
        let tx = self.db.transaction()?;
        // What was sent, acknowledged and ordered since a salvage that was stopped stays.
        if let Some(thru) = said.thru {
            tx.execute("UPDATE received SET thru = max(thru, ?1)", [thru])?;
        }
        if let (Some((untold, accepted)), Some((base, sent))) = (said.told, said.counted) {
            // What this journal lacks is not named yet: it is when dispatch speaks. That it spoke before is known of what it has, or
            // else these events are as ones that it may have.
            tx.execute(
                "UPDATE told SET untold = ?1 AND (SELECT sent <= ?2 FROM numbering), accepted = 0",
                [untold, sent],
            )?;
            let derived = i64::from(accepted != 0 && said.thru.is_none_or(|thru| thru == 0));
            tx.execute("UPDATE numbering SET base = ?1, sent = max(sent, ?2), derived = ?3", [base, sent, derived])?;
        } else if let Some((base, _)) = said.counted {
            tx.execute("UPDATE numbering SET base = ?1", [base])?;
        }
        if let Ok(newest) = words("SELECT counter, id FROM commanded") {
            tx.execute("INSERT OR IGNORE INTO commanded VALUES (1, ?1, ?2)", [newest.0, newest.1])?;
        }
        if let Ok(trusted) = words("SELECT pinned, keys FROM trusted") {
            tx.execute("INSERT OR IGNORE INTO trusted VALUES (1, ?1, ?2)", [trusted.0, trusted.1])?;
        }
        tx.commit()?;
        self.numbering = super::numbering::Numbering::open(&self.db, true)?;
        if said.is_whole() {
            self.numbering.keep_history();
        }
        Ok(said.counted.is_some())
    }
}

/// What a damaged journal says of its numbers and of dispatch, as far as it can be read.
struct Said {
    thru: Option<i64>,
    /// Untold, accepted.
    told: Option<(i64, i64)>,
    /// Base, sent.
    counted: Option<(i64, i64)>,
}

impl Said {
    fn by(damaged: &Connection) -> Self {
        let numbers = |sql: &str| damaged.query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)));
        let is_number = |number: &i64| *number >= 0;
        let counted = numbers("SELECT base, sent FROM numbering").ok();
        Self {
            thru: numbers("SELECT thru, 0 FROM received").ok().map(|(thru, _)| thru).filter(is_number),
            told: numbers("SELECT untold <> 0, accepted <> 0 FROM told").ok(),
            counted: counted.filter(|(base, sent)| is_number(base) && is_number(sent)),
        }
    }

    /// All that is to be known of its numbers.
    const fn is_whole(&self) -> bool {
        self.told.is_some() && self.counted.is_some()
    }
}

/// It is the evidence, and its log with it: nothing is written to them. None where nothing can be read of it.
fn open(kept: &Path) -> Result<Option<Connection>, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(kept, flags).and_then(|damaged| {
        damaged.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        damaged.execute_batch("PRAGMA query_only = 1")?;
        Ok(damaged)
    });
    let damaged = match opened {
        Ok(damaged) => damaged,
        Err(error) => return unread(kept, error).map(|()| None),
    };
    // The first look maps the index of its log, a file of 32 KiB: without room for it everything would seem to be gone.
    if let Err(error) = damaged.execute_batch("SELECT count(*) FROM sqlite_schema") {
        unread(kept, error)?;
    }
    Ok(Some(damaged))
}

/// An error where it is for want of room that it could not be read.
fn unread(kept: &Path, error: rusqlite::Error) -> Result<(), JournalError> {
    let wants_room = JournalError::from(error).may_be_want_of_room() && kept.parent().is_some_and(reserve::is_full);
    if wants_room { Err(JournalError::Full) } else { Ok(()) }
}

fn look(damaged: &Connection, way: &str, at: i64) -> Look {
    let Ok(mut select) = damaged.prepare_cached(way) else { return Look::End };
    let is_beyond = |kept: &Kept| if way == UP { kept.sequence > at } else { kept.sequence < at };
    match select.query_row([at], Kept::read).optional() {
        Ok(Some(kept)) if is_beyond(&kept) && kept.is_whole() => Look::Found(kept),
        Ok(None) => Look::End,
        Ok(Some(_)) | Err(_) => Look::Unreadable,
    }
}
