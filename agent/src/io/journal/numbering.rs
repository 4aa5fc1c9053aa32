//! What the numbers of a journal are: above which they are counted, and what dispatch knows of them.
//!
//! The tables are added beside the others and are no part of the layout's number: the release before opens the same file.

use super::{Journal, JournalError};
use crate::event::{Event, renumbered};
use crate::io::systemd;
use crate::outbox::History;
use rusqlite::{Connection, OptionalExtension, params};
use std::borrow::Cow;

/// So many rows are numbered anew between two signs of life to the service manager's watchdog: 1.3 MB.
const ALIVE_EVERY: usize = 1_000;
/// So many sequences beyond the one that is about to be sent are noted with it, as far as there are events: a note takes a
/// sync, and a backlog that is sent before dispatch has acknowledged anything would take one for each handful.
const AHEAD: u64 = 256;

const CREATE: &str = "
    -- Nothing of this journal was ever sent; dispatch acknowledged something of it, and what it lacked is named.
    CREATE TABLE IF NOT EXISTS told (
        one      INTEGER PRIMARY KEY CHECK (one = 1),
        untold   INTEGER NOT NULL,
        accepted INTEGER NOT NULL
    ) STRICT;
    -- Sequences up to base are another gateway's. Up to sent something may have been sent. What could be was derived again after the
    -- journal was lost. All that a start has to do to a new journal was done.
    CREATE TABLE IF NOT EXISTS numbering (
        one      INTEGER PRIMARY KEY CHECK (one = 1),
        base     INTEGER NOT NULL,
        sent     INTEGER NOT NULL,
        derived  INTEGER NOT NULL,
        settled  INTEGER NOT NULL
    ) STRICT;
";

/// What both tables say, in memory: it is asked for with every event.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    base: u64,
    /// The base of the engine, which the rows get with the next transaction.
    next_base: u64,
    sent: u64,
    /// What the file says of that: never lower.
    noted: u64,
    untold: bool,
    accepted: bool,
    derived: bool,
    /// The next transaction notes that.
    deriving: bool,
    settled: bool,
    /// The next transaction settles it.
    settling: bool,
    /// What it knows of dispatch came over from the journal that was damaged: nothing is unknown of that one.
    history_kept: bool,
}

impl Numbering {
    /// `begun_before`: there is word of a journal before this one.
    pub(super) fn open(db: &Connection, begun_before: bool) -> Result<Self, rusqlite::Error> {
        db.execute_batch(CREATE)?;
        db.execute(
            "INSERT OR IGNORE INTO told SELECT 1, NOT (?1 OR EXISTS (SELECT 1 FROM event)), (SELECT thru > 0 FROM received)",
            [begun_before],
        )?;
        db.execute(
            "INSERT OR IGNORE INTO numbering
             SELECT 1, 0, CASE WHEN (SELECT untold FROM told) THEN 0 ELSE (SELECT coalesce(max(sequence), 0) FROM event) END,
                    ?1 AND NOT EXISTS (SELECT 1 FROM state), EXISTS (SELECT 1 FROM state)",
            [begun_before],
        )?;
        let all = "SELECT base, sent, untold, accepted, derived, settled FROM told, numbering";
        db.query_row(all, [], |row| {
            let (base, sent) = (row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned());
            Ok(Self {
                base,
                next_base: base,
                sent,
                noted: sent,
                untold: row.get(2)?,
                accepted: row.get(3)?,
                derived: row.get(4)?,
                deriving: false,
                settled: row.get(5)?,
                settling: false,
                history_kept: false,
            })
        })
    }

    pub(super) fn keep_history(&mut self) {
        self.history_kept = true;
    }

    pub(super) const fn base(&self) -> u64 {
        self.base
    }

    /// How much lower the engine counts than the rows.
    pub(super) const fn behind(&self) -> u64 {
        self.base.saturating_sub(self.next_base)
    }

    /// How much higher the rows have to be.
    pub(super) const fn due(&self) -> u64 {
        self.next_base.saturating_sub(self.base)
    }

    /// A part of the transaction that stores the engine's state: what was decided of the numbers.
    pub(super) fn store(&self, tx: &Connection) -> Result<(), JournalError> {
        if self.deriving {
            tx.execute("UPDATE numbering SET derived = 1", [])?;
            tx.execute("UPDATE told SET untold = 0", [])?;
        }
        if self.due() > 0 {
            self.renumber(tx, self.due())?;
        }
        if self.settling && !self.settled {
            tx.execute("UPDATE numbering SET settled = 1", [])?;
        }
        if self.due() == 0 {
            self.take_back(tx)?;
        }
        Ok(())
    }

    /// More is noted than was sent.
    pub(super) const fn is_ahead(&self) -> bool {
        self.noted > self.sent
    }

    /// A part of a transaction.
    pub(super) fn take_back(&self, tx: &Connection) -> Result<(), JournalError> {
        if self.is_ahead() {
            tx.execute("UPDATE numbering SET sent = ?1", [self.sent.cast_signed()])?;
        }
        Ok(())
    }

    /// It was committed.
    pub(super) const fn taken_back(&mut self) {
        self.noted = self.sent;
    }

    /// Numbers all rows as the engine does. Nothing of them was acknowledged.
    fn renumber(&self, tx: &Connection, by: u64) -> Result<(), JournalError> {
        // The highest first: it leaves its number to another one.
        let mut all = tx.prepare("SELECT sequence FROM event ORDER BY sequence DESC")?;
        let all: Vec<i64> = all.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut find = tx.prepare("SELECT id, body FROM event WHERE sequence = ?1")?;
        let mut update = tx.prepare("UPDATE event SET sequence = ?2, id = ?3, body = ?4 WHERE sequence = ?1")?;
        let mut remove = tx.prepare("DELETE FROM event WHERE sequence = ?1")?;
        for (done, sequence) in all.into_iter().enumerate() {
            if done % ALIVE_EVERY == 0 {
                systemd::alive();
            }
            let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?));
            let Some((id, body)) = find.query_row([sequence], row).optional()? else { continue };
            let Some((id, body)) = renumbered(&id, sequence.cast_unsigned(), &body, by) else {
                // Sent under its old number it would be taken for another gateway's. Its absence is found, and named.
                tracing::error!(
                    sequence,
                    "this event in the journal is not as it was written, and cannot be numbered anew"
                );
                remove.execute([sequence])?;
                continue;
            };
            update.execute(params![sequence, sequence.saturating_add_unsigned(by), id, body])?;
        }
        let base = self.next_base.cast_signed();
        tx.execute("UPDATE numbering SET base = ?1, sent = ?1, derived = 0", [base])?;
        tx.execute("UPDATE told SET untold = 0, accepted = 0", [])?;
        Ok(())
    }

    /// That was committed.
    pub(super) fn stored(&mut self) {
        self.settled |= self.settling;
        self.deriving = false;
        if self.due() > 0 {
            (self.base, self.sent) = (self.next_base, self.next_base);
            (self.untold, self.accepted, self.derived) = (false, false, false);
        }
        self.taken_back();
    }
}

impl Journal {
    /// The engine counts all sequences above `base` now: so do the rows, from the next [`Journal::save`] on. What is saved from here on
    /// is counted so too. A lower one is of a recording that knows no better.
    pub fn number_above(&mut self, base: u64) {
        self.numbering.next_base = base;
    }

    /// Above which the rows are counted.
    #[must_use]
    pub fn base(&self) -> u64 {
        self.numbering.base
    }

    /// The rows are counted above `base`, as the recording knows: the damaged journal that they are from could not say it.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn counts_above(&mut self, base: u64) -> Result<(), JournalError> {
        self.db.execute("UPDATE numbering SET base = ?1", [base.cast_signed()])?;
        (self.numbering.base, self.numbering.next_base) = (base, base);
        Ok(())
    }

    /// `events` as this journal counts, which may know of new numbers what the recording does not.
    pub(super) fn counted<'a>(&self, events: &'a [Event]) -> Cow<'a, [Event]> {
        let by = self.numbering.behind();
        if by == 0 {
            return Cow::Borrowed(events);
        }
        let mut events = events.to_vec();
        events.iter_mut().for_each(|event| event.renumber(by));
        Cow::Owned(events)
    }

    /// What this journal knows of dispatch.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn history(&self) -> Result<History, JournalError> {
        Ok(match &self.numbering {
            known if known.accepted || self.thru()? > 0 => History::Known,
            derived if derived.derived => History::Derived,
            untold if untold.untold => History::Untold,
            _ => History::Unacknowledged,
        })
    }

    /// Up to here something may have been sent, as far as that was of interest: until dispatch acknowledges something.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.numbering.sent
    }

    /// Notes that events up to `sequence` may be with dispatch from here on. Less, and ours would be taken for another's. More, and
    /// another's would be taken for ours: so what is noted ahead is taken back with the next [`Journal::save`], or once nothing is on the way
    /// ([`Journal::note_delivery`]), and only a cut before leaves it.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn told(&mut self, sequence: u64) -> Result<(), JournalError> {
        if self.numbering.accepted {
            return Ok(());
        }
        if sequence > self.numbering.noted || self.numbering.untold {
            let ahead = self.highest()?.min(sequence.saturating_add(AHEAD));
            let noted = self.numbering.noted.max(sequence).max(ahead);
            let tx = self.db.transaction()?;
            tx.execute("UPDATE numbering SET sent = ?1", [noted.cast_signed()])?;
            tx.execute("UPDATE told SET untold = 0", [])?;
            tx.commit()?;
            (self.numbering.noted, self.numbering.untold) = (noted, false);
        }
        self.numbering.sent = self.numbering.sent.max(sequence);
        Ok(())
    }

    /// Notes that dispatch acknowledged events of this journal, and that what it lacks of before is named.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn accept(&mut self) -> Result<(), JournalError> {
        if !self.numbering.accepted {
            self.db.execute("UPDATE told SET untold = 0, accepted = 1", [])?;
            (self.numbering.untold, self.numbering.accepted) = (false, true);
        }
        Ok(())
    }

    /// Whether that is noted.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.numbering.accepted
    }

    /// This journal begins with what could be derived of one before. Noted with the next [`Journal::save`]: until then it is not
    /// settled, and the next start finds the same.
    pub fn derived(&mut self) {
        let known = &mut self.numbering;
        if !known.derived && !known.history_kept {
            (known.untold, known.derived, known.deriving) = (false, true, true);
        }
    }

    /// Whether all was done that a start has to do to a new journal.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.numbering.settled
    }

    /// Notes that with the next [`Journal::save`].
    pub fn settle(&mut self) {
        self.numbering.settling = true;
    }
}
