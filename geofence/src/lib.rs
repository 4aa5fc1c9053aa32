//! The pure core of Gatestamp: where does the truck stand relative to its fences, and when did it cross them?
//!
//! ```text
//!   Fix --> tracker --+-> motion    the filter: knots of the estimated path; parked or moving
//!                     +-> path      the curve from knot to knot, in points
//!                     +-> fences    signed distance to each boundary nearby, in metres
//!                     +-> stamp     probability inside; the crossing: when, within which interval, by which method
//!                     +-> presence  per fence: the state machine, one pure step per point
//!            Transition <--+
//! ```
//!
//! Nothing here reads a clock, opens a file or allocates: time is a field of [`Fix`], fences are behind the
//! [`Fences`] trait ([`Atlas`] is a whole country of them in the bytes of a file), and the only state is [`Tracker`],
//! small and serialisable. Whoever keeps it can stop at any fix and go on later as if nothing had happened.
//!
//! Feature `alloc` adds what writes an atlas, and only that allocates.
//!
//! Coordinates are integers of 1e-7 degree ([`Position`]); whether a position is inside is decided in integers.
//! Distances are `f64` metres; `cos` comes from `libm`, so that every machine computes the same bits.
#![no_std]
#![cfg_attr(test, allow(clippy::float_cmp, reason = "tests compare values that were never computed"))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod atlas;
mod fences;
mod geodesy;
mod motion;
mod path;
mod presence;
mod shape;
mod stamp;
mod time;
mod tracker;
mod vicinity;

pub use atlas::{Atlas, AtlasError};
#[cfg(feature = "alloc")]
pub use atlas::{AtlasBuilder, BuildError};
pub use fences::{FenceKey, Fences};
pub use geodesy::{Position, distance_m};
pub use motion::{Break, Knot, Motion};
pub use presence::{Candidate, Observation, Presence, Step, step};
pub use shape::{Shape, ShapeError};
pub use stamp::{Crossing, Method, Sample, probability_inside, sigma_m};
pub use time::{Span, TimeStep, UnixMillis};
pub use tracker::{Fix, Kind, MAX_NEAR, MAX_TRANSITIONS, Mode, Tracked, Tracker, Transition, Transitions};
pub use vicinity::Vicinity;
