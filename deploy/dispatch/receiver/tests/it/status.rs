//! What does a person learn from `status`?

use std::io::{Write as _, pipe};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gatestamp_receiver::ledger::Ledger;
use gatestamp_receiver::message::{Message, read};
use gatestamp_receiver::store::{self, Place, Value};
use hil_tests::clock::await_condition;
use hil_tests::mosquitto::Mosquitto;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;

use crate::installation::{good, installation};
use crate::rig::broker::{Client, PATIENCE, free_port};
use crate::rig::process::{PROGRAM, configure, start};
use crate::rig::{Database, block_on, event};
use crate::webhook::request;

fn status(config: &Path) -> String {
    let done = Command::new(PROGRAM).args(["status", "--config"]).arg(config).output().expect("the program runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("UTF-8")
}

#[test]
fn a_reader_that_has_seen_enough_is_no_fault() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let place = Database::sqlite(dir.path()).place();
    drop(store::open(&place).expect("made"));
    let config = configure(dir.path(), "receiver", 1, &place, "");
    assert!(!status(&config).is_empty());
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(PROGRAM);
    let done = command.args(["status", "--config"]).arg(&config).stdout(writer).output().expect("the program runs");
    assert!(done.status.success(), "{:?}: {}", done.status, String::from_utf8_lossy(&done.stderr));
}

const T0: i64 = 1_795_305_600_000;

/// The one line of those that begin so.
fn line(told: &str, beginning: &str) -> String {
    let mut found = told.lines().filter(|line| line.starts_with(beginning));
    let first = found.next().unwrap_or_else(|| panic!("nothing of {beginning}: {told}")).to_owned();
    assert_eq!(found.next(), None, "{told}");
    first
}

fn notice(leaf: &str, body: &str) -> Message {
    read(event::topic("t1", leaf).as_bytes(), body.as_bytes())
}

fn retained(message: Message) -> Message {
    let Message::Notice { truck, leaf, complete_thru, answered, body, .. } = message else { panic!("a notice") };
    Message::Notice { truck, leaf, complete_thru, heard: false, answered, body }
}

#[test]
fn a_truck_without_events_is_heard_by_its_health_and_its_last_will_is_not_a_sign_of_it() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for database in [Database::sqlite(dir.path()), Database::postgres(dir.path())] {
        let place = database.place();
        let config = configure(dir.path(), "receiver", 1, &place, "");
        let mut ledger = Ledger::new(store::open(&place).expect("opens"));
        let t1 = |part: &str| line(&status(&config), "acme/t1").contains(part);
        ledger.take(&[retained(notice("state", "{}"))], T0).expect("taken");
        assert!(t1("no event yet, never heard"), "{}", status(&config));
        let later =
            [notice("health", "{\"status\":\"online\"}"), retained(notice("health", "{\"status\":\"online\"}"))];
        ledger.take(&later, T0 + 60_000).expect("taken");
        let heard = "no event yet, heard last 2026-11-22T00:01:00.000Z";
        assert!(t1(heard) && t1(", online"), "{}", status(&config));
        for (at_ms, will) in [(T0 + 120_000, false), (T0 + 180_000, true)] {
            let offline = notice("health", "{\"status\":\"offline\"}");
            ledger.take(&[if will { retained(offline) } else { offline }], at_ms).expect("taken");
            assert!(t1(heard) && t1(", OFFLINE"), "{}", status(&config));
        }
        let arrival = read(event::topic("t1", "events").as_bytes(), &event::arrival("t1", 1));
        ledger.take(&[arrival], T0 + 240_000).expect("taken");
        assert!(t1("complete to 1, last event 2026-11-22T00:04:00.000Z"), "{}", status(&config));
        assert!(t1("heard last 2026-11-22T00:04:00.000Z"), "{}", status(&config));
    }
}

#[test]
fn a_retained_message_is_a_copy_whenever_the_receiver_connects() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let place = Database::sqlite(dir.path()).place();
    let broker = Mosquitto::start(dir.path()).expect("a broker");
    block_on(async {
        let mut truck = Client::plain(broker.port(), "acme-t1").await.expect("connects");
        let health = "{\"status\":\"online\"}";
        truck.client.try_publish(event::topic("t1", "health"), QoS::AtLeastOnce, true, health).expect("said");
        truck.until(|packet| matches!(packet, Packet::PubAck(_)).then_some(())).await.expect("kept");
    });
    let config = configure(dir.path(), "receiver", broker.port(), &place, "");
    let receiver = start(&config);
    let there = || place_is_there(&place) && status(&config).contains("acme/t1");
    assert!(await_condition(PATIENCE, there), "{}", receiver.log());
    assert_eq!(line(&status(&config), "acme/t1"), "acme/t1: no event yet, never heard, online");
    block_on(async {
        let mut truck = Client::plain(broker.port(), "acme-t1").await.expect("connects");
        truck.publish(&event::topic("t1", "reply"), b"{}".to_vec()).await.expect("said");
    });
    assert!(
        await_condition(PATIENCE, || line(&status(&config), "acme/t1").contains("heard last")),
        "{}",
        receiver.log()
    );
}

/// A file that a starting receiver has only begun is nothing to ask.
fn place_is_there(place: &Place) -> bool {
    store::beside(place).is_ok()
}

#[test]
fn it_says_whether_the_receiver_runs_and_has_its_broker() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for database in [Database::sqlite(dir.path()), Database::postgres(dir.path())] {
        let place = database.place();
        let mut ledger = Ledger::new(store::open(&place).expect("opens"));
        let mut broker = Mosquitto::start(dir.path()).expect("a broker");
        let config = configure(dir.path(), "receiver", broker.port(), &place, "");
        assert!(status(&config).contains("NO RECEIVER has run"), "{}", status(&config));
        let long_ago = gatestamp_receiver::clock::wall_ms() - 50_000;
        ledger.seen("receiver", long_ago, Some(long_ago), None).expect("noted");
        assert!(line(&status(&config), "receiver ").contains("DOES NOT RUN"), "{}", status(&config));
        drop(ledger);
        let receiver = start(&config);
        let says = |part: &str| line(&status(&config), "receiver receiver:").contains(part);
        assert!(await_condition(PATIENCE, || says("runs, connected to the broker since")), "{}", receiver.log());
        broker.kill();
        assert!(await_condition(PATIENCE, || says("runs, NOT CONNECTED to the broker:")), "{}", receiver.log());
    }
}

#[test]
fn nobody_who_is_told_of_writes_into_the_terminal() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let place = Database::sqlite(dir.path()).place();
    let mut ledger = Ledger::new(store::open(&place).expect("opens"));
    let config = configure(dir.path(), "receiver", 1, &place, "");
    let health = notice("health", r#"{"status":"\u001b[2Jonline\nacme/t2: complete to 9"}"#);
    ledger.take(&[health], T0).expect("taken");
    let now = gatestamp_receiver::clock::wall_ms();
    ledger.seen("receiver", now, None, Some("\u{1b}[1A\r\u{9b}2Kgone")).expect("noted");
    let told = status(&config);
    assert!(line(&told, "receiver ").contains("NOT CONNECTED to the broker: ?[1A??2Kgone;"), "{told:?}");
    assert!(!told.contains("t2") && !told.contains("online"), "{told:?}");
    assert!(told.chars().all(|c| c == '\n' || !c.is_control()), "{told:?}");
}

#[test]
fn a_truck_that_was_removed_is_marked_and_one_that_never_reported_is_shown() {
    let (_dir, place) = installation(free_port());
    let config = Path::new(&place).join("receiver/receiver.toml");
    let database = Place::Sqlite(Path::new(&place).join("receiver/dispatch.db"));
    let arrival = read(event::topic("t1", "events").as_bytes(), &event::arrival("t1", 1));
    Ledger::new(store::open(&database).expect("opens")).take(&[arrival], T0).expect("taken");
    assert!(!status(&config).contains("REMOVED"), "{}", status(&config));
    good(&["remove-truck", &place, event::FLEET, "t1"]);
    assert!(line(&status(&config), "acme/t1").ends_with("REMOVED: it has no rights at the broker"));
    assert_eq!(line(&status(&config), "acme/t2"), "acme/t2: no event yet, never heard");
}

#[test]
fn what_the_webhook_has_not_been_able_to_post_is_shown_with_the_last_answer() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let mended = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&mended);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = if shared.load(Ordering::SeqCst) { "204 No Content" } else { "404 Not Found" };
            // The receiver may have ended meanwhile.
            let _ = request(&stream);
            let _ = (&stream)
                .write_all(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes());
        }
    });
    for database in [Database::sqlite(dir.path()), Database::postgres(dir.path())] {
        let place = database.place();
        mended.store(false, Ordering::SeqCst);
        let batch: Vec<_> =
            (1..=3).map(|n| read(event::topic("t1", "events").as_bytes(), &event::arrival("t1", n))).collect();
        Ledger::new(store::open(&place).expect("opens")).take(&batch, T0).expect("taken");
        let config =
            configure(dir.path(), "receiver", 1, &place, &format!("[webhook]\nurl = \"http://127.0.0.1:{port}/\""));
        let says = |part: &str| line(&status(&config), "webhook: ").contains(part);
        assert!(says("3 events wait since 2026-11-22T00:00:00.000Z"), "{}", status(&config));
        let receiver = start(&config);
        let refused = || says("3 events wait since") && says("to acme/t1: 404 Not Found");
        assert!(await_condition(PATIENCE, refused), "{}\n{}", status(&config), receiver.log());
        mended.store(true, Ordering::SeqCst);
        assert!(await_condition(PATIENCE, || says("nothing waits")), "{}\n{}", status(&config), receiver.log());
        let none = "SELECT count(*) FROM device WHERE hook_why IS NOT NULL";
        let none = store::beside(&place).and_then(|mut store| store.query(none, &[])).expect("asked");
        assert_eq!(none, [[Value::Int(0)]]);
    }
    let more = "[webhook]\nurl = \"http://127.0.0.1:1/\"\nsecret = \"none\"";
    let config = configure(dir.path(), "receiver", 1, &Database::sqlite(dir.path()).place(), more);
    assert!(line(&status(&config), "webhook: ").starts_with("webhook: CANNOT POST: webhook.secret: "));
}
