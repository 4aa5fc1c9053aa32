//! What the tracker needs to know of the facilities, whoever keeps them.

use crate::{Position, Shape};
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

    /// The outline of fence `index`; `None` beyond the end.
    fn shape(&self, index: usize) -> Option<Shape<'_>>;

    /// Calls `visit` with the number of every fence whose inside may reach `position`, in ascending order. May name
    /// fences that do not; must not leave one out that does.
    fn around(&self, position: Position, visit: &mut dyn FnMut(usize));

    /// Identifies the set as a whole: two sets with the same fences have the same revision.
    fn revision(&self) -> u64;
}
