//! `gatestamp facilities`: compile, lint and show facility files.

mod compile;
mod lint;
mod show;

use super::{Failure, exit};
use crate::io::facilities::{self, FacilityFile};
use clap::{Args, Subcommand};
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
