//! `cargo bench-wire`: what a month costs in each profile, counted on the wire.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a person at a terminal: its figures and what goes wrong are said there"
)]

use clap::Parser;
use hil_tests::clock::utc_second_ms;
use hil_tests::gateway::binary;
use hil_tests::wire::{Account, PLANS, day, measure};
use hil_tests::world::Shift;
use serde_json::Value;
use std::io;
use std::process::ExitCode;

/// Drives a simulated day of 24 hours, ten of them on the road, through the real agent, TLS and a real Mosquitto, and counts bytes.
///
/// The last line is `WIRE ` and a JSON object with, for `frugal` and `normal`, mb_per_month (megabytes of thirty such days, with pings and
/// the agent's estimate of the headers of TCP and IP), the same by the kernel's count of segments, and what it is made of. The agent
/// is built by Cargo, or named by GATESTAMP_BIN.
#[derive(Debug, Parser)]
struct Options {
    /// Names the drive and its noise.
    #[arg(long, default_value_t = 11)]
    seed: u64,
    /// How much faster than a truck.
    #[arg(long, default_value_t = 300)]
    scale: u32,
    /// Fail where a month of a profile costs more than it may.
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match both(&options) {
        Ok(accounts) => {
            let line: serde_json::Map<String, Value> =
                PLANS.iter().zip(&accounts).map(|(plan, account)| (plan.profile.to_owned(), account.json())).collect();
            println!("WIRE {}", Value::Object(line));
            let within = accounts.iter().all(Account::is_within_the_plan);
            if options.check && !within { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(fault) => {
            eprintln!("wire: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn both(options: &Options) -> io::Result<Vec<Account>> {
    let binary = binary()?;
    let shift = Shift::haul(options.seed);
    let epochs = day(&shift, utc_second_ms());
    eprintln!(
        "a day of both profiles side by side, {} times as fast: {} s",
        options.scale,
        epochs.len() / options.scale.max(1) as usize
    );
    std::thread::scope(|scope| {
        let (binary, shift, epochs) = (&binary, &shift, &epochs);
        let runs = PLANS.map(|plan| {
            scope.spawn(move || {
                let dir = tempfile::tempdir()?;
                measure(binary, dir.path(), plan, shift, epochs, options.scale)
            })
        });
        let died = |_| Err(io::Error::other("a truck's thread died"));
        runs.into_iter().map(|run| run.join().unwrap_or_else(died)).collect()
    })
}
