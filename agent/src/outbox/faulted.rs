//! An event that the broker refuses for a fault of its own, where it takes the others.
//!
//! Reasons 0x80, 0x83 and 0x97 speak of the broker: it is full, or has a fault. So everything pauses. But a broker may always answer so to
//! one event or a few (a rule that fails at their contents), and as the first that is owed such a one would hold up the others for ever.
//!
//! ```text
//!  refused, and again after the pause     ->  left out: another one goes after the next pause
//!  another one is refused as well         ->  it may be the broker: nothing is held against what is left out
//!  the others are taken                   ->  it is tried again beside them, ever more rarely, and pauses nothing
//!  refused so for hours, others taken     ->  this broker does not take it, and is asked again each hour
//! ```

use super::{NOT_SENT_MAX, Outbox};
use crate::time::Mono;
use geofence::Span;
use std::collections::BTreeMap;

/// So long the others go before it is tried again; doubles up to the maximum.
const AGAIN: Span = Span::seconds(60);
const AGAIN_DOUBLINGS: u32 = 6;
/// Refused so often while others were taken: 5 hours. A broker that refuses every other one for want of room does so once in a thousand.
const REFUSED_MAX: u32 = 10;

/// What was refused so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Faulted {
    /// The last one that was refused, and is not left out yet.
    last: Option<u64>,
    /// Not sent but at times of their own.
    left_out: BTreeMap<u64, LeftOut>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LeftOut {
    tries: u32,
    /// Refused so often while others were taken, and no other one refused.
    times: u32,
    /// Another one was taken since it was refused last.
    others_go: bool,
    /// Tried again then.
    until: Mono,
    /// It is tried again.
    is_tried: bool,
}

impl LeftOut {
    fn at(at: Mono, tries: u32, times: u32) -> Self {
        let until = at.plus(Span(AGAIN.0 << tries.min(AGAIN_DOUBLINGS)));
        Self { tries, times, others_go: false, until, is_tried: false }
    }
}

impl Faulted {
    pub(super) fn is_left_out(&self, sequence: u64) -> bool {
        self.left_out.get(&sequence).is_some_and(|left_out| !left_out.is_tried)
    }

    pub(super) fn left_out(&self) -> impl Iterator<Item = u64> {
        self.left_out.keys().copied()
    }

    pub(super) fn forget(&mut self, is_settled: impl Fn(u64) -> bool) {
        self.last = self.last.filter(|sequence| !is_settled(*sequence));
        self.left_out.retain(|sequence, _| !is_settled(*sequence));
    }

    /// A new connection at `at`: what earlier ones did not take is asked for now.
    pub(super) fn retry(&mut self, at: Mono) {
        for left_out in self.left_out.values_mut().filter(|left_out| left_out.times >= REFUSED_MAX) {
            left_out.until = left_out.until.min(at);
        }
    }

    /// The broker has taken it.
    pub(super) fn taken(&mut self, sequence: u64) {
        self.forget(|settled| settled == sequence);
        self.left_out.values_mut().for_each(|left_out| left_out.others_go = true);
    }
}

impl Outbox {
    /// `sequence` was refused at `at` for a fault that the broker says is its own. Whether the others go on without: it may be only this
    /// event, and whether it is the broker the others say for themselves.
    pub(super) fn faulted(&mut self, at: Mono, sequence: u64) -> bool {
        if let Some(before) = self.faulted.left_out.get(&sequence).copied() {
            self.refused_again(at, sequence, before);
            return true;
        }
        let has_room = self.faulted.left_out.len() < NOT_SENT_MAX;
        if self.retried.contains(sequence) && has_room {
            // An earlier connection found it to be this one.
            self.faulted.left_out.insert(sequence, LeftOut::at(at, AGAIN_DOUBLINGS, REFUSED_MAX - 1));
            return true;
        }
        // The refusals of one window come together and are one.
        if self.pause.is_some_and(|pause| at < pause.until) {
            return false;
        }
        if self.faulted.last == Some(sequence) && has_room {
            self.faulted.last = None;
            self.faulted.left_out.insert(sequence, LeftOut::at(at, 0, 0));
        } else {
            self.faulted.last = Some(sequence);
            self.faulted.left_out.values_mut().for_each(|left_out| left_out.times = 0);
        }
        false
    }

    fn refused_again(&mut self, at: Mono, sequence: u64, before: LeftOut) {
        let was_convicted = before.times >= REFUSED_MAX;
        let times = before.times + u32::from(before.others_go && !was_convicted);
        self.faulted.left_out.insert(sequence, LeftOut::at(at, before.tries.saturating_add(1), times));
        if times >= REFUSED_MAX {
            self.no_broker_takes(at, sequence);
        }
        if times >= REFUSED_MAX && !was_convicted {
            self.suspicion.convict(sequence);
        }
    }

    /// Moves the cursor to those whose time it is: they go beside the others. While the broker is being probed they wait, or two of them
    /// would take turns and a third never had its own; unless there is no other.
    pub(super) fn try_left_out(&mut self, at: Mono) {
        if self.pause.is_some() && self.next <= self.highest {
            return;
        }
        let due = self.faulted.left_out.iter_mut().filter(|(_, left_out)| !left_out.is_tried && at >= left_out.until);
        for (&sequence, left_out) in due {
            left_out.is_tried = true;
            self.next = self.next.min(sequence);
            if self.not_taken.contains(sequence) {
                // Room is made while a connection holds, too.
                self.not_taken.remove(sequence, sequence);
                self.retried.insert(sequence, sequence);
            }
        }
    }
}
