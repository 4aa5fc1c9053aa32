//! What does the real binary do when the world around it fails?
//!
//! Each test drives a seeded shift into a pseudo-terminal, many times faster than life, breaks something, and ends with
//! [`rig::Rig::finish`]: every true crossing is at dispatch, once by id; the journal's sequences are 1..N; `integrity_check` is ok;
//! a replay of the recording gives the journal's bodies byte for byte.

mod bench;
mod bytes;
mod cable;
mod commands;
mod configuration;
mod configure;
mod exchange;
mod idle;
mod kills;
mod links;
mod losses;
mod privacy;
mod receivers;
mod refusals;
mod refusing;
mod releases;
mod rig;
mod sources;
mod starts;
mod stops;
mod storage;
mod tls;
