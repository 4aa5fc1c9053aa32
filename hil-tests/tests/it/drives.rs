//! What does the agent make of real receivers on real roads?
//!
//! Four recorded drives and a hundred receiver logs go through `gatestamp replay`, and the drives also through the daemon over a
//! pseudo-terminal. The recordings are not part of the repository: they lie in the folder named by `GATESTAMP_RECORDINGS`, else in
//! `shared/recordings` beside the repository. Where there is none, every test here says so in one line and passes.
//!
//! | test file | question |
//! |---|---|
//! | `stamps` | are the arrivals and departures those of the recording, to the second? |
//! | `fixes` | are the positions those of gpsd, and is a void epoch never a fix? |
//! | `calm` | does every log end with code 0, without a panic, and twice with the same bytes? |
//! | `daemon` | does the daemon decide over a serial line what `replay` decides from the file? |

// The lints that let a test stop at the first surprise go by this attribute, and helpers beside a `#[test]` need it too.
#![cfg(test)]

mod agent;
mod calm;
mod daemon;
mod fixes;
mod line;
mod nmea;
mod places;
mod shelf;
mod stamps;
mod visits;
