//! `cargo conformance -- DIR`: recorded receivers through the agent's reception, beside gpsd and the `nmea` crate.

use clap::Parser;
use conformance::log::{self, Log};
use conformance::options::Options;
use conformance::{child, oracle, report};
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match options.ways_from {
        Some(first) => child::serve(&options.folder, first).map(|()| true),
        None => compare(&options),
    };
    match done {
        Ok(held) => ExitCode::from(u8::from(options.check && !held)),
        Err(error) => {
            let _ = writeln!(io::stderr(), "conformance: {error}");
            ExitCode::from(2)
        }
    }
}

fn compare(options: &Options) -> io::Result<bool> {
    let paths = log::find(&options.folder)
        .map_err(|error| io::Error::other(format!("{}: {error}", options.folder.display())))?;
    let mut out = io::stdout().lock();
    let mut table = report::Table::default();
    for path in &paths {
        let log = Log::read(path)?;
        let truths = match &log.oracle {
            Some(oracle) => oracle::read(&log::bytes_of(oracle)?),
            None => Vec::new(),
        };
        table.add(&log, &truths, &child::all_ways(path)?);
        if options.verbose {
            write!(out, "{}", report::missing(&log, &truths))?;
        }
    }
    writeln!(out, "{}", table.text())?;
    let missed = table.missed();
    for what in &missed {
        writeln!(out, "MISSED: {what}")?;
    }
    writeln!(out, "CONFORMANCE {}", table.json())?;
    Ok(missed.is_empty())
}
