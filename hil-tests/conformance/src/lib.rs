//! Is what the agent receives what was sent? Recorded receivers through the agent's reception, beside gpsd and the `nmea` crate.
//!
//! ```text
//!   folder of logs --> log --> ways (the agent's reception; the crate, each in a child process) --> Seen
//!                        \--> oracle (gpsd's .chk) --> Truth        compare: Seen against Truth --> report
//!                         \--> ordeal: mutations of every log, invariants that no input may break
//! ```
//!
//! Positions and times of day are compared; dates apart, because gpsd itself moves the dates of recordings made before 2017.

pub mod child;
pub mod compare;
pub mod cost;
pub mod log;
pub mod mutate;
pub mod options;
pub mod oracle;
pub mod ordeal;
pub mod report;
pub mod scan;
pub mod ways;
