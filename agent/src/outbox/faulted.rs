//! An event that the broker refuses for a fault of its own, where it takes the others.
//!
//! Reasons 0x80, 0x83 and 0x97 speak of the broker: it is full, or has a fault. So everything pauses. But a broker may always answer so to
//! one event or a few (a rule that fails at their contents), and as the first that is owed such a one would hold up the others for ever.
//! So what was refused is put off, and whether it is the broker the others say for themselves.
//!
//! ```text
//!  refused                            ->  put off; everything pauses, then another one asks
//!  that one is refused as well        ->  put off too, and the pause doubles
//!  that one is taken                  ->  no pause any more, and what was put off is tried again beside the others
//!  refused again, others taken since  ->  put off for longer, up to an hour; nothing pauses for it
//!  ten times                          ->  this broker does not take it
//! ```
//!
//! What is decided during the pause asks for itself: it may be the one that is taken, and dispatch waits for it.

use super::{NOT_SENT_MAX, Outbox, Refusal};
use crate::time::Mono;
use geofence::Span;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// So long the others go before it is tried again; doubles up to the maximum.
const AGAIN: Span = Span::seconds(60);
const AGAIN_DOUBLINGS: u32 = 6;
/// Refused so often while others were taken: 5 hours. A broker that refuses every third one for want of room does so once in 59,000.
const REFUSED_MAX: u32 = 10;
/// What is decided during a pause asks so long after the last that was refused: flapping events must not ask without end.
const ASKS_AFTER: Span = Span::seconds(30);

/// What was refused so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Faulted {
    put_off: BTreeMap<u64, PutOff>,
    /// The last refusal that everything pauses for, and the highest sequence that does not ask for itself.
    asked: Option<(Mono, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PutOff {
    tries: u32,
    /// Refused so often after another one had been taken.
    times: u32,
    /// Another one was taken since it was refused last.
    others_go: bool,
    /// Tried again then; `None`: at once.
    until: Option<Mono>,
    /// It is tried again.
    is_tried: bool,
}

impl PutOff {
    fn at(at: Mono, tries: u32, times: u32) -> Self {
        let until = at.plus(Span(AGAIN.0 << tries.min(AGAIN_DOUBLINGS)));
        Self { tries, times, others_go: false, until: Some(until), is_tried: false }
    }
}

impl Faulted {
    /// Not to be sent for the time being.
    pub(super) fn is_put_off(&self, sequence: u64) -> bool {
        self.put_off.get(&sequence).is_some_and(|put_off| !put_off.is_tried)
    }

    /// It was refused before, and is tried at times of its own.
    pub(super) fn has_own_times(&self, sequence: u64) -> bool {
        self.put_off.contains_key(&sequence)
    }

    pub(super) fn put_off(&self) -> impl Iterator<Item = u64> {
        self.put_off.keys().copied()
    }

    pub(super) fn forget(&mut self, is_settled: impl Fn(u64) -> bool) {
        self.put_off.retain(|sequence, _| !is_settled(*sequence));
    }

    /// `goes_on`: the pause stands, and what was decided since it began may still ask.
    fn refused_for_all(&mut self, at: Mono, highest: u64, goes_on: bool) {
        let above = self.asked.filter(|_| goes_on).map_or(highest, |(_, above)| above);
        self.asked = Some((at, above));
    }

    /// The broker has taken it: what was refused but once may have met the same fault as everything.
    pub(super) fn taken(&mut self, sequence: u64) {
        self.forget(|settled| settled == sequence);
        for put_off in self.put_off.values_mut() {
            put_off.others_go = true;
            put_off.until = put_off.until.filter(|_| put_off.tries > 0);
        }
    }
}

impl Outbox {
    /// `sequence`, with the number of its sending, was refused at `at` for a fault that the broker says is its own. Whether nothing pauses
    /// for it.
    pub(super) fn faulted(&mut self, at: Mono, sequence: u64, sending: u64) -> bool {
        if let Some(before) = self.faulted.put_off.get(&sequence).copied() {
            return self.refused_again(at, sequence, before);
        }
        if self.retried.contains(sequence) && self.not_taken.runs() < NOT_SENT_MAX {
            // As was found before: once is enough, until it is tried again.
            self.no_broker_takes(at, sequence);
            return true;
        }
        let is_paused = self.pause.is_some();
        if is_paused && sending < self.paused_from {
            // The refusals of one window are one.
            return true;
        }
        let is_put_off = self.has_room_to_put_off(at);
        if is_put_off {
            self.faulted.put_off.insert(sequence, PutOff::at(at, 0, 0));
        }
        self.faulted.refused_for_all(at, self.highest, is_paused && is_put_off);
        false
    }

    fn refused_again(&mut self, at: Mono, sequence: u64, before: PutOff) -> bool {
        let others_go = before.others_go && self.pause.is_none();
        let times = before.times + u32::from(others_go);
        self.faulted.put_off.insert(sequence, PutOff::at(at, before.tries.saturating_add(1), times));
        if times >= REFUSED_MAX {
            self.convict_faulted(at, sequence);
        }
        // While everything pauses it stands for the others: there is no other one to ask.
        self.faulted.refused_for_all(at, self.highest, true);
        self.pause.is_none()
    }

    /// Of too many the one that was refused most often is taken for one that this broker does not take. If none was while others were
    /// taken, it is the broker.
    fn has_room_to_put_off(&mut self, at: Mono) -> bool {
        if self.faulted.put_off.len() < NOT_SENT_MAX {
            return true;
        }
        let most = self.faulted.put_off.iter().max_by_key(|(_, put_off)| put_off.times);
        let most = most.filter(|(_, put_off)| put_off.times > 0).map(|(sequence, _)| *sequence);
        most.is_some_and(|sequence| self.convict_faulted(at, sequence))
    }

    /// Whether it is not tried any more on this connection.
    fn convict_faulted(&mut self, at: Mono, sequence: u64) -> bool {
        let has_room = self.not_taken.runs() < NOT_SENT_MAX;
        if has_room {
            self.faulted.forget(|convicted| convicted == sequence);
            self.suspicion.convict(sequence);
            self.no_broker_takes(at, sequence);
        }
        has_room
    }

    /// Moves the cursor to those whose time it is: they go beside the others. While the broker is being probed it is another one that
    /// asks, and if there is none these, one by one.
    pub(super) fn try_put_off(&mut self, at: Mono) {
        if self.pause.is_some() && self.next <= self.highest {
            return;
        }
        let is_due = |put_off: &PutOff| !put_off.is_tried && put_off.until.is_none_or(|until| at >= until);
        let due = self.faulted.put_off.iter_mut().filter(|(_, put_off)| is_due(put_off));
        for (&sequence, put_off) in due {
            put_off.is_tried = true;
            self.next = self.next.min(sequence);
        }
    }

    /// During a pause for a fault of the broker's own: what was decided since.
    pub(super) fn asks_early(&mut self, at: Mono) -> Option<RangeInclusive<u64>> {
        let is_fault = self.pause.is_some_and(|pause| pause.why == Refusal::Quota);
        let (refused_at, above) = self.faulted.asked.filter(|_| is_fault && self.on_the_way.is_empty())?;
        if at - refused_at < ASKS_AFTER {
            return None;
        }
        let sequence = self.freshest(at, above + 1)?;
        self.send(at, &(sequence..=sequence));
        Some(sequence..=sequence)
    }
}
