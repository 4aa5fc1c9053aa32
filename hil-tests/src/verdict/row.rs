//! What landed, and what does one line of the comparison say?

use std::time::Instant;

use super::facts::seconds_between;
use crate::clock::SimClock;
use crate::event::Event;
use crate::world::truth::Crossing;

/// An event with the simulated second of its receipt.
#[derive(Debug, Clone)]
pub struct Landed {
    /// Seconds since the start of the shift.
    pub at_s: f64,
    /// The UTC at which the shift started.
    pub start_utc_ms: i64,
    /// The event.
    pub event: Event,
}

impl Landed {
    /// An event that was committed at a moment of the machine's clock.
    #[must_use]
    pub fn new(clock: SimClock, committed: Instant, event: Event) -> Self {
        Self { at_s: clock.seconds_at(committed), start_utc_ms: clock.start_utc_ms(), event }
    }

    /// Simulated seconds from the event's time to its commit.
    #[must_use]
    pub fn delay_s(&self) -> f64 {
        self.at_s - seconds_between(self.start_utc_ms, self.event.time_ms)
    }
}

/// What was claimed about one crossing, in seconds since the start of the shift.
#[derive(Debug, Clone, PartialEq)]
pub struct Stamp {
    /// The stamp.
    pub at_s: f64,
    /// The lower bound, where there is one.
    pub lo_s: Option<f64>,
    /// The upper bound.
    pub hi_s: f64,
    /// How it was found.
    pub method: String,
    /// When the first message about the fact was decided.
    pub decided_s: f64,
    /// When the first message about the fact was with dispatch.
    pub landed_s: f64,
}

/// One line of the comparison.
#[derive(Debug, Clone)]
pub struct Row {
    /// What truly happened.
    pub truth: Crossing,
    /// What was claimed; none is a miss.
    pub stamp: Option<Stamp>,
}

impl Row {
    /// Stamp minus truth, in seconds.
    #[must_use]
    pub fn error_s(&self) -> Option<f64> {
        self.stamp.as_ref().map(|stamp| stamp.at_s - self.truth.at_s)
    }

    /// Whether the truth lies inside the interval.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        self.stamp
            .as_ref()
            .is_some_and(|stamp| stamp.lo_s.is_none_or(|lo| lo <= self.truth.at_s) && self.truth.at_s <= stamp.hi_s)
    }
}
