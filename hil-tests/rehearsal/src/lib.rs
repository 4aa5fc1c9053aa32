//! What is left of a fleet's events when everything between truck and dispatch dies at random? All of them, once.
//!
//! ```text
//!  drives --epochs--> trucks ----TCP----> links ----> Mosquitto ----> receivers ------> PostgreSQL
//!  (world, seeded)    the daemon's own    (cut,       (real,          (real processes,    (real server, or
//!                     loop, and some      stalled,     killed)         killed)             SQLite; killed)
//!                     real processes      deserted,                                           |
//!                     (both killed)       counted)                                            v
//!         \--true crossings; journals---------------------------------------------------->  audit
//! ```
//!
//! The seed names the drives and the plan of faults; what the machine makes of it differs from run to run, as scheduling does.

pub mod audit;
pub mod chaos;
pub mod database;
pub mod drives;
pub mod inside;
pub mod limits;
pub mod options;
pub mod outside;
pub mod plan;
pub mod progress;
pub mod report;
pub mod run;
pub mod tally;
pub mod truck;
pub mod world;
