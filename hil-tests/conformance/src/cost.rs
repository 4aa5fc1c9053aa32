//! What does a sentence cost? Instructions and allocations, counted by callgrind: of the agent's whole reception, and of
//! `nmea::parse_str` on every line, over the text logs.
//!
//! The tool runs itself under valgrind with `--cost-of`; callgrind collects within one function only, which is named here. The
//! agent's side is counted in its steady state: the same streams have gone through the same reception twice before. Only the second
//! time goes from the last stream back to the first, and may meet with a reason for refusing that was never counted before.

use crate::log::{self, Kind, Log};
use gatestamp::gnss::{DateFloor, Reception};
use gatestamp::time::Mono;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// The agent's instructions, as a part of the crate's, at most.
pub const RATIO_MAX: f64 = 0.40;
/// Bytes of one read: what a serial port gives.
const READ: usize = 64;

/// Cost per sentence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Lines that begin with `$`.
    pub sentences: usize,
    /// Instructions for each of them, agent and crate.
    pub instructions: [f64; 2],
    /// Allocations in all, agent and crate.
    pub allocations: [u64; 2],
}

impl Cost {
    /// The agent's instructions as a part of the crate's.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.instructions[0] / self.instructions[1]
    }
}

const SIDES: [(&str, &str); 2] = [("agent", "cost_of_the_agent"), ("crate", "cost_of_the_crate")];

/// Measures both sides; `None` without valgrind.
///
/// # Errors
/// The recordings cannot be read.
pub fn measure(folder: &Path) -> io::Result<Option<Cost>> {
    let sentences = texts(folder)?.iter().flat_map(|log| lines(&log.bytes)).count();
    let mut counted = Vec::new();
    for (side, function) in SIDES {
        match count(folder, side, function)? {
            Some(count) => counted.push(count),
            None => return Ok(None),
        }
    }
    let [agent, theirs] = counted.as_slice() else { return Ok(None) };
    #[allow(clippy::cast_precision_loss, reason = "below 2^53")]
    let each = |count: &Count| count.instructions as f64 / sentences as f64;
    let instructions = [each(agent), each(theirs)];
    Ok(Some(Cost { sentences, instructions, allocations: [agent.allocations, theirs.allocations] }))
}

/// The child's side: runs what callgrind counts.
///
/// # Errors
/// The recordings cannot be read.
pub fn serve(folder: &Path, side: &str) -> io::Result<()> {
    let logs = texts(folder)?;
    if side == "crate" {
        cost_of_the_crate(&logs);
        return Ok(());
    }
    let mut reception = Reception::new(DateFloor(None));
    for log in logs.iter().chain(&logs) {
        for read in log.bytes.chunks(READ) {
            reception.feed(Mono(0), read, |outcome| _ = black_box(outcome));
        }
    }
    cost_of_the_agent(&mut reception, &logs);
    Ok(())
}

#[inline(never)]
fn cost_of_the_agent(reception: &mut Reception, logs: &[Log]) {
    for log in logs {
        for read in log.bytes.chunks(READ) {
            reception.feed(Mono(0), read, |outcome| _ = black_box(outcome));
        }
    }
}

#[inline(never)]
fn cost_of_the_crate(logs: &[Log]) {
    for log in logs {
        for line in lines(&log.bytes) {
            let _ = black_box(nmea::parse_str(line));
        }
    }
}

fn texts(folder: &Path) -> io::Result<Vec<Log>> {
    let logs = log::find(folder)?.iter().map(|path| Log::read(path)).collect::<io::Result<Vec<Log>>>()?;
    Ok(logs.into_iter().filter(|log| log.kind == Kind::Text).collect())
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let text = |line| std::str::from_utf8(line).ok().map(str::trim_end).filter(|line| line.starts_with('$'));
    bytes.split(|byte| *byte == b'\n').filter_map(text)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Count {
    instructions: u64,
    allocations: u64,
}

fn count(folder: &Path, side: &str, function: &str) -> io::Result<Option<Count>> {
    let result = std::env::temp_dir().join(format!("conformance-cost-{}-{side}", std::process::id()));
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--compress-strings=no", "--compress-pos=no"]);
    valgrind.arg(format!("--callgrind-out-file={}", result.display())).arg(format!("--toggle-collect=*{function}*"));
    valgrind.arg(std::env::current_exe()?).args(["--cost-of", side]).arg(folder);
    let ran = valgrind.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let text = std::fs::read_to_string(&result);
    // Nothing is there to remove where valgrind did not run.
    let _ = std::fs::remove_file(&result);
    Ok(match (ran, text) {
        (Ok(status), Ok(text)) if status.success() => read(&text),
        _ => None,
    })
}

/// The totals of a callgrind file, and how often something that allocates was called.
fn read(text: &str) -> Option<Count> {
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()?;
    let mut calls = BTreeMap::<&str, u64>::new();
    let mut callee = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("cfn=") {
            callee = name;
        } else if let Some(count) =
            line.strip_prefix("calls=").and_then(|rest| rest.split(' ').next()?.parse::<u64>().ok())
        {
            *calls.entry(callee).or_default() += count;
        }
    }
    let allocates = |name: &str| matches!(name, "malloc" | "calloc" | "realloc" | "posix_memalign" | "aligned_alloc");
    let allocations = calls.iter().filter(|(name, _)| allocates(name)).map(|(_, count)| count).sum();
    Some(Count { instructions: total, allocations })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_and_allocations_are_read_from_what_callgrind_writes() {
        let file = "events: Ir\nfn=a\n16 400\ncfn=malloc\ncalls=3 0\n16 90\ncfn=b\ncalls=9 0\n16 1\ncfn=realloc\ncalls=1 5\n\
            totals: 12345\n";
        assert_eq!(read(file), Some(Count { instructions: 12_345, allocations: 4 }));
    }
}
