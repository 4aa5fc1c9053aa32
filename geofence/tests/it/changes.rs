//! Facilities that change under a truck: what now lies around it is taken as it is, and what is gone ends.

use crate::drawn::{OneFence, Second, advance, at, many, seconds};
use geofence::{Kind, Tracker, Transition};

/// The same fence so far away, as other facilities.
fn away(east_m: f64, north_m: f64) -> OneFence {
    let corners = [(0.0, -200.0), (400.0, -200.0), (400.0, 200.0), (0.0, 200.0)];
    let vertices = corners.map(|(east, north)| at(east_m + east, north_m + north)).to_vec();
    OneFence { vertices, revision: 6, ..OneFence::new() }
}

fn elsewhere() -> OneFence {
    away(0.0, 100_000.0)
}

/// The drawing with other facilities from second `at` on.
fn told(drawing: &str, at: usize, before: &OneFence, after: &OneFence) -> Vec<Transition> {
    let mut tracker = Tracker::default();
    let step = |(second, what): (usize, Second)| advance(&mut tracker, if second < at { before } else { after }, what);
    seconds(drawing).into_iter().enumerate().flat_map(step).collect()
}

fn kinds(told: &[Transition]) -> Vec<Kind> {
    told.iter().map(|transition| transition.kind).collect()
}

#[test]
fn a_fence_that_is_new_around_a_standing_truck_is_no_arrival_and_its_departure_comes() {
    let drawing = format!("{}{}{}", many(">", 20), many("s", 40), many("<", 20));
    assert_eq!(kinds(&told(&drawing, 40, &elsewhere(), &OneFence::new())), [Kind::Rebased, Kind::Left]);
}

#[test]
fn new_facilities_at_a_fix_that_is_not_believed_are_those_around_the_truck() {
    // The first fix under the new facilities is 3 km off.
    let drawing = format!("{}{}!{}{}", many(">", 20), many("s", 20), many("s", 20), many("<", 20));
    assert_eq!(kinds(&told(&drawing, 40, &elsewhere(), &OneFence::new())), [Kind::Rebased, Kind::Left]);
}

#[test]
fn the_same_after_a_restart_from_the_stored_state() {
    let drawing = format!("{}{}!{}{}", many(">", 20), many("s", 20), many("s", 20), many("<", 20));
    let (before, after) = (elsewhere(), OneFence::new());
    let mut tracker = Tracker::default();
    let mut told = Vec::new();
    for (second, what) in seconds(&drawing).into_iter().enumerate() {
        if second == 40 {
            tracker = serde_json::from_str(&serde_json::to_string(&tracker).unwrap()).unwrap();
        }
        told.extend(advance(&mut tracker, if second < 40 { &before } else { &after }, what));
    }
    assert_eq!(kinds(&told), [Kind::Rebased, Kind::Left]);
}

#[test]
fn a_fence_that_only_an_outlier_touches_does_not_lie_around_the_truck() {
    let drawing = format!("{}{}!!{}", many(">", 20), many("s", 20), many("s", 20));
    let beside = OneFence { revision: 8, ..away(3_000.0, 0.0) };
    assert_eq!(told(&drawing, 40, &elsewhere(), &beside), []);
}

#[test]
fn a_fence_that_is_gone_ends_the_stay_without_a_crossing() {
    let other = OneFence { key: geofence::FenceKey(8), ..elsewhere() };
    let told = told(&format!("{}{}", many(">", 20), many("s", 40)), 40, &OneFence::new(), &other);
    assert_eq!(kinds(&told), [Kind::Entered, Kind::Removed]);
}
