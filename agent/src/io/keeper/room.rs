//! Where the disk is full, the recording gives way to what is to be kept now: whole segments, the oldest first.
//!
//! What others wrote is not ours to remove, and an event that is only in memory is lost with the power. Six weeks of raw bytes are
//! evidence of what dispatch has mostly got already, so they go before it. Never those that the next start derives from, and
//! never the newest: its head is what a journal that is lost begins with.

use super::Keeper;
use crate::io::journal::JournalError;
use crate::io::reserve::BYTES as RESERVED;
use crate::time::Mono;
use geofence::Span;
use std::io;

/// What a transaction takes of the disk at most, beside its events: pages of the log for the state, the tables and what they are split into.
const TRANSACTION: u64 = 64 << 10;
/// The same for each event: a page, its neighbour, and what of the log that is.
const EVENT: u64 = 6 << 10;
/// What a segment asks for: its head, and an hour or so of the drive.
const SEGMENT: u64 = 384 << 10;
/// How often the disk is asked, while nothing was refused.
const LOOK: Span = Span::seconds(60);

/// What a full disk has taken so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GaveWay {
    /// The disk had no room when it was last asked: segments give way, if there are any.
    pub is_full: bool,
    /// Segments of the recording that gave way since the start, before their time.
    pub segments: u64,
}

impl Keeper {
    /// Room is made before there is none, and it is noted when there is enough again. To be called now and then.
    pub(super) fn tend_room(&mut self, at: Mono) {
        if at < *self.look_at.get_or_insert(at.plus(LOOK)) {
            return;
        }
        self.look_at = Some(at.plus(LOOK));
        let went = self.make_room(SEGMENT);
        self.trouble.gave_way.is_full = went || self.blackbox.free() < SEGMENT;
    }

    /// For the next segment, before there is none.
    pub(super) fn make_room_to_record(&mut self) {
        self.make_room(SEGMENT);
    }

    /// The recording was refused for `error`. Whether there is more room than there was: then it may go on. Not again within a minute: who
    /// writes without end takes it each time, and all that was recorded would go for some seconds more.
    pub(super) fn makes_room_to_record(&mut self, at: Mono, error: &io::Error) -> bool {
        let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        if !is_full || self.recorded_again.is_some_and(|then| at - then < LOOK) {
            return false;
        }
        let went = self.make_room(SEGMENT);
        if went {
            self.recorded_again = Some(at);
        }
        went
    }

    /// For the events that are held, which the journal refused for `error`. Whether there is more than there was: then it may take them.
    pub(super) fn make_room_for_events(&mut self, error: &JournalError) -> bool {
        if !error.may_be_want_of_room() {
            return false;
        }
        let wanted = self.wanted(error);
        if self.blackbox.free() >= wanted {
            return false;
        }
        if self.make_room(wanted) {
            return true;
        }
        if self.futile.is_some() {
            return false;
        }
        // Last: a start can do without it, an event that is nowhere but in memory cannot.
        let given_up = self.blackbox.give_up_reserve();
        if given_up {
            tracing::error!("the disk has no room for events; the reserve is given up for them");
        }
        given_up
    }

    /// The journal did not take the events, and not because the disk has no room for them.
    pub(super) fn is_quota(&self, error: &JournalError) -> bool {
        matches!(error, JournalError::Full) && self.blackbox.free() >= self.wanted(error)
    }

    /// With so many bytes free, it is not the disk that refuses. Some promise more than they give, so where the quota cannot be it, more.
    fn wanted(&self, error: &JournalError) -> u64 {
        let events = TRANSACTION + EVENT * self.held.events.len() as u64;
        let is_disk = matches!(error, JournalError::Full) && self.journal.has_room_for(&self.held.events);
        if is_disk { events.max(RESERVED) } else { events }
    }

    /// Segments go until the disk has so many bytes, or none is left that may go, or what went was of no use. Whether one went.
    fn make_room(&mut self, bytes: u64) -> bool {
        let free = self.blackbox.free();
        if free >= bytes {
            return false;
        }
        self.trouble.gave_way.is_full = true;
        if self.futile == Some(free) {
            return false;
        }
        let (went, ended) = give_way(bytes, || self.blackbox.free(), || self.blackbox.give_way(self.derived_from));
        self.futile = None;
        match ended {
            Ended::Enough | Ended::NoneLeft => {}
            Ended::Futile(free) => {
                tracing::warn!("a segment of the recording went, and the disk has no more room for it; no other goes");
                self.futile = Some(free);
            }
            Ended::Failed(error) => {
                tracing::error!(%error, "a segment of the recording cannot give way to a full disk")
            }
        }
        self.trouble.gave_way.segments += went;
        if went > 0 {
            let segments = went;
            tracing::warn!(segments, "the disk is full: the oldest segments of the recording gave way");
        }
        went > 0
    }
}

enum Ended {
    Enough,
    NoneLeft,
    /// With so many bytes free, as before the last one went: the system keeps what is freed for root, or frees it later.
    Futile(u64),
    Failed(io::Error),
}

/// How many segments went, and why no more.
fn give_way(bytes: u64, free: impl Fn() -> u64, mut one_goes: impl FnMut() -> io::Result<bool>) -> (u64, Ended) {
    let (mut went, mut before) = (0, free());
    while before < bytes {
        match one_goes() {
            Ok(true) => went += 1,
            Ok(false) => return (went, Ended::NoneLeft),
            Err(error) => return (went, Ended::Failed(error)),
        }
        let now = free();
        if now <= before {
            return (went, Ended::Futile(now));
        }
        before = now;
    }
    (went, Ended::Enough)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// A disk of which each segment frees so many bytes, all of which root gets first up to `held_back`.
    fn went(segments: u64, each: u64, held_back: u64, wanted: u64) -> (u64, bool) {
        let (left, freed) = (Cell::new(segments), Cell::new(0_u64));
        let one_goes = || {
            freed.set(freed.get() + if left.get() > 0 { each } else { 0 });
            Ok(left.replace(left.get().saturating_sub(1)) > 0)
        };
        let (went, ended) = give_way(wanted, || freed.get().saturating_sub(held_back), one_goes);
        (went, matches!(ended, Ended::Enough))
    }

    #[test]
    fn as_many_segments_go_as_it_takes_and_none_after_one_that_was_of_no_use() {
        assert_eq!(went(9, 100, 0, 250), (3, true));
        assert_eq!(went(2, 100, 0, 250), (2, false));
        assert_eq!(went(9, 100, 0, 0), (0, true));
        assert_eq!(went(9, 100, 400, 250), (1, false), "five per cent of a disk are root's");
        assert_eq!(went(9, 100, 50, 120), (2, true));
    }
}
