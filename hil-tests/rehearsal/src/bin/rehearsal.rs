//! `cargo rehearse`: a fleet of real agents, and everything between them and dispatch's database dying at random.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use rehearsal::options::Options;
use rehearsal::report::Report;
use rehearsal::run;

fn main() -> ExitCode {
    match rehearse(&Options::of_command_line(std::env::args_os())) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "rehearse: {error}");
            ExitCode::from(2)
        }
    }
}

fn rehearse(options: &Options) -> io::Result<bool> {
    let mut err = io::stderr();
    let terminal = err.is_terminal();
    let outcome = run::play(options, &mut err, terminal)?;
    let (findings, faults) = outcome.judge()?;
    let report = Report { run: &outcome.run, findings: &findings, tally: &outcome.tally, faults: &faults };
    report.tell(&mut io::stdout().lock())?;
    Ok(report.is_clean())
}
