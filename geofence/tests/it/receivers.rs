//! Receivers as they are: without a speed, slow, saving power. One visit, told as one.

use crate::drawn::{OneFence, at};
use geofence::{Fix, Kind, Mode, Span, Tracker, Transition, UnixMillis};

/// Where the truck is: in at 20.5 s, stands from 40 s to 440 s, out at 460.5 s and away at 10 m/s.
fn east_m(second: f64) -> f64 {
    if second < 40.0 {
        -205.0 + 10.0 * second
    } else if second < 440.0 {
        195.0
    } else {
        195.0 - 10.0 * (second - 440.0)
    }
}

fn visit(period_s: f64, speed: bool) -> Vec<Transition> {
    let (fence, mut tracker) = (OneFence::new(), Tracker::default());
    let mut told = Vec::new();
    let mut second = 0.0;
    while second < 900.0 {
        let velocity = (east_m(second + 0.5) - east_m(second - 0.5)).clamp(-10.0, 10.0);
        let moving = velocity.abs() > 0.5;
        let fix = Fix {
            time: UnixMillis(0) + Span::from_seconds(second),
            position: at(east_m(second), 0.0),
            mode: Mode::ThreeD,
            sigma_m: 3.0,
            speed_mps: speed.then_some(velocity.abs()),
            track_deg: (speed && moving).then_some(if velocity > 0.0 { 90.0 } else { 270.0 }),
        };
        told.extend(tracker.step(&fence, &fix));
        second += period_s;
    }
    told
}

/// Each crossing within so many seconds of the truth, and the truth in its interval.
fn assert_one_visit(told: &[Transition], within_s: f64, what: &str) {
    let kinds: Vec<_> = told.iter().map(|t| t.kind).collect();
    assert_eq!(kinds, [Kind::Entered, Kind::Left], "{what}: {told:?}");
    for (transition, true_s) in told.iter().zip([20.5, 459.5]) {
        let seconds = |time: UnixMillis| time.0 as f64 / 1_000.0;
        let off = seconds(transition.crossing.at) - true_s;
        assert!(off.abs() <= within_s, "{what}: {off} s off, {:?}", transition.crossing);
        let lo = transition.crossing.lo.map_or(f64::NEG_INFINITY, seconds);
        assert!(lo <= true_s && true_s <= seconds(transition.crossing.hi), "{what}: {:?}", transition.crossing);
    }
}

/// The visit, its seconds of which `reckoned` says so on dead reckoning, and when each transition was told.
fn reckoned_visit(reckoned: impl Fn(i32) -> bool) -> Vec<(Kind, i32)> {
    let (fence, mut tracker) = (OneFence::new(), Tracker::default());
    let step = |second: i32| {
        let east = |second: i32| east_m(f64::from(second));
        let moving = (east(second) - east(second + 1)).abs() > 1.0;
        let fix = Fix {
            time: UnixMillis(0) + Span::seconds(i64::from(second)),
            position: at(east(second), 0.0),
            mode: if reckoned(second) { Mode::DeadReckoning } else { Mode::ThreeD },
            sigma_m: 3.0,
            speed_mps: Some(if moving { 10.0 } else { 0.0 }),
            track_deg: moving.then_some(if second < 100 { 90.0 } else { 270.0 }),
        };
        tracker.step(&fence, &fix).iter().map(|told| (told.kind, second)).collect::<Vec<_>>()
    };
    (0..900).flat_map(step).collect()
}

#[test]
fn r13_dead_reckoning_by_itself_neither_begins_nor_ends_a_visit() {
    let measured = reckoned_visit(|_| false);
    assert!(matches!(measured[..], [(Kind::Entered, 20..40), (Kind::Left, 460..480)]), "{measured:?}");
    // In on dead reckoning, and there for six minutes: no arrival before something is measured, and one from then on.
    let reckoned_in = reckoned_visit(|second| (10..400).contains(&second));
    assert!(matches!(reckoned_in[..], [(Kind::Entered, 400..420), (Kind::Left, 460..480)]), "{reckoned_in:?}");
    // Out on dead reckoning, and far away for five minutes: likewise.
    let reckoned_out = reckoned_visit(|second| (445..800).contains(&second));
    assert!(matches!(reckoned_out[..], [(Kind::Entered, 20..40), (Kind::Left, 800..820)]), "{reckoned_out:?}");
    assert_eq!(reckoned_visit(|second| second >= 10), []);
    assert_eq!(reckoned_visit(|second| second >= 445).len(), 1, "whoever was in stays in");
    // A visit that was reckoned throughout was none: nothing of it was measured.
    assert_eq!(reckoned_visit(|second| (10..480).contains(&second)), []);
}

#[test]
fn fast_and_slow_receivers_tell_the_same_visit() {
    for (period_s, within_s) in [(0.1, 1.0), (0.2, 1.0), (1.0, 1.0), (5.0, 2.0), (10.0, 5.0)] {
        assert_one_visit(&visit(period_s, true), within_s, &format!("{period_s} s"));
    }
}

#[test]
fn a_receiver_that_saves_power_still_tells_arrival_and_departure() {
    for period_s in [11.0, 30.0] {
        assert_one_visit(&visit(period_s, true), period_s, &format!("{period_s} s"));
    }
}

#[test]
fn a_receiver_without_speed_still_tells_arrival_and_departure() {
    for (period_s, within_s) in [(1.0, 4.0), (2.0, 5.0), (5.0, 8.0)] {
        assert_one_visit(&visit(period_s, false), within_s, &format!("{period_s} s"));
    }
}

#[test]
fn a_truck_that_creeps_over_the_line_is_stamped_there_and_not_where_its_trip_began() {
    // Drives for an hour, then creeps the last 2 m to the line and 28 m beyond at 0.25 m/s: it crosses at 3,608 s.
    let (fence, mut tracker) = (OneFence::new(), Tracker::default());
    let east_m =
        |second: f64| if second < 3_600.0 { -36_002.0 + 10.0 * second } else { -2.0 + 0.25 * (second - 3_600.0) };
    let told: Vec<_> = (0..3_720)
        .flat_map(|second| {
            let second = f64::from(second);
            let speed = if second < 3_600.0 { 10.0 } else { 0.25 };
            let time = UnixMillis(0) + Span::from_seconds(second);
            let (position, mode, sigma_m) = (at(east_m(second), 0.0), Mode::ThreeD, 2.0);
            tracker.step(&fence, &Fix { time, position, mode, sigma_m, speed_mps: Some(speed), track_deg: Some(90.0) })
        })
        .collect();
    let crossing = told.first().expect("an entry").crossing;
    assert!((3_600_000..=3_640_000).contains(&crossing.at.0), "{crossing:?}");
    assert!(crossing.lo.is_some_and(|lo| lo.0 > 3_590_000), "{crossing:?}");
}

#[test]
fn a_filter_that_was_wrong_from_the_start_begins_again() {
    // The first fix is 3,000 km off. From then on the truck stands in the yard, and tells it every 90 s: too seldom for two
    // of its fixes to bear each other out.
    let (fence, mut tracker) = (OneFence::new(), Tracker::default());
    let fix = |second: f64, position| Fix {
        time: UnixMillis(0) + Span::from_seconds(second),
        position,
        mode: Mode::ThreeD,
        sigma_m: 3.0,
        speed_mps: Some(0.0),
        track_deg: None,
    };
    tracker.step(&fence, &fix(0.0, at(0.0, 3_000_000.0)));
    let told: Vec<_> =
        (1..30).flat_map(|n| tracker.step(&fence, &fix(90.0 * f64::from(n), at(100.0, 0.0))).to_vec()).collect();
    assert_eq!(tracker.last().map(|last| last.position), Some(at(100.0, 0.0)));
    assert_eq!(told.iter().map(|t| t.kind).collect::<Vec<_>>(), [Kind::Entered], "{told:?}");
}
