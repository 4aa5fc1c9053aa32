//! A good checksum proves little: two flipped bits pass in 14 % of cases. What an epoch claims is judged here, before it
//! becomes a fix.

use super::date::{DateFloor, KNOWN_STEP_MAX};
use super::epoch::Epoch;
use super::timing::Now;
use super::{Dated, GnssFix, Rejected};
use crate::time::Mono;
use geofence::{Fix, Mode, Position, Span, UnixMillis};
use heapless::Vec;
use serde::{Deserialize, Serialize};

/// User-equivalent range error that turns HDOP into metres per axis where the receiver reports no GST.
const UERE_M: f64 = 5.0;
/// Accuracy where not even HDOP is known, metres.
const UNKNOWN_SIGMA_M: f64 = 25.0;
/// Better than this is not claimed, whatever the receiver says, metres.
const SIGMA_MIN_M: f64 = 0.01;
/// One coordinate exactly zero is believed within this many 1e-7 degrees (1 km) of the last fix's.
const NEAR_AXIS_E7: i32 = 90_000;
const DAY: Span = Span::seconds(86_400);
/// An epoch may be this far ahead of now, as the arrivals before have it: more than leap seconds that change, or the jitter of a busy
/// gateway.
const AHEAD_MAX: Span = Span::seconds(10);
/// So many consistent epochs prove that time really went back by a day or more, as when a receiver restarts in another year ...
const BACK_RUN: u8 = 10;
/// ... or by less: one more than the seconds that a receiver can be ahead before it knows the leap seconds, after which its time
/// is newer again at 1 Hz ...
const BACK_RUN_SAME_DAY: u8 = 4;
/// ... or really leapt ahead by a day or more ...
const AHEAD_RUN: u8 = 30;
/// ... or by less.
const AHEAD_RUN_SAME_DAY: u8 = BACK_RUN_SAME_DAY;
/// So many fixes of a run are kept until it is long enough: all but the last of the shortest.
const KEPT: usize = BACK_RUN_SAME_DAY as usize - 1;
/// Epochs of a consistent run follow each other within this.
const RUN_STEP_MAX: Span = Span::seconds(60);
/// The same for the dates of a start: some receivers say theirs every few minutes.
const START_STEP_MAX: Span = Span::seconds(600);
/// So many times as long as at an epoch a second, two dates are as good as all of them.
const RARE: i64 = 10;

/// Whether an epoch claims a measured position at all.
///
/// # Errors
/// `Void`, `Unplaced`, `ConflictingValidity`, `NotMeasured` or `ConflictingPosition`.
pub(super) fn measured(epoch: &Epoch) -> Result<Position, Rejected> {
    let void = epoch.is_void();
    if void && (epoch.valid || epoch.dead_reckoning) {
        return Err(Rejected::ConflictingValidity);
    }
    if epoch.not_measured {
        return Err(Rejected::NotMeasured);
    }
    match epoch.position {
        Some(_) if epoch.apart => Err(Rejected::ConflictingPosition),
        Some(position) if !void => Ok(position),
        None if !(void || epoch.valid || epoch.dead_reckoning) => Err(Rejected::Unplaced),
        _ => Err(Rejected::Void),
    }
}

/// The fix of a measured and dated epoch.
pub(super) fn fix(epoch: &Epoch, position: Position, dated: Dated) -> GnssFix {
    let mode = match epoch.three_d {
        _ if epoch.dead_reckoning => Mode::DeadReckoning,
        Some(true) => Mode::ThreeD,
        Some(false) | None => Mode::TwoD,
    };
    let by_hdop = || epoch.hdop.map(|hdop| hdop * UERE_M);
    let sigma_m = epoch.sigma_m.or(epoch.expected_error_m).or_else(by_hdop).unwrap_or(UNKNOWN_SIGMA_M);
    GnssFix {
        fix: Fix {
            time: dated.time,
            position,
            mode,
            sigma_m: sigma_m.max(SIGMA_MIN_M),
            speed_mps: epoch.speed_mps,
            track_deg: epoch.track_deg,
        },
        arrived: epoch.at,
        sats: epoch.sats,
        hdop: epoch.hdop,
        date_repaired: dated.repaired,
        time_stepped: false,
        leap_second: epoch.leap_second,
        late: false,
        held: 0,
        since_regained: Span(0),
        speed_sigma_mps: epoch.speed_sigma_mps,
        utc_resolved: epoch.utc_resolved,
    }
}

/// Lets fixes through in the order of time, away from the zeros that receivers write when they know nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub(super) struct Admission {
    last: Option<Admitted>,
    run: Option<(UnixMillis, u8)>,
    /// The latest fixes of a run whose time went elsewhere, oldest first: they are used once it is known that it did.
    #[serde(default)]
    kept: Vec<GnssFix, KEPT>,
    /// Nothing was admitted since the start: what is known of the date then.
    #[serde(default)]
    start: Option<Start>,
    /// The first time of the run of a start.
    #[serde(default)]
    begun: Option<UnixMillis>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Admitted {
    time: UnixMillis,
    position: Position,
    #[serde(default)]
    arrived: Option<Mono>,
}

/// What a start leaves of what was known about time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Start {
    floor: DateFloor,
    /// Monotonic time went on since the last fix.
    same_boot: bool,
}

impl Start {
    /// How many epochs must agree before the first date is believed, if more than one. It dates all that waits for a date, so it is
    /// believed at once only where it follows from the last one.
    fn enough(self, last: Option<Admitted>, fix: &GnssFix) -> Option<u8> {
        let (time, repaired) = (fix.fix.time, fix.date_repaired);
        let Some(last) = last else {
            // That a date lies after the day of the build proves little, and that it had to be moved there even less.
            let floor = self.floor.0?;
            let far = repaired || time - floor > KNOWN_STEP_MAX;
            return Some(if far { BACK_RUN } else { BACK_RUN_SAME_DAY });
        };
        let passed = last.arrived.filter(|_| self.same_boot).map(|at| fix.arrived - at);
        if time - last.time < Span(DAY.0.saturating_add(passed.map_or(0, |passed| passed.0))) {
            return None;
        }
        if passed.is_some() {
            return Some(AHEAD_RUN);
        }
        // Nobody knows for how long the device was off; a truck is in use again within a year. Nor was a digit of the date's damaged.
        let far = repaired || time - last.time > KNOWN_STEP_MAX;
        Some(if far { BACK_RUN } else { BACK_RUN_SAME_DAY })
    }
}

impl Admission {
    /// A new run: any length of time may have passed. `same_boot`: as long as the monotonic clock says.
    pub(super) fn restart(&mut self, floor: DateFloor, same_boot: bool) {
        self.end_run();
        self.start = Some(Start { floor, same_boot });
        if !same_boot && let Some(last) = &mut self.last {
            // Of another boot's monotonic time: a later start in this one must not reckon with it.
            last.arrived = None;
        }
    }

    /// Judges a fix that arrived `now`, where that is known, and hands out what is admitted by it, in order: mostly itself.
    ///
    /// # Errors
    /// `ZeroPosition`, `TimeBack` or `TimeAhead`.
    pub(super) fn admit(
        &mut self,
        now: Option<Now>,
        fix: GnssFix,
        mut each: impl FnMut(GnssFix),
    ) -> Result<(), Rejected> {
        let (time, position) = (fix.fix.time, fix.fix.position);
        self.zero(position)?;
        let wrong = self.wrong(now, &fix);
        // What goes on a few hours ahead may be right, and what was measured before it too. Behind, or days ahead, one of them was wrong.
        let mut stepped = wrong.is_some_and(|(reason, enough)| reason == Rejected::TimeBack || enough == AHEAD_RUN);
        if let Some((reason, enough)) = wrong {
            let agreed =
                if self.start.is_some() { self.agrees_at_start(&fix, enough) } else { self.agree(time, enough) };
            if !agreed {
                self.keep(fix);
                return Err(reason);
            }
            for kept in core::mem::take(&mut self.kept) {
                each(GnssFix { time_stepped: core::mem::take(&mut stepped), ..kept });
            }
        }
        self.end_run();
        self.start = None;
        self.last = Some(Admitted { time, position, arrived: Some(fix.arrived) });
        each(GnssFix { time_stepped: stepped, ..fix });
        Ok(())
    }

    /// Why the time of a fix is not believed by itself, and how many must agree.
    fn wrong(&self, now: Option<Now>, fix: &GnssFix) -> Option<(Rejected, u8)> {
        let time = fix.fix.time;
        if let Some(last) = self.last.filter(|last| time <= last.time) {
            let enough = if last.time - time < DAY { BACK_RUN_SAME_DAY } else { BACK_RUN };
            return Some((Rejected::TimeBack, enough));
        }
        if let Some(start) = self.start {
            return start.enough(self.last, fix).map(|enough| (Rejected::TimeAhead, enough));
        }
        let now = now.filter(|_| self.last.is_some())?;
        let ahead = time - now.time;
        // The first fix may have come late, and what comes after it is then ahead of it.
        let known = if now.settled { AHEAD_MAX } else { DAY };
        let enough = if ahead < DAY { AHEAD_RUN_SAME_DAY } else { AHEAD_RUN };
        (ahead > known).then_some((Rejected::TimeAhead, enough))
    }

    fn end_run(&mut self) {
        (self.run, self.begun) = (None, None);
        self.kept.clear();
    }

    fn keep(&mut self, fix: GnssFix) {
        if self.kept.is_full() {
            self.kept.remove(0);
        }
        // There is room now.
        let _ = self.kept.push(fix);
    }

    /// Whether `enough` epochs in a row, this one included, follow each other in time.
    fn agree(&mut self, time: UnixMillis, enough: u8) -> bool {
        let count = match self.run {
            Some((previous, count)) if time > previous && time - previous <= RUN_STEP_MAX => count.saturating_add(1),
            _ => {
                self.kept.clear();
                1
            }
        };
        self.run = Some((time, count));
        count >= enough
    }

    /// Whether the dates since one that is not believed by itself follow each other as their arrivals do: `enough` of them, and for as
    /// many seconds, since a receiver at 20 Hz says the same wrong second often. Two that are far apart do where dates are rare.
    fn agrees_at_start(&mut self, fix: &GnssFix, enough: u8) -> bool {
        let time = fix.fix.time;
        let follows = self.kept.last().is_some_and(|previous| {
            let (said, passed) = (time - previous.fix.time, fix.arrived - previous.arrived);
            said > Span(0) && said <= START_STEP_MAX && Span((said.0 - passed.0).abs()) <= AHEAD_MAX
        });
        let count = match self.run.filter(|_| follows) {
            Some((_, count)) => count.saturating_add(1),
            None => {
                self.kept.clear();
                self.begun = Some(time);
                1
            }
        };
        self.run = Some((time, count));
        let lasted = self.begun.map_or(Span(0), |begun| time - begun);
        let wanted = Span::seconds(i64::from(enough) - 1);
        (count >= enough && lasted >= wanted) || (count >= 2 && lasted >= Span(wanted.0 * RARE))
    }

    fn zero(&self, position: Position) -> Result<(), Rejected> {
        let near_axis = |axis: fn(Position) -> i32| {
            axis(position) != 0 || self.last.is_some_and(|last| axis(last.position).abs() < NEAR_AXIS_E7)
        };
        let both = position.lat_e7() == 0 && position.lon_e7() == 0;
        let believable = near_axis(Position::lat_e7) && near_axis(Position::lon_e7);
        (believable && !both).then_some(()).ok_or(Rejected::ZeroPosition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Mono;

    fn fix(seconds: i64, lat: f64, lon: f64) -> GnssFix {
        GnssFix {
            fix: Fix {
                time: UnixMillis(seconds * 1_000),
                position: Position::from_degrees(lat, lon).unwrap(),
                mode: Mode::ThreeD,
                sigma_m: 3.0,
                speed_mps: None,
                track_deg: None,
            },
            arrived: Mono(0),
            sats: None,
            hdop: None,
            date_repaired: false,
            time_stepped: false,
            leap_second: false,
            late: false,
            held: 0,
            since_regained: Span(0),
            speed_sigma_mps: None,
            utc_resolved: None,
        }
    }

    /// The seconds of the admitted fixes, and whether time stepped at the first of them.
    fn admit(admission: &mut Admission, now: i64, seconds: i64) -> Result<(std::vec::Vec<i64>, bool), Rejected> {
        admit_at(admission, Some(now), &fix(seconds, 48.0, 11.0))
    }

    fn admit_at(
        admission: &mut Admission,
        now: Option<i64>,
        fix: &GnssFix,
    ) -> Result<(std::vec::Vec<i64>, bool), Rejected> {
        let mut admitted = std::vec::Vec::new();
        let now = now.map(|seconds| Now { time: UnixMillis(seconds * 1_000), settled: true });
        admission.admit(now, *fix, |fix| admitted.push(fix))?;
        let stepped = admitted.iter().position(|fix| fix.time_stepped);
        assert!(stepped.is_none_or(|at| at == 0));
        Ok((admitted.iter().map(|fix| fix.fix.time.0 / 1_000).collect(), stepped.is_some()))
    }

    #[test]
    fn time_going_back_an_hour_is_held_until_four_epochs_agree_and_none_of_them_is_lost() {
        let mut admission = Admission::default();
        admit(&mut admission, 10_000, 10_000).unwrap();
        for step in 0..3 {
            assert_eq!(admit(&mut admission, 1_000_001, 6_400 + step), Err(Rejected::TimeBack));
        }
        assert_eq!(admit(&mut admission, 1_000_001, 6_403), Ok((vec![6_400, 6_401, 6_402, 6_403], true)));
        assert_eq!(admit(&mut admission, 1_000_001, 6_404), Ok((vec![6_404], false)));
    }

    #[test]
    fn a_second_said_twice_is_dropped_and_nothing_of_it_comes_back() {
        let mut admission = Admission::default();
        admit(&mut admission, 1_000, 1_000).unwrap();
        assert_eq!(admit(&mut admission, 1_001, 999), Err(Rejected::TimeBack));
        assert_eq!(admit(&mut admission, 1_002, 1_000), Err(Rejected::TimeBack));
        assert_eq!(admit(&mut admission, 1_003, 1_001), Ok((vec![1_001], false)));
    }

    #[test]
    fn time_going_back_days_is_refused_until_ten_epochs_agree() {
        let mut admission = Admission::default();
        admit(&mut admission, 1_000_000, 1_000_000).unwrap();
        for step in 0..9 {
            assert_eq!(admit(&mut admission, 1_000_001, 500 + step), Err(Rejected::TimeBack));
        }
        assert_eq!(admit(&mut admission, 1_000_001, 509), Ok((vec![506, 507, 508, 509], true)));
        assert_eq!(admit(&mut admission, 1_000_001, 510), Ok((vec![510], false)));
    }

    /// How many epochs in a row of this first date are refused after a start before one is admitted.
    fn refused(admission: &Admission, first: i64, repaired: bool, arrived: u64) -> usize {
        let mut admission = admission.clone();
        let mut epochs = (0..100).map(|step| GnssFix {
            date_repaired: repaired,
            arrived: Mono(arrived + u64::try_from(step).unwrap() * 1_000),
            ..fix(first + step, 48.0, 11.0)
        });
        epochs.position(|epoch| admit_at(&mut admission, None, &epoch).is_ok()).unwrap()
    }

    const DAYS: i64 = 86_400;

    #[test]
    fn a_date_days_ahead_is_held_while_the_device_runs_and_after_a_restart_as_long_as_it_did_not_pass() {
        let mut admission = Admission::default();
        admit(&mut admission, 1_000, 1_000).unwrap();
        assert_eq!(admit(&mut admission, 1_001, 1_000_000), Err(Rejected::TimeAhead));
        admission.restart(DateFloor(None), true);
        assert_eq!(refused(&admission, 1_000_000, false, 60_000), 29, "a minute later");
        assert_eq!(refused(&admission, 1_000_000, false, 999_000_000), 0, "so long has passed");
        assert_eq!(refused(&admission, 1_060, true, 60_000), 0, "repaired, and just when it is");
        admission.restart(DateFloor(None), false);
        assert_eq!(refused(&admission, 1_000_000, false, 60_000), 3, "nobody knows how long the device was off");
        // Nor is it known by a second start of that boot, whose monotonic time began anew.
        admission.restart(DateFloor(None), true);
        assert_eq!(refused(&admission, 1_000_000, false, 60_000), 3);
    }

    #[test]
    fn a_first_date_that_was_repaired_or_lies_far_ahead_is_held_until_ten_epochs_agree() {
        let mut admission = Admission::default();
        admit(&mut admission, 1_000, 1_000).unwrap();
        admission.restart(DateFloor(None), false);
        let first = |days: i64, repaired| refused(&admission, 2_000 + days * DAYS, repaired, 0);
        assert_eq!([first(0, false), first(0, true)], [0, 0], "hours later");
        assert_eq!([first(2, false), first(399, false), first(401, false)], [3, 3, 9]);
        assert_eq!([first(2, true), first(1_000, true)], [9, 9]);
    }

    #[test]
    fn a_first_date_is_held_for_seconds_and_not_for_epochs_alone_and_a_rare_one_is_believed_all_the_same() {
        let admitted_after = |every_ms: u64, repaired| {
            let mut admission = Admission::default();
            admission.restart(DateFloor(Some(UnixMillis(0))), false);
            let said = |nth: u64| {
                let at = Mono(nth * every_ms);
                let mut fix = GnssFix { arrived: at, date_repaired: repaired, ..fix(9_000, 48.0, 11.0) };
                fix.fix.time = UnixMillis(9_000_000 + i64::try_from(at.0).unwrap());
                admit_at(&mut admission, None, &fix).is_ok()
            };
            every_ms * (0..1_000).position(said).map_or(0, |nth| u64::try_from(nth).unwrap())
        };
        let after = [50, 100, 1_000, 10_000, 60_000, 300_000].map(|every_ms| admitted_after(every_ms, false));
        assert_eq!(after, [3_000, 3_000, 3_000, 30_000, 60_000, 300_000]);
        let after = [50, 100, 1_000, 10_000, 60_000].map(|every_ms| admitted_after(every_ms, true));
        assert_eq!(after, [9_000, 9_000, 9_000, 90_000, 120_000]);
        // Dates that do not go on as their arrivals do are not of one clock.
        let mut admission = Admission::default();
        admission.restart(DateFloor(Some(UnixMillis(0))), false);
        let jumping =
            |nth: i64| GnssFix { arrived: Mono(nth.unsigned_abs() * 1_000), ..fix(9_000 + 40 * nth, 48.0, 11.0) };
        assert!((0..100).all(|nth| admit_at(&mut admission, None, &jumping(nth)).is_err()));
    }

    #[test]
    fn where_nothing_is_known_but_the_build_its_day_alone_proves_little() {
        let mut admission = Admission::default();
        admission.restart(DateFloor(Some(UnixMillis(0))), false);
        let first = |days: i64, repaired| refused(&admission, days * DAYS, repaired, 0);
        assert_eq!([first(1, false), first(399, false)], [3, 3]);
        assert_eq!([first(1, true), first(401, false)], [9, 9]);
        // Nothing of the shorter run is lost.
        for step in 0..3 {
            assert_eq!(admit_at(&mut admission, None, &fix(step, 48.0, 11.0)), Err(Rejected::TimeAhead));
        }
        assert_eq!(admit_at(&mut admission, None, &fix(3, 48.0, 11.0)), Ok((vec![0, 1, 2, 3], false)));
        assert_eq!(admit(&mut admission, 4, 4), Ok((vec![4], false)));
        admission = Admission::default();
        admission.restart(DateFloor(None), false);
        assert_eq!(refused(&admission, 9_999 * DAYS, false, 0), 0, "a replay that has no floor");
    }

    #[test]
    fn time_ahead_of_what_has_passed_is_held_until_four_agree_and_none_of_them_is_lost() {
        let mut admission = Admission::default();
        admit(&mut admission, 1_000, 1_000).unwrap();
        assert_eq!(admit(&mut admission, 1_001, 4_601), Err(Rejected::TimeAhead));
        assert_eq!(admit(&mut admission, 1_002, 1_002), Ok((vec![1_002], false)), "it was one damaged hour");
        for step in 0..3 {
            assert_eq!(admit(&mut admission, 1_003 + step, 4_603 + step), Err(Rejected::TimeAhead));
        }
        let admitted = admit(&mut admission, 1_006, 4_606);
        assert_eq!(admitted, Ok((vec![4_603, 4_604, 4_605, 4_606], false)), "which of them is right nobody knows");
        assert_eq!(admit(&mut admission, 8_000, 8_010), Ok((vec![8_010], false)), "after a gap");
    }

    #[test]
    fn null_island_and_half_zeros_are_refused_except_on_the_axis() {
        let refused = |lat, lon| admit_at(&mut Admission::default(), None, &fix(1, lat, lon));
        assert_eq!(refused(0.0, 0.0), Err(Rejected::ZeroPosition));
        assert_eq!(refused(0.0, 11.0), Err(Rejected::ZeroPosition));
        let mut quito = Admission::default();
        admit_at(&mut quito, None, &fix(1, 0.0005, -78.0)).unwrap();
        assert_eq!(admit_at(&mut quito, None, &fix(2, 0.0, -78.0)), Ok((vec![2], false)));
    }
}
