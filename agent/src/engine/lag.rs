//! Is a fix news? How late it arrives, measured against the earliest that this receiver has managed.
//!
//! The delay of a fix is its arrival on the monotonic clock minus its GNSS time; what it is worth absolutely nobody knows, but above
//! its running minimum it is time that the fix spent in a full line or in a buffer. Three things show in it: a line that is too
//! slow for what the receiver sends, old fixes that arrive in a burst after the device slept, and a receiver whose UTC
//! steps by whole seconds when it learns the leap seconds.

use crate::time::Mono;
use geofence::{Span, UnixMillis};
use serde::{Deserialize, Serialize};

/// The minimum is that of one to two such windows: long enough to have seen a quiet line, short enough for a crystal that is off by 100 ppm,
/// 0.18 s in half an hour.
const WINDOW: Span = Span::seconds(30 * 60);
/// Later than this is a line that does not keep up,
const LAGGING: Span = Span::seconds(1);
/// if it lasts so long,
const LAGS_FOR: Span = Span::seconds(10);
/// and it is over when no fix was that late for so long.
const OVER_AFTER: Span = Span::seconds(60);
/// Later than this a fix was waiting somewhere, and is not now.
const LATE: Span = Span::seconds(2);
/// A whole second, but for the jitter of a serial line.
const STEP_JITTER_MS: i64 = 150;
/// Delays that differ by less are one: the minimum is not the usual one.
const SAME_DELAY_MS: i64 = 400;
/// All leap seconds since GPS began (18 since 2017) may be missing at once.
const STEP_MAX_S: i64 = 18;
/// After a longer pause a change of the delay says nothing. A step back makes a pause: its fixes are no newer than those before.
const PAUSE_MAX: Span = Span::seconds(STEP_MAX_S + 2);
/// So many fixes after a step must agree that it was one.
const STEP_AGREED: u8 = 3;

/// What a fix told about its way here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Told {
    /// It was waiting somewhere: it must not set a clock.
    pub(super) late: bool,
    /// The line has been too slow for ten seconds: by how much. Told once per time.
    pub(super) lagging: Option<Span>,
    /// The receiver's UTC stepped by whole seconds.
    pub(super) step: Option<Span>,
}

/// Follows the delays of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub(super) struct Lag {
    /// Least delay in this window and in the one before, milliseconds.
    least: Option<i64>,
    least_before: Option<i64>,
    window: Mono,
    newest: Option<(Mono, i64)>,
    lagging_since: Option<Mono>,
    lagged: Mono,
    told: bool,
    /// A step that waits for agreement: how large, milliseconds, and how many fixes agree.
    step: Option<(i64, u8)>,
}

impl Lag {
    /// A fix of `time` arrived at `at`; `leap_known`: steps of whole seconds are not expected any more.
    pub(super) fn fix(&mut self, at: Mono, time: UnixMillis, leap_known: bool) -> Told {
        let delay = i64::try_from(at.0).unwrap_or(i64::MAX).saturating_sub(time.0);
        if at - self.window >= WINDOW {
            (self.least_before, self.least, self.window) = (self.least, None, at);
        }
        let known = [self.least, self.least_before].into_iter().flatten().min();
        let step = if leap_known { None } else { self.stepped(at, delay) };
        // A burst after a sleep ends with a change of whole seconds, too: back to the delay that was known.
        let step = step
            .filter(|step| known.is_some_and(|known| (delay.saturating_sub(known) + step.0).abs() <= SAME_DELAY_MS));
        if step.is_some() {
            (self.least, self.least_before, self.lagging_since) = (None, None, None);
        }
        self.newest = Some((at, delay));
        let known = known.filter(|_| step.is_none());
        // A step that is not agreed on yet must not become the minimum.
        if self.step.is_none() {
            self.least = Some(self.least.map_or(delay, |least| least.min(delay)));
        }
        let lag = Span(known.map_or(0, |known| delay.saturating_sub(known).max(0)));
        Told { late: lag > LATE, lagging: self.lagging(at, lag), step }
    }

    fn lagging(&mut self, at: Mono, lag: Span) -> Option<Span> {
        if lag <= LAGGING {
            self.lagging_since = None;
            self.told &= at - self.lagged < OVER_AFTER;
            return None;
        }
        self.lagged = at;
        let since = *self.lagging_since.get_or_insert(at);
        if self.told || at - since < LAGS_FOR {
            return None;
        }
        self.told = true;
        Some(lag)
    }

    /// A change of the delay by whole seconds from one fix to the next, that the fixes after it keep to. A later GNSS time is a
    /// smaller delay: the step of UTC has the other sign.
    fn stepped(&mut self, at: Mono, delay: i64) -> Option<Span> {
        let (before, newest) = self.newest?;
        let change = delay.saturating_sub(newest);
        if let Some((step, agreed)) = self.step {
            self.step = (change.abs() <= STEP_JITTER_MS).then_some((step, agreed + 1));
            if agreed + 1 < STEP_AGREED || self.step.is_none() {
                return None;
            }
            self.step = None;
            return Some(Span(-step));
        }
        let seconds = (change + change.signum() * 500) / 1_000;
        let whole = seconds != 0 && (change - seconds * 1_000).abs() <= STEP_JITTER_MS;
        if whole && seconds.abs() <= STEP_MAX_S && at - before <= PAUSE_MAX {
            self.step = Some((seconds * 1_000, 0));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: i64 = 1_795_000_000_000;

    /// Fixes of each second from `from` on, each with its delay beside the usual 80 ms.
    fn fixes(lag: &mut Lag, from: u64, delays: &[i64]) -> Vec<Told> {
        let seconds = (from..).zip(delays);
        seconds
            .map(|(second, delay)| {
                let ms = i64::try_from(second).unwrap() * 1_000;
                lag.fix(Mono(u64::try_from(ms + 80 + delay).unwrap()), UnixMillis(EPOCH + ms), false)
            })
            .collect()
    }

    #[test]
    fn r09_a_line_that_is_too_slow_is_told_once_after_ten_seconds() {
        let mut lag = Lag::default();
        assert!(fixes(&mut lag, 0, &[0, 30, 0, 60, 10]).iter().all(|told| *told == Told::default()));
        let slow = fixes(&mut lag, 5, &[1_250; 30]);
        let told: Vec<_> = slow.iter().enumerate().filter_map(|(n, told)| Some((n, told.lagging?))).collect();
        assert_eq!(told, [(10, Span(1_250))]);
        // Over for more than a minute, and again.
        assert!(fixes(&mut lag, 35, &[0; 70]).iter().all(|told| told.lagging.is_none()));
        assert_eq!(fixes(&mut lag, 105, &[1_300; 12]).iter().filter(|told| told.lagging.is_some()).count(), 1);
    }

    #[test]
    fn r10_fixes_that_come_in_a_burst_are_late_but_for_the_newest() {
        let mut lag = Lag::default();
        fixes(&mut lag, 0, &[0; 5]);
        // Twenty seconds of sleep: all at once at its end.
        let delays: Vec<i64> = (0..20).map(|n| 19_000 - n * 1_000).collect();
        let late: Vec<bool> = fixes(&mut lag, 5, &delays).iter().map(|told| told.late).collect();
        assert_eq!(late.iter().filter(|late| **late).count(), 17);
        assert!(late[..17].iter().all(|late| *late));
    }

    #[test]
    fn r17_a_step_of_whole_seconds_is_told_when_three_fixes_agree() {
        let mut lag = Lag::default();
        fixes(&mut lag, 0, &[0; 10]);
        // UTC goes 3 s back: each fix is 3 s older than it should be.
        let told: Vec<_> = fixes(&mut lag, 10, &[3_000; 5]).iter().map(|told| told.step).collect();
        assert_eq!(told, [None, None, None, Some(Span(-3_000)), None]);
        let after = fixes(&mut lag, 15, &[3_000; 5]);
        assert!(after.iter().all(|told| !told.late), "the new time is the time: {after:?}");
    }

    #[test]
    fn r17_a_single_late_fix_is_no_step() {
        let mut lag = Lag::default();
        let told = fixes(&mut lag, 0, &[0, 0, 0, 1_000, 0, 0, 0, 0]);
        assert!(told.iter().all(|told| told.step.is_none()), "{told:?}");
    }

    #[test]
    fn a_slow_crystal_is_no_lag() {
        let mut lag = Lag::default();
        // 50 ppm for a day: 4.3 s in all.
        let drift: Vec<i64> = (0..86_400).map(|second| second / 20).collect();
        assert!(fixes(&mut lag, 0, &drift).iter().all(|told| *told == Told::default()));
    }
}
