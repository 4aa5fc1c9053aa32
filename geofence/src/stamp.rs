//! The crossing of a boundary: when it happened, within which interval, and by which method that is known.
//!
//! Three times are kept apart: when the boundary was crossed (`at`, `lo`, `hi`), when the tracker was sure (the fix it
//! decided on), and when the event left the truck. Only the first is computed here.

use crate::Position;
use crate::time::{Span, UnixMillis};
use serde::{Deserialize, Serialize};

/// Fixes farther apart than this leave a gap that must not be interpolated.
pub(crate) const GAP: Span = Span::seconds(10);
/// How well a fence is surveyed, metres (1 sigma).
const SURVEY_SIGMA_M: f64 = 1.0;
/// Receivers are optimistic: their sigma is taken this many times ...
const OPTIMISM: f64 = 1.5;
/// ... and half of that is in common to all fixes of a minute, so that no two of them average it out.
const COMMON_SHARE: f64 = 0.5;
/// Boundary speed below which a crossing time has no useful meaning, m/s.
const CREEP_MPS: f64 = 0.05;

/// One fix as seen from one fence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// GNSS time of the fix.
    pub time: UnixMillis,
    /// Where it was.
    pub position: Position,
    /// Signed distance to the boundary, metres, negative inside.
    pub distance_m: f64,
    /// Reported horizontal accuracy per axis, metres (1 sigma).
    pub sigma_m: f64,
    /// Speed over ground, m/s.
    pub speed_mps: Option<f64>,
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
    /// The last fix on the old side of the boundary.
    pub before: Option<Sample>,
    /// The first fix on the new side.
    pub after: Sample,
}

impl Crossing {
    /// The crossing between two fixes on different sides of a boundary. `power_cut`: the device was off between them.
    #[must_use]
    pub fn between(before: Sample, after: Sample, power_cut: bool) -> Self {
        let dt = after.time - before.time;
        if power_cut || dt > GAP {
            return across_gap(before, after, power_cut);
        }
        let (at, sigma_s) = interpolate(before, after);
        let two_sigma = Span::from_seconds(2.0 * sigma_s);
        Self {
            at,
            lo: Some(at - two_sigma),
            hi: at + two_sigma,
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

    /// The same crossing, decided at `decided`: nothing is claimed to have happened after the decision.
    #[must_use]
    pub fn decided(mut self, decided: UnixMillis) -> Self {
        self.at = self.at.min(decided);
        self.hi = self.hi.min(decided);
        self
    }
}

/// Linear between two near fixes: `t = t_a + dt s_a / (s_a - s_b)`; one sigma of it is the position's sigma over the
/// speed across the boundary.
fn interpolate(before: Sample, after: Sample) -> (UnixMillis, f64) {
    let dt = (after.time - before.time).as_seconds();
    let across_m = before.distance_m - after.distance_m;
    // Both on one side (the truck drifted over while it stood): the crossing is where the driving began.
    let crossed = (before.distance_m > 0.0) != (after.distance_m > 0.0);
    let share = if crossed && across_m.abs() > 1e-9 { (before.distance_m / across_m).clamp(0.0, 1.0) } else { 0.0 };
    let across_mps = (across_m.abs() / dt.max(0.001)).max(CREEP_MPS);
    let receiver_m = OPTIMISM * after.sigma_m * libm::hypot(1.0, COMMON_SHARE);
    let sigma_m = libm::hypot(receiver_m, SURVEY_SIGMA_M);
    (before.time + Span::from_seconds(dt * share), sigma_m / across_mps)
}

/// In a gap the truck may have stood or driven: a straight line would be wrong by minutes. Count from the side that
/// moved; the bound is never wider than the gap itself.
fn across_gap(before: Sample, after: Sample, power_cut: bool) -> Crossing {
    let within = |t: UnixMillis| t.clamp(before.time, after.time);
    let (v_before, v_after) = (before.speed_mps.unwrap_or(0.0), after.speed_mps.unwrap_or(0.0));
    // 1.15: a truck that leaves a gap has usually just sped up, so it was slower at the boundary.
    let back = within(after.time - Span::from_seconds(1.15 * after.distance_m.abs() / v_after.max(1.0)));
    let forward = within(before.time + Span::from_seconds(before.distance_m.abs() / v_before.max(1.0)));
    let entering = after.distance_m <= 0.0;
    let (at, method) = if power_cut {
        (back, Method::PowerOff)
    } else if entering && v_before > 3.0 && v_after > 1.0 {
        let mean = before.time.max(forward) + Span((back - forward).0 / 2);
        (within(mean), Method::GapMean)
    } else if entering && v_before > 3.0 {
        (forward, Method::GapForward)
    } else {
        (back, Method::GapBack)
    };
    // Inside a gap nothing was observed, so 95 % cannot be had from a model: the interval is all of it.
    Crossing { at, lo: Some(before.time), hi: after.time, method, before: Some(before), after }
}

/// Probability that the truck is inside, given its signed distance and accuracy: Phi(-s / sigma), with the survey error
/// of the fence and half of the accuracy again for the error that all fixes of a minute share.
#[must_use]
pub fn probability_inside(distance_m: f64, sigma_m: f64) -> f64 {
    let variance = sigma_m * sigma_m * (1.0 + COMMON_SHARE * COMMON_SHARE) + SURVEY_SIGMA_M * SURVEY_SIGMA_M;
    0.5 * libm::erfc(distance_m / libm::sqrt(2.0 * variance))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seconds: i64, distance_m: f64, speed: f64) -> Sample {
        Sample {
            time: UnixMillis(seconds * 1_000),
            position: Position::from_degrees(0.0, 0.0).unwrap(),
            distance_m,
            sigma_m: 3.0,
            speed_mps: Some(speed),
        }
    }

    #[test]
    fn between_near_fixes_the_crossing_is_interpolated() {
        let c = Crossing::between(sample(100, 6.0, 8.0), sample(101, -2.0, 8.0), false);
        assert_eq!((c.at.0, c.method), (100_750, Method::Interpolated));
        // sqrt((1.5 * 3)^2 * 1.25 + 1^2) m / 8 m/s = 0.641 s
        assert_eq!(c.hi - c.at, Span(1_282));
        assert_eq!(c.at - c.lo.unwrap(), Span(1_282));
    }

    #[test]
    fn an_hour_under_a_roof_is_counted_back_and_not_interpolated() {
        let c = Crossing::between(sample(0, -50.0, 0.0), sample(3_600, 23.0, 5.0), false);
        assert_eq!((c.at.0, c.method), (3_594_710, Method::GapBack));
        assert_eq!((c.lo.unwrap().0, c.hi.0), (0, 3_600_000));
    }

    #[test]
    fn driving_in_and_out_of_a_tunnel_gives_the_mean_and_stopping_inside_gives_forward() {
        let mean = Crossing::between(sample(0, 100.0, 20.0), sample(20, -50.0, 10.0), false);
        assert_eq!((mean.method, mean.at.0), (Method::GapMean, (5_000 + 14_250) / 2));
        let forward = Crossing::between(sample(0, 100.0, 20.0), sample(600, -50.0, 0.0), false);
        assert_eq!((forward.method, forward.at.0), (Method::GapForward, 5_000));
    }

    #[test]
    fn a_power_cut_bounds_the_crossing_by_the_whole_gap() {
        let c = Crossing::between(sample(0, 90.0, 0.0), sample(7, -60.0, 0.0), true);
        assert_eq!((c.method, c.lo.unwrap().0, c.hi.0), (Method::PowerOff, 0, 7_000));
    }

    #[test]
    fn nothing_is_claimed_after_the_decision() {
        let c = Crossing::between(sample(0, 0.1, 0.1), sample(1, -0.1, 0.1), false);
        let d = c.decided(UnixMillis(2_000));
        assert!(d.hi.0 == 2_000 && d.at <= d.hi && c.hi > d.hi);
    }

    #[test]
    fn on_the_boundary_the_odds_are_even() {
        assert_eq!(probability_inside(0.0, 5.0), 0.5);
        assert!(probability_inside(-20.0, 5.0) > 0.999);
        assert!(probability_inside(f64::INFINITY, 5.0) == 0.0);
    }
}
