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

/// Time goes on elsewhere: what is dated before an instant was dated wrongly, all of it by the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeStep {
    /// By so much what was dated comes right.
    pub by: Span,
    /// What is dated from here on is right already.
    pub before: UnixMillis,
}

impl TimeStep {
    /// Everything until now was dated wrongly.
    #[must_use]
    pub const fn of_all(by: Span) -> Self {
        Self { by, before: UnixMillis(i64::MAX) }
    }

    /// The right date of what was dated `time`. As long ago as can be stays so.
    #[must_use]
    pub fn redate(self, time: UnixMillis) -> UnixMillis {
        if time < self.before && time.0 != i64::MIN { time + self.by } else { time }
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
    fn a_step_dates_anew_what_was_before_it_and_keeps_the_order() {
        let back = TimeStep { by: Span(-2_000), before: UnixMillis(10_000) };
        assert_eq!([9_999, 10_000, i64::MIN].map(|t| back.redate(UnixMillis(t)).0), [7_999, 10_000, i64::MIN]);
        assert_eq!(TimeStep::of_all(Span(18_000)).redate(UnixMillis(5)), UnixMillis(18_005));
        assert_eq!(TimeStep::of_all(Span(i64::MAX)).redate(UnixMillis(5)), UnixMillis(i64::MAX));
    }
}
