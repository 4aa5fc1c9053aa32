//! Starts that find less than they should: a full disk, a torn segment, a state that nobody can read.

use crate::drive::{boot, engine, events, inputs, sentence};
use crate::losses::remove_journal;
use crate::power_cut::{head, journaled, live};
use gatestamp::engine::{Effect, Input, State};
use gatestamp::io::blackbox::{Blackbox, segments};
use gatestamp::io::journal::Journal;
use gatestamp::io::keeper::Keeper;
use gatestamp::io::resume::resume;
use gatestamp::outbox::History;
use gatestamp::recording::{Recorded, segment_name};
use gatestamp::time::Mono;
use geofence::Span;

#[test]
fn one_record_full_of_tiny_sentences_loses_nothing_of_what_it_decides() {
    let mut engine = engine(State::default());
    let _ = events(&mut engine, &boot(Mono(0)));
    for input in &inputs()[1..20] {
        let _ = engine.handle(&Input::Recorded(input));
    }
    let before = engine.state().counts().fixes;
    // 100 epochs of 34 bytes, each six seconds after the last: a fix and an interval each, and as many as a record holds.
    let tiny = |n: u64| {
        let second = 60 + n * 6;
        sentence(&format!("GPGLL,5200,N,01300,E,12{:02}{:02},A", second / 60, second % 60)).trim_end().to_owned()
    };
    let text: String = (0..100).map(tiny).collect();
    let effects = engine.handle(&Input::Recorded(&Recorded::Bytes(Mono(70_000), text.into_bytes())));
    let fixes = effects.iter().filter(|effect| matches!(effect, Effect::Fixed(_))).count();
    assert_eq!(fixes as u64, engine.state().counts().fixes - before);
    let covered = effects.iter().filter(|effect| matches!(effect, Effect::Covered(_))).count();
    // The receiver's time jumped over each of the six seconds between two epochs that arrived at once.
    assert!(fixes > 95 && covered > 95, "{fixes} fixes, {covered} intervals");
}

#[test]
fn a_journal_without_room_does_not_keep_the_agent_from_starting() {
    const SMALL: u64 = 1 << 20;
    let dir = tempfile::tempdir().unwrap();
    let recording = dir.path().join("recording");
    let start = || {
        let mut journal = Journal::open(&dir.path().join("journal.db"), SMALL).unwrap();
        let blackbox = Blackbox::new(&recording, 64 << 20).unwrap();
        let mut engine = engine(State::default());
        let resumed = resume(&mut engine, &mut journal, &recording, &mut Vec::new()).unwrap();
        (Keeper::new(journal, blackbox, resumed.unsaved), engine)
    };
    let (mut keeper, mut engine) = start();
    keeper.begin(Mono(0), &head(&engine));
    let drive = inputs();
    let boots = (0..2_500).map(|n| boot(drive[49].at().plus(Span(n))));
    for input in drive[..50].iter().cloned().chain(boots) {
        keeper.record(input.at(), &input);
        let told = events(&mut engine, &input);
        keeper.save(input.at(), told, engine.state());
    }
    let (held, made) = (keeper.trouble().held, engine.state().sequence());
    assert!(held > 0, "the quota was not reached");
    drop(keeper);
    let (mut keeper, engine) = start();
    assert_eq!(engine.state().sequence(), made);
    assert_eq!(keeper.trouble().held, held);
    // Dispatch has what the journal holds: room again, and what was held is journaled in order.
    let highest = keeper.journal().highest().unwrap();
    keeper.journal().received(highest).unwrap();
    let later = Mono(1_000_000_000);
    keeper.begin(later, &head(&engine));
    for _ in 0..20 {
        keeper.save(later, Vec::new(), engine.state());
    }
    assert_eq!((keeper.trouble().held, keeper.journal().highest().unwrap()), (0, made));
}

#[test]
fn a_new_journal_on_a_full_disk_holds_what_is_derived() {
    let dir = tempfile::tempdir().unwrap();
    live(dir.path(), &inputs());
    let before = journaled(dir.path());
    remove_journal(dir.path());
    let path = dir.path().join("journal.db");
    drop(Journal::open(&path, 1 << 20).unwrap());
    // From the third event on whatever is written, even by deleting, needs room that is not there.
    let full = "INSERT INTO junk VALUES (zeroblob(8000000));";
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(&format!(
        "CREATE TABLE junk (x BLOB);
         CREATE TRIGGER taking BEFORE INSERT ON event WHEN new.sequence > 2 BEGIN {full} END;
         CREATE TRIGGER forgetting BEFORE DELETE ON event BEGIN {full} END;
         CREATE TRIGGER noting BEFORE UPDATE OF derived ON numbering
         WHEN EXISTS (SELECT 1 FROM event) BEGIN {full} END;"
    ))
    .unwrap();
    drop(db);
    let mut journal = Journal::open(&path, 1 << 20).unwrap();
    let mut engine = engine(State::default());
    let resumed = resume(&mut engine, &mut journal, &dir.path().join("recording"), &mut Vec::new()).unwrap();
    let held = resumed.unsaved.events.iter().map(|event| event.body.clone());
    let kept = journal.bodies(&(1..=10_000)).unwrap().into_iter().map(|(_, body)| body);
    assert_eq!(kept.chain(held).collect::<Vec<_>>(), before);
    assert!(resumed.unsaved.events.len() > 2, "{}", resumed.unsaved.events.len());
    assert_eq!(journal.history().unwrap(), History::Derived);
}

#[test]
fn a_torn_newest_segment_does_not_hide_the_others() {
    let dir = tempfile::tempdir().unwrap();
    live(dir.path(), &inputs());
    let before = journaled(dir.path());
    let (newest, path) = segments(&dir.path().join("recording")).unwrap().pop().unwrap();
    std::fs::write(path.with_file_name(segment_name(newest + 1)), b"GATESTAMP-RECORDING 1\n{\"ver").unwrap();
    for file in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(file));
    }
    live(dir.path(), &[]);
    assert_eq!(journaled(dir.path()), before);
}

#[test]
fn with_neither_state_nor_recording_no_sequence_is_given_twice() {
    let dir = tempfile::tempdir().unwrap();
    live(dir.path(), &inputs());
    let before = journaled(dir.path());
    let db = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    db.execute("UPDATE state SET engine = x'00'", []).unwrap();
    drop(db);
    std::fs::remove_dir_all(dir.path().join("recording")).unwrap();
    live(dir.path(), &inputs());
    let after = journaled(dir.path());
    assert!(after.starts_with(&before) && after.len() == 2 * before.len(), "{} then {}", before.len(), after.len());
}
