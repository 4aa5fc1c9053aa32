//! The deepest point inside an outline: how far a truck can be from the border at best.

use crate::facility::outline::{Outline, Plane};
use geofence::{Position, distance_m};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Cells that are looked at for one outline. Within them the depth is exact to [`EXACT_M`] for anything but a maze.
const CELLS_MAX: usize = 3_000;
/// How exactly the depth is found, metres.
const EXACT_M: f64 = 0.25;
/// Cells that an outline is first cut into, along its longer side.
const FIRST_CELLS: f64 = 32.0;

/// A point inside with its distance to the border.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Deepest {
    pub(crate) position: Position,
    /// Metres to the nearest border.
    pub(crate) depth_m: f64,
}

/// A square of the search with the most that a point in it may be deep.
struct Cell {
    east_m: f64,
    north_m: f64,
    half_m: f64,
    at_most_m: f64,
}

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Cell {}
impl PartialOrd for Cell {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Cell {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |cell: &Self| (cell.at_most_m, cell.east_m, cell.north_m);
        let ((a, b, c), (x, y, z)) = (key(self), key(other));
        a.total_cmp(&x).then(b.total_cmp(&y)).then(c.total_cmp(&z))
    }
}

/// The deepest point, or any point that is `enough_m` deep. The search of Mapbox's polylabel: the cell that may hold most
/// is cut into four, until no cell may hold more than what was found.
pub(crate) fn deepest(outline: &Outline, enough_m: f64) -> Option<Deepest> {
    if let Outline::Circle { centre, radius_m } = outline {
        return Some(Deepest { position: *centre, depth_m: *radius_m });
    }
    let origin = outline.anchor()?;
    let plane = Plane::at(origin);
    let (mut east, mut north) = ((f64::INFINITY, f64::NEG_INFINITY), (f64::INFINITY, f64::NEG_INFINITY));
    for vertex in outline.rings().flatten() {
        let (e, n) = plane.metres(*vertex);
        east = (east.0.min(e), east.1.max(e));
        north = (north.0.min(n), north.1.max(n));
    }
    let (width, height) = (east.1 - east.0, north.1 - north.0);
    let half_m = (width.min(height) / 2.0).max(width.max(height) / FIRST_CELLS / 2.0).max(EXACT_M);
    let mut search =
        Search { outline, plane, best: Deepest { position: origin, depth_m: 0.0 }, cells: BinaryHeap::new() };
    // The middle first: for most outlines it is deep enough.
    search.look((east.0 + east.1) / 2.0, (north.0 + north.1) / 2.0, width.max(height) / 2.0);
    search.cells.clear();
    let (mut e, mut looked) = (east.0 + half_m, 1);
    while e < east.1 + half_m && search.best.depth_m < enough_m {
        let mut n = north.0 + half_m;
        while n < north.1 + half_m {
            search.look(e, n, half_m);
            looked += 1;
            n += 2.0 * half_m;
        }
        e += 2.0 * half_m;
    }
    while let Some(cell) = search.cells.pop() {
        let done = search.best.depth_m >= enough_m || cell.at_most_m <= search.best.depth_m + EXACT_M;
        if done || looked >= CELLS_MAX {
            break;
        }
        let half = cell.half_m / 2.0;
        for (de, dn) in [(-half, -half), (half, -half), (-half, half), (half, half)] {
            search.look(cell.east_m + de, cell.north_m + dn, half);
            looked += 1;
        }
    }
    Some(search.best)
}

struct Search<'a> {
    outline: &'a Outline,
    plane: Plane,
    best: Deepest,
    cells: BinaryHeap<Cell>,
}

impl Search<'_> {
    fn look(&mut self, east_m: f64, north_m: f64, half_m: f64) {
        let Some(position) = self.plane.position(east_m, north_m) else { return };
        let depth_m = -self.outline.shape().signed_distance_m(position);
        if depth_m > self.best.depth_m {
            self.best = Deepest { position, depth_m };
        }
        let at_most_m = depth_m + half_m * std::f64::consts::SQRT_2;
        self.cells.push(Cell { east_m, north_m, half_m, at_most_m });
    }
}

/// Metres between the farthest corners of the outline's box: how long it is at most.
pub(crate) fn length_m(outline: &Outline) -> f64 {
    let Some(origin) = outline.anchor() else { return 0.0 };
    match outline {
        Outline::Circle { radius_m, .. } => radius_m * 2.0,
        Outline::Polygon { vertices, .. } => {
            let farthest = |from: Position| {
                vertices.iter().copied().max_by(|a, b| distance_m(from, *a).total_cmp(&distance_m(from, *b)))
            };
            // Twice the farthest is within a factor of the square root of three of the diameter, and mostly it.
            let one = farthest(origin).unwrap_or(origin);
            farthest(one).map_or(0.0, |other| distance_m(one, other))
        }
    }
}

/// Area in square metres, holes left out.
pub(crate) fn area_m2(outline: &Outline) -> f64 {
    match outline {
        Outline::Circle { radius_m, .. } => std::f64::consts::PI * radius_m * radius_m,
        Outline::Polygon { .. } => {
            let Some(origin) = outline.anchor() else { return 0.0 };
            let plane = Plane::at(origin);
            // A ring inside an odd number of others is a hole; for the usual outline that is every ring but the first.
            let rings: Vec<&[Position]> = outline.rings().collect();
            let area = |(n, ring): (usize, &&[Position])| {
                let inside = ring.first().is_some_and(|vertex| {
                    let others = rings.iter().enumerate().filter(|(m, _)| *m != n);
                    others.filter(|(_, other)| ring_holds(other, *vertex)).count() % 2 == 1
                });
                let size = ring_area_m2(ring, plane);
                if inside { -size } else { size }
            };
            rings.iter().enumerate().map(area).sum()
        }
    }
}

fn ring_holds(ring: &[Position], position: Position) -> bool {
    let ends = [ring.len()];
    geofence::Shape::Polygon { vertices: ring, ring_ends: &ends }.signed_distance_m(position) <= 0.0
}

fn ring_area_m2(ring: &[Position], plane: Plane) -> f64 {
    let next = ring.iter().skip(1).chain(ring.first());
    let cross = |(a, b): (&Position, &Position)| {
        let ((ax, ay), (bx, by)) = (plane.metres(*a), plane.metres(*b));
        ax * by - bx * ay
    };
    (ring.iter().zip(next).map(cross).sum::<f64>() / 2.0).abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(corners: &[(f64, f64)]) -> Outline {
        let plane = Plane::at(Position::from_degrees(52.0, 13.0).unwrap());
        let vertices: Vec<_> = corners.iter().map(|&(e, n)| plane.position(e, n).unwrap()).collect();
        let ring_ends = vec![vertices.len()];
        Outline::Polygon { vertices, ring_ends }
    }

    #[test]
    fn the_deepest_point_of_an_l_lies_in_its_thicker_arm() {
        let l = outline(&[(0., 0.), (200., 0.), (200., 30.), (60., 30.), (60., 100.), (0., 100.)]);
        let found = deepest(&l, f64::INFINITY).unwrap();
        // The circle between the left side, the lower side and the inner corner, as in the thicker arm: 30 m.
        assert!((29.7..30.1).contains(&found.depth_m), "{found:?}");
        assert!((l.shape().signed_distance_m(found.position) + found.depth_m).abs() < 1e-9);
        assert!(deepest(&l, 15.0).unwrap().depth_m >= 15.0);
    }

    #[test]
    fn a_long_strip_is_as_deep_as_half_its_width() {
        let strip = outline(&[(0., 0.), (1000., 500.), (998., 504.), (-2., 4.)]);
        let depth = deepest(&strip, f64::INFINITY).unwrap().depth_m;
        assert!((2.0..2.3).contains(&depth), "{depth}");
        assert!((length_m(&strip) - 1_118.0).abs() < 8.0);
    }

    #[test]
    fn holes_are_no_area() {
        let square = outline(&[(0., 0.), (100., 0.), (100., 100.), (0., 100.)]);
        assert!((area_m2(&square) - 10_000.0).abs() < 20.0);
        let mut holed =
            outline(&[(0., 0.), (100., 0.), (100., 100.), (0., 100.), (40., 40.), (60., 40.), (60., 60.), (40., 60.)]);
        if let Outline::Polygon { ring_ends, .. } = &mut holed {
            *ring_ends = vec![4, 8];
        }
        assert!((area_m2(&holed) - 9_600.0).abs() < 20.0);
    }
}
