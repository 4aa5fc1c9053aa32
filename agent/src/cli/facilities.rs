//! `gatestamp facilities`: compile, lint and show facility files.

mod compile;
mod lint;
mod show;

use super::{Failure, exit};
use crate::io::facilities::{self, FacilityFile};
use clap::{Args, Subcommand};
use std::io::{ErrorKind, Write};
use std::path::Path;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compile a facility file to an atlas: smaller, and used as it lies
    Compile(compile::Arguments),
    /// Say what is wrong with a facility file, and what only looks wrong
    Lint(lint::Arguments),
    /// Show the facilities of a file, draw them, or find the fences around a position
    Show(show::Arguments),
}

pub(super) fn facilities(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Compile(arguments) => compile::compile(arguments),
        Command::Lint(arguments) => lint::lint(arguments),
        Command::Show(arguments) => show::show(arguments),
    }
}

/// The text of a facility file, where only what somebody drew will do.
fn drawn(path: &Path, why: &str) -> Result<String, Failure> {
    match facilities::read(path).map_err(|faults| Failure::faults(&faults))? {
        FacilityFile::Text(text) => Ok(text),
        FacilityFile::Atlas(_) => {
            let what = format!("{}: an atlas is compiled already, {why}", path.display());
            Err(Failure(exit::USAGE, format!("{what}\n    remedy: name the GeoJSON file that it was made of")))
        }
    }
}

/// Prints lines; whoever reads may stop reading.
fn print<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> Result<(), Failure> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    // Names come from a file: they must not steer the terminal.
    let plain = |c: char| if c.is_control() && c != '\n' { '?' } else { c };
    let written = lines.into_iter().try_for_each(|line| {
        let line: String = line.as_ref().chars().map(plain).collect();
        writeln!(out, "{}", line.trim_end_matches('\n'))
    });
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure(exit::IO, format!("writing failed: {error}\n    remedy: name another place for the output")))
        }
        _ => Ok(()),
    }
}
