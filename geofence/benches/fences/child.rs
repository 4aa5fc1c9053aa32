//! What can only be measured from outside a process, or in one that has done nothing else: instructions, memory, start.
//!
//! The benchmark runs itself again with `--child WHAT ENGINE FOLDER COUNT`. A child reads its engine's file and answers.
//!
//! The atlas is read whole, since mapping a file takes `unsafe` and this repository keeps that to one place of the agent. So its
//! memory is the length of the file, where a mapping counts the pages that were touched, and its start has the reading of the
//! file in it; how long that took is told apart.

use crate::clock::now_ms;
use crate::engines::{Anchor, answer_by_anchor, answer_by_clearance, answer_by_containing, answer_by_vicinity};
use crate::files::Files;
use geofence::Atlas;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Output};

/// Functions of `engines.rs` as callgrind is to count them, with the engine's name here.
pub(crate) const COUNTED: [(&str, &str); 4] = [
    ("anchor", "answer_by_anchor"),
    ("containing", "answer_by_containing"),
    ("clearance", "answer_by_clearance"),
    ("vicinity", "answer_by_vicinity"),
];

/// Runs as a child: the arguments behind `--child`.
pub(crate) fn run(arguments: &[String]) {
    let [what, engine, folder, count] = arguments else { panic!("not called by the benchmark") };
    let files = Files::new(Path::new(folder), count.parse().expect("a number of fences"));
    match what.as_str() {
        "start" => answer(engine, &files, &files.trace()[..1]),
        "instructions" => answer(engine, &files, &files.trace()),
        _ => {
            let trace = files.trace();
            let before = resident_kb();
            let after = match engine.as_str() {
                "anchor" => {
                    let anchor = Anchor::new(files.outlines());
                    black_box(answer_by_anchor(&anchor, &trace));
                    resident_kb()
                }
                _ => {
                    let bytes = std::fs::read(&files.atlas).expect("the parent wrote it");
                    let atlas = Atlas::open(&bytes).expect("the parent wrote it");
                    black_box(answer_by_vicinity(&atlas, &trace));
                    resident_kb()
                }
            };
            println!("{before} {after}");
        }
    }
}

/// Says how long reading a file whole took, ms; zero for the anchor, which has to build its tree anyway.
fn answer(engine: &str, files: &Files, trace: &[(f64, f64)]) {
    if engine == "anchor" {
        let anchor = Anchor::new(files.outlines());
        black_box(answer_by_anchor(&anchor, trace));
        println!("0");
        return;
    }
    let begin = now_ms();
    let bytes = std::fs::read(&files.atlas).expect("the parent wrote it");
    println!("{}", now_ms() - begin);
    let atlas = Atlas::open(&bytes).expect("the parent wrote it");
    match engine {
        "containing" => _ = black_box(answer_by_containing(&atlas, trace)),
        "clearance" => _ = black_box(answer_by_clearance(&atlas, trace)),
        _ => _ = black_box(answer_by_vicinity(&atlas, trace)),
    }
}

/// RssAnon and RssFile of this process, kB.
fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0)
    };
    field("RssAnon") + field("RssFile")
}

fn child(before: &[&str], what: &str, engine: &str, folder: &Path, count: usize) -> Option<Output> {
    let own = std::env::current_exe().ok()?;
    let mut command = match before {
        [] => Command::new(&own),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(&own);
            command
        }
    };
    command.args(["--child", what, engine]).arg(folder).arg(count.to_string());
    command.output().ok().filter(|output| output.status.success())
}

/// Instructions per fix, or `None` without valgrind.
pub(crate) fn instructions(engine: &str, folder: &Path, count: usize, fixes: usize) -> Option<f64> {
    let function = COUNTED.iter().find(|(name, _)| *name == engine).map(|(_, function)| *function)?;
    let result = folder.join(format!("callgrind-{engine}-{count}"));
    let out = format!("--callgrind-out-file={}", result.display());
    let toggle = format!("--toggle-collect=*{function}*");
    child(&["valgrind", "--tool=callgrind", &out, &toggle], "instructions", engine, folder, count)?;
    let text = std::fs::read_to_string(&result).ok()?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "))?;
    #[allow(clippy::cast_precision_loss, reason = "below 2^53")]
    total.trim().parse::<u64>().ok().map(|total| total as f64 / fixes as f64)
}

/// What loading and a day of fixes add to a process, MB.
#[allow(clippy::cast_precision_loss, reason = "below 2^53")]
pub(crate) fn resident_mb(engine: &str, folder: &Path, count: usize) -> Option<f64> {
    let said = String::from_utf8(child(&[], "memory", engine, folder, count)?.stdout).ok()?;
    let (before, after) = said.trim().split_once(' ')?;
    Some(after.parse::<u64>().ok()?.saturating_sub(before.parse().ok()?) as f64 / 1024.0)
}

/// From starting a process to its first answer and its end, the best of five, ms; and the part of it that read the file.
pub(crate) fn start_ms(engine: &str, folder: &Path, count: usize) -> Option<(f64, f64)> {
    let once = || {
        let begin = now_ms();
        let said = child(&[], "start", engine, folder, count)?.stdout;
        Some((now_ms() - begin, String::from_utf8(said).ok()?.trim().parse().ok()?))
    };
    let better = |best: (f64, f64), this: (f64, f64)| if this.0 < best.0 { this } else { best };
    (0..5).map(|_| once()).try_fold((f64::INFINITY, 0.0), |best, this| Some(better(best, this?)))
}
