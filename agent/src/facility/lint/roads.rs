//! Roads against fences: a road that runs through a fence near its border makes every truck that passes by an arrival.
//!
//! There is no map on the device; somebody exports the roads around the facilities, for example from OpenStreetMap.

use crate::facility::Zone;
use crate::facility::finding::{Finding, Place};
use crate::facility::geojson::features;
use crate::facility::geometry::Trouble;
use crate::facility::outline::{Extent, Plane, pairs};
use crate::facility::plan::{Fence, Plan};
use ::geojson::{Feature, GeometryValue, JsonObject, JsonValue};
use geofence::{Position, distance_m};
use std::collections::BTreeMap;

/// A road deeper inside than this is the facility's own, metres.
pub const ROAD_BORDER_M: f64 = 25.0;
/// A shorter stretch inside is the thickness of a pencil, metres.
const STRETCH_M: f64 = 10.0;
/// Roads are walked in steps of this, metres.
const STEP_M: f64 = 4.0;
/// Steps along one edge of a road: 40 km.
const STEPS_MAX: u32 = 10_000;
/// Values of OpenStreetMap's `highway` on which no truck passes by.
const NOT_THROUGH: [&str; 13] = [
    "service",
    "track",
    "footway",
    "path",
    "cycleway",
    "steps",
    "pedestrian",
    "construction",
    "proposed",
    "bridleway",
    "corridor",
    "platform",
    "raceway",
];

/// One line of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Road {
    name: String,
    positions: Vec<Position>,
}

/// A file of roads.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RoadFile {
    /// Those that a truck can pass by on.
    pub roads: Vec<Road>,
    /// Features that are no such road.
    pub left_out: usize,
}

impl RoadFile {
    /// Reads LineStrings and MultiLineStrings of a GeoJSON FeatureCollection. Of OpenStreetMap's `highway`, ways that lead
    /// nowhere else (service, track, ..) are left out.
    ///
    /// # Errors
    /// Why the text is no such collection.
    pub fn read(text: &str) -> Result<Self, Box<Finding>> {
        let mut file = Self::default();
        for (line, raw) in features(text)?.located {
            let before = file.roads.len();
            if let Ok(feature) = serde_json::from_str::<Feature>(raw) {
                file.add(line, feature);
            }
            if file.roads.len() == before {
                file.left_out += 1;
            }
        }
        Ok(file)
    }

    fn add(&mut self, line: usize, feature: Feature) {
        let properties = feature.properties.unwrap_or_default();
        let highway = text(&properties, "highway");
        if highway.is_some_and(|kind| NOT_THROUGH.contains(&kind)) {
            return;
        }
        let word = text(&properties, "name").or_else(|| text(&properties, "ref")).or_else(|| text(&properties, "@id"));
        let name = word.map_or_else(|| format!("in line {line}"), |word| format!("\"{word}\""));
        let lines = match feature.geometry.map(|geometry| geometry.value) {
            Some(GeometryValue::LineString { coordinates }) => vec![coordinates],
            Some(GeometryValue::MultiLineString { coordinates }) => coordinates,
            _ => Vec::new(),
        };
        for coordinates in lines {
            let position = |p: &::geojson::Position| match p.as_slice() {
                &[lon, lat, ..] => Position::from_degrees(lat, lon),
                _ => None,
            };
            let positions: Vec<Position> = coordinates.iter().filter_map(position).collect();
            if positions.len() > 1 {
                self.roads.push(Road { name: name.clone(), positions });
            }
        }
    }
}

fn text<'a>(properties: &'a JsonObject, key: &str) -> Option<&'a str> {
    properties.get(key).and_then(JsonValue::as_str).filter(|text| !text.is_empty() && text.len() <= 200)
}

/// Warnings about sites and gates through which a road runs within `border_m` of the border, without ending inside.
#[must_use]
pub fn beside(plan: &Plan, roads: &[Road], border_m: f64) -> Vec<Finding> {
    let fences: Vec<&Fence> = plan.fences.iter().filter(|f| !matches!(f.zone, Zone::Approach | Zone::Queue)).collect();
    let boxed = fences.iter().filter_map(|fence| Extent::of(&fence.drawing.outline));
    let boxes: Vec<Extent> = boxed.chain(roads.iter().filter_map(|road| Extent::around(&road.positions))).collect();
    let junctions = junctions(roads);
    let goes_on = |position: Option<&Position>| {
        position.is_some_and(|p| junctions.get(&(p.lat_e7(), p.lon_e7())).is_some_and(|roads| *roads > 1))
    };
    let mut found = Vec::new();
    pairs(&boxes, |one, other| {
        let (Some(fence), Some(road)) = (fences.get(one), other.checked_sub(fences.len()).and_then(|n| roads.get(n)))
        else {
            return;
        };
        let ends = (goes_on(road.positions.first()), goes_on(road.positions.last()));
        let through = stretches(fence, road, ends).into_iter().filter(|s| s.length_m >= STRETCH_M);
        if let Some(stretch) =
            through.filter(|s| s.depth_m <= border_m).max_by(|a, b| a.length_m.total_cmp(&b.length_m))
        {
            let what = format!(
                "the road {} runs {:.0} m through the {}, at most {:.0} m inside of its border, and goes on",
                road.name,
                stretch.length_m,
                fence.zone.name(),
                stretch.depth_m
            );
            let remedy = "draw the border on this side of the road: every truck that passes by would arrive";
            found.push(plan.warning(fence, Trouble::new("road", Some(Place::at(stretch.deepest)), what, remedy)));
        }
    });
    found
}

/// How many roads touch each place where one ends.
fn junctions(roads: &[Road]) -> BTreeMap<(i32, i32), usize> {
    let key = |p: &Position| (p.lat_e7(), p.lon_e7());
    let ends = roads.iter().flat_map(|road| road.positions.first().into_iter().chain(road.positions.last()));
    let mut touched: BTreeMap<_, usize> = ends.map(|p| (key(p), 0)).collect();
    for road in roads {
        for position in &road.positions {
            if let Some(count) = touched.get_mut(&key(position)) {
                *count += 1;
            }
        }
    }
    touched
}

/// A part of a road inside a fence.
struct Stretch {
    length_m: f64,
    depth_m: f64,
    deepest: Position,
}

/// The stretches of `road` inside `fence` that neither begin nor end there; an end that is a junction goes on.
fn stretches(fence: &Fence, road: &Road, goes_on: (bool, bool)) -> Vec<Stretch> {
    let mut found = Vec::new();
    let mut open: Option<Stretch> = None;
    let mut began_inside = false;
    let mut last: Option<Position> = None;
    for position in walk(fence, &road.positions) {
        let distance_m = fence.drawing.outline.shape().signed_distance_m(position);
        if distance_m < 0.0 {
            let stretch = open.get_or_insert_with(|| {
                began_inside = last.is_none() && !goes_on.0;
                Stretch { length_m: 0.0, depth_m: 0.0, deepest: position }
            });
            stretch.length_m += last.map_or(0.0, |from| geofence::distance_m(from, position));
            if -distance_m > stretch.depth_m {
                (stretch.depth_m, stretch.deepest) = (-distance_m, position);
            }
        } else if let Some(stretch) = open.take().filter(|_| !began_inside) {
            found.push(stretch);
        }
        last = Some(position);
    }
    found.extend(open.filter(|_| goes_on.1 && !began_inside));
    found
}

/// Positions along a road, a few metres apart where it comes near the fence.
fn walk(fence: &Fence, positions: &[Position]) -> impl Iterator<Item = Position> {
    let near = Extent::of(&fence.drawing.outline);
    let steps = move |(a, b): (&Position, &Position)| {
        let (a, b) = (*a, *b);
        let meets = near.zip(Extent::around(&[a, b])).is_some_and(|(fence, edge)| {
            let mut met = false;
            pairs(&[fence, edge], |_, _| met = true);
            met
        });
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by STEPS_MAX")]
        let count = if meets { (distance_m(a, b) / STEP_M).ceil().clamp(1.0, f64::from(STEPS_MAX)) as u32 } else { 1 };
        let plane = Plane::at(a);
        let (east, north) = plane.metres(b);
        let step = move |n: u32| {
            let along = f64::from(n) / f64::from(count);
            plane.position(east * along, north * along)
        };
        (0..count).filter_map(step)
    };
    let end = positions.last().copied();
    positions.iter().zip(positions.iter().skip(1)).flat_map(steps).chain(end)
}
