//! A drive through a facility while the receiver's time goes on elsewhere: what open visits tell stays in order, and right.

use crate::drive::{TEN_METRES, as_f64, boot, engine, epoch, events};
use gatestamp::engine::{Engine, State};
use gatestamp::event::Event;
use gatestamp::recording::Recorded;
use gatestamp::time::Mono;
use serde_json::Value;

/// The receiver's time before anything is wrong with it, seconds after noon.
const BEGIN: u64 = 7_200;
/// Seconds of the drive: into the yard, standing, out of it, and its end.
const CROSSED_IN: u64 = 41;
const STOOD: u64 = 60;
const SET_OFF: u64 = 150;
const CROSSED_OUT: u64 = 158;
const END: u64 = 260;

/// The second of the drive from which on the receiver's time is `wrong_s` ahead.
#[derive(Clone, Copy, Debug)]
struct Step {
    at: u64,
    wrong_s: i64,
    /// The device is started anew with it, and monotonic time begins anew.
    reboot: bool,
}

/// Wrong until `at`, and then right.
fn wrong_before(at: u64, wrong_s: i64) -> [Step; 2] {
    [Step { at: 0, wrong_s, reboot: false }, Step { at, wrong_s: 0, reboot: false }]
}

fn drive(steps: &[Step]) -> Vec<Event> {
    let mut engine: Engine = engine(State::default());
    let _ = events(&mut engine, &boot(Mono(0)));
    let mut told = Vec::new();
    let mut since = 0;
    for second in 0..END {
        if steps.iter().any(|step| step.reboot && second == step.at) {
            let Recorded::Boot(_, mut other) = boot(Mono(0)) else { unreachable!() };
            other.kernel_boot = format!("of {second}");
            told.extend(events(&mut engine, &Recorded::Boot(Mono(0), other)));
            since = second;
        }
        let driven_s = if second < STOOD { second } else { STOOD.max(second.saturating_sub(SET_OFF - STOOD)) };
        let speed_mps = if (STOOD..=SET_OFF).contains(&second) { 0.0 } else { 10.0 };
        let wrong_s = steps.iter().rfind(|step| step.at <= second).map_or(0, |step| step.wrong_s);
        let said = (BEGIN + second).checked_add_signed(wrong_s).unwrap();
        let text = epoch(said, 12.994 + TEN_METRES * as_f64(driven_s), speed_mps);
        told.extend(events(&mut engine, &Recorded::Bytes(Mono((second - since) * 1_000 + 50), text.into_bytes())));
    }
    told
}

fn millis(time: &Value) -> Option<i64> {
    time.as_str().map(|text| gatestamp::time::parse_rfc3339(text).unwrap().0)
}

/// at_lo <= at <= at_hi <= decided_at, and so for each time of the record, which follow each other.
fn assert_in_order(body: &Value, step: &[Step]) {
    let data = &body["data"];
    let [at, hi, decided] = ["at", "at_hi", "decided_at"].map(|key| millis(&data[key]).unwrap());
    let lo = millis(&data["at_lo"]).unwrap_or(at);
    assert!(lo <= at && at <= hi && hi <= decided, "{step:?}: {body}");
    assert!(lo > 1_795_000_000_000, "{step:?}: {body}");
    let mut before = i64::MIN;
    for key in ["crossed_in", "standstill", "crossed_out"] {
        let Some(at) = millis(&data["record"][key]["at"]) else { continue };
        let [lo, hi] = ["lo", "hi"].map(|end| millis(&data["record"][key][end]).unwrap_or(at));
        assert!(before <= at && lo <= at && at <= hi && hi <= decided, "{step:?} {key}: {body}");
        before = at;
    }
}

fn visits(steps: &[Step]) -> Vec<Value> {
    let bodies: Vec<Value> = drive(steps).iter().map(|event| serde_json::from_slice(&event.body).unwrap()).collect();
    let visits: Vec<Value> =
        bodies.into_iter().filter(|b| b["type"].as_str().unwrap().starts_with("com.gatestamp.visit.")).collect();
    visits.iter().for_each(|body| assert_in_order(body, steps));
    visits
}

/// The record of the one departure has the true times, `off_ms` beside the interval at most.
fn assert_right(steps: &[Step], off_ms: i64) {
    let visits = visits(steps);
    let departed: Vec<&Value> = visits.iter().filter(|b| b["type"] == "com.gatestamp.visit.departed").collect();
    assert_eq!(departed.len(), 1, "{steps:?}: {visits:#?}");
    for (key, truth) in [("crossed_in", CROSSED_IN), ("standstill", STOOD), ("crossed_out", CROSSED_OUT)] {
        let told = &departed[0]["data"]["record"][key];
        let [lo, hi] = ["lo", "hi"].map(|end| millis(&told[end]).unwrap());
        let truth = 1_795_348_800_000 + i64::try_from((BEGIN + truth) * 1_000).unwrap();
        assert!((lo - off_ms..=hi + off_ms).contains(&truth), "{steps:?} {key}: {told}");
    }
}

const AT: [u64; 14] = [5, 20, 38, 41, 42, 44, 50, 60, 62, 70, 120, 151, 157, 159];

#[test]
fn of_a_visit_that_a_step_of_unknown_leap_seconds_meets_the_record_is_in_the_time_of_its_end() {
    for (at, wrong_s) in AT.into_iter().flat_map(|at| [18, 2, 1, -1, -2, -18].map(|wrong_s| (at, wrong_s))) {
        // Back by so little is known once ten fixes agree; what is told until then is right to the clock's bound.
        let unknown = at > 150 && (1..=2).contains(&wrong_s);
        assert_right(&wrong_before(at, wrong_s), if unknown { 3_000 } else { 1_000 });
    }
}

#[test]
fn no_time_of_a_line_that_nobody_knows_is_told_as_later_than_the_decision() {
    for (at, wrong_s) in AT.into_iter().flat_map(|at| [18, -18, 3_600, -3_600, 7_200].map(|wrong_s| (at, wrong_s))) {
        let _ = visits(&wrong_before(at, wrong_s));
        let _ = visits(&[Step { at: 0, wrong_s, reboot: false }, Step { at, wrong_s: 0, reboot: true }]);
    }
}

/// A truck that stands overnight: what it was told before was right, and a cold receiver's time is not.
#[test]
fn what_was_dated_before_a_start_is_not_moved_by_what_the_receiver_learns_after_it() {
    for wrong_s in [18, 2, 1, -1, -2, -18] {
        let cold = Step { at: 70, wrong_s, reboot: true };
        assert_right(&[cold, Step { at: 100, wrong_s: 0, reboot: false }], 1_000);
    }
}

#[test]
fn a_time_that_goes_elsewhere_and_comes_back_moves_nothing() {
    for wrong_s in [18, 2, 1, -1, -2, -18, 25, 600, 3_600, -600, -3_600] {
        let away = Step { at: 80, wrong_s, reboot: false };
        assert_right(&[away, Step { at: 110, wrong_s: 0, reboot: false }], 1_000);
    }
}
