//! Tile38: two points in a row, in the order of arrival, stamped with the time of arrival.
//!
//! Source: tidwall/tile38 `internal/server/fence.go` and `crud.go` at 5b8ce58. "Arrival" is the time of the newest fix
//! seen: a server's clock has gone on at least that far. Tile38 knows `cross` for two points outside whose connecting
//! line meets the fence, and looks at nothing else than the last two points.

use super::baseline::{Judge, Sight, start};
use super::{Entry, Kind};
use crate::drive::Point;
use crate::planar;

/// Tile38 with `enter,exit,cross`.
pub(super) const TILE38: Entry = Entry { name: "tile38", start: |fences| start(fences, Tile38 { last: None }) };

#[derive(Clone)]
struct Tile38 {
    last: Option<(Point, bool)>,
}

impl Judge for Tile38 {
    fn judge(&mut self, see: &Sight<'_>) -> Option<(Kind, f64)> {
        let inside = see.s_m <= 0.0;
        let (from, was_inside) = self.last.replace((see.fix.point, inside))?;
        let kind = match (was_inside, inside) {
            (false, true) => Kind::Entered,
            (true, false) => Kind::Left,
            (false, false) if !planar::cuts(see.outline, from, see.fix.point).is_empty() => Kind::Passed,
            (true, true) | (false, false) => return None,
        };
        Some((kind, see.now_s))
    }
}

#[cfg(test)]
mod tests {
    use super::super::baseline::drawn::{at, circle, each_second, off, run};
    use super::*;
    use Kind::{Entered, Left, Passed};

    #[test]
    fn two_points_in_a_row_decide() {
        let decided = run(TILE38, &circle(), &each_second(&[2.0, -1.0, -3.0, 1.0, 5.0]));
        assert_eq!(decided, [(Entered, 1.0, 1.0), (Left, 3.0, 3.0)]);
    }

    #[test]
    fn a_fence_between_two_points_outside_is_crossed() {
        let straight = [at(0.0, -150.0, 0.0), at(8.0, 150.0, 0.0)];
        assert_eq!(run(TILE38, &circle(), &straight), [(Passed, 8.0, 8.0)]);
        let beside = [at(0.0, -150.0, 101.0), at(8.0, 150.0, 101.0)];
        assert_eq!(run(TILE38, &circle(), &beside), []);
    }

    #[test]
    fn a_late_fix_counts_and_is_stamped_with_its_arrival() {
        let fixes = [off(0.0, 9.0), off(3.0, 9.0), off(2.0, -9.0), off(4.0, 9.0)];
        assert_eq!(run(TILE38, &circle(), &fixes), [(Entered, 3.0, 3.0), (Left, 4.0, 4.0)]);
    }
}
