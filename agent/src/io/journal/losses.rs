//! What dispatch will never get: what is named already, and what has to make room next.

use super::{Journal, JournalError};
use crate::event::{Event, Kind, LOSS_RANGES_MAX, Loss, LossCause, named_by};
use crate::ranges::Ranges;

/// Unreceived events that make room at once. Pages of the oldest are freed as a whole, so a few are enough.
const EVICT_UNRECEIVED: usize = 32;
/// Losses that are named at once, each with [`LOSS_RANGES_MAX`] runs. Each is an event that wants room too.
const LOSSES_AT_ONCE: usize = 64;

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
    /// about the device and its receiver; only where none of those is left the oldest about visits, with all that was named as lost up
    /// to them. An event that names losses goes with those and not before: what it names lies below it. Where more than a few events are
    /// `held` for want of room, as after weeks with a disk that others filled, two about the device go for each, which seldom free a
    /// page, or of visits as many as there are pages short. `under_way`: what goes already with the events that are held. Each loss is
    /// for an event of its own; what they cannot name goes with the next.
    ///
    /// # Errors
    /// As SQLite has them.
    pub fn evictions(&self, held: usize, under_way: &Ranges) -> Result<Vec<Loss>, JournalError> {
        let short = self.pages_short(held)?;
        if short == 0 {
            return Ok(Vec::new());
        }
        let thru = self.thru()?.max(self.numbering.base()).cast_signed();
        if self.db.query_row("SELECT EXISTS (SELECT 1 FROM event WHERE sequence <= ?1)", [thru], |row| row.get(0))? {
            return Ok(Vec::new());
        }
        let wanted = if held > EVICT_UNRECEIVED { 2 * held } else { EVICT_UNRECEIVED };
        let mut ranges = self.of_the_device(thru, wanted, under_way)?;
        if ranges.is_empty() {
            ranges = self.oldest(thru, short.clamp(EVICT_UNRECEIVED, EVICT_UNRECEIVED.max(held)), under_way)?;
        }
        let runs: Vec<(u64, u64)> = ranges.into();
        let losses = runs.chunks(LOSS_RANGES_MAX).map(|runs| runs.iter().copied().collect());
        Ok(losses.filter_map(|ranges: Ranges| Loss::of(&ranges, LossCause::Evicted)).collect())
    }

    /// The oldest unreceived events about the device and its receiver. Two with nothing between them that stays are one run.
    fn of_the_device(&self, thru: i64, wanted: usize, under_way: &Ranges) -> Result<Ranges, JournalError> {
        let mut select = self.db.prepare_cached(
            "SELECT sequence, (type LIKE 'com.gatestamp.device.%' OR type LIKE 'com.gatestamp.gnss.%') AND type <> ?2
             FROM event WHERE sequence > ?1 ORDER BY sequence",
        )?;
        let runs_max = if wanted > EVICT_UNRECEIVED { LOSSES_AT_ONCE * LOSS_RANGES_MAX } else { LOSS_RANGES_MAX };
        let mut rows = select.query((thru, Kind::DeviceLost.name()))?;
        let (mut ranges, mut before, mut count) = (Ranges::default(), None, 0);
        while let Some(row) = rows.next()? {
            let (sequence, may_go): (i64, bool) = (row.get(0)?, row.get(1)?);
            let sequence = sequence.cast_unsigned();
            if under_way.contains(sequence) {
                continue;
            }
            if !may_go {
                before = None;
                continue;
            }
            if count == wanted || (before.is_none() && ranges.runs() == runs_max) {
                break;
            }
            ranges.insert(before.unwrap_or(sequence), sequence);
            (before, count) = (Some(sequence), count + 1);
        }
        Ok(ranges)
    }

    /// The oldest unreceived events of whatever kind, as one run that begins where that under way ends.
    fn oldest(&self, thru: i64, wanted: usize, under_way: &Ranges) -> Result<Ranges, JournalError> {
        let first = thru.cast_unsigned() + 1;
        let first = under_way.end_of_run(first).map_or(first, |end| end + 1);
        let mut select = self.db.prepare_cached("SELECT sequence FROM event WHERE sequence >= ?1 ORDER BY sequence")?;
        let mut rows = select.query([first.cast_signed()])?;
        let (mut last, mut count) = (None, 0);
        while let Some(row) = rows.next()?
            && count < wanted
        {
            let sequence = row.get::<_, i64>(0)?.cast_unsigned();
            if !under_way.contains(sequence) {
                (last, count) = (Some(sequence), count + 1);
            }
        }
        Ok(last.map(|last| (first, last)).into_iter().collect())
    }
}
