//! Points in time and spans between them: newtypes over integer milliseconds, so that they can be compared, stored and
//! reproduced exactly. All arithmetic saturates; no input can make it wrap.

use core::ops::{Add, Sub};
use serde::{Deserialize, Serialize};

/// A point in UTC: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted (POSIX time).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

/// A signed length of time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Span(pub i64);

impl Span {
    /// Whole seconds as a span.
    #[must_use]
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    /// The span in seconds. Exact for every span under 285 years (2^53 ms).
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "spans here are far below 2^53 ms")]
    pub const fn as_seconds(self) -> f64 {
        self.0 as f64 / 1_000.0
    }

    /// The span nearest to `seconds`; NaN gives zero, what does not fit saturates.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "`as` saturates, which is what is wanted")]
    pub fn from_seconds(seconds: f64) -> Self {
        Self(libm::round(seconds * 1_000.0) as i64)
    }
}

/// Time goes on elsewhere: what is dated between two instants was dated wrongly, all of it by the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeStep {
    /// By so much what was dated comes right.
    pub by: Span,
    /// What was dated before this was right.
    pub from: UnixMillis,
    /// What is dated from here on is right already.
    pub before: UnixMillis,
}

impl TimeStep {
    /// The right date of what was dated `time`. What was right stays, but not behind what comes after it.
    #[must_use]
    pub fn redate(self, time: UnixMillis) -> UnixMillis {
        if time < self.from {
            time.min(self.from + self.by)
        } else if time < self.before {
            time + self.by
        } else {
            time
        }
    }
}

impl Sub for UnixMillis {
    type Output = Span;
    fn sub(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Span> for UnixMillis {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for UnixMillis {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_dates_anew_what_was_wrong_and_keeps_the_order() {
        let step = |by, times: [i64; 5]| {
            let step = TimeStep { by: Span(by), from: UnixMillis(5_000), before: UnixMillis(10_000) };
            times.map(|time| step.redate(UnixMillis(time)).0)
        };
        assert_eq!(step(-2_000, [i64::MIN, 2_000, 4_000, 5_000, 10_000]), [i64::MIN, 2_000, 3_000, 3_000, 10_000]);
        assert_eq!(step(18_000, [0, 4_999, 5_000, 9_999, 10_000]), [0, 4_999, 23_000, 27_999, 10_000]);
        assert_eq!(step(i64::MAX, [0, 0, 5_000, 0, 0])[2], i64::MAX);
    }
}
