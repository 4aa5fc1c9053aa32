//! Work in a child process: a crash there is counted, not suffered. The release profile aborts on a panic, as the agent must.

use crate::log::Log;
use crate::ways::{Seen, Way};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

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
