//! The outline of a fence: exact containment in integers, and the signed distance to the boundary in metres.
//!
//! The boundary belongs to the fence, hole edges too: the signed distance is negative inside and zero on the edge.
//! An edge is a straight line in longitude and latitude, as RFC 7946 (3.1.1) has it.

use crate::geodesy::{Position, Scale};

/// A quarter of the earth's circumference in 1e-7 degree.
const QUARTER_E7: i64 = 900_000_000;

/// The outline of one fence, borrowed from whoever keeps the facilities.
#[derive(Debug, Clone, Copy)]
pub enum Shape<'a> {
    /// Outer ring first, then holes; several outer rings (MultiPolygon) may be in one list, since containment counts
    /// crossings. The closing vertex is not repeated.
    Polygon {
        /// The vertices of all rings, one ring after the other, three or more each.
        vertices: &'a [Position],
        /// Where each ring ends in `vertices`, ascending; the last is its length.
        ring_ends: &'a [usize],
    },
    /// All points within `radius_m` of the centre.
    Circle {
        /// The centre.
        centre: Position,
        /// The radius in metres, above zero.
        radius_m: f64,
    },
}

/// Why an outline cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShapeError {
    /// No ring, or a ring of fewer than three vertices.
    TooFewVertices,
    /// A radius that is zero, negative or not finite.
    BadRadius,
    /// A ring spans half the earth or more, or goes round a pole: which side is inside cannot be told.
    TooLarge,
}

impl Shape<'_> {
    /// Checks what [`Shape::signed_distance_m`] relies on.
    ///
    /// # Errors
    /// The first fault found.
    pub fn check(&self) -> Result<(), ShapeError> {
        match self {
            Self::Circle { radius_m, .. } => {
                let good = radius_m.is_finite() && *radius_m > 0.0;
                good.then_some(()).ok_or(ShapeError::BadRadius)
            }
            Self::Polygon { vertices, ring_ends } => check_rings(vertices, ring_ends),
        }
    }

    /// Metres from `position` to the boundary: negative inside, zero on it, positive outside and in a hole.
    #[must_use]
    pub fn signed_distance_m(&self, position: Position) -> f64 {
        match *self {
            Self::Circle { centre, radius_m } => crate::geodesy::distance_m(position, centre) - radius_m,
            Self::Polygon { vertices, ring_ends } => {
                let rings = Rings { vertices, ring_ends };
                let distance = boundary_distance_m(rings, position);
                match contains(rings, position) {
                    Side::Inside => -distance,
                    Side::Outside => distance,
                    Side::Boundary => 0.0,
                }
            }
        }
    }

    /// A lower bound of the greatest depth inside the fence, in metres: area over perimeter, which never exceeds the
    /// radius of the largest circle that fits. For a circle half of its radius.
    #[must_use]
    pub fn depth_m(&self) -> f64 {
        match *self {
            Self::Circle { radius_m, .. } => radius_m / 2.0,
            Self::Polygon { vertices, ring_ends } => area_over_perimeter_m(Rings { vertices, ring_ends }),
        }
    }
}

fn check_rings(vertices: &[Position], ring_ends: &[usize]) -> Result<(), ShapeError> {
    let mut begin = 0;
    for &end in ring_ends {
        if end < begin + 3 {
            return Err(ShapeError::TooFewVertices);
        }
        begin = end;
    }
    let Some(&origin) = vertices.first().filter(|_| begin == vertices.len()) else {
        return Err(ShapeError::TooFewVertices);
    };
    let too_large = vertices.iter().any(|p| p.offset_e7(origin).0.abs() >= QUARTER_E7);
    (!too_large).then_some(()).ok_or(ShapeError::TooLarge)
}

/// The rings of a polygon.
#[derive(Clone, Copy)]
struct Rings<'a> {
    vertices: &'a [Position],
    ring_ends: &'a [usize],
}

impl<'a> Rings<'a> {
    fn iter(self) -> impl Iterator<Item = &'a [Position]> {
        let begins = core::iter::once(&0).chain(self.ring_ends);
        let ring = move |(&begin, &end): (&usize, &usize)| self.vertices.get(begin..end);
        begins.zip(self.ring_ends).filter_map(ring)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Inside,
    Outside,
    Boundary,
}

/// Edges of a ring, the closing one included.
fn edges(ring: &[Position]) -> impl Iterator<Item = (Position, Position)> + '_ {
    let next = ring.iter().skip(1).chain(ring.iter().take(1));
    ring.iter().copied().zip(next.copied())
}

/// Even-odd rule with a ray to the east, in integers, so the answer is exact.
///
/// Everything is laid out around the first vertex: [`Shape::check`] keeps a shape within a quarter of the earth of it,
/// so no edge meets the meridian opposite, wherever the position is.
fn contains(rings: Rings<'_>, position: Position) -> Side {
    let Some(&origin) = rings.vertices.first() else {
        return Side::Outside;
    };
    let (px, py) = position.offset_e7(origin);
    let mut inside = false;
    for (a, b) in rings.iter().flat_map(edges) {
        let ((ax, ay), (bx, by)) = (a.offset_e7(origin), b.offset_e7(origin));
        let (ax, ay, bx, by) = (ax - px, ay - py, bx - px, by - py);
        let cross = i128::from(ax) * i128::from(by) - i128::from(bx) * i128::from(ay);
        let within = ax.min(bx) <= 0 && ax.max(bx) >= 0 && ay.min(by) <= 0 && ay.max(by) >= 0;
        if cross == 0 && within {
            return Side::Boundary;
        }
        // Half-open in latitude: a vertex on the ray counts for exactly one of its two edges.
        if (ay > 0) != (by > 0) && (cross > 0) == (by > ay) {
            inside = !inside;
        }
    }
    if inside { Side::Inside } else { Side::Outside }
}

fn boundary_distance_m(rings: Rings<'_>, p: Position) -> f64 {
    let mut nearest = f64::INFINITY;
    for ring in rings.iter() {
        let Some(first) = ring.first() else { continue };
        let scale = Scale::between(p.lat_e7(), first.lat_e7());
        for (a, b) in edges(ring) {
            nearest = nearest.min(segment_distance_m(scale.metres(a, p), scale.metres(b, p)));
        }
    }
    nearest
}

/// Distance from the origin to the segment a-b.
fn segment_distance_m(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length2 = dx * dx + dy * dy;
    let along = if length2 > 0.0 { (-(a.0 * dx + a.1 * dy) / length2).clamp(0.0, 1.0) } else { 0.0 };
    libm::hypot(a.0 + along * dx, a.1 + along * dy)
}

fn area_over_perimeter_m(rings: Rings<'_>) -> f64 {
    let Some(&origin) = rings.vertices.first() else {
        return 0.0;
    };
    let scale = Scale::between(origin.lat_e7(), origin.lat_e7());
    let (mut twice_area, mut perimeter) = (0.0, 0.0);
    for ring in rings.iter() {
        let mut ring_twice_area = 0.0;
        for (a, b) in edges(ring) {
            let (a, b) = (scale.metres(a, origin), scale.metres(b, origin));
            ring_twice_area += a.0 * b.1 - b.0 * a.1;
            perimeter += libm::hypot(b.0 - a.0, b.1 - a.1);
        }
        // The first ring is the outer one; what follows only ever makes the fence shallower.
        twice_area = if twice_area == 0.0 { ring_twice_area.abs() } else { twice_area };
    }
    if perimeter > 0.0 { twice_area / 2.0 / perimeter } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn at(lon: f64, lat: f64) -> Position {
        Position::from_degrees(lat, lon).unwrap()
    }

    fn ring(points: &[(f64, f64)]) -> Vec<Position> {
        points.iter().map(|&(lon, lat)| at(lon, lat)).collect()
    }

    fn square() -> Vec<Position> {
        ring(&[(0.0, 0.0), (0.01, 0.0), (0.01, 0.01), (0.0, 0.01)])
    }

    fn polygon(vertices: &[Position]) -> Shape<'_> {
        Shape::Polygon { vertices, ring_ends: &[4] }
    }

    #[test]
    fn distance_is_negative_inside_zero_on_the_edge_positive_outside() {
        let square = square();
        let distance = |lon, lat| polygon(&square).signed_distance_m(at(lon, lat));
        assert!((distance(0.005, 0.001) + 110.574).abs() < 0.01);
        assert_eq!(distance(0.005, 0.0), 0.0);
        assert_eq!(distance(0.01, 0.01), 0.0);
        assert!((distance(0.005, -0.001) - 110.574).abs() < 0.01);
    }

    #[test]
    fn a_hole_is_outside_and_its_edge_belongs_to_the_fence() {
        let mut vertices = square();
        vertices.extend(ring(&[(0.004, 0.004), (0.006, 0.004), (0.006, 0.006), (0.004, 0.006)]));
        let fence = Shape::Polygon { vertices: &vertices, ring_ends: &[4, 8] };
        assert!(fence.signed_distance_m(at(0.005, 0.005)) > 100.0);
        assert_eq!(fence.signed_distance_m(at(0.004, 0.005)), 0.0);
        assert!(fence.signed_distance_m(at(0.003, 0.005)) < -100.0);
    }

    #[test]
    fn a_fence_over_the_antimeridian_knows_both_sides() {
        let fence = ring(&[(179.99, -0.01), (-179.99, -0.01), (-179.99, 0.01), (179.99, 0.01)]);
        let distance = |lon| polygon(&fence).signed_distance_m(at(lon, 0.0));
        assert!(distance(180.0) < 0.0 && distance(-179.995) < 0.0);
        assert!(distance(179.98) > 0.0 && distance(0.0) > 0.0);
    }

    #[test]
    fn depth_never_exceeds_the_largest_circle_inside() {
        let square = square();
        let depth = polygon(&square).depth_m();
        assert!(depth > 250.0 && depth < 553.0, "{depth}");
    }

    #[test]
    fn unusable_outlines_are_named() {
        let square = square();
        let check = |vertices, ring_ends| Shape::Polygon { vertices, ring_ends }.check();
        let circle = |radius_m| Shape::Circle { centre: at(0.0, 0.0), radius_m }.check();
        assert_eq!(check(&square[..2], &[2]), Err(ShapeError::TooFewVertices));
        assert_eq!(check(&[], &[]), Err(ShapeError::TooFewVertices));
        assert_eq!(check(&square, &[3]), Err(ShapeError::TooFewVertices));
        assert_eq!(check(&ring(&[(0.0, 0.0), (120.0, 0.0), (240.0 - 360.0, 9.0)]), &[3]), Err(ShapeError::TooLarge));
        assert_eq!(circle(0.0), Err(ShapeError::BadRadius));
        assert_eq!(circle(f64::NAN), Err(ShapeError::BadRadius));
        assert_eq!(circle(1.0), Ok(()));
    }
}
