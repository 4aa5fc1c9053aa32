//! Where the truck stands relative to one fence: the state machine. One pure [`step`] per fix.
//!
//! ```text
//!              crossed in                   held and deep enough
//!   Outside ---------------> Entering -----------------------------> Inside -- Entered
//!      ^  <--- back out ---------+                                  ^   |
//!      |                                              back in,      |   | crossed out, driving
//!      |                                              or standing   |   v
//!      +---- held, far enough, and driven -- Left -------------- Leaving
//!
//!   Found: no history and the first fix inside. Standing still makes it Inside (Entered, `first_inside`).
//! ```
//!
//! The rule is plain: which side by signed distance, a margin from the reported accuracy, a few seconds of persistence,
//! and no leaving without driving.

use crate::stamp::{Crossing, Sample};
use crate::time::Span;
use serde::{Deserialize, Serialize};

/// A side must be held this long (three fixes at 1 Hz) before it counts.
const HOLD: Span = Span::seconds(2);
/// Held this long, half of the margin is enough: docks close to the fence.
const HOLD_SHALLOW: Span = Span::seconds(60);
/// A truck found inside must have been there this long before its arrival is told.
const FOUND_HOLD: Span = Span::seconds(10);
/// Beyond this distance and [`HOLD_SHALLOW`], a truck has left even though nobody saw it drive (towed, receiver asleep).
const FAR_M: f64 = 100.0;
/// This many margins beyond the boundary, a standing truck is believed too.
const STRONG: f64 = 2.0;

/// Where the truck stands relative to one fence. `Outside` is not stored: a fence without a state is outside.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Beyond the boundary.
    Outside,
    /// The first fix ever was inside; whether this is a stay shows when the truck stands.
    Found {
        /// That first fix.
        first: Sample,
    },
    /// The boundary was crossed inwards, not yet sure.
    Entering {
        /// The crossing, if it turns out to be one.
        crossing: Crossing,
    },
    /// Within the boundary.
    Inside,
    /// The boundary was crossed outwards, not yet sure.
    Leaving {
        /// The crossing, if it turns out to be one.
        crossing: Crossing,
        /// It happened in a gap, so that standing afterwards does not disprove it.
        in_gap: bool,
    },
}

/// What one fix says about one fence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// The fix itself.
    pub now: Sample,
    /// The fix before it, from the same fence; `None` at the first fix ever.
    pub before: Option<Sample>,
    /// How far beyond the boundary a position must be to count, metres.
    pub margin_m: f64,
    /// The truck is not parked.
    pub moving: bool,
    /// The truck may have changed its place ([`crate::Motion::may_have_travelled`]).
    pub travelled: bool,
    /// There is a gap between `before` and `now`.
    pub gap: bool,
    /// The device was off between `before` and `now`.
    pub power_cut: bool,
}

/// What [`step`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The new state.
    pub next: Presence,
    /// The crossing that is now sure: inwards if `next` is `Inside`, outwards if it is `Outside`.
    pub crossed: Option<Crossing>,
}

impl Step {
    const fn to(next: Presence) -> Self {
        Self { next, crossed: None }
    }
}

/// One fix later.
#[must_use]
pub fn step(presence: Presence, seen: &Observation) -> Step {
    match presence {
        Presence::Outside => outside(seen),
        Presence::Found { first } => found(first, seen),
        Presence::Entering { crossing } => entering(crossing, seen),
        Presence::Inside => inside(seen),
        Presence::Leaving { crossing, in_gap } => leaving(crossing, in_gap, seen),
    }
}

fn outside(seen: &Observation) -> Step {
    let depth_m = -seen.now.distance_m;
    // A standing truck does not cross a boundary; its position does. NaN is on neither side.
    let believable = seen.moving || seen.gap || depth_m >= STRONG * seen.margin_m;
    if !(depth_m >= 0.0 && believable) {
        return Step::to(Presence::Outside);
    }
    Step::to(match seen.before {
        None => Presence::Found { first: seen.now },
        Some(before) => Presence::Entering { crossing: Crossing::between(before, seen.now, seen.power_cut) },
    })
}

fn found(first: Sample, seen: &Observation) -> Step {
    if seen.now.distance_m > 0.0 {
        return Step::to(Presence::Outside);
    }
    let held = seen.now.time - first.time;
    if held >= FOUND_HOLD && !seen.moving {
        return Step { next: Presence::Inside, crossed: Some(Crossing::first_inside(first)) };
    }
    Step::to(Presence::Found { first })
}

fn entering(crossing: Crossing, seen: &Observation) -> Step {
    let depth_m = -seen.now.distance_m;
    if depth_m < 0.0 {
        return Step::to(Presence::Outside);
    }
    let held = seen.now.time - crossing.after.time;
    let deep = held >= HOLD && depth_m >= seen.margin_m;
    let shallow = held >= HOLD_SHALLOW && depth_m >= seen.margin_m / 2.0;
    if deep || shallow {
        return Step { next: Presence::Inside, crossed: Some(crossing.decided(seen.now.time)) };
    }
    Step::to(Presence::Entering { crossing })
}

fn inside(seen: &Observation) -> Step {
    let beyond_m = seen.now.distance_m;
    let believable = seen.moving || seen.gap || beyond_m >= FAR_M;
    match seen.before {
        Some(before) if beyond_m > 0.0 && believable => Step::to(Presence::Leaving {
            crossing: Crossing::between(before, seen.now, seen.power_cut),
            in_gap: seen.gap,
        }),
        _ => Step::to(Presence::Inside),
    }
}

fn leaving(crossing: Crossing, in_gap: bool, seen: &Observation) -> Step {
    let beyond_m = seen.now.distance_m;
    let held = seen.now.time - crossing.after.time;
    let far = beyond_m >= FAR_M;
    // A truck that stands after all has only drifted over the line, unless it came out of a gap or is far away.
    let drifted = !seen.moving && !in_gap && !far;
    if beyond_m <= 0.0 || drifted {
        return Step::to(Presence::Inside);
    }
    let driven_out = held >= HOLD && beyond_m >= seen.margin_m && seen.travelled;
    let carried_out = held >= HOLD_SHALLOW && far;
    if driven_out || carried_out {
        return Step { next: Presence::Outside, crossed: Some(crossing.decided(seen.now.time)) };
    }
    Step::to(Presence::Leaving { crossing, in_gap })
}
