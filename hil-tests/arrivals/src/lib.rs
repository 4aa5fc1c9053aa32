//! The arrival benchmark: which rule tells best when a truck arrived and departed?
//!
//! ```text
//!   scenario --> truth (1 Hz path, crossings) --> noise (what a receiver says) --> rules, side by side --> score --> report
//!   ground, fences                                 | recorded error sequences     ours and everybody's      per rule, scenario, noise
//! ```
//!
//! Everything is seeded: the same seed gives the same drives, fixes and figures on every machine.

pub mod drive;
pub mod rules;
