//! The crossing of a boundary: when it happened, within which interval, and by which method that is known.
//!
//! Three times are kept apart: when the boundary was crossed (`at`, `lo`, `hi`), when the tracker was sure (the fix it
//! decided on), and when the event left the truck. Only the first is computed here.

use crate::fences::Fences;
use crate::geodesy::{Position, Scale};
use crate::motion::Break;
use crate::time::{Span, TimeStep, UnixMillis};
use serde::{Deserialize, Serialize};

/// How well a fence is surveyed, metres (1 sigma).
const SURVEY_SIGMA_M: f64 = 1.0;
/// Of the accuracy of a fix this share is common to all fixes of a minute, so that no filter averages it out.
const COMMON_SHARE: f64 = 0.5;
/// A fence is narrow where the error exceeds this share of its depth.
const NARROW_SHARE: f64 = 0.25;
/// A truck in a gap drove no faster than this times the fastest of its speeds before, after and on the mean ...
const TOP_SPEED_SHARE: f64 = 1.5;
/// ... or than this, m/s.
const TOP_SPEED_MIN_MPS: f64 = 8.0;
/// Below this speed a truck stands, m/s.
const STOOD_MPS: f64 = 1.0;
/// How fast a truck sets off, m/s^2.
const SET_OFF_MPS2: f64 = 0.7;

/// The truck at one moment, as seen from one fence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// GNSS time.
    pub time: UnixMillis,
    /// Where it was, by the filter.
    pub position: Position,
    /// Signed distance to the boundary, metres, negative inside.
    pub distance_m: f64,
    /// Accuracy of the position per axis, metres (1 sigma), with what all fixes of a minute have in common.
    pub sigma_m: f64,
    /// Speed over ground, m/s.
    pub speed_mps: Option<f64>,
}

impl Sample {
    pub(crate) fn redated(self, step: TimeStep) -> Self {
        Self { time: step.redate(self.time), ..self }
    }
}

/// How the time of a crossing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Between two fixes of an unbroken series.
    Interpolated,
    /// In a gap; counted back from the fix after it.
    GapBack,
    /// In a gap; counted forward from the fix before it.
    GapForward,
    /// In a gap, moving on both sides: the mean of both.
    GapMean,
    /// While the device was off; the interval is the whole gap.
    PowerOff,
    /// The first fix ever was already inside.
    FirstInside,
    /// Nothing tells.
    Unknown,
}

/// A crossing of one boundary, `lo <= at <= hi`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Crossing {
    /// Best estimate.
    pub at: UnixMillis,
    /// Not earlier than this (95 %); `None`: no earlier bound is known.
    pub lo: Option<UnixMillis>,
    /// Not later than this (95 %).
    pub hi: UnixMillis,
    /// How `at` was found.
    pub method: Method,
    /// The last sample on the old side of the boundary.
    pub before: Option<Sample>,
    /// The first sample on the new side.
    pub after: Sample,
}

impl Crossing {
    /// The crossing between two samples on different sides of a boundary, with this between them.
    #[must_use]
    pub fn between(before: Sample, after: Sample, gap: Break) -> Self {
        match gap {
            Break::None => interpolated(before, after),
            Break::Silence | Break::Jump => in_gap(before, after),
            Break::PowerCut => {
                Self { method: Method::PowerOff, lo: Some(before.time), hi: after.time, ..in_gap(before, after) }
            }
        }
    }

    /// The estimate drifted over the boundary while the truck stood; it really crossed when it set off, at `began`.
    ///
    /// It must cover what the estimate is wrong by, from standstill: t = sqrt(2 d / a), with d of 0.8 sigma, the mean of half
    /// a normal distribution, at most 2.5 sigma.
    #[must_use]
    pub fn set_off(began: UnixMillis, before: Sample, after: Sample) -> Self {
        let driven_s = |sigmas: f64| Span::from_seconds(libm::sqrt(2.0 * sigmas * after.sigma_m / SET_OFF_MPS2));
        Self {
            at: began + driven_s(0.8),
            lo: Some(began),
            hi: began + driven_s(2.5),
            method: Method::Interpolated,
            before: Some(before),
            after,
        }
    }

    /// No fix outside was ever seen: the crossing was at the first fix or any time before it.
    #[must_use]
    pub fn first_inside(first: Sample) -> Self {
        Self { at: first.time, lo: None, hi: first.time, method: Method::FirstInside, before: None, after: first }
    }

    /// The same crossing with wider bounds: surely not before `sure_before`, surely by `sure_after`, and not after the
    /// decision at `decided`. Where it was never sure before, there is no earlier bound.
    #[must_use]
    pub fn decided(mut self, sure_before: UnixMillis, sure_after: UnixMillis, decided: UnixMillis) -> Self {
        self.at = self.at.min(decided);
        self.lo = self.lo.filter(|_| sure_before > UnixMillis(i64::MIN)).map(|lo| lo.min(sure_before).min(self.at));
        self.hi = self.hi.max(sure_after).clamp(self.at, decided);
        let seen = self.before.is_some_and(|before| (before.distance_m > 0.0) != (self.after.distance_m > 0.0));
        if self.lo.is_none() && !seen && self.method == Method::Interpolated {
            (self.method, self.before) = (Method::Unknown, None);
        }
        self
    }

    /// As it may be told at `decided`. One that is dated later is of a time line that nobody knows the beginning of: it was before, and
    /// that is all there is.
    #[must_use]
    pub fn known_by(self, decided: UnixMillis) -> Self {
        if self.at <= decided {
            return Self { hi: self.hi.min(decided), ..self };
        }
        Self { at: decided, lo: None, hi: decided, method: Method::Unknown, before: None, ..self }
    }

    /// The same crossing, dated anew.
    #[must_use]
    pub fn redated(self, step: TimeStep) -> Self {
        Self {
            at: step.redate(self.at),
            lo: self.lo.map(|lo| step.redate(lo)),
            hi: step.redate(self.hi),
            method: self.method,
            before: self.before.map(|before| before.redated(step)),
            after: self.after.redated(step),
        }
    }
}

/// Linear between two near samples: `t = t_a + dt s_a / (s_a - s_b)`. Its bounds are the samples; how far the estimate
/// may be wrong is for [`Crossing::decided`].
fn interpolated(before: Sample, after: Sample) -> Crossing {
    let across_m = before.distance_m - after.distance_m;
    let share = if across_m.abs() > 1e-9 { (before.distance_m / across_m).clamp(0.0, 1.0) } else { 0.0 };
    let at = before.time + Span::from_seconds((after.time - before.time).as_seconds() * share);
    let bounded = |t: UnixMillis| t.clamp(before.time, after.time.max(before.time));
    Crossing {
        at: bounded(at),
        lo: Some(before.time),
        hi: after.time,
        method: Method::Interpolated,
        before: Some(before),
        after,
    }
}

/// In a gap the truck may have stood or driven: a straight line would be wrong by minutes. Count from the side that
/// moved; the bounds are what the fastest drive from either end allows.
fn in_gap(before: Sample, after: Sample) -> Crossing {
    let within = |t: UnixMillis| t.clamp(before.time, after.time.max(before.time));
    let (v_before, v_after) = (before.speed_mps.unwrap_or(0.0), after.speed_mps.unwrap_or(0.0));
    let (to_go_m, gone_m) = (before.distance_m.abs(), after.distance_m.abs());
    // 1.15: a truck that leaves a gap has usually just sped up, so it was slower at the boundary.
    let back = within(after.time - Span::from_seconds(1.15 * gone_m / v_after.max(1.0)));
    let forward = within(before.time + Span::from_seconds(to_go_m / v_before.max(1.0)));
    let entering = after.distance_m <= 0.0;
    // It got from one to the other, however slow it was at both ends.
    let mean_mps = (to_go_m + gone_m) / (after.time - before.time).as_seconds().max(1e-3);
    let top_mps = (TOP_SPEED_SHARE * v_before.max(v_after).max(mean_mps)).max(TOP_SPEED_MIN_MPS);
    let lo = within(before.time + Span::from_seconds(to_go_m / top_mps));
    let hi = within(after.time - Span::from_seconds(gone_m / top_mps));
    let (at, method) = if v_before.max(v_after) < STOOD_MPS {
        // It stood before and after: nothing tells when it moved between.
        (lo + Span((hi - lo).0 / 2), Method::GapMean)
    } else if entering && v_before > 3.0 && v_after > 1.0 {
        let mean = before.time.max(forward) + Span((back - forward).0 / 2);
        (within(mean), Method::GapMean)
    } else if entering && v_before > 3.0 {
        (forward, Method::GapForward)
    } else {
        (back, Method::GapBack)
    };
    let at = within(at);
    Crossing { at, lo: Some(lo.min(at)), hi: hi.max(at), method, before: Some(before), after }
}

/// Probability that the truck is inside fence `index` at this sample. `None` if there is no such fence.
///
/// Where the boundary is straight on the scale of the error, Phi(-s / sigma). In narrow places, Gaussian error of half the
/// variance around eight points on a circle of radius sigma, which together have the variance of the whole.
pub(crate) fn inside(fences: &impl Fences, index: usize, at: &Sample) -> Option<f64> {
    let (s, sigma) = (at.distance_m, at.sigma_m);
    let narrow = sigma > NARROW_SHARE * fences.depth_m(index)? && s.abs() < 3.0 * sigma;
    if !narrow {
        return Some(probability_inside(s, sigma));
    }
    let diagonal = core::f64::consts::FRAC_1_SQRT_2;
    let directions = [
        (1.0, 0.0),
        (diagonal, diagonal),
        (0.0, 1.0),
        (-diagonal, diagonal),
        (-1.0, 0.0),
        (-diagonal, -diagonal),
        (0.0, -1.0),
        (diagonal, -diagonal),
    ];
    let scale = Scale::between(at.position.lat_e7(), at.position.lat_e7());
    let mut sum = 0.0;
    for (east, north) in directions {
        let moved = at.position.moved_e7(sigma * east / scale.east_m.max(1e-6), sigma * north / scale.north_m);
        sum += probability_inside(fences.signed_distance_m(index, moved)?, sigma * diagonal);
    }
    Some(sum / 8.0)
}

/// About the highest probability of being inside that a fence of this depth can give: a strip whose half width is a little
/// more than the bound that `depth_m` is.
pub(crate) fn inside_at_best(depth_m: f64, sigma_m: f64) -> f64 {
    2.0 * probability_inside(-1.3 * depth_m, sigma_m) - 1.0
}

/// One sigma per axis of an estimate with this variance, whose fixes have this accuracy: what the filter left, and the
/// share of the error that it cannot average out.
#[must_use]
pub fn sigma_m(variance_m2: f64, fix_sigma_m: f64) -> f64 {
    let common_m = COMMON_SHARE * fix_sigma_m;
    libm::sqrt(variance_m2 + common_m * common_m)
}

/// Probability that the truck is inside, given its signed distance and accuracy: Phi(-s / sigma), with the survey error
/// of the fence.
#[must_use]
pub fn probability_inside(distance_m: f64, sigma_m: f64) -> f64 {
    let variance = sigma_m * sigma_m + SURVEY_SIGMA_M * SURVEY_SIGMA_M;
    0.5 * libm::erfc(distance_m / libm::sqrt(2.0 * variance))
}

#[cfg(test)]
mod tests;
