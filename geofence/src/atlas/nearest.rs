//! How far it is to the nearest boundary of any fence: the radius within which nothing changes.

use super::Atlas;
use super::outline::boundary_distance_m;
use super::query::reach;
use crate::geodesy::Position;
use core::ops::ControlFlow;

/// The answer is never greater than this, metres. A truck on a motorway then asks again after three minutes; looking
/// farther costs more than it saves.
pub(super) const CAP_M: f64 = 5_000.0;
/// The first circle that is searched, metres; the next ones are [`STEP`] times as large.
const FIRST_M: f64 = 100.0;
const STEP: f64 = 7.1;
/// Beyond this a fence's box is taken for its boundary, metres: the answer is smaller than it could be and costs a tenth.
const BOX_M: f64 = 30.0;
/// Beyond this latitude, 1e-7 degree, the nearest boundary may lie on the other side of the pole: nothing is said there.
const POLAR_E7: u32 = 890_000_000;

impl Atlas<'_> {
    /// A lower bound of the distance to the nearest boundary, metres, at most [`CAP_M`].
    pub(super) fn nearest_boundary_m(&self, position: Position) -> f64 {
        if position.lat_e7().unsigned_abs() > POLAR_E7 {
            return 0.0;
        }
        let mut within_m = FIRST_M;
        loop {
            let found_m = self.nearest_within_m(position, within_m);
            // Everything nearer than `within_m` was looked at.
            if found_m < within_m || within_m >= CAP_M {
                return found_m;
            }
            within_m = (within_m * STEP).min(CAP_M);
        }
    }

    /// The same, looking no farther than `within_m`.
    fn nearest_within_m(&self, position: Position, within_m: f64) -> f64 {
        let mut nearest_m = within_m;
        let mut last = u32::MAX;
        let done = self.visit_window(reach(position, within_m), &mut |slot| {
            if slot != last
                && let Some(metres) = self.no_nearer_than_m(slot, position, nearest_m)
            {
                nearest_m = nearest_m.min(metres);
            }
            last = slot;
            if nearest_m > 0.0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        if done.is_break() { 0.0 } else { nearest_m }
    }

    /// A lower bound of the distance to one boundary; `None` if it is not below `nearest_m`.
    fn no_nearer_than_m(&self, slot: u32, position: Position, nearest_m: f64) -> Option<f64> {
        let record = self.at_slot(slot)?;
        let offset = record.offset(position);
        let box_m = record.gap_m(offset, position);
        if box_m >= nearest_m {
            return None;
        }
        if box_m > BOX_M {
            return Some(box_m);
        }
        Some(boundary_distance_m(self.outlines, &record, position, nearest_m))
    }
}
