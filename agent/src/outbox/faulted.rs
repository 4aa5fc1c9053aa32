//! An event that the broker refuses for a fault of its own, where it takes the others.
//!
//! Reasons 0x80, 0x83 and 0x97 speak of the broker: it is full, or has a fault. So everything pauses. But a broker may always answer so to
//! one event (a rule that fails at its contents), and as the first that is owed this one would hold up the others for ever.
//!
//! ```text
//!  refused, and again after the pause  ->  left out: another one goes after the next pause
//!  another one is refused as well      ->  it is the broker: nothing is left out any more
//!  the others are taken                ->  it is tried again beside them, ever more rarely
//!  refused so for hours                ->  this broker does not take it
//! ```

use super::{NOT_SENT_MAX, Outbox, Pause};
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
    /// Not sent for the time being.
    left_out: BTreeMap<u64, LeftOut>,
    /// Another one was taken since the last was left out.
    others_go: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LeftOut {
    /// Refused so often while others were taken.
    times: u32,
    /// Tried again then.
    until: Mono,
    /// It is tried again.
    is_tried: bool,
}

impl Faulted {
    pub(super) fn is_left_out(&self, sequence: u64) -> bool {
        self.left_out.get(&sequence).is_some_and(|left_out| !left_out.is_tried)
    }

    pub(super) fn first_left_out(&self) -> Option<u64> {
        self.left_out.keys().next().copied()
    }

    pub(super) fn forget(&mut self, is_settled: impl Fn(u64) -> bool) {
        self.last = self.last.filter(|sequence| !is_settled(*sequence));
        self.left_out.retain(|sequence, _| !is_settled(*sequence));
    }

    /// The broker has taken it.
    pub(super) fn taken(&mut self, sequence: u64) {
        self.forget(|settled| settled == sequence);
        self.others_go = true;
    }
}

impl Outbox {
    /// `sequence` was refused at `at` for a fault that the broker says is its own, and `pause` is what follows if it is. Whether the others
    /// go on without: it is only this event.
    pub(super) fn faulted(&mut self, at: Mono, sequence: u64, pause: Pause) -> bool {
        if self.faulted.left_out.contains_key(&sequence) {
            return self.refused_again(at, sequence, pause);
        }
        let has_room = self.faulted.left_out.len() < NOT_SENT_MAX;
        if self.retried.contains(sequence) && has_room {
            // An earlier connection found it to be this one.
            self.leave_out(sequence, REFUSED_MAX - 1, at.plus(Span(AGAIN.0 << AGAIN_DOUBLINGS)));
            return true;
        }
        // The refusals of one window come together and are one.
        if self.pause.is_some_and(|pause| at < pause.until) {
            return false;
        }
        if self.faulted.last == Some(sequence) && has_room {
            self.leave_out(sequence, 0, pause.until.plus(AGAIN));
            (self.faulted.last, self.faulted.others_go) = (None, false);
        } else {
            // The others are refused as well, or nobody knows yet.
            self.next = self.faulted.first_left_out().map_or(self.next, |first| self.next.min(first));
            self.faulted = Faulted { last: Some(sequence), ..Faulted::default() };
        }
        false
    }

    fn leave_out(&mut self, sequence: u64, times: u32, until: Mono) {
        self.faulted.left_out.insert(sequence, LeftOut { times, until, is_tried: false });
    }

    /// What was left out was tried again.
    fn refused_again(&mut self, at: Mono, sequence: u64, pause: Pause) -> bool {
        let others_go = std::mem::take(&mut self.faulted.others_go);
        let times = self.faulted.left_out.get(&sequence).map_or(0, |left_out| left_out.times) + u32::from(others_go);
        if times >= REFUSED_MAX {
            self.faulted.forget(|settled| settled == sequence);
            self.suspicion.convict(sequence);
            self.no_broker_takes(at, sequence);
        } else {
            let later = at.plus(Span(AGAIN.0 << times.min(AGAIN_DOUBLINGS)));
            self.leave_out(sequence, times, if others_go { later } else { later.max(pause.until.plus(AGAIN)) });
        }
        others_go
    }

    /// Those whose time it is go again, beside the others.
    pub(super) fn try_left_out(&mut self, at: Mono) {
        let due = self.faulted.left_out.iter_mut().filter(|(_, left_out)| !left_out.is_tried && at >= left_out.until);
        for (&sequence, left_out) in due {
            left_out.is_tried = true;
            self.next = self.next.min(sequence);
        }
    }
}
