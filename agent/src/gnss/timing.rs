//! When fixes come, beside what they say: late ones, a receiver whose time stands still, a position that does not move, and how
//! long there has been a fix again.
//!
//! A fix cannot come before its instant. So arrival minus the receiver's time has a smallest value, that of a line without delay,
//! and what lies above it is delay: a buffer that is emptied after a sleep, or a line that is too slow.

use super::finding::Finding;
use super::sentence::TimeOfDay;
use crate::time::Mono;
use geofence::{Position, Span, UnixMillis};
use serde::{Deserialize, Serialize};

/// Later than the line can bring it by this much: late.
const LATE: Span = Span::seconds(1);
/// Late, or standing still, for so long: told.
const TOLD_AFTER: Span = Span::seconds(10);
/// The crystal of a gateway is off by less than 500 in a million, one in 2,000; the smallest delay may rise by as much.
const DRIFT_DIVISOR: i64 = 2_000;
/// A fix this long after the last is one regained.
const REGAINED_AFTER: Span = Span::seconds(5);
/// UTC is known from GPS time by whole seconds: 18 since 2017, and a receiver that does not know them may begin with none.
const LEAP_SECONDS_MAX: i64 = 18;
/// A step of whole seconds is one to this accuracy, milliseconds.
const WHOLE_SECOND_MS: i64 = 100;
/// A step of UTC comes from one fix to the next: by less than this, milliseconds, a line falls behind.
const SUDDEN_MS: i64 = 500;
/// So many fixes in a row must come later by the same whole seconds before that is a step of UTC and no delay.
const STEP_RUN: u8 = 10;
/// A fix that comes earlier than the least delay before it, by more than this many milliseconds, shows that arrivals were no measure
/// until now: the ones before were late, or the stream is played faster than life.
const UNSETTLED_MS: i64 = 500;
/// Fixes of a buffer that is emptied come faster than this, and than half of what lies between their times; their time runs ahead of their
/// arrival without being wrong.
const BURST: Span = Span(200);

/// What is known about a fix from when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timeliness {
    /// It lay in a buffer: its arrival says nothing about now.
    pub(super) late: bool,
    /// So many fixes before this one had the same position to the bit.
    pub(super) held: u32,
    /// Since the first fix after the last gap.
    pub(super) since_regained: Span,
}

/// What time it is by the least delay of the fixes before: what has just been measured is not about a later time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Now {
    pub(super) time: UnixMillis,
    /// Of enough fixes that they were not all late.
    pub(super) settled: bool,
}

/// Follows the arrivals of one stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub(super) struct Timing {
    said: Option<(TimeOfDay, Mono)>,
    stuck: bool,
    smallest: Option<Smallest>,
    /// Fixes since it was last far too large, as many as are needed before a step of UTC is told from a stream that has not settled.
    settled: u8,
    late_since: Option<Mono>,
    lagging: bool,
    step: Option<(i64, u8)>,
    /// How late the newest fix was, milliseconds.
    over_ms: i64,
    /// Since a fix that was in time, fixes have been late suddenly, by so many seconds.
    leapt: Option<i64>,
    last: Option<Last>,
    void: bool,
}

/// The smallest difference of arrival and receiver's time, milliseconds, and when it was determined.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Smallest {
    lag_ms: i64,
    at: Mono,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Last {
    time: UnixMillis,
    at: Mono,
    position: Position,
    held: u32,
    regained: UnixMillis,
    /// Since the fix before it, by the receiver.
    #[serde(default)]
    after: Span,
}

impl Timing {
    /// A new run: monotonic time may have begun anew, and the stream is another.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }

    /// A sentence of this time was heard at `at`.
    pub(super) fn heard(&mut self, time: TimeOfDay, at: Mono) -> Option<Finding> {
        match self.said {
            Some((said, since)) if said == time => {
                let stuck = !self.stuck && at - since >= TOLD_AFTER;
                self.stuck |= stuck;
                stuck.then_some(Finding::Stuck(true))
            }
            _ => {
                self.said = Some((time, at));
                core::mem::take(&mut self.stuck).then_some(Finding::Stuck(false))
            }
        }
    }

    /// What time it is at `at`, if there were fixes before.
    pub(super) fn now(&self, at: Mono) -> Option<Now> {
        let smallest = self.smallest?;
        let drift = (at - smallest.at).0 / DRIFT_DIVISOR;
        let at_ms = i64::try_from(at.0).unwrap_or(i64::MAX);
        let time = UnixMillis(at_ms.saturating_sub(smallest.lag_ms).saturating_add(drift));
        Some(Now { time, settled: self.settled >= STEP_RUN })
    }

    /// The receiver said that it has no fix.
    pub(super) fn void(&mut self) {
        self.void = true;
    }

    /// The receiver's time goes on from another place: what was known about delays compares with nothing.
    pub(super) fn stepped(&mut self) {
        self.smallest = None;
        self.settled = 0;
        (self.step, self.over_ms, self.leapt) = (None, 0, None);
    }

    /// A fix of `time` whose first sentence arrived at `at`.
    pub(super) fn fix(
        &mut self,
        time: UnixMillis,
        position: Position,
        at: Mono,
        mut each: impl FnMut(Finding),
    ) -> Timeliness {
        let lag_ms = i64::try_from(at.0).unwrap_or(i64::MAX).saturating_sub(time.0);
        let over_ms = self.over(lag_ms, at, &mut each);
        let late = over_ms > LATE.0;
        self.late_since = if late { self.late_since.or(Some(at)) } else { None };
        let lagging = self.late_since.is_some_and(|since| at - since >= TOLD_AFTER);
        if lagging != self.lagging {
            self.lagging = lagging;
            each(Finding::Lagging(lagging));
        }
        let void = core::mem::take(&mut self.void);
        let before = self.last.filter(|last| !void && time > last.time && time - last.time <= REGAINED_AFTER);
        let regained = before.map_or(time, |last| last.regained);
        // A hole in the fixes does not make a receiver let go of a position that it holds.
        let held = self.last.filter(|last| last.position == position).map_or(0, |last| last.held.saturating_add(1));
        let after = self.last.map_or(Span(0), |last| time - last.time);
        self.last = Some(Last { time, at, position, held, regained, after });
        Timeliness { late, held, since_regained: time - regained }
    }

    /// How much later than possible the fix came, milliseconds; notices steps of UTC on the way.
    fn over(&mut self, lag_ms: i64, at: Mono, each: &mut impl FnMut(Finding)) -> i64 {
        let Some(smallest) = self.smallest else {
            self.smallest = Some(Smallest { lag_ms, at });
            return 0;
        };
        self.settled = self.settled.saturating_add(1);
        let drift = (at - smallest.at).0 / DRIFT_DIVISOR;
        let allowed = smallest.lag_ms.saturating_add(drift);
        let over_ms = lag_ms.saturating_sub(allowed);
        self.leap(over_ms);
        // What is allowed for the crystal grows through a gap without fixes; a fix that comes less late than that is not early.
        let early_ms = lag_ms.saturating_sub(smallest.lag_ms).min(0);
        let step = whole_seconds(if over_ms < 0 { early_ms } else { over_ms });
        let burst = self.last.is_some_and(|last| at - last.at < BURST.min(Span(last.after.0 / 2)));
        let stepped = match step {
            Some(seconds) if seconds < 0 => !burst && self.settled >= STEP_RUN,
            Some(seconds) if !burst && self.leapt == Some(seconds) => self.again(seconds),
            _ => {
                self.step = None;
                false
            }
        };
        if let Some(seconds) = step.filter(|_| stepped) {
            self.step = None;
            each(Finding::UtcStepped(Span::seconds(-seconds)));
        }
        if early_ms < -UNSETTLED_MS {
            self.settled = 0;
        }
        if stepped || over_ms < 0 {
            self.smallest = Some(Smallest { lag_ms, at });
            (self.over_ms, self.leapt) = (0, None);
            return 0;
        }
        if drift > 0 {
            self.smallest = Some(Smallest { lag_ms: allowed, at });
        }
        over_ms
    }

    /// Notices when fixes begin to be late from one to the next, and when they no longer are.
    fn leap(&mut self, over_ms: i64) {
        let before = std::mem::replace(&mut self.over_ms, over_ms);
        if over_ms < SUDDEN_MS {
            self.leapt = None;
        } else if over_ms - before >= SUDDEN_MS || self.leapt.is_some() && before - over_ms >= SUDDEN_MS {
            // A fall is told too: the fix before came late on top of the step.
            self.leapt = Some(nearest_second(over_ms));
        }
    }

    /// Whether fixes have come later by just so many seconds often enough.
    fn again(&mut self, seconds: i64) -> bool {
        let count = match self.step {
            Some((same, count)) if same == seconds => count.saturating_add(1),
            _ => 1,
        };
        self.step = Some((seconds, count));
        count >= STEP_RUN
    }
}

/// The whole seconds, not 0, that this is.
fn whole_seconds(millis: i64) -> Option<i64> {
    let seconds = nearest_second(millis);
    let exact = millis.saturating_sub(seconds.saturating_mul(1_000)).abs() <= WHOLE_SECOND_MS;
    (exact && seconds != 0 && seconds.abs() <= LEAP_SECONDS_MAX).then_some(seconds)
}

fn nearest_second(millis: i64) -> i64 {
    millis.saturating_add(500).div_euclid(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds fixes, each as (arrival, time) in milliseconds, and tells how many were late and what was found.
    fn feed(timing: &mut Timing, fixes: impl IntoIterator<Item = (u64, i64)>) -> (usize, Vec<Finding>) {
        let (mut late, mut found) = (0, Vec::new());
        let here = Position::from_degrees(48.0, 11.0).unwrap();
        for (at, time) in fixes {
            let timely = timing.fix(UnixMillis(time), here, Mono(at), |finding| found.push(finding));
            late += usize::from(timely.late);
        }
        (late, found)
    }

    fn settled() -> Timing {
        let mut timing = Timing::default();
        assert_eq!(feed(&mut timing, (0..20).map(|s| (s * 1_000 + 300, s as i64 * 1_000))), (0, vec![]));
        timing
    }

    #[test]
    fn what_lay_in_a_buffer_is_late_and_what_comes_after_is_not() {
        let mut timing = settled();
        // A sleep of 30 s: everything of it arrives at once.
        let buffered = (20..50).map(|s| (50_300, s * 1_000));
        assert_eq!(feed(&mut timing, buffered).0, 29);
        assert_eq!(feed(&mut timing, (51..60).map(|s| (s * 1_000 + 300, s as i64 * 1_000))).0, 0);
    }

    #[test]
    fn a_line_that_falls_behind_is_told_after_ten_seconds_and_so_is_its_end() {
        let mut timing = settled();
        let slow = (20..40).map(|s| (s * 1_000 + 300 + (s - 19) * 230, s as i64 * 1_000));
        assert_eq!(feed(&mut timing, slow).1, [Finding::Lagging(true)]);
        let caught_up = (60..62).map(|s| (s * 1_000 + 300, s as i64 * 1_000));
        assert_eq!(feed(&mut timing, caught_up).1, [Finding::Lagging(false)]);
    }

    #[test]
    fn a_line_that_falls_behind_slowly_is_told_as_such_and_not_as_steps_of_utc() {
        for growth in [3, 10, 19, 60] {
            let mut timing = settled();
            let slow = (20..2_000).map(|s| (s * 1_000 + 300 + (s - 19) * growth, s as i64 * 1_000));
            assert_eq!(feed(&mut timing, slow).1, [Finding::Lagging(true)], "{growth} ms a fix");
        }
    }

    #[test]
    fn a_step_after_a_late_fix_or_two_is_one_all_the_same() {
        for first in [&[300, 1_400, 300, 2_350, 2_600][..], &[2_350, 3_000]] {
            let mut timing = settled();
            let delays = first.iter().copied().chain([2_300; 20]);
            let behind = (20..).zip(delays).map(|(s, delay)| (s * 1_000 + delay, s as i64 * 1_000));
            assert_eq!(feed(&mut timing, behind).1, [Finding::UtcStepped(Span::seconds(-2))], "{first:?}");
        }
    }

    #[test]
    fn whole_seconds_that_utc_steps_are_told_both_ways() {
        let mut timing = settled();
        let behind = (20..40).map(|s| (s * 1_000 + 300, s as i64 * 1_000 - 2_000));
        let (late, found) = feed(&mut timing, behind);
        assert_eq!(found, [Finding::UtcStepped(Span::seconds(-2))]);
        assert_eq!(late, 9, "until it is known that it was a step");
        let ahead = (40..45).map(|s| (s * 1_000 + 300, s as i64 * 1_000 + 1_000));
        assert_eq!(feed(&mut timing, ahead), (0, vec![Finding::UtcStepped(Span::seconds(3))]));
    }

    #[test]
    fn a_crystal_that_drifts_makes_nothing_late() {
        let mut timing = Timing::default();
        // 300 in a million, for six hours.
        let drifting = (0..2_160).map(|s| (s * 10_003, s as i64 * 10_000));
        assert_eq!(feed(&mut timing, drifting), (0, vec![]));
    }

    #[test]
    fn a_gap_without_fixes_is_no_step_of_utc_and_one_in_it_is_told() {
        // The allowance for the crystal is 1 s and 14 s by then.
        for gap in [2_000, 28_000] {
            let mut timing = settled();
            let on_time = (20 + gap..40 + gap).map(|s| (s * 1_000 + 300, s as i64 * 1_000));
            assert_eq!(feed(&mut timing, on_time), (0, vec![]), "{gap} s");
            assert!(timing.now(Mono((40 + gap) * 1_000)).unwrap().settled, "{gap} s");
            let mut stepped = settled();
            let ahead = (20 + gap..40 + gap).map(|s| (s * 1_000 + 300, s as i64 * 1_000 + 1_000));
            assert_eq!(feed(&mut stepped, ahead), (0, vec![Finding::UtcStepped(Span::seconds(1))]), "{gap} s");
            let later = (40 + gap..60 + gap).map(|s| (s * 1_000 + 300, s as i64 * 1_000 + 1_000));
            assert_eq!(feed(&mut timing, later), (0, vec![Finding::UtcStepped(Span::seconds(1))]), "{gap} s");
        }
    }

    #[test]
    fn a_held_position_is_counted_and_a_gap_ends_what_was_regained() {
        let mut timing = Timing::default();
        let mut fix = |second: i64, lat: f64| {
            let position = Position::from_degrees(lat, 11.0).unwrap();
            let at = Mono(u64::try_from(second).unwrap() * 1_000);
            let timely = timing.fix(UnixMillis(second * 1_000), position, at, |_| ());
            (timely.held, timely.since_regained.0 / 1_000)
        };
        assert_eq!([fix(0, 48.0), fix(1, 48.0), fix(2, 48.0)], [(0, 0), (1, 1), (2, 2)]);
        assert_eq!([fix(3, 48.1), fix(60, 48.2), fix(61, 48.2)], [(0, 3), (0, 0), (1, 1)]);
    }

    #[test]
    fn a_receiver_whose_time_stands_still_is_stuck_and_recovers() {
        let mut timing = Timing::default();
        let mut heard = |at: u64, time: i64| timing.heard(TimeOfDay(time), Mono(at * 1_000));
        assert_eq!([heard(0, 5), heard(9, 5)], [None, None]);
        assert_eq!([heard(10, 5), heard(11, 5)], [Some(Finding::Stuck(true)), None]);
        assert_eq!([heard(12, 6), heard(13, 7)], [Some(Finding::Stuck(false)), None]);
    }
}
