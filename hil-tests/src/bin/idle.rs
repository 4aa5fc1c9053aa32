//! `cargo bench-idle`: what the agent takes beside gpsd on the same receiver.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a person at a terminal: its figures and what goes wrong are said there"
)]

use clap::Parser;
use hil_tests::gateway::binary;
use hil_tests::idle::{Comparison, compare};
use std::io;
use std::process::ExitCode;

/// Runs the real agent and a real gpsd side by side on the same receiver at one fix a second, and compares processor and memory.
///
/// The last line is `IDLE ` and a JSON object: seconds, fixes and reports (of the whole run), and for `gatestamp`, `gpsd` (with one
/// client) and `gpsd_without_client` cpu_ms_per_s, switches_per_s, rss_kb and pss_kb; then cpu_ratio, rss_ratio and pss_ratio of the
/// agent to gpsd with one client. The agent is built by Cargo, or named by GATESTAMP_BIN.
#[derive(Debug, Parser)]
struct Options {
    /// So many seconds are measured, after fifteen that are not.
    #[arg(long, default_value_t = 120)]
    seconds: usize,
    /// Fail where the agent takes more than 0.6 of gpsd's processor time, or more resident memory.
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match measure(&options) {
        Ok(comparison) => {
            println!("{}", comparison.last_line());
            if options.check && !comparison.within_goals() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(fault) => {
            eprintln!("idle: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> io::Result<Comparison> {
    let binary = binary()?;
    let dir = tempfile::tempdir()?;
    eprintln!("{} seconds beside gpsd, after fifteen to settle", options.seconds);
    compare(&binary, dir.path(), options.seconds)
}
