//! What cannot be sent: until another broker takes it, until an event names it as lost, or never.

use super::{NOT_SENT_MAX, Outbox};
use crate::event::LOSS_RANGES_MAX;
use crate::ranges::Ranges;
use crate::time::Mono;
use geofence::{Span, UnixMillis};

/// What the broker does not take is named as lost after this: a limit is mended within days, and a name lets dispatch, and the quota,
/// forget the event. It holds up nothing else.
const NOT_TAKEN_MAX: Span = Span::seconds(7 * 86_400);
/// It is tried again with a new connection, so often at most: a broker that says no to each costs what sending costs.
const RETRY_EVERY: Span = Span::seconds(3_600);
/// And where a connection holds for days: room may have been made meanwhile.
const RETRY_WHILE_IT_HOLDS: Span = Span::seconds(86_400);

/// For how long there is something that the broker does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Standing {
    /// In this run; `None`: it refused nothing yet.
    since: Option<Mono>,
    /// By the receiver's time, over starts; a truck may never run for a week.
    date: Option<UnixMillis>,
    /// The newest time of the receiver.
    now: Option<UnixMillis>,
}

impl Standing {
    /// An earlier run found it at `date`.
    pub(super) fn since(date: Option<UnixMillis>) -> Self {
        Self { date, ..Self::default() }
    }

    pub(super) fn date(&self) -> Option<UnixMillis> {
        self.date
    }

    /// A calendar that was ahead when it began and is right by now must not make it last for ever.
    fn dated(&mut self, now: UnixMillis) {
        self.now = Some(now);
        self.date = Some(self.date.map_or(now, |date| date.min(now)));
    }

    /// Of a week between two starts nothing is known: what was refused before is asked for once more in any case.
    fn is_over(&self, at: Mono) -> bool {
        let by_date = self.now.zip(self.date).is_some_and(|(now, date)| now - date >= NOT_TAKEN_MAX);
        self.since.is_some_and(|since| by_date || at - since >= NOT_TAKEN_MAX)
    }
}

impl Outbox {
    /// No broker takes it, as far as this one is all of them.
    pub(super) fn no_broker_takes(&mut self, at: Mono, sequence: u64) {
        self.tend_standing();
        self.standing.since.get_or_insert(at);
        self.not_taken.insert(sequence, sequence);
    }

    /// What has gone another way since stands no more, and what comes later has its own week.
    pub(super) fn tend_standing(&mut self) {
        if self.not_taken.is_empty() && self.retried.is_empty() {
            self.standing = Standing::default();
        }
    }

    /// It is `now`, says a fix.
    pub fn dated(&mut self, now: UnixMillis) {
        self.tend_standing();
        if !self.not_taken.is_empty() || !self.retried.is_empty() {
            self.standing.dated(now);
        }
    }

    /// A new connection: what the broker did not take may be taken now.
    pub(super) fn retry(&mut self, at: Mono) {
        let is_any = !self.not_taken.is_empty() || !self.shelved.is_empty();
        if !is_any || self.retried_at.is_some_and(|then| at - then < RETRY_EVERY) {
            return;
        }
        self.retried_at = Some(at);
        self.shelved = Ranges::default();
        for (first, last) in std::mem::take(&mut self.not_taken).iter() {
            self.retried.insert(first, last);
        }
        self.retried.keep_lowest(NOT_SENT_MAX);
    }

    /// The connection holds all the while.
    pub(super) fn retry_while_it_holds(&mut self, at: Mono) {
        let last = self.retried_at.max(self.standing.since).filter(|_| !self.not_taken.is_empty());
        if last.is_some_and(|last| at - last >= RETRY_WHILE_IT_HOLDS) {
            self.retry(at);
            self.next = self.thru + 1;
        }
    }

    /// Events that cannot be sent, to this broker or to any: how many are known, the first and the last.
    #[must_use]
    pub fn quarantined(&self) -> Option<(u64, u64, u64)> {
        let all: Ranges = self.quarantined.iter().chain(self.not_taken.iter()).chain(self.shelved.iter()).collect();
        all.span().map(|(first, last)| (all.count(), first, last))
    }

    /// Events that can never be sent, and are to be named as lost: as many as one event names.
    #[must_use]
    pub fn unnamed(&self, at: Mono) -> Ranges {
        let mut ranges = self.quarantined.clone();
        if self.standing.is_over(at) {
            self.not_taken.iter().for_each(|(first, last)| ranges.insert(first, last));
        }
        ranges.keep_lowest(LOSS_RANGES_MAX);
        ranges
    }

    /// These are named as lost: they are not sent any more, and `thru` may pass them.
    pub fn lost(&mut self, ranges: &Ranges) {
        for (first, last) in ranges.iter() {
            self.quarantined.remove(first, last);
            self.not_taken.remove(first, last);
            self.retried.remove(first, last);
            // It asks for nothing any more.
            self.with_broker.remove(first, last);
            self.lost.insert(first.max(self.thru + 1), last);
        }
        self.suspicion.forget(|sequence| ranges.contains(sequence));
        self.faulted.forget(|sequence| ranges.contains(sequence));
        self.move_by_the_brokers_word();
    }

    /// It can never be sent, and is not named as lost either: it names others, and each name would need another.
    pub fn shelve(&mut self, sequence: u64) {
        self.quarantined.remove(sequence, sequence);
        self.not_taken.remove(sequence, sequence);
        self.retried.remove(sequence, sequence);
        self.shelved.insert(sequence, sequence);
        self.faulted.forget(|shelved| shelved == sequence);
    }
}
