//! Killed or cut off anywhere: what was recorded and journaled goes on as if nothing had happened, and the recording
//! gives the same events again.

use crate::drive::{all_events, boot, engine, events, inputs};
use gatestamp::engine::{Effect, Engine, Input, State};
use gatestamp::io::blackbox::{Blackbox, segments};
use gatestamp::io::journal::Journal;
use gatestamp::io::keeper::{Held, Keeper};
use gatestamp::io::resume::resume;
use gatestamp::recording::{Head, Recorded, Segment};
use geofence::Fences;
use std::path::Path;

const ROOMY: u64 = 64 << 20;

pub(crate) fn head(engine: &Engine) -> Head {
    Head {
        version: "0".to_owned(),
        fleet: engine.truck().fleet.clone(),
        truck: engine.truck().id.clone(),
        facilities: engine.facilities().revision(),
        state: engine.state().clone(),
    }
}

/// The daemon's way through some inputs, without its clocks: resume, begin a segment, feed, and drop everything.
pub(crate) fn live(dir: &Path, inputs: &[Recorded]) {
    let mut journal = Journal::open(&dir.join("journal.db"), ROOMY).unwrap();
    let recording = dir.join("recording");
    let blackbox = Blackbox::new(&recording, ROOMY).unwrap();
    let mut engine = engine(State::default());
    resume(&mut engine, &mut journal, &recording, &mut Vec::new()).unwrap();
    let mut keeper = Keeper::new(journal, blackbox, Held::default());
    let Some(first) = inputs.first() else { return };
    keeper.begin(first.at(), &head(&engine));
    for input in inputs {
        for effect in engine.handle(&Input::Recorded(input)) {
            match effect {
                Effect::Record => keeper.record(input.at(), input),
                Effect::Save(events) => keeper.save(input.at(), events, engine.state()),
                Effect::SaveReceived(_)
                | Effect::Send(_)
                | Effect::State(_)
                | Effect::Position(_)
                | Effect::Fixed(_)
                | Effect::Covered(_) => {}
            }
        }
    }
}

pub(crate) fn journaled(dir: &Path) -> Vec<Vec<u8>> {
    let journal = Journal::open(&dir.join("journal.db"), ROOMY).unwrap();
    journal.bodies(&(1..=10_000)).unwrap().into_iter().map(|(_, body)| body).collect()
}

/// What the recording alone gives.
fn replayed(dir: &Path) -> Vec<Vec<u8>> {
    let mut engine = engine(State::default());
    let mut bodies = Vec::new();
    for (_, path) in segments(&dir.join("recording")).unwrap() {
        let bytes = std::fs::read(path).unwrap();
        for input in Segment::open(&bytes).unwrap() {
            bodies.extend(events(&mut engine, &input).into_iter().map(|event| event.body));
        }
    }
    bodies
}

#[test]
fn an_uncut_drive_is_journaled_and_replayed_as_it_was_decided() {
    let dir = tempfile::tempdir().unwrap();
    live(dir.path(), &inputs());
    let decided: Vec<_> = all_events().into_iter().map(|event| event.body).collect();
    assert_eq!(journaled(dir.path()), decided);
    assert_eq!(replayed(dir.path()), decided);
}

#[test]
fn killed_at_any_input_nothing_is_lost_doubled_or_told_differently() {
    let drive = inputs();
    for cut in (1..drive.len() - 1).step_by(7) {
        let dir = tempfile::tempdir().unwrap();
        let (before, after) = drive.split_at(cut);
        live(dir.path(), before);
        let mut rest = vec![boot(after[0].at())];
        rest.extend_from_slice(after);
        live(dir.path(), &rest);
        // A third start journals what only the recording held.
        live(dir.path(), &[]);
        let kept = journaled(dir.path());
        assert_eq!(kept, replayed(dir.path()), "cut at {cut}");
        let arrivals = kept.iter().filter(|body| String::from_utf8_lossy(body).contains("visit.departed")).count();
        assert_eq!(arrivals, 1, "cut at {cut}");
    }
}

#[test]
fn a_recording_torn_at_any_byte_still_starts_and_replays_to_the_journal() {
    let drive = inputs();
    let half = drive.len() / 2;
    let template = tempfile::tempdir().unwrap();
    live(template.path(), &drive[..half]);
    let (_, segment) = segments(&template.path().join("recording")).unwrap().pop().unwrap();
    let whole = std::fs::read(&segment).unwrap();
    // An event's own inputs are synced before it, so a power cut tears nothing before the newest event.
    let newest_event = {
        let journal = Journal::open(&template.path().join("journal.db"), ROOMY).unwrap();
        journal.state().unwrap().unwrap().1.records
    };
    for keep in (0..whole.len()).rev().step_by(211) {
        let kept_records = Segment::open(&whole[..keep]).map_or(0, |s| s.count() as u64);
        if kept_records < newest_event {
            break;
        }
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("recording")).unwrap();
        for file in ["journal.db", "journal.db-wal"] {
            if template.path().join(file).exists() {
                std::fs::copy(template.path().join(file), dir.path().join(file)).unwrap();
            }
        }
        std::fs::write(dir.path().join("recording").join(segment.file_name().unwrap()), &whole[..keep]).unwrap();
        let mut rest = vec![boot(drive[half].at())];
        rest.extend_from_slice(&drive[half..]);
        live(dir.path(), &rest);
        assert_eq!(journaled(dir.path()), replayed(dir.path()), "torn after {keep} bytes");
    }
}

#[test]
fn a_lost_journal_is_derived_again_from_the_recording() {
    let dir = tempfile::tempdir().unwrap();
    live(dir.path(), &inputs());
    let before = journaled(dir.path());
    for file in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(file));
    }
    live(dir.path(), &[]);
    assert_eq!(journaled(dir.path()), before);
}

#[test]
fn a_disk_that_refuses_holds_events_and_takes_them_in_order_later() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&dir.path().join("journal.db"), ROOMY).unwrap();
    let mut keeper =
        Keeper::new(journal, Blackbox::new(&dir.path().join("recording"), ROOMY).unwrap(), Held::default());
    let mut engine = engine(State::default());
    keeper.begin(gatestamp::time::Mono(0), &head(&engine));
    // Somebody else holds the write lock for longer than the journal waits: to the agent, a disk that refuses.
    let other = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let drive = inputs();
    for input in &drive {
        let told = events(&mut engine, input);
        if !told.is_empty() && keeper.trouble().held == 0 {
            keeper.save(input.at(), told, engine.state());
        } else if !told.is_empty() {
            other.execute_batch("ROLLBACK").ok();
            keeper.save(input.at(), told, engine.state());
        }
    }
    assert_eq!(keeper.trouble().held, 0);
    drop(keeper);
    let decided: Vec<_> = all_events().into_iter().map(|event| event.body).collect();
    assert_eq!(journaled(dir.path()), decided);
}

#[test]
fn a_recording_that_could_not_be_written_goes_on_and_tells_its_hole() {
    let dir = tempfile::tempdir().unwrap();
    let recording = dir.path().join("recording");
    let journal = Journal::open(&dir.path().join("journal.db"), ROOMY).unwrap();
    let mut keeper = Keeper::new(journal, Blackbox::new(&recording, ROOMY).unwrap(), Held::default());
    let mut engine = engine(State::default());
    let hour = geofence::Span::seconds(3_600);
    keeper.begin(gatestamp::time::Mono(0), &head(&engine));
    let feed = |keeper: &mut Keeper, engine: &mut Engine, inputs: &[Recorded]| {
        for input in inputs {
            keeper.record(input.at(), input);
            let told = events(engine, input);
            if !told.is_empty() {
                keeper.save(input.at(), told, engine.state());
            }
        }
    };
    let drive = inputs();
    feed(&mut keeper, &mut engine, &drive[..100]);
    std::fs::remove_dir_all(&recording).unwrap();
    assert_eq!(keeper.tend(drive[100].at().plus(hour), || head(&engine)), None);
    assert!(keeper.trouble().recording.is_some());
    feed(&mut keeper, &mut engine, &drive[100..400]);
    std::fs::create_dir(&recording).unwrap();
    let later = drive[400].at().plus(hour).plus(hour);
    let missed = keeper.tend(later, || head(&engine));
    assert_eq!(missed, Some(Recorded::Missed(later, 301)));
    feed(&mut keeper, &mut engine, &missed.into_iter().collect::<Vec<_>>());
    feed(&mut keeper, &mut engine, &drive[400..]);
    drop(keeper);
    let before = journaled(dir.path());
    assert!(before.iter().any(|body| String::from_utf8_lossy(body).contains("recording_missed_inputs")));
    // The next start goes on from the newest state, not from the one before the hole.
    live(dir.path(), &[boot(later)]);
    let after = journaled(dir.path());
    assert!(after.starts_with(&before) && after.len() == before.len() + 1, "{} then {}", before.len(), after.len());
}

#[test]
fn killed_while_nothing_could_be_recorded_the_sequence_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let drive = inputs();
    live(dir.path(), &drive[..100]);
    let recording = dir.path().join("recording");
    let mut journal = Journal::open(&dir.path().join("journal.db"), ROOMY).unwrap();
    let mut blackbox = Blackbox::new(&recording, ROOMY).unwrap();
    blackbox.abandon();
    let mut engine = engine(State::default());
    resume(&mut engine, &mut journal, &recording, &mut Vec::new()).unwrap();
    let mut keeper = Keeper::new(journal, blackbox, Held::default());
    for input in &drive[100..] {
        keeper.record(input.at(), input);
        let told = events(&mut engine, input);
        if !told.is_empty() {
            keeper.save(input.at(), told, engine.state());
        }
    }
    drop(keeper);
    let before = journaled(dir.path());
    live(dir.path(), &[boot(drive[drive.len() - 1].at())]);
    let after = journaled(dir.path());
    assert!(after.starts_with(&before) && after.len() == before.len() + 1, "{} then {}", before.len(), after.len());
}

#[test]
fn what_another_release_journaled_stays_when_this_one_derives_it_differently() {
    let dir = tempfile::tempdir().unwrap();
    live(dir.path(), &inputs());
    let derived = journaled(dir.path());
    let db = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    // As of a release whose state this one cannot read, and the newest event of all not committed yet.
    db.execute_batch(
        "UPDATE state SET engine = x'00';
         UPDATE event SET body = CAST(replace(CAST(body AS TEXT), '\"engine\":', '\"engine_of_another\":') AS BLOB) WHERE sequence = 2;
         DELETE FROM event WHERE sequence = (SELECT max(sequence) FROM event);",
    )
    .unwrap();
    drop(db);
    live(dir.path(), &[]);
    let kept = journaled(dir.path());
    assert!(String::from_utf8_lossy(&kept[1]).contains("engine_of_another"));
    assert_eq!((kept.len(), &kept[2..]), (derived.len(), &derived[2..]));
}
