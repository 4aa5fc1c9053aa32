//! Pages of a journal go bad: what stands on the others is there again, and nothing has other bytes.

use crate::drive::{all_events, boot, inputs};
use crate::power_cut::{journaled, live};
use gatestamp::event::Event;
use gatestamp::io::journal::{Journal, JournalError, Position};
use gatestamp::io::resume::open_journal;
use gatestamp::outbox::History;
use geofence::UnixMillis;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const ROOMY: u64 = 64 << 20;
const NOW: UnixMillis = UnixMillis(1_795_358_161_007);

/// Numbers from a seed (splitmix64, public domain): each run damages the same pages.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// A journal of real events whose recording is gone, closed.
pub(crate) fn filled(dir: &Path, count: u64) -> BTreeMap<u64, Vec<u8>> {
    let like = all_events();
    let mut journal = Journal::open(&dir.join("journal.db"), ROOMY).unwrap();
    let mut events: Vec<Event> = like.iter().cycle().take(usize::try_from(count).unwrap()).cloned().collect();
    (1..=count).zip(&mut events).for_each(|(sequence, event)| event.renumber(sequence - event.sequence));
    journal.save(&events, b"{\"sequence\":5}", Position { segment: 1, records: 1 }).unwrap();
    journal.told(count).unwrap();
    journal.received(17).unwrap();
    journal.accept().unwrap();
    events.into_iter().map(|event| (event.sequence, event.body)).collect()
}

/// SQLite file format, 1.3.2: the page size stands at offset 16, big-endian.
pub(crate) fn page_bytes(journal: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([journal[16], journal[17]]))
}

pub(crate) fn overwrite(journal: &Path, pages: &[usize], chance: &mut Chance) {
    let mut bytes = fs::read(journal).unwrap();
    let size = page_bytes(&bytes);
    for page in pages {
        for byte in &mut bytes[page * size..(page + 1) * size] {
            *byte = chance.next().to_le_bytes()[3];
        }
    }
    fs::write(journal, bytes).unwrap();
}

pub(crate) fn set_aside(dir: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.to_string_lossy().contains("journal.db.damaged-")).collect()
}

#[test]
fn what_stands_on_pages_that_can_be_read_comes_back_as_it_was() {
    let template = tempfile::tempdir().unwrap();
    let events = filled(template.path(), 3_000);
    let whole = fs::read(template.path().join("journal.db")).unwrap();
    let pages = whole.len() / page_bytes(&whole);
    assert!(pages > 600, "{pages}");
    let mut chance = Chance(7);
    for damaged in [1, 3, 20, 100] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        fs::write(&path, &whole).unwrap();
        // The first pages are the schema and the roots; of those another test.
        let count = pages as u64 - 12;
        let bad: Vec<usize> = (0..damaged).map(|_| usize::try_from(12 + chance.next() % count).unwrap()).collect();
        overwrite(&path, &bad, &mut chance);
        let spoilt = fs::read(&path).unwrap();
        let opened = open_journal(dir.path(), ROOMY, NOW).unwrap();
        assert_eq!(opened.why, ["journal_damaged_set_aside", "journal_events_salvaged"]);
        let journal = opened.journal;
        let back: BTreeMap<u64, Vec<u8>> = journal.bodies(&(0..=u64::MAX >> 1)).unwrap().into_iter().collect();
        assert!(back.iter().all(|(number, body)| events.get(number) == Some(body)), "nothing has other bytes");
        // One or two events of this drive fill a page; a page above those points to some hundreds of them, and is read around.
        let lost = events.len() - back.len();
        assert!(lost <= 5 * damaged, "{damaged} pages, {lost} events");
        assert_eq!((journal.thru().unwrap(), journal.history().unwrap()), (17, History::Known));
        assert!(!journal.is_accepted(), "what is gone is asked for, and named");
        assert_eq!(journal.salvaged_state(), Some(&b"{\"sequence\":5}"[..]));
        assert_eq!(fs::read(&set_aside(dir.path())[0]).unwrap(), spoilt, "the evidence stays as it was");
    }
}

#[test]
fn whichever_page_is_gone_it_opens_and_nothing_has_other_bytes() {
    let template = tempfile::tempdir().unwrap();
    let events = filled(template.path(), 40);
    let whole = fs::read(template.path().join("journal.db")).unwrap();
    let mut chance = Chance(11);
    let mut back_of = Vec::new();
    for page in 0..whole.len() / page_bytes(&whole) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        fs::write(&path, &whole).unwrap();
        overwrite(&path, &[page], &mut chance);
        let journal = match open_journal(dir.path(), ROOMY, NOW) {
            Ok(opened) => opened.journal,
            Err(error) => panic!("page {page}: {error}"),
        };
        let back = journal.bodies(&(0..=u64::MAX >> 1)).unwrap();
        assert!(back.iter().all(|(number, body)| events.get(number) == Some(body)), "page {page}");
        back_of.push(back.len());
    }
    let most = back_of.iter().filter(|back| **back > 30).count();
    assert!(most + 3 >= back_of.len(), "all but the schema and the root of the table: {back_of:?}");
}

#[test]
fn a_row_that_is_not_what_its_columns_say_is_no_event() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let events = filled(dir.path(), 300);
    let db = rusqlite::Connection::open(&path).unwrap();
    let spoil = [
        "UPDATE event SET body = x'7b7d' WHERE sequence = 3",
        "UPDATE event SET id = 'fleet-truck-999' WHERE sequence = 4",
        "UPDATE event SET type = 'com.gatestamp.other' WHERE sequence = 5",
        "UPDATE event SET sequence = -6 WHERE sequence = 6",
        "UPDATE event SET sequence = 9007199254740991 WHERE sequence = 7",
    ];
    spoil.iter().for_each(|sql| assert_eq!(db.execute(sql, []).unwrap(), 1));
    drop(db);
    let whole = fs::read(&path).unwrap();
    let pages = whole.len() / page_bytes(&whole);
    overwrite(&path, &[pages / 2], &mut Chance(3));
    let journal = open_journal(dir.path(), ROOMY, NOW).unwrap().journal;
    let back = journal.bodies(&(0..=u64::MAX >> 1)).unwrap();
    assert!(back.iter().all(|(number, body)| events.get(number) == Some(body) && !(3..=7).contains(number)));
    assert!(back.len() > 280, "{}", back.len());
}

#[test]
fn of_an_acknowledgement_that_cannot_be_read_it_is_known_that_there_was_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    filled(dir.path(), 300);
    rusqlite::Connection::open(&path).unwrap().execute("DELETE FROM received", []).unwrap();
    let whole = fs::read(&path).unwrap();
    overwrite(&path, &[whole.len() / page_bytes(&whole) / 2], &mut Chance(3));
    let journal = open_journal(dir.path(), ROOMY, NOW).unwrap().journal;
    assert_eq!((journal.thru().unwrap(), journal.history().unwrap()), (0, History::Derived));
    assert!(!journal.is_accepted());
}

#[test]
fn without_room_for_what_was_salvaged_it_opens_with_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    filled(dir.path(), 300);
    let whole = fs::read(&path).unwrap();
    overwrite(&path, &[whole.len() / page_bytes(&whole) / 2], &mut Chance(3));
    // The tables have room, a batch of events has not.
    let spoilt = fs::read(&path).unwrap();
    for has_reserve in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("journal.db"), &spoilt).unwrap();
        if has_reserve {
            fs::write(dir.path().join("reserve"), b"room").unwrap();
        }
        let opened = open_journal(dir.path(), 64 << 10, NOW).unwrap();
        let words = [
            "journal_damaged_set_aside",
            "journal_events_salvaged",
            "journal_salvage_cut_short",
            "disk_full_reserve_given_up",
        ];
        assert_eq!(opened.why, words[..3 + usize::from(has_reserve)]);
        assert_eq!(opened.journal.thru().unwrap(), 17);
        assert!(set_aside(dir.path()).iter().any(|path| fs::read(path).unwrap() == spoilt));
    }
}

#[test]
fn what_the_recording_gives_fills_the_holes_and_what_was_salvaged_stays() {
    let dir = tempfile::tempdir().unwrap();
    live(dir.path(), &inputs());
    let before = journaled(dir.path());
    let path = dir.path().join("journal.db");
    let db = rusqlite::Connection::open(&path).unwrap();
    // Another release decided this one, and dispatch has it so.
    let other = String::from_utf8(before[2].clone()).unwrap().replace("\"why\":[\"", "\"why\":[\"as_of_then_");
    assert_ne!(other.as_bytes(), before[2]);
    db.execute("UPDATE event SET body = ?1 WHERE sequence = 3", [other.as_bytes()]).unwrap();
    db.execute("DELETE FROM event WHERE sequence = 2", []).unwrap();
    db.execute_batch("CREATE TABLE junk (x BLOB); INSERT INTO junk VALUES (zeroblob(40000));").unwrap();
    drop(db);
    let whole = fs::read(&path).unwrap();
    let pages = whole.len() / page_bytes(&whole);
    overwrite(&path, &[pages - 2], &mut Chance(5));
    assert!(matches!(Journal::open(&path, ROOMY), Err(JournalError::Damaged { .. })), "the check finds it");
    drop(open_journal(dir.path(), ROOMY, NOW).unwrap());
    live(dir.path(), &[]);
    let after = journaled(dir.path());
    assert_eq!(after.len(), before.len());
    for (number, (before, after)) in (1..).zip(before.iter().zip(&after)) {
        assert_eq!(after, if number == 3 { other.as_bytes() } else { before.as_slice() }, "{number}");
    }
    live(dir.path(), &[boot(inputs().last().unwrap().at())]);
}
