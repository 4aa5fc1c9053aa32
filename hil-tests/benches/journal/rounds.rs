//! The two ways of keeping the same things, turn by turn.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use gatestamp::io::journal::{Journal, Position};
use hil_tests::clock::now;

use super::day::Save;

/// As the agent's default.
const QUOTA: u64 = 64 << 20;

/// What both cost.
pub(crate) struct Rounds {
    append: Cost,
    journal: Cost,
}

#[derive(Default)]
struct Cost {
    times: Vec<Duration>,
    bytes: u64,
}

impl Cost {
    fn take(&mut self, work: impl FnOnce()) {
        let (bytes, begin) = (written(), now());
        work();
        self.times.push(now().duration_since(begin));
        self.bytes += written() - bytes;
    }

    fn p50_us(&self) -> f64 {
        let mut times = self.times.clone();
        times.sort_unstable();
        times.get(times.len() / 2).map_or(0.0, |time| (time.as_secs_f64() * 1e7).round() / 10.0)
    }
}

impl Rounds {
    /// Keeps all of it both ways; who comes first changes from one to the next.
    pub(crate) fn run(dir: &Path, saves: &[Save]) -> Self {
        let mut file = OpenOptions::new().create(true).append(true).open(dir.join("append")).expect("a file");
        let mut journal = Journal::open(&dir.join("journal.db"), QUOTA).expect("a new journal");
        let (mut append_cost, mut journal_cost) = (Cost::default(), Cost::default());
        for (turn, save) in saves.iter().enumerate() {
            if turn % 2 == 0 {
                append_cost.take(|| append(&mut file, save));
            }
            journal_cost.take(|| commit(&mut journal, save));
            if turn % 2 == 1 {
                append_cost.take(|| append(&mut file, save));
            }
        }
        Self { append: append_cost, journal: journal_cost }
    }

    pub(crate) fn time_ratio(&self) -> f64 {
        self.journal.p50_us() / self.append.p50_us()
    }

    pub(crate) fn bytes_ratio(&self) -> f64 {
        self.journal.bytes as f64 / self.append.bytes as f64
    }

    pub(crate) fn bytes_per_commit(&self) -> u64 {
        self.journal.bytes / (self.journal.times.len() as u64).max(1)
    }

    pub(crate) fn journal_p50_us(&self) -> f64 {
        self.journal.p50_us()
    }

    pub(crate) fn append_p50_us(&self) -> f64 {
        self.append.p50_us()
    }
}

/// Commits them in a new journal in `dir`, and nothing else.
pub(crate) fn journal_only(dir: &Path, saves: &[Save]) {
    let mut journal = Journal::open(&dir.join("journal.db"), QUOTA).expect("a new journal");
    for save in saves {
        commit(&mut journal, save);
    }
}

fn append(file: &mut File, save: &Save) {
    let bodies = save.events.iter().map(|event| event.body.as_slice());
    let all: Vec<u8> = bodies.chain([save.state.as_slice()]).flatten().copied().collect();
    file.write_all(&all).expect("room");
    file.sync_data().expect("a disk that syncs");
}

fn commit(journal: &mut Journal, save: &Save) {
    journal.save(&save.events, &save.state, Position { segment: 1, records: 1 }).expect("room in the journal");
}

/// Bytes that this process has handed to the system so far.
fn written() -> u64 {
    let counters = std::fs::read_to_string("/proc/self/io").expect("Linux counts for a process itself");
    let line = counters.lines().find_map(|line| line.strip_prefix("wchar: "));
    line.and_then(|count| count.trim().parse().ok()).expect("a count of written bytes")
}
