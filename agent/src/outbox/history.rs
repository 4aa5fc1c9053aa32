//! What a journal knows of dispatch, and so whether an acknowledgement can be about its events at all.
//!
//! A gateway that was exchanged, or whose disk was lost, begins at 1 again. What dispatch acknowledged to the one before would
//! swallow its events.

/// How far this journal and dispatch have come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// The recording began with this journal, and nothing of it was ever sent: whatever dispatch acknowledges is another's.
    Untold,
    /// Something may have been sent, now or by a journal before this one; dispatch has not acknowledged any of it to this one.
    Unacknowledged,
    /// Dispatch has acknowledged events of this journal.
    Known,
}

impl History {
    /// Whether dispatch has events up to `told` that are not of this journal, of which those up to `sent` may have been sent.
    #[must_use]
    pub(super) const fn is_foreign(self, told: u64, sent: u64) -> bool {
        match self {
            Self::Untold => told > 0,
            Self::Unacknowledged => told > sent,
            Self::Known => false,
        }
    }

    /// Something is sent.
    #[must_use]
    pub(super) const fn sending(self) -> Self {
        match self {
            Self::Untold | Self::Unacknowledged => Self::Unacknowledged,
            Self::Known => Self::Known,
        }
    }
}
