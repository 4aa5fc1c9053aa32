//! What does a receiver say instead of the truth? Error models by name.
//!
//! A model is the receiver and its surroundings in normal operation: position error, Doppler error, and the accuracy that it reports.
//! What happens to a drive (no sky, power cuts, garbage, frozen output) is a condition of the scenario, applied by `receiver`.

mod levels;
pub mod recorded;

use crate::drive::Point;
use crate::path::State;

pub use levels::Level;

/// What is wrong with one fix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Error {
    /// Reported minus true position, metres.
    pub offset_m: Point,
    /// Reported minus true velocity, m/s.
    pub velocity_mps: Point,
    /// The accuracy that the receiver reports, per axis, metres.
    pub sigma_m: f64,
}

/// The errors of one receiver over one drive.
pub trait Errors {
    /// The error of the fix `dt_s` after the last one, for a truck that truly is here. Called for every epoch in order, those without
    /// a fix included.
    fn next(&mut self, dt_s: f64, truth: &State) -> Error;
}

/// How bad the surroundings are: which goals apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Surroundings {
    /// 2.5 m per axis.
    Open,
    /// 7 m.
    Yard,
    /// 18 m.
    Canyon,
}

/// An error model by name.
#[derive(Clone, Copy)]
pub struct Model {
    /// As printed.
    pub name: &'static str,
    /// One line for the report.
    pub about: &'static str,
    /// Which goals apply.
    pub surroundings: Surroundings,
    /// Part of the figures that the goals are held against; `false` for what is only to be survived.
    pub modelled: bool,
    /// The receiver leaves the course out below this speed, m/s.
    pub blank_below_mps: f64,
    /// Step of the reported position, metres; 0.0001 minute of latitude is 0.185 m.
    pub step_m: f64,
    /// Starts it with a seed.
    pub start: fn(u64) -> Box<dyn Errors>,
}

/// Every model, in the order of the report.
#[must_use]
pub fn all() -> Vec<Model> {
    [levels::models(), recorded::models()].concat()
}
