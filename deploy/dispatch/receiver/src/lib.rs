//! The dispatcher's side of Gatestamp: how do trucks' events get into a database, each once, with nothing missing?
//!
//! ```text
//!   broker --> session --> message --> ledger --> store (SQLite or PostgreSQL)
//!                |           judged      once, in     committed
//!                |                       sequence        |
//!                <------- down/ack, PUBACK --------------/      webhook --> somebody else's system
//! ```
//!
//! A broker's acknowledgement does not mean that dispatch has an event, so a truck keeps it until `down/ack` covers it. Everything here
//! follows from one rule: **commit first, acknowledge afterwards.** Whatever dies in between, the truck sends it again, and it is known.

pub mod backup;
pub mod broker;
pub mod cli;
pub mod clock;
pub mod command;
pub mod config;
pub mod desk;
pub mod installation;
pub mod ledger;
pub mod message;
pub mod session;
pub mod store;
pub mod webhook;
