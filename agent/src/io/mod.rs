//! The border: the only place with clocks, files, sockets and `await`. It decides nothing.
//!
//! [`run`] is the daemon's loop; each other file is one piece of the world.

pub mod atlas;
pub mod blackbox;
pub mod clock;
mod commands;
mod diagnosis;
pub mod facilities;
pub mod health;
pub mod highwater;
pub mod journal;
pub mod keeper;
pub mod lock;
pub mod mqtt;
pub(crate) mod recordings;
pub mod reserve;
pub mod resume;
pub mod run;
mod source;
pub mod spent;
mod systemd;
