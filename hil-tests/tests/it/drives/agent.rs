//! How is the real binary asked to replay a recording?

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

/// The agent's binary, looked for or built once.
pub(super) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| hil_tests::gateway::binary().expect("the agent's binary"))
}

/// Runs `gatestamp replay` with these arguments.
pub(super) fn replay<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Output {
    Command::new(binary()).arg("replay").args(arguments).output().expect("the agent starts")
}

/// What was printed by a run that must have gone well, which is: code 0, and no panic.
pub(super) fn stdout_of(run: Output, what: &dyn std::fmt::Display) -> Vec<u8> {
    if let Some(fault) = fault_of(&run) {
        panic!("replay of {what}: {fault}");
    }
    run.stdout
}

/// Why a run did not go well, or `None` if it did.
pub(super) fn fault_of(run: &Output) -> Option<String> {
    let complaint = String::from_utf8_lossy(&run.stderr);
    let panicked = complaint.contains("panicked at");
    (panicked || !run.status.success()).then(|| format!("{}: {}", run.status, complaint.trim()))
}

/// Whether it ended because no receiver speaks in the file, and told nothing of it.
pub(super) fn is_refused(run: &Output) -> bool {
    let complaint = String::from_utf8_lossy(&run.stderr);
    run.status.code() == Some(74) && run.stdout.is_empty() && complaint.contains("no recording, and no NMEA in it")
}

/// One JSON value per line.
pub(super) fn json_lines(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).expect("JSON lines are UTF-8");
    let parsed = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in: {line}"));
    text.lines().map(parsed).collect()
}

/// A text member of a JSON object; the event contract has no optional ones among those asked for here.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {pointer} in {object}"))
}

/// Seconds since midnight of `2020-02-07T02:14:17.000Z` or `02:14:17.0`.
pub(super) fn seconds_of_day(time: &str) -> f64 {
    let clock = time.split_once('T').map_or(time, |(_, clock)| clock).trim_end_matches('Z');
    let parts: Vec<f64> = clock.split(':').map(|part| part.parse().unwrap_or(f64::NAN)).collect();
    assert!(parts.len() == 3 && parts.iter().all(|part| part.is_finite()), "{time:?} is no time");
    parts[0] * 3_600.0 + parts[1] * 60.0 + parts[2]
}
