//! What happens more often than anybody wants to be told: it is summed, and told with its sum when the last time is long enough ago.

use crate::time::Mono;
use geofence::Span;
use serde::{Deserialize, Serialize};

/// A sum that is told now and then, the first time at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub(super) struct Gathered {
    told: Option<Mono>,
    untold: i64,
}

impl Gathered {
    /// So much more.
    pub(super) fn add(&mut self, amount: i64) {
        self.untold = self.untold.saturating_add(amount);
    }

    /// What is to be told at `at`, if that is at least `every` after the last time.
    pub(super) fn due(&mut self, at: Mono, every: Span) -> Option<i64> {
        if self.untold == 0 || self.told.is_some_and(|told| at - told < every) {
            return None;
        }
        self.told = Some(at);
        Some(std::mem::take(&mut self.untold))
    }

    /// Monotonic time may begin anew: when it was told last means nothing any more.
    pub(super) fn restart(&mut self) {
        self.told = None;
    }
}
