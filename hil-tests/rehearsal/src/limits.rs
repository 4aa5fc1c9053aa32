//! What is the most that a rehearsal takes on, and how long does it wait for what?

use std::ops::RangeInclusive;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Threads, one a truck, are what ends first: Linux gives a small machine some ten thousand.
pub const TRUCKS_MAX: u32 = 2_000;
/// A day; sixteen drives of 24 hours take 16 x 24 x 3,600 epochs of 550 bytes, 760 MB.
pub const HOURS: RangeInclusive<f64> = 0.1..=24.0;
/// An epoch every 1.7 ms: the runtime's timers have milliseconds.
pub const SPEED_MAX: u32 = 600;
/// The drives that there are; trucks share them, each with its own faults.
pub const DRIVES_MAX: usize = 16;
/// As many trucks are real processes, or half of them where there are fewer than twice as many.
pub const PROCESSES_MAX: usize = 20;
/// Open files of this process for a truck: runtime 3, journal 3, lock 1, recording 1, TCP 1, relay 2, receiver of a process 2, link 3; and
/// one to spare.
const FILES_PER_TRUCK: u64 = 17;
/// Everything else: database connections, logs, the runtime of the links.
const FILES_BESIDE: u64 = 200;
/// Agents that start all at once, on a machine that does other things too: some milliseconds of processor time each.
pub const START_PATIENCE: Duration = Duration::from_secs(120);
/// After the drive: a half-open connection is found after 20 s (twice the keep-alive) or 30 s (a PUBACK), back-off is at most 300 s of the
/// truck's time, a killed database takes up to a minute.
const SETTLE_PATIENCE: Duration = Duration::from_secs(120);
/// And for each truck: an errand's 14 events, at a hundred a second of a machine that is busy with the fleet too.
const SETTLE_PER_TRUCK: Duration = Duration::from_millis(140);
/// The keep-alive of the trucks, real seconds: the least that the agent takes.
pub const KEEP_ALIVE_S: u32 = 10;

/// How long a fleet may take after the drive until nothing is owed.
#[must_use]
pub fn settle_patience(trucks: usize) -> Duration {
    SETTLE_PATIENCE + SETTLE_PER_TRUCK * u32::try_from(trucks).unwrap_or(u32::MAX)
}

/// Raises the limit of open files of this process, and with it of those that it starts, as far as `trucks` need it.
///
/// # Errors
/// When the system does not allow as many, with the remedy.
pub fn open_files(trucks: u32) -> Result<(), String> {
    let need = u64::from(trucks) * FILES_PER_TRUCK + FILES_BESIDE;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= need) {
        return Ok(());
    }
    let fewer = maximum.map_or(0, |maximum| maximum.saturating_sub(FILES_BESIDE) / FILES_PER_TRUCK);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(need), maximum });
    raised.map_err(|_| {
        format!(
            "{trucks} trucks need {need} open files, and this system allows {}: raise it (`ulimit -n {need}` as root), or take --trucks \
             {fewer}",
            maximum.unwrap_or(0)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_files_than_the_system_allows_are_refused_with_what_would_do() {
        assert_eq!(open_files(1), Ok(()));
        if getrlimit(Resource::Nofile).maximum.is_some_and(|maximum| maximum < 1 << 40) {
            let told = open_files(u32::MAX).expect_err("refused");
            assert!(told.contains("ulimit -n") && told.contains("--trucks"), "{told}");
        }
    }
}
