//! Whom does the truck obey, and what does it answer?

use std::time::Duration;

use gatestamp::downlink::{Draft, Signer};
use geofence::{Span, UnixMillis};
use hil_tests::clock::{await_condition, utc_second_ms};
use hil_tests::dispatch::{Dispatch, operator};
use hil_tests::world::Shift;
use hil_tests::world::facility::Zone;
use hil_tests::world::truth::Direction;
use serde_json::value::RawValue;

use super::rig::{Garage, PATIENCE, Rig, SCALE};

/// A forged command gets no answer; so long nobody says anything.
const NO_ANSWER: Duration = Duration::from_secs(3);

fn signer() -> Signer {
    Signer::new(&[42; 32])
}

struct Command<'a> {
    id: &'a str,
    device: &'a str,
    counter: u64,
    kind: &'a str,
    body: &'a str,
    holds: Span,
}

const REPLAY: Command<'_> = Command {
    id: "c-1",
    device: "demo-truck-7",
    counter: 1,
    kind: "replay_from",
    body: r#"{"sequence":1}"#,
    // The truck's time runs many times faster than ours.
    holds: Span::seconds(7 * 86_400),
};

fn sealed(command: &Command<'_>, signer: &Signer) -> Vec<u8> {
    let issued = UnixMillis(utc_second_ms());
    let body = RawValue::from_string(command.body.to_owned()).expect("JSON");
    let Command { id, device, counter, kind, holds, .. } = *command;
    signer.seal(&Draft { id, device, counter, issued, expires: issued + holds, kind, body: &body })
}

fn set_off(seed: u64) -> Rig {
    let garage = Garage::open(Shift::errands(seed, 1), SCALE);
    let keys = format!("ack = true\nkeys = [\"{}\"]", signer().public().text());
    garage.installation.configure("ack = true", &keys).expect("configured");
    let mut rig = garage.drive(None);
    rig.until(rig.crossing("shop", Zone::Site, Direction::Enter, 0) + 20.0);
    assert!(await_condition(PATIENCE, || rig.dispatch.as_ref().is_some_and(|dispatch| dispatch.thru() >= 3)));
    rig
}

/// The answer as `result why`, or none.
fn answer(rig: &Rig, message: &[u8], patience: Duration) -> Option<String> {
    let reply = operator::command(&rig.dispatch_options, message, patience).expect("a broker")?;
    let word = |key: &str| reply.get(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    Some(format!("{} {} {}", word("id"), word("result"), word("why")).trim().to_owned())
}

#[test]
fn a_dispatch_that_lost_its_database_gets_everything_again_when_it_asks() {
    let mut rig = set_off(81);
    rig.dispatch = None;
    let database = rig.dispatch_options.database.clone();
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", database.display()));
    }
    rig.restart_dispatch();
    let thru = || rig.dispatch.as_ref().map_or(0, Dispatch::thru);
    assert_eq!(thru(), 0, "nothing comes by itself: an acknowledgement that goes back changes nothing");
    assert_eq!(answer(&rig, &sealed(&REPLAY, &signer()), PATIENCE).as_deref(), Some("c-1 done"));
    assert!(await_condition(PATIENCE, || thru() >= 3), "{}", rig.log_tail());
    rig.finish();
}

#[test]
fn what_dispatch_asks_for_and_the_journal_no_longer_has_is_named_once() {
    let mut rig = set_off(83);
    assert!(await_condition(PATIENCE, || rig.owed() == 0), "{}", rig.log_tail());
    rig.kill_agent();
    // As a quota has it: what dispatch had is gone. Then dispatch loses its database.
    let journal = rusqlite::Connection::open(rig.installation.state().join("journal.db")).expect("a journal");
    journal.execute("DELETE FROM event WHERE sequence <= 2", []).expect("deleted");
    drop(journal);
    rig.dispatch = None;
    let database = rig.dispatch_options.database.clone();
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", database.display()));
    }
    rig.restart_dispatch();
    rig.start_agent();
    for (counter, id) in [(1, "c-1"), (2, "c-2")] {
        let command = sealed(&Command { counter, id, ..REPLAY }, &signer());
        let done = format!("{id} done");
        assert!(await_condition(PATIENCE, || answer(&rig, &command, NO_ANSWER).as_deref() == Some(&done)));
    }
    assert!(await_condition(PATIENCE, || rig.owed() == 0), "{}", rig.log_tail());
    let named: Vec<_> = rig.dispatch_events().into_iter().flat_map(|event| event.lost).collect();
    assert_eq!(named, [(1, 2)]);
    rig.settle();
}

#[test]
fn what_is_not_signed_for_this_truck_and_now_changes_nothing() {
    let mut rig = set_off(82);
    let refused = [
        (sealed(&REPLAY, &Signer::new(&[43; 32])), None),
        (b"{}".to_vec(), None),
        (sealed(&Command { device: "demo-truck-8", ..REPLAY }, &signer()), Some("c-1 refused other_device")),
    ];
    for (message, expected) in refused {
        let patience = if expected.is_some() { PATIENCE } else { NO_ANSWER };
        assert_eq!(answer(&rig, &message, patience).as_deref(), expected);
    }
    // The counter is committed: the truck knows the old command after a kill, and answers it without doing it again.
    let (new, old) = (Command { counter: 7, id: "c-7", ..REPLAY }, Command { counter: 6, id: "c-6", ..REPLAY });
    let new = sealed(&new, &signer());
    assert_eq!(answer(&rig, &new, PATIENCE).as_deref(), Some("c-7 done"));
    rig.kill_agent();
    rig.start_agent();
    assert!(await_condition(PATIENCE, || answer(&rig, &new, NO_ANSWER).as_deref() == Some("c-7 done")));
    let old = sealed(&old, &signer());
    assert!(await_condition(PATIENCE, || answer(&rig, &old, NO_ANSWER).as_deref() == Some("c-6 refused counter")));
    rig.finish();
}
