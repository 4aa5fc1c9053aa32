//! A start is killed while it salvages: the next one does the rest, whatever it finds of the first.

use crate::drive::{all_events, inputs};
use crate::power_cut::{journaled, live};
use crate::salvage::{Chance, filled, overwrite, page_bytes, set_aside};
use gatestamp::io::journal::{Journal, JournalError, Position};
use gatestamp::io::resume::open_journal;
use gatestamp::outbox::History;
use geofence::UnixMillis;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const ROOMY: u64 = 64 << 20;
const NOW: UnixMillis = UnixMillis(1_795_358_161_007);
const LATER: UnixMillis = UnixMillis(1_795_358_261_007);
const KEPT: &str = "journal.db.damaged-20261122T143601007Z";
const NOWHERE: Position = Position { segment: 0, records: 0 };
const WORDS: [&str; 2] = ["journal_damaged_set_aside", "journal_events_salvaged"];

/// A damaged journal, and what can be read of it.
struct Damaged {
    template: tempfile::TempDir,
    readable: BTreeMap<u64, Vec<u8>>,
}

impl Damaged {
    fn new() -> Self {
        let template = tempfile::tempdir().unwrap();
        filled(template.path(), 300);
        spoil(&template.path().join("journal.db"));
        let tried = copied(template.path());
        let readable = events(&open_journal(tried.path(), ROOMY, NOW).unwrap().journal);
        assert!((280..300).contains(&readable.len()), "{}", readable.len());
        Self { template, readable }
    }

    /// A state directory where it is the journal.
    fn dir(&self) -> tempfile::TempDir {
        copied(self.template.path())
    }

    /// All is as after a start that nobody stopped.
    fn assert_salvaged(&self, dir: &Path, what: &str) {
        let opened = open_journal(dir, ROOMY, LATER).unwrap();
        assert_eq!(opened.why, WORDS, "{what}");
        let mut journal = opened.journal;
        assert_eq!(events(&journal), self.readable, "{what}");
        let known = (journal.thru().unwrap(), journal.sent(), journal.history().unwrap(), journal.is_accepted());
        assert_eq!(known, (17, 300, History::Known, false), "{what}");
        assert!(marker(dir).exists(), "{what}");
        settle(&mut journal);
        assert!(!marker(dir).exists(), "{what}: it is done with");
        drop(journal);
        let again = open_journal(dir, ROOMY, LATER).unwrap();
        assert!(again.why.is_empty() && events(&again.journal).len() == self.readable.len(), "{what}");
    }
}

fn spoil(path: &Path) {
    let whole = fs::read(path).unwrap();
    overwrite(path, &[whole.len() / page_bytes(&whole) / 2], &mut Chance(3));
}

fn copied(from: &Path) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
    }
    dir
}

fn marker(dir: &Path) -> PathBuf {
    dir.join("journal.salvage")
}

fn sealed(said: &str) -> String {
    format!("{said} {:08x}\n", crc32fast::hash(said.as_bytes()))
}

fn mark(dir: &Path, attempts: u32, names: &str) {
    fs::write(marker(dir), sealed(&format!("GATESTAMP-SALVAGE 1 {attempts} {names}"))).unwrap();
}

fn events(journal: &Journal) -> BTreeMap<u64, Vec<u8>> {
    journal.bodies(&(0..=u64::MAX >> 1)).unwrap().into_iter().collect()
}

/// Without their logs.
fn journals_aside(dir: &Path) -> usize {
    let is_journal = |path: &&PathBuf| !["-wal", "-shm"].iter().any(|end| path.to_string_lossy().ends_with(end));
    set_aside(dir).iter().filter(is_journal).count()
}

fn settle(journal: &mut Journal) {
    journal.settle();
    journal.number_above(journal.base());
    journal.save(&[], b"{}", NOWHERE).unwrap();
}

#[test]
fn killed_at_any_step_the_next_start_salvages_all_of_it() {
    let damaged = Damaged::new();
    type Step = fn(&Path);
    let steps: [(&str, Step); 7] = [
        ("before the mark", |_| {}),
        ("the mark is half written", |dir| fs::write(dir.join("journal.salvage.new"), b"GATEST").unwrap()),
        ("marked and not moved", |dir| mark(dir, 0, KEPT)),
        ("moved", |dir| {
            mark(dir, 0, KEPT);
            fs::rename(dir.join("journal.db"), dir.join(KEPT)).unwrap();
        }),
        ("the new one has its tables", |dir| {
            mark(dir, 1, KEPT);
            fs::rename(dir.join("journal.db"), dir.join(KEPT)).unwrap();
            drop(Journal::open(&dir.join("journal.db"), ROOMY).unwrap());
        }),
        ("half-way", |dir| {
            drop(open_journal(dir, ROOMY, NOW).unwrap());
            mark(dir, 1, KEPT);
            let new = Connection::open(dir.join("journal.db")).unwrap();
            new.execute("DELETE FROM event WHERE sequence > 120", []).unwrap();
        }),
        ("salvaged, not settled", |dir| drop(open_journal(dir, ROOMY, NOW).unwrap())),
    ];
    for (what, step) in steps {
        let dir = damaged.dir();
        step(dir.path());
        damaged.assert_salvaged(dir.path(), what);
        assert_eq!(journals_aside(dir.path()), 1, "{what}");
    }
}

#[test]
fn settled_and_not_noted_nothing_is_put_again() {
    let dir = Damaged::new().dir();
    let mut journal = open_journal(dir.path(), ROOMY, NOW).unwrap().journal;
    settle(&mut journal);
    journal.received(300).unwrap();
    drop(journal);
    // Evicted since.
    Connection::open(dir.path().join("journal.db")).unwrap().execute("DELETE FROM event", []).unwrap();
    mark(dir.path(), 1, KEPT);
    let opened = open_journal(dir.path(), ROOMY, LATER).unwrap();
    assert!(opened.why.is_empty() && events(&opened.journal).is_empty() && !marker(dir.path()).exists());
}

#[test]
fn the_log_of_a_journal_that_was_half_moved_goes_with_it() {
    let template = tempfile::tempdir().unwrap();
    filled(template.path(), 40);
    let path = template.path().join("journal.db");
    // Its newest events are in the log only.
    let db = Connection::open(&path).unwrap();
    db.execute_batch("PRAGMA wal_autocheckpoint = 0").unwrap();
    let mut event = all_events().remove(1);
    event.renumber(41 - event.sequence);
    let row = (41, event.id.clone(), event.kind.name(), event.at.0, event.body.clone());
    db.execute("INSERT INTO event (sequence, id, type, at_ms, body) VALUES (?1, ?2, ?3, ?4, ?5)", row).unwrap();
    let dir = copied(template.path());
    drop(db);
    let log = fs::read(dir.path().join("journal.db-wal")).unwrap();
    assert!(log.len() > 1_000);
    mark(dir.path(), 0, KEPT);
    fs::rename(dir.path().join("journal.db"), dir.path().join(KEPT)).unwrap();
    let opened = open_journal(dir.path(), ROOMY, LATER).unwrap();
    assert_eq!(opened.why, WORDS);
    assert_eq!(opened.journal.bodies(&(41..=41)).unwrap(), [(41, event.body)]);
    assert_eq!(fs::read(dir.path().join(format!("{KEPT}-wal"))).unwrap(), log, "the evidence stays as it was");
}

#[test]
fn what_was_sent_acknowledged_and_ordered_since_does_not_go_back() {
    let damaged = Damaged::new();
    let dir = damaged.dir();
    let path = dir.path().join("journal.db");
    let mut journal = open_journal(dir.path(), ROOMY, NOW).unwrap().journal;
    journal.received(44).unwrap();
    drop(journal);
    let db = Connection::open(&path).unwrap();
    db.execute_batch("INSERT INTO commanded VALUES (1, '9', 'newer'); UPDATE numbering SET sent = 310").unwrap();
    drop(db);
    let old = Connection::open(dir.path().join(KEPT)).unwrap();
    old.execute_batch("INSERT INTO commanded VALUES (1, '8', 'older')").unwrap();
    drop(old);
    let journal = open_journal(dir.path(), ROOMY, LATER).unwrap().journal;
    assert_eq!((journal.thru().unwrap(), journal.sent()), (44, 310));
    assert_eq!(journal.commanded().unwrap().unwrap().counter, 9);
    assert_eq!(events(&journal), damaged.readable);
}

#[test]
fn once_something_is_derived_no_row_comes_back_under_its_old_number() {
    let damaged = Damaged::new();
    let dir = damaged.dir();
    let mut journal = open_journal(dir.path(), ROOMY, NOW).unwrap().journal;
    // Stopped while it derives: the recording knows of a number that the damaged journal did not.
    journal.derived();
    journal.number_above(1_000);
    journal.save(&[], b"{}", NOWHERE).unwrap();
    drop(journal);
    let opened = open_journal(dir.path(), ROOMY, LATER).unwrap();
    assert_eq!(opened.why, WORDS[..1], "it is still to be said");
    assert_eq!(opened.journal.base(), 1_000);
    let numbers: Vec<u64> = events(&opened.journal).into_keys().collect();
    assert_eq!(numbers, damaged.readable.keys().map(|number| number + 1_000).collect::<Vec<_>>());
}

#[test]
fn stopped_while_it_derives_it_still_knows_what_the_damaged_one_knew_of_dispatch() {
    let dir = Damaged::new().dir();
    let path = dir.path().join("journal.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch("UPDATE received SET thru = 0; UPDATE told SET accepted = 0").unwrap();
    drop(db);
    let mut journal = open_journal(dir.path(), ROOMY, NOW).unwrap().journal;
    journal.derived();
    journal.save(&[], b"{}", NOWHERE).unwrap();
    drop(journal);
    let mut journal = open_journal(dir.path(), ROOMY, LATER).unwrap().journal;
    journal.derived();
    settle(&mut journal);
    assert!(!marker(dir.path()).exists());
    drop(journal);
    let journal = Journal::open(&path, ROOMY).unwrap();
    assert_eq!((journal.history().unwrap(), journal.sent()), (History::Unacknowledged, 300));
}

#[test]
fn a_mark_that_cannot_be_believed_stops_no_start_and_is_gone() {
    let good = sealed(&format!("GATESTAMP-SALVAGE 1 0 {KEPT}"));
    let mut flipped = good.clone().into_bytes();
    flipped[20] ^= 1;
    let said = |names: &str| sealed(&format!("GATESTAMP-SALVAGE 1 0{names}")).into_bytes();
    let cases = [
        Vec::new(),
        good.as_bytes()[..good.len() / 2].to_vec(),
        good.as_bytes()[..good.len() - 1].to_vec(),
        flipped,
        vec![0xff; 40],
        vec![b' '; 1 << 16],
        said(""),
        said(" /etc/passwd"),
        said(" ../journal.db.damaged-1"),
        said(" journal.db"),
        said(" journal.db.damaged-"),
        said(" journal.db.damaged-../x"),
        said(&format!(" {KEPT}").repeat(5)),
        // Right, and gone.
        good.into_bytes(),
    ];
    for bytes in cases {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path(), 20);
        fs::write(marker(dir.path()), &bytes).unwrap();
        let opened = open_journal(dir.path(), ROOMY, NOW).unwrap();
        let what = String::from_utf8_lossy(&bytes);
        assert!(opened.why.is_empty() && events(&opened.journal).len() == 20, "{what}");
        assert!(!marker(dir.path()).exists(), "{what}");
    }
    // One that cannot even be removed, nor written over.
    let damaged = Damaged::new();
    let dir = damaged.dir();
    fs::create_dir(marker(dir.path())).unwrap();
    assert_eq!(open_journal(dir.path(), ROOMY, NOW).unwrap().why, WORDS);
    assert_eq!(events(&open_journal(dir.path(), ROOMY, NOW).unwrap().journal), damaged.readable);
}

#[test]
fn a_file_that_kills_whoever_reads_it_does_so_at_eight_starts() {
    let dir = Damaged::new().dir();
    for attempts in [7, 8] {
        let dir = copied(dir.path());
        mark(dir.path(), attempts, KEPT);
        fs::rename(dir.path().join("journal.db"), dir.path().join(KEPT)).unwrap();
        let opened = open_journal(dir.path(), ROOMY, NOW).unwrap();
        assert_eq!(opened.why, if attempts == 7 { &WORDS[..] } else { &WORDS[..1] });
        assert_eq!(marker(dir.path()).exists(), attempts == 7);
        assert_eq!(events(&opened.journal).is_empty(), attempts == 8);
    }
    // Each start is counted before it reads.
    mark(dir.path(), 3, KEPT);
    fs::rename(dir.path().join("journal.db"), dir.path().join(KEPT)).unwrap();
    Connection::open(dir.path().join("journal.db")).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    assert!(matches!(open_journal(dir.path(), ROOMY, NOW), Err(JournalError::Later { .. })));
    assert!(fs::read_to_string(marker(dir.path())).unwrap().contains(" 3 "), "it was not read");
}

#[test]
fn damaged_again_before_it_is_settled_both_are_salvaged() {
    let damaged = Damaged::new();
    let dir = damaged.dir();
    let path = dir.path().join("journal.db");
    let mut journal = open_journal(dir.path(), ROOMY, NOW).unwrap().journal;
    journal.received(44).unwrap();
    drop(journal);
    let whole = fs::read(&path).unwrap();
    overwrite(&path, &[whole.len() / page_bytes(&whole) / 3], &mut Chance(9));
    assert!(matches!(Journal::open(&path, ROOMY), Err(JournalError::Damaged { .. })));
    // Of a clock that was not set: it shows the same as before.
    let opened = open_journal(dir.path(), ROOMY, NOW).unwrap();
    assert_eq!(opened.why, WORDS);
    assert_eq!((events(&opened.journal), opened.journal.thru().unwrap()), (damaged.readable.clone(), 44));
    drop(opened);
    assert_eq!(journals_aside(dir.path()), 2);
    let journal = open_journal(dir.path(), ROOMY, NOW).unwrap().journal;
    assert_eq!((events(&journal), journal.thru().unwrap()), (damaged.readable, 44));
}

#[test]
fn what_is_still_to_be_salvaged_is_not_forgotten_for_newer_ones() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    fs::write(dir.path().join("journal.db.damaged-1"), b"the oldest of all").unwrap();
    mark(dir.path(), 0, "journal.db.damaged-1");
    for day in 0..6 {
        fs::write(&path, [b'x'; 5_000]).unwrap();
        let at = UnixMillis(NOW.0 + day * 86_400_000);
        gatestamp::io::journal::set_aside(&path, "damaged", at).unwrap();
    }
    assert!(dir.path().join("journal.db.damaged-1").exists());
    assert_eq!(set_aside(dir.path()).len(), 4);
}

#[test]
fn a_start_that_was_killed_while_it_salvaged_ends_with_what_was_journaled_before() {
    let dir = tempfile::tempdir().unwrap();
    live(dir.path(), &inputs());
    let before = journaled(dir.path());
    let path = dir.path().join("journal.db");
    let db = Connection::open(&path).unwrap();
    let other = String::from_utf8(before[2].clone()).unwrap().replace("\"why\":[\"", "\"why\":[\"as_of_then_");
    db.execute("UPDATE event SET body = ?1 WHERE sequence = 3", [other.as_bytes()]).unwrap();
    db.execute_batch("CREATE TABLE junk (x BLOB); INSERT INTO junk VALUES (zeroblob(40000));").unwrap();
    drop(db);
    let whole = fs::read(&path).unwrap();
    overwrite(&path, &[whole.len() / page_bytes(&whole) - 2], &mut Chance(5));
    // Killed before anything was put.
    mark(dir.path(), 1, KEPT);
    fs::rename(&path, dir.path().join(KEPT)).unwrap();
    drop(Journal::open(&path, ROOMY).unwrap());
    drop(open_journal(dir.path(), ROOMY, NOW).unwrap());
    live(dir.path(), &[]);
    let after = journaled(dir.path());
    assert_eq!(after.len(), before.len());
    for (number, (before, after)) in (1..).zip(before.iter().zip(&after)) {
        assert_eq!(after, if number == 3 { other.as_bytes() } else { before.as_slice() }, "{number}");
    }
}
