//! The agent's pieces together, without processes: engine, recording and journal on real files.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here has found what it looks for")]

mod answers;
mod clock;
mod delivery;
mod drive;
mod engine;
mod facilities;
mod ingestion;
mod journal;
mod ledger;
mod lint;
mod losses;
mod numbering;
mod power_cut;
mod privacy;
mod replay;
mod roomless;
mod salvage;
mod start;
mod stop;
mod time_steps;
mod unsalvaged;
mod visits;
