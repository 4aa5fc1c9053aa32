//! `cargo bench-journal`: what does it cost to keep an event and to get it out, beside the least that any program could pay?
//!
//! The events of a simulated day, and the state that each left the engine in, are kept twice in one run, turn by turn: appended to a plain
//! file with `fdatasync`, and committed to the journal. The files lie in `TMPDIR`, so that the disk of interest can be chosen; on a
//! memory file system the times say nothing. Bytes are those that the process hands to the system (`wchar` of `/proc/self/io`), before
//! the file system's own journal. Synchronisations are counted by `strace` over a child that only commits. Then a backlog is sent:
//! see [`drain`].

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a benchmark stops at the first surprise, and says its figures to a person"
)]

mod day;
mod drain;
mod rounds;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use rounds::{Rounds, journal_only};
use serde_json::json;

/// Names the drive.
const SEED: u64 = 7;
/// The backlog of the design's goal.
const BACKLOG: usize = 100_000;

/// One figure and its goal.
struct Figure {
    name: &'static str,
    /// `None`: a program that it needs is missing.
    found: Option<f64>,
    goal: f64,
    /// The figure must not be lower than the goal, instead of not higher.
    at_least: bool,
}

impl Figure {
    fn at_most(name: &'static str, found: Option<f64>, goal: f64) -> Self {
        Self { name, found, goal, at_least: false }
    }

    fn is_held(&self) -> bool {
        self.found.is_some_and(|found| if self.at_least { found >= self.goal } else { found <= self.goal })
    }

    fn line(&self) -> String {
        let found = self.found.map_or_else(|| "-".to_owned(), |found| format!("{found:.3}"));
        let (sign, verdict) = (if self.at_least { ">=" } else { "<=" }, if self.is_held() { "held" } else { "missed" });
        format!("{:22} {found:>8}   goal {sign} {:<5.3}  {verdict}", self.name, self.goal)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => measure(false),
        ["--check"] => measure(true),
        // The child that strace watches.
        ["--journal-only", dir] => {
            journal_only(Path::new(dir), &day::saves(SEED));
            ExitCode::SUCCESS
        }
        _ => {
            println!("usage: cargo bench-journal [--check]\n\n  --check  fail where a goal is missed");
            ExitCode::from(2)
        }
    }
}

fn measure(check: bool) -> ExitCode {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let saves = day::saves(SEED);
    let events: usize = saves.iter().map(|save| save.events.len()).sum();
    eprintln!("seed {SEED}: {events} events in {} commits, in {}", saves.len(), dir.path().display());
    let rounds = Rounds::run(dir.path(), &saves);
    let syncs = syncs(dir.path());
    let kept = [
        Figure::at_most("commit p50 ratio", Some(rounds.time_ratio()), 1.3),
        Figure::at_most("syncs per event", syncs.map(|syncs| syncs / events as f64), 1.02),
        Figure::at_most("written bytes ratio", Some(rounds.bytes_ratio()), 2.1),
    ];
    kept.iter().for_each(|figure| println!("{}", figure.line()));
    eprintln!("{BACKLOG} events are sent twice; this takes some minutes");
    let (agent, plain) = drain::both(dir.path(), &saves, BACKLOG);
    let sent = [
        Figure { name: "drain rate ratio", found: Some(agent.rate / plain.rate), goal: 1.0 / 3.0, at_least: true },
        Figure::at_most("drain memory ratio", Some(agent.peak_kb as f64 / plain.peak_kb as f64), 1.0 / 3.0),
    ];
    sent.iter().for_each(|figure| println!("{}", figure.line()));
    let figures: Vec<_> = kept.into_iter().chain(sent).collect();
    let ratios: serde_json::Map<_, _> =
        figures.iter().map(|figure| (figure.name.replace(' ', "_"), json!(figure.found.map(thousandths)))).collect();
    let line = json!({
        "seed": SEED, "events": events, "commits": saves.len(), "ratios": ratios,
        "commit_p50_us": rounds.journal_p50_us(), "append_p50_us": rounds.append_p50_us(),
        "bytes_per_commit": rounds.bytes_per_commit(),
        "syncs_per_commit": syncs.map(|syncs| thousandths(syncs / saves.len() as f64)),
        "drain": {"events": BACKLOG, "per_s": agent.rate.round(), "peak_kb": agent.peak_kb},
        "mosquitto_pub": {"per_s": plain.rate.round(), "peak_kb": plain.peak_kb},
    });
    println!("JOURNAL {line}");
    if check && !figures.iter().all(Figure::is_held) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn thousandths(ratio: f64) -> f64 {
    (ratio * 1_000.0).round() / 1_000.0
}

/// Calls of `fsync` and `fdatasync` in a run that only commits; `None` without strace.
fn syncs(dir: &Path) -> Option<f64> {
    let (log, state) = (dir.join("strace"), dir.join("watched"));
    std::fs::create_dir(&state).expect("a folder");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=fsync,fdatasync", "-e", "signal=none", "-o"]).arg(&log);
    strace.arg(std::env::current_exe().ok()?).arg("--journal-only").arg(&state).stdout(Stdio::null());
    let status = strace.status().ok()?;
    assert!(status.success(), "the watched run failed");
    let text = std::fs::read_to_string(log).ok()?;
    Some(text.lines().filter(|line| line.contains("sync(")).count() as f64)
}
