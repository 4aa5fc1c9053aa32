//! Visits among facilities that nest, change and crowd.

use crate::drive::{TEN_METRES, as_f64, boot, engine_among, epoch, events};
use gatestamp::engine::{Engine, State};
use gatestamp::event::Event;
use gatestamp::facility::{self, Facilities};
use gatestamp::recording::Recorded;
use gatestamp::time::{Mono, parse_rfc3339};
use serde_json::Value;

/// A rectangle from `west` to `east` across the road.
fn fence(id: &str, more: &str, west: f64, east: f64) -> String {
    format!(
        r#"{{"type":"Feature","properties":{{"id":"{id}"{more}}},"geometry":{{"type":"Polygon","coordinates":[[
            [{west},52.0],[{east},52.0],[{east},52.003],[{west},52.003],[{west},52.0]]]}}}}"#
    )
}

fn among(features: &[String]) -> Facilities {
    let text = format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.join(","));
    facility::read("test.geojson", &text).unwrap()
}

/// Seconds `from..to`, each at a longitude and a speed.
fn drive(engine: &mut Engine, from: u64, to: u64, at: impl Fn(u64) -> (f64, f64)) -> Vec<Event> {
    let second = |second: u64| {
        let (lon, speed) = at(second);
        Recorded::Bytes(Mono(second * 1_000), epoch(second, lon, speed).into_bytes())
    };
    (from..to).flat_map(|now| events(engine, &second(now))).collect()
}

fn data(event: &Event) -> Value {
    serde_json::from_slice::<Value>(&event.body).unwrap()["data"].take()
}

/// `type facility status` of the visit events.
fn told(events: &[Event]) -> Vec<String> {
    let line = |event: &Event| {
        let data = data(event);
        let kind = event.kind.name().trim_start_matches("com.gatestamp.visit.");
        format!(
            "{kind} {} {} {}",
            data["facility"]["id"].as_str().unwrap(),
            data["phase"].as_str().unwrap(),
            data["status"].as_str().unwrap()
        )
    };
    events.iter().filter(|event| event.kind.name().contains("visit")).map(line).collect()
}

#[test]
fn a_site_that_is_edited_away_ends_its_visit_in_words_though_another_zone_stays() {
    let approach = fence("road", r#","parent":"yard","zone":"approach""#, 12.998, 13.01);
    let mut engine = engine_among(among(&[fence("yard", "", 13.0, 13.004), approach.clone()]), State::default());
    let _ = events(&mut engine, &boot(Mono(0)));
    let lon = |second: u64| 12.994 + as_f64(second.min(55)) * TEN_METRES;
    drive(&mut engine, 0, 100, |second| (lon(second), if second < 55 { 10.0 } else { 0.0 }));
    let mut engine = engine_among(among(&[fence("yard", "", 13.006, 13.008), approach]), engine.state().clone());
    let mut after = events(&mut engine, &boot(Mono(101_000)));
    after.extend(drive(&mut engine, 102, 140, |_| (lon(99), 0.0)));
    assert_eq!(told(&after), ["rebased yard leave confirmed"]);
    assert_eq!(engine.state().visits().present().count(), 0);
}

#[test]
fn each_change_of_a_facility_around_the_truck_is_a_revision_of_one_fact() {
    let lon = |second: u64| 12.994 + as_f64(second.min(55)) * TEN_METRES;
    let (mut state, mut revisions) = (State::default(), Vec::new());
    for change in 0..3_u64 {
        let mut engine = engine_among(among(&[fence("yard", "", 13.0, 13.004 + as_f64(change) * 1e-4)]), state);
        let mut all = events(&mut engine, &boot(Mono(change * 70_000)));
        all.extend(drive(&mut engine, change * 70 + 1, change * 70 + 70, |s| {
            (lon(s), if s < 55 { 10.0 } else { 0.0 })
        }));
        let rebased = all.iter().filter(|event| event.kind.name().ends_with("rebased"));
        revisions.extend(rebased.map(|event| data(event)["revision"].as_u64().unwrap()));
        state = engine.state().clone();
    }
    assert_eq!(revisions, [1, 2]);
}

#[test]
fn an_arrival_is_told_for_its_own_facility_after_many_approaches_were_passed() {
    let mut features: Vec<String> = (0..40_u64)
        .flat_map(|n| {
            let west = 12.0 + as_f64(n) * 0.002;
            let approach = fence(&format!("road-{n}"), &format!(r#","parent":"far-{n}","zone":"approach""#), west, west + 0.0015);
            let far = r#"{"type":"Feature","properties":{"id":"far-N","radius_m":50},"geometry":{"type":"Point","coordinates":[LON,52.05]}}"#;
            [approach, far.replace("far-N", &format!("far-{n}")).replace("LON", &west.to_string())]
        })
        .collect();
    features.push(fence("target", "", 12.082, 12.086));
    let mut engine = engine_among(among(&features), State::default());
    let _ = events(&mut engine, &boot(Mono(0)));
    let end = 620;
    let all = drive(&mut engine, 0, end + 60, |s| {
        (11.995 + as_f64(s.min(end)) * TEN_METRES, if s < end { 10.0 } else { 0.0 })
    });
    let arrived: Vec<_> = told(&all).into_iter().filter(|line| line.starts_with("arrived")).collect();
    assert_eq!(arrived, ["arrived target enter provisional", "arrived target enter confirmed"]);
}

#[test]
fn a_truck_that_creeps_in_does_not_stand_before_it_arrived() {
    let mut engine = engine_among(among(&[fence("yard", "", 13.0, 13.004)]), State::default());
    let _ = events(&mut engine, &boot(Mono(0)));
    let all = drive(&mut engine, 0, 500, |second| {
        (12.9985 + as_f64(second.min(400)) * TEN_METRES * 0.06, if second < 400 { 0.6 } else { 0.0 })
    });
    let at = |wanted: &str| {
        let event = all
            .iter()
            .find(|event| told(std::slice::from_ref(event)).first().is_some_and(|line| line.starts_with(wanted)));
        data(event.unwrap())["at"].as_str().unwrap().to_owned()
    };
    assert!(at("phase") >= at("arrived"));
}

#[test]
fn a_visit_survives_the_gap_between_queue_and_site() {
    let queue = fence("lane", r#","parent":"yard","zone":"queue""#, 12.996, 12.999);
    let mut engine = engine_among(among(&[fence("yard", "", 13.0, 13.004), queue]), State::default());
    let _ = events(&mut engine, &boot(Mono(0)));
    let all =
        drive(&mut engine, 0, 120, |s| (12.994 + as_f64(s.min(60)) * TEN_METRES, if s < 60 { 10.0 } else { 0.0 }));
    let visits: std::collections::BTreeSet<String> =
        all.iter().filter_map(|event| data(event)["visit"].as_str().map(str::to_owned)).collect();
    assert_eq!(visits.len(), 1, "{:#?}", told(&all));
}

#[test]
fn a_standstill_is_dated_to_when_the_truck_came_to_stand() {
    // Stops at 55 s with a fix a second, and with one in ten seconds, which bounds it by its neighbours.
    for (every_s, within_ms) in [(1, 1_500), (10, 5_500)] {
        let mut engine = engine_among(among(&[fence("yard", "", 13.0, 13.01)]), State::default());
        let _ = events(&mut engine, &boot(Mono(0)));
        let place = |second: u64| (12.994 + as_f64(second.min(55)) * TEN_METRES, if second < 55 { 10.0 } else { 0.0 });
        let second = |n: u64| {
            let (lon, speed) = place(n * every_s);
            Recorded::Bytes(Mono(n * every_s * 1_000), epoch(n * every_s, lon, speed).into_bytes())
        };
        let told: Vec<Event> = (0..120 / every_s).flat_map(|n| events(&mut engine, &second(n))).collect();
        let stood = told.iter().map(data).find(|data| data["phase"] == "standstill").expect("a standstill");
        let noon = parse_rfc3339("2026-11-22T12:00:00Z").unwrap();
        let millis = |key: &str| (parse_rfc3339(stood[key].as_str().unwrap()).unwrap() - noon).0;
        assert!((millis("at") - 55_000).abs() <= within_ms, "every {every_s} s: {stood}");
        assert!(millis("at_lo") <= 55_000 && 55_000 <= millis("at_hi"), "every {every_s} s: {stood}");
    }
}
