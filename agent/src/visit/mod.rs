//! Transitions at fences to visits of facilities.
//!
//! ```text
//!   Entered site --> arrived (provisional) --+- stands, or 60 s inside --> arrived (confirmed) --> Left --> departed
//!                                            +- Left before that --> arrived (retracted), passed
//!   Entered/Left another zone --> phase
//! ```
//!
//! A visit begins with the first zone of a facility that is entered and ends when all are left. Its facts are
//! (visit, type, zone, phase); each carries its own rising revision.

mod stay;

use crate::event::{Kind, Phase, Record, Status};
use crate::facility::{Facilities, Facility, Zone};
use geofence::{Crossing, Fix, Motion, TimeStep, Transition, UnixMillis};
use serde::{Deserialize, Serialize};
use stay::Stay;

/// Visits that are open at once: neighbouring and nested facilities around one truck. More fences than this cannot be
/// entered together (`geofence::MAX_NEAR`).
const OPEN_MAX: usize = geofence::MAX_NEAR;

/// A fact, or a new revision of one, before it is an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// What it tells.
    pub kind: Kind,
    /// The visit that it belongs to.
    pub visit: String,
    /// Counts up per fact.
    pub revision: u32,
    /// How sure.
    pub status: Status,
    /// Where.
    pub facility: Facility,
    /// Which zone of it.
    pub zone: Zone,
    /// Which way.
    pub phase: Phase,
    /// When.
    pub crossing: Crossing,
    /// GNSS time of the fix that decided.
    pub decided_at: UnixMillis,
    /// Probability of the decided side, at the decision.
    pub probability: f64,
    /// Short machine words.
    pub why: &'static str,
    /// All times of the visit, at its end.
    pub record: Option<Record>,
}

/// All open visits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Visits {
    open: Vec<Stay>,
}

impl Visits {
    /// One fix with the transitions that it brought, in their order. Facts are appended to `out`.
    pub fn step(
        &mut self,
        fix: &Fix,
        motion: &Motion,
        transitions: &[Transition],
        facilities: &Facilities,
        truck: &str,
        out: &mut Vec<Fact>,
    ) {
        for transition in transitions {
            match transition.index.and_then(|index| facilities.of(index)) {
                Some((facility, zone)) => self.at_fence(transition, facility, zone, truck, out),
                None => self.fence_gone(transition),
            }
        }
        for stay in &mut self.open {
            stay.fix(fix, motion, out);
        }
        for stay in &mut self.open {
            stay.close_if_gone(out);
        }
        self.open.retain(|stay| !stay.is_over(fix.time));
    }

    /// What open visits noted before was dated wrongly: what they tell from now on is dated as the end of the visit will be.
    pub fn redate(&mut self, step: TimeStep) {
        for stay in &mut self.open {
            stay.redate(step);
        }
    }

    /// The facilities where the truck is right now: id and visit, the latest first.
    pub fn present(&self) -> impl Iterator<Item = (&Facility, &str)> {
        self.open.iter().rev().filter(|s| s.at_site()).map(|s| (s.facility(), s.id()))
    }

    fn at_fence(&mut self, transition: &Transition, facility: &Facility, zone: Zone, truck: &str, out: &mut Vec<Fact>) {
        use geofence::Kind::{Entered, Left, Rebased, Removed};
        match transition.kind {
            Left => {
                if let Some(stay) = self.open.iter_mut().find(|s| s.holds(transition.fence)) {
                    stay.left(transition, zone, out);
                }
            }
            Entered | Rebased => {
                let known = self.open.iter().position(|s| s.facility().id == facility.id && !s.departed());
                let index = known.unwrap_or_else(|| {
                    self.make_room();
                    self.open.push(Stay::begin(truck, facility, transition.decided_at));
                    self.open.len() - 1
                });
                let Some(stay) = self.open.get_mut(index) else { return };
                if transition.kind == Entered {
                    stay.entered(transition, zone, out);
                } else {
                    stay.rebased(transition, facility, zone, out);
                }
            }
            Removed => {}
        }
    }

    /// A visit is open because the truck is inside one of its fences, of which the tracker follows [`OPEN_MAX`] at most, or
    /// because it waits for the truck to come from the queue to the gate: the oldest of the latter goes.
    fn make_room(&mut self) {
        if self.open.len() < OPEN_MAX {
            return;
        }
        let waiting = self.open.iter().position(Stay::is_empty);
        self.open.remove(waiting.unwrap_or(0));
    }

    fn fence_gone(&mut self, transition: &Transition) {
        if let Some(stay) = self.open.iter_mut().find(|s| s.holds(transition.fence)) {
            stay.fence_gone(transition);
        }
    }
}
