//! What does the clock on the dispatcher's wall show?

use jiff::{Timestamp, tz::TimeZone};

use crate::world::facility::TIME_ZONE;

/// Local time of the shift.
#[derive(Debug, Clone)]
pub(super) struct LocalClock {
    start_utc_ms: i64,
    zone: TimeZone,
}

impl LocalClock {
    pub(super) fn new(start_utc_ms: i64) -> Self {
        Self { start_utc_ms, zone: TimeZone::get(TIME_ZONE).unwrap_or(TimeZone::UTC) }
    }

    /// Local `14:36:01` at a second of the shift.
    pub(super) fn time(&self, shift_s: f64) -> String {
        self.write(shift_s, "%H:%M:%S")
    }

    /// Local `14:36` at a second of the shift.
    pub(super) fn minute(&self, shift_s: f64) -> String {
        self.write(shift_s, "%H:%M")
    }

    /// Local `14:36:01.3` at a second of the shift.
    pub(super) fn tenths(&self, shift_s: f64) -> String {
        self.write(shift_s, "%H:%M:%S%.1f")
    }

    /// UTC in the agent's form, `2026-11-22T14:36:01.300Z`.
    pub(super) fn rfc3339(&self, shift_s: f64) -> String {
        self.instant(shift_s).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
    }

    fn write(&self, shift_s: f64, format: &str) -> String {
        self.instant(shift_s).to_zoned(self.zone.clone()).strftime(format).to_string()
    }

    fn instant(&self, shift_s: f64) -> Timestamp {
        #[expect(clippy::cast_possible_truncation, reason = "a shift has some 10,000 seconds")]
        let since_ms = (shift_s * 1_000.0).round() as i64;
        Timestamp::from_millisecond(self.start_utc_ms + since_ms).unwrap_or_default()
    }
}
