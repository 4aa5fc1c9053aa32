//! The clocks. No other file reads one.

use crate::time::Mono;
use geofence::{Span, UnixMillis};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// The clocks of this process; for a simulation all of them run `scale` times faster.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    scale: u32,
    /// The system clock of a gateway that does not exist.
    system: Option<&'static AtomicI64>,
}

impl Clock {
    /// `scale` 1 is real time.
    #[must_use]
    pub fn new(scale: u32) -> Self {
        Self { scale: scale.max(1), system: None }
    }

    /// The clocks of a gateway that does not exist: its system clock is the monotonic one plus `ahead`, milliseconds, which may be
    /// changed at any time, as somebody changes the date. It outlives the agent, as the kernel's does.
    #[must_use]
    pub fn simulated(scale: u32, ahead: &'static AtomicI64) -> Self {
        Self { system: Some(ahead), ..Self::new(scale) }
    }

    /// Monotonic time: counts through suspend, begins anew at a reboot.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn now(&self) -> Mono {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let (seconds, nanos) = (u64::try_from(t.tv_sec).unwrap_or(0), u64::try_from(t.tv_nsec).unwrap_or(0));
        let scale = u64::from(self.scale);
        Mono(seconds * 1_000 * scale + nanos * scale / 1_000_000)
    }

    /// The system clock; `None` where it has no meaning for the events, in a simulation without one of its own.
    #[must_use]
    pub fn system_utc(&self) -> Option<UnixMillis> {
        match self.system {
            Some(ahead) => Some(UnixMillis(ahead.load(Ordering::Relaxed)) + (self.now() - Mono(0))),
            None => (self.scale == 1).then(wall_clock),
        }
    }

    /// How long `span` takes in real time.
    #[must_use]
    pub fn real(&self, span: Span) -> Duration {
        Duration::from_millis(u64::try_from(span.0).unwrap_or(0)) / self.scale
    }

    /// Waits for `span`.
    pub async fn sleep(&self, span: Span) {
        tokio::time::sleep(self.real(span)).await;
    }
}

/// The system clock, for names of files and log lines.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
pub fn wall_clock() -> UnixMillis {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    UnixMillis(t.tv_sec * 1_000 + t.tv_nsec / 1_000_000)
}

/// Identifies the boot of the kernel. Without `/proc` every start counts as a boot of its own.
#[must_use]
pub fn kernel_boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| format!("started-{}", wall_clock().0), |id| id.trim().to_owned())
}
