//! A journal for which there is no room at a start. Where its folder is missing none can be made either.

use crate::drive::all_events;
use gatestamp::io::journal::{Journal, JournalError, Position};
use gatestamp::outbox::History;
use std::fs;
use std::path::PathBuf;

const ROOMY: u64 = 64 << 20;
const PLACE: Position = Position { segment: 3, records: 14 };

fn away() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("away/journal.db");
    (dir, path)
}

#[test]
fn what_stands_in_takes_nothing_and_becomes_the_real_one_with_the_first_save_that_has_room() {
    let (_dir, path) = away();
    let mut journal = Journal::open_without_room(&path, ROOMY, false).unwrap();
    let events = all_events();
    for _ in 0..2 {
        assert!(matches!(journal.save(&events, b"state", PLACE), Err(JournalError::Full)));
    }
    assert!(
        journal.received(5).is_err() && journal.told(5).is_err() && journal.accept().is_err(),
        "it would be forgotten"
    );
    assert!(!journal.forget_oldest().unwrap_or(false));
    assert_eq!((journal.highest().unwrap(), journal.state().unwrap(), journal.thru().unwrap()), (0, None, 0));
    journal.derived();
    journal.settle();
    fs::create_dir(path.parent().unwrap()).unwrap();
    assert!(journal.is_stand_in());
    journal.save(&events, b"state", PLACE).unwrap();
    assert!(!journal.is_stand_in());
    journal.received(1).unwrap();
    drop(journal);
    let journal = Journal::open(&path, ROOMY).unwrap();
    assert_eq!(journal.highest().unwrap(), events.len() as u64);
    assert_eq!(journal.state().unwrap(), Some((b"state".to_vec(), PLACE)));
    assert!(journal.is_settled() && journal.thru().unwrap() == 1);
}

#[test]
fn what_was_decided_of_the_numbers_meanwhile_is_stored_with_the_first_save() {
    let (_dir, path) = away();
    let mut journal = Journal::open_without_room(&path, ROOMY, false).unwrap();
    journal.derived();
    journal.number_above(0);
    assert!(journal.save(&[], b"state", PLACE).is_err());
    fs::create_dir(path.parent().unwrap()).unwrap();
    journal.save(&[], b"state", PLACE).unwrap();
    drop(journal);
    assert_eq!(Journal::open(&path, ROOMY).unwrap().history().unwrap(), History::Derived);
}

#[test]
fn what_came_to_its_place_meanwhile_is_another_starts() {
    for is_owed in [false, true] {
        let (_dir, path) = away();
        let mut journal = Journal::open_without_room(&path, ROOMY, is_owed).unwrap();
        fs::create_dir(path.parent().unwrap()).unwrap();
        if !is_owed {
            Journal::open(&path, ROOMY).unwrap().save(&all_events(), b"other", PLACE).unwrap();
        }
        let refused = journal.save(&all_events(), b"state", PLACE).unwrap_err();
        assert!(matches!(refused, JournalError::Unopened(_)) && refused.is_damage(), "{refused}");
        let there = Journal::open(&path, ROOMY).unwrap().state().unwrap();
        assert_eq!(there.map(|(state, _)| state), (!is_owed).then(|| b"other".to_vec()));
    }
}

#[test]
fn one_that_got_no_tables_before_the_room_went_is_laid_out_when_there_is_some() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("PRAGMA page_size = 2048; PRAGMA journal_mode = WAL;").unwrap();
    drop(db);
    assert!(fs::metadata(&path).unwrap().len() > 0);
    // No log can be made.
    let log = dir.path().join("journal.db-wal");
    fs::create_dir(&log).unwrap();
    let mut journal = Journal::open_without_room(&path, ROOMY, false).unwrap();
    assert!(journal.is_stand_in());
    assert!(matches!(journal.save(&all_events(), b"state", PLACE), Err(JournalError::Full)));
    fs::remove_dir(&log).unwrap();
    journal.save(&all_events(), b"state", PLACE).unwrap();
    drop(journal);
    assert_eq!(Journal::open(&path, ROOMY).unwrap().highest().unwrap(), all_events().len() as u64);
}

#[test]
fn a_damaged_one_stays_where_it_is_until_there_is_room_to_salvage_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    fs::write(&path, [b'x'; 4_096]).unwrap();
    let mut journal = Journal::open_without_room(&path, ROOMY, false).unwrap();
    assert!(journal.is_stand_in() && path.exists());
    let refused = journal.save(&all_events(), b"state", PLACE).unwrap_err();
    assert!(refused.is_damage(), "the next start sets it aside: {refused}");
    assert_eq!(fs::read(&path).unwrap(), [b'x'; 4_096]);
}

#[test]
fn a_journal_that_is_there_is_whole_and_kept_without_an_index() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let (first, rest) = (all_events()[..2].to_vec(), all_events()[2..].to_vec());
    Journal::open(&path, ROOMY).unwrap().save(&first, b"first", PLACE).unwrap();
    let mut journal = Journal::open_without_room(&path, ROOMY, false).unwrap();
    assert!(!journal.is_stand_in() && !dir.path().join("journal.db-shm").exists());
    assert_eq!(journal.state().unwrap(), Some((b"first".to_vec(), PLACE)));
    journal.save(&rest, b"rest", PLACE).unwrap();
    drop(journal);
    let journal = Journal::open(&path, ROOMY).unwrap();
    assert_eq!(journal.highest().unwrap(), all_events().len() as u64);
}
