//! What dispatch will never get is told to the engine, so that an event names it; and what happens when this gateway is not the first.

use super::{Daemon, RunError};
use crate::engine::{Link, State};
use crate::event::{Loss, LossCause};
use crate::io::clock::wall_clock;
use crate::io::journal::set_aside;
use crate::outbox::History;
use crate::ranges::Ranges;
use crate::recording::{Head, Recorded};
use crate::time::Mono;
use geofence::Span;
use std::path::Path;

/// Losses that are found within this become one event: a broker that refuses everything must not double the events.
const GATHER: Span = Span::seconds(10);

impl Daemon {
    /// Names what can never be sent, and what has to make room.
    pub(super) fn name_losses(&mut self, at: Mono) {
        if !self.engine.state().may_lose() {
            return;
        }
        let unnamed = Loss::of(&self.engine.outbox().unnamed(), LossCause::Unsendable);
        match unnamed {
            None => self.unnamed_since = None,
            Some(loss) if at - *self.unnamed_since.get_or_insert(at) >= GATHER => {
                self.unnamed_since = None;
                self.lose(at, loss);
            }
            Some(_) => {}
        }
        // What waits for its date has made no room yet, and would be chosen again.
        if self.engine.state().losing().is_empty()
            && let Some(loss) = self.keeper.eviction()
        {
            self.lose(at, loss);
        }
    }

    fn lose(&mut self, at: Mono, loss: Loss) {
        let (count, span) = (loss.ranges.count(), loss.ranges.span());
        tracing::warn!(count, ?span, why = ?loss.why, "events will never be with dispatch; device.lost names them");
        self.recorded(Recorded::Lost(at, loss));
    }

    /// Dispatch says what it has. Where it speaks of this journal for the first time, what it lacks of before is nowhere any more.
    pub(super) fn acknowledged(&mut self, device: String, thru: u64, have: Vec<(u64, u64)>) {
        let known = have.iter().copied().collect();
        let was_known = self.engine.outbox().history() == History::Known;
        self.engine_link(Link::Received { device, thru, have });
        if !was_known && self.engine.outbox().history() == History::Known {
            self.name_not_kept(thru.saturating_add(1), &known);
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

    /// Dispatch has events up to `floor` of the gateway that was here before, or of a disk that was lost: what was journaled is set
    /// aside, and the next start derives it again from the recording, numbered above. Nothing of it was acknowledged.
    pub(super) fn renumber(self, state_dir: &Path, floor: u64) -> Result<(), RunError> {
        tracing::warn!(
            floor,
            "dispatch has events up to there of another gateway, or of a disk that was lost; ours are numbered above them"
        );
        let Self { clock, engine, keeper, .. } = self;
        let mut blackbox = keeper.into_blackbox();
        let head = Head { state: State::default(), ..engine.head() };
        // First: a journal that is away before would be derived with the old numbers.
        blackbox.preface(clock.now(), &head, floor)?;
        set_aside(&state_dir.join("journal.db"), "renumbered", wall_clock())?;
        Ok(())
    }
}
