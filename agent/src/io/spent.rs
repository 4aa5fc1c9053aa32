//! The bytes of the month, over restarts: a file of one line beside the journal, `traffic`.
//!
//! It is written ahead: it says what was spent, and what may be spent before it is written again. What a kill takes with it is less
//! than that, and counts as spent at the next start.

use crate::budget::{Budget, Kept, Month};
use crate::time::Mono;
use geofence::Span;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

const MAGIC: &str = "GATESTAMP-TRAFFIC 2";
/// The same without the month before. It is still read.
const MAGIC_1: &str = "GATESTAMP-TRAFFIC 1";
/// The longest line that can be right: the magic, two months, nine numbers of at most 20 digits, and the CRC.
const LINE_MAX: usize = 256;
/// Written at least this often while anything is spent.
const EVERY: Span = Span::seconds(600);
/// May be spent before it is written again, within these: what was spent in these ten minutes, or twice what was in the ten before. Not
/// what a second's rate would make of ten minutes: each connection begins with a handshake. A truck whose power is cut 300 times a
/// month, each time within ten minutes of a connection of 6.9 kB, pays at most 2.1 MB for it; a backlog of 100 MB is written about
/// 800 times.
const AHEAD_MIN: u64 = 4_096;
const AHEAD_MAX: u64 = 256 * 1_024;

/// The file.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    /// Spent, and what may be spent, as it stands there; `None`: not written in this run.
    written: Option<(u64, u64, Mono)>,
    window: Window,
    /// Said once that it cannot be written.
    warned: bool,
}

/// Ten minutes, and what they cost.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    begun: Mono,
    /// Spent by then.
    from: u64,
    /// What the ten minutes before cost.
    before: u64,
}

impl Window {
    fn begin(at: Mono, spent: u64) -> Self {
        Self { begun: at, from: spent, before: 0 }
    }

    /// What may be spent ahead at `at`, by what was spent so far.
    fn ahead(&mut self, at: Mono, spent: u64) -> u64 {
        let so_far = spent.saturating_sub(self.from);
        if at - self.begun >= EVERY {
            *self = Self { begun: at, from: spent, before: so_far };
        }
        so_far.max(self.before.saturating_mul(2)).clamp(AHEAD_MIN, AHEAD_MAX)
    }
}

impl Ledger {
    /// Reads the ledger in `dir` into `budget`. One that cannot be believed is set aside, and what it said counts as spent.
    pub fn open(dir: &Path, budget: &mut Budget) -> Self {
        let path = dir.join("traffic");
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(bytes) if let Some((kept, ahead)) = read(&bytes) => budget.resume(kept, ahead),
            Ok(_) | Err(_) => {
                let kept = path.with_extension("refused");
                // Where it cannot be moved it is written over.
                let _ = fs::rename(&path, &kept);
                tracing::warn!(
                    kept = %kept.display(),
                    "the ledger of the month's bytes cannot be read; an even share of the budget counts as spent"
                );
                budget.resume_unknown();
            }
        }
        Self { path, written: None, window: Window::default(), warned: false }
    }

    /// Writes it where that is due at `at`.
    pub fn tend(&mut self, at: Mono, budget: &Budget) {
        let spent = budget.spent();
        let ahead = match self.written {
            // A new month has begun, where less was spent than before.
            Some((before, ahead, then)) if spent >= before => {
                let since = spent - before;
                let is_due = since >= ahead / 2 || (since > 0 && at - then >= EVERY);
                if !is_due {
                    return;
                }
                self.window.ahead(at, spent)
            }
            None | Some(_) => {
                self.window = Window::begin(at, spent);
                AHEAD_MIN
            }
        };
        self.write(at, budget, ahead);
    }

    /// The last word of a daemon that was told to stop: nothing is spent after it.
    pub fn close(&mut self, at: Mono, budget: &Budget) {
        self.write(at, budget, 0);
    }

    fn write(&mut self, at: Mono, budget: &Budget, ahead: u64) {
        let kept = budget.kept();
        let written = replace(&self.path, line(&kept, ahead).as_bytes());
        // Also where the disk refuses: it is tried again when as much more is spent, and not with each byte.
        self.written = Some((budget.spent(), ahead, at));
        match written {
            Ok(()) => self.warned = false,
            Err(error) => {
                if !std::mem::replace(&mut self.warned, true) {
                    tracing::warn!(%error, file = %self.path.display(), "the ledger of the month's bytes cannot be written");
                }
            }
        }
    }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

fn line(kept: &Kept, ahead: u64) -> String {
    let (before, spent) = kept.before.map_or((None, 0), |(month, spent)| (Some(month), spent));
    sealed(&format!("{MAGIC} {} {} {spent}", counted(kept, ahead), word(before)))
}

/// A month, what it has cost by class, and what it may.
fn counted(kept: &Kept, ahead: u64) -> String {
    let numbers = kept.spent.iter().chain([&ahead]).map(|number| format!(" {number}")).collect::<String>();
    format!("{}{numbers}", word(kept.month))
}

fn word(month: Option<Month>) -> String {
    month.map_or_else(|| "-".to_owned(), Month::text)
}

fn sealed(said: &str) -> String {
    format!("{said} {:08x}\n", crc32fast::hash(said.as_bytes()))
}

fn read(bytes: &[u8]) -> Option<(Kept, u64)> {
    let text = std::str::from_utf8(bytes.get(..LINE_MAX.min(bytes.len()))?).ok()?;
    let old = text.starts_with(MAGIC_1);
    let mut words = text.strip_prefix(if old { MAGIC_1 } else { MAGIC })?.split_whitespace();
    let mut kept = Kept { month: Month::parse(words.next()?), ..Kept::default() };
    for spent in &mut kept.spent {
        *spent = words.next()?.parse().ok()?;
    }
    let ahead = words.next()?.parse().ok()?;
    if !old {
        let before = Month::parse(words.next()?);
        let spent = words.next()?.parse().ok()?;
        kept.before = before.map(|month| (month, spent));
    }
    // Written again it is the same, CRC and all: there is one way to write it.
    let again = if old { sealed(&format!("{MAGIC_1} {}", counted(&kept, ahead))) } else { line(&kept, ahead) };
    (again.as_bytes() == bytes).then_some((kept, ahead))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::besttime::{BestTime, TimeSource};
    use crate::budget::{CLASSES, Class};
    use crate::time::parse_rfc3339;

    fn budget() -> Budget {
        let mut budget = Budget::new(25_000_000, 120);
        let utc = parse_rfc3339("2026-11-10T00:00:00Z").unwrap();
        budget.at(BestTime { utc, source: TimeSource::Gnss });
        budget
    }

    fn minutes(n: u64) -> Mono {
        Mono(n * 60_000)
    }

    /// What a start finds.
    fn found(dir: &Path) -> u64 {
        let mut budget = budget();
        Ledger::open(dir, &mut budget);
        budget.spent()
    }

    #[test]
    fn what_a_kill_takes_with_it_counts_as_spent_and_a_stop_costs_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut spent = budget();
        let mut ledger = Ledger::open(dir.path(), &mut spent);
        let mut writes = 0;
        for minute in 0..24 * 60 {
            // A day of the frugal profile, then a backlog.
            let bytes = if minute < 1_380 { 100 } else { 300_000 };
            for second in 0..60 {
                spent.spend(Class::Visits, bytes / 60);
                let before = ledger.written;
                ledger.tend(Mono(minute * 60_000 + second * 1_000), &spent);
                writes += u32::from(ledger.written != before);
            }
            let found = found(dir.path());
            assert!(found >= spent.spent(), "minute {minute}: {found} of {}", spent.spent());
            assert!(found <= spent.spent() + AHEAD_MAX, "minute {minute}: {found} of {}", spent.spent());
        }
        // 138 of the first 23 hours, each ten minutes, and one for each 128 KiB of the backlog.
        assert!((200..320).contains(&writes), "{writes}");
        ledger.close(minutes(1_440), &spent);
        assert_eq!(found(dir.path()), spent.spent());
    }

    #[test]
    fn a_power_cut_soon_after_a_connection_costs_no_more_than_the_connection() {
        const CONNECTION: u64 = 6_900;
        for pieces in [1, 69, 6] {
            let dir = tempfile::tempdir().unwrap();
            let mut spent = budget();
            let mut ledger = Ledger::open(dir.path(), &mut spent);
            for tick in 0..300 {
                if tick < pieces {
                    spent.spend(Class::Link, CONNECTION / pieces);
                }
                // 25 ms a tick at first, then quiet.
                ledger.tend(Mono(tick * if tick < 70 { 25 } else { 1_000 }), &spent);
            }
            let cost = found(dir.path()) - CONNECTION;
            assert!(cost <= CONNECTION, "in {pieces} pieces: {cost}");
        }
    }

    #[test]
    fn the_month_before_is_kept_and_a_file_without_it_is_read() {
        let before = Month::parse("2026-11").map(|month| (month, u64::MAX));
        let kept = Kept { month: Month::parse("2026-12"), spent: [u64::MAX; CLASSES], before };
        let longest = line(&kept, u64::MAX);
        assert_eq!(read(longest.as_bytes()), Some((kept, u64::MAX)), "{longest}");
        let said = "GATESTAMP-TRAFFIC 1 2026-12 1 2 3 4 5 6 7 4096";
        let old = Kept { month: Month::parse("2026-12"), spent: [1, 2, 3, 4, 5, 6, 7], before: None };
        assert_eq!(read(sealed(said).as_bytes()), Some((old, 4_096)));
        assert_eq!(read(sealed(&format!("{said} 2026-11 9")).as_bytes()), None);
    }

    #[test]
    fn torn_and_hostile_files_are_set_aside_and_free_no_bytes() {
        let kept = Kept { month: Month::parse("2026-11"), spent: [700; CLASSES], before: None };
        let good = line(&kept, 4_096);
        assert_eq!(read(good.as_bytes()), Some((kept, 4_096)));
        let cut = |length| good.as_bytes()[..length].to_vec();
        let flipped = good.replacen('7', "1", 1).into_bytes();
        let cases = [
            Vec::new(),
            cut(1),
            cut(good.len() - 1),
            flipped,
            vec![b'9'; 1 << 16],
            vec![0xff; 40],
            [good.as_bytes(), good.as_bytes()].concat(),
            good.replace(" 2 2026", " 3 2026").into_bytes(),
            good.replace(" 2 2026", " 1 2026").into_bytes(),
        ];
        for bytes in cases {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("traffic"), &bytes).unwrap();
            let mut budget = Budget::new(30_000_000, 120);
            let mut ledger = Ledger::open(dir.path(), &mut budget);
            let utc = parse_rfc3339("2026-11-10T00:00:00Z").unwrap();
            budget.at(BestTime { utc, source: TimeSource::Gnss });
            assert_eq!((budget.spent(), fs::read(dir.path().join("traffic.refused")).unwrap()), (9_000_000, bytes));
            ledger.tend(minutes(0), &budget);
            assert_eq!(found(dir.path()), 9_000_000 + AHEAD_MIN);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_stops_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut budget = budget();
        let mut ledger = Ledger::open(&dir.path().join("away"), &mut budget);
        budget.spend(Class::Link, 1);
        ledger.tend(minutes(0), &budget);
        assert!(ledger.warned);
    }
}
