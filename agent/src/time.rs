//! Times at the agent's border: the monotonic clock as a value, and UTC as text.

use geofence::{Span, UnixMillis};
use serde::{Deserialize, Serialize, Serializer};
use std::ops::Sub;

/// Milliseconds of a monotonic clock (`CLOCK_BOOTTIME`): counts through suspend, never goes back, begins anew at a reboot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Mono(pub u64);

impl Sub for Mono {
    type Output = Span;
    /// Zero if `earlier` is later: two boots may be compared by mistake, and a span must not explode from it.
    fn sub(self, earlier: Self) -> Span {
        Span(i64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(i64::MAX))
    }
}

impl Mono {
    /// This much later.
    #[must_use]
    pub fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add_signed(span.0))
    }
}

/// UTC as RFC 3339 with milliseconds; what lies outside the years -9999 to 9999 is written as the epoch.
#[must_use]
pub fn rfc3339(time: UnixMillis) -> String {
    jiff::Timestamp::from_millisecond(time.0)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .strftime("%Y-%m-%dT%H:%M:%S.%3fZ")
        .to_string()
}

/// Milliseconds since 1970 of an RFC 3339 text.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<UnixMillis> {
    let timestamp: jiff::Timestamp = text.parse().ok()?;
    Some(UnixMillis(timestamp.as_millisecond()))
}

/// A UTC time that is written as RFC 3339 text in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Utc(pub UnixMillis);

impl Serialize for Utc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&rfc3339(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_is_written_with_milliseconds() {
        assert_eq!(rfc3339(UnixMillis(1_795_358_161_007)), "2026-11-22T14:36:01.007Z");
        assert_eq!(parse_rfc3339("2026-11-22T14:36:01.007Z"), Some(UnixMillis(1_795_358_161_007)));
    }
}
