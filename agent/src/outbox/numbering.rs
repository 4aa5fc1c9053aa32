//! The cursor when our numbers turn out to be another gateway's, or to have been given out before.

use super::{Clash, History, Outbox};
use crate::ranges::Ranges;
use crate::time::Mono;

impl Outbox {
    /// Up to `sent` something may have been sent. Everything was numbered anew so often, the last time above `base`.
    #[must_use]
    pub fn numbered(self, sent: u64, base: u64, renumberings: u32) -> Self {
        Self { sent_max: sent, base, renumberings, ..self }
    }

    /// Dispatch has events of numbers that this journal never gave out. Nothing is sent until ours are numbered above them.
    #[must_use]
    pub fn clash(&self) -> Option<Clash> {
        self.clash
    }

    /// Sequences up to here were given before, by others; they are named as lost by whoever says so.
    pub fn skip_to(&mut self, sequence: u64) {
        self.lost.insert(self.highest + 1, sequence);
        self.highest = self.highest.max(sequence);
        self.clash = None;
        self.move_by_the_brokers_word();
    }

    /// All events have numbers that are higher by `by` now, above `above`; nothing was acknowledged of them. What is on the way under
    /// an old number still takes its place in the window until the broker has answered.
    pub fn renumbered(&mut self, at: Mono, by: u64, above: u64) {
        for number in [&mut self.thru, &mut self.told_thru, &mut self.highest] {
            *number += by;
        }
        (self.next, self.acked) = (self.thru + 1, 0);
        self.fresh.iter_mut().for_each(|fresh| fresh.sequence += by);
        self.with_broker = Ranges::default();
        self.suspicion.forget(|_| true);
        self.faulted.forget(|_| true);
        self.have.clear();
        self.seen = Ranges::default();
        self.held.clear();
        self.held_until = None;
        let Self { not_taken, retried, quarantined, shelved, lost, .. } = self;
        for ranges in [not_taken, retried, quarantined, shelved, lost] {
            *ranges = ranges.shifted(by);
        }
        self.again_at = None;
        (self.history, self.base, self.sent_max) = (History::Unacknowledged, above, above);
        (self.clash, self.quiet_until) = (None, Some(at));
        self.renumberings += 1;
    }
}
