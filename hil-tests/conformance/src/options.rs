//! What the user asks for.

use clap::Parser;
use std::path::PathBuf;

/// Compares the agent's reception with gpsd's on every recording of a folder, and torments it with mutations of them.
#[derive(Debug, Clone, Parser)]
#[command(name = "conformance", max_term_width = 100)]
pub struct Options {
    /// The recordings: every .log and .nmea below it (or .zst of them), gpsd's answer beside each as NAME.log.chk
    pub folder: PathBuf,
    /// Tells every missing position with the reason
    #[arg(long)]
    pub verbose: bool,
    /// Exits with 1 if a threshold is missed
    #[arg(long)]
    pub check: bool,
    /// So many mutated pieces of the recordings are received too
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub mutations: u64,
    /// What the mutations are made from
    #[arg(long, default_value_t = 20_261_122)]
    pub seed: u64,
    /// Counts instructions and allocations per sentence too, by valgrind
    #[arg(long)]
    pub cost: bool,
    /// For the tool itself: runs what is counted
    #[arg(long, hide = true)]
    pub cost_of: Option<String>,
    /// For the tool itself: receives the mutated pieces from this one on
    #[arg(long, hide = true)]
    pub mutations_from: Option<u64>,
    /// For the tool itself: runs the ways from this one on over the one recording
    #[arg(long, hide = true)]
    pub ways_from: Option<usize>,
}
