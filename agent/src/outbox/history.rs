//! What a journal knows of dispatch, and so whether an acknowledgement can be about its events at all.
//!
//! A gateway that was exchanged, or whose disk was lost, begins at 1 again. What dispatch acknowledged to the one before would
//! swallow its events.

/// How far this journal and dispatch have come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// The recording began with this journal, and nothing of it was ever sent: whatever dispatch acknowledges is another's.
    Untold,
    /// Something was sent; dispatch has not acknowledged any of it.
    Unacknowledged,
    /// The journal was lost, and what could be was derived again. What the lost one had sent, and what dispatch acknowledged to it,
    /// nobody knows.
    Derived,
    /// Dispatch has acknowledged events of this journal.
    Known,
}

/// Dispatch has events of numbers that this journal never gave out: up to here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clash {
    /// They are another gateway's: all of ours have to be counted above it.
    Anothers(u64),
    /// They are ours, of the journal that was lost: what comes next goes on above it.
    Forgotten(u64),
}

impl History {
    /// What it means that dispatch has events up to `told`, where those up to `sent` were sent and `highest` is the newest.
    #[must_use]
    pub(super) const fn clash(self, told: u64, sent: u64, highest: u64) -> Option<Clash> {
        match self {
            Self::Untold if told > 0 => Some(Clash::Anothers(told)),
            Self::Unacknowledged if told > sent => Some(Clash::Anothers(told)),
            Self::Derived if told > highest => Some(Clash::Forgotten(told)),
            Self::Untold | Self::Unacknowledged | Self::Derived | Self::Known => None,
        }
    }

    /// Something is sent.
    #[must_use]
    pub(super) const fn sending(self) -> Self {
        match self {
            Self::Untold => Self::Unacknowledged,
            Self::Unacknowledged | Self::Derived | Self::Known => self,
        }
    }
}
