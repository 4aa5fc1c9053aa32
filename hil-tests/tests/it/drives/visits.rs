//! Which visits do the events tell of, and are they the ones that happened?
//!
//! Read as a dispatcher reads them: a fact is (visit, type, zone, phase), its highest revision counts, and only if that is confirmed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::agent::{seconds_of_day, text};
use super::places::{Kind, Place, Scene, Visit};

/// The prefix of every type that tells of a visit.
pub(super) const VISIT_PREFIX: &str = "com.gatestamp.visit.";

/// The confirmed facts of one visit; each is the whole event.
#[derive(Debug, Default)]
struct Told {
    arrived: Option<Value>,
    departed: Option<Value>,
    passed: Option<Value>,
}

/// Everything in which these events differ from what happened at the places of `scene`; empty if they tell the truth.
pub(super) fn faults(events: &[Value], scene: &Scene) -> Vec<String> {
    let visits: Vec<&Value> = events.iter().filter(|event| text(event, "/type").starts_with(VISIT_PREFIX)).collect();
    let mut faults = Vec::new();
    for event in &visits {
        check_form(event, scene.drive.date, &mut faults);
    }
    let mut told = told(&visits);
    for place in scene.places {
        compare(place, told.remove(place.id).unwrap_or_default(), &mut faults);
    }
    faults.extend(told.keys().map(|id| format!("events of a facility that was never laid: {id}")));
    faults
}

/// What must hold for every visit event, whatever it tells.
fn check_form(event: &Value, date: &str, faults: &mut Vec<String>) {
    let at = text(event, "/data/at");
    let lo = event.pointer("/data/at_lo").and_then(Value::as_str);
    let (hi, decided) = (text(event, "/data/at_hi"), text(event, "/data/decided_at"));
    // Of one length and in UTC, so that the order of the texts is the order of the times.
    let even = [Some(at), lo, Some(hi), Some(decided)]
        .into_iter()
        .flatten()
        .all(|time| time.len() == "2020-02-07T02:14:17.000Z".len() && time.ends_with('Z') && time.starts_with(date));
    if !even || lo.is_some_and(|lo| lo > at) || at > hi || hi > decided {
        faults.push(format!("not at_lo <= at <= at_hi <= decided_at on {date}: {event}"));
    }
    if text(event, "/time") != at || text(event, "/subject") != text(event, "/data/facility/id") {
        faults.push(format!("time or subject is not that of the data: {event}"));
    }
    if text(event, "/type").ends_with(".rebased") {
        faults.push(format!("nothing changed under the vehicle: {event}"));
    }
}

/// The confirmed visits of each facility, in the order of their first stamp.
fn told(visits: &[&Value]) -> BTreeMap<String, Vec<Told>> {
    let mut facts: BTreeMap<[String; 4], &Value> = BTreeMap::new();
    let revision = |event: &Value| event.pointer("/data/revision").and_then(Value::as_u64);
    for event in visits {
        let key = ["/data/visit", "/type", "/data/zone", "/data/phase"]
            .map(|pointer| event.pointer(pointer).unwrap_or(&Value::Null).to_string());
        let known = facts.entry(key).or_insert(event);
        if revision(event) > revision(known) {
            *known = event;
        }
    }
    let mut by_visit: BTreeMap<(String, String), Told> = BTreeMap::new();
    for ([visit, ..], event) in facts {
        if text(event, "/data/status") == "confirmed" {
            let facility = text(event, "/data/facility/id").to_owned();
            by_visit.entry((facility, visit)).or_default().note(event);
        }
    }
    let mut by_facility: BTreeMap<String, Vec<Told>> = BTreeMap::new();
    for ((facility, _), told) in by_visit {
        by_facility.entry(facility).or_default().push(told);
    }
    for visits in by_facility.values_mut() {
        visits.retain(|told| told.begin().is_some());
        visits.sort_by(|one, other| one.begin().cmp(&other.begin()));
    }
    by_facility
}

impl Told {
    fn note(&mut self, event: &Value) {
        let place = match text(event, "/type").trim_start_matches(VISIT_PREFIX) {
            "arrived" => &mut self.arrived,
            "departed" => &mut self.departed,
            "passed" => &mut self.passed,
            _ => return,
        };
        assert!(place.is_none(), "two facts for one thing: {event} and {place:?}");
        *place = Some(event.clone());
    }

    fn begin(&self) -> Option<&str> {
        [&self.arrived, &self.passed, &self.departed].into_iter().flatten().next().map(|event| text(event, "/data/at"))
    }

    fn kinds(&self) -> [bool; 3] {
        [self.arrived.is_some(), self.departed.is_some(), self.passed.is_some()]
    }
}

/// Compares the visits of one place, in order; only a glimpse may be left out.
fn compare(place: &Place, told: Vec<Told>, faults: &mut Vec<String>) {
    let mut told = told.into_iter().peekable();
    for expected in place.visits {
        let silent = told.peek().is_none_or(|told| told.passed.is_none());
        if expected.kind == Kind::Glimpse && silent {
            continue;
        }
        match told.next() {
            Some(told) => compare_visit(place.id, expected, &told, faults),
            None => faults.push(format!("{}: missed: {expected:?}", place.id)),
        }
    }
    faults.extend(told.map(|told| format!("{}: never happened: {told:?}", place.id)));
}

fn compare_visit(id: &str, expected: &Visit, told: &Told, faults: &mut Vec<String>) {
    let [arrived, departed, passed] = told.kinds();
    let as_expected = match expected.kind {
        Kind::Stay | Kind::FromTheStart => arrived && departed && !passed,
        Kind::ToTheEnd => arrived && !departed && !passed,
        Kind::CarriedOut => arrived && !passed,
        Kind::Pass | Kind::Glimpse => passed && !arrived && !departed,
    };
    if !as_expected {
        faults.push(format!("{id}: expected {expected:?}, told {told:?}"));
        return;
    }
    let mut near = |what: &str, at: &str, reference: &str, within_s: f64| {
        let error_s = seconds_of_day(at) - seconds_of_day(reference);
        println!("{id:14} {what:9} {at} {error_s:+8.3} s from the reference");
        if error_s.abs() > within_s {
            faults.push(format!("{id}: {what} {at} is {error_s:+.3} s from {reference}, allowed {within_s}"));
        }
    };
    if let Some(event) = &told.arrived {
        near("arrived", text(event, "/data/at"), expected.enter, expected.enter_within_s);
    }
    if let Some(event) = &told.departed {
        near("departed", text(event, "/data/at"), expected.leave, expected.leave_within_s);
    }
    if let Some(event) = &told.passed {
        near("in", &crossing(event, "crossed_in"), expected.enter, expected.enter_within_s);
        near("out", &crossing(event, "crossed_out"), expected.leave, expected.leave_within_s);
    }
    if expected.kind == Kind::FromTheStart {
        check_first_inside(told.arrived.as_ref(), faults);
    }
}

/// A crossing of the visit record: a time, or an object that gives it with its bounds.
fn crossing(event: &Value, name: &str) -> String {
    let told = &event["data"]["record"][name];
    let at = told.as_str().or_else(|| told["at"].as_str());
    at.unwrap_or_else(|| panic!("no {name} in the record of {event}")).to_owned()
}

/// Without history there is no earlier bound, and the first fix is both the stamp and the later one.
fn check_first_inside(arrived: Option<&Value>, faults: &mut Vec<String>) {
    if let Some(event) = arrived {
        let data = &event["data"];
        if data["method"] != "first_inside" || !data["at_lo"].is_null() || data["at"] != data["at_hi"] {
            faults.push(format!("no first_inside without history: {event}"));
        }
    }
}

#[test]
fn silence_and_invention_are_both_found() {
    use super::places::{KOLOMNA_TOWN, MOUNTAIN_VIEW};

    let happened = |scene: &Scene| scene.places.iter().map(|place| place.visits.len()).sum::<usize>();
    assert_eq!(faults(&[], &MOUNTAIN_VIEW).len(), happened(&MOUNTAIN_VIEW));
    assert_eq!(faults(&[], &KOLOMNA_TOWN).len(), happened(&KOLOMNA_TOWN) - 1, "all but the glimpse");

    let at = "2020-02-07T02:39:30.000Z";
    let passed = serde_json::json!({"type": "com.gatestamp.visit.passed", "time": at, "subject": "mtv-beside", "data": {
        "visit": "v", "revision": 1, "status": "confirmed", "facility": {"id": "mtv-beside"}, "zone": "site", "phase": "leave",
        "at": at, "at_lo": at, "at_hi": at, "decided_at": at}});
    let told = faults(std::slice::from_ref(&passed), &MOUNTAIN_VIEW);
    assert_eq!(told.len(), happened(&MOUNTAIN_VIEW) + 1);
    assert!(told.iter().any(|fault| fault.starts_with("mtv-beside: never happened")), "{told:#?}");

    let mut retracted = passed.clone();
    retracted["data"]["revision"] = 2.into();
    retracted["data"]["status"] = "retracted".into();
    assert_eq!(faults(&[passed, retracted], &MOUNTAIN_VIEW).len(), happened(&MOUNTAIN_VIEW));
}
