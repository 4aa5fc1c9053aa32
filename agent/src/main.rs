//! `gatestamp`: see `cli` for the commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    gatestamp::cli::main()
}
