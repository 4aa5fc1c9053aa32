//! When is the radio link gone, and what did that hold up?

use crate::verdict::Stamp;
use crate::world::Shift;
use crate::world::facility::Zone;
use crate::world::truth::Direction;

/// A planned hole in the link, in seconds of the shift.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outage {
    pub(super) from_s: f64,
    pub(super) to_s: f64,
}

impl Outage {
    /// From five minutes before the truck leaves the warehouse's dock until four minutes after it is at the cross-dock: a
    /// departure, a tunnel and an arrival happen in it.
    pub(super) fn plan(shift: &Shift) -> Self {
        let when = |facility: &str, zone: Zone, direction: Direction| {
            let mut crossings = shift.crossings.iter();
            let found = crossings.find(|c| c.facility == facility && c.zone == zone && c.direction == direction);
            found.map_or(f64::INFINITY, |crossing| crossing.at_s)
        };
        Self {
            from_s: when("warehouse", Zone::Dock, Direction::Leave) - 300.0,
            to_s: when("cross-dock", Zone::Site, Direction::Enter) + 240.0,
        }
    }

    /// Whether the first message about a crossing was decided while the link was gone.
    pub(super) fn held(&self, stamp: &Stamp) -> bool {
        (self.from_s..=self.to_s).contains(&stamp.decided_s)
    }

    /// What the link is like at a second of the shift.
    pub(super) fn is_down(&self, shift_s: f64) -> bool {
        (self.from_s..self.to_s).contains(&shift_s)
    }
}
