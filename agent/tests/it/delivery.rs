//! How delivery stands is stored with what is stored anyway, and an older or newer release is none the worse for it.

use crate::drive::{engine, inputs};
use crate::losses::event;
use gatestamp::downlink::{Applied, Keys, Order, Signer};
use gatestamp::engine::{Effect, Input, Link, State};
use gatestamp::event::{Event, Kind};
use gatestamp::io::journal::{Journal, Position};
use gatestamp::outbox::{Delivery, Refusal};

use geofence::UnixMillis;
use std::path::Path;

const ROOMY: u64 = 64 << 20;
const NOWHERE: Position = Position { segment: 0, records: 0 };

fn open(dir: &Path) -> Journal {
    Journal::open(&dir.join("journal.db"), ROOMY).unwrap()
}

fn sql(dir: &Path, text: &str) {
    rusqlite::Connection::open(dir.join("journal.db")).unwrap().execute_batch(text).unwrap();
}

fn stands(thru: u64) -> Delivery {
    Delivery {
        brokers_word: false,
        with_broker: [(1, thru)].into_iter().collect(),
        not_taken: [(thru + 1, thru + 2)].into_iter().collect(),
        not_taken_since: Some(UnixMillis(1_795_000_000_000)),
    }
}

fn events(first: u64, last: u64) -> Vec<Event> {
    (first..=last).map(|sequence| event(sequence, Kind::DeviceHealth)).collect()
}

#[test]
fn it_is_noted_with_the_next_event_and_stays_when_nothing_more_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    assert_eq!(journal.delivery().unwrap(), Delivery::default());
    journal.save(&events(1, 9), b"{}", NOWHERE).unwrap();
    journal.delivers(&stands(5));
    assert_eq!(open(dir.path()).delivery().unwrap(), Delivery::default(), "not before a commit");
    journal.save(&events(10, 10), b"{}", NOWHERE).unwrap();
    assert_eq!(open(dir.path()).delivery().unwrap(), stands(5));
    // What a start derives is saved before anybody says how delivery stands.
    open(dir.path()).save(&events(11, 11), b"{}", NOWHERE).unwrap();
    assert_eq!(open(dir.path()).delivery().unwrap(), stands(5));
}

#[test]
fn once_nothing_is_on_the_way_what_was_noted_ahead_is_taken_back_and_a_backlog_is_noted() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    journal.note_delivery(Some(&stands(5))).unwrap();
    assert_eq!(journal.delivery().unwrap(), Delivery::default(), "there is nothing to be delivered yet");
    journal.save(&events(1, 300), b"{}", NOWHERE).unwrap();
    journal.told(20).unwrap();
    assert_eq!(open(dir.path()).sent(), 276);
    journal.note_delivery(None).unwrap();
    assert_eq!((open(dir.path()).sent(), open(dir.path()).delivery().unwrap()), (20, stands(5)));
    journal.told(21).unwrap();
    assert_eq!(open(dir.path()).sent(), 277, "the link is back");
    journal.note_delivery(Some(&stands(21))).unwrap();
    assert_eq!((open(dir.path()).sent(), open(dir.path()).delivery().unwrap()), (21, stands(21)));
}

#[test]
fn what_dispatch_asks_for_is_owed_again_in_the_transaction_that_asks() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    journal.delivers(&stands(9));
    journal.save(&events(1, 12), b"{}", NOWHERE).unwrap();
    let keys = Keys::new(vec![Signer::new(&[1; 32]).public()]).unwrap();
    let applied = Applied { counter: 1, id: "c-1".to_owned() };
    journal.command(&Order::ReplayFrom(3), &applied, &keys).unwrap();
    assert_eq!(open(dir.path()).delivery().unwrap(), Delivery::default());
    journal.save(&events(13, 13), b"{}", NOWHERE).unwrap();
    assert_eq!(open(dir.path()).delivery().unwrap(), Delivery::default());
}

#[test]
fn a_journal_of_the_release_before_opens_and_that_release_writes_the_one_of_this() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).save(&events(1, 9), b"{}", NOWHERE).unwrap();
    sql(dir.path(), "ALTER TABLE state DROP COLUMN delivery");
    let mut journal = open(dir.path());
    assert_eq!(journal.delivery().unwrap(), Delivery::default());
    journal.delivers(&stands(7));
    journal.save(&events(10, 10), b"{}", NOWHERE).unwrap();
    drop(journal);
    // As the release before stores a state.
    sql(
        dir.path(),
        "INSERT INTO state (one, engine, segment, records) VALUES (1, x'7b7d', 3, 4)
         ON CONFLICT (one) DO UPDATE SET engine = x'7b7d', segment = 3, records = 4",
    );
    let journal = open(dir.path());
    assert_eq!(journal.state().unwrap().unwrap().1, Position { segment: 3, records: 4 });
    assert_eq!(journal.delivery().unwrap(), stands(7));
}

#[test]
fn what_is_spoilt_or_of_the_future_says_nothing_and_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).save(&events(1, 9), b"{}", NOWHERE).unwrap();
    for spoilt in ["''", "'{'", "'[]'", r#"'{"with_broker":[[-1,2]]}'"#, r#"'{"with_broker":7}'"#, "'{\"later\":1}'"] {
        sql(dir.path(), &format!("UPDATE state SET delivery = {spoilt}"));
        assert_eq!(open(dir.path()).delivery().unwrap(), Delivery::default(), "{spoilt}");
    }
}

#[test]
fn since_when_no_broker_takes_it_is_dated_by_the_fixes() {
    let mut engine = engine(State::default());
    let drive = inputs();
    let (before, after) = drive.split_at(60);
    before.iter().for_each(|input| drop(engine.handle(&Input::Recorded(input))));
    let at = before[before.len() - 1].at();
    engine.outbox_mut().journaled(at, 90, false);
    drop(engine.handle(&Input::Link(at, Link::Refused(90, Refusal::NotTaken))));
    assert_eq!(engine.outbox().delivery().not_taken_since, None);
    after.iter().take(5).for_each(|input| drop(engine.handle(&Input::Recorded(input))));
    let newest = engine.newest_fix().unwrap();
    let since = engine.outbox().delivery().not_taken_since.unwrap();
    assert!((0..10_000).contains(&(newest - since).0), "{since:?} {newest:?}");
}

/// Bytes of SQLite's log after a drive was committed, input by input.
fn logged(with_delivery: bool) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, mut engine) = (open(dir.path()), engine(State::default()));
    for input in inputs() {
        for effect in engine.handle(&Input::Recorded(&input)) {
            let Effect::Save(events) = effect else { continue };
            if with_delivery {
                // Each fourth had overtaken what is still to be sent.
                let runs = (1..12).map(|run| (4 * run, 4 * run)).collect();
                journal.delivers(&Delivery { with_broker: runs, ..stands(1) });
            }
            journal.save(&events, &serde_json::to_vec(engine.state()).unwrap(), NOWHERE).unwrap();
        }
    }
    std::fs::metadata(dir.path().join("journal.db-wal")).unwrap().len()
}

#[test]
fn noting_it_costs_a_commit_no_page_more() {
    assert_eq!(logged(true), logged(false));
}
