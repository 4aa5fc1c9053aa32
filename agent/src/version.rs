//! What this build is.

use geofence::UnixMillis;

/// The version, as in every event.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The day of this release, 2026-11-22T00:00:00Z: no receiver of ours lives before it. Written here and not taken from
/// the build machine, so that the same source gives the same bytes; the tidy test holds it to the changelog.
#[must_use]
pub const fn released() -> UnixMillis {
    UnixMillis(1_795_305_600_000)
}
