//! What is due goes from the journal to the link.

use super::Daemon;
use crate::budget::Class;
use crate::engine::Link;
use crate::event::is_about_a_visit;
use crate::io::clock::wall_clock;
use crate::io::mqtt::Outgoing;
use crate::io::mqtt::gone::Gone;
use crate::outbox::{Ending, Refusal};
use crate::time::Mono;
use geofence::Span;
use std::ops::RangeInclusive;

/// So many events more with the broker are worth a commit of their own where no other comes: 20 kB, which a start would send again.
const WORTH_NOTING: u64 = 16;
/// The same while more of them are on the way: 1.3 MB, and 100 commits for a backlog of 100,000.
const WORTH_NOTING_AMID: u64 = 1_024;
/// A disk that refuses is not asked at each turn of the loop.
const NOTED_AGAIN_AFTER: Span = Span::seconds(10);

/// How delivery stood when that was noted last.
pub(super) struct Noted {
    /// So many events were with the broker or dispatch.
    pub(super) taken: u64,
    /// A disk that refused is asked again then.
    pub(super) again_at: Mono,
}

impl Daemon {
    /// How delivery stands goes into the next transaction.
    pub(super) fn note_delivery(&mut self) {
        let outbox = self.engine.outbox();
        self.noted.taken = outbox.taken();
        self.keeper.journal().delivers(&outbox.delivery());
    }

    /// What was taken is noted with the next event. Of a backlog much is, and the power may go before there is one.
    pub(super) fn tend_delivery(&mut self) {
        let outbox = self.engine.outbox();
        let (taken, is_drained) = (outbox.taken(), outbox.is_drained());
        let worth = if is_drained { WORTH_NOTING } else { WORTH_NOTING_AMID };
        let delivery = (taken >= self.noted.taken.saturating_add(worth)).then(|| outbox.delivery());
        let at = self.clock.now();
        if (!is_drained && delivery.is_none()) || at < self.noted.again_at {
            return;
        }
        // Also where the disk refuses: it is tried again with the next event, and when there is as much more.
        self.noted.taken = if delivery.is_some() { taken } else { self.noted.taken };
        if let Err(error) = self.keeper.journal().note_delivery(delivery.as_ref()) {
            tracing::debug!(%error, "how delivery stands could not be noted");
            self.noted.again_at = at.plus(NOTED_AGAIN_AFTER);
        }
    }

    pub(super) fn send(&mut self, at: Mono, range: RangeInclusive<u64>) {
        let read = self.keeper.journal().bodies(&range).and_then(|read| Ok((read, self.keeper.journal().highest()?)));
        let (bodies, highest) = read.unwrap_or_else(|error| {
            tracing::error!(%error, "events cannot be read from the journal");
            self.keeper.read_failed(&error);
            (Vec::new(), 0)
        });
        if self.keeper.journal().base() != self.engine.state().base() {
            // The disk has not taken the new numbers yet: what stands there under these is another event.
            return range.for_each(|sequence| self.engine.outbox_mut().refused(at, sequence, Refusal::Local));
        }
        if let Err(error) = self.keeper.journal().told(*range.end()) {
            tracing::warn!(%error, "it cannot be noted that events were sent; they wait until it can");
            return range.for_each(|sequence| self.engine.outbox_mut().refused(at, sequence, Refusal::Local));
        }
        let mut missing = range;
        for (sequence, body) in bodies {
            (*missing.start()..sequence).for_each(|absent| self.absent(at, absent, highest));
            missing = sequence + 1..=*missing.end();
            let class = match (self.engine.outbox().is_resent(sequence), is_about_a_visit(&body)) {
                (true, _) => Class::Resends,
                (false, true) => Class::Visits,
                (false, false) => Class::Events,
            };
            self.hand_over(Outgoing::Event(sequence, body, class));
        }
        missing.for_each(|absent| self.absent(at, absent, highest));
    }

    /// Not in the journal yet: held while the disk refuses it, and not sent before it is durable. Or never again, where later
    /// ones are: to wait for it would stop everything behind it.
    fn absent(&mut self, at: Mono, sequence: u64, highest: u64) {
        let refusal = if sequence < highest { Refusal::Unsendable } else { Refusal::Local };
        self.engine.outbox_mut().refused(at, sequence, refusal);
    }

    pub(super) fn hand_over(&mut self, outgoing: Outgoing) {
        let Some(to_link) = &self.to_link else { return };
        if let Err(full) = to_link.try_send(outgoing)
            && let Outgoing::Event(sequence, ..) = full.into_inner()
        {
            self.engine.outbox_mut().refused(self.clock.now(), sequence, Refusal::Local);
        }
    }

    /// An event that names losses is not named as lost itself.
    pub(super) fn shelve_loss(&mut self, sequence: u64) {
        if self.keeper.journal().is_loss(sequence).unwrap_or(false) {
            self.engine.outbox_mut().shelve(sequence);
        }
    }

    /// The connection is gone, or could not be made.
    pub(super) fn gone(&mut self, Gone { cause, why }: Gone, ending: Ending) {
        let remedy = cause.remedy();
        if self.parts.link.set("gone", Some(why.clone()), Some(remedy), wall_clock()) {
            self.news = true;
            tracing::warn!(why, remedy, "no broker");
        }
        self.engine_link(Link::Down(ending));
        self.convicted("this event ends each connection that it is sent on; the others go without it");
    }

    /// An event was found to be what this broker does not take.
    pub(super) fn convicted(&mut self, why: &'static str) {
        let Some(sequence) = self.engine.outbox_mut().convicted() else { return };
        tracing::warn!(sequence, remedy = Refusal::NotTaken.remedy(), "{why}");
        self.news = true;
        self.shelve_loss(sequence);
    }

    /// Somebody has to know that events stay here, once for each reason.
    pub(super) fn paused(&mut self) {
        let why = self.engine.outbox().pause().map(|pause| pause.why);
        if std::mem::replace(&mut self.paused, why) != why {
            self.news = true;
            if let Some(why) = why {
                tracing::warn!(why = why.words(), remedy = why.remedy(), "nothing is sent");
            }
        }
    }
}
