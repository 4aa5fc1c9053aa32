//! Parked or driving, and whether the truck can have changed its place.
//!
//! A position wanders while a truck stands, over tens of metres and for minutes; its speed does not. So a truck that stood
//! crosses no boundary before it has driven: this holds off the false events of parked trucks.

use super::filter::{Measurement, Vector, add, norm, scale, sub};
use crate::time::{Span, TimeStep, UnixMillis};
use serde::{Deserialize, Serialize};

/// Below this speed the truck may be standing, m/s, and never above [`SLOW_MAX_MPS`]: what is left of the speed's noise in
/// the filter ...
const SLOW_MPS: f64 = 0.4;
/// ... which grows with that of the position, m/s per metre.
const SLOW_PER_M: f64 = 0.03;
/// The most that still may be standing, m/s.
const SLOW_MAX_MPS: f64 = 0.8;
/// Above this speed it certainly drives, m/s.
const FAST_MPS: f64 = 1.5;
/// Standing this long means parked.
const PARKED_AFTER: Span = Span::seconds(5);
/// Driving this long ends it.
const DRIVING_AFTER: Span = Span::seconds(3);
/// Slow motion is forgotten over this, seconds ...
const CREEP_TAU_S: f64 = 30.0;
/// ... and is more than noise if it came this far, metres.
const CREEP_M: f64 = 6.0;
/// It counts for no more than this, so that a truck which stops after all stands soon, metres.
const CREEP_MAX_M: f64 = 8.0;
/// Getting this far without a stop ends it too, however slowly, metres.
const CREPT_M: f64 = 6.0;
/// Standing this long means that position alone no longer proves travel.
const SETTLED_AFTER: Span = Span::seconds(30);
/// After having settled, getting this far proves travel again, metres.
const TRAVEL_M: f64 = 12.0;
/// ... of which the position must show this much, metres.
const CAME_ALONG_M: f64 = 8.0;
/// A crawl that began out of sight proves it only from here on, metres: under a roof receivers creep about.
const UNSEEN_TRAVEL_M: f64 = 36.0;
/// A jump of so many driving fixes has driven this long.
const JUMP_FAST: Span = Span::seconds(5);
/// Across gaps it takes this much, metres, this many sigmas, and a speed that no reflection has, m/s.
const GAP_TRAVEL_M: f64 = 50.0;
const GAP_TRAVEL_SIGMAS: f64 = 4.0;
const GAP_TRAVEL_MPS: f64 = 3.0;
/// A single step counts for at most this much.
const STEP_MAX: Span = Span::seconds(2);

/// What the truck's own speed says so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
pub(super) struct Standing {
    slow: Span,
    /// The last fix before it stood, and the first at which it did.
    slow_since: Option<(UnixMillis, UnixMillis)>,
    fast: Span,
    /// How far it has crept while it seemed to stand; forgotten over [`CREEP_TAU_S`], metres.
    crept_m: Vector,
    /// How far, and where to, since it last stood, metres.
    driven_m: Vector,
    /// Where it last stood.
    from: Vector,
    parked: bool,
    /// It stood so long that it must drive before it enters anything.
    in_settled: bool,
    /// It stood so long, or was out of sight, so that it must drive before it leaves anything.
    out_settled: bool,
    /// It was out of sight, and has not been seen since to stand or to drive as trucks do.
    unseen: bool,
    /// Its position jumped since it last drove.
    displaced: bool,
    /// It drove at least once since the first fix.
    has_driven: bool,
    /// When it last began to move.
    began: Option<UnixMillis>,
}

impl Standing {
    /// One fix later: `dt` since the last one, position and velocity by the filter, and the accuracy of the fix.
    pub(super) fn step(&mut self, now: UnixMillis, dt: Span, position: Vector, velocity: Vector, sigma_m: f64) {
        let before = now - dt;
        let dt = dt.min(STEP_MAX);
        let speed = norm(velocity);
        if self.stands(dt, velocity, sigma_m) {
            self.slow_since = self.slow_since.or(Some((before, now)));
            self.slow = Span(self.slow.0.saturating_add(dt.0));
            self.fast = Span(0);
        } else {
            if self.slow > Span(0) || self.began.is_none() {
                // What only seemed to stand has crept all the while.
                let crept = norm(self.crept_m) >= CREEP_M;
                self.began = self.slow_since.filter(|_| crept).map_or(Some(before), |(moved, _)| Some(moved));
            }
            (self.slow, self.slow_since) = (Span(0), None);
            self.fast = Span(if speed > FAST_MPS { self.fast.0 + dt.0 } else { (self.fast.0 - dt.0).max(0) });
            self.driven_m = add(self.driven_m, scale(velocity, dt.as_seconds()));
        }
        if self.slow >= PARKED_AFTER {
            self.parked = true;
            self.stood_at(position);
        }
        let crept = self.slow == Span(0) && norm(self.driven_m) > CREPT_M;
        if self.fast >= DRIVING_AFTER || crept {
            self.parked = false;
            self.has_driven = true;
        }
        if self.slow >= SETTLED_AFTER {
            (self.in_settled, self.out_settled, self.unseen) = (true, true, false);
            self.stood_at(position);
        }
        if self.fast >= DRIVING_AFTER || norm(self.driven_m) > UNSEEN_TRAVEL_M {
            self.unseen = false;
        }
        // Speed alone proves nothing either: the position must have come along.
        let came_along = norm(sub(position, self.from)) > CAME_ALONG_M;
        if !self.parked && !self.unseen && norm(self.driven_m) > TRAVEL_M && came_along {
            (self.in_settled, self.out_settled, self.displaced) = (false, false, false);
        }
    }

    /// Slow, and not creeping all the while in one direction.
    fn stands(&mut self, dt: Span, velocity: Vector, sigma_m: f64) -> bool {
        if norm(velocity) >= slow_mps(sigma_m) {
            self.crept_m = [0.0; 2];
            return false;
        }
        let kept = libm::exp(-dt.as_seconds() / CREEP_TAU_S);
        let crept = add(scale(self.crept_m, kept), scale(velocity, dt.as_seconds()));
        self.crept_m = scale(crept, (CREEP_MAX_M / norm(crept).max(CREEP_MAX_M)).min(1.0));
        norm(self.crept_m) < CREEP_M
    }

    /// A gap: what was driven before says nothing about now, and a truck under a roof never shows half a minute of
    /// standing. Entering is not touched, so that tunnels cost no time; what was moved while the device was off may be
    /// anywhere.
    pub(super) fn interrupted(&mut self, position: Vector, fix: &Measurement, power_cut: bool) {
        // A receiver whose every fix is a gap shows travel by where it has got to, and that it drives.
        let far_m = GAP_TRAVEL_M.max(GAP_TRAVEL_SIGMAS * fix.sigma_m);
        let drives = fix.speed_mps.is_some_and(|speed| speed > GAP_TRAVEL_MPS);
        self.out_settled = !(drives && norm(sub(position, self.from)) > far_m);
        self.unseen = self.out_settled;
        self.in_settled &= !power_cut;
        self.driven_m = [0.0; 2];
        self.fast = Span(0);
    }

    /// A jump was believed. If its fixes drive, so does the truck.
    pub(super) fn jumped(&mut self, now: UnixMillis, position: Vector, driving: bool) {
        if driving {
            *self = Self { from: position, fast: JUMP_FAST, has_driven: true, began: Some(now), ..Self::default() };
        } else {
            (self.out_settled, self.unseen) = (true, true);
            self.stood_at(position);
            self.fast = Span(0);
            self.displaced = true;
        }
    }

    pub(super) fn forget_times(&mut self) {
        (self.slow_since, self.began) = (None, None);
    }

    pub(super) fn redate(&mut self, step: TimeStep) {
        self.slow_since = self.slow_since.map(|(moved, stood)| (step.redate(moved), step.redate(stood)));
        self.began = self.began.map(|began| step.redate(began));
    }

    pub(super) fn since(&self) -> Option<(UnixMillis, UnixMillis)> {
        self.slow_since
    }

    /// The local plane has a new origin, and the truck is at `position` in it.
    pub(super) fn moved_frame(&mut self, position: Vector) {
        self.from = position;
    }

    fn stood_at(&mut self, position: Vector) {
        (self.driven_m, self.from) = ([0.0; 2], position);
    }

    pub(super) fn displaced(&self) -> bool {
        self.displaced
    }

    pub(super) fn parked(&self) -> bool {
        self.parked
    }

    pub(super) fn standing(&self) -> Span {
        self.slow
    }

    pub(super) fn may_enter(&self) -> bool {
        !self.in_settled
    }

    pub(super) fn may_leave(&self) -> bool {
        !self.out_settled
    }

    pub(super) fn has_driven(&self) -> bool {
        self.has_driven
    }

    pub(super) fn began(&self) -> Option<UnixMillis> {
        self.began
    }
}

/// Below this speed the truck may be standing, where fixes have this accuracy in metres.
pub(super) fn slow_mps(sigma_m: f64) -> f64 {
    (SLOW_MPS + SLOW_PER_M * sigma_m).min(SLOW_MAX_MPS)
}
