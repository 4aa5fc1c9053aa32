//! Hand-written decisions against a hand-written truth: each kind of error is counted, and counted once.

use super::*;
use crate::drive::{Crossing, Fence, Outline, Point, Standstill};
use crate::rules::{Decision, Kind};
use gatestamp::facility::Zone;

const INSIDE: Point = Point { east: 80.0, north: 0.0 };

/// A circle of 100 m; the truck is inside from `into` to `out` and stands 20 m deep from 100 s after the one to 100 s before the other.
fn drive(stays: &[(f64, f64)]) -> crate::drive::Drive {
    let crossing = |at_s, inwards| Crossing { fence: 0, inwards, at_s, in_gap: false, seen_s: at_s + 0.5 };
    let still = |&(into, out): &(f64, f64)| Standstill { from_s: into + 100.0, to_s: out - 100.0, point: INSIDE };
    crate::drive::Drive {
        scenario: "test",
        noise: "test",
        seed: 0,
        fences: vec![
            Fence {
                facility: "yard".to_owned(),
                zone: Zone::Site,
                outline: Outline::Circle(Point { east: 0.0, north: 0.0 }, 100.0),
            },
            Fence { facility: "yard".to_owned(), zone: Zone::Gate, outline: Outline::Circle(INSIDE, 5.0) },
        ],
        truth: vec![Point { east: 500.0, north: 0.0 }; 3_600],
        crossings: stays.iter().flat_map(|&(into, out)| [crossing(into, true), crossing(out, false)]).collect(),
        standstills: stays.iter().filter(|stay| stay.1 - stay.0 > 200.0).map(still).collect(),
        inputs: Vec::new(),
    }
}

fn say(kind: Kind, at_s: f64, decided_s: f64) -> Decision {
    Decision { fence: 0, kind, at_s, interval_s: None, decided_s }
}

fn told(stays: &[(f64, f64)], decisions: &[Decision]) -> Tally {
    judge(&drive(stays), Purpose::Visit, decisions).tally
}

/// Kinds of error that are counts: false departures, those of them parked, false arrivals, missed arrivals and departures.
fn wrong(tally: &Tally) -> [u64; 5] {
    [
        tally.false_departures,
        tally.false_departures_parked,
        tally.false_arrivals,
        tally.missed_arrivals,
        tally.missed_departures,
    ]
}

use Kind::{Confirmed, DepartureConfirmed, DepartureRetracted, Entered, Left, Passed, Retracted};

#[test]
fn a_visit_told_well_is_measured_and_nothing_is_wrong() {
    let mut decisions = [
        say(Entered, 100.5, 103.0),
        say(Confirmed, 100.2, 171.0),
        say(Left, 999.0, 1_003.0),
        say(DepartureConfirmed, 999.0, 1_005.0),
    ];
    decisions[1].interval_s = Some((Some(99.0), 101.0));
    decisions[3].interval_s = Some((Some(998.0), 999.9));
    let tally = told(&[(100.0, 1_000.0)], &decisions);
    assert_eq!(wrong(&tally), [0; 5]);
    assert_eq!((tally.visits, tally.missed, tally.entered, tally.retracted), (1, 0, 1, 0));
    let close = |figures: &Figures, value: f64| assert!((figures.values()[0] - value).abs() < 1e-9, "{figures:?}");
    // The last revision's claim, the first telling's latency.
    close(&tally.arrivals.error_s, 0.2);
    close(&tally.arrivals.latency_s, 3.0);
    close(&tally.departures.error_s, 1.0);
    close(&tally.departures.latency_s, 3.0);
    // The truck stands from 200 s on, but has been inside for a minute at 160 s.
    close(&tally.arrivals.confirmed_s, 11.0);
    close(&tally.departures.confirmed_s, 5.0);
    assert_eq!((tally.arrivals.stated, tally.arrivals.covered), (1, 1));
    assert_eq!((tally.departures.stated, tally.departures.covered), (1, 0));
    assert!((tally.parked_hours - 700.0 / 3_600.0).abs() < 1e-9 && (tally.hours - 1.0).abs() < 1e-9);
}

#[test]
fn silence_misses_both_ends_of_one_visit() {
    let tally = told(&[(100.0, 1_000.0)], &[]);
    assert_eq!((wrong(&tally), tally.missed), ([0, 0, 0, 1, 1], 1));
}

#[test]
fn flapping_at_the_dock_is_a_false_departure_and_the_way_back_is_no_second_fault() {
    let right = [say(Entered, 100.0, 102.0), say(Left, 1_000.0, 1_002.0)];
    let flapping = [right[0], say(Left, 500.0, 500.0), say(Entered, 520.0, 520.0), right[1]];
    assert_eq!(wrong(&told(&[(100.0, 1_000.0)], &flapping)), [1, 1, 0, 0, 0]);
    // While it drives through the yard it is false as well, but not of a parked truck.
    let rolling = [right[0], say(Left, 150.0, 150.0), say(Entered, 160.0, 160.0), right[1]];
    assert_eq!(wrong(&told(&[(100.0, 1_000.0)], &rolling)), [1, 0, 0, 0, 0]);
}

#[test]
fn a_departure_taken_back_was_told_all_the_same() {
    let decisions = [
        say(Entered, 100.0, 102.0),
        say(Left, 500.0, 500.0),
        say(DepartureRetracted, 500.0, 520.0),
        say(Left, 1_000.0, 1_002.0),
    ];
    assert_eq!(wrong(&told(&[(100.0, 1_000.0)], &decisions)), [1, 1, 0, 0, 0]);
}

#[test]
fn an_arrival_at_a_passed_by_fence_is_false_once() {
    assert_eq!(wrong(&told(&[], &[say(Entered, 10.0, 10.0), say(Left, 20.0, 20.0)])), [0, 0, 1, 0, 0]);
    let tally = told(&[], &[say(Entered, 10.0, 10.0), say(Retracted, 10.0, 12.0)]);
    assert_eq!((wrong(&tally), tally.entered, tally.retracted), ([0, 0, 1, 0, 0], 1, 1));
    assert_eq!(wrong(&told(&[], &[say(Passed, 10.0, 20.0)])), [0, 0, 1, 0, 0]);
}

#[test]
fn an_arrival_told_in_the_queue_is_false_and_its_stamp_is_off() {
    let early = [say(Entered, 60.0, 60.0), say(Left, 1_000.0, 1_002.0)];
    let tally = told(&[(100.0, 1_000.0)], &early);
    assert_eq!(wrong(&tally), [0, 0, 1, 0, 0]);
    assert!((tally.arrivals.error_s.values()[0] - 40.0).abs() < 1e-9);
    // Nineteen seconds are forgiven.
    let slightly = [say(Entered, 81.0, 81.0), early[1]];
    assert_eq!(wrong(&told(&[(100.0, 1_000.0)], &slightly)), [0; 5]);
    // One in the queue that is taken back does not stand for the real one.
    let corrected = [early[0], say(Retracted, 60.0, 70.0), say(Entered, 100.0, 102.0), early[1]];
    let tally = told(&[(100.0, 1_000.0)], &corrected);
    assert_eq!(wrong(&tally), [0, 0, 1, 0, 0]);
    assert!(tally.arrivals.error_s.values()[0] < 1e-9);
}

#[test]
fn a_drive_through_told_as_passed_is_right_with_and_without_a_retraction() {
    let through = [(100.0, 130.0)];
    let told_so = [say(Entered, 100.5, 103.0), say(Retracted, 100.5, 140.0), say(Passed, 100.5, 140.0)];
    for decisions in [&told_so[..], &told_so[2..]] {
        let tally = told(&through, decisions);
        assert_eq!(wrong(&tally), [0; 5]);
        assert_eq!((tally.through, tally.through_missed, tally.through_passed, tally.visits), (1, 0, 1, 0));
        assert_eq!((tally.entered, tally.retracted), (1, 0));
        assert_eq!((tally.arrivals.error_s.len(), tally.departures.error_s.len()), (1, 0));
    }
    let silent = told(&through, &[]);
    assert_eq!((silent.through, silent.through_missed), (1, 1));
    assert_eq!(told(&[(100.0, 102.0)], &[]).through, 0);
}

#[test]
fn a_stay_told_as_a_drive_through_is_missed() {
    let tally = told(&[(100.0, 1_000.0)], &[say(Passed, 100.0, 1_002.0)]);
    assert_eq!((wrong(&tally), tally.missed), ([0, 0, 0, 1, 1], 1));
    // Unless it was also told as a stay; then only its premature end is wrong.
    let again = [say(Passed, 100.0, 150.0), say(Entered, 160.0, 162.0), say(Left, 1_000.0, 1_002.0)];
    assert_eq!(wrong(&told(&[(100.0, 1_000.0)], &again)), [1, 0, 0, 0, 0]);
}

#[test]
fn a_departure_told_a_minute_too_early_or_a_quarter_of_an_hour_too_late_is_missed() {
    let entered = say(Entered, 100.0, 102.0);
    assert_eq!(wrong(&told(&[(100.0, 1_000.0)], &[entered, say(Left, 930.0, 930.0)])), [1, 0, 0, 0, 1]);
    assert_eq!(wrong(&told(&[(100.0, 1_000.0)], &[entered, say(Left, 950.0, 950.0)])), [0; 5]);
    assert_eq!(wrong(&told(&[(100.0, 1_000.0)], &[entered, say(Left, 1_000.0, 1_901.0)])), [0, 0, 0, 0, 1]);
}

#[test]
fn two_visits_keep_their_own_arrivals_and_departures() {
    let stays = [(100.0, 400.0), (700.0, 1_000.0)];
    let all =
        [say(Entered, 100.0, 102.0), say(Left, 400.0, 402.0), say(Entered, 700.0, 702.0), say(Left, 1_000.0, 1_002.0)];
    assert_eq!(wrong(&told(&stays, &all)), [0; 5]);
    // The second arrival and departure must not stand for the first.
    assert_eq!(wrong(&told(&stays, &all[2..])), [0, 0, 0, 1, 1]);
    assert_eq!(wrong(&told(&stays, &all[..2])), [0, 0, 0, 1, 1]);
}

#[test]
fn what_lies_in_a_gap_is_measured_apart_and_from_the_first_fix_on() {
    let mut drive = drive(&[(100.0, 1_000.0)]);
    drive.crossings[0].in_gap = true;
    drive.crossings[0].seen_s = 130.0;
    let decisions = [say(Entered, 104.0, 133.0), say(Left, 1_000.0, 1_002.0)];
    let tally = judge(&drive, Purpose::Gap, &decisions).tally;
    assert!(tally.arrivals.error_s.is_empty() && tally.departures.error_s.len() == 1);
    assert!((tally.gap_arrivals.error_s.values()[0] - 4.0).abs() < 1e-9);
    assert!((tally.gap_arrivals.latency_s.values()[0] - 3.0).abs() < 1e-9);
}

#[test]
fn other_zones_are_not_judged_and_other_fences_not_mixed_up() {
    let gate = |decision: Decision| Decision { fence: 1, ..decision };
    let noise = [gate(say(Entered, 10.0, 10.0)), gate(say(Left, 20.0, 20.0))];
    let tally = told(&[(100.0, 1_000.0)], &noise);
    assert_eq!((wrong(&tally), tally.entered), ([0, 0, 0, 1, 1], 0));
}

#[test]
fn a_truck_that_began_inside_may_be_told_so_and_only_then() {
    let mut drive = drive(&[(100.0, 1_000.0)]);
    drive.crossings.remove(0);
    drive.truth[0] = INSIDE;
    let judge = |decisions: &[Decision]| judge(&drive, Purpose::Hardship, decisions).tally;
    assert_eq!(wrong(&judge(&[say(Entered, 0.0, 10.0), say(Left, 1_000.0, 1_002.0)])), [0; 5]);
    assert_eq!(wrong(&judge(&[say(Entered, 1_100.0, 1_110.0)])), [0, 0, 1, 0, 1]);
    assert_eq!((judge(&[]).visits, judge(&[]).missed), (1, 1));
}

#[test]
fn parked_less_than_ten_metres_inside_is_another_matter() {
    let mut drive = drive(&[(100.0, 1_000.0)]);
    drive.standstills[0].point = Point { east: 91.0, north: 0.0 };
    let decisions = [say(Entered, 100.0, 102.0), say(Left, 500.0, 500.0), say(Left, 1_000.0, 1_002.0)];
    let tally = judge(&drive, Purpose::Visit, &decisions).tally;
    assert_eq!(wrong(&tally), [1, 0, 0, 0, 0]);
    assert!(tally.parked_hours.abs() < 1e-9);
}

#[test]
fn an_interval_that_begins_too_late_or_ends_too_early_does_not_hold_the_truth() {
    let covered = |interval_s| {
        let entered = Decision { interval_s: Some(interval_s), ..say(Entered, 100.0, 102.0) };
        let tally = told(&[(100.0, 1_000.0)], &[entered, say(Left, 1_000.0, 1_002.0)]);
        assert_eq!(tally.arrivals.stated, 1);
        tally.arrivals.covered
    };
    assert_eq!([(Some(99.0), 101.0), (None, 101.0), (Some(100.0), 100.0)].map(covered), [1, 1, 1]);
    assert_eq!([(Some(100.5), 101.0), (Some(98.0), 99.5), (None, 99.5)].map(covered), [0, 0, 0]);
}

#[test]
fn what_counts_is_where_the_truck_was_when_it_was_told() {
    let visit = [say(Entered, 100.0, 102.0), say(Left, 1_000.0, 1_002.0)];
    let afterwards = [visit[0], visit[1], say(Entered, 900.0, 1_100.0)];
    assert_eq!(wrong(&told(&[(100.0, 1_000.0)], &afterwards)), [0, 0, 1, 0, 0]);
    let before = [visit[0], say(Left, 50.0, 500.0), visit[1]];
    assert_eq!(wrong(&told(&[(100.0, 1_000.0)], &before)), [1, 1, 0, 0, 0]);
}

#[test]
fn the_way_back_into_one_visit_is_no_arrival_of_the_next() {
    let decisions = [
        say(Entered, 100.0, 102.0),
        say(Left, 320.0, 320.0),
        say(Entered, 330.0, 330.0),
        say(Left, 400.0, 402.0),
        say(Left, 1_000.0, 1_002.0),
    ];
    assert_eq!(wrong(&told(&[(100.0, 400.0), (700.0, 1_000.0)], &decisions)), [1, 0, 0, 1, 0]);
}

#[test]
fn a_percentile_is_the_nearest_rank() {
    let mut figures = Figures::default();
    (1..=200).rev().for_each(|value| figures.add(f64::from(value)));
    assert_eq!([50, 95, 99, 100].map(|p| figures.percentile(p)), [100.0, 190.0, 198.0, 200.0].map(Some));
    assert_eq!(Figures::default().percentile(50), None);
}

#[test]
fn every_figure_of_a_tally_is_added_up() {
    let figures = || Figures { values: vec![1.0] };
    let stamps = || Stamps { error_s: figures(), latency_s: figures(), confirmed_s: figures(), stated: 1, covered: 1 };
    let one = Tally {
        drives: 1,
        hours: 1.0,
        parked_hours: 1.0,
        near_misses: 1,
        visits: 1,
        missed_arrivals: 1,
        missed_departures: 1,
        missed: 1,
        through: 1,
        through_missed: 1,
        through_passed: 1,
        false_departures: 1,
        false_departures_parked: 1,
        false_arrivals: 1,
        entered: 1,
        retracted: 1,
        arrivals: stamps(),
        departures: stamps(),
        gap_arrivals: stamps(),
        gap_departures: stamps(),
    };
    let mut two = one.clone();
    two.merge(&one);
    // In the text every figure shows as `: 1`, `: 1.0` or `[1.0]`.
    let doubled = format!("{one:?}").replace(": 1,", ": 2,").replace(": 1 ", ": 2 ");
    let doubled = doubled.replace(": 1.0", ": 2.0").replace("[1.0]", "[1.0, 1.0]");
    assert_eq!(format!("{two:?}"), doubled);
    assert_eq!((two.false_events(), two.stamps().error_s.len(), two.stamps_of(true).error_s.len()), (4, 8, 4));
    assert!((two.false_per_1000h() - 2_000.0).abs() < 1e-9 && (two.parked_false_per_1000h() - 1_000.0).abs() < 1e-9);
}
