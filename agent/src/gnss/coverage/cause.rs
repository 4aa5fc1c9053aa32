//! The causes of the ledger, and what speaks for them.

use serde::{Deserialize, Serialize};

/// What a second was. Exactly one of these holds for every second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Fixes came that were measured.
    Covered,
    /// Positions came, and the receiver reckoned them on without satellites.
    DeadReckoning,
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
    pub const ALL: [Self; 14] = [
        Self::Covered,
        Self::DeadReckoning,
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

    /// The cause as which the release before counts this one, and under which it is stored.
    pub(super) fn as_stored(self) -> Self {
        if self == Self::DeadReckoning { Self::Covered } else { self }
    }

    /// What a stored cause of a gap is: time that was covered is no part of one.
    pub(super) fn of_gap(self) -> Self {
        if self == Self::Covered { Self::DeadReckoning } else { self }
    }
}

/// A cause and what else speaks for it.
///
/// The release before knows no dead reckoning and counts it as covered. It must open what this one stored, so both are stored as the
/// same cause, and a note tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub(super) struct Judged {
    pub(super) cause: Cause,
    pub(super) notes: Notes,
}

impl Judged {
    pub(super) const fn new(cause: Cause, notes: Notes) -> Self {
        Self { cause, notes }
    }

    /// The same cause with further evidence.
    pub(super) fn noted(self, notes: Notes) -> Self {
        Self { notes: self.notes.and(notes), ..self }
    }
}

impl From<Cause> for Judged {
    fn from(cause: Cause) -> Self {
        Self::new(cause, Notes::NONE)
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    cause: Cause,
    notes: Notes,
}

impl From<Judged> for Stored {
    fn from(Judged { cause, notes }: Judged) -> Self {
        let reckoned = if cause == Cause::DeadReckoning { Notes::DEAD_RECKONING } else { Notes::NONE };
        Self { cause: cause.as_stored(), notes: notes.and(reckoned) }
    }
}

impl From<Stored> for Judged {
    fn from(Stored { cause, notes }: Stored) -> Self {
        if cause == Cause::Covered && notes.has(Notes::DEAD_RECKONING) {
            return Self::new(Cause::DeadReckoning, Notes(notes.0 & !Notes::DEAD_RECKONING.0));
        }
        Self::new(cause, notes)
    }
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
    /// Both together.
    pub(super) fn with(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            sentences: self.sentences.saturating_add(other.sentences),
            void_epochs: self.void_epochs.saturating_add(other.void_epochs),
            refused_epochs: self.refused_epochs.saturating_add(other.refused_epochs),
            fixes: self.fixes.saturating_add(other.fixes),
        }
    }

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
    /// Beside it the device ran for some time without ever learning the date, so it is not certain where this begins or ends.
    pub const UNDATED_RUN: Self = Self(1 << 5);
    /// The receiver's time jumped over this.
    pub const TIME_JUMP: Self = Self(1 << 6);
    /// The receiver repeats one time.
    pub const TIME_STANDS_STILL: Self = Self(1 << 7);
    /// More changes than can wait for a date: several times of this cause in one.
    pub const MERGED: Self = Self(1 << 8);
    /// The receiver reckoned positions on meanwhile.
    pub const DEAD_RECKONING: Self = Self(1 << 9);
    /// That it was is certain, and how long; when is not.
    pub const PLACED: Self = Self(1 << 10);
    /// It stands where the system clock says.
    pub const BY_SYSTEM_CLOCK: Self = Self(1 << 11);

    const WORDS: [&'static str; 12] = [
        "source_gone",
        "told_to_stop",
        "killed",
        "no_ticks",
        "new_boot",
        "undated_run",
        "time_jump",
        "time_stands_still",
        "merged",
        "dead_reckoning",
        "placed",
        "by_system_clock",
    ];

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `others` are among them.
    pub(super) fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// The words.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        Self::WORDS.iter().enumerate().filter(|(bit, _)| self.0 >> bit & 1 == 1).map(|(_, word)| *word).collect()
    }
}
