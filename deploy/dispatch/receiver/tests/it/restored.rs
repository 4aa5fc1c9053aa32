//! What came after a copy shows nowhere: is it asked for all the same, of every truck, until each has answered?

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gatestamp_receiver::ledger::{Ack, Ledger, Request};
use gatestamp_receiver::message::{Message, read};
use gatestamp_receiver::store::{self, Place, restored};
use hil_tests::clock::await_condition;
use hil_tests::mosquitto::Mosquitto;

use crate::backup::{call, count, lose, path};
use crate::rig::broker::{Client, PATIENCE as SOON};
use crate::rig::process::{PROGRAM, configure, start};
use crate::rig::{Database, block_on, event};
use crate::session::{ack, publish};

const T0: i64 = 1_795_305_600_000;
const PATIENCE: i64 = 300_000;
const MARKED: &str = "SELECT count(*) FROM device WHERE again_ms IS NOT NULL";

/// One story on both databases, restored at [`T0`] with the events 1 to 3 of truck t1 in them.
fn on_both(story: impl Fn(&Place, &mut Ledger)) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for database in [Database::sqlite(dir.path()), Database::postgres(dir.path())] {
        let place = database.place();
        let mut ledger = Ledger::new(store::open(&place).expect("opens"));
        // Sent, and known to be with the broker, before the copy was made: no hole shows.
        let batch =
            [event_of("t1", 1), event_of("t1", 2), event_of("t1", 3), notice("t1", "state", b"{\"complete_thru\":3}")];
        ledger.take(&batch, T0 - 1).expect("taken");
        let mut store = store::beside(&place).expect("opens");
        restored::mark(store.as_mut(), T0).expect("marked");
        drop(store);
        story(&place, &mut ledger);
    }
}

fn event_of(truck: &str, sequence: u64) -> Message {
    read(event::topic(truck, "events").as_bytes(), &event::arrival(truck, sequence))
}

fn notice(truck: &str, leaf: &str, body: &[u8]) -> Message {
    read(event::topic(truck, leaf).as_bytes(), body)
}

fn reply(to: i64, result: &str) -> Message {
    notice("t1", "reply", format!("{{\"id\":\"replay-{to}\",\"result\":\"{result}\",\"why\":\"\"}}").as_bytes())
}

fn ask(ledger: &mut Ledger, at_ms: i64) -> Vec<Request> {
    ledger.requests(at_ms, PATIENCE, 9).expect("asked")
}

#[test]
fn a_restored_truck_is_asked_at_once_and_again_until_it_says_that_it_did() {
    on_both(|place, ledger| {
        let first = ask(ledger, T0);
        let [Request { from: 4, first: Some(Ack { thru: 3, .. }), .. }] = first.as_slice() else { panic!("{first:?}") };
        assert_eq!(ask(ledger, T0 + PATIENCE - 1), []);
        // A connection beside stands for the receiver that was restarted: the mark is in the database.
        let mut next = Ledger::new(store::beside(place).expect("opens"));
        let second = ask(&mut next, T0 + PATIENCE);
        assert!(second.len() == 1 && second[0].counter > first[0].counter, "{second:?}");
        // What comes moves what is asked for, and is no answer: who knows what else there is.
        ledger.take(&[event_of("t1", 4)], T0 + PATIENCE).expect("taken");
        let refused = [reply(second[0].counter, "refused"), reply(first[0].counter, "done"), reply(7, "done")];
        ledger.take(&refused[..1], T0 + PATIENCE).expect("taken");
        ledger.take(&refused[1..], T0 + PATIENCE).expect("taken");
        assert_eq!(ask(ledger, T0 + 3 * PATIENCE - 1), [], "ever more rarely");
        let third = ask(ledger, T0 + 3 * PATIENCE);
        assert_eq!(third.iter().map(|request| request.from).collect::<Vec<_>>(), [5]);
        ledger.take(&[reply(third[0].counter, "done")], T0 + 3 * PATIENCE).expect("taken");
        assert_eq!((ask(ledger, T0 + 999 * PATIENCE), ledger.unanswered().expect("asked")), (vec![], 0));
        // From here on a hole is a hole as any other.
        ledger.take(&[notice("t1", "state", b"{\"complete_thru\":6}")], T0 + 1_000 * PATIENCE).expect("taken");
        let hole = ask(ledger, T0 + 1_001 * PATIENCE);
        assert!(matches!(hole.as_slice(), [Request { from: 5, first: None, .. }]), "{hole:?}");
    });
}

#[test]
fn an_answer_to_what_the_lost_database_asked_is_none() {
    on_both(|place, ledger| {
        let mut store = store::beside(place).expect("opens");
        store.execute("UPDATE device SET counter = 7, asked = 1", &[]).expect("as the copy had it");
        ledger.take(&[reply(7, "done")], T0).expect("taken");
        assert_eq!((count(place, MARKED), ask(ledger, T0).len()), (1, 1));
    });
}

#[test]
fn a_truck_that_the_copy_does_not_know_is_asked_for_everything_when_it_says_its_first_word() {
    on_both(|_, ledger| {
        assert_eq!(ask(ledger, T0).len(), 1, "t1 alone");
        ledger.take(&[event_of("t2", 9)], T0).expect("taken");
        ledger.take(&[notice("t3", "health", b"{\"status\":\"online\"}")], T0).expect("taken");
        let asked = ask(ledger, T0 + 1);
        let told =
            |request: &Request| (request.device.clone(), request.from, request.first.as_ref().map(|ack| ack.thru));
        let told: Vec<_> = asked.iter().map(told).collect();
        assert_eq!(told, [("acme-t2".to_owned(), 1, Some(0)), ("acme-t3".to_owned(), 1, Some(0))]);
        // Until they answer, an acknowledgement of nothing stands in the place of what the broker has retained for them.
        let devices = ledger.devices().expect("asked");
        let acks: Vec<_> = devices.into_iter().filter_map(|key| ledger.ack(key).expect("asked")).collect();
        assert_eq!(acks.iter().map(|ack| ack.thru).collect::<Vec<_>>(), [3, 0, 0]);
    });
}

#[test]
fn who_comes_back_after_days_does_not_wait_for_the_longest_pause() {
    on_both(|_, ledger| {
        let mut at_ms = T0;
        for _ in 0..6 {
            assert_eq!(ask(ledger, at_ms).len(), 1);
            at_ms += 16 * PATIENCE;
        }
        assert_eq!(ask(ledger, at_ms - 9 * PATIENCE), []);
        ledger.take(&[notice("t1", "health", b"{\"status\":\"online\"}")], at_ms - 9 * PATIENCE).expect("taken");
        assert_eq!(ask(ledger, at_ms - 9 * PATIENCE).len(), 1);
    });
}

/// Each of them by other means than `restore`: a copied file, and PostgreSQL's own program.
#[test]
fn a_database_that_was_brought_back_by_hand_knows_it() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for database in [Database::sqlite(dir.path()), Database::postgres(dir.path())] {
        let place = database.place();
        let mut ledger = Ledger::new(store::open(&place).expect("opens"));
        ledger.take(&[event_of("t1", 1)], T0).expect("taken");
        drop(ledger);
        drop(store::open(&place).expect("opens again"));
        assert_eq!(count(&place, MARKED), 0, "a start is no restore");
        let copy = copy_of(&place, dir.path());
        let config = configure(dir.path(), "receiver", 1, &place, "");
        call("backup", &config, &copy).expect("a backup");
        assert_eq!(count(&place, MARKED), 0, "a backup is no restore");
        lose(&database);
        by_hand(&place, &copy);
        let opened = store::open(&place).expect("opens");
        assert_eq!(count(&place, MARKED), 1, "{place:?}");
        drop(opened);
    }
}

fn copy_of(place: &Place, dir: &Path) -> PathBuf {
    dir.join(if matches!(place, Place::Sqlite(_)) { "copy.db" } else { "copy.dump" })
}

/// A copy without a mark, and an archive of a database that had not noted who it is.
#[test]
fn a_copy_of_an_earlier_release_is_marked_by_restore() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for database in [Database::sqlite(dir.path()), Database::postgres(dir.path())] {
        let place = database.place();
        let mut ledger = Ledger::new(store::open(&place).expect("opens"));
        ledger.take(&[event_of("t1", 1)], T0).expect("taken");
        drop(ledger);
        let forget = "DELETE FROM meta WHERE name = 'identity'";
        store::beside(&place).expect("opens").execute(forget, &[]).expect("forgotten");
        let (copy, config) = (copy_of(&place, dir.path()), configure(dir.path(), "receiver", 1, &place, ""));
        call("backup", &config, &copy).expect("a backup");
        if matches!(place, Place::Sqlite(_)) {
            let unmark = "UPDATE device SET again_ms = NULL; DELETE FROM meta WHERE name = 'restored'";
            rusqlite::Connection::open(&copy).and_then(|copy| copy.execute_batch(unmark)).expect("unmarked");
        }
        lose(&database);
        call("restore", &config, &copy).expect("restored");
        assert_eq!(count(&place, MARKED), 1, "{place:?}");
    }
}

fn by_hand(place: &Place, copy: &Path) {
    match place {
        Place::Sqlite(file) => drop(fs::copy(copy, file).expect("copied")),
        Place::Postgres { url, .. } => {
            let mut tool = Command::new("pg_restore");
            tool.env("PATH", path()).args(["--no-owner", "--exit-on-error", "--dbname", url]).arg(copy);
            assert!(tool.status().expect("runs").success());
        }
    }
}

#[test]
fn without_a_key_it_is_said_what_is_not_asked_for_and_what_to_do() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let database = Database::sqlite(dir.path());
    let broker = Mosquitto::start(dir.path()).expect("a broker");
    let config = configure(dir.path(), "receiver", broker.port(), &database.place(), "");
    let mut ledger = Ledger::new(store::open(&database.place()).expect("opens"));
    ledger.take(&[event_of("t1", 1)], T0).expect("taken");
    drop(ledger);
    let copy = dir.path().join("copy");
    call("backup", &config, &copy).expect("a backup");
    lose(&database);
    call("restore", &config, &copy).expect("restored");
    let receiver = start(&config);
    let said = || receiver.log().contains("CANNOT BE ASKED") && receiver.log().contains("commands.key");
    assert!(await_condition(SOON, said), "{}", receiver.log());
    let done = Command::new(PROGRAM).args(["status", "--config"]).arg(&config).output().expect("runs");
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(told.contains("1 truck CANNOT BE ASKED") && told.contains("RESTORED: not asked yet"), "{told}");
}

/// A truck counts as received what the lost database acknowledged, and would do so again with what the broker has retained of it.
#[test]
fn what_the_lost_database_had_retained_is_taken_back() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let place = Database::sqlite(dir.path()).place();
    fs::write(dir.path().join("dispatch.key"), "07".repeat(32)).expect("written");
    let mut store = store::open(&place).expect("opens");
    restored::mark(store.as_mut(), T0).expect("marked");
    drop(store);
    let broker = Mosquitto::start(dir.path()).expect("a broker");
    let config = configure(dir.path(), "receiver", broker.port(), &place, "[commands]\nkey = \"dispatch.key\"");
    let receiver = start(&config);
    let told = block_on(async {
        let mut truck = Client::plain(broker.port(), "acme-t1").await?;
        publish(&mut truck, event::arrival("t1", 9)).await?;
        truck.subscribe(&event::topic("t1", "down/ack")).await?;
        ack(&mut truck).await
    });
    let told = told.unwrap_or_else(|why| panic!("{why}: {}", receiver.log()));
    assert_eq!((told["thru"].as_u64(), told["have"][0][0].as_u64()), (Some(0), Some(9)));
}
