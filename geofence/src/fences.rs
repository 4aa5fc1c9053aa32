//! What the tracker needs to know of the facilities, whoever keeps them.

use crate::Position;
use serde::{Deserialize, Serialize};

/// Identifies one fence by its content (a hash of facility, zone and geometry), so that stored state finds its fence
/// again after facilities were reordered, and does not find it after its outline changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FenceKey(pub u64);

/// A set of fences, in a fixed order.
pub trait Fences {
    /// How many fences there are. Fences are numbered from 0 in an order that depends on their content alone.
    fn len(&self) -> usize;

    /// Whether there is no fence at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The key of fence `index`; `None` beyond the end.
    fn key(&self, index: usize) -> Option<FenceKey>;

    /// The number of the fence with this key, if it is still there.
    fn find(&self, key: FenceKey) -> Option<usize>;

    /// Metres from `position` to the boundary of fence `index`: negative inside, zero on the boundary, positive outside
    /// and in a hole; `None` beyond the end.
    fn signed_distance_m(&self, index: usize, position: Position) -> Option<f64>;

    /// A lower bound of the greatest depth inside fence `index`, metres ([`crate::Shape::depth_m`]); `None` beyond the
    /// end.
    fn depth_m(&self, index: usize) -> Option<f64>;

    /// Calls `visit` with the number of every fence that contains `position` or has a point of its inside within
    /// `within_m` metres of it, in ascending order. May name fences that do not; must not leave one out that does.
    fn around(&self, position: Position, within_m: f64, visit: &mut dyn FnMut(usize));

    /// A lower bound of the distance from `position` to the boundary of every fence, metres: while the truck stays
    /// within it, no fence is nearer and none is entered or left. Zero where nothing is known.
    fn clearance_m(&self, _position: Position) -> f64 {
        0.0
    }

    /// Identifies the set as a whole: two sets with the same fences have the same revision.
    fn revision(&self) -> u64;
}
