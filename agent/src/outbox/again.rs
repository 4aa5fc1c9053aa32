//! Sending again what the broker took and dispatch does not acknowledge.

use super::{Outbox, WITH_BROKER_MAX};
use crate::time::Mono;
use geofence::Span;

/// Patience with dispatch before what the broker took, and dispatch does not acknowledge, is sent again; doubles up to the
/// maximum. While dispatch is silent it is the oldest event alone, and the rest once dispatch has moved: a backlog of 1,000 costs 29
/// copies a day, and not 29,000. A new connection, and a start, send again only what was on the way: dispatch may be away for a week,
/// and a link flap a thousand times meanwhile.
pub(super) const PATIENCE: Span = Span::seconds(30);
const PATIENCE_MAX: Span = Span::seconds(3_600);
/// The same while the month's bytes are short. Never for good: a broker that lost the newest events leaves no hole by which dispatch would know.
const PATIENCE_SPARING_MAX: Span = Span::seconds(24 * 3_600);
/// So many go again at once while bytes are short, and the next when dispatch has moved: it may only be slow. 80 kB.
pub(super) const SPARING_AT_ONCE: usize = 64;

/// Dispatch that says the same again brings the timer forward once in so long at most: one event an hour.
const REPEATED_EVERY: Span = Span::seconds(3_600);
/// And only where it said nothing for so long: then it has begun anew, or is connected anew. One that says it all the time is not asked
/// sooner for that.
const REPEATED_AFTER: Span = Span::seconds(60);

/// When dispatch spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Repeated {
    spoke_at: Option<Mono>,
    counted_at: Option<Mono>,
}

impl Repeated {
    /// It speaks. Whether it was silent before.
    pub(super) fn speaks(&mut self, at: Mono) -> bool {
        self.spoke_at.replace(at).is_none_or(|then| at - then >= REPEATED_AFTER)
    }
}

impl Outbox {
    /// Dispatch says live what it said before, as it does at each of its connections and starts. What it lacks although all of it was
    /// sent may have been lost with the broker, and the timer may be a day from asking.
    pub(super) fn repeats(&mut self, at: Mono) {
        let all_sent = self.next > self.highest && self.on_the_way.is_empty();
        let is_counted = self.repeated.counted_at.is_some_and(|then| at - then < REPEATED_EVERY);
        let soon = at.plus(PATIENCE);
        if is_counted || !all_sent || self.owed() == 0 || self.again_at.is_none_or(|then| then <= soon) {
            return;
        }
        self.repeated.counted_at = Some(at);
        // The doubling goes on from where it is.
        self.again_at = Some(soon);
    }

    /// Whether `sequence` was sent before since the start. Of more than a thousand runs the last count as new.
    #[must_use]
    pub fn is_resent(&self, sequence: u64) -> bool {
        self.resent.contains(sequence)
    }

    /// From `at` on: whether to ask a silent dispatch once a day, and not once an hour. What it lacks while it speaks was not delivered, and
    /// is sent again all the same, a little at a time.
    pub fn spare(&mut self, at: Mono, sparing: bool) {
        if self.sparing && !sparing {
            self.patience = Span(self.patience.0.min(PATIENCE_MAX.0));
            let soon = at.plus(PATIENCE_MAX);
            self.again_at = self.again_at.map(|then| then.min(soon));
        }
        self.sparing = sparing;
    }

    /// Sends again where that is due: all of it once dispatch was heard, else what asks for it. Where the broker's word has to do, what it
    /// took is never sent again, and what it did not take has its own times.
    pub(super) fn tend_silence(&mut self, at: Mono) {
        if self.owed() == 0 {
            // It spoke of what it has by now: of what is owed later it may know nothing.
            self.heard = false;
        }
        let all_sent = self.next > self.highest && self.on_the_way.is_empty();
        let is_time = all_sent && self.owed() > 0 && self.again_at.is_some_and(|then| at >= then);
        if !is_time || !self.dispatch_acks {
            return;
        }
        match (std::mem::take(&mut self.heard), self.sparing) {
            (true, false) => self.send_again(),
            (true, true) => self.send_oldest_again(SPARING_AT_ONCE),
            // The oldest event that it lacks asks for all of them: where dispatch answers, the rest follows; where it is away, an hour costs
            // one event, however many are owed.
            (false, _) => self.send_oldest_again(1),
        }
        let longer = self.patience.0 * 2;
        self.patience = Span(match self.sparing {
            true => longer.clamp(PATIENCE_MAX.0, PATIENCE_SPARING_MAX.0),
            false => longer.min(PATIENCE_MAX.0),
        });
        self.again_at = Some(at.plus(self.patience));
        self.pass();
    }

    /// How long to wait once dispatch has said that it has something beyond a hole. While bytes are short, one that it never takes is not to
    /// go again at a run with each event that comes after.
    pub(super) fn patience_with_a_hole(&self) -> Span {
        if self.sparing { Span(self.patience.0.min(PATIENCE_MAX.0)) } else { PATIENCE }
    }

    pub(super) fn send_again(&mut self) {
        self.next = self.thru + 1;
        self.nothing_on_the_way();
        for (first, last) in std::mem::take(&mut self.with_broker).iter() {
            self.was_sent(first, last);
        }
    }

    /// So many of what the broker took and dispatch does not say it has.
    fn send_oldest_again(&mut self, count: usize) {
        for _ in 0..count {
            let Some(oldest) = self.oldest_lacking() else { break };
            self.with_broker.remove(oldest, oldest);
            self.was_sent(oldest, oldest);
        }
        self.next = self.thru + 1;
    }

    /// The oldest that the broker took and dispatch does not say it has.
    fn oldest_lacking(&self) -> Option<u64> {
        self.with_broker.iter().find_map(|(first, last)| {
            let mut oldest = first;
            while let Some(end) = self.had_thru(oldest) {
                oldest = end.saturating_add(1);
            }
            (oldest <= last).then_some(oldest)
        })
    }

    pub(super) fn was_sent(&mut self, first: u64, last: u64) {
        self.resent.insert(first.max(self.thru + 1), last);
        self.resent.keep_lowest(WITH_BROKER_MAX);
    }
}
