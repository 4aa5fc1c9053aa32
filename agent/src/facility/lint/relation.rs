//! How two outlines lie to each other: apart, one in the other, or across.

use crate::facility::outline::{Outline, Plane};
use geofence::Position;

/// Less than this is how carefully people draw a border that two premises share, metres.
const TOUCH_M: f64 = 1.0;
/// A circle is compared as so many corners.
const CIRCLE_CORNERS: u32 = 64;
/// Pairs of edges that are compared for where they cross; beyond it the corners have to do.
const CROSSINGS_MAX: usize = 4_000_000;

/// How one outline lies to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Relation {
    /// They share at most a border.
    Apart,
    /// Nearly the same outline.
    Same,
    /// The first lies in the second.
    Inside,
    /// The second lies in the first.
    Around,
    /// They have ground in common, at least so deep into the other, there.
    Overlap { depth_m: f64, at: Position },
}

pub(super) fn relation(a: &Outline, b: &Outline) -> Relation {
    let (Some(of_a), Some(of_b)) = (Reach::of(a, b), Reach::of(b, a)) else { return Relation::Apart };
    let deepest = if of_a.inmost.0 <= of_b.inmost.0 { of_a.inmost } else { of_b.inmost };
    match (of_a.outmost_m <= TOUCH_M, of_b.outmost_m <= TOUCH_M) {
        (true, true) => Relation::Same,
        // A border inside the other's that the other's does not meet, unless it surrounds a hole of it.
        (true, false) if of_b.inmost.0 >= -TOUCH_M => Relation::Inside,
        (false, true) if of_a.inmost.0 >= -TOUCH_M => Relation::Around,
        _ if deepest.0 < -TOUCH_M => Relation::Overlap { depth_m: -deepest.0, at: deepest.1 },
        _ => Relation::Apart,
    }
}

/// How far the border of one outline goes into another and out of it.
struct Reach {
    inmost: (f64, Position),
    outmost_m: f64,
}

impl Reach {
    /// The border of `of` against the inside of `against`: at its corners, and between where it crosses the other's border.
    fn of(of: &Outline, against: &Outline) -> Option<Self> {
        let plane = Plane::at(against.anchor()?);
        let (edges, others) = (edges(of, plane), edges(against, plane));
        let crossing = edges.len().saturating_mul(others.len()) <= CROSSINGS_MAX;
        let mut reach: Option<Self> = None;
        for &(a, b) in &edges {
            let mut parts = vec![0.0, 1.0];
            if crossing {
                parts.extend(others.iter().filter_map(|&other| crossing_at((a, b), other)));
            }
            parts.sort_by(f64::total_cmp);
            let between = parts.windows(2).filter_map(|w| Some((w.first()? + w.last()?) / 2.0));
            for t in std::iter::once(0.0).chain(between) {
                let position = plane.position(a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1))?;
                let distance_m = against.shape().signed_distance_m(position);
                let known = reach.get_or_insert(Self { inmost: (distance_m, position), outmost_m: distance_m });
                if distance_m < known.inmost.0 {
                    known.inmost = (distance_m, position);
                }
                known.outmost_m = known.outmost_m.max(distance_m);
            }
        }
        reach
    }
}

type Point = (f64, f64);

/// The edges of an outline in metres around the plane's origin.
fn edges(outline: &Outline, plane: Plane) -> Vec<(Point, Point)> {
    let closed = |ring: Vec<Point>| {
        let next: Vec<Point> = ring.iter().skip(1).chain(ring.first()).copied().collect();
        ring.into_iter().zip(next)
    };
    match outline {
        Outline::Polygon { .. } => {
            let rings = outline.rings().map(|ring| ring.iter().map(|vertex| plane.metres(*vertex)).collect());
            rings.flat_map(closed).collect()
        }
        Outline::Circle { centre, radius_m } => {
            let (east, north) = plane.metres(*centre);
            let corner = |n: u32| {
                let angle = f64::from(n) * std::f64::consts::TAU / f64::from(CIRCLE_CORNERS);
                (east + radius_m * libm::cos(angle), north + radius_m * libm::sin(angle))
            };
            closed((0..CIRCLE_CORNERS).map(corner).collect()).collect()
        }
    }
}

/// Where along the first edge the second crosses it, 0 to 1.
fn crossing_at((a, b): (Point, Point), (c, d): (Point, Point)) -> Option<f64> {
    let (first, second) = ((b.0 - a.0, b.1 - a.1), (d.0 - c.0, d.1 - c.1));
    let turn = first.0 * second.1 - first.1 * second.0;
    if turn == 0.0 {
        return None;
    }
    let away = (c.0 - a.0, c.1 - a.1);
    let along_first = (away.0 * second.1 - away.1 * second.0) / turn;
    let along_second = (away.0 * first.1 - away.1 * first.0) / turn;
    let within = |t: f64| (0.0..=1.0).contains(&t);
    (within(along_first) && within(along_second)).then_some(along_first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(rings: &[&[Point]]) -> Outline {
        let plane = Plane::at(Position::from_degrees(52.0, 13.0).unwrap());
        let (mut vertices, mut ring_ends) = (Vec::new(), Vec::new());
        for ring in rings {
            vertices.extend(ring.iter().map(|&(e, n)| plane.position(e, n).unwrap()));
            ring_ends.push(vertices.len());
        }
        Outline::Polygon { vertices, ring_ends }
    }

    fn square(west: f64, south: f64, side: f64) -> Outline {
        outline(&[&[(west, south), (west + side, south), (west + side, south + side), (west, south + side)]])
    }

    #[test]
    fn neighbours_that_share_a_border_are_apart() {
        let one = square(0., 0., 100.);
        assert_eq!(relation(&one, &square(100., 0., 100.)), Relation::Apart);
        assert_eq!(relation(&one, &square(99.5, 0., 100.)), Relation::Apart);
        assert_eq!(relation(&one, &square(300., 0., 100.)), Relation::Apart);
    }

    #[test]
    fn a_cross_overlaps_though_no_corner_lies_in_the_other() {
        let wide = outline(&[&[(-100., -10.), (100., -10.), (100., 10.), (-100., 10.)]]);
        let high = outline(&[&[(-10., -100.), (10., -100.), (10., 100.), (-10., 100.)]]);
        let Relation::Overlap { depth_m, .. } = relation(&wide, &high) else { panic!("not seen") };
        assert!((9.5..10.5).contains(&depth_m), "{depth_m}");
    }

    #[test]
    fn inside_around_and_the_same_are_told_apart() {
        let (large, small) = (square(0., 0., 100.), square(30., 30., 40.));
        assert_eq!(relation(&small, &large), Relation::Inside);
        assert_eq!(relation(&large, &small), Relation::Around);
        assert_eq!(relation(&large, &square(0.3, 0., 100.)), Relation::Same);
        let centre = Plane::at(Position::from_degrees(52.0, 13.0).unwrap()).position(50., 50.).unwrap();
        assert_eq!(relation(&Outline::Circle { centre, radius_m: 30. }, &large), Relation::Inside);
        let Relation::Overlap { depth_m, .. } = relation(&square(60., 60., 100.), &large) else { panic!("not seen") };
        assert!((39.0..41.0).contains(&depth_m), "{depth_m}");
    }

    #[test]
    fn what_lies_in_a_hole_is_apart() {
        let ring = outline(&[
            &[(0., 0.), (100., 0.), (100., 100.), (0., 100.)],
            &[(20., 20.), (80., 20.), (80., 80.), (20., 80.)],
        ]);
        assert_eq!(relation(&square(30., 30., 40.), &ring), Relation::Apart);
    }
}
