//! The causes of the ledger, and what speaks for them.

use serde::{Deserialize, Serialize};

/// What a second was. Exactly one of these holds for every second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Fixes came.
    Covered,
    /// The receiver talks and has not had a fix yet since it was switched on.
    Acquiring,
    /// The receiver had a fix, talks, and says that it has none now.
    TunnelOrIndoor,
    /// The receiver says that its antenna is not connected.
    AntennaOpen,
    /// The receiver says that its antenna is shorted.
    AntennaShort,
    /// The receiver reports interference.
    JammingSuspected,
    /// No bytes came, or the source of them was gone.
    SerialSilent,
    /// Bytes came, and no sentence with a good checksum among them.
    ChecksumStorm,
    /// Sentences came, and their time stood still.
    ReceiverFrozen,
    /// The device ran and the agent did not.
    AgentDown,
    /// The device was off.
    PowerOff,
    /// The driver's private mode.
    Privacy,
    /// None of these. It counts against us.
    #[default]
    Unknown,
}

impl Cause {
    /// Every cause, in the order of a report.
    pub const ALL: [Self; 13] = [
        Self::Covered,
        Self::Acquiring,
        Self::TunnelOrIndoor,
        Self::AntennaOpen,
        Self::AntennaShort,
        Self::JammingSuspected,
        Self::SerialSilent,
        Self::ChecksumStorm,
        Self::ReceiverFrozen,
        Self::AgentDown,
        Self::PowerOff,
        Self::Privacy,
        Self::Unknown,
    ];
}

/// What was received so far, or within one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Seen {
    /// Bytes.
    pub bytes: u64,
    /// Sentences with a good checksum.
    pub sentences: u64,
    /// Epochs that said that there is no fix.
    pub void_epochs: u64,
    /// Epochs that could not be used.
    pub refused_epochs: u64,
    /// Fixes.
    pub fixes: u64,
}

impl Seen {
    /// What came after `earlier`.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(earlier.bytes),
            sentences: self.sentences.saturating_sub(earlier.sentences),
            void_epochs: self.void_epochs.saturating_sub(earlier.void_epochs),
            refused_epochs: self.refused_epochs.saturating_sub(earlier.refused_epochs),
            fixes: self.fixes.saturating_sub(earlier.fixes),
        }
    }
}

/// Further evidence, as a set of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Notes(u16);

impl Notes {
    /// Nothing to add.
    pub const NONE: Self = Self(0);
    /// The device of the receiver was gone, or its gpsd.
    pub const SOURCE_GONE: Self = Self(1);
    /// The agent had been told to stop.
    pub const TOLD_TO_STOP: Self = Self(1 << 1);
    /// The agent ended without being told to.
    pub const KILLED: Self = Self(1 << 2);
    /// Nothing was recorded although the clock went on: the device slept, or the recording had no room.
    pub const NO_TICKS: Self = Self(1 << 3);
    /// A new boot of the device.
    pub const NEW_BOOT: Self = Self(1 << 4);
    /// Within it the device ran for some time without ever learning the date.
    pub const UNDATED_RUN: Self = Self(1 << 5);
    /// The receiver's time jumped over this.
    pub const TIME_JUMP: Self = Self(1 << 6);
    /// The receiver repeats one time.
    pub const TIME_STANDS_STILL: Self = Self(1 << 7);
    /// More changes than can wait for a date: several causes in one.
    pub const MERGED: Self = Self(1 << 8);

    const WORDS: [&'static str; 9] = [
        "source_gone",
        "told_to_stop",
        "killed",
        "no_ticks",
        "new_boot",
        "undated_run",
        "time_jump",
        "time_stands_still",
        "merged",
    ];

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The words.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        Self::WORDS.iter().enumerate().filter(|(bit, _)| self.0 >> bit & 1 == 1).map(|(_, word)| *word).collect()
    }
}
