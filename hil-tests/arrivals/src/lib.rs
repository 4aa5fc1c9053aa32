//! The arrival benchmark: which rule tells best when a truck arrived and departed?
//!
//! ```text
//!   scenarios --> truth (path, crossings) --> receiver + noise (what is reported) --> rules, side by side --> score --> report
//!   ground, fences                            | modelled, recorded errors            ours and everybody's     per rule, scenario, noise
//! ```
//!
//! Everything is seeded: the same seed gives the same drives, fixes and figures on every machine.

pub mod drive;
pub mod goals;
pub mod noise;
pub mod options;
pub mod path;
pub mod planar;
pub mod random;
pub mod receiver;
pub mod report;
pub mod rules;
pub mod run;
pub mod scenarios;
pub mod score;
pub mod summary;
pub mod truth;
