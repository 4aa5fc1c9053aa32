//! What dispatch will never get: what is named already, and what has to make room next.

use super::{Journal, JournalError};
use crate::event::{Event, Kind, LOSS_RANGES_MAX, Loss, LossCause, named_by};
use crate::ranges::Ranges;

/// Unreceived events that make room at once. Pages of the oldest are freed as a whole, so a few are enough.
const EVICT_UNRECEIVED: usize = 32;

impl Journal {
    /// The highest sequence that may ever have been given out, as far as the mark beside the journal tells, and whether the
    /// recording may lack events of before.
    #[must_use]
    pub fn high_water(&self) -> (u64, bool) {
        self.high_water.as_ref().map_or((0, false), |mark| (mark.through(), mark.is_unrecorded()))
    }

    /// The mark beside the journal could not be believed, and is kept there.
    #[must_use]
    pub fn refused_mark(&self) -> Option<&super::highwater::Refused> {
        self.refused.as_ref()
    }

    /// Whether the recording takes what the events of the next transactions are derived from.
    pub fn is_recorded(&mut self, recorded: bool) {
        self.recorded = recorded;
    }

    /// Whether this event names losses.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn is_loss(&self, sequence: u64) -> Result<bool, JournalError> {
        let mut select = self.db.prepare_cached("SELECT 1 FROM event WHERE sequence = ?1 AND type = ?2")?;
        Ok(select.exists((sequence.cast_signed(), Kind::DeviceLost.name()))?)
    }

    /// What the events above `thru` name as lost. An event names what lies below it, so those up to `thru` say nothing new.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn named_above(&self, thru: u64) -> Result<Ranges, JournalError> {
        let mut select = self.db.prepare_cached("SELECT body FROM event WHERE sequence > ?1 AND type = ?2")?;
        let rows = select.query_map((thru.cast_signed(), Kind::DeviceLost.name()), |row| row.get::<_, Vec<u8>>(0))?;
        let mut ranges = Ranges::default();
        for body in rows {
            named_by(&body?).iter().for_each(|(first, last)| ranges.insert(first, last));
        }
        ranges.forget_thru(thru);
        Ok(ranges)
    }

    /// What of `ranges` is not there.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn gone_of(&self, ranges: &Ranges) -> Result<Ranges, JournalError> {
        let mut gone = ranges.clone();
        let mut select = self.db.prepare_cached("SELECT sequence FROM event WHERE sequence BETWEEN ?1 AND ?2")?;
        for (first, last) in ranges.iter() {
            let rows = select.query_map([first.cast_signed(), last.cast_signed()], |row| row.get::<_, i64>(0))?;
            for sequence in rows {
                let sequence = sequence?.cast_unsigned();
                gone.remove(sequence, sequence);
            }
        }
        Ok(gone)
    }

    /// Those of `events` under whose number there is none, counted as with [`Journal::number_above`].
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn lacking(&self, events: Vec<Event>) -> Result<Vec<Event>, JournalError> {
        let mut find = self.db.prepare_cached("SELECT 1 FROM event WHERE sequence = ?1")?;
        let by = self.numbering.behind();
        let mut lacking = Vec::new();
        for event in events {
            if !find.exists([event.sequence.saturating_add(by).cast_signed()])? {
                lacking.push(event);
            }
        }
        Ok(lacking)
    }

    /// Deletes the oldest events, whoever lacks them, for the beginning of a journal that is derived again. Whether there were any.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn forget_oldest(&mut self) -> Result<bool, JournalError> {
        let oldest = "DELETE FROM event WHERE sequence IN (SELECT sequence FROM event ORDER BY sequence LIMIT ?1)";
        Ok(self.db.execute(oldest, [i64::try_from(EVICT_UNRECEIVED).unwrap_or(i64::MAX)])? > 0)
    }

    /// What has to make room for the next events, where the quota is nearly used up and dispatch has nothing of it: the oldest events
    /// about the device and its receiver; only then the oldest about visits, with all that was named as lost up to them. An event
    /// that names losses goes with those and not before: what it names lies below it. Where more than a few events are `held` for
    /// want of room, as after weeks with a disk that others filled, the oldest of whatever kind go, two for each.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn eviction(&self, held: usize) -> Result<Option<Loss>, JournalError> {
        if !self.is_nearly_full()? {
            return Ok(None);
        }
        let thru = self.thru()?.max(self.numbering.base()).cast_signed();
        if self.db.query_row("SELECT EXISTS (SELECT 1 FROM event WHERE sequence <= ?1)", [thru], |row| row.get(0))? {
            return Ok(None);
        }
        let many = (held > EVICT_UNRECEIVED).then_some(2 * held);
        let mut ranges = if many.is_some() { Ranges::default() } else { self.of_the_device(thru)? };
        if ranges.is_empty() {
            let oldest = "SELECT max(sequence) FROM
                          (SELECT sequence FROM event WHERE sequence > ?1 ORDER BY sequence LIMIT ?2)";
            let limit = i64::try_from(many.unwrap_or(EVICT_UNRECEIVED)).unwrap_or(i64::MAX);
            let last: Option<i64> = self.db.query_row(oldest, [thru, limit], |row| row.get(0))?;
            ranges = last.map(|last| (thru.cast_unsigned() + 1, last.cast_unsigned())).into_iter().collect();
        }
        Ok(Loss::of(&ranges, LossCause::Evicted))
    }

    /// The oldest unreceived events about the device and its receiver. Two with nothing between them that is still there are one run.
    fn of_the_device(&self, thru: i64) -> Result<Ranges, JournalError> {
        let mut select = self.db.prepare_cached(
            "SELECT sequence, (type LIKE 'com.gatestamp.device.%' OR type LIKE 'com.gatestamp.gnss.%') AND type <> ?2
             FROM event WHERE sequence > ?1 ORDER BY sequence",
        )?;
        let mut rows = select.query((thru, Kind::DeviceLost.name()))?;
        let (mut ranges, mut before, mut count) = (Ranges::default(), None, 0);
        while let Some(row) = rows.next()? {
            let (sequence, may_go): (i64, bool) = (row.get(0)?, row.get(1)?);
            let sequence = sequence.cast_unsigned();
            if !may_go {
                before = None;
                continue;
            }
            if count == EVICT_UNRECEIVED || (before.is_none() && ranges.runs() == LOSS_RANGES_MAX) {
                break;
            }
            ranges.insert(before.unwrap_or(sequence), sequence);
            (before, count) = (Some(sequence), count + 1);
        }
        Ok(ranges)
    }
}
