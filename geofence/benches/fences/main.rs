//! The fence benchmark: which fences contain a fix, and how far is the nearest boundary, beside rstar with `geo`.
//!
//! ```text
//! cargo bench-fences                      1,000, 10,000 and 100,000 fences
//! cargo bench-fences --million            1,000,000 too: some minutes and 3 GB more
//! cargo bench-fences --only 10000         one size
//! ```
//!
//! Equality comes before speed: over the whole trace both engines must name the same fences. Where they do not, the fix lies
//! within 2 cm of the boundary (the atlas rounds to 1e-7 degree) and is counted; farther away the benchmark fails.
//! The last line is `FENCES` and a JSON object; `ratio_rstar` is that of the instructions.
#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark stops at the first surprise"
)]

mod child;
mod clock;
mod engines;
mod files;
mod measure;
mod workload;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let Some((first, rest)) = arguments.split_first().filter(|(first, _)| *first == "--child") {
        debug_assert_eq!(first, "--child");
        child::run(rest);
        return ExitCode::SUCCESS;
    }
    let mut sizes = vec![1_000, 10_000, 100_000];
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {}
        ["--million"] => sizes.push(1_000_000),
        ["--only", size] => match size.parse() {
            Ok(size) if size >= 10 => sizes = vec![size],
            _ => return usage(),
        },
        _ => return usage(),
    }
    println!("seeds: fences {}, trace {}; {} fixes", workload::FENCE_SEED, workload::TRACE_SEED, workload::FIXES);
    match sizes.into_iter().map(measure::size).collect::<Result<Vec<_>, _>>() {
        Ok(rows) => {
            println!("{}", measure::last_line(&rows));
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    println!("usage: cargo bench-fences [--million | --only COUNT]");
    ExitCode::from(2)
}
