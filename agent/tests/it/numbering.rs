//! A gateway under whose numbers dispatch has another's events: everything is counted above them, and nothing is lost over it.

use crate::clock::{corrections, hear, parked};
use crate::drive::{boot, engine, events, inputs};
use crate::losses::{remove_journal, sequence};
use crate::power_cut::{journaled, live};
use gatestamp::engine::State;
use gatestamp::event::{Event, Kind, Loss, LossCause, named_by};
use gatestamp::io::blackbox::segments;
use gatestamp::io::journal::{Journal, Position};
use gatestamp::io::keeper::Held;
use gatestamp::outbox::History;
use gatestamp::recording::Recorded;
use gatestamp::time::Mono;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const ROOMY: u64 = 64 << 20;
const ABOVE: u64 = 500;

/// A drive in three runs, one of whose events was given up before.
fn driven(dir: &Path) -> Mono {
    let drive = inputs();
    let (one, rest) = drive.split_at(drive.len() / 3);
    let (two, three) = rest.split_at(rest.len() / 2);
    [one, two, three].iter().for_each(|part| live(dir, part));
    let at = drive[drive.len() - 1].at();
    let loss = Loss { ranges: [(1, 2)].into_iter().collect(), why: LossCause::Evicted };
    live(dir, &[boot(at), Recorded::Bytes(at, b"\r\n".to_vec()), Recorded::Lost(at, loss)]);
    at
}

/// The same event `by` numbers higher, made another way than the agent does.
fn higher(body: &[u8], by: u64) -> Value {
    let mut event: Value = serde_json::from_slice(body).unwrap();
    let number = sequence(body) + by;
    event["id"] = json!(format!("fleet-truck-{number}"));
    event["sequence"] = json!(number.to_string());
    for member in ["/data/first", "/data/last", "/data/ranges/0/0", "/data/ranges/0/1"] {
        if let Some(number) = event.pointer_mut(member) {
            *number = json!(number.as_u64().unwrap() + by);
        }
    }
    event
}

fn parsed(bodies: &[Vec<u8>]) -> Vec<Value> {
    bodies.iter().map(|body| serde_json::from_slice(body).unwrap()).collect()
}

fn is_counted_above(before: &[Vec<u8>], after: &[Vec<u8>], above: u64) {
    let expected: Vec<Value> = before.iter().map(|body| higher(body, above)).collect();
    assert_eq!(parsed(&after[..before.len()]), expected);
}

#[test]
fn everything_journaled_is_counted_above_whatever_the_recording_still_knows() {
    let dir = tempfile::tempdir().unwrap();
    let at = driven(dir.path());
    let before = journaled(dir.path());
    assert!(before.len() > 4 && before.iter().any(|body| !named_by(body).is_empty()));
    // The ring is shorter than the journal.
    for (_, segment) in segments(&dir.path().join("recording")).unwrap() {
        fs::remove_file(segment).unwrap();
    }
    live(dir.path(), &[boot(at), Recorded::Renumbered(at, ABOVE)]);
    let after = journaled(dir.path());
    is_counted_above(&before, &after, ABOVE);
    let journal = Journal::open(&dir.path().join("journal.db"), ROOMY).unwrap();
    assert_eq!((journal.base(), journal.sent(), journal.history().unwrap()), (ABOVE, ABOVE, History::Unacknowledged));
    // What dispatch may lack of the other gateway's is named, so that it can pass it; also from the second time on.
    let names = |bodies: &[Vec<u8>]| bodies.iter().filter_map(|body| named_by(body).span()).collect::<Vec<_>>();
    let at = Mono(at.0 + 10_000);
    let drive: Vec<Recorded> = [boot(at)].into_iter().chain(inputs().into_iter().skip(1).take(20)).collect();
    live(dir.path(), &drive);
    assert_eq!(names(&journaled(dir.path()))[1..], [(1, ABOVE)]);
    live(dir.path(), &[Recorded::Renumbered(Mono(20_000), 2 * ABOVE), Recorded::Renumbered(Mono(20_000), ABOVE)]);
    let twice = journaled(dir.path());
    is_counted_above(&before, &twice, 2 * ABOVE);
    assert_eq!(names(&twice)[1..], [(ABOVE + 1, 2 * ABOVE), (ABOVE + 1, 2 * ABOVE)]);
    let numbers: Vec<u64> = twice.iter().map(|body| sequence(body)).collect();
    let first = numbers[0];
    assert_eq!(numbers, (first..first + numbers.len() as u64).collect::<Vec<_>>());
}

#[test]
fn killed_before_it_was_journaled_the_next_start_does_it() {
    let dir = tempfile::tempdir().unwrap();
    let at = driven(dir.path());
    let journal = dir.path().join("journal.db");
    let kept = fs::read(&journal).unwrap();
    live(dir.path(), &[boot(at), Recorded::Renumbered(at, ABOVE), boot(Mono(at.0 + 1_000))]);
    let after = journaled(dir.path());
    remove_journal(dir.path());
    fs::write(&journal, kept).unwrap();
    live(dir.path(), &[]);
    assert_eq!(journaled(dir.path()), after);
    // And gone altogether, it is derived: what was decided before the numbers were known is counted above too.
    remove_journal(dir.path());
    live(dir.path(), &[]);
    assert_eq!(journaled(dir.path()), after);
}

#[test]
fn a_recording_that_does_not_know_of_the_numbers_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let at = driven(dir.path());
    live(dir.path(), &[boot(at), Recorded::Renumbered(at, ABOVE)]);
    let after = journaled(dir.path());
    let (_, newest) = segments(&dir.path().join("recording")).unwrap().pop().unwrap();
    fs::remove_file(newest).unwrap();
    let db = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    db.execute("UPDATE state SET engine = x'00'", []).unwrap();
    drop(db);
    live(dir.path(), &[]);
    assert_eq!(journaled(dir.path()), after);
    live(dir.path(), &[boot(at), Recorded::Bytes(at, b"\r\n".to_vec())]);
    let more = journaled(dir.path());
    assert_eq!(more[..after.len()], after);
    assert!(more[after.len()..].iter().all(|body| sequence(body) > sequence(&after[after.len() - 1])));
}

#[test]
fn what_waits_for_the_disk_is_counted_above_too() {
    let mut before = engine(State::default());
    let (mut held, mut after) = (Held::default(), Vec::new());
    let drive = inputs();
    let position = Position { segment: 1, records: 1 };
    let (first, rest) = drive.split_at(drive.len() / 2);
    for input in first {
        let events = events(&mut before, input);
        after.extend(events.iter().cloned());
        assert!(held.take(events, before.state(), position));
    }
    let renumbered = events(&mut before, &Recorded::Renumbered(rest[0].at(), ABOVE));
    assert!(renumbered.iter().any(|event| event.kind == Kind::DeviceLost && named_by(&event.body).contains(ABOVE)));
    held.take(renumbered, before.state(), position);
    let before: Vec<Vec<u8>> = after.into_iter().map(|event| event.body).collect();
    let after: Vec<Vec<u8>> = held.events.iter().map(|event| event.body.clone()).collect();
    is_counted_above(&before, &after, ABOVE);
    assert!(held.events.iter().all(|event| event.id == format!("fleet-truck-{}", event.sequence)));
}

#[test]
fn a_row_that_is_not_as_it_was_written_is_not_sent_under_any_number() {
    let dir = tempfile::tempdir().unwrap();
    let at = driven(dir.path());
    let before = journaled(dir.path());
    let number = sequence(&before[1]);
    let db = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    db.execute("UPDATE event SET body = x'7b7d' WHERE sequence = ?1", [number.cast_signed()]).unwrap();
    drop(db);
    live(dir.path(), &[boot(at), Recorded::Renumbered(at, ABOVE)]);
    let after = journaled(dir.path());
    assert!(after.iter().all(|body| sequence(body) != number + ABOVE));
    assert_eq!(sequence(&after[0]), sequence(&before[0]) + ABOVE);
    assert_eq!(sequence(&after[1]), sequence(&before[2]) + ABOVE);
}

#[test]
fn a_correction_names_the_events_under_the_numbers_that_they_have() {
    let mut engine = parked();
    let mut told: Vec<Event> = (0..30).flat_map(|second| hear(&mut engine, second, 0)).collect();
    told.extend(events(&mut engine, &Recorded::Missed(Mono(30_000), 1)));
    assert_eq!(told.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 2]);
    // The leap seconds have come, and before enough fixes agree, the numbers change.
    told.extend((28..33).flat_map(|second| hear(&mut engine, second, 2_000)));
    told = events(&mut engine, &Recorded::Renumbered(Mono(34_900), ABOVE));
    told.extend((33..60).flat_map(|second| hear(&mut engine, second, 2_000)));
    assert_eq!(corrections(&told), [[501, 502, -2_000]]);
    // And once it is told.
    let _ = events(&mut engine, &Recorded::Renumbered(Mono(62_100), 2 * ABOVE));
    told.iter_mut().for_each(|event| event.renumber(ABOVE));
    assert_eq!(corrections(&told), [[1_001, 1_002, -2_000]]);
}

#[test]
fn a_correction_does_not_name_numbers_that_were_passed_over() {
    let mut engine = parked();
    (0..30).for_each(|second| drop(hear(&mut engine, second, 0)));
    let mut told = events(&mut engine, &Recorded::Floor(Mono(30_000), ABOVE));
    told.extend(events(&mut engine, &Recorded::Missed(Mono(30_000), 1)));
    told.extend((28..60).flat_map(|second| hear(&mut engine, second, 2_000)));
    assert!(told.iter().any(|event| event.sequence > ABOVE));
    assert!(corrections(&told).iter().all(|[first, ..]| *first > 500), "{:?}", corrections(&told));
}
