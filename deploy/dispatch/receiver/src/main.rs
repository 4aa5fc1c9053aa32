//! `gatestamp-receiver`: see `cli` for the commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    gatestamp_receiver::cli::main()
}
