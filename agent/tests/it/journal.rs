//! The journal on a real file: full, damaged, of a later release.

use crate::drive::all_events;
use gatestamp::event::{Event, Kind, Sender};
use gatestamp::io::journal::{Journal, JournalError, Position, set_aside};
use gatestamp::io::resume::open_journal;
use geofence::UnixMillis;
use serde_json::json;
use std::path::Path;

const NOWHERE: Position = Position { segment: 0, records: 0 };
const ROOMY: u64 = 64 << 20;

fn many(count: u64) -> Vec<Event> {
    let like = all_events().remove(1);
    (1..=count).map(|sequence| Event { sequence, id: format!("fleet-truck-{sequence}"), ..like.clone() }).collect()
}

fn open(path: &Path, quota: u64) -> Journal {
    Journal::open(path, quota).unwrap()
}

#[test]
fn what_was_saved_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    open(&path, ROOMY).save(&many(3), b"state", Position { segment: 4, records: 9 }).unwrap();
    let again = open(&path, ROOMY);
    assert_eq!(again.highest().unwrap(), 3);
    assert_eq!(again.state().unwrap(), Some((b"state".to_vec(), Position { segment: 4, records: 9 })));
    let bodies = again.bodies(&(2..=9)).unwrap();
    assert_eq!(bodies.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn a_full_quota_evicts_what_dispatch_has_and_never_what_it_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(&dir.path().join("journal.db"), 1 << 20);
    let mut saved = 0;
    for event in many(5_000) {
        match journal.save(std::slice::from_ref(&event), b"state", NOWHERE) {
            Ok(()) => saved = event.sequence,
            Err(JournalError::Full) => break,
            Err(other) => panic!("{other}"),
        }
    }
    assert!((100..5_000).contains(&saved), "{saved}");
    assert_eq!(journal.bodies(&(1..=saved)).unwrap().len() as u64, saved, "unacknowledged events were evicted");
    journal.received(saved - 50).unwrap();
    for event in many(saved + 200).split_off(usize::try_from(saved).unwrap()) {
        journal.save(std::slice::from_ref(&event), b"state", NOWHERE).unwrap();
    }
    let kept = journal.bodies(&(saved - 49..=saved + 200)).unwrap();
    assert_eq!(kept.len(), 250);
}

#[test]
fn a_journal_of_a_later_release_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    drop(open(&path, ROOMY));
    rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(Journal::open(&path, ROOMY), Err(JournalError::Later { found: 99, .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_damaged_journal_is_set_aside_under_a_name_with_a_date() {
    for damage in [&b"not a database at all, but long enough to look like a header of one.."[..], &[0x53; 5_000]] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("journal.db"), damage).unwrap();
        let opened = open_journal(dir.path(), ROOMY, UnixMillis(1_795_358_161_007)).unwrap();
        assert_eq!(opened.why, ["journal_damaged_set_aside"]);
        assert_eq!(opened.journal.highest().unwrap(), 0);
        let kept = std::fs::read(dir.path().join("journal.db.damaged-20261122T143601007Z")).unwrap();
        assert_eq!(kept, damage);
    }
}

#[test]
fn a_disk_that_damages_one_journal_after_the_other_is_not_filled_by_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let other = dir.path().join("journal.db.damaged-by-hand.txt");
    std::fs::write(&other, b"notes").unwrap();
    for day in 0..7 {
        std::fs::write(&path, [b'x'; 5_000]).unwrap();
        std::fs::write(dir.path().join("journal.db-wal"), [b'x'; 50]).unwrap();
        set_aside(&path, "damaged", UnixMillis(1_795_358_161_007 + day * 86_400_000)).unwrap();
    }
    let kept: Vec<String> =
        ["25", "26", "27", "28"].map(|day| format!("journal.db.damaged-202611{day}T143601007Z")).into();
    let mut expected: Vec<String> = kept.iter().flat_map(|name| [name.clone(), format!("{name}-wal")]).collect();
    expected.push("journal.db.damaged-by-hand.txt".to_owned());
    let all = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut all: Vec<String> = all.collect();
    all.sort_unstable();
    assert_eq!(all, expected);
}

#[test]
fn what_is_set_aside_before_the_clock_is_set_is_not_forgotten_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    for day in 0..6 {
        std::fs::write(&path, [b'x'; 5_000]).unwrap();
        set_aside(&path, "damaged", UnixMillis(1_795_358_161_007 + day * 86_400_000)).unwrap();
    }
    for second in [1, 2] {
        std::fs::write(&path, [b'y'; 5_000]).unwrap();
        let kept = set_aside(&path, "damaged", UnixMillis(second * 1_000)).unwrap();
        assert_eq!(std::fs::read(kept).unwrap(), [b'y'; 5_000]);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 4);
    }
}

#[test]
fn a_journal_that_is_nearly_full_is_numbered_anew() {
    const QUOTA: u64 = 1 << 20;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let mut journal = open(&path, QUOTA);
    let pages = rusqlite::Connection::open(&path).unwrap();
    let used = || pages.query_row("PRAGMA page_count", [], |row| row.get::<_, u32>(0)).map(u64::from).unwrap() * 2_048;
    // Short and long ones by turns: moved, they share their pages with others than before.
    let sender = Sender { source: "/fleets/fleet/trucks/truck".to_owned(), device: "fleet-truck".to_owned() };
    let sized = |sequence: u64| {
        let long = sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 == 1;
        let data = json!({"pad": "x".repeat(if long { 700 } else { 240 })});
        Event::new(&sender, sequence, Kind::DeviceHealth, None, UnixMillis(0), &data)
    };
    let mut count = 0;
    while used() < QUOTA * 85 / 100 {
        count += 1;
        journal.save(&[sized(count)], b"state", NOWHERE).unwrap();
    }
    journal.number_above(100_000);
    let last = Event { evicts: [(100_001, 100_010)].into_iter().collect(), ..sized(100_000 + count + 1) };
    journal.save(&[last], b"state", NOWHERE).unwrap();
    assert_eq!((journal.lowest().unwrap(), journal.highest().unwrap()), (100_011, 100_001 + count));
    assert_eq!(journal.bodies(&(0..=u64::MAX >> 1)).unwrap().len() as u64, count - 9);
    // The quota holds again.
    let more = (100_002 + count..200_000).map(sized);
    assert!(more.into_iter().any(|event| matches!(journal.save(&[event], b"state", NOWHERE), Err(JournalError::Full))));
    assert!(used() < QUOTA * 3 / 2, "{}", used());
}

#[test]
fn a_flipped_page_is_found_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    open(&path, ROOMY).save(&many(400), b"state", NOWHERE).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4_096 * 4_096;
    bytes[middle..middle + 64].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(Journal::open(&path, ROOMY), Err(JournalError::Damaged { .. })));
}
