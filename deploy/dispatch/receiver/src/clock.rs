//! What time is it? The only file of the receiver that reads a clock.
//!
//! Dispatch's clock dates receipts, acknowledgements and commands. No event takes its time from it: those were stamped in the truck.

#![expect(clippy::disallowed_methods, reason = "the one place of the receiver that reads clocks")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The system clock, in milliseconds since 1970. Before 1970 it is 0.
#[must_use]
pub fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The monotonic clock.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// RFC 3339 in UTC with milliseconds, as everywhere in the contract.
#[must_use]
pub fn rfc3339(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    format!("{at:.3}")
}

/// A random share of `wait`, so that receivers which lost one broker do not come back all at once. The low bits of the clock are
/// random enough for that.
#[must_use]
pub fn jittered(wait: Duration) -> Duration {
    let share = wall_ms().wrapping_mul(0x9E37_79B9).wrapping_shr(7).rem_euclid(1_000);
    wait / 2 + wait / 2 * u32::try_from(share).unwrap_or(0) / 1_000
}
