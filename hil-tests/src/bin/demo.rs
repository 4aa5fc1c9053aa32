//! `cargo demo`: one shift of a simulated truck through the real agent, told as it happens. `--help` says what it shows.

#![allow(clippy::print_stderr, reason = "a program for a person at a terminal: what goes wrong is said there")]

use std::io::{IsTerminal as _, stdout};
use std::process::ExitCode;

use clap::Parser as _;
use hil_tests::demo::{Options, run};

fn main() -> ExitCode {
    let options = Options::parse();
    let mut out = stdout();
    let terminal = out.is_terminal();
    match run(&options, &mut out, terminal) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            eprintln!("demo: {fault}");
            ExitCode::FAILURE
        }
    }
}
