//! The engines that are compared: rstar over boxes with `geo` behind it, and the atlas in three ways.
//!
//! Each answers the same question for every fix of a trace, in a function of its own that is never inlined, so that
//! callgrind can count that function and nothing else.

use crate::workload::{Place, Rings};
use geo::Intersects;
use geofence::{Atlas, AtlasBuilder, FenceKey, Fences, Position, Shape, Vicinity};
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

/// The engine that others would build.
pub(crate) struct Anchor {
    tree: RTree<GeomWithData<Rectangle<[f64; 2]>, u32>>,
    polygons: Vec<geo::Polygon<f64>>,
}

impl Anchor {
    pub(crate) fn new(outlines: impl Iterator<Item = Rings>) -> Self {
        let polygons: Vec<geo::Polygon<f64>> = outlines.map(polygon).collect();
        let boxes = (0_u32..).zip(&polygons).map(|(number, polygon)| {
            let at = |fold: fn(f64, f64) -> f64, start: f64| {
                let fold = |a: [f64; 2], c: &geo::Coord<f64>| [fold(a[0], c.x), fold(a[1], c.y)];
                polygon.exterior().0.iter().fold([start; 2], fold)
            };
            let corners = (at(f64::min, f64::INFINITY), at(f64::max, f64::NEG_INFINITY));
            GeomWithData::new(Rectangle::from_corners(corners.0, corners.1), number)
        });
        let tree = RTree::bulk_load(boxes.collect());
        Self { tree, polygons }
    }

    pub(crate) fn containing(&self, (lon, lat): Place, mut visit: impl FnMut(usize)) {
        let point = geo::Point::new(lon, lat);
        let boxes = self.tree.locate_in_envelope_intersecting(&AABB::from_point([lon, lat]));
        for number in boxes.map(|found| found.data as usize) {
            if self.polygons[number].intersects(&point) {
                visit(number);
            }
        }
    }
}

/// With the closing vertex in place from the start: `Polygon::new` would double the memory to add it.
fn polygon(rings: Rings) -> geo::Polygon<f64> {
    let closed = |ring: Vec<Place>| {
        let mut coords = Vec::with_capacity(ring.len() + 1);
        coords.extend(ring.iter().chain(ring.first()).map(|&(x, y)| geo::Coord { x, y }));
        geo::LineString(coords)
    };
    let mut lines = rings.into_iter().map(closed);
    let outer = lines.next().unwrap_or_else(|| geo::LineString(Vec::new()));
    geo::Polygon::new(outer, lines.collect())
}

/// The same fences as an atlas; a fence's number is its key, and so its index.
pub(crate) fn atlas_bytes(outlines: &[Rings]) -> Vec<u8> {
    let mut builder = AtlasBuilder::new(1);
    for (number, rings) in (0_u32..).zip(outlines) {
        let (vertices, ring_ends) = positions(rings);
        let shape = Shape::Polygon { vertices: &vertices, ring_ends: &ring_ends };
        builder.add(FenceKey(number.into()), number, 0, &shape).expect("the workload has no bad outline");
    }
    builder.finish().expect("keys are numbers")
}

pub(crate) fn positions(rings: &Rings) -> (Vec<Position>, Vec<usize>) {
    let vertices: Vec<Position> = rings.iter().flatten().map(|place| position(*place)).collect();
    let mut end = 0;
    let ends = rings.iter().map(|ring| {
        end += ring.len();
        end
    });
    (vertices, ends.collect())
}

pub(crate) fn position((lon, lat): Place) -> Position {
    Position::from_degrees(lat, lon).expect("the workload stays on the earth")
}

/// A number of a set of fences that does not depend on their order.
fn folded(sum: u64, fence: usize) -> u64 {
    sum.wrapping_add((fence as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// One number for the answers to all fixes in turn.
fn chained(chain: u64, set: u64) -> u64 {
    chain.wrapping_mul(0x0000_0100_0000_01b3).wrapping_add(set)
}

/// Containing fences by the anchor.
#[inline(never)]
pub(crate) fn answer_by_anchor(anchor: &Anchor, trace: &[Place]) -> u64 {
    trace.iter().fold(0, |chain, place| {
        let mut set = 0;
        anchor.containing(*place, |fence| set = folded(set, fence));
        chained(chain, set)
    })
}

/// Containing fences by the atlas, each fix for itself.
#[inline(never)]
pub(crate) fn answer_by_containing(atlas: &Atlas<'_>, trace: &[Place]) -> u64 {
    trace.iter().fold(0, |chain, place| {
        let mut set = 0;
        atlas.containing(position(*place), &mut |fence| set = folded(set, fence));
        chained(chain, set)
    })
}

/// Containing fences and the distance to the nearest boundary, each fix for itself.
#[inline(never)]
pub(crate) fn answer_by_clearance(atlas: &Atlas<'_>, trace: &[Place]) -> (u64, f64) {
    trace.iter().fold((0, 0.0), |(chain, sum_m), place| {
        let (mut set, position) = (0, position(*place));
        atlas.containing(position, &mut |fence| set = folded(set, fence));
        (chained(chain, set), sum_m + atlas.clearance_m(position))
    })
}

/// Containing fences by the atlas with the short cut, as the tracker does it. Also how often it did not hold.
#[inline(never)]
pub(crate) fn answer_by_vicinity(atlas: &Atlas<'_>, trace: &[Place]) -> (u64, u32) {
    let (mut vicinity, mut inside, mut full) = (Vicinity::NOWHERE, Vec::with_capacity(16), 0);
    let chain = trace.iter().fold(0, |chain, place| {
        let position = position(*place);
        if !vicinity.holds(position) {
            inside.clear();
            atlas.containing(position, &mut |fence| inside.push(fence));
            vicinity = Vicinity::new(position, atlas.clearance_m(position));
            full += 1;
        }
        chained(chain, inside.iter().fold(0, |set, fence| folded(set, *fence)))
    });
    (chain, full)
}
