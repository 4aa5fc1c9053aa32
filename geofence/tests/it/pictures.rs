//! One picture per arm of the state machine: each of them fails if that arm is taken out or turned round.

use crate::drawn::{OneFence, Second, advance, drive, seconds};
use geofence::{Presence, Tracker};

#[test]
fn driving_in_and_out_is_one_entry_and_one_exit() {
    assert_eq!(drive("......##########......"), "entered 7 Interpolated\nleft 16 Interpolated\n");
}

#[test]
fn two_seconds_inside_are_a_clipped_corner_and_say_nothing() {
    assert_eq!(drive("......##......"), "");
}

#[test]
fn standing_inside_for_hours_with_a_wandering_position_changes_nothing() {
    let parked = "s".repeat(40);
    let wandering = "s~~~~~ss~~~~~~~~s".repeat(20);
    assert_eq!(drive(&format!("......##########{parked}{wandering}")), "entered 7 Interpolated\n");
}

#[test]
fn standing_outside_the_gate_with_a_wandering_position_is_no_arrival() {
    assert_eq!(drive("......ssssss^^^^^^^^^^^^ss^^^^^^^^^"), "");
}

#[test]
fn creeping_noise_does_not_carry_a_settled_truck_out() {
    let parked = "s".repeat(40);
    assert_eq!(drive(&format!("......##########{parked},,,,,,,,,,,,,,,,,,,,ss")), "entered 7 Interpolated\n");
}

#[test]
fn two_bad_fixes_while_driving_inside_are_no_departure() {
    assert_eq!(drive("......######oo######"), "entered 7 Interpolated\n");
}

#[test]
fn a_truck_that_stops_on_the_line_leaves_when_it_drives_on() {
    let stopped = "s".repeat(20);
    assert_eq!(drive(&format!("......######_{stopped}......")), "entered 7 Interpolated\nleft 33 Interpolated\n");
}

#[test]
fn a_dock_close_to_the_fence_is_reached_in_a_minute() {
    assert_eq!(drive(&format!("......{}", "d".repeat(60))), "");
    assert_eq!(drive(&format!("......{}", "d".repeat(61))), "entered 7 Interpolated\n");
}

#[test]
fn towed_away_unseen_is_a_departure_after_a_minute() {
    let told = drive(&format!("......##########{}{}", "s".repeat(40), "f".repeat(80)));
    assert!(told.contains("left"), "{told}");
}

#[test]
fn a_wandering_position_does_not_date_the_departure() {
    let parked = format!("{}{}", "s".repeat(40), "~".repeat(60));
    let told = drive(&format!("......##########{parked}#####......"));
    assert_eq!(told, "entered 7 Interpolated\nleft 122 Interpolated\n");
}

#[test]
fn a_position_that_no_truck_can_reach_is_not_believed() {
    assert_eq!(drive("......#####!#####!!!#####......"), "entered 7 Interpolated\nleft 26 Interpolated\n");
}

#[test]
fn a_tunnel_inside_the_yard_changes_nothing() {
    assert_eq!(drive("......#####??????????????#####......"), "entered 7 Interpolated\nleft 30 Interpolated\n");
}

#[test]
fn leaving_out_of_sight_is_dated_within_the_gap() {
    let told = drive("......##########ssssssssss????????????????????......");
    assert!(told.ends_with("GapBack\n"), "{told}");
}

#[test]
fn the_first_fix_inside_is_an_arrival_only_when_the_truck_stands() {
    assert_eq!(drive("####################"), "");
    assert_eq!(drive("#sssssss"), "");
    assert_eq!(drive("ssssssssssss"), "");
    assert_eq!(drive("#ssssssssssssss"), "entered 1 FirstInside\n");
}

#[test]
fn waking_inside_a_stay_is_no_second_arrival_and_the_exit_comes() {
    let told = drive("......##########ssssssssss|ssssss#####......");
    let what: Vec<_> = told.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(what, ["entered", "left"]);
}

#[test]
fn carried_in_while_off_is_an_arrival_with_the_whole_gap_as_interval() {
    let fence = OneFence::new();
    let mut tracker = Tracker::default();
    let told: Vec<_> = seconds("......|#ssssss").into_iter().flat_map(|s| advance(&mut tracker, &fence, s)).collect();
    let crossing = told[0].crossing;
    assert_eq!(crossing.method, geofence::Method::PowerOff);
    assert_eq!((crossing.lo.unwrap().0, crossing.hi.0), (6_000, 3_608_000));
}

#[test]
fn stepping_back_out_before_it_is_sure_begins_anew() {
    let (fence, mut tracker) = (OneFence::new(), Tracker::default());
    for second in seconds("......#") {
        advance(&mut tracker, &fence, second);
    }
    assert!(matches!(tracker.near()[0].presence, Presence::Entering { .. }));
}

#[test]
fn when_the_receivers_time_was_wrong_the_stay_goes_on_in_the_right_one() {
    let (fence, mut tracker) = (OneFence::new(), Tracker::default());
    let late = |second: Second| match second {
        Second::Fix(fix) => Second::Fix(geofence::Fix { time: fix.time + geofence::Span::seconds(1_000_000), ..fix }),
        other @ (Second::Nothing | Second::PowerCut) => other,
    };
    let drive = seconds("......##########......");
    let (wrong, right) = drive.split_at(12);
    let mut told: Vec<_> = wrong.iter().flat_map(|&second| advance(&mut tracker, &fence, late(second))).collect();
    tracker.time_stepped();
    told.extend(right.iter().flat_map(|&second| advance(&mut tracker, &fence, second)));
    let kinds: Vec<_> = told.iter().map(|transition| transition.kind).collect();
    assert_eq!(kinds, [geofence::Kind::Entered, geofence::Kind::Left]);
    assert_eq!(told[1].crossing.at.0, 16_375);
}

#[test]
fn a_second_position_for_the_same_instant_is_not_taken() {
    let (fence, mut tracker) = (OneFence::new(), Tracker::default());
    for second in seconds("......####") {
        advance(&mut tracker, &fence, second);
    }
    let before = tracker.clone();
    let again = geofence::Fix { position: crate::drawn::at(20.0, 3.0), ..*tracker.last().unwrap() };
    assert!(tracker.step(&fence, &again).is_empty() && tracker == before);
}

#[test]
fn repeated_and_late_copies_change_nothing() {
    let (fence, mut once, mut twice) = (OneFence::new(), Tracker::default(), Tracker::default());
    let drive = seconds("......##########ssssssssss#####......");
    let mut last = None;
    for &second in &drive {
        let told = advance(&mut once, &fence, second);
        assert_eq!(advance(&mut twice, &fence, second), told);
        assert_eq!(advance(&mut twice, &fence, second), []);
        if let Some(late) = last.replace(second) {
            assert_eq!(advance(&mut twice, &fence, late), []);
        }
    }
    assert_eq!(once, twice);
}
