//! One picture per arm of the state machine: each of them fails if that arm is taken out or turned round.

use crate::drawn::{OneFence, Second, advance, drive, many, seconds};
use geofence::{Crossing, Kind, Method, Presence, Tracker, Transition};

/// Drives in to 95 m inside and stands there for so long: inwards at 10.5 s.
fn parked(seconds: usize) -> String {
    many(">", 20) + &many("s", seconds)
}

fn transitions(drawing: &str) -> Vec<Transition> {
    let (fence, mut tracker) = (OneFence::new(), Tracker::default());
    seconds(drawing).into_iter().flat_map(|second| advance(&mut tracker, &fence, second)).collect()
}

fn last_crossing(drawing: &str) -> Crossing {
    transitions(drawing).last().expect("a transition").crossing
}

#[test]
fn driving_in_and_out_is_one_entry_and_one_exit() {
    let out = many("<", 20);
    assert_eq!(drive(&format!("{}{out}", parked(20))), "entered 11 Interpolated\nleft 50 Interpolated\n");
}

#[test]
fn driving_through_is_an_entry_and_an_exit() {
    assert_eq!(drive(&many(">", 60)), "entered 11 Interpolated\nleft 51 Interpolated\n");
}

#[test]
fn driving_by_says_nothing() {
    assert_eq!(drive(&format!("{}{}", many(">", 9), many("<", 20))), "");
}

#[test]
fn the_interval_holds_the_crossing_and_is_as_wide_as_the_accuracy_over_the_speed() {
    let crossing = last_crossing(&parked(10));
    let (lo, hi) = (crossing.lo.unwrap().0, crossing.hi.0);
    assert!(lo < 10_500 && 10_500 < hi, "{crossing:?}");
    // sigma is 1.5 x 3 m, half of it in common to all fixes: at 10 m/s two sigmas are between 0.4 and 1.5 s.
    assert!((800..=3_000).contains(&(hi - lo)), "{crossing:?}");
}

#[test]
fn standing_inside_for_hours_with_a_wandering_position_changes_nothing() {
    let wandering = "s~~~~~ss~~~~~~~~s".repeat(20);
    assert_eq!(drive(&format!("{}{wandering}", parked(40))), "entered 11 Interpolated\n");
}

#[test]
fn standing_outside_the_gate_with_a_wandering_position_is_no_arrival() {
    let wandering = "s^^^^^^^^^^^^ss^^^^^^^^^".repeat(10);
    assert_eq!(drive(&format!("{}{}{wandering}", many(">", 9), many("s", 40))), "");
}

#[test]
fn speed_without_direction_does_not_carry_a_settled_truck_out() {
    assert_eq!(drive(&format!("{}{}ss", parked(40), many(",", 60))), "entered 11 Interpolated\n");
}

#[test]
fn what_a_receiver_makes_up_under_a_roof_carries_no_truck_out() {
    let burst = |seconds| format!("{}{}", many("?", 60), many("r", seconds));
    let told = drive(&format!("{}{}", parked(40), burst(30).repeat(20)));
    assert_eq!(told, "entered 11 Interpolated\n");
}

#[test]
fn a_truck_that_drives_out_after_hours_under_a_roof_leaves_at_once() {
    // In sight again at 3,681 s, 95 m inside; over the line at 3,690.5 s.
    let told = transitions(&format!("{}{}{}", parked(60), many("?", 3_600), many("<", 20)));
    assert_eq!(told.len(), 2);
    assert!((3_689_000..=3_692_000).contains(&told[1].crossing.at.0), "{told:?}");
    assert!((told[1].decided_at - told[1].crossing.at).as_seconds() <= 6.0, "{told:?}");
}

#[test]
fn two_bad_fixes_while_driving_inside_are_no_departure() {
    assert_eq!(drive(&format!("{}xx{}", many(">", 12), many(">", 8))), "entered 11 Interpolated\n");
}

#[test]
fn a_truck_that_stops_just_outside_leaves_when_it_drives_on() {
    // Out at 32.5 s; it stops 5 m outside at 33 s for 30 s, and is sure only when it drives on.
    let told = drive(&format!("{}{}{}{}", parked(3), many("<", 10), many("s", 30), many("<", 10)));
    assert_eq!(told, "entered 11 Interpolated\nleft 33 Interpolated\n");
}

#[test]
fn a_truck_that_creeps_in_is_stamped_at_walking_pace() {
    for (creep, course) in [(")", "given"), (":", "blank")] {
        let crossing = last_crossing(&format!("{}{}{}", many(">", 9), many("s", 40), many(creep, 60)));
        // 15 m to go from 49 s on: the boundary is reached at 64 s.
        assert!((59_000..=69_000).contains(&crossing.at.0), "course {course}: {crossing:?}");
        assert!(crossing.lo.unwrap().0 <= 64_000 && 64_000 <= crossing.hi.0, "course {course}: {crossing:?}");
    }
}

#[test]
fn moved_away_unseen_is_a_departure_after_five_minutes() {
    let parked = parked(40);
    let held = |seconds| drive(&format!("{parked}{}", many("f", seconds)));
    assert_eq!(held(290).lines().count(), 1, "{}", held(290));
    assert_eq!(held(420).lines().count(), 2, "{}", held(420));
}

#[test]
fn a_wandering_position_does_not_date_the_departure() {
    // The estimate wanders over the line while the truck stands, from 61 s on; it sets off at 200 s and is out at 210 s.
    let drifting = format!("{}{}", parked(40), many("~", 140));
    let told = transitions(&format!("{drifting}{}", many("<", 25)));
    let crossing = told.last().unwrap().crossing;
    assert_eq!(told.len(), 2);
    assert!((200_000..=212_000).contains(&crossing.at.0), "{crossing:?}");
}

#[test]
fn a_position_that_no_truck_can_reach_is_not_believed() {
    assert_eq!(drive(&format!("{}!!!{}", parked(20), many("s", 20))), "entered 11 Interpolated\n");
}

#[test]
fn a_tunnel_inside_the_yard_changes_nothing() {
    assert_eq!(drive(&format!("{}{}{}", many(">", 15), many("-", 14), many(">", 8))), "entered 11 Interpolated\n");
}

#[test]
fn entering_out_of_sight_is_dated_within_the_gap() {
    // Last seen 25 m outside at 8 s, seen again 95 m inside at 20 s, at 10 m/s on both sides.
    let crossing = last_crossing(&format!("{}{}{}", many(">", 8), many("-", 11), many(">", 8)));
    assert_eq!(crossing.method, Method::GapMean);
    assert!(crossing.lo.unwrap().0 <= 10_500 && 10_500 <= crossing.hi.0, "{crossing:?}");
    assert!((crossing.at.0 - 10_500).abs() <= 1_500, "{crossing:?}");
}

#[test]
fn leaving_out_of_sight_is_dated_within_the_gap() {
    // Stands unseen for an hour, drives 95 m to the boundary unseen, and is seen again 55 m outside.
    let crossing = last_crossing(&format!("{}{}{}{}", parked(10), many("?", 3_600), many("w", 15), many("<", 10)));
    assert_eq!(crossing.method, Method::GapBack);
    assert!(crossing.lo.unwrap().0 <= 3_640_000 && 3_640_000 <= crossing.hi.0, "{crossing:?}");
    assert!((crossing.at.0 - 3_640_000).abs() <= 3_000, "{crossing:?}");
}

#[test]
fn a_receiver_that_froze_outside_and_wakes_up_inside_dates_the_entry_in_between() {
    for frozen in ["=", "0"] {
        let crossing = last_crossing(&format!("{}{}{}", many(">", 6), many(frozen, 12), many(">", 10)));
        assert!(crossing.lo.unwrap().0 <= 10_500 && 10_500 <= crossing.hi.0, "{frozen}: {crossing:?}");
        assert_ne!(crossing.method, Method::Interpolated, "{frozen}: {crossing:?}");
    }
}

#[test]
fn the_first_fix_inside_is_an_arrival_only_when_the_truck_stands() {
    // The receiver is switched on inside: after 20 s of a drive that is 95 m inside then, or after 14 s of one that goes on.
    let woken = |drawing: &str, after: usize| {
        let (fence, mut tracker) = (OneFence::new(), Tracker::default());
        let seconds = seconds(drawing).into_iter().skip(after);
        seconds.flat_map(|second| advance(&mut tracker, &fence, second)).collect::<Vec<_>>()
    };
    assert!(woken(&parked(9), 20).is_empty());
    assert!(woken(&many(">", 30), 14).is_empty());
    let crossing = woken(&parked(40), 20).first().unwrap().crossing;
    assert_eq!((crossing.method, crossing.lo), (Method::FirstInside, None));
    assert_eq!((crossing.at.0, crossing.hi.0), (21_000, 21_000));
}

#[test]
fn waking_inside_a_stay_is_no_second_arrival_and_the_exit_comes() {
    let told = transitions(&format!("{}|{}{}", parked(10), many("s", 20), many("<", 20)));
    let kinds: Vec<_> = told.iter().map(|transition| transition.kind).collect();
    assert_eq!(kinds, [Kind::Entered, Kind::Left]);
    assert_eq!(told[1].crossing.method, Method::Interpolated);
}

#[test]
fn moved_in_while_off_is_an_arrival_with_the_whole_gap_as_interval() {
    let (fence, mut tracker) = (OneFence::new(), Tracker::default());
    let before = seconds(&format!("{}s", many(">", 5)));
    let after = seconds(&format!("{}|{}", many(">", 20), many("s", 20)));
    let told: Vec<_> = before
        .into_iter()
        .chain(after.into_iter().skip(20))
        .flat_map(|second| advance(&mut tracker, &fence, second))
        .collect();
    let crossing = told[0].crossing;
    assert_eq!((told.len(), crossing.method), (1, Method::PowerOff));
    assert_eq!((crossing.lo.unwrap().0, crossing.hi.0), (6_000, 3_622_000));
}

#[test]
fn what_is_not_sure_yet_is_a_state_of_its_own_and_backing_out_ends_it() {
    let (fence, mut tracker) = (OneFence::new(), Tracker::default());
    for second in seconds(&many(">", 11)) {
        advance(&mut tracker, &fence, second);
    }
    assert!(matches!(tracker.near()[0].presence, Presence::Entering { .. }));
    assert_eq!(drive(&format!("{}{}", many(">", 11), many("<", 12))), "");
}

#[test]
fn a_truck_that_drove_in_and_stands_near_the_line_stays_in_whatever_its_position_does() {
    // Stops 5 m inside; its position wanders out for minutes, then it drives on. The entry is that of the drive.
    let (wandering, on) = ("~~~~~~~~~~".repeat(10), many(">", 10));
    let told = drive(&format!("{}{}{wandering}{on}", many(">", 11), many("s", 10)));
    assert_eq!(told, "entered 11 Interpolated\n");
}

#[test]
fn when_the_receivers_time_was_wrong_the_stay_goes_on_in_the_right_one() {
    let (fence, mut tracker) = (OneFence::new(), Tracker::default());
    let late = |second: Second| match second {
        Second::Fix(fix) => Second::Fix(geofence::Fix { time: fix.time + geofence::Span::seconds(1_000_000), ..fix }),
        other @ (Second::Nothing | Second::PowerCut) => other,
    };
    let drive = seconds(&format!("{}{}", parked(10), many("<", 20)));
    let (wrong, right) = drive.split_at(25);
    let mut told: Vec<_> = wrong.iter().flat_map(|&second| advance(&mut tracker, &fence, late(second))).collect();
    tracker.forget_times();
    told.extend(right.iter().flat_map(|&second| advance(&mut tracker, &fence, second)));
    let kinds: Vec<_> = told.iter().map(|transition| transition.kind).collect();
    assert_eq!(kinds, [Kind::Entered, Kind::Left]);
    assert!((told[1].crossing.at.0 - 39_500).abs() <= 500, "{:?}", told[1].crossing);
}

#[test]
fn a_second_position_for_the_same_instant_is_not_taken() {
    let (fence, mut tracker) = (OneFence::new(), Tracker::default());
    for second in seconds(&many(">", 12)) {
        advance(&mut tracker, &fence, second);
    }
    let before = tracker.clone();
    let again = geofence::Fix { position: crate::drawn::at(20.0, 3.0), ..*tracker.last().unwrap() };
    assert!(tracker.step(&fence, &again).is_empty() && tracker == before);
}

#[test]
fn repeated_and_late_copies_change_nothing() {
    let (fence, mut once, mut twice) = (OneFence::new(), Tracker::default(), Tracker::default());
    let mut last = None;
    for second in seconds(&format!("{}{}", parked(10), many("<", 20))) {
        let told = advance(&mut once, &fence, second);
        assert_eq!(advance(&mut twice, &fence, second), told);
        assert_eq!(advance(&mut twice, &fence, second), []);
        if let Some(late) = last.replace(second) {
            assert_eq!(advance(&mut twice, &fence, late), []);
        }
    }
    assert_eq!(once, twice);
}
