//! `cargo bench-day`: the processor's cost of a 24-hour day at one fix a second.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a person at a terminal: its figures and what goes wrong are said there"
)]

use clap::Parser;
use hil_tests::day::{Cost, Day};
use hil_tests::gateway::binary;
use std::io;
use std::process::ExitCode;

/// Replays a simulated day of 24 hours at one fix a second through the real binary and counts its instructions.
///
/// The last line is `DAY ` and a JSON object: events, bytes of the receiver, wall_s (the whole process, valgrind apart),
/// instructions (its start taken off; null without valgrind) and instructions_per_fix.
#[derive(Debug, Parser)]
struct Options {
    /// Names the drive and its noise.
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match measure(options.seed) {
        Ok(cost) => {
            println!("{}", cost.last_line());
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("day: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn measure(seed: u64) -> io::Result<Cost> {
    let binary = binary()?;
    let dir = tempfile::tempdir()?;
    eprintln!("a day of seed {seed}; counting its instructions takes about two minutes");
    let day = Day::write(dir.path(), seed)?;
    day.cost(&binary)
}
