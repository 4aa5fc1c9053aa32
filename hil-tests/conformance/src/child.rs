//! Work in a child process: a crash there is counted, not suffered. The release profile aborts on a panic, as the agent must.

use crate::log::{self, Log};
use crate::options::Options;
use crate::ordeal::{self, Clean, Tally};
use crate::ways::{Seen, Way};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

/// A child tells what it has after so many mutated pieces.
const TELL_EVERY: u64 = 5_000;
/// Before a child's line: the case in which it panicked.
const PANICKED: &str = "PANICKED ";

/// What a way made of a log; `None`: it crashed.
pub type Result = Option<Vec<Seen>>;

/// Every way on the recording at `path`, each in its turn, in a child that is started anew after a crash.
///
/// # Errors
/// The child cannot be started.
pub fn all_ways(path: &Path) -> io::Result<Vec<Result>> {
    let mut results: Vec<Result> = Vec::new();
    while results.len() < Way::ALL.len() {
        let program = std::env::current_exe()?;
        let mut command = Command::new(program);
        command.arg("--ways-from").arg(results.len().to_string()).arg(path);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let output = child.stdout.take().ok_or_else(|| io::Error::other("the child has no output"))?;
        for line in BufReader::new(output).lines() {
            results.extend(serde_json::from_str(&line?).ok().map(Some));
        }
        if !child.wait()?.success() {
            results.push(None);
        }
    }
    Ok(results)
}

/// The child's side: one line of JSON for each way from `first` on.
///
/// # Errors
/// The recording cannot be read, or nobody reads the lines.
pub fn serve(path: &Path, first: usize) -> io::Result<()> {
    let log = Log::read(path)?;
    let mut out = io::stdout().lock();
    for way in Way::ALL.into_iter().skip(first) {
        serde_json::to_writer(&mut out, &way.run(&log.bytes))?;
        out.write_all(b"\n")?;
        out.flush()?;
    }
    Ok(())
}

/// The whole series of mutations in as many children as there are cores; `progress` is told the part that is done.
///
/// # Errors
/// A child cannot be started.
pub fn ordeal(options: &Options, progress: &(dyn Fn(&Tally) + Sync)) -> io::Result<Tally> {
    let shards =
        std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64).min(options.mutations.max(1));
    let total = std::sync::Mutex::new(Tally::default());
    let add = |part: Tally| {
        if let Ok(mut total) = total.lock() {
            total.add(part);
            progress(&total);
        }
    };
    let share = options.mutations.div_ceil(shards);
    std::thread::scope(|scope| {
        let shards = (0..shards).map(|shard| {
            let (from, to) = (shard * share, ((shard + 1) * share).min(options.mutations));
            scope.spawn(move || shard_of(options, from, to, &add))
        });
        let running: Vec<_> = shards.collect();
        running
            .into_iter()
            .try_for_each(|shard| shard.join().unwrap_or_else(|_| Err(io::Error::other("a thread died"))))
    })?;
    Ok(total.into_inner().unwrap_or_default())
}

/// Cases `from..to` in a child, and after a crash the rest of them in another.
fn shard_of(options: &Options, mut from: u64, to: u64, add: &(dyn Fn(Tally) + Sync)) -> io::Result<()> {
    while from < to {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--mutations", &to.to_string(), "--mutations-from", &from.to_string()]);
        command.args(["--seed", &options.seed.to_string()]).arg(&options.folder);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let output = child.stdout.take().ok_or_else(|| io::Error::other("the child has no output"))?;
        let mut crashed_at: Option<u64> = None;
        for line in BufReader::new(output).lines() {
            let line = line?;
            if let Some(case) = line.strip_prefix(PANICKED) {
                crashed_at = case.split(' ').next().and_then(|case| case.parse().ok());
                add(Tally { panics: 1, cases: 1, told: vec![format!("panic in case {case}")], ..Tally::default() });
            } else if let Ok(part) = serde_json::from_str::<Tally>(&line) {
                add(part);
            }
        }
        match (child.wait()?.success(), crashed_at) {
            (true, _) => return Ok(()),
            (false, Some(case)) => from = case + 1,
            (false, None) => return Err(io::Error::other("a child ended without saying in which case")),
        }
    }
    Ok(())
}

/// The child's side of [`ordeal()`]: tallies of the cases from `first` to `options.mutations`, one line of JSON each.
///
/// # Errors
/// A recording cannot be read, or nobody reads the lines.
pub fn serve_ordeal(options: &Options, first: u64) -> io::Result<()> {
    static CASE: AtomicU64 = AtomicU64::new(0);
    std::panic::set_hook(Box::new(|panic| {
        let _ = writeln!(
            io::stdout(),
            "{PANICKED}{} {}",
            CASE.load(Ordering::Relaxed),
            panic.to_string().replace('\n', " ")
        );
    }));
    let logs = log::find(&options.folder)?.iter().map(|path| Log::read(path)).collect::<io::Result<Vec<Log>>>()?;
    let streams: Vec<&[u8]> = logs.iter().map(|log| log.bytes.as_slice()).collect();
    let clean = Clean::of(&streams);
    let mut tally = Tally::default();
    for number in first..options.mutations {
        CASE.store(number, Ordering::Relaxed);
        ordeal::run(&logs, &streams, &clean, options.seed, number, &mut tally);
        if tally.cases == TELL_EVERY || number + 1 == options.mutations {
            writeln!(io::stdout(), "{}", serde_json::to_string(&tally)?)?;
            tally = Tally::default();
        }
    }
    Ok(())
}
