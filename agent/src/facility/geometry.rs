//! A GeoJSON geometry to an [`Outline`], or everything that is wrong with it, each with ring and vertex.
//!
//! What a single ring does to itself is judged here, in the integers that containment is decided in, so that the vertex can
//! be named; what several rings do to each other is judged by `geo`.

use super::finding::Place;
use super::geojson::shortened;
use super::outline::{CIRCLE_E7, Extent, Outline, pairs};
use ::geojson::{GeometryValue, JsonValue};
use geo::Validation;
use geofence::{Position, ShapeError};

/// A circle larger than this is a typo.
const RADIUS_MAX_M: f64 = 100_000.0;
/// Positions that one feature may hold: five times the most detailed outline we know. Validation compares edges with edges.
const POSITIONS_MAX: usize = 10_000;

/// One thing that is wrong with a geometry.
#[derive(Debug, PartialEq)]
pub(super) struct Trouble {
    pub(super) rule: &'static str,
    pub(super) place: Option<Place>,
    pub(super) what: String,
    pub(super) remedy: &'static str,
}

impl Trouble {
    pub(super) fn new(rule: &'static str, place: Option<Place>, what: impl Into<String>, remedy: &'static str) -> Self {
        Self { rule, place, what: what.into(), remedy }
    }
}

/// An outline that is good in itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Drawing {
    pub(super) outline: Outline,
    /// Where each polygon ends in the list of rings.
    pub(super) polygon_ends: Vec<usize>,
}

impl Drawing {
    /// The place in the file of vertex `index` of ring `ring`, both counted from 0 over all polygons.
    pub(super) fn place(&self, ring: usize, index: usize) -> Option<Place> {
        let positions = self.outline.rings().nth(ring)?;
        let polygon = self.polygon_ends.iter().take_while(|end| **end <= ring).count();
        let begin = polygon.checked_sub(1).and_then(|before| self.polygon_ends.get(before)).copied().unwrap_or(0);
        let vertex = vertex_number(index, positions.len());
        Some(Place::vertex(polygon + 1, ring - begin + 1, vertex, positions.get(index).copied()))
    }
}

/// The number in the file of the vertex that stands at `index` in an outline, where the first position comes last.
fn vertex_number(index: usize, count: usize) -> usize {
    (index + 1) % count.max(1) + 1
}

/// Reads the geometry of a feature.
pub(super) fn read(value: &GeometryValue, radius: Option<&JsonValue>) -> Result<Drawing, Vec<Trouble>> {
    match value {
        GeometryValue::Point { coordinates } => circle(coordinates.as_slice(), radius).map_err(|trouble| vec![trouble]),
        GeometryValue::Polygon { coordinates } => polygons(std::slice::from_ref(coordinates)),
        GeometryValue::MultiPolygon { coordinates } => polygons(coordinates),
        GeometryValue::MultiPoint { .. }
        | GeometryValue::LineString { .. }
        | GeometryValue::MultiLineString { .. }
        | GeometryValue::GeometryCollection { .. } => Err(vec![Trouble::new(
            "geometry-type",
            None,
            format!("a {} has no inside", value.type_name()),
            "draw a Polygon or MultiPolygon, or a Point with the property `radius_m`",
        )]),
    }
}

fn circle(coordinates: &[f64], radius: Option<&JsonValue>) -> Result<Drawing, Trouble> {
    let centre = position(coordinates, None)?;
    let radius_m = radius.and_then(JsonValue::as_f64).filter(|r| *r >= 1.0 && *r <= RADIUS_MAX_M);
    let radius_m = radius_m.ok_or_else(|| {
        let wanted = format!("a Point needs `radius_m` between 1 and {RADIUS_MAX_M}");
        let (what, remedy) = match radius {
            None | Some(JsonValue::Null) => (wanted, "add the property `radius_m` in metres, or draw a Polygon"),
            Some(found) => {
                let found = shortened(&found.to_string());
                (format!("{wanted}, not {found}"), "write the metres as a number alone, without quotes and unit")
            }
        };
        Trouble::new("radius", Some(Place::at(centre)), what, remedy)
    })?;
    Ok(Drawing { outline: Outline::Circle { centre, radius_m }, polygon_ends: Vec::new() })
}

fn polygons(polygons: &[Vec<Vec<::geojson::Position>>]) -> Result<Drawing, Vec<Trouble>> {
    let positions: usize = polygons.iter().flatten().map(Vec::len).sum();
    if positions == 0 || positions > POSITIONS_MAX {
        let (what, remedy) = if positions == 0 {
            ("no position at all".to_owned(), "draw the outline, or leave the feature out")
        } else {
            let what = format!("{positions} positions; at most {POSITIONS_MAX} are kept");
            (what, "simplify the outline: a vertex every few metres is finer than any receiver")
        };
        return Err(vec![Trouble::new("positions", None, what, remedy)]);
    }
    let mut troubles = Vec::new();
    let (mut vertices, mut ring_ends, mut polygon_ends) = (Vec::new(), Vec::new(), Vec::new());
    for (p, rings) in polygons.iter().enumerate() {
        if rings.is_empty() {
            let what = format!("polygon {} has no ring", p + 1);
            troubles.push(Trouble::new("positions", None, what, "draw its outline, or leave it out"));
        }
        for (r, positions) in rings.iter().enumerate() {
            if let Some(ring) = ring(positions, (p + 1, r + 1), &mut troubles) {
                vertices.extend(ring);
                ring_ends.push(vertices.len());
            }
        }
        polygon_ends.push(ring_ends.len());
    }
    let drawing = Drawing { outline: Outline::Polygon { vertices, ring_ends }, polygon_ends };
    if troubles.is_empty() {
        troubles.extend(whole(&drawing));
    }
    if troubles.is_empty() { Ok(drawing) } else { Err(troubles) }
}

/// The vertices of one ring, the closing position once and last.
fn ring(positions: &[::geojson::Position], at: (usize, usize), troubles: &mut Vec<Trouble>) -> Option<Vec<Position>> {
    let place = |vertex: usize, position| Some(Place::vertex(at.0, at.1, vertex, position));
    let numbered = positions.iter().enumerate().map(|(n, p)| position(p.as_slice(), place(n + 1, None)));
    let (good, bad): (Vec<_>, Vec<_>) = numbered.partition(Result::is_ok);
    let mut bad = bad.into_iter().filter_map(Result::err);
    if let Some(mut first) = bad.next() {
        let others = bad.count();
        if others > 0 {
            first.what = format!("{}; so are {others} more of this ring", first.what);
        }
        troubles.push(first);
        return None;
    }
    let mut vertices: Vec<Position> = good.into_iter().filter_map(Result::ok).collect();
    let (first, last) = (vertices.first().copied(), vertices.last().copied());
    if first != last {
        let what = format!("the ring of {} positions is not closed: its last is not its first", vertices.len());
        let remedy = "repeat the first position at the end (RFC 7946, 3.1.6)";
        troubles.push(Trouble::new("ring-unclosed", place(vertices.len(), last), what, remedy));
        return None;
    }
    let mut different: Vec<_> = vertices.iter().map(|v| (v.lat_e7(), v.lon_e7())).collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < 3 {
        let what = format!("the ring has {} different positions", different.len());
        let remedy = "draw at least three corners; a ring has at least 4 positions, its last equal to its first";
        troubles.push(Trouble::new("ring-short", place(1, first), what, remedy));
        return None;
    }
    vertices.remove(0);
    if let Some(trouble) = around_the_earth(&vertices, place(1, first)) {
        troubles.push(trouble);
        return None;
    }
    if let Some((a, b)) = self_intersection(&vertices) {
        let mut ends = [a, b].map(|index| (vertex_number(index, vertices.len()), vertices.get(index).copied()));
        ends.sort_by_key(|(number, _)| *number);
        let [(number, position), (other, _)] = ends;
        let what = format!("the edge from vertex {number} crosses or touches the one from vertex {other}");
        let remedy = "redraw the outline so that it neither crosses nor touches itself";
        troubles.push(Trouble::new("self-intersection", place(number, position), what, remedy));
        return None;
    }
    Some(vertices)
}

/// What only shows with all rings together.
fn whole(drawing: &Drawing) -> Option<Trouble> {
    if drawing.outline.rings().count() > 1 {
        let mut rings = drawing.outline.rings();
        let origin = drawing.outline.anchor()?;
        let mut begin = 0;
        let mut planar = Vec::new();
        for end in &drawing.polygon_ends {
            let mut lines = rings.by_ref().take(end - begin).map(|ring| plane(ring, origin));
            let outer = lines.next().unwrap_or_else(|| geo::LineString(Vec::new()));
            planar.push(geo::Polygon::new(outer, lines.collect()));
            begin = *end;
        }
        if let Err(reason) = geo::MultiPolygon(planar).check_validation() {
            let remedy = "redraw it: holes lie inside their polygon, and neither holes nor polygons overlap";
            return Some(Trouble::new("rings", None, format!("the outline is not valid: {reason}"), remedy));
        }
    }
    let error = drawing.outline.shape().check().err()?;
    let (rule, what) = match error {
        ShapeError::TooFewVertices => ("ring-short", "a ring of fewer than three different positions"),
        ShapeError::BadRadius => ("radius", "a radius that is not above zero"),
        ShapeError::TooLarge => ("too-large", "the outline spans a quarter of the earth or more"),
    };
    Some(Trouble::new(rule, None, what, "redraw the outline around the premises alone"))
}

fn around_the_earth(ring: &[Position], place: Option<Place>) -> Option<Trouble> {
    let next = ring.iter().skip(1).chain(ring.first());
    let turn: i64 = ring.iter().zip(next).map(|(a, b)| b.offset_e7(*a).0).sum();
    (turn.abs() >= CIRCLE_E7 / 2).then(|| {
        let remedy = "redraw the outline around the premises alone; which side of such a ring is inside cannot be told";
        Trouble::new("around-a-pole", place, "the ring goes round a pole", remedy)
    })
}

/// The first two edges that meet without following one another, by the vertices they begin at.
///
/// As `geo` has it: edges that share an end in the ring's direction may touch there.
fn self_intersection(ring: &[Position]) -> Option<(usize, usize)> {
    let origin = *ring.first()?;
    let at: Vec<(i64, i64)> = ring.iter().map(|p| p.offset_e7(origin)).collect();
    let edge = |n: usize| Some((*at.get(n)?, *at.get((n + 1) % at.len())?));
    let boxes: Vec<Extent> = (0..at.len())
        .filter_map(edge)
        .map(|(a, b)| Extent { west: a.0.min(b.0), east: a.0.max(b.0), south: a.1.min(b.1), north: a.1.max(b.1) })
        .collect();
    let mut found: Option<(usize, usize)> = None;
    pairs(&boxes, |n, m| {
        if found.is_some_and(|first| first <= (n, m)) {
            return;
        }
        if let (Some(first), Some(second)) = (edge(n), edge(m))
            && first.0 != second.1
            && first.1 != second.0
            && meet(first, second)
        {
            found = Some((n, m));
        }
    });
    found
}

type Edge = ((i64, i64), (i64, i64));

/// Whether two edges have a point in common, exactly; their boxes meet.
fn meet((a, b): Edge, (c, d): Edge) -> bool {
    let side = |p: (i64, i64), q: (i64, i64), r: (i64, i64)| {
        let left = i128::from(q.0 - p.0) * i128::from(r.1 - p.1);
        (left - i128::from(r.0 - p.0) * i128::from(q.1 - p.1)).signum()
    };
    let apart = |one: i128, other: i128| one != 0 && one == other;
    !apart(side(a, b, c), side(a, b, d)) && !apart(side(c, d, a), side(c, d, b))
}

/// A ring for `geo`, which knows no antimeridian: longitudes go on past 180 degrees where the ring crosses it.
fn plane(ring: &[Position], origin: Position) -> geo::LineString<f64> {
    #[allow(clippy::cast_precision_loss, reason = "offsets are below 2^53")]
    let coordinate = |p: &Position| {
        let (east, north) = p.offset_e7(origin);
        geo::Coord { x: origin.lon() + east as f64 / 1e7, y: origin.lat() + north as f64 / 1e7 }
    };
    ring.last().into_iter().chain(ring).map(coordinate).collect()
}

fn position(coordinates: &[f64], place: Option<Place>) -> Result<Position, Trouble> {
    let &[lon, lat, ..] = coordinates else {
        let what = "a position of fewer than two numbers";
        return Err(Trouble::new("position", place, what, "write [longitude, latitude]"));
    };
    Position::from_degrees(lat, lon).ok_or_else(|| {
        let swapped = lat.abs() > 90.0 && lat.abs() <= 180.0 && lon.abs() <= 90.0;
        let (rule, remedy) = if swapped {
            ("swapped", "GeoJSON writes longitude first: are the two swapped?")
        } else {
            ("position", "latitude lies between -90 and 90, longitude between -180 and 180, in degrees of WGS 84")
        };
        Trouble::new(rule, place, format!("no place on earth: longitude {lon}, latitude {lat}"), remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(lon: f64, lat: f64) -> Position {
        Position::from_degrees(lat, lon).unwrap()
    }

    fn polygon(rings: &[&[(f64, f64)]]) -> Result<Drawing, Vec<Trouble>> {
        let rings = rings.iter().map(|ring| ring.iter().map(|&(lon, lat)| vec![lon, lat].into()).collect()).collect();
        read(&GeometryValue::Polygon { coordinates: rings }, None)
    }

    fn trouble(ring: &[(f64, f64)]) -> (&'static str, Option<u32>) {
        let troubles = polygon(&[ring]).expect_err("must be refused");
        assert_eq!(troubles.len(), 1, "{troubles:?}");
        (troubles[0].rule, troubles[0].place.map(|place| place.vertex))
    }

    #[test]
    fn what_is_wrong_with_a_ring_is_named_with_its_vertex() {
        assert_eq!(trouble(&[(0., 0.), (0., 1.), (1., 1.), (1., 0.)]), ("ring-unclosed", Some(4)));
        assert_eq!(trouble(&[(0., 0.), (0., 1.), (0., 0.), (0., 0.)]), ("ring-short", Some(1)));
        // A bow tie: the edge from vertex 2 crosses the one from vertex 4.
        let bow = [(0., 0.), (0., 1.), (1., 0.), (1., 1.), (0., 0.)];
        assert_eq!(trouble(&bow), ("self-intersection", Some(2)));
        let pole = [(0., 80.), (100., 80.), (-160., 80.), (-60., 80.), (0., 80.)];
        assert_eq!(trouble(&pole), ("around-a-pole", Some(1)));
        assert_eq!(trouble(&[(0., 0.), (95., 0.), (95., 1.), (0., 0.)]), ("too-large", None));
        assert_eq!(trouble(&[(52., 13.), (52., 95.), (53., 13.), (52., 13.)]), ("swapped", Some(2)));
        assert_eq!(trouble(&[(52., 13.), (520., 13.), (53., 13.), (52., 13.)]), ("position", Some(2)));
        assert_eq!(trouble(&[]).0, "positions");
    }

    #[test]
    fn a_hole_outside_of_its_polygon_is_refused() {
        let outer = [(0., 0.), (0.01, 0.), (0.01, 0.01), (0., 0.01), (0., 0.)];
        let hole = |west: f64| [(west, 0.002), (west + 0.004, 0.002), (west + 0.004, 0.004), (west, 0.002)];
        assert!(polygon(&[&outer, &hole(0.002)]).is_ok());
        assert_eq!(polygon(&[&outer, &hole(0.008)]).unwrap_err()[0].rule, "rings");
        assert_eq!(polygon(&[&outer, &hole(0.02)]).unwrap_err()[0].rule, "rings");
    }

    #[test]
    fn places_are_counted_as_the_file_has_them() {
        let outer = [(0., 0.), (0.01, 0.), (0.01, 0.01), (0., 0.01), (0., 0.)];
        let hole = [(0.002, 0.002), (0.004, 0.002), (0.004, 0.004), (0.002, 0.002)];
        let drawing = polygon(&[&outer, &hole]).unwrap();
        // Positions come from 2 on, the first one last.
        let place = |ring, index| drawing.place(ring, index).map(|p| (p.ring, p.vertex, p.position.unwrap().lon()));
        assert_eq!((place(0, 0), place(0, 3)), (Some((1, 2, 0.01)), Some((1, 1, 0.0))));
        assert_eq!((place(1, 0), place(1, 2)), (Some((2, 2, 0.004)), Some((2, 1, 0.002))));
    }

    proptest! {
        /// `geo` is the oracle: what it calls valid is what is taken here.
        #[test]
        fn a_ring_crosses_itself_exactly_where_geo_says_so(
            points in prop::collection::vec((0_i32..12, 0_i32..12), 3..9)
        ) {
            let ring: Vec<_> = points.iter().map(|&(x, y)| at(f64::from(x), f64::from(y))).collect();
            // In whole degrees, so that what lies on an edge does so in floating point too.
            let line = plane(&ring, at(0.0, 0.0));
            let crossing = geo::Polygon::new(line, Vec::new())
                .validation_errors()
                .iter()
                .any(|error| matches!(error, geo::algorithm::validation::InvalidPolygon::SelfIntersection(_)));
            prop_assert_eq!(self_intersection(&ring).is_some(), crossing);
        }
    }
}
