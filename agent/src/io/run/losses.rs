//! What dispatch will never get is told to the engine, so that an event names it; and what happens when this gateway is not the first.

use super::Daemon;
use crate::engine::{Engine, Link};
use crate::event::{Loss, LossCause};
use crate::outbox::{Clash, History};
use crate::ranges::Ranges;
use crate::recording::Recorded;
use crate::time::Mono;
use geofence::Span;

/// Losses that are found within this become one event: a broker that refuses everything must not double the events.
const GATHER: Span = Span::seconds(10);

/// What dispatch lacks of before this journal, which is asked once: when it speaks for the first time.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Before {
    /// It has not spoken yet, or all is noted.
    #[default]
    Unasked,
    /// It lacks everything from here on, but for these.
    Asked(u64, Ranges),
    /// What it lacks is named; the journal is to note that.
    Named,
}

impl Daemon {
    /// Numbers go on above `floor`; gives back `why` with what is to be said of that, and of what went with the run before.
    pub(super) fn begin_above(&mut self, at: Mono, floor: Option<u64>, mut why: Vec<String>) -> Vec<String> {
        let journal = self.keeper.journal();
        if let Some(floor) = floor {
            why.push("numbers_skipped".to_owned());
            self.recorded(Recorded::Floor(at, floor));
        } else if journal.is_settled() && !journal.is_stand_in() {
            // Otherwise nobody knows which numbers were given.
            let lost = self.health_file.in_memory_above(self.engine.state().sequence());
            if lost > 0 {
                tracing::error!(
                    events = lost,
                    "events were in memory only, for want of room, and went with the run before"
                );
                why.extend(["events_lost_in_memory".to_owned(), lost.to_string()]);
            }
        }
        if why.is_empty() {
            why.push("started".to_owned());
        }
        why
    }

    /// Names what can never be sent, and what has to make room.
    pub(super) fn name_losses(&mut self, at: Mono) {
        if !self.engine.state().may_lose() {
            return;
        }
        let unnamed = Loss::of(&self.engine.outbox().unnamed(at), LossCause::Unsendable);
        match unnamed {
            None => self.unnamed_since = None,
            Some(loss) if at - *self.unnamed_since.get_or_insert(at) >= GATHER => {
                self.unnamed_since = None;
                self.lose(at, loss);
            }
            Some(_) => {}
        }
        // What waits for its date has made no room yet, and would be chosen again.
        let is_free = |engine: &Engine| engine.state().losing().is_empty();
        let losses = if is_free(&self.engine) { self.keeper.evictions() } else { Vec::new() };
        if losses.is_empty() {
            return;
        }
        self.keeper.gather();
        for loss in losses {
            if is_free(&self.engine) {
                self.lose(at, loss);
            }
        }
        self.keeper.commit_gathered(at);
    }

    fn lose(&mut self, at: Mono, loss: Loss) {
        let (count, span) = (loss.ranges.count(), loss.ranges.span());
        tracing::warn!(count, ?span, why = ?loss.why, "events will never be with dispatch; device.lost names them");
        self.recorded(Recorded::Lost(at, loss));
    }

    /// Dispatch says what it has. Where it speaks of this journal for the first time, what it lacks of before is nowhere any more.
    pub(super) fn acknowledged(&mut self, told: Link) {
        let Link::Received { thru, have, .. } = &told else { return };
        let (thru, known): (u64, Ranges) = (*thru, have.iter().copied().collect());
        let ignored = self.engine.outbox().ignored_acks();
        self.engine_link(told.clone());
        match self.engine.outbox().clash() {
            None => {}
            Some(Clash::Anothers(above)) => return self.number_above(above),
            Some(Clash::Forgotten(above)) => {
                self.skip_to(above);
                self.engine_link(told);
            }
        }
        let is_known =
            self.engine.outbox().history() == History::Known && self.engine.outbox().ignored_acks() == ignored;
        if is_known && self.before == Before::Unasked && !self.keeper.journal().is_accepted() {
            self.before = Before::Asked(thru.saturating_add(1), known);
        }
    }

    /// Dispatch has events up to `above` of the gateway that was here before. Nothing of ours was acknowledged. In memory it is done at
    /// once; nothing is sent before the journal has it, and where its disk refuses, that is tried again and said like all else.
    fn number_above(&mut self, above: u64) {
        tracing::warn!(
            above,
            "dispatch has events up to there of another gateway: all of ours are numbered above them"
        );
        self.recorded(Recorded::Renumbered(self.clock.now(), above));
    }

    /// Dispatch has events of ours that this journal and its recording do not know: numbers go on above them.
    fn skip_to(&mut self, above: u64) {
        let first = self.engine.state().sequence() + 1;
        tracing::warn!(first, above, "dispatch has events of the journal that was lost: numbers go on above them");
        let at = self.clock.now();
        self.recorded(Recorded::Floor(at, above));
        let skipped: Ranges = [(first, above)].into_iter().collect();
        if let Some(loss) = Loss::of(&skipped, LossCause::NumbersSkipped) {
            self.lose(at, loss);
        }
    }

    /// Names what dispatch lacks of before this journal, once it speaks. Only when that is journaled the journal counts as known to
    /// dispatch: a kill in between must not leave a hole that nobody names.
    pub(super) fn tend_acceptance(&mut self) {
        match std::mem::take(&mut self.before) {
            // What stands in for a journal does not know what that one will have.
            Before::Asked(from, have) if self.engine.state().may_lose() && !self.keeper.journal().is_stand_in() => {
                self.before = Before::Named;
                self.name_not_kept(from, &have);
            }
            Before::Named if self.keeper.is_clean() => {
                if let Err(error) = self.keeper.journal().accept() {
                    tracing::warn!(%error, "dispatch's acknowledgement could not be kept");
                    self.before = Before::Named;
                }
            }
            waits @ (Before::Unasked | Before::Asked(..) | Before::Named) => self.before = waits,
        }
    }

    /// Dispatch asks for everything from `from` on. What is named as lost, and there all the same, is sent with the rest.
    pub(super) fn replayed(&mut self, from: u64) {
        let thru = from.saturating_sub(1);
        let journal = self.keeper.journal();
        let gone = journal.named_above(thru).and_then(|named| journal.gone_of(&named));
        match gone {
            Ok(gone) => self.engine.outbox_mut().lost(&gone),
            Err(error) => {
                tracing::error!(%error, "the journal cannot say what it names as lost");
                self.keeper.read_failed(&error);
            }
        }
        self.name_not_kept(from, &Ranges::default());
    }

    /// Dispatch lacks everything from `from` on but for `have`: what the journal no longer has of it is named.
    pub(super) fn name_not_kept(&mut self, from: u64, have: &Ranges) {
        let above = from.saturating_sub(1);
        let read =
            self.keeper.journal().lowest().and_then(|lowest| Ok((lowest, self.keeper.journal().named_above(above)?)));
        let (lowest, named) = match read {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%error, "the journal cannot say what it no longer has");
                return self.keeper.read_failed(&error);
            }
        };
        let mut ranges: Ranges = [(from.max(1), lowest.saturating_sub(1))].into_iter().collect();
        for known in [&named, &self.engine.state().losing(), have] {
            known.iter().for_each(|(first, last)| ranges.remove(first, last));
        }
        if let Some(loss) = Loss::of(&ranges, LossCause::NotKept).filter(|_| self.engine.state().may_lose()) {
            self.lose(self.clock.now(), loss);
        }
    }
}
