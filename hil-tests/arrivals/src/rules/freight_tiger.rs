//! Freight Tiger: a naive decision, stamped with the interpolated crossing.
//!
//! Source: <https://freighttiger.atlassian.net/wiki/spaces/FCS/pages/393609255>. Between the fixes on both sides of the
//! circle, less than four hours apart, the truck is taken to run straight and evenly. The published formula is for a
//! circle; for a polygon the crossing is where the same line meets the outline: entering the first time, leaving the last.

use super::baseline::{Judge, Sight, start};
use super::{Entry, Kind};
use crate::drive::Observed;
use crate::planar;

/// Fixes further apart are not interpolated, seconds.
const APART_S: f64 = 4.0 * 3600.0;

/// Freight Tiger's cloud rule.
pub(super) const FREIGHT_TIGER: Entry =
    Entry { name: "freight_tiger", start: |fences| start(fences, Interpolated { last: None }) };

#[derive(Clone)]
struct Interpolated {
    last: Option<(Observed, bool)>,
}

impl Judge for Interpolated {
    fn judge(&mut self, see: &Sight<'_>) -> Option<(Kind, f64)> {
        let inside = see.s_m <= 0.0;
        let (last, was_inside) = self.last.replace((*see.fix, inside))?;
        if inside == was_inside {
            return None;
        }
        let apart_s = see.fix.time_s - last.time_s;
        let cuts = planar::cuts(see.outline, last.point, see.fix.point);
        let cut = if inside { cuts.first() } else { cuts.last() };
        let at_s = match cut {
            Some(share) if (0.0..APART_S).contains(&apart_s) => last.time_s + share * apart_s,
            _ => see.fix.time_s,
        };
        Some((if inside { Kind::Entered } else { Kind::Left }, at_s))
    }
}

#[cfg(test)]
mod tests {
    use super::super::baseline::drawn::{at, circle, off, run, site};
    use super::*;
    use crate::drive::{Outline, Point};
    use Kind::{Entered, Left};

    #[test]
    fn the_crossing_lies_between_the_fixes_in_proportion() {
        let fixes = [off(0.0, 30.0), off(10.0, -10.0), off(20.0, -30.0), off(40.0, 10.0)];
        assert_eq!(run(FREIGHT_TIGER, &circle(), &fixes), [(Entered, 7.5, 10.0), (Left, 35.0, 40.0)]);
    }

    #[test]
    fn fixes_four_hours_apart_are_not_interpolated() {
        let fixes = [off(0.0, 30.0), off(14_399.0, -30.0), off(28_799.0, 30.0)];
        assert_eq!(run(FREIGHT_TIGER, &circle(), &fixes), [(Entered, 7_199.5, 14_399.0), (Left, 28_799.0, 28_799.0)]);
    }

    #[test]
    fn a_fix_older_than_the_last_one_is_stamped_with_itself() {
        let fixes = [off(0.0, 30.0), off(9.0, 30.0), off(8.0, -10.0)];
        assert_eq!(run(FREIGHT_TIGER, &circle(), &fixes), [(Entered, 8.0, 9.0)]);
    }

    #[test]
    fn a_polygon_is_entered_where_the_line_meets_it_first_and_left_where_it_meets_it_last() {
        // Two wings of 20 m with 20 m between them, open to the north; the line runs through both wings.
        let corners = [
            (0.0, 0.0),
            (60.0, 0.0),
            (60.0, 50.0),
            (40.0, 50.0),
            (40.0, 10.0),
            (20.0, 10.0),
            (20.0, 50.0),
            (0.0, 50.0),
        ];
        let ring = corners.iter().map(|&(east, north)| Point { east, north }).collect();
        let wings = [site(Outline::Polygon(vec![ring]))];
        let fixes = [at(0.0, -50.0, 30.0), at(10.0, 50.0, 30.0), at(20.0, -50.0, 30.0)];
        assert_eq!(run(FREIGHT_TIGER, &wings, &fixes), [(Entered, 5.0, 10.0), (Left, 15.0, 20.0)]);
    }
}
