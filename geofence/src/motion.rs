//! Parked or moving: the Doppler speed is the independent witness of whether the truck went anywhere.
//!
//! A position wanders while a truck stands, over tens of metres and for minutes; the Doppler speed does not. So a truck
//! that stood does not leave a fence before it has driven: this holds off the false departures of parked trucks.

use crate::time::Span;
use serde::{Deserialize, Serialize};

/// Below this speed the truck may be standing, m/s.
const SLOW_MPS: f64 = 0.8;
/// Above this speed the truck certainly drives, m/s.
const FAST_MPS: f64 = 1.5;
/// Standing this long means parked.
const PARKED_AFTER: Span = Span::seconds(5);
/// Standing this long means that position alone no longer proves travel.
const SETTLED_AFTER: Span = Span::seconds(30);
/// After having settled, driving this far proves travel again, metres.
const TRAVEL_M: f64 = 12.0;
/// A single step counts for at most this much: a gap proves neither standing nor driving.
const STEP_MAX: Span = Span::seconds(2);

/// What the truck's own speed says so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
pub struct Motion {
    slow: Span,
    driven_m: f64,
    settled: bool,
}

impl Motion {
    /// One fix later: `dt` since the last one, `speed_mps` over ground (`None`: unknown, nothing is learned).
    pub fn step(&mut self, dt: Span, speed_mps: Option<f64>) {
        let Some(speed) = speed_mps else { return };
        let dt = dt.min(STEP_MAX);
        if speed < SLOW_MPS {
            self.slow = Span(self.slow.0.saturating_add(dt.0));
            if self.slow >= SETTLED_AFTER {
                self.settled = true;
                self.driven_m = 0.0;
            }
            return;
        }
        self.slow = Span(0);
        if speed > FAST_MPS {
            self.driven_m += speed * dt.as_seconds();
        }
        if self.driven_m > TRAVEL_M {
            self.settled = false;
        }
    }

    /// A hole in the fixes: what was driven before says nothing about now, and a truck under a roof never shows
    /// half a minute of standstill. So travel has to be proven anew.
    pub fn interrupted(&mut self) {
        *self = Self { slow: Span(0), driven_m: 0.0, settled: true };
    }

    /// The truck has stood still for at least 5 s.
    #[must_use]
    pub fn parked(&self) -> bool {
        self.slow >= PARKED_AFTER
    }

    /// For how long the truck has stood by now; zero while it moves.
    #[must_use]
    pub fn standing(&self) -> Span {
        self.slow
    }

    /// The truck may have changed its place: it has not stood for 30 s, or has driven more than 12 m since.
    #[must_use]
    pub fn may_have_travelled(&self) -> bool {
        !self.settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(speeds: &[(f64, usize)]) -> Motion {
        let mut motion = Motion::default();
        for &(speed, seconds) in speeds {
            for _ in 0..seconds {
                motion.step(Span::seconds(1), Some(speed));
            }
        }
        motion
    }

    #[test]
    fn five_seconds_of_standing_is_parked_and_four_are_not() {
        assert!(!run(&[(10.0, 9), (0.1, 4)]).parked());
        assert!(run(&[(10.0, 9), (0.1, 5)]).parked());
    }

    #[test]
    fn a_traffic_light_does_not_settle_a_truck_and_half_a_minute_does() {
        assert!(run(&[(10.0, 9), (0.1, 29)]).may_have_travelled());
        assert!(!run(&[(10.0, 9), (0.1, 30)]).may_have_travelled());
    }

    #[test]
    fn creeping_noise_does_not_unsettle_and_driving_does() {
        assert!(!run(&[(0.1, 60), (1.2, 300)]).may_have_travelled());
        assert!(run(&[(0.1, 60), (3.0, 5)]).may_have_travelled());
    }

    #[test]
    fn an_unknown_speed_teaches_nothing() {
        let mut motion = run(&[(0.1, 60)]);
        let before = motion;
        motion.step(Span::seconds(1), None);
        assert_eq!(motion, before);
    }
}
