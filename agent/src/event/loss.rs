//! Sequences that dispatch will never get, and why: what a `device.lost` event names.

use crate::ranges::Ranges;
use serde::{Deserialize, Serialize};

/// Runs that one event names: with 16 of them it stays below 2 kB. More losses are more events.
pub const LOSS_RANGES_MAX: usize = 16;
/// Sequences end here: beyond, JSON readers that know only doubles (RFC 8259, section 6) would confuse them.
pub const SEQUENCE_END: u64 = 1 << 53;

/// Why events are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossCause {
    /// Longer than the broker takes, refused by it for good, or gone from the journal.
    Unsendable,
    /// They had to make room for others before dispatch had them.
    Evicted,
    /// Dispatch asks for them, and the journal begins later.
    NotKept,
    /// No event has these numbers, or nobody knows which: the journal was lost, or the gateway exchanged.
    NumbersSkipped,
}

/// A loss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Which sequences; at most [`LOSS_RANGES_MAX`] runs.
    pub ranges: Ranges,
    /// Why.
    pub why: LossCause,
}

impl Loss {
    /// The lowest runs of `ranges`; `None` without any.
    #[must_use]
    pub fn of(ranges: &Ranges, why: LossCause) -> Option<Self> {
        let mut ranges = ranges.clone();
        ranges.keep_lowest(LOSS_RANGES_MAX);
        (!ranges.is_empty()).then_some(Self { ranges, why })
    }
}

/// A `device.lost` event, as far as it is needed here.
#[derive(Deserialize)]
struct Named {
    data: NamedData,
}

#[derive(Deserialize)]
struct NamedData {
    ranges: Ranges,
}

/// What a `device.lost` event names; nothing of any other.
#[must_use]
pub fn named_by(body: &[u8]) -> Ranges {
    serde_json::from_slice(body).map_or_else(|_| Ranges::default(), |named: Named| named.data.ranges)
}
