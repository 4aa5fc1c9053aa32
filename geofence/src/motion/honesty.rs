//! How honest is the receiver about its accuracy? The steps of a moving truck tell: from one fix to the next its position
//! should go where its speed says, and by how much it does not shows how large the errors are that change from fix to fix.

use super::filter::{Measurement, TAU_MOVING_S, add, norm, scale, sub};
use crate::time::{Span, TimeStep, UnixMillis};
use serde::{Deserialize, Serialize};

/// From this speed on errors change from fix to fix, m/s.
const MOVING_MPS: f64 = 3.0;
/// Fixes farther apart than this say nothing about each other.
const STEP_MAX: Span = Span::seconds(2);
/// Learned over so much moving, seconds.
const TAU_S: f64 = 60.0;
/// A single step counts for at most so many times what was expected: a jump is not noise.
const STEP_RATIO_MAX: f64 = 9.0;
/// The accuracy is never taken for more than this times worse ...
const WORSE_MAX: f64 = 2.0;
/// ... nor, for what all fixes of a minute have in common, for better than this times, and this, metres: good reception on
/// the road says nothing about the yard.
const COMMON_SHARE_MIN: f64 = 1.0 / 3.0;
/// The slow part of an error may be this many times the fast one, which is all that steps show.
const COMMON_OVER_NOISE: f64 = 2.0;
const COMMON_MIN_M: f64 = 6.0;
/// What changes from fix to fix may be this small a share, and this small, metres.
const NOISE_SHARE_MIN: f64 = 0.1;
const NOISE_MIN_M: f64 = 1.5;

/// What moving fixes have taught so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Honesty {
    /// Mean square of a step's error over what the claimed accuracy makes expected; 1 is honest.
    ratio: f64,
    last: Option<(UnixMillis, Measurement)>,
}

impl Default for Honesty {
    fn default() -> Self {
        Self { ratio: 1.0, last: None }
    }
}

impl Honesty {
    /// One fix that was taken.
    pub(super) fn learn(&mut self, now: UnixMillis, fix: &Measurement) {
        let last = self.last.replace((now, *fix));
        let Some((before, last)) = last.filter(|(before, _)| now - *before <= STEP_MAX) else { return };
        let Some((a, b)) = last.velocity.zip(fix.velocity).filter(|(a, b)| norm(*a).min(norm(*b)) > MOVING_MPS) else {
            return;
        };
        let dt_s = (now - before).as_seconds();
        let driven = scale(add(a, b), dt_s / 2.0);
        let missed = norm(sub(sub(fix.position, last.position), driven));
        // A first-order process changes by 2 sigma^2 (1 - exp(-dt / tau)) per axis.
        let expected = 4.0 * fix.claimed_m * fix.claimed_m * (1.0 - libm::exp(-dt_s / TAU_MOVING_S));
        let share = 1.0 - libm::exp(-dt_s / TAU_S);
        self.ratio += share * ((missed * missed / expected).min(STEP_RATIO_MAX) - self.ratio);
    }

    pub(super) fn redate(&mut self, step: TimeStep) {
        self.last = self.last.map(|(time, fix)| (step.redate(time), fix));
    }

    /// What was compared with cannot be compared with what comes.
    pub(super) fn break_off(&mut self) {
        self.last = None;
    }

    /// Of a claimed accuracy, what changes from fix to fix, metres.
    pub(super) fn noise_m(&self, claimed_m: f64) -> f64 {
        let factor = libm::sqrt(self.ratio).min(WORSE_MAX);
        if factor >= 1.0 {
            return claimed_m * factor;
        }
        let share = factor.max(NOISE_SHARE_MIN);
        claimed_m.min((claimed_m * share).max(NOISE_MIN_M))
    }

    /// The accuracy as experience has it, metres.
    pub(super) fn sigma_m(&self, claimed_m: f64) -> f64 {
        let factor = libm::sqrt(self.ratio).min(WORSE_MAX);
        if factor >= 1.0 {
            return claimed_m * factor;
        }
        let share = (COMMON_OVER_NOISE * factor).clamp(COMMON_SHARE_MIN, 1.0);
        claimed_m.min((claimed_m * share).max(COMMON_MIN_M))
    }
}
