//! The border: the only place with clocks, files, sockets and `await`. It decides nothing.
//!
//! [`run`] is the daemon's loop; each other file is one piece of the world.

pub mod atlas;
pub mod blackbox;
pub mod clock;
mod commands;
pub mod facilities;
pub mod health;
pub mod journal;
pub mod keeper;
pub mod mqtt;
pub mod resume;
pub mod run;
mod serial;
mod systemd;
