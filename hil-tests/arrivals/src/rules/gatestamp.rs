//! Our rule: what dispatch would be told, by the very code that runs in the truck.

use super::{Decision, Entry, Kind, Rule};
use crate::drive::{Fence, Input, Observed, Outline, Point, position};
use gatestamp::event::{Kind as Told, RecordTime, Status};
use gatestamp::facility::{Facilities, Zone};
use gatestamp::visit::{Fact, Visits};
use geofence::{Fix, Mode, Span, Tracker, UnixMillis};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Our rule in the list of all.
pub(super) const ENTRY: Entry = Entry { name: "gatestamp", start: |fences| Box::new(Agent::start(fences)) };

/// 2026-06-01T00:00:00Z: when every drive begins.
const BEGIN: UnixMillis = UnixMillis(1_780_272_000_000);
const TRUCK: &str = "truck";

struct Agent {
    tracker: Tracker,
    visits: Visits,
    facilities: Facilities,
    /// Facility and zone of each fence of the drive.
    fences: Vec<(String, Zone)>,
    /// Visits whose arrival, and whose departure, has been told and stands.
    arrived: BTreeSet<String>,
    departed: BTreeSet<String>,
    facts: Vec<Fact>,
}

impl Agent {
    fn start(fences: &[Fence]) -> Self {
        Self {
            tracker: Tracker::default(),
            visits: Visits::default(),
            // A drive whose fences the agent refuses is a fault of the scenario; a test reads them all.
            facilities: facilities(fences).unwrap_or_default(),
            fences: fences.iter().map(|fence| (fence.facility.clone(), fence.zone)).collect(),
            arrived: BTreeSet::new(),
            departed: BTreeSet::new(),
            facts: Vec::new(),
        }
    }

    fn fix(&mut self, observed: &Observed, out: &mut Vec<Decision>) {
        let fix = fix(observed);
        let transitions = self.tracker.step(&self.facilities, &fix);
        let mut facts = std::mem::take(&mut self.facts);
        self.visits.step(&fix, self.tracker.motion(), &transitions, &self.facilities, TRUCK, &mut facts);
        for fact in facts.drain(..) {
            self.tell(&fact, out);
        }
        self.facts = facts;
    }

    /// One fact as the decisions that it means.
    fn tell(&mut self, fact: &Fact, out: &mut Vec<Decision>) {
        let is_fence = |(facility, zone): &(String, Zone)| *facility == fact.facility.id && *zone == fact.zone;
        let Some(fence) = self.fences.iter().position(is_fence) else { return };
        let mut say = |kind, at: RecordTime| {
            let interval_s = Some((at.lo.map(|lo| seconds(lo.0)), seconds(at.hi.0)));
            out.push(Decision { fence, kind, at_s: seconds(at.at.0), interval_s, decided_s: seconds(fact.decided_at) });
        };
        let crossing = RecordTime {
            at: gatestamp::time::Utc(fact.crossing.at),
            lo: fact.crossing.lo.map(gatestamp::time::Utc),
            hi: gatestamp::time::Utc(fact.crossing.hi),
        };
        if fact.kind == Told::VisitPassed {
            let inwards = fact.record.as_ref().and_then(|record| record.crossed_in);
            if fact.status != Status::Retracted {
                say(Kind::Passed, inwards.unwrap_or(crossing));
            }
            return;
        }
        let (known, first, confirmed, retracted) = if fact.kind == Told::VisitArrived {
            (&mut self.arrived, Kind::Entered, Kind::Confirmed, Kind::Retracted)
        } else if fact.kind == Told::VisitDeparted {
            (&mut self.departed, Kind::Left, Kind::DepartureConfirmed, Kind::DepartureRetracted)
        } else {
            return;
        };
        if fact.status == Status::Retracted {
            known.remove(&fact.visit);
            say(retracted, crossing);
            return;
        }
        if known.insert(fact.visit.clone()) {
            say(first, crossing);
        }
        if fact.status == Status::Confirmed {
            say(confirmed, crossing);
        }
    }
}

impl Rule for Agent {
    fn observe(&mut self, input: &Input, out: &mut Vec<Decision>) {
        match input {
            Input::Fix(observed) => self.fix(observed, out),
            Input::PowerCut => self.tracker.power_cut(),
        }
    }
}

fn fix(observed: &Observed) -> Fix {
    Fix {
        time: BEGIN + Span::from_seconds(observed.time_s),
        position: position(observed.point),
        mode: Mode::ThreeD,
        sigma_m: observed.sigma_m,
        speed_mps: observed.speed_mps,
        track_deg: observed.track_deg,
    }
}

fn seconds(time: UnixMillis) -> f64 {
    (time - BEGIN).as_seconds()
}

/// The fences of a drive as the agent reads them.
///
/// # Errors
/// What the agent would tell of such a file.
pub(crate) fn facilities(fences: &[Fence]) -> Result<Facilities, Vec<gatestamp::fault::Fault>> {
    gatestamp::facility::read("drive.geojson", &feature_collection(fences).to_string())
}

/// The fences of a drive as a facility file. A facility's first site is the facility, its other fences are zones of it.
fn feature_collection(fences: &[Fence]) -> Value {
    let mut facilities = BTreeSet::new();
    let features = fences.iter().enumerate().map(|(index, fence)| {
        let mut properties = if fence.zone == Zone::Site && facilities.insert(&fence.facility) {
            json!({ "id": fence.facility, "name": fence.facility })
        } else {
            json!({ "id": format!("{}-{index}", fence.facility), "parent": fence.facility, "zone": fence.zone.name() })
        };
        let geometry = match &fence.outline {
            Outline::Circle(centre, radius_m) => {
                if let Some(map) = properties.as_object_mut() {
                    map.insert("radius_m".to_owned(), json!(radius_m));
                }
                json!({ "type": "Point", "coordinates": coordinates(centre) })
            }
            Outline::Polygon(rings) => {
                let closed = |ring: &Vec<Point>| ring.iter().chain(ring.first()).map(coordinates).collect::<Vec<_>>();
                json!({ "type": "Polygon", "coordinates": rings.iter().map(closed).collect::<Vec<_>>() })
            }
        };
        json!({ "type": "Feature", "properties": properties, "geometry": geometry })
    });
    json!({ "type": "FeatureCollection", "features": features.collect::<Vec<_>>() })
}

fn coordinates(point: &Point) -> [f64; 2] {
    let position = position(*point);
    [position.lon(), position.lat()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{noise, run, scenarios};

    /// Decisions on the first drive of a scenario under open sky, with the true crossings.
    fn told(name: &str) -> (Vec<Decision>, Vec<f64>) {
        let scenario = scenarios::all().into_iter().find(|scenario| scenario.name == name).unwrap();
        let drive = scenarios::drive(&scenario, &noise::all()[0], 1);
        (run::decide(&ENTRY, &drive), drive.crossings.iter().map(|crossing| crossing.at_s).collect())
    }

    #[test]
    fn a_visit_is_told_first_and_for_sure_at_both_ends() {
        let (decisions, truth) = told("visit");
        let kinds: Vec<Kind> = decisions.iter().map(|decision| decision.kind).collect();
        assert_eq!(kinds, [Kind::Entered, Kind::Confirmed, Kind::Left, Kind::DepartureConfirmed]);
        for (decision, at_s) in decisions.iter().zip([truth[0], truth[0], truth[1], truth[1]]) {
            assert!((decision.at_s - at_s).abs() < 3.0, "{decision:?} {at_s}");
            let (lo_s, hi_s) = decision.interval_s.unwrap();
            assert!(lo_s.unwrap() <= decision.at_s && decision.at_s <= hi_s && hi_s <= decision.decided_s);
        }
    }

    #[test]
    fn a_drive_through_is_told_with_the_time_of_the_crossing_in() {
        let (decisions, truth) = told("through");
        let passed = decisions.last().unwrap();
        assert_eq!(passed.kind, Kind::Passed);
        assert!((passed.at_s - truth[0]).abs() < 2.0 && passed.decided_s > truth[1], "{passed:?} {truth:?}");
    }

    #[test]
    fn a_fence_of_a_facility_is_found_by_its_zone() {
        let zones = scenarios::all().into_iter().find(|scenario| scenario.name == "zones").unwrap();
        let drive = scenarios::drive(&zones, &noise::all()[0], 1);
        let decisions = run::decide(&ENTRY, &drive);
        assert!(decisions.iter().any(|decision| decision.kind == Kind::Left));
        assert!(decisions.iter().all(|decision| drive.fences[decision.fence].zone == Zone::Site));
    }
}
