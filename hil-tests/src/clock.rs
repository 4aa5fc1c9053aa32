//! What time is it, here and in the simulated truck?
//!
//! The only file of the rig that reads a clock. Simulated time starts at a UTC instant of our choice and runs `scale` times faster
//! than the machine's monotonic clock; nothing in the rig looks at the wall clock after that, so a step of it cannot fail a test.

#![expect(clippy::disallowed_methods, reason = "the one place of the rig that reads clocks")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The machine's monotonic clock.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// The present UTC, rounded down to a second, in milliseconds since 1970.
#[must_use]
pub fn utc_second_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(0) * 1_000
}

/// Simulated UTC, `scale` times faster than the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct SimClock {
    started: Instant,
    start_utc_ms: i64,
    scale: f64,
}

impl SimClock {
    /// Simulated time begins now, and is `start_utc_ms` at this moment.
    #[must_use]
    pub fn start(start_utc_ms: i64, scale: u32) -> Self {
        Self { started: now(), start_utc_ms, scale: f64::from(scale) }
    }

    /// The UTC at which simulated time began.
    #[must_use]
    pub fn start_utc_ms(&self) -> i64 {
        self.start_utc_ms
    }

    /// Simulated seconds since the start, at a moment of the monotonic clock.
    #[must_use]
    pub fn seconds_at(&self, moment: Instant) -> f64 {
        moment.saturating_duration_since(self.started).as_secs_f64() * self.scale
    }

    /// Simulated seconds since the start, now.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.seconds_at(now())
    }

    /// How long the machine has to wait until simulated time reaches `seconds`; zero when it is past.
    #[must_use]
    pub fn wait_for(&self, seconds: f64) -> Duration {
        let wall = Duration::from_secs_f64((seconds / self.scale).max(0.0));
        (self.started + wall).saturating_duration_since(now())
    }
}

/// Polls `condition` until it holds or `patience` is over; says whether it held. The short pause only spares the processor: the
/// answer depends on the condition, not on the pause.
pub fn await_condition(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = now() + patience;
    loop {
        if condition() {
            return true;
        }
        if now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
