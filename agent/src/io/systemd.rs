//! Readiness and watchdog of the service manager; nothing where there is none.

use sd_notify::NotifyState;

/// The service is up.
pub(super) fn ready() {
    let _ = sd_notify::notify(&[NotifyState::Ready]);
}

/// Weeks of recording may have to be fed again on a slow gateway: starting takes at least this much longer.
pub(super) fn still_starting() {
    let _ = sd_notify::notify(&[NotifyState::ExtendTimeoutUsec(120_000_000)]);
}

/// The main loop is alive. Called by the loop itself and by nothing else: a loop that hangs must be restarted.
pub(super) fn alive() {
    let _ = sd_notify::notify(&[NotifyState::Watchdog]);
}

/// The service is about to leave.
pub(super) fn stopping() {
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
}
