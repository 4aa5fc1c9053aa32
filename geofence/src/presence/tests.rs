//! The state machine point by point: what each number in it does.

use super::*;
use crate::geodesy::Position;

fn metres_east(east_m: f64) -> Position {
    Position::from_degrees(0.0, east_m / 111_319.49).unwrap()
}

fn sample(time_s: f64, distance_m: f64) -> Sample {
    let (time, position) = (UnixMillis(0) + Span::from_seconds(time_s), metres_east(-distance_m));
    Sample { time, position, distance_m, sigma_m: 5.0, speed_mps: Some(5.0) }
}

/// A driving truck one second after it was on the other side by as much; `inside` is the probability of it.
fn seen(time_s: f64, distance_m: f64, inside: f64) -> Observation {
    Observation {
        now: sample(time_s, distance_m),
        before: Some(sample(time_s - 1.0, -distance_m)),
        inside,
        was_inside: inside,
        inside_at_best: 1.0,
        gap: Break::None,
        fix_sigma_m: 5.0,
        stands: false,
        parked: false,
        may_enter: true,
        may_leave: true,
        displaced: false,
        has_driven: true,
        began: None,
    }
}

const OUTSIDE: Presence = Presence::Outside { sure: UnixMillis(0) };
const INSIDE: Presence = Presence::Inside { sure: UnixMillis(0) };

/// The number of points until a crossing is decided, of so many at most, and the crossing.
fn decided(from: Presence, most: usize, at: impl Fn(f64) -> Observation) -> Option<(usize, Crossing)> {
    let mut presence = from;
    for number in 1..=most {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let after = step(presence, &at(number as f64));
        presence = after.next;
        if let Some(crossing) = after.crossed {
            return Some((number, crossing));
        }
    }
    None
}

fn points(from: Presence, most: usize, at: impl Fn(f64) -> Observation) -> Option<usize> {
    decided(from, most, at).map(|(number, _)| number)
}

#[test]
fn an_entry_needs_so_much_evidence_and_two_seconds_at_least() {
    let entry = |inside: f64| points(OUTSIDE, 500, |t| seen(t, -10.0, inside));
    // Log-odds less those of 0.9, at most 4 a second, until 6: 0.99 gives 2.398, 0.95 gives 0.747, 0.91 gives 0.117.
    assert_eq!([entry(1.0), entry(0.9999), entry(0.99), entry(0.95), entry(0.91)], [2, 2, 3, 9, 52].map(Some));
    assert_eq!(entry(0.9), None);
}

#[test]
fn an_exit_needs_log_odds_beyond_those_of_0_99() {
    let exit = |outside: f64| points(INSIDE, 500, |t| seen(t, 10.0, 1.0 - outside));
    // 0.999 gives 6.907 - 4.595 = 2.312, 0.995 gives 0.698.
    assert_eq!([exit(1.0), exit(0.999), exit(0.995)], [2, 3, 9].map(Some));
    assert_eq!(exit(0.99), None);
}

#[test]
fn in_a_fence_that_is_small_against_the_error_nine_tenths_of_what_can_be_had_are_enough() {
    // Log-odds of 0.7 less those of 0.63: 0.315 a second.
    let small = |t| Observation { inside_at_best: 0.7, ..seen(t, -10.0, 0.7) };
    assert_eq!(points(OUTSIDE, 500, small), Some(20));
    // An exit asks for as much as anywhere.
    let exit = |t| Observation { inside_at_best: 0.7, ..seen(t, 10.0, 0.01) };
    assert_eq!(points(INSIDE, 500, exit), None);
}

#[test]
fn evidence_against_takes_away_and_never_below_nothing() {
    let turns = |period: f64| move |t: f64| seen(t, -10.0, if t % period < 1.0 { 0.5 } else { 0.99 });
    // Two seconds of 2.398 and one of -2.197, so 2.6 in three: the third pair decides.
    assert_eq!(points(OUTSIDE, 50, turns(3.0)), Some(5));
    let late = |t: f64| seen(t, -10.0, if t < 30.0 { 0.01 } else { 0.99 });
    assert_eq!(points(OUTSIDE, 50, late), Some(32));
}

#[test]
fn the_first_point_after_a_gap_counts_for_a_second_and_a_fast_receivers_for_less() {
    let spaced =
        |dt: f64| move |n: f64| Observation { before: Some(sample(n * dt - dt, 10.0)), ..seen(n * dt, -10.0, 1.0) };
    assert_eq!([points(OUTSIDE, 50, spaced(60.0)), points(OUTSIDE, 50, spaced(0.1))], [Some(2), Some(15)]);
}

#[test]
fn on_the_line_is_inside_and_no_number_is_nowhere() {
    assert!(matches!(step(OUTSIDE, &seen(1.0, 0.0, 0.5)).next, Presence::Entering(_)));
    assert!(matches!(step(INSIDE, &seen(1.0, 0.0, 0.5)).next, Presence::Inside { .. }));
    let nowhere = Observation { now: Sample { distance_m: f64::NAN, ..sample(1.0, 0.0) }, ..seen(1.0, 0.0, f64::NAN) };
    assert!(matches!(step(OUTSIDE, &nowhere).next, Presence::Outside { .. }));
    assert!(matches!(step(INSIDE, &nowhere).next, Presence::Inside { .. }));
}

#[test]
fn a_truck_that_is_back_on_its_old_side_has_crossed_nothing() {
    for (from, there, back) in [(OUTSIDE, -1.0, 1.0), (INSIDE, 1.0, 0.0)] {
        let over = step(from, &seen(1.0, there, 0.5)).next;
        let presence = step(over, &seen(2.0, back, 0.5)).next;
        assert_eq!(core::mem::discriminant(&presence), core::mem::discriminant(&from), "{presence:?}");
    }
}

#[test]
fn a_truck_that_drove_over_the_line_and_stands_is_not_back_because_its_position_wanders() {
    for (from, there, back) in [(OUTSIDE, -1.0, 1.0), (INSIDE, 1.0, -1.0)] {
        let over = step(from, &seen(1.0, there, 0.5)).next;
        let standing = Observation { stands: true, ..seen(2.0, back, 0.5) };
        assert_eq!(core::mem::discriminant(&step(over, &standing).next), core::mem::discriminant(&over));
    }
}

#[test]
fn a_position_that_drifted_over_the_line_is_back_when_it_drifts_back() {
    for (from, there, back) in [(OUTSIDE, -1.0, 1.0), (INSIDE, 1.0, -1.0)] {
        let stands = |t, distance_m| Observation { stands: true, parked: true, ..seen(t, distance_m, 0.5) };
        let over = step(from, &stands(1.0, there)).next;
        let presence = step(over, &stands(2.0, back)).next;
        assert_eq!(core::mem::discriminant(&presence), core::mem::discriminant(&from), "{presence:?}");
    }
}

#[test]
fn what_cannot_have_driven_must_be_outside_for_five_minutes_without_a_break() {
    let parked =
        |t, outside: f64| Observation { stands: true, parked: true, may_leave: false, ..seen(t, 10.0, 1.0 - outside) };
    assert_eq!(points(INSIDE, 1_000, |t| parked(t, 1.0)), Some(301));
    // A second of doubt begins it anew, and so does an accuracy that tells nothing.
    assert_eq!(points(INSIDE, 1_000, |t| parked(t, if t == 200.0 { 0.9 } else { 1.0 })), Some(501));
    assert_eq!(points(INSIDE, 1_000, |t| Observation { fix_sigma_m: 25.0, ..parked(t, 1.0) }), None);
    assert!(points(INSIDE, 1_000, |t| Observation { fix_sigma_m: 24.9, ..parked(t, 1.0) }).is_some());
}

#[test]
fn what_was_moved_unseen_has_arrived_after_half_a_minute_and_left_after_five() {
    let moved = |t, distance_m, inside| Observation {
        stands: true,
        parked: true,
        may_enter: false,
        may_leave: false,
        displaced: true,
        ..seen(t, distance_m, inside)
    };
    assert_eq!(points(OUTSIDE, 1_000, |t| moved(t, -10.0, 1.0)), Some(31));
    assert_eq!(points(INSIDE, 1_000, |t| moved(t, 10.0, 0.0)), Some(301));
    let drifted = |t| Observation { displaced: false, ..moved(t, -10.0, 1.0) };
    assert_eq!(points(OUTSIDE, 1_000, drifted), Some(301));
}

#[test]
fn a_truck_that_drove_in_counts_although_it_stands_since() {
    let stops = |t: f64| Observation { stands: t > 1.0, parked: t > 1.0, may_enter: t <= 1.0, ..seen(t, -10.0, 0.99) };
    assert_eq!(points(OUTSIDE, 100, stops), Some(3));
}

#[test]
fn the_bounds_are_the_last_and_the_first_sure_moment() {
    // Sure from log-odds of 3.664 on: half-way between even odds and 7.328.
    let twice = 1.0 / (1.0 + libm::exp(-2.0 * SURE_ODDS));
    let path = [
        (1.0, 10.0, 1.0 - twice),
        (2.0, 1.0, 0.5),
        (3.0, -1.0, 0.5),
        (4.0, -10.0, twice),
        (5.0, -20.0, 1.0),
        (6.0, -30.0, 1.0),
    ];
    let at = |n: f64| {
        let point = |n: usize| path.get(n).copied().unwrap_or((0.0, 20.0, 0.0));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 6")]
        let (n, before) = (n as usize - 1, point((n as usize).wrapping_sub(2)));
        let (time_s, distance_m, inside) = point(n);
        let before_sample = sample(before.0, before.1);
        Observation { before: Some(before_sample), was_inside: before.2, ..seen(time_s, distance_m, inside) }
    };
    let (_, crossing) = decided(OUTSIDE, 6, at).unwrap();
    assert_eq!([crossing.lo.unwrap(), crossing.at, crossing.hi].map(|t| t.0), [1_500, 2_500, 3_500]);
}

#[test]
fn beyond_a_gap_nothing_is_sure_but_what_is_seen_there() {
    let gap = |t: f64| {
        let gap = if t == 1.0 { Break::Silence } else { Break::None };
        Observation { gap, was_inside: 0.0, before: Some(sample(t - 1.0, 10.0)), ..seen(t, -10.0, 1.0) }
    };
    let (_, crossing) = decided(OUTSIDE, 10, gap).unwrap();
    assert_eq!(crossing.lo.unwrap(), UnixMillis(0));
    assert_eq!(crossing.hi, UnixMillis(1_000));
}

#[test]
fn while_it_stands_where_it_stood_a_truck_is_surely_on_its_side() {
    let standing = |from| {
        let parked =
            Observation { stands: true, parked: true, may_enter: false, may_leave: false, ..seen(9.0, 1.0, 0.5) };
        step(from, &Observation { now: sample(9.0, if from == OUTSIDE { 1.0 } else { -1.0 }), ..parked }).next
    };
    assert_eq!(standing(OUTSIDE), Presence::Outside { sure: UnixMillis(9_000) });
    assert_eq!(standing(INSIDE), Presence::Inside { sure: UnixMillis(9_000) });
    // Not at the first fix after a gap, and not while it drives.
    let gap = Observation { gap: Break::Silence, stands: true, parked: true, may_enter: false, ..seen(9.0, 1.0, 0.5) };
    assert_eq!(step(OUTSIDE, &gap).next, OUTSIDE);
    assert_eq!(step(INSIDE, &Observation { now: sample(9.0, -1.0), ..gap }).next, INSIDE);
    assert_eq!(step(OUTSIDE, &Observation { may_enter: true, gap: Break::None, ..gap }).next, OUTSIDE);
    assert_eq!(step(OUTSIDE, &Observation { stands: false, gap: Break::None, ..gap }).next, OUTSIDE);
    assert_eq!(
        step(INSIDE, &Observation { now: sample(9.0, -1.0), stands: false, gap: Break::None, ..gap }).next,
        INSIDE
    );
    assert_eq!(
        step(INSIDE, &Observation { now: sample(9.0, -1.0), parked: false, gap: Break::None, ..gap }).next,
        INSIDE
    );
}

#[test]
fn certainty_has_a_bound_so_that_half_of_the_way_is_not_sure_at_once() {
    // Log-odds of a probability of 1 are those of 1 - 1e-12: 27.631. From even odds they pass 3.664 after 13.26 % of a second.
    let late = Observation { was_inside: 0.5, ..seen(1.0, -10.0, 1.0) };
    let Presence::Entering(candidate) = step(OUTSIDE, &late).next else { panic!("on the way in") };
    assert_eq!(candidate.sure_after, Some(UnixMillis(133)));
}

/// All eight answers to three questions.
fn answers() -> impl Iterator<Item = [bool; 3]> {
    (0..8).map(|number| [1, 2, 4].map(|bit| number & bit != 0))
}

#[test]
fn a_position_is_drawn_over_the_line_only_where_a_parked_truck_stands_in_sight() {
    for [parked, stands, in_sight] in answers() {
        let gap = if in_sight { Break::None } else { Break::Silence };
        let after = step(INSIDE, &Observation { parked, stands, gap, ..seen(1.0, 5.0, 0.3) }).next;
        let Presence::Leaving(candidate) = after else { panic!("on the way out") };
        assert_eq!(candidate.drifted, parked && stands && in_sight, "{parked} {stands} {in_sight}");
    }
}

/// A parked truck's position is 5 m outside since 1 s, and this is seen at 9 s.
fn drawn_out(next: &Observation) -> Candidate {
    let parked = Observation { stands: true, parked: true, may_leave: false, ..seen(1.0, 5.0, 0.3) };
    let Presence::Leaving(candidate) = step(step(INSIDE, &parked).next, next).next else { panic!("on the way out") };
    candidate
}

#[test]
fn a_drift_is_a_crossing_only_when_the_truck_is_parked_no_longer() {
    for parked in [false, true] {
        let next = Observation { parked, began: Some(UnixMillis(8_000)), ..seen(9.0, 5.0, 0.3) };
        assert_eq!(drawn_out(&next).drifted, parked);
    }
}

#[test]
fn while_it_stands_where_it_was_drawn_and_cannot_have_left_it_is_surely_inside() {
    for [drifted, stands, may_leave] in answers() {
        let began = (!drifted).then_some(UnixMillis(8_000));
        let next = Observation { stands, may_leave, parked: drifted, began, ..seen(9.0, 5.0, 0.3) };
        let moved_on = drawn_out(&next).sure_before == UnixMillis(9_000);
        assert_eq!(moved_on, drifted && stands && !may_leave, "{drifted} {stands} {may_leave}");
    }
}

#[test]
fn a_drift_becomes_a_crossing_when_the_truck_sets_off() {
    // The position is 5 m outside from 1 s on, the truck sets off at 20 s and is sure.
    let at = |t: f64| Observation {
        stands: t < 20.0,
        parked: t < 21.0,
        may_leave: t >= 21.0,
        began: (t >= 20.0).then_some(UnixMillis(20_000)),
        ..seen(t, 5.0, if t < 20.0 { 0.3 } else { 0.0001 })
    };
    let (_, crossing) = decided(INSIDE, 60, at).unwrap();
    // 0.8 sigma of 5 m from standstill: 3.381 s.
    assert_eq!((crossing.lo, crossing.at.0), (Some(UnixMillis(20_000)), 22_000));
    assert_eq!(crossing.hi.0, 22_000);
}

#[test]
fn a_start_before_the_drift_dates_nothing() {
    let at = |t: f64| Observation {
        stands: t < 20.0,
        parked: t < 21.0,
        may_leave: t >= 21.0,
        began: Some(UnixMillis(500)),
        ..seen(t, 5.0, if t < 20.0 { 0.3 } else { 0.0001 })
    };
    let (_, crossing) = decided(INSIDE, 60, at).unwrap();
    assert_eq!(crossing.at.0, 500);
}

#[test]
fn a_truck_that_vanished_inside_left_in_the_gap_whatever_was_drawn_before() {
    let gap_at = |t: f64, from_m: f64| Observation {
        gap: Break::Silence,
        before: Some(Sample { time: UnixMillis(10_000), ..sample(0.0, from_m) }),
        ..seen(t, 50.0, 0.005)
    };
    let drawn_out = step(INSIDE, &seen(5.0, 1.0, 0.5)).next;
    let crossed_after = |presence: Presence| {
        let Presence::Leaving(candidate) = presence else { panic!("not decided yet") };
        (candidate.crossing.method, candidate.crossing.after.time.0)
    };
    for from_m in [-20.0, 20.0] {
        let first = step(drawn_out, &gap_at(60.0, from_m)).next;
        assert_eq!(crossed_after(first), (Method::GapBack, 60_000), "{from_m}");
        // A second gap that begins outside is not the one in which it left; one that begins inside is.
        let second = step(first, &gap_at(90.0, from_m)).next;
        assert_eq!(crossed_after(second), (Method::GapBack, if from_m < 0.0 { 90_000 } else { 60_000 }), "{from_m}");
    }
    // Nor is it while there is no gap.
    let on = step(drawn_out, &seen(6.0, 2.0, 0.5)).next;
    assert_eq!(crossed_after(on), (Method::Interpolated, 5_000));
}

#[test]
fn a_truck_found_inside_arrived_when_it_has_stood_there_for_ten_seconds() {
    let first = |t: f64| Observation {
        before: None,
        has_driven: false,
        parked: t > 5.0,
        stands: true,
        ..seen(t, -10.0, 0.9999)
    };
    let found =
        |t: f64| if t == 1.0 { first(t) } else { Observation { before: Some(sample(t - 1.0, -10.0)), ..first(t) } };
    let (number, crossing) = decided(OUTSIDE, 100, found).unwrap();
    assert_eq!((number, crossing.method, crossing.at.0, crossing.lo), (11, Method::FirstInside, 1_000, None));
    assert_eq!(points(OUTSIDE, 100, |t| Observation { parked: false, ..found(t) }), None);
    assert_eq!(points(OUTSIDE, 100, |t| Observation { inside: 0.9, ..found(t) }), None);
    // A position that moves on by more than 5 m begins the ten seconds anew.
    let settles = |t: f64| Observation { now: sample(t, if t < 8.0 { -10.0 } else { -15.1 }), ..found(t) };
    assert_eq!(points(OUTSIDE, 100, settles), Some(18));
    let steady = |t: f64| Observation { now: sample(t, if t < 8.0 { -10.0 } else { -14.9 }), ..found(t) };
    assert_eq!(points(OUTSIDE, 100, steady), Some(11));
    let gone = step(step(OUTSIDE, &found(1.0)).next, &seen(2.0, 1.0, 0.4)).next;
    assert_eq!(gone, Presence::Outside { sure: UnixMillis(2_000) });
}

#[test]
fn evidence_of_a_truck_found_inside_is_kept_to_what_is_enough() {
    // A minute of certainty is lost again in a few seconds of doubt.
    let found = |t: f64| Observation {
        before: if t == 1.0 { None } else { Some(sample(t - 1.0, -10.0)) },
        has_driven: false,
        stands: true,
        parked: t >= 64.0,
        ..seen(t, -10.0, if t < 60.0 { 1.0 } else { 0.1 })
    };
    assert_eq!(points(OUTSIDE, 70, found), None);
}

#[test]
fn after_a_power_cut_a_truck_that_is_inside_has_entered_although_it_was_never_seen_to_drive() {
    let awake = Observation { has_driven: false, gap: Break::PowerCut, ..seen(1.0, -10.0, 1.0) };
    assert!(matches!(step(OUTSIDE, &awake).next, Presence::Entering(_)));
    let asleep = Observation { gap: Break::Silence, ..awake };
    assert!(matches!(step(OUTSIDE, &asleep).next, Presence::Found { .. }));
}

#[test]
fn every_presence_survives_being_stored() {
    let states = [
        OUTSIDE,
        INSIDE,
        step(OUTSIDE, &seen(1.0, -1.0, 0.5)).next,
        step(INSIDE, &seen(1.0, 1.0, 0.5)).next,
        step(OUTSIDE, &Observation { before: None, ..seen(1.0, -1.0, 0.5) }).next,
    ];
    for state in states {
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<Presence>(&text).unwrap(), state);
    }
}
