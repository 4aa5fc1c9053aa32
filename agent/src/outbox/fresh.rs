//! What dispatch is waiting for: it overtakes the backlog.

use super::Outbox;
use crate::time::Mono;
use geofence::Span;

/// Fresh is what was decided so recently.
pub const FRESH: Span = Span::seconds(900);
/// Fresh events that are known at once: one every four seconds. What is beyond waits its turn in the backlog.
pub const FRESH_MAX: usize = 225;

/// An event that was decided a short time ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fresh {
    pub(super) sequence: u64,
    pub(super) at: Mono,
    /// About a visit.
    pub(super) urgent: bool,
}

/// An event of a run before this one that dispatch is still waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recent {
    /// Which.
    pub sequence: u64,
    /// About a visit.
    pub urgent: bool,
    /// It happened so long before the start, not less than 0.
    pub age: Span,
}

impl Outbox {
    /// It is in the journal at a start at `at`, in order of sequence. Where time has begun anew since it happened, it counts as of then.
    pub fn known_since(&mut self, at: Mono, recent: Recent) {
        let Recent { sequence, urgent, age } = recent;
        self.is_fresh(Fresh { sequence, at: at.plus(Span(-age.0)), urgent });
    }

    pub(super) fn is_fresh(&mut self, fresh: Fresh) {
        self.fresh.push_back(fresh);
        if self.fresh.len() > FRESH_MAX {
            self.fresh.pop_front();
        }
    }

    /// The first of what is fresh from `from` on and was not sent yet: about a visit, or else anything.
    pub(super) fn freshest(&mut self, at: Mono, from: u64) -> Option<u64> {
        let thru = self.thru;
        self.fresh.retain(|fresh| at - fresh.at < FRESH && fresh.sequence > thru);
        let waiting = |fresh: &&Fresh| fresh.sequence >= from && !self.is_passed(fresh.sequence);
        let first = |urgent| self.fresh.iter().filter(waiting).find(|fresh| fresh.urgent == urgent);
        first(true).or_else(|| first(false)).map(|fresh| fresh.sequence)
    }
}
