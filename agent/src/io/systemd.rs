//! Readiness and watchdog of the service manager; nothing where there is none.

use sd_notify::NotifyState;

/// The service is up.
pub(super) fn ready() {
    let _ = sd_notify::notify(&[NotifyState::Ready]);
}

/// Weeks of recording may have to be fed again on a slow gateway: starting takes at least this much longer. To the service manager a
/// process that put itself in its own place has started long ago, and its watchdog runs.
pub(super) fn still_starting() {
    let _ = sd_notify::notify(&[NotifyState::ExtendTimeoutUsec(120_000_000), NotifyState::Watchdog]);
}

/// The main loop is alive. Called by the loop itself: a loop that hangs must be restarted.
pub(super) fn alive() {
    let _ = sd_notify::notify(&[NotifyState::Watchdog]);
}

/// The service is about to leave.
pub(super) fn stopping() {
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
}
