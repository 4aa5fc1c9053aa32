//! Whose time it is when the line is slow, the device slept, or the receiver does not know the leap seconds yet.

use crate::drive::{TEN_METRES, as_f64, boot, engine, epoch, events, sentence};
use gatestamp::engine::{Boot, Effect, Engine, Input, State};
use gatestamp::event::Event;
use gatestamp::gnss::coverage::Cause;
use gatestamp::gnss::{DateFloor, SourceState};
use gatestamp::recording::Recorded;
use gatestamp::time::Mono;
use geofence::UnixMillis;
use serde_json::Value;

const NOON: i64 = 1_795_348_800_000;

pub(crate) fn parked() -> Engine {
    let mut engine = engine(State::default());
    let _ = events(&mut engine, &boot(Mono(0)));
    engine
}

/// What the receiver says of `second` arrives `late_ms` after it.
pub(crate) fn hear(engine: &mut Engine, second: u64, late_ms: u64) -> Vec<Event> {
    let text = epoch(second, 12.9, 0.0);
    events(engine, &Recorded::Bytes(Mono(second * 1_000 + 50 + late_ms), text.into_bytes()))
}

fn why(events: &[Event]) -> Vec<String> {
    let bodies = events.iter().map(|event| serde_json::from_slice::<Value>(&event.body).unwrap());
    let health = bodies.filter(|body| body["type"] == "com.gatestamp.device.health");
    health
        .map(|body| {
            body["data"]["why"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect::<Vec<_>>().join(" ")
        })
        .collect()
}

#[test]
fn r09_a_line_too_slow_for_its_receiver_is_told_as_gps_lag() {
    let mut engine = parked();
    let mut told: Vec<Event> = (0..20).flat_map(|second| hear(&mut engine, second, 0)).collect();
    assert_eq!(why(&told), Vec::<String>::new());
    told.extend((20..60).flat_map(|second| hear(&mut engine, second, 1_500)));
    assert_eq!(why(&told), ["gps_lag"]);
}

#[test]
fn r19_the_first_date_of_a_receiver_that_has_lost_it_dates_nothing_that_waits() {
    let Recorded::Boot(at, started) = boot(Mono(0)) else { panic!("a boot") };
    let floor = DateFloor(Some(UnixMillis(NOON - 12 * 3_600_000)));
    let dated = |second: u64, date: &str| {
        let body = format!("GNRMC,1200{second:02}.00,A,5200.09000,N,01254.00000,E,0.0,90.0,{date},,,A");
        Recorded::Bytes(Mono(second * 1_000 + 50), sentence(&body).into_bytes())
    };
    // One date of a restart, which is 1,024 weeks before 2029, and then the right ones.
    let mut engine = engine(State::default());
    let mut told = events(&mut engine, &Recorded::Boot(at, Boot { date_floor: floor, ..started.clone() }));
    told.extend(events(&mut engine, &dated(0, "010110")));
    told.extend((1..8).flat_map(|second| events(&mut engine, &dated(second, "221126"))));
    assert_eq!(starts(&told), [("2026-11-22T11:59:59.950Z".to_owned(), "backfilled".to_owned(), false)]);
    // One that stays.
    let mut engine = crate::drive::engine(State::default());
    let mut told = events(&mut engine, &Recorded::Boot(at, Boot { date_floor: floor, ..started }));
    told.extend((0..9).flat_map(|second| events(&mut engine, &dated(second, "010110"))));
    assert_eq!(starts(&told), []);
    told.extend((9..12).flat_map(|second| events(&mut engine, &dated(second, "010110"))));
    assert!(
        matches!(&starts(&told)[..], [(time, source, true)] if time.starts_with("2029-08-17") && source == "backfilled")
    );
}

/// Time, source of the clock and whether the date was repaired, of each start.
fn starts(events: &[Event]) -> Vec<(String, String, bool)> {
    let bodies = events.iter().map(|event| serde_json::from_slice::<Value>(&event.body).unwrap());
    let started = bodies.filter(|body| body["type"] == "com.gatestamp.device.started");
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    started
        .map(|body| {
            let clock = &body["data"]["clock"];
            (word(&body["time"]), word(&clock["source"]), clock.get("date_repaired").is_some_and(|said| said == true))
        })
        .collect()
}

#[test]
fn r10_fixes_that_waited_in_a_buffer_set_no_clock() {
    let mut engine = parked();
    for second in 0..10 {
        hear(&mut engine, second, 0);
    }
    for second in 10..30 {
        hear(&mut engine, second, (30 - second) * 1_000);
        let news = engine.newest_fix().unwrap();
        let late = second < 29;
        assert_eq!(news <= UnixMillis(NOON + 9_000), late, "second {second}: {news:?}");
    }
    hear(&mut engine, 31, 0);
    let offset = engine.clock(Mono(31_050)).offset_ms;
    assert_eq!(offset, Some(1_795_358_000_000 + 50 - NOON), "as before the sleep");
}

#[test]
fn r17_until_leap_seconds_can_be_known_the_clock_is_good_for_three_seconds() {
    let mut engine = parked();
    assert_eq!(engine.clock(Mono(0)).bound_ms, None);
    hear(&mut engine, 0, 0);
    hear(&mut engine, 1, 0);
    assert!(engine.clock(Mono(1_050)).bound_ms >= Some(3_000));
    for second in 2..800 {
        hear(&mut engine, second, 0);
    }
    let tracking = engine.clock(Mono(799_050)).bound_ms.unwrap();
    assert_eq!(tracking, 1_000, "an arrival says no more");
    // Without a fix it grows: 600 ppm of an hour.
    let later = engine.clock(Mono(799_050 + 3_600_000)).bound_ms.unwrap();
    assert!((2_000..2_500).contains(&(later - tracking)), "{later}");
}

/// Of the first event of a drive that follows at once: what a fix decides is not dated by its arrival.
fn bound_of_arrival(engine: &mut Engine, from: u64) -> i64 {
    for second in from..from + 60 {
        let lon = 12.994 + TEN_METRES * as_f64(second - from);
        let told = events(engine, &Recorded::Bytes(Mono(second * 1_000 + 50), epoch(second, lon, 10.0).into_bytes()));
        let mut bodies = told.iter().map(|event| serde_json::from_slice::<Value>(&event.body).unwrap());
        if let Some(arrived) = bodies.find(|body| body["type"] == "com.gatestamp.visit.arrived") {
            return arrived["data"]["clock"]["bound_ms"].as_i64().unwrap();
        }
    }
    panic!("the truck did not arrive");
}

#[test]
fn r17_leap_seconds_are_known_again_thirteen_minutes_after_a_gap_or_another_receiver() {
    let known = |between: &dyn Fn(&mut Engine)| {
        let mut engine = parked();
        (0..800).for_each(|second| drop(hear(&mut engine, second, 0)));
        between(&mut engine);
        bound_of_arrival(&mut engine, 860)
    };
    let tracked = |engine: &mut Engine| (800..860).for_each(|second| drop(hear(engine, second, 0)));
    assert_eq!(known(&tracked), 100);
    assert_eq!(known(&|_| ()), 3_000, "a minute without fixes");
    let plugged = |engine: &mut Engine| {
        let _ = events(engine, &Recorded::Source(Mono(800_100), SourceState::Open));
        tracked(engine);
    };
    assert_eq!(known(&plugged), 3_000, "another receiver");
}

#[test]
fn r17_a_receiver_that_speaks_every_ten_seconds_has_no_gaps_between() {
    let mut engine = parked();
    (0..800).step_by(10).for_each(|second| drop(hear(&mut engine, second, 0)));
    assert_eq!(engine.clock(Mono(790_050)).bound_ms, Some(1_000));
}

#[test]
fn r17_a_step_of_utc_by_whole_seconds_is_recorded() {
    let mut engine = parked();
    let mut told: Vec<Event> = (0..30).flat_map(|second| hear(&mut engine, second, 0)).collect();
    // The leap seconds have come: what is said at 30 is about 28.
    told.extend((28..60).flat_map(|second| hear(&mut engine, second, 2_000)));
    assert_eq!(why(&told), ["utc_step -2000 ms"]);
}

#[test]
fn a_kill_is_a_second_of_agent_down_and_a_reboot_is_power_off() {
    let mut engine = parked();
    let mut ledger = Vec::new();
    let mut feed = |engine: &mut Engine, input: &Recorded| {
        for effect in engine.handle(&Input::Recorded(input)) {
            if let Effect::Covered(interval) = effect {
                ledger.push(((interval.to - interval.from).0 / 1_000, interval.cause));
            }
        }
    };
    let said = |second: u64, at: u64| Recorded::Bytes(Mono(at), epoch(second, 12.9, 0.0).into_bytes());
    (0..30).for_each(|second| feed(&mut engine, &said(second, second * 1_000)));
    feed(&mut engine, &boot(Mono(40_000)));
    (42..60).for_each(|second| feed(&mut engine, &said(second, second * 1_000)));
    let Recorded::Boot(_, mut other) = boot(Mono(0)) else { unreachable!() };
    other.kernel_boot = "another".to_owned();
    feed(&mut engine, &Recorded::Boot(Mono(3_000), other));
    (300..310).for_each(|second| feed(&mut engine, &said(second, (second - 290) * 1_000)));
    feed(&mut engine, &Recorded::Stop(Mono(20_000)));
    let causes: Vec<Cause> = ledger.iter().map(|(_, cause)| *cause).collect();
    use Cause::{Acquiring, AgentDown, Covered, PowerOff};
    assert_eq!(causes, [Covered, AgentDown, Acquiring, Covered, PowerOff, Acquiring, Covered], "{ledger:?}");
    // From the first fix to the stop, ten seconds after second 300 by the new boot's clock.
    assert_eq!(ledger.iter().map(|(seconds, _)| seconds).sum::<i64>(), 310);
}

#[test]
fn r19_a_receiver_that_goes_on_hours_ahead_takes_neither_the_ledger_nor_the_last_place_outside_away() {
    let mut engine = parked();
    let mut said = |second: u64, at: u64, lon: f64, speed_mps: f64| {
        events(&mut engine, &Recorded::Bytes(Mono(at * 1_000 + 50), epoch(second, lon, speed_mps).into_bytes()))
    };
    (0..30).for_each(|second| drop(said(second, second, 12.994 + TEN_METRES * as_f64(second), 10.0)));
    let told: Vec<Event> = (30..90).flat_map(|second| said(second + 2 * 3_600, second, 13.002, 0.0)).collect();
    let mut bodies = told.iter().map(|event| serde_json::from_slice::<Value>(&event.body).unwrap());
    let arrived = bodies.find(|body| body["type"] == "com.gatestamp.visit.arrived").unwrap();
    assert_eq!(arrived["data"]["at_lo"], "2026-11-22T12:00:29.000Z", "{arrived}");
    assert_eq!(engine.coverage().summary().restarts, 0);
}

/// What the corrections among `events` name: first and last sequence, and by how much their times are shifted.
pub(crate) fn corrections(events: &[Event]) -> Vec<[i64; 3]> {
    let bodies = events.iter().map(|event| serde_json::from_slice::<Value>(&event.body).unwrap());
    let named = bodies.filter_map(|mut body| Some(body["data"]["correction"].take()).filter(Value::is_object));
    named.map(|named| ["first", "last", "shift_ms"].map(|field| named[field].as_i64().unwrap())).collect()
}

#[test]
fn r17_events_dated_before_the_leap_seconds_came_are_corrected_by_an_event_that_names_them() {
    let mut engine = parked();
    let mut told: Vec<Event> = (0..30).flat_map(|second| hear(&mut engine, second, 0)).collect();
    let missed = |engine: &mut Engine, at| events(engine, &Recorded::Missed(Mono(at), 1));
    told.extend(missed(&mut engine, 30_000));
    // The leap seconds have come: what is said at 30 is about 28. That is known once ten fixes agree; what is told meanwhile is not named.
    told.extend((28..35).flat_map(|second| hear(&mut engine, second, 2_000)));
    let too_slow = sentence("GPTXT,01,01,01,txbuf alloc").into_bytes();
    told.extend(events(&mut engine, &Recorded::Bytes(Mono(36_900), too_slow)));
    told.extend((35..60).flat_map(|second| hear(&mut engine, second, 2_000)));
    assert_eq!(why(&told), ["recording_missed_inputs 1", "gps_line_too_slow", "utc_step -2000 ms"]);
    assert_eq!(corrections(&told), [[1, 2, -2_000]], "start and missed inputs");
}

#[test]
fn r17_a_step_forward_corrects_what_came_before_it_and_one_of_known_time_nothing() {
    let stepped = |tracked_s: u64| {
        let mut engine = parked();
        let mut told: Vec<Event> = (0..tracked_s).flat_map(|second| hear(&mut engine, second, 0)).collect();
        let ahead = |second: u64| {
            let said = epoch(second + 2, 12.9, 0.0).into_bytes();
            Recorded::Bytes(Mono(second * 1_000 + 50), said)
        };
        told.extend((tracked_s..tracked_s + 30).flat_map(|second| events(&mut engine, &ahead(second))));
        assert_eq!(why(&told), ["utc_step +2000 ms"]);
        corrections(&told)
    };
    assert_eq!(stepped(30), [[1, 1, 2_000]]);
    assert_eq!(stepped(800), Vec::<[i64; 3]>::new(), "thirteen minutes of tracking");
}

#[test]
fn r17_a_receiver_that_began_without_any_leap_seconds_is_corrected_by_all_of_them() {
    let mut engine = parked();
    let mut told: Vec<Event> = (100..130).flat_map(|second| hear(&mut engine, second, 0)).collect();
    told.extend((112..150).flat_map(|second| hear(&mut engine, second, 18_000)));
    assert_eq!(why(&told), ["time_step -18000 ms"]);
    assert_eq!(corrections(&told), [[1, 1, -18_000]]);
}

#[test]
fn r17_a_receiver_that_goes_to_and_fro_is_told_once_an_hour_and_corrects_no_more_than_four_times() {
    let mut engine = parked();
    let mut told: Vec<Event> = Vec::new();
    for second in 0..7_000_u64 {
        let ahead = second / 60 % 2;
        let said = epoch(second + ahead, 12.9, 0.0).into_bytes();
        told.extend(events(&mut engine, &Recorded::Bytes(Mono(second * 1_000 + 50), said)));
    }
    assert_eq!(corrections(&told).len(), 4);
    assert!((5..=7).contains(&why(&told).len()), "{:?}", why(&told));
}

#[test]
fn r19_time_that_goes_on_elsewhere_is_told() {
    let mut engine = parked();
    let mut told: Vec<Event> = (7_200..7_230).flat_map(|second| hear(&mut engine, second, 0)).collect();
    told.extend((3_600..3_640).flat_map(|second| hear(&mut engine, second, 3_630_000)));
    assert_eq!(why(&told), ["time_step -3630000 ms"]);
    assert_eq!(corrections(&told), Vec::<[i64; 3]>::new(), "which of them was right nobody knows");
}
