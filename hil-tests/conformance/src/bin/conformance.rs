//! `cargo conformance -- DIR`: recorded receivers through the agent's reception, beside gpsd and the `nmea` crate.

use clap::Parser;
use conformance::log::{self, Log};
use conformance::options::Options;
use conformance::ordeal::Tally;
use conformance::{child, cost, oracle, report};
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match (options.ways_from, options.mutations_from, &options.cost_of) {
        (Some(first), ..) => child::serve(&options.folder, first).map(|()| true),
        (None, Some(first), _) => child::serve_ordeal(&options, first).map(|()| true),
        (None, None, Some(side)) => cost::serve(&options.folder, side).map(|()| true),
        (None, None, None) => compare(&options),
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
    let mut missed = table.missed();
    let mut last_line = table.json();
    if options.mutations > 0 {
        let tally = child::ordeal(options, &progress)?;
        for what in &tally.told {
            writeln!(out, "FAILED: {what}")?;
        }
        if tally.failures() > 0 {
            missed.push(format!("{} mutated pieces, seed {}", tally.failures(), options.seed));
        }
        missed.extend(report::missed_false(&tally));
        last_line.insert("mutated_false_fixes".to_owned(), report::false_json(&tally));
        last_line.insert("mutations".to_owned(), serde_json::to_value(&tally)?);
        last_line.insert("seed".to_owned(), options.seed.into());
    }
    if options.cost {
        let cost = cost::measure(&options.folder)?;
        writeln!(out, "{}", report::cost(cost))?;
        missed.extend(report::missed_cost(cost));
        last_line.insert("cost".to_owned(), report::cost_json(cost));
    }
    for what in &missed {
        writeln!(out, "MISSED: {what}")?;
    }
    writeln!(out, "CONFORMANCE {}", serde_json::Value::from(last_line))?;
    Ok(missed.is_empty())
}

fn progress(tally: &Tally) {
    let _ =
        writeln!(io::stderr(), "{} mutated pieces, {} fixes, {} failures", tally.cases, tally.fixes, tally.failures());
}
