//! The gap ledger: for every stretch of time, whether the truck could know where it was, and if not, why.
//!
//! Coarse for now: a stretch without fixes has one cause, the strongest that was seen in it. Intervals follow each
//! other without hole or overlap from the first fix to the last.

use crate::time::Mono;
use geofence::{Span, UnixMillis};
use serde::{Deserialize, Serialize};

/// Fixes closer together than this are one covered stretch: five missed epochs at 1 Hz.
const COVERED_STEP: Span = Span::seconds(5);
/// Without a fix for this long, the loss is told: `gnss.lost` within 30 s.
const LOST_AFTER: Span = Span::seconds(20);

/// Why there was no fix, or that there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Fixes came.
    Covered,
    /// The receiver talked and said that it has no fix.
    SkyBlocked,
    /// Bytes came, but no sentence with a good checksum.
    ChecksumStorm,
    /// No bytes at all.
    SerialSilent,
    /// The agent was not running, or the device was off.
    AgentDown,
    /// None of these.
    Unknown,
}

/// One stretch of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// Begin.
    pub from: UnixMillis,
    /// End, not before the begin.
    pub to: UnixMillis,
    /// What this time was.
    pub cause: Cause,
}

/// What became known at one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// No fix for 20 s: since when and presumably why.
    Lost {
        /// The last fix.
        since: UnixMillis,
        /// The cause so far.
        cause: Cause,
    },
    /// Fixes are back.
    Restored(Interval),
}

/// Follows the reception.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Coverage {
    begin: Option<UnixMillis>,
    last: Option<LastFix>,
    /// Evidence since the last fix.
    bytes: bool,
    sentences: bool,
    void: bool,
    down: bool,
    told: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct LastFix {
    time: UnixMillis,
    at: Mono,
}

impl Coverage {
    /// Bytes arrived; `sentences` of them were whole.
    pub fn heard(&mut self, sentences: bool) {
        self.bytes = true;
        self.sentences |= sentences;
    }

    /// The receiver said that it has no fix.
    pub fn void(&mut self) {
        self.void = true;
    }

    /// The agent starts; monotonic time may have begun anew.
    pub fn boot(&mut self, at: Mono) {
        self.down = self.last.is_some();
        if let Some(last) = &mut self.last {
            last.at = at;
        }
    }

    /// Time passed without a fix.
    pub fn tick(&mut self, at: Mono) -> Option<Change> {
        let last = self.last?;
        if self.told || at - last.at < LOST_AFTER {
            return None;
        }
        self.told = true;
        Some(Change::Lost { since: last.time, cause: self.cause() })
    }

    /// A fix. Hands out the intervals that are now complete, and the restoration if a loss had been told.
    pub fn fix(&mut self, at: Mono, time: UnixMillis, mut each: impl FnMut(Interval)) -> Option<Change> {
        let mut change = None;
        if let Some(last) = self.last {
            if time < last.time {
                // The receiver's time was wrong until now; two time lines do not make one interval.
                each(Interval { from: self.begin.unwrap_or(last.time), to: last.time, cause: Cause::Covered });
                self.begin = Some(time);
            } else if time - last.time > COVERED_STEP {
                each(Interval { from: self.begin.unwrap_or(last.time), to: last.time, cause: Cause::Covered });
                let gap = Interval { from: last.time, to: time, cause: self.cause() };
                each(gap);
                self.begin = Some(time);
                change = self.told.then_some(Change::Restored(gap));
            }
        } else {
            self.begin = Some(time);
        }
        *self = Self { begin: self.begin, last: Some(LastFix { time, at }), ..Self::default() };
        change
    }

    /// The covered stretch that is still open.
    #[must_use]
    pub fn open(&self) -> Option<Interval> {
        let (from, last) = self.begin.zip(self.last)?;
        Some(Interval { from, to: last.time, cause: Cause::Covered })
    }

    fn cause(&self) -> Cause {
        match self {
            Self { down: true, .. } => Cause::AgentDown,
            Self { bytes: false, .. } => Cause::SerialSilent,
            Self { sentences: false, .. } => Cause::ChecksumStorm,
            Self { void: true, .. } => Cause::SkyBlocked,
            _ => Cause::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(s: i64) -> UnixMillis {
        UnixMillis(s * 1_000)
    }

    #[test]
    fn intervals_follow_each_other_without_a_hole() {
        let (mut coverage, mut ledger) = (Coverage::default(), Vec::new());
        for second in (0..10_i64).chain(40..50).chain(52..60) {
            coverage.heard(true);
            let at = Mono(u64::try_from(second * 1_000).unwrap());
            coverage.fix(at, seconds(second), |interval| ledger.push(interval));
            coverage.void();
        }
        ledger.extend(coverage.open());
        let told: Vec<_> = ledger.iter().map(|i| (i.from.0 / 1_000, i.to.0 / 1_000, i.cause)).collect();
        assert_eq!(told, [(0, 9, Cause::Covered), (9, 40, Cause::SkyBlocked), (40, 59, Cause::Covered)]);
    }

    #[test]
    fn a_loss_is_told_once_after_twenty_seconds_and_its_end_once() {
        let mut coverage = Coverage::default();
        coverage.fix(Mono(0), seconds(0), |_| ());
        assert_eq!(coverage.tick(Mono(19_999)), None);
        let lost = Change::Lost { since: seconds(0), cause: Cause::SerialSilent };
        assert_eq!(coverage.tick(Mono(20_000)), Some(lost));
        assert_eq!(coverage.tick(Mono(30_000)), None);
        let gap = Interval { from: seconds(0), to: seconds(31), cause: Cause::SerialSilent };
        assert_eq!(coverage.fix(Mono(31_000), seconds(31), |_| ()), Some(Change::Restored(gap)));
        assert_eq!(coverage.fix(Mono(32_000), seconds(32), |_| ()), None);
    }
}
