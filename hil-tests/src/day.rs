//! What does a day of decisions cost the agent's processor?
//!
//! 24 hours of a receiver at one fix a second, on errands of eleven minutes between two facilities with a dock, go through the real
//! binary's `replay`: framing, epochs, filter, fences, visits and events, without disk and link. Instructions are counted by
//! valgrind's callgrind, so that two runs give the same figure on a busy machine; the start of the process is subtracted by an
//! empty recording.

use crate::clock::now;
use crate::receiver::{self, Setup};
use crate::world::{Shift, facility};
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// 2026-06-01 00:00 UTC.
const START_UTC_MS: i64 = 1_780_272_000_000;
const DAY_S: usize = 86_400;
/// More than a day of them, at ten and a half to twelve minutes each.
const ROUNDS: u32 = 145;

/// One day's files.
#[derive(Debug)]
pub struct Day {
    dir: PathBuf,
    bytes: usize,
}

/// What a day costs.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Events told.
    pub events: usize,
    /// Bytes of the receiver.
    pub bytes: usize,
    /// From start to end of the process, seconds.
    pub wall_s: f64,
    /// Instructions, the process's start taken off; `None` without valgrind.
    pub instructions: Option<u64>,
}

impl Day {
    /// Writes the day of this seed into `dir`, which exists.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(dir: &Path, seed: u64) -> io::Result<Self> {
        let shift = Shift::errands(seed, ROUNDS);
        let epochs = receiver::listen(&shift, START_UTC_MS, Setup::default());
        let said: Vec<u8> = epochs.into_iter().take(DAY_S).flat_map(|epoch| epoch.bytes).collect();
        facility::write_geojson(&shift.facilities, &shift.origin, &dir.join("facilities.geojson"))?;
        std::fs::write(dir.join("day.nmea"), &said)?;
        std::fs::write(dir.join("empty.nmea"), b"")?;
        Ok(Self { dir: dir.to_owned(), bytes: said.len() })
    }

    /// Runs it through `binary`.
    ///
    /// # Errors
    /// When the process cannot be started or fails.
    pub fn cost(&self, binary: &Path) -> io::Result<Cost> {
        let begin = now();
        let told = self.replay(Command::new(binary), "day.nmea")?;
        let wall_s = now().duration_since(begin).as_secs_f64();
        let events = told.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count();
        let instructions = self.instructions(binary, "day.nmea").zip(self.instructions(binary, "empty.nmea"));
        let instructions = instructions.map(|(day, empty)| day.saturating_sub(empty));
        Ok(Cost { events, bytes: self.bytes, wall_s, instructions })
    }

    fn replay(&self, mut command: Command, recording: &str) -> io::Result<Output> {
        let facilities = self.dir.join("facilities.geojson");
        command.arg("replay").arg("--facilities").arg(facilities).arg(self.dir.join(recording)).stdin(Stdio::null());
        let output = command.output()?;
        if output.status.success() {
            return Ok(output);
        }
        Err(io::Error::other(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr))))
    }

    fn instructions(&self, binary: &Path, recording: &str) -> Option<u64> {
        let result = self.dir.join("callgrind");
        let mut command = Command::new("valgrind");
        command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", result.display())).arg(binary);
        self.replay(command, recording).ok()?;
        let text = std::fs::read_to_string(result).ok()?;
        text.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
    }
}

impl Cost {
    /// `DAY` and a JSON object: `events`, `bytes`, `wall_s`, `instructions` of the day and `instructions_per_fix`.
    #[must_use]
    pub fn last_line(&self) -> String {
        let per_fix = self.instructions.map(|all| all / 86_400);
        let wall_s = (self.wall_s * 100.0).round() / 100.0;
        let Self { events, bytes, instructions, .. } = *self;
        let line = json!({
            "events": events, "bytes": bytes, "wall_s": wall_s, "instructions": instructions, "instructions_per_fix": per_fix,
        });
        format!("DAY {line}")
    }
}
