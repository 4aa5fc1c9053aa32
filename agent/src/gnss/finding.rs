//! What receiver and stream show beside positions: evidence for why there is no fix, or why one deserves less trust.

use geofence::Span;
use serde::{Deserialize, Serialize};

/// One observation. Those of the receiver come as often as it says them; those of the stream come when they change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The receiver supervises its antenna and says how it is.
    Antenna(Antenna),
    /// The receiver watches for interference and says whether there is any.
    Jamming(Jamming),
    /// The receiver compares signals and says whether they are plausible.
    Spoofing(Spoofing),
    /// The strongest satellite of one sentence, C/N0 in dB-Hz, 1 to 60.
    Signal(u8),
    /// The receiver has more to say than the line can carry: fixes come late or not at all.
    LineTooSlow,
    /// The receiver's time has stood still for ten seconds while it talked; `false`: it goes on.
    Stuck(bool),
    /// For ten seconds fixes have come more than a second later than this stream can bring them; `false`: no longer.
    Lagging(bool),
    /// The receiver's UTC went on by so many whole seconds more than time did, as when it learns the leap seconds.
    UtcStepped(Span),
}

/// The antenna. In the order of how much it hinders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Antenna {
    /// Connected and drawing current.
    Connected,
    /// The receiver uses the one on its own board.
    Internal,
    /// Short circuit.
    Short,
    /// Not connected.
    Open,
}

/// Interference. In the order of how bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Jamming {
    /// Watched for, and none.
    None,
    /// Interference, and still a fix.
    Suspected,
    /// Interference, and no reliable fix.
    Critical,
}

/// Signals that are not the satellites'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spoofing {
    /// Watched for, and none.
    None,
    /// Indicated by one measure or more.
    Suspected,
}
