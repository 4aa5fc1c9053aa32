//! What is due goes from the journal to the link.

use super::Daemon;
use crate::budget::Class;
use crate::event::is_about_a_visit;
use crate::io::mqtt::Outgoing;
use crate::outbox::Refusal;
use crate::time::Mono;
use std::ops::RangeInclusive;

impl Daemon {
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
