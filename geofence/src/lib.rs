//! The pure core of Gatestamp: where does the truck stand relative to its fences, and when did it cross them?
//!
//! ```text
//!   Fix --> tracker --+-> motion    parked or moving, how far since it stood
//!                     +-> fences    signed distance to each boundary nearby, in metres
//!                     +-> presence  per fence: the state machine, one pure step per fix
//!                     +-> stamp     the crossing: when, with which interval, by which method
//!            Transition <--+
//! ```
//!
//! Nothing here reads a clock, opens a file or allocates: time is a field of [`Fix`], fences are behind the
//! [`Fences`] trait, and the only state is [`Tracker`], small and serialisable. Whoever keeps it can stop at any fix
//! and go on later as if nothing had happened.
//!
//! Coordinates are integers of 1e-7 degree ([`Position`]); whether a position is inside is decided in integers.
//! Distances are `f64` metres; `cos` comes from `libm`, so that every machine computes the same bits.
#![no_std]
#![cfg_attr(test, allow(clippy::float_cmp, reason = "tests compare values that were never computed"))]

#[cfg(test)]
extern crate std;

mod fences;
mod geodesy;
mod motion;
mod presence;
mod shape;
mod stamp;
mod time;
mod tracker;

pub use fences::{FenceKey, Fences};
pub use geodesy::{Position, distance_m};
pub use motion::Motion;
pub use presence::{Observation, Presence, Step, step};
pub use shape::{Shape, ShapeError};
pub use stamp::{Crossing, Method, Sample, probability_inside};
pub use time::{Span, UnixMillis};
pub use tracker::{Fix, Kind, MAX_NEAR, MAX_TRANSITIONS, Mode, Tracked, Tracker, Transition, Transitions};
