//! The engine as a whole: what it tells of a drive, and that it can stop anywhere.

use crate::drive::{all_events, boot, engine, epoch, events, inputs};
use gatestamp::engine::{Effect, Input, State};
use gatestamp::recording::Recorded;
use gatestamp::time::Mono;
use serde_json::Value;

fn told() -> Vec<Value> {
    all_events().iter().map(|event| serde_json::from_slice(&event.body).unwrap()).collect()
}

#[test]
fn a_drive_is_told_as_start_arrival_standstill_departure_stop() {
    let told: Vec<String> = told()
        .iter()
        .map(|e| {
            format!(
                "{} {}",
                e["type"].as_str().unwrap().trim_start_matches("com.gatestamp."),
                e["data"]["status"].as_str().unwrap_or("-")
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "device.started -",
            "visit.arrived provisional",
            "visit.arrived confirmed",
            "visit.phase confirmed",
            "visit.departed confirmed",
            "device.stopped -",
        ]
    );
}

#[test]
fn an_event_has_every_field_of_the_contract_and_its_times_are_in_order() {
    for event in told().iter().filter(|e| e["type"].as_str().unwrap().contains("visit")) {
        let data = event["data"].as_object().unwrap();
        let fields = [
            "visit",
            "revision",
            "status",
            "facility",
            "zone",
            "phase",
            "at",
            "at_lo",
            "at_hi",
            "decided_at",
            "method",
            "confidence",
            "probability",
            "position",
            "evidence",
            "clock",
            "boot_id",
            "stop",
            "edi214",
            "engine",
            "historical",
            "why",
        ];
        for field in fields {
            assert!(data.contains_key(field), "{field} is missing in {event}");
        }
        let times: Vec<_> = ["at_lo", "at", "at_hi", "decided_at"].iter().map(|k| data[*k].as_str().unwrap()).collect();
        assert!(times.is_sorted(), "{times:?}");
        assert_eq!(event["time"], data["at"]);
    }
    let departed = told().into_iter().find(|e| e["type"] == "com.gatestamp.visit.departed").unwrap();
    assert!(departed["data"]["record"]["crossed_in"]["at"].is_string());
}

#[test]
fn sequences_are_gap_free_from_one_and_ids_carry_them() {
    for (number, event) in (1..).zip(all_events()) {
        assert_eq!((event.sequence, event.id), (number, format!("fleet-truck-{number}")));
    }
}

#[test]
fn stored_and_read_back_at_every_input_the_engine_tells_the_same() {
    let mut told = Vec::new();
    let mut state = State::default();
    for input in inputs() {
        let mut engine = engine(state);
        told.extend(events(&mut engine, &input));
        let stored = serde_json::to_vec(engine.state()).unwrap();
        state = serde_json::from_slice(&stored).unwrap();
    }
    assert_eq!(told, all_events());
}

#[test]
fn a_start_without_sky_is_dated_when_the_sky_comes() {
    let started = &told()[0];
    assert_eq!(started["data"]["clock"]["source"], "backfilled");
    // The first sentence of 12:00:00 was complete 40 ms after the start.
    assert_eq!(started["time"], "2026-11-22T11:59:59.960Z");
}

#[test]
fn every_input_is_recorded_before_anything_is_saved_and_saved_before_it_is_sent() {
    let mut engine = engine(State::default());
    let _ = engine.handle(&Input::Link(Mono(0), gatestamp::engine::Link::Up(20)));
    let mut sent = 0;
    for input in inputs() {
        let effects = engine.handle(&Input::Recorded(&input));
        assert_eq!(effects[0], Effect::Record);
        let saved = effects.iter().position(|e| matches!(e, Effect::Save(_)));
        if let Some(send) = effects.iter().position(|e| matches!(e, Effect::Send(_))) {
            assert!(saved.is_some_and(|save| save < send), "{effects:?}");
            sent += 1;
        }
    }
    assert!(sent > 0);
}

#[test]
fn silence_is_told_within_30_seconds_and_so_is_its_end() {
    let mut engine = engine(State::default());
    let drive = inputs();
    let mut told = Vec::new();
    for input in &drive[..41] {
        told.extend(events(&mut engine, input));
    }
    for second in 20..60 {
        told.extend(events(&mut engine, &Recorded::Tick(Mono(second * 1_000))));
    }
    let lost: Value = serde_json::from_slice(&told.last().unwrap().body).unwrap();
    assert_eq!(
        (lost["type"].as_str().unwrap(), lost["data"]["cause"].as_str().unwrap()),
        ("com.gatestamp.gnss.lost", "serial_silent")
    );
    for input in &drive[120..130] {
        told.extend(events(&mut engine, input));
    }
    let kinds: Vec<_> = told.iter().map(|e| e.kind.name()).collect();
    assert_eq!(kinds.iter().filter(|k| k.ends_with("gnss.restored")).count(), 1, "{kinds:?}");
}

#[test]
fn inputs_that_were_missed_are_told_at_once_and_then_summed_for_telling_them_takes_a_commit() {
    let mut engine = engine(State::default());
    let mut told = Vec::new();
    let mut feed = |input: Recorded| {
        for effect in engine.handle(&Input::Recorded(&input)) {
            let Effect::Save(events) = effect else { continue };
            let bodies = events.iter().map(|event| serde_json::from_slice::<Value>(&event.body).unwrap());
            let whys = bodies.map(|body| body["data"]["why"].as_array().unwrap().clone()).collect::<Vec<_>>();
            told.push((
                input.at().0 / 1_000,
                whys.last().map(|why| why[why.len() - 1].to_string()).unwrap_or_default(),
            ));
        }
    };
    feed(boot(Mono(0)));
    for second in 1..2_000_u64 {
        feed(Recorded::Bytes(Mono(second * 1_000), epoch(second, 12.9, 0.0).into_bytes()));
        if (10..1_000).contains(&second) {
            feed(Recorded::Missed(Mono(second * 1_000 + 500), 7));
        }
    }
    let missed = [(10, "7"), (610, "4200"), (1_211, "2723")].map(|(at, inputs)| (at, format!("{inputs:?}")));
    assert_eq!(told.split_off(2), missed, "nothing else is committed");
}
