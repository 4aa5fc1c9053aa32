//! Whether an outline keeps its shape when its vertices are moved to a coarser grid.
//!
//! Moving each vertex by a centimetre cannot be seen from a truck, but it can merge two vertices or push one over an edge
//! that ran beside it, and so make an invalid ring of a valid one. Such an outline is not moved.

use alloc::vec::Vec;

/// A vertex in 1e-7 degree from the corner of the box.
pub(super) type Vertex = (i64, i64);
type Edge = (Vertex, Vertex);

/// With more edges than this every pair takes too long, and what is saved is small beside the outline.
const EDGES_MAX: usize = 4_096;

/// The rings in units of two, from a corner with even coordinates; `None` if that would change more than places.
pub(super) fn halved(rings: &[Vec<Vertex>]) -> Option<Vec<Vec<Vertex>>> {
    let half = |&(x, y): &Vertex| ((x + 1) >> 1, (y + 1) >> 1);
    let moved: Vec<Vec<Vertex>> = rings.iter().map(|ring| ring.iter().map(half).collect()).collect();
    let (before, after) = (edges(rings), edges(&moved));
    (before.len() <= EDGES_MAX && alike(&before, &after)).then_some(moved)
}

fn edges(rings: &[Vec<Vertex>]) -> Vec<Edge> {
    let of_ring = |ring: &Vec<Vertex>| {
        let next = ring.iter().cycle().skip(1);
        ring.iter().copied().zip(next.copied()).collect::<Vec<_>>()
    };
    rings.iter().flat_map(of_ring).collect()
}

/// Whether the same edges meet, and in the same way, before and after.
fn alike(before: &[Edge], after: &[Edge]) -> bool {
    let merged = |(a, b): (&Edge, &Edge)| (a.0 == a.1) != (b.0 == b.1);
    if before.iter().zip(after).any(merged) {
        return false;
    }
    let pairs = |index: usize| {
        let old = before.get(index + 1..).unwrap_or_default();
        let new = after.get(index + 1..).unwrap_or_default();
        old.iter().zip(new)
    };
    before.iter().zip(after).enumerate().all(|(index, (old, new))| {
        pairs(index).all(|(old_other, new_other)| contact(*old, *old_other) == contact(*new, *new_other))
    })
}

/// How two edges touch.
#[derive(Debug, PartialEq, Eq)]
enum Contact {
    None,
    /// They have one point, or cross.
    Point,
    /// They lie on one line and have more than one point.
    Line,
}

fn contact((a, b): Edge, (c, d): Edge) -> Contact {
    let apart = |p: i64, q: i64, r: i64, s: i64| p.max(q) < r.min(s) || r.max(s) < p.min(q);
    if apart(a.0, b.0, c.0, d.0) || apart(a.1, b.1, c.1, d.1) {
        return Contact::None;
    }
    let turn = |p: Vertex, q: Vertex, r: Vertex| ((q.0 - p.0) * (r.1 - p.1) - (q.1 - p.1) * (r.0 - p.0)).signum();
    let (c_side, d_side) = (turn(a, b, c), turn(a, b, d));
    let (a_side, b_side) = (turn(c, d, a), turn(c, d, b));
    if (c_side, d_side, a_side, b_side) == (0, 0, 0, 0) {
        // On one line, with boxes that meet: the ends in the middle are one point or two.
        let mut ends = [a, b, c, d];
        ends.sort_unstable();
        let point = ends[1] == ends[2] || a == b || c == d;
        return if point { Contact::Point } else { Contact::Line };
    }
    if c_side * d_side > 0 || a_side * b_side > 0 { Contact::None } else { Contact::Point }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    #[test]
    fn a_plain_ring_is_moved_by_one_unit_at_most() {
        let ring = vec![(1, 0), (1_000, 3), (999, 1_001), (0, 998)];
        let moved = halved(std::slice::from_ref(&ring)).unwrap();
        for (a, b) in ring.iter().zip(&moved[0]) {
            assert!((a.0 - 2 * b.0).abs() <= 1 && (a.1 - 2 * b.1).abs() <= 1);
        }
    }

    #[test]
    fn vertices_that_would_merge_keep_the_ring_where_it_is() {
        assert_eq!(halved(&[vec![(0, 0), (999, 1), (1_000, 2), (500, 1_000)]]), None);
        let repeated = vec![(0, 0), (1_000, 2), (1_000, 2), (500, 1_000)];
        assert!(halved(&[repeated]).is_some());
    }

    #[test]
    fn a_vertex_that_would_touch_another_edge_keeps_the_ring_where_it_is() {
        // The notch ends one unit above the lower edge, and would come to lie on it.
        let notch = vec![(0, 1), (1_000, 1), (1_000, 1_000), (502, 2), (0, 1_000)];
        assert_eq!(halved(&[notch]), None);
    }

    #[test]
    fn a_hole_that_would_touch_the_outer_ring_keeps_both_where_they_are() {
        let outer = vec![(0, 1), (1_000, 1), (1_000, 1_000), (0, 1_000)];
        let hole = |south| vec![(400, south), (600, south), (600, 600), (400, 600)];
        assert_eq!(halved(&[outer.clone(), hole(2)]), None);
        assert!(halved(&[outer, hole(10)]).is_some());
    }
}
