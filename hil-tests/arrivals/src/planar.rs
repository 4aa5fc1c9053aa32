//! The benchmark's own geometry: outlines and segments in a plane of metres, sharing no code with `geofence`.
//!
//! Truth, the baselines and the score rest on it, so a fault of the library under test cannot hide behind itself.
//! The boundary belongs to the fence, hole edges too: a signed distance of zero is inside.

use crate::drive::{Outline, Point};

/// Metres from `point` to the boundary: negative inside, zero on it, positive outside and in a hole.
#[must_use]
pub fn signed_distance(outline: &Outline, point: Point) -> f64 {
    match outline {
        Outline::Circle(centre, radius_m) => distance(*centre, point) - radius_m,
        Outline::Polygon(rings) => {
            let nearest = rings.iter().flat_map(|ring| edges(ring)).map(|edge| edge.distance(point));
            let nearest = nearest.fold(f64::INFINITY, f64::min);
            let inside = rings.iter().filter(|ring| ring_contains(ring, point)).count() % 2 == 1;
            if inside { -nearest } else { nearest }
        }
    }
}

/// Where the segment from `from` to `to` meets the boundary: shares of its length, 0 to 1, ascending. Empty for a
/// segment that stays on one side; a segment along an edge meets it nowhere, and a circle is not met where it is only
/// touched.
#[must_use]
pub fn cuts(outline: &Outline, from: Point, to: Point) -> Vec<f64> {
    let mut shares = match outline {
        Outline::Circle(centre, radius_m) => circle_cuts(*centre, *radius_m, from, to),
        Outline::Polygon(rings) => {
            rings.iter().flat_map(|ring| edges(ring)).filter_map(|edge| edge.cut(from, to)).collect()
        }
    };
    shares.sort_by(f64::total_cmp);
    // A segment through a vertex meets both of its edges.
    shares.dedup_by(|a, b| (*a - *b).abs() < 1e-12);
    shares
}

/// Even-odd test of one closed ring with a ray to the east; half-open, so the side of a point on the ring is arbitrary.
#[must_use]
pub fn ring_contains(ring: &[Point], point: Point) -> bool {
    let crossed = edges(ring).filter(|edge| {
        let (above_a, above_b) = (edge.a.north > point.north, edge.b.north > point.north);
        above_a != above_b && (edge.turn(point) > 0.0) == above_b
    });
    crossed.count() % 2 == 1
}

/// Metres between two points.
#[must_use]
pub fn distance(a: Point, b: Point) -> f64 {
    libm::hypot(a.east - b.east, a.north - b.north)
}

/// The point at `share` of the way from `from` to `to`.
#[must_use]
pub fn between(from: Point, to: Point, share: f64) -> Point {
    Point { east: from.east + share * (to.east - from.east), north: from.north + share * (to.north - from.north) }
}

#[derive(Clone, Copy)]
struct Edge {
    a: Point,
    b: Point,
}

fn edges(ring: &[Point]) -> impl Iterator<Item = Edge> + '_ {
    let next = ring.iter().skip(1).chain(ring.first());
    ring.iter().zip(next).map(|(&a, &b)| Edge { a, b })
}

impl Edge {
    /// Twice the area of the triangle a, b, point: positive to the left of the edge.
    fn turn(self, point: Point) -> f64 {
        let (a, b) = (self.a, self.b);
        (b.east - a.east) * (point.north - a.north) - (b.north - a.north) * (point.east - a.east)
    }

    fn distance(self, point: Point) -> f64 {
        let (east, north) = (self.b.east - self.a.east, self.b.north - self.a.north);
        let length2 = east * east + north * north;
        let along = (point.east - self.a.east) * east + (point.north - self.a.north) * north;
        let share = if length2 > 0.0 { (along / length2).clamp(0.0, 1.0) } else { 0.0 };
        distance(between(self.a, self.b, share), point)
    }

    /// Where a segment meets this edge, as a share of the segment.
    fn cut(self, from: Point, to: Point) -> Option<f64> {
        let (east, north) = (to.east - from.east, to.north - from.north);
        let (edge_east, edge_north) = (self.b.east - self.a.east, self.b.north - self.a.north);
        let det = east * edge_north - north * edge_east;
        let (off_east, off_north) = (self.a.east - from.east, self.a.north - from.north);
        let share = (off_east * edge_north - off_north * edge_east) / det;
        let along_edge = (off_east * north - off_north * east) / det;
        let met = det != 0.0 && (0.0..=1.0).contains(&share) && (0.0..=1.0).contains(&along_edge);
        met.then_some(share)
    }
}

fn circle_cuts(centre: Point, radius_m: f64, from: Point, to: Point) -> Vec<f64> {
    let (east, north) = (to.east - from.east, to.north - from.north);
    let (off_east, off_north) = (from.east - centre.east, from.north - centre.north);
    let a = east * east + north * north;
    let b = 2.0 * (east * off_east + north * off_north);
    let c = off_east * off_east + off_north * off_north - radius_m * radius_m;
    let root = b * b - 4.0 * a * c;
    if a == 0.0 || root <= 0.0 {
        return Vec::new();
    }
    let root = libm::sqrt(root);
    [(-b - root) / (2.0 * a), (-b + root) / (2.0 * a)].into_iter().filter(|u| (0.0..=1.0).contains(u)).collect()
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "the figures are chosen to come out exactly")]
mod tests {
    use super::*;

    fn at(east: f64, north: f64) -> Point {
        Point { east, north }
    }

    fn ring(points: &[(f64, f64)]) -> Vec<Point> {
        points.iter().map(|&(east, north)| at(east, north)).collect()
    }

    /// 100 m by 100 m with a pond of 20 m by 20 m in the middle.
    fn yard_with_pond() -> Outline {
        Outline::Polygon(vec![
            ring(&[(0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0)]),
            ring(&[(40.0, 40.0), (40.0, 60.0), (60.0, 60.0), (60.0, 40.0)]),
        ])
    }

    /// A U, open to the north: two wings of 30 m, a court of 40 m between them.
    fn court() -> Outline {
        let corners = [(0.0, 0.0), (100.0, 0.0), (100.0, 90.0), (70.0, 90.0), (70.0, 30.0), (30.0, 30.0)];
        Outline::Polygon(vec![ring(&[&corners[..], &[(30.0, 90.0), (0.0, 90.0)]].concat())])
    }

    fn circle() -> Outline {
        Outline::Circle(at(10.0, 20.0), 50.0)
    }

    #[test]
    fn a_circle_is_measured_from_its_line() {
        assert_eq!(signed_distance(&circle(), at(10.0, 20.0)), -50.0);
        assert_eq!(signed_distance(&circle(), at(60.0, 20.0)), 0.0);
        assert_eq!(signed_distance(&circle(), at(40.0, 60.0)), 0.0);
        assert_eq!(signed_distance(&circle(), at(10.0, 100.0)), 30.0);
    }

    #[test]
    fn a_polygon_is_negative_inside_zero_on_the_edge_positive_outside_and_round_its_corners() {
        let yard = yard_with_pond();
        assert_eq!(signed_distance(&yard, at(10.0, 50.0)), -10.0);
        assert_eq!(signed_distance(&yard, at(100.0, 30.0)), 0.0);
        assert_eq!(signed_distance(&yard, at(0.0, 0.0)), 0.0);
        assert_eq!(signed_distance(&yard, at(50.0, -7.0)), 7.0);
        assert_eq!(signed_distance(&yard, at(103.0, 104.0)), 5.0);
    }

    #[test]
    fn a_hole_is_outside_and_its_edge_counts_for_the_points_around_it() {
        let yard = yard_with_pond();
        assert_eq!(signed_distance(&yard, at(50.0, 50.0)), 10.0);
        assert_eq!(signed_distance(&yard, at(45.0, 50.0)), 5.0);
        assert_eq!(signed_distance(&yard, at(40.0, 50.0)), 0.0);
        assert_eq!(signed_distance(&yard, at(37.0, 50.0)), -3.0);
        assert_eq!(signed_distance(&yard, at(37.0, 36.0)), -5.0);
    }

    #[test]
    fn a_concave_court_is_outside_and_its_wings_are_inside() {
        let court = court();
        assert_eq!(signed_distance(&court, at(50.0, 60.0)), 20.0);
        assert_eq!(signed_distance(&court, at(50.0, 35.0)), 5.0);
        assert_eq!(signed_distance(&court, at(50.0, 20.0)), -10.0);
        assert_eq!(signed_distance(&court, at(15.0, 60.0)), -15.0);
        assert_eq!(signed_distance(&court, at(80.0, 60.0)), -10.0);
        // Level with vertices on both sides of the ray.
        assert_eq!(signed_distance(&court, at(-5.0, 30.0)), 5.0);
        assert_eq!(signed_distance(&court, at(-5.0, 90.0)), 5.0);
        assert_eq!(signed_distance(&court, at(10.0, 30.0)), -10.0);
    }

    #[test]
    fn the_direction_of_a_ring_does_not_matter() {
        let Outline::Polygon(mut rings) = court() else { panic!() };
        rings[0].reverse();
        let reversed = Outline::Polygon(rings);
        for point in [at(50.0, 60.0), at(50.0, 20.0), at(15.0, 60.0), at(10.0, 30.0), at(-5.0, 90.0)] {
            assert_eq!(signed_distance(&reversed, point), signed_distance(&court(), point));
        }
    }

    #[test]
    fn a_segment_meets_a_circle_twice_once_or_never() {
        assert_eq!(cuts(&circle(), at(-90.0, 20.0), at(110.0, 20.0)), [0.25, 0.75]);
        assert_eq!(cuts(&circle(), at(110.0, 20.0), at(10.0, 20.0)), [0.5]);
        assert_eq!(cuts(&circle(), at(0.0, 20.0), at(20.0, 20.0)), [0.0; 0]);
        assert_eq!(cuts(&circle(), at(-90.0, 71.0), at(110.0, 71.0)), [0.0; 0]);
        assert_eq!(cuts(&circle(), at(-90.0, 70.0), at(110.0, 70.0)), [0.0; 0], "touched only");
        assert_eq!(cuts(&circle(), at(60.0, 20.0), at(60.0, 20.0)), [0.0; 0]);
    }

    #[test]
    fn a_segment_meets_every_edge_of_a_polygon_it_crosses_and_a_corner_once() {
        assert_eq!(cuts(&yard_with_pond(), at(-100.0, 50.0), at(150.0, 50.0)), [0.4, 0.56, 0.64, 0.8]);
        assert_eq!(cuts(&court(), at(-30.0, 60.0), at(170.0, 60.0)), [0.15, 0.3, 0.5, 0.65]);
        assert_eq!(cuts(&yard_with_pond(), at(-20.0, -20.0), at(20.0, 20.0)), [0.5]);
        assert_eq!(cuts(&yard_with_pond(), at(-5.0, 10.0), at(-5.0, 90.0)), [0.0; 0]);
        assert_eq!(cuts(&yard_with_pond(), at(10.0, 10.0), at(30.0, 30.0)), [0.0; 0]);
    }

    #[test]
    fn distance_agrees_with_a_search_over_the_boundary() {
        let court = court();
        let Outline::Polygon(rings) = &court else { panic!() };
        for step in 0..400 {
            let point = at(f64::from(step % 20) * 7.0 - 18.0, f64::from(step / 20) * 6.0 - 14.0);
            let walked = edges(&rings[0]).flat_map(|edge| (0..=2_000).map(move |i| (edge, f64::from(i) / 2_000.0)));
            let nearest = walked.map(|(edge, u)| distance(between(edge.a, edge.b, u), point)).fold(1e9, f64::min);
            assert!((signed_distance(&court, point).abs() - nearest).abs() < 0.03, "{point:?}");
        }
    }
}
