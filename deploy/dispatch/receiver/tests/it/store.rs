//! What is true of the ledger, on both real databases.

use gatestamp_receiver::ledger::Ledger;
use gatestamp_receiver::message::{Message, read};
use gatestamp_receiver::store::{self, Place, StoreError, Value};

use crate::rig::{Database, event};

const T0: i64 = 1_795_305_600_000;
const PATIENCE: i64 = 300_000;

/// One story on both databases.
fn on_both(story: impl Fn(&Place, &mut Ledger)) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for database in [Database::sqlite(dir.path()), Database::postgres(dir.path())] {
        let place = database.place();
        let mut ledger = open(&place);
        story(&place, &mut ledger);
    }
}

fn open(place: &Place) -> Ledger {
    Ledger::new(store::open(place).expect("the database opens"))
}

fn ask(place: &Place, sql: &'static str) -> Vec<Vec<Value>> {
    store::beside(place).expect("opens").query(sql, &[]).expect("asked")
}

fn arrivals(sequences: impl IntoIterator<Item = u64>) -> Vec<Message> {
    sequences.into_iter().map(|sequence| message(&event::arrival("t1", sequence))).collect()
}

fn message(body: &[u8]) -> Message {
    read(event::topic("t1", "events").as_bytes(), body)
}

fn state(complete_thru: i64) -> Message {
    read(event::topic("t1", "state").as_bytes(), format!("{{\"complete_thru\":{complete_thru}}}").as_bytes())
}

/// `thru` and `have` of the one truck.
fn acked(ledger: &mut Ledger) -> (i64, Vec<(i64, i64)>) {
    let key = ledger.devices().expect("asked").into_iter().next().expect("a device");
    ledger.ack(key).expect("asked").map_or((0, Vec::new()), |ack| (ack.thru, ack.have))
}

#[test]
fn the_acknowledgement_is_contiguous_and_outlives_the_receiver() {
    on_both(|place, ledger| {
        ledger.take(&arrivals([1, 2, 4, 5, 8]), T0).expect("taken");
        assert_eq!(acked(ledger), (2, vec![(4, 5), (8, 8)]));
        // A connection beside stands for the next receiver: this one still holds the file.
        let mut next = Ledger::new(store::beside(place).expect("opens"));
        assert_eq!(acked(&mut next), (2, vec![(4, 5), (8, 8)]));
        ledger.take(&arrivals([3]), T0).expect("taken");
        assert_eq!(acked(&mut next), (5, vec![(8, 8)]));
    });
}

#[test]
fn a_history_longer_than_one_stride_is_followed_to_its_end() {
    on_both(|_, ledger| {
        ledger.take(&arrivals(2..=2_500), T0).expect("taken");
        assert_eq!(acked(ledger).0, 0);
        ledger.take(&arrivals([1]), T0).expect("taken");
        assert_eq!(acked(ledger), (2_500, vec![]));
    });
}

#[test]
fn a_copy_is_dropped_and_other_bytes_under_a_known_id_are_kept_beside() {
    on_both(|place, ledger| {
        let mut other = event::arrival("t1", 1);
        other.push(b' ');
        let taken = ledger.take(&arrivals([1, 1]), T0).expect("taken");
        assert_eq!((taken.new, taken.copies, taken.conflicts), (1, 1, 0));
        for _ in 0..2 {
            let taken = ledger.take(&[message(&other)], T0).expect("taken");
            assert_eq!((taken.new, taken.copies, taken.conflicts), (0, 0, 1));
        }
        assert_eq!(ask(place, "SELECT body FROM event"), [[Value::Bytes(event::arrival("t1", 1))]]);
        assert_eq!(ask(place, "SELECT body FROM conflict"), [[Value::Bytes(other)]]);
        assert_eq!(acked(ledger).0, 1);
    });
}

#[test]
fn a_range_declared_lost_counts_as_received_and_is_shown_as_a_loss() {
    on_both(|place, ledger| {
        ledger.take(&arrivals([1, 2]), T0).expect("taken");
        let taken = ledger.take(&[message(&event::lost("t1", 10, 3, 9))], T0).expect("taken");
        assert_eq!((taken.new, taken.losses, acked(ledger)), (1, 1, (10, vec![])));
        let shown = ask(place, "SELECT first, last, count, named_by FROM losses");
        assert_eq!(shown, [[Value::Int(3), Value::Int(9), Value::Int(7), Value::Int(10)]]);
    });
}

#[test]
fn a_loss_of_what_is_there_changes_nothing_and_only_the_rest_of_it_is_shown() {
    on_both(|place, ledger| {
        ledger.take(&arrivals([1, 2, 5]), T0).expect("taken");
        // A gateway was exchanged, and numbers what it sends above everything: it cannot know what is there.
        let taken = ledger.take(&[message(&event::lost("t1", 7, 1, 6))], T0).expect("taken");
        assert_eq!((taken.losses, acked(ledger)), (2, (7, vec![])));
        let shown = || ask(place, "SELECT first, last, named_by FROM losses ORDER BY first");
        let rest = [[3, 4, 7], [6, 6, 7]].map(|row| row.map(Value::Int).to_vec());
        assert_eq!(shown(), rest);
        let taken = ledger.take(&[message(&event::lost("t1", 8, 2, 6))], T0).expect("taken");
        assert_eq!((taken.new, taken.losses, acked(ledger)), (1, 0, (8, vec![])));
        assert_eq!(shown(), rest);
    });
}

#[test]
fn what_is_refused_is_kept_with_its_reason() {
    on_both(|place, ledger| {
        let taken = ledger.take(&[message(b"\xff\0{")], T0).expect("taken");
        assert_eq!(taken.refused, 1);
        let kept = ask(place, "SELECT why, body FROM refused");
        assert_eq!(kept[0][1], Value::Bytes(b"\xff\0{".to_vec()));
        assert!(kept[0][0].text().is_some_and(|why| why.starts_with("not JSON")));
    });
}

#[test]
fn a_truck_cannot_fill_the_table_with_names() {
    on_both(|place, ledger| {
        for n in 0..40 {
            let text = String::from_utf8(event::arrival("t1", 1)).expect("UTF-8");
            let other = text.replace("\"acme-t1-1\"", &format!("\"gateway{n}-1\""));
            ledger.take(&[message(other.as_bytes())], T0).expect("taken");
        }
        assert_eq!(ask(place, "SELECT count(*) FROM device"), [[Value::Int(0)]]);
        assert_eq!(ask(place, "SELECT count(*) FROM refused"), [[Value::Int(40)]]);
    });
}

#[test]
fn a_hole_that_the_broker_was_given_is_asked_for_after_minutes_and_then_more_rarely() {
    on_both(|_, ledger| {
        ledger.take(&arrivals([1, 4]), T0).expect("taken");
        ledger.take(&[state(0)], T0).expect("taken");
        assert_eq!(ledger.requests(T0 + 10 * PATIENCE, PATIENCE, 9).expect("asked"), [], "sent by no means yet");
        ledger.take(&[state(4)], T0).expect("taken");
        assert_eq!(ledger.requests(T0 + PATIENCE - 1, PATIENCE, 9).expect("asked"), []);
        let asked = ledger.requests(T0 + PATIENCE, PATIENCE, 9).expect("asked");
        assert_eq!((asked.len(), asked[0].from, asked[0].device.as_str()), (1, 2, "acme-t1"));
        assert_eq!(ledger.requests(T0 + 2 * PATIENCE, PATIENCE, 9).expect("asked"), []);
        let again = ledger.requests(T0 + 3 * PATIENCE, PATIENCE, 9).expect("asked");
        assert!(again[0].counter > asked[0].counter);
        ledger.take(&arrivals([2, 3]), T0 + 3 * PATIENCE).expect("taken");
        assert_eq!(ledger.requests(T0 + 99 * PATIENCE, PATIENCE, 9).expect("asked"), []);
    });
}

#[test]
fn no_more_holes_are_asked_for_than_there_is_room_for_and_each_has_its_turn() {
    on_both(|_, ledger| {
        for truck in ["t1", "t2", "t3"] {
            let of = |n: u64| read(event::topic(truck, "events").as_bytes(), &event::arrival(truck, n));
            ledger.take(&[of(1), of(4)], T0).expect("taken");
            let state = read(event::topic(truck, "state").as_bytes(), b"{\"complete_thru\":4}");
            ledger.take(&[state], T0).expect("taken");
        }
        assert_eq!(ledger.requests(T0 + PATIENCE, PATIENCE, 0).expect("asked"), []);
        let mut asked = Vec::new();
        for room in [2, 2, 2] {
            let now = ledger.requests(T0 + PATIENCE, PATIENCE, room).expect("asked");
            asked.push(now.into_iter().map(|request| request.device).collect::<Vec<_>>());
        }
        assert_eq!(asked.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 0]);
        let mut devices = asked.concat();
        devices.sort_unstable();
        assert_eq!(devices, ["acme-t1", "acme-t2", "acme-t3"], "none is asked twice before the next patience");
    });
}

#[test]
fn the_view_shows_typed_columns() {
    on_both(|place, ledger| {
        ledger.take(&arrivals([1]), T0).expect("taken");
        let sql = "SELECT fleet, truck, sequence, type, facility, visit, revision, latitude, json FROM events";
        let row = &ask(place, sql)[0];
        assert_eq!((row[0].text(), row[1].text(), row[2].int()), (Some("acme"), Some("t1"), Some(1)));
        assert_eq!((row[4].text(), row[5].text(), row[6].int()), (Some("hub"), Some("v1"), Some(1)));
        assert_eq!(row[7], Value::Real(48.1));
        assert_eq!(row[8].text().map(str::as_bytes), Some(event::arrival("t1", 1).as_slice()));
        let times = "SELECT CAST(time AS TEXT), CAST(at_hi AS TEXT) FROM events";
        let times = &ask(place, times)[0];
        assert!(
            times[0].text().is_some_and(|time| time.starts_with("2026-11-22") && time.contains("36:01.25")),
            "{times:?}"
        );
    });
}

#[test]
fn a_database_of_a_later_release_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for database in [Database::sqlite(dir.path()), Database::postgres(dir.path())] {
        let place = database.place();
        drop(open(&place));
        let mut store = store::beside(&place).expect("opens");
        store.execute("UPDATE meta SET value = '7'", &[]).expect("changed");
        drop(store);
        for opened in [store::open(&place), store::beside(&place)] {
            let Err(StoreError::Refused(why)) = opened else { panic!("opened, or failed otherwise") };
            assert!(why.contains("version 7"), "{why}");
        }
    }
}

#[test]
fn a_second_receiver_over_one_file_is_refused_in_plain_words() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let place = Database::sqlite(dir.path()).place();
    let _first = open(&place);
    let Err(StoreError::Refused(why)) = store::open(&place) else { panic!("opened twice") };
    assert!(why.contains("another receiver") && why.contains("PostgreSQL"), "{why}");
}

#[test]
fn a_fault_of_the_disk_passes_and_is_no_refusal() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let folder = dir.path().join("folder");
    std::fs::create_dir(&folder).expect("made");
    // Neither can be opened: the one has no folder for its lock, the other is none that SQLite reads.
    for file in [dir.path().join("unmounted/dispatch.db"), folder] {
        let opened = store::open(&Place::Sqlite(file));
        assert!(matches!(opened, Err(StoreError::Failed(_))), "{:?}", opened.err());
    }
}

#[test]
fn the_server_gives_up_a_receiver_that_vanished() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let database = Database::postgres(dir.path());
    let set = "SELECT current_setting('idle_in_transaction_session_timeout'), current_setting('lock_timeout')";
    assert_eq!(ask(&database.place(), set), [[Value::from("30s"), Value::from("30s")]]);
}

#[test]
fn the_number_of_a_deleted_event_is_not_given_out_again() {
    on_both(|place, ledger| {
        ledger.take(&arrivals([1, 2]), T0).expect("taken");
        store::beside(place).expect("opens").execute("DELETE FROM event WHERE sequence = 2", &[]).expect("deleted");
        ledger.take(&arrivals([3]), T0).expect("taken");
        assert_eq!(ask(place, "SELECT arrival FROM event WHERE sequence = 3"), [[Value::Int(3)]]);
    });
}

/// A gateway that was exchanged without its journal sends its whole new history under known ids.
#[test]
fn what_is_acknowledged_is_kept_however_many_known_ids_come_with_other_bytes() {
    on_both(|place, ledger| {
        let again = |sequence| {
            let mut other = event::arrival("t1", sequence);
            other.push(b' ');
            message(&other)
        };
        ledger.take(&arrivals(1..=150), T0).expect("taken");
        let taken = ledger.take(&(1..=150).map(again).collect::<Vec<_>>(), T0).expect("taken");
        assert_eq!(taken.conflicts, 150);
        assert_eq!(ask(place, "SELECT count(*) FROM conflict"), [[Value::Int(150)]]);
    });
}

/// Over `PostgreSQL` only: over SQLite there is one receiver.
#[test]
fn two_receivers_do_not_wait_for_each_other_in_a_circle() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let database = Database::postgres(dir.path());
    let place = database.place();
    drop(open(&place));
    let notice = |truck: &str, thru: u64| {
        read(event::topic(truck, "state").as_bytes(), format!("{{\"complete_thru\":{thru}}}").as_bytes())
    };
    let work = |arriving: &str, noted: &str| {
        let mut ledger = Ledger::new(store::beside(&place).expect("opens"));
        for round in 1..=200 {
            let body = event::arrival(arriving, round);
            let arrival = read(event::topic(arriving, "events").as_bytes(), &body);
            ledger.take(&[arrival, notice(noted, round)], T0).expect("taken");
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| work("t1", "t2"));
        scope.spawn(|| work("t2", "t1"));
    });
}

#[test]
fn a_receiver_with_a_trucks_state_does_not_wait_in_a_circle_for_one_with_its_events() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let database = Database::postgres(dir.path());
    let place = database.place();
    drop(open(&place));
    let message = |leaf: &str, body: &[u8]| read(event::topic("t1", leaf).as_bytes(), body);
    let state = |round: u64| message("state", format!("{{\"complete_thru\":{round}}}").as_bytes());
    let work = |with_events: bool| {
        let mut ledger = Ledger::new(store::beside(&place).expect("opens"));
        for round in 1..=300 {
            let arrival = with_events.then(|| message("events", &event::arrival("t1", round)));
            let notices = [state(round), message("health", b"{}")];
            let batch: Vec<_> = arrival.into_iter().chain(notices).collect();
            ledger.take(&batch, T0).expect("taken");
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| work(true));
        scope.spawn(|| work(false));
    });
}

#[test]
fn a_receiver_that_asks_for_holes_does_not_wait_in_a_circle_for_one_with_the_same_trucks_events() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let database = Database::postgres(dir.path());
    let place = database.place();
    let of = |truck: &str, n: u64| read(event::topic(truck, "events").as_bytes(), &event::arrival(truck, n));
    let mut ledger = open(&place);
    // The oldest holes are those of the last trucks.
    let trucks: Vec<String> = (10..20).map(|n| format!("t{n}")).collect();
    for (truck, n) in trucks.iter().rev().zip(0..) {
        let state = read(event::topic(truck, "state").as_bytes(), b"{\"complete_thru\":4}");
        ledger.take(&[of(truck, 1), state], T0 + n).expect("taken");
    }
    let batch: Vec<_> = trucks.iter().map(|truck| of(truck, 1)).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut other = Ledger::new(store::beside(&place).expect("opens"));
            for _ in 0..200 {
                other.take(&batch, T0).expect("taken");
            }
        });
        for round in 0..200 {
            let asked = ledger.requests(T0 + 1_000 + round, 0, 10).expect("asked");
            assert_eq!(asked.len(), 10);
        }
    });
}

#[test]
fn of_a_long_range_that_is_declared_lost_only_what_is_not_there_is_a_loss() {
    on_both(|place, ledger| {
        ledger.take(&arrivals((1..=9).chain(11..=2_400).chain(2_402..=3_000)), T0).expect("taken");
        ledger.take(&[message(&event::lost("t1", 3_001, 10, 3_000))], T0).expect("taken");
        let losses = ask(place, "SELECT first, last FROM lost ORDER BY first");
        assert_eq!(losses, [[Value::Int(10), Value::Int(10)], [Value::Int(2_401), Value::Int(2_401)]]);
        assert_eq!(acked(ledger), (3_001, vec![]));
    });
}

/// What a dispatcher has who installs this release over the first one.
#[test]
fn a_database_of_the_first_release_is_brought_forward_with_what_is_in_it() {
    const META: &str =
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL); INSERT INTO meta VALUES ('schema', '1');";
    const HELD: &str =
        "INSERT INTO device (fleet, truck, device, first_ms, last_ms, thru) VALUES ('acme', 't1', 'acme-t1', 0, 0, 7);
        INSERT INTO notice (fleet, truck, topic, received_ms, body) VALUES ('acme', 't1', 'state', 0, 'x')";
    let dir = tempfile::tempdir().expect("a temporary folder");
    for database in [Database::sqlite(dir.path()), Database::postgres(dir.path())] {
        let place = database.place();
        match &place {
            Place::Sqlite(file) => {
                let first =
                    format!("{META}{}{}", include_str!("../../schema/0001-sqlite.sql"), HELD.replace("'x'", "x'78'"));
                rusqlite::Connection::open(file).and_then(|made| made.execute_batch(&first)).expect("made");
            }
            Place::Postgres { url, .. } => {
                let first = format!("{META}{}{HELD}", include_str!("../../schema/0001-postgres.sql"));
                let mut client = ::postgres::Client::connect(url, ::postgres::NoTls).expect("connects");
                client.batch_execute(&first).expect("made");
            }
        }
        let mut ledger = open(&place);
        assert_eq!(acked(&mut ledger), (7, vec![]));
        assert_eq!(ask(&place, "SELECT body, heard_ms FROM notice"), [[Value::Bytes(b"x".to_vec()), Value::Null]]);
        ledger.seen("receiver", 1, None, None).expect("the new table is there");
    }
}
