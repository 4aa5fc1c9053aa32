//! `journal.db`: the append-only event log, and the engine's state that belongs to its newest event.
//!
//! SQLite in WAL mode with `synchronous = FULL`: a commit that returned survives a power cut as far as the flash obeys.
//! One writer. The sequence is the engine's, not SQLite's: it is part of the event's bytes.

mod commands;
mod delivery;
mod losses;
mod numbering;
mod packed;
mod roomless;
mod salvage;
mod unsalvaged;

use super::highwater::{self, HighWater};
use crate::event::{Event, Kind};
use crate::time::rfc3339;
use geofence::UnixMillis;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior, params};
use std::ffi::OsStr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
pub use unsalvaged::Unsalvaged;

/// "GStm": says that a file is ours.
const APPLICATION_ID: i32 = 0x4753_746d;
/// The newest layout that this release knows.
const LAYOUT: i32 = 1;
/// An event of 1.2 kB, and the state, have a page each: with 4 kB every commit would write nearly twice the bytes.
const PAGE_BYTES: u64 = 2_048;
/// Journals that were set aside and are kept: a disk that damages one after the other must not be filled by them.
const SET_ASIDE_MAX: usize = 4;
/// Received events go when the file is this full: after "disk full" not even deleting works.
const HIGH_WATER_PERCENT: u64 = 90;
/// While all rows get other numbers the file may be so much longer than the quota: the rows go from one end of the table to the other,
/// and the pages between are split on the way, which makes it about 1.4 times as long.
const RENUMBERING_FACTOR: u64 = 2;
/// So many received events go at once.
const EVICT: u64 = 256;

const CREATE: &str = "
    CREATE TABLE event (
        sequence INTEGER PRIMARY KEY,
        id       TEXT NOT NULL,
        type     TEXT NOT NULL,
        at_ms    INTEGER NOT NULL,
        body     BLOB NOT NULL
    ) STRICT;
    -- The state after the input that made the newest event, and where in the recording that input ends.
    CREATE TABLE state (
        one      INTEGER PRIMARY KEY CHECK (one = 1),
        engine   BLOB NOT NULL,
        segment  INTEGER NOT NULL,
        records  INTEGER NOT NULL
    ) STRICT;
    -- Dispatch has committed everything up to here.
    CREATE TABLE received (
        one      INTEGER PRIMARY KEY CHECK (one = 1),
        thru     INTEGER NOT NULL
    ) STRICT;
    INSERT INTO received VALUES (1, 0);
";

/// What can go wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be used; it has to be set aside.
    #[error("{path} is damaged: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        why: String,
    },
    /// Written by a later release: never touched.
    #[error(
        "{path} was written by a later release (layout {found}, this release knows {LAYOUT}); install that release again"
    )]
    Later {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: i32,
    },
    /// No room; the events are held and tried again.
    #[error("no room for the journal (disk or quota full)")]
    Full,
    /// Another event has this sequence already: nothing of this transaction was kept.
    #[error("the journal holds another event of sequence {0}")]
    Taken(u64),
    /// There is room for a journal again whose place was held in memory, and something else is there.
    #[error("{0} is to be opened by another start")]
    Unopened(PathBuf),
    /// Anything else.
    #[error("journal: {0}")]
    Sqlite(rusqlite::Error),
}

impl JournalError {
    /// The file got damaged while it was open, or another one is there: the next start does what is to be done.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::Unopened(_) => true,
            Self::Sqlite(error) => {
                matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
            }
            Self::Later { .. } | Self::Full | Self::Taken(_) => false,
        }
    }

    /// A disk without room is among the things that SQLite says so of: the index of the log is a file that it maps.
    #[must_use]
    pub fn may_be_want_of_room(&self) -> bool {
        match self {
            Self::Full => true,
            Self::Sqlite(error) => {
                matches!(error.sqlite_error_code(), Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen))
            }
            Self::Damaged { .. } | Self::Later { .. } | Self::Taken(_) | Self::Unopened(_) => false,
        }
    }

    /// What to do where a running daemon's journal does not take its events, which are held in memory meanwhile.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Full => "make room on the disk, or raise state.journal_quota_mb; events are held in memory meanwhile",
            Self::Taken(_) => {
                "another program wrote to this journal, and room does not help: stop gatestamp, move journal.db with its -wal and -shm \
                 out of the state directory and keep them, start it again: a new journal is derived from the recording"
            }
            Self::Damaged { .. } => "nothing: the daemon starts again, sets the journal aside and derives a new one",
            Self::Unopened(_) => "nothing: the daemon starts again and opens what is there",
            Self::Later { .. } => "install the later release again",
            Self::Sqlite(_) => {
                "see that the disk is sound, has room and lets the service write (dmesg, df, ls -l); events are held in memory meanwhile"
            }
        }
    }
}

impl From<rusqlite::Error> for JournalError {
    fn from(error: rusqlite::Error) -> Self {
        if error.sqlite_error_code() == Some(ErrorCode::DiskFull) { Self::Full } else { Self::Sqlite(error) }
    }
}

/// Where in the recording an input ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Index of the segment.
    pub segment: u64,
    /// Records of it up to and including that input.
    pub records: u64,
}

/// The open journal.
#[derive(Debug)]
pub struct Journal {
    db: Connection,
    page_max: u64,
    /// None where it is only read.
    high_water: Option<HighWater>,
    refused: Option<highwater::Refused>,
    /// The recording takes inputs, so it will know of what is journaled.
    recorded: bool,
    /// What its numbers are, and what dispatch knows of them.
    numbering: numbering::Numbering,
    /// How delivery stands, as the next transaction notes it; `None`: as it stands there.
    delivery: Option<String>,
    /// The engine's state, of the damaged journal before this one.
    salvaged_state: Option<Vec<u8>>,
    /// It is in memory, and waits for room.
    stand_in: Option<roomless::StandIn>,
}

impl Journal {
    /// Opens or creates the journal at `path`, which may grow to `quota` bytes.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] if the file is no journal or fails its check.
    pub fn open(path: &Path, quota: u64) -> Result<Self, JournalError> {
        Self::on(Connection::open(path).map_err(|error| classify(path, error))?, path, quota)
    }

    /// `db` is the journal at `path`, or stands in for it.
    fn on(mut db: Connection, path: &Path, quota: u64) -> Result<Self, JournalError> {
        let damaged = |error: rusqlite::Error| classify(path, error);
        let page_max = configure(&db, quota).map_err(damaged)?;
        let layout: i32 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(damaged)?;
        if layout > LAYOUT {
            return Err(JournalError::Later { path: path.to_owned(), found: layout });
        }
        let check: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(damaged)?;
        if check != "ok" {
            return Err(JournalError::Damaged { path: path.to_owned(), why: check });
        }
        let (high_water, refused) = HighWater::open(path.parent().unwrap_or(Path::new("")));
        let begun_before = high_water.through() > 0;
        let numbering = lay_out(&mut db, layout, begun_before).map_err(damaged)?;
        Ok(Self {
            db,
            page_max,
            high_water: Some(high_water),
            refused,
            recorded: true,
            numbering,
            delivery: None,
            salvaged_state: None,
            stand_in: None,
        })
    }

    /// Opens an existing journal for reading only, beside the daemon.
    ///
    /// # Errors
    /// When there is none.
    pub fn open_for_reading(path: &Path) -> Result<Self, JournalError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(std::time::Duration::from_secs(5))?;
        let numbering = numbering::Numbering::default();
        Ok(Self {
            db,
            page_max: 0,
            high_water: None,
            refused: None,
            recorded: true,
            numbering,
            delivery: None,
            salvaged_state: None,
            stand_in: None,
        })
    }

    /// Commits events and the state that they left the engine in, in one transaction.
    ///
    /// # Errors
    /// Nothing is changed then; [`JournalError::Full`] may pass.
    pub fn save(&mut self, events: &[Event], engine: &[u8], position: Position) -> Result<(), JournalError> {
        self.make_real()?;
        if self.pages_short(0)? > 0 {
            self.evict_received()?;
        }
        let events = &*self.counted(events);
        let (by, was_settled) = (self.numbering.due(), self.is_settled());
        let newest = if by > 0 { Some(self.highest()?.saturating_add(by)) } else { None };
        let newest = newest.max(events.last().map(|event| event.sequence));
        if let (Some(high_water), Some(newest)) = (&mut self.high_water, newest) {
            high_water.reach(newest, self.recorded);
        }
        if by > 0 {
            self.limit_pages(self.page_max.saturating_mul(RENUMBERING_FACTOR))?;
        }
        let saved = loop {
            match self.try_save(events, engine, position) {
                // What dispatch has may go, as much of it as is needed.
                Err(JournalError::Full) if self.evict_received()? > 0 => {}
                done => break done,
            }
        };
        if by > 0 {
            self.limit_pages(self.page_max)?;
        }
        if saved.is_ok()
            && !was_settled
            && self.is_settled()
            && let Some(path) = self.db.path()
        {
            unsalvaged::forget(Path::new(path));
        }
        saved
    }

    /// A file that is longer keeps its length, and does not grow.
    fn limit_pages(&self, max: u64) -> Result<(), JournalError> {
        Ok(self.db.execute_batch(&format!("PRAGMA max_page_count = {max};"))?)
    }

    fn try_save(&mut self, events: &[Event], engine: &[u8], position: Position) -> Result<(), JournalError> {
        let tx = self.db.transaction()?;
        {
            // First of all: the others need the room. The rows are numbered as they were until then.
            let by = self.numbering.due();
            let mut evict = tx.prepare_cached("DELETE FROM event WHERE sequence BETWEEN ?1 AND ?2")?;
            for (first, last) in events.iter().flat_map(|event| event.evicts.iter()) {
                let rows = [first, last].map(|sequence| sequence.saturating_sub(by).cast_signed());
                evict.execute(rows)?;
            }
        }
        self.numbering.store(&tx)?;
        {
            // A tail of the recording that is derived again gives the same events again.
            let mut insert = tx.prepare_cached(
                "INSERT INTO event (sequence, id, type, at_ms, body) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (sequence) DO NOTHING",
            )?;
            let mut same = tx.prepare_cached("SELECT 1 FROM event WHERE sequence = ?1 AND body = ?2")?;
            for event in events {
                let sequence = event.sequence.cast_signed();
                let new = insert.execute(params![sequence, event.id, event.kind.name(), event.at.0, event.body])?;
                if new == 0 && !same.exists(params![sequence, event.body])? {
                    return Err(JournalError::Taken(event.sequence));
                }
            }
            tx.prepare_cached(
                "INSERT INTO state (one, engine, segment, records, delivery) VALUES (1, ?1, ?2, ?3, ?4)
                 ON CONFLICT (one) DO UPDATE SET engine = ?1, segment = ?2, records = ?3, delivery = coalesce(?4, delivery)",
            )?
            .execute(params![
                packed::pack(engine),
                position.segment.cast_signed(),
                position.records.cast_signed(),
                self.delivery
            ])?;
        }
        tx.commit()?;
        self.numbering.stored();
        Ok(())
    }

    /// Commits dispatch's acknowledgement.
    ///
    /// # Errors
    /// As SQLite has them; losing this only means sending again.
    pub fn received(&mut self, thru: u64) -> Result<(), JournalError> {
        self.db.execute("UPDATE received SET thru = max(thru, ?1)", [thru.cast_signed()])?;
        Ok(())
    }

    /// Dispatch has everything up to here.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn thru(&self) -> Result<u64, JournalError> {
        let thru: i64 = self.db.query_row("SELECT thru FROM received", [], |row| row.get(0))?;
        Ok(thru.cast_unsigned())
    }

    /// The highest sequence in the journal; 0: none.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn highest(&self) -> Result<u64, JournalError> {
        let highest: i64 = self.db.query_row("SELECT coalesce(max(sequence), 0) FROM event", [], |row| row.get(0))?;
        Ok(highest.cast_unsigned())
    }

    /// The lowest sequence in the journal; 1: none, or all of them.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn lowest(&self) -> Result<u64, JournalError> {
        let lowest: i64 = self.db.query_row("SELECT coalesce(min(sequence), 1) FROM event", [], |row| row.get(0))?;
        Ok(lowest.cast_unsigned())
    }

    /// The id of the newest event.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn newest_id(&self) -> Result<Option<String>, JournalError> {
        let newest = "SELECT id FROM event ORDER BY sequence DESC LIMIT 1";
        Ok(self.db.query_row(newest, [], |row| row.get(0)).optional()?)
    }

    /// The time of the event `sequence`, if it is there.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn dated(&self, sequence: u64) -> Result<Option<UnixMillis>, JournalError> {
        let mut select = self.db.prepare_cached("SELECT at_ms FROM event WHERE sequence = ?1")?;
        Ok(select.query_row([sequence.cast_signed()], |row| row.get(0)).optional()?.map(UnixMillis))
    }

    /// The engine's state and where in the recording it belongs.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn state(&self) -> Result<Option<(Vec<u8>, Position)>, JournalError> {
        let row = |row: &rusqlite::Row<'_>| {
            let (engine, segment, records): (Vec<u8>, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let position = Position { segment: segment.cast_unsigned(), records: records.cast_unsigned() };
            Ok((packed::unpack(engine), position))
        };
        Ok(self.db.query_row("SELECT engine, segment, records FROM state", [], row).optional()?)
    }

    /// The state that could be read of the damaged journal before this one.
    #[must_use]
    pub fn salvaged_state(&self) -> Option<&[u8]> {
        self.salvaged_state.as_deref()
    }

    /// The newest events, at most so many, in order: sequence, when it happened, and whether somebody waits for it.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn newest(&self, most: usize) -> Result<Vec<(u64, UnixMillis, bool)>, JournalError> {
        let mut select = self.db.prepare("SELECT sequence, at_ms, type FROM event ORDER BY sequence DESC LIMIT ?1")?;
        let rows = select.query_map([i64::try_from(most).unwrap_or(i64::MAX)], |row| {
            let (sequence, at_ms, name): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((sequence.cast_unsigned(), UnixMillis(at_ms), Kind::is_urgent_name(&name)))
        })?;
        let mut newest: Vec<_> = rows.collect::<Result<_, _>>()?;
        newest.reverse();
        Ok(newest)
    }

    /// The bodies of these sequences, as far as they are there, in order.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn bodies(&self, range: &RangeInclusive<u64>) -> Result<Vec<(u64, Vec<u8>)>, JournalError> {
        let mut select = self
            .db
            .prepare_cached("SELECT sequence, body FROM event WHERE sequence BETWEEN ?1 AND ?2 ORDER BY sequence")?;
        let rows = select.query_map([range.start().cast_signed(), range.end().cast_signed()], |row| {
            let (sequence, body): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
            Ok((sequence.cast_unsigned(), body))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Room is made before there is none: after "disk full" not even deleting is sure to work. How many pages too many are used for that,
    /// with `held` events that are to come, of a page each.
    fn pages_short(&self, held: usize) -> Result<usize, JournalError> {
        let pragma = |name| self.db.query_row(name, [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned);
        let used = pragma("PRAGMA page_count")?.saturating_sub(pragma("PRAGMA freelist_count")?) + held as u64;
        let over = (used * 100 + 1).saturating_sub(self.page_max * HIGH_WATER_PERCENT).div_ceil(100);
        Ok(usize::try_from(over).unwrap_or(usize::MAX))
    }

    /// Whether the quota has room for these events and a state, however full the disk is.
    #[must_use]
    pub fn has_room_for(&self, events: &[Event]) -> bool {
        let pages: u64 = events.iter().map(|event| event.body.len() as u64 / PAGE_BYTES + 2).sum();
        let pages = usize::try_from(pages + 8).unwrap_or(usize::MAX);
        // Beyond the mark there is as much again as is left below the whole.
        let spare = self.page_max - self.page_max * HIGH_WATER_PERCENT / 100;
        self.pages_short(pages).is_ok_and(|short| (short as u64) < spare)
    }

    /// Deletes the oldest events that dispatch has, and says how many.
    fn evict_received(&mut self) -> Result<usize, JournalError> {
        let evicted = self.db.execute(
            "DELETE FROM event WHERE sequence IN (
                 SELECT sequence FROM event WHERE sequence <= (SELECT thru FROM received) ORDER BY sequence LIMIT ?1)",
            [EVICT.cast_signed()],
        )?;
        Ok(evicted)
    }
}

/// All of it or nothing: a cut between two tables would leave a journal that says something else of itself.
fn lay_out(db: &mut Connection, layout: i32, begun_before: bool) -> Result<numbering::Numbering, rusqlite::Error> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if layout < 1 {
        tx.execute_batch(CREATE)?;
        tx.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {LAYOUT};"))?;
    }
    delivery::lay_out(&tx)?;
    tx.execute_batch(commands::CREATE)?;
    let numbering = numbering::Numbering::open(&tx, begun_before)?;
    tx.commit()?;
    Ok(numbering)
}

/// Gives back how many pages the quota is: a file keeps the page size that it was made with.
fn configure(db: &Connection, quota: u64) -> Result<u64, rusqlite::Error> {
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    db.execute_batch(&format!(
        "PRAGMA page_size = {PAGE_BYTES}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 2000; PRAGMA journal_size_limit = 5242880;
         PRAGMA temp_store = MEMORY; PRAGMA cache_size = -256;"
    ))?;
    let page_bytes: i64 = db.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let page_max = quota / page_bytes.cast_unsigned().max(1);
    db.execute_batch(&format!("PRAGMA max_page_count = {page_max};"))?;
    // Read back: on a file system without shared memory SQLite silently keeps another mode.
    let mode: String = db.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    let synchronous: i32 = db.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
    if (mode != "wal" && mode != "memory") || synchronous != 2 {
        tracing::warn!(mode, synchronous, "the journal is not in WAL mode with synchronous FULL");
    }
    Ok(page_max)
}

fn classify(path: &Path, error: rusqlite::Error) -> JournalError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            JournalError::Damaged { path: path.to_owned(), why: error.to_string() }
        }
        _ => error.into(),
    }
}

/// Where a journal is moved out of the way: a name that says why and when, and that nothing has yet.
#[must_use]
pub fn name_aside(path: &Path, why: &str, now: UnixMillis) -> PathBuf {
    let mut at = now;
    loop {
        let stamp: String = rfc3339(at).chars().filter(char::is_ascii_alphanumeric).collect();
        let target = beside(path, &format!(".{why}-{stamp}"));
        // Of two starts in the same millisecond of a clock that was not set: nothing is written over.
        if !target.exists() {
            return target;
        }
        at = UnixMillis(at.0.saturating_add(1));
    }
}

/// Moves a journal out of the way, to [`name_aside`]. Of those that were moved before the newest stay, and those that are still to be
/// salvaged.
///
/// # Errors
/// As the file system has them.
pub fn set_aside(path: &Path, why: &str, now: UnixMillis) -> std::io::Result<PathBuf> {
    let target = name_aside(path, why, now);
    std::fs::rename(path, &target)?;
    move_companions(path, &target)?;
    // The new one is set aside whatever becomes of the others.
    if let Err(error) = forget_set_aside(path, why, &target) {
        tracing::warn!(%error, "journals that were set aside before could not be removed");
    }
    Ok(target)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The log and its index follow their journal, for good: a log that stays behind is taken for the next journal's, and deleted.
fn move_companions(path: &Path, target: &Path) -> std::io::Result<()> {
    for suffix in ["-wal", "-shm"] {
        let (from, to) = (beside(path, suffix), beside(target, suffix));
        if from.exists() && !to.exists() {
            std::fs::rename(&from, &to)?;
        }
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}

/// When a journal of this name was set aside for this reason; none: it was not.
fn stamp_of<'a>(path: &Path, why: &str, name: &'a OsStr) -> Option<&'a str> {
    let begin = format!("{}.{why}-", path.file_name()?.to_string_lossy());
    let stamp = name.to_str()?.strip_prefix(&begin)?;
    (!stamp.is_empty() && stamp.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(stamp)
}

/// Removes all but `newest`, and the newest of the others that were set aside for this reason: their names end in a date and so sort
/// by it. The date of `newest` is of a clock that may not have been set yet.
fn forget_set_aside(path: &Path, why: &str, newest: &Path) -> std::io::Result<()> {
    let Some(dir) = path.parent() else { return Ok(()) };
    let mut spared = unsalvaged::named(path);
    spared.retain(|named| named != newest && named.exists());
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let file = dir.join(entry?.file_name());
        let is_other = file != newest && !spared.contains(&file);
        if is_other && file.file_name().is_some_and(|name| stamp_of(path, why, name).is_some()) {
            kept.push(file);
        }
    }
    kept.sort_unstable();
    kept.truncate(kept.len().saturating_sub((SET_ASIDE_MAX - 1).saturating_sub(spared.len())));
    for file in kept {
        for suffix in ["-wal", "-shm", ""] {
            let file = beside(&file, suffix);
            if file.exists() {
                std::fs::remove_file(file)?;
            }
        }
    }
    Ok(())
}
