//! Does somebody else's system get every event, in order, whatever it answers?

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatestamp_receiver::ledger::Ledger;
use gatestamp_receiver::message::read;
use gatestamp_receiver::store::{self, Value};
use gatestamp_receiver::webhook::signature;
use hil_tests::clock::await_condition;
use hil_tests::mosquitto::Mosquitto;

use crate::rig::broker::Client;
use crate::rig::process::{PROGRAM, configure, start};
use crate::rig::{Database, block_on, event};
use crate::session::{ack, publish};

const SECRET: &str = "0123456789abcdef";
const PATIENCE: Duration = Duration::from_secs(60);
/// What the other side refuses for good.
const POISON: &str = "acme-t1-3";

/// The accepted bodies of each truck, in the order of their posts.
type Accepted = Arc<Mutex<BTreeMap<String, Vec<u64>>>>;

/// Somebody else's system: overloaded every fifth time, and it will not have the poisoned event.
fn listen(listener: TcpListener, accepted: &Accepted) {
    for (number, stream) in listener.incoming().enumerate() {
        let Ok(stream) = stream else { continue };
        let Some((headers, body)) = request(&stream) else { continue };
        let json: serde_json::Value = serde_json::from_slice(&body).expect("a CloudEvent");
        let id = json.get("id").and_then(serde_json::Value::as_str).expect("an id");
        assert_eq!(headers.get("x-gatestamp-id").map(String::as_str), Some(id));
        let given = headers.get("x-gatestamp-signature").expect("signed");
        let at = given.strip_prefix("t=").and_then(|rest| rest.split(',').next()?.parse().ok()).expect("a time");
        assert_eq!(*given, signature(SECRET.as_bytes(), at, &body));
        let status = match (id, number % 5) {
            (_, 4) => "503 Service Unavailable",
            (POISON, _) => "422 Unprocessable Content",
            _ => {
                let (truck, sequence) = id.rsplit_once('-').expect("device and sequence");
                let sequence = sequence.parse().expect("a number");
                accepted.lock().expect("no panic").entry(truck.to_owned()).or_default().push(sequence);
                "204 No Content"
            }
        };
        // The receiver may have been killed meanwhile.
        let _ = (&stream)
            .write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes());
    }
}

pub(crate) fn request(stream: &TcpStream) -> Option<(BTreeMap<String, String>, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some((headers, body))
}

fn delivers(database: &Database, dir: &Path) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let accepted = Accepted::default();
    let shared = Arc::clone(&accepted);
    std::thread::spawn(move || listen(listener, &shared));
    std::fs::write(dir.join("webhook.secret"), SECRET).expect("written");
    {
        let mut ledger = Ledger::new(store::open(&database.place()).expect("opens"));
        let all = ["t1", "t2"].into_iter().flat_map(|truck| (1..=6).map(move |n| (truck, n)));
        let batch: Vec<_> =
            all.map(|(truck, n)| read(event::topic(truck, "events").as_bytes(), &event::arrival(truck, n))).collect();
        ledger.take(&batch, 0).expect("taken");
    }
    let more = format!("[webhook]\nurl = \"http://127.0.0.1:{port}/hook\"\nsecret = \"webhook.secret\"");
    // No broker there: the webhook does not depend on it.
    let config = configure(dir, "receiver", 1, &database.place(), &more);
    let mut receiver = start(&config);
    let some = || !accepted.lock().expect("no panic").is_empty();
    assert!(await_condition(PATIENCE, some), "{}", receiver.log());
    receiver.restart().expect("the receiver starts");
    let done = || {
        let accepted = accepted.lock().expect("no panic");
        ["acme-t1", "acme-t2"].iter().all(|truck| accepted.get(*truck).is_some_and(|got| got.last() == Some(&6)))
    };
    assert!(await_condition(PATIENCE, done), "{:?}\n{}", accepted.lock(), receiver.log());
    for (truck, got) in accepted.lock().expect("no panic").iter() {
        let mut once = got.clone();
        once.dedup();
        let wanted: Vec<u64> = (1..=6).filter(|n| format!("{truck}-{n}") != POISON).collect();
        assert_eq!(once, wanted, "{truck}: in order, a copy at most beside itself");
    }
    let noted = "SELECT e.id FROM unhooked u JOIN event e ON e.arrival = u.arrival";
    let noted = store::beside(&database.place()).expect("opens").query(noted, &[]).expect("asked");
    assert_eq!(noted, [[Value::from(POISON)]]);
}

#[test]
fn each_event_is_posted_in_order_across_refusals_and_kills_from_sqlite() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    delivers(&Database::sqlite(dir.path()), dir.path());
}

#[test]
fn each_event_is_posted_in_order_across_refusals_and_kills_from_postgres() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    delivers(&Database::postgres(dir.path()), dir.path());
}

/// More of them than one answer of the database names.
#[test]
fn what_is_not_taken_of_some_trucks_holds_up_no_other() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let posted = Arc::new(Mutex::new(BTreeSet::new()));
    let shared = Arc::clone(&posted);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Some((headers, _)) = request(&stream) else { continue };
            let id = headers.get("x-gatestamp-id").expect("an id");
            let status = if id == "acme-good-1" { "204 No Content" } else { "500 Internal Server Error" };
            shared.lock().expect("no panic").insert(id.clone());
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = (&stream).write_all(answer.as_bytes());
        }
    });
    let place = Database::sqlite(dir.path()).place();
    let first = |truck: &str| read(event::topic(truck, "events").as_bytes(), &event::arrival(truck, 1));
    let bad: Vec<_> = (0..101).map(|n| first(&format!("bad{n}"))).collect();
    Ledger::new(store::open(&place).expect("opens")).take(&bad, 0).expect("taken");
    let more = format!("[webhook]\nurl = \"http://127.0.0.1:{port}/hook\"");
    let receiver = start(&configure(dir.path(), "receiver", 1, &place, &more));
    let all = || posted.lock().expect("no panic").len() == bad.len();
    assert!(await_condition(PATIENCE, all), "{}", receiver.log());
    Ledger::new(store::beside(&place).expect("opens")).take(&[first("good")], 0).expect("taken");
    let good = || posted.lock().expect("no panic").contains("acme-good-1");
    assert!(await_condition(Duration::from_secs(2), good), "{}", receiver.log());
}

#[test]
fn what_is_never_answered_of_some_trucks_holds_up_no_other_and_no_acknowledgement() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let accepted = Accepted::default();
    let shared = Arc::clone(&accepted);
    std::thread::spawn(move || {
        let mut unanswered = Vec::new();
        for stream in listener.incoming().flatten() {
            let Some((headers, _)) = request(&stream) else { continue };
            let (truck, sequence) = headers.get("x-gatestamp-id").and_then(|id| id.rsplit_once('-')).expect("an id");
            shared.lock().expect("no panic").entry(truck.to_owned()).or_default().push(sequence.parse().expect("one"));
            if truck.contains("hang") {
                unanswered.push(stream);
            } else {
                let _ = (&stream).write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
            }
        }
    });
    let place = Database::sqlite(dir.path()).place();
    let event = |truck: &str, n| read(event::topic(truck, "events").as_bytes(), &event::arrival(truck, n));
    // The first of all devices, so that each is posted before the other truck's.
    let mut batch: Vec<_> = (0..5).flat_map(|n| [1, 2].map(|sequence| event(&format!("hang{n}"), sequence))).collect();
    batch.extend((1..=6).map(|n| event("t1", n)));
    Ledger::new(store::open(&place).expect("opens")).take(&batch, 0).expect("taken");
    let broker = Mosquitto::start(dir.path()).expect("a broker");
    let more = format!("[webhook]\nurl = \"http://127.0.0.1:{port}/hook\"");
    let receiver = start(&configure(dir.path(), "receiver", broker.port(), &place, &more));
    let posted = |truck: &str| accepted.lock().expect("no panic").get(truck).cloned().unwrap_or_default();
    let hung = || (0..5).all(|n| posted(&format!("acme-hang{n}")) == [1]);
    // Of the 20 seconds that a post may take.
    let patience = Duration::from_secs(15);
    assert!(await_condition(patience, || hung() && posted("acme-t1") == [1, 2, 3, 4, 5, 6]), "{}", receiver.log());
    let acked = block_on(async {
        let mut truck = Client::plain(broker.port(), "acme-t1").await?;
        truck.subscribe(&event::topic("t1", "down/ack")).await?;
        publish(&mut truck, event::arrival("t1", 7)).await?;
        while ack(&mut truck).await?["thru"] != 7 {}
        Ok::<(), String>(())
    });
    acked.unwrap_or_else(|why| panic!("{why}: {}", receiver.log()));
    assert!(await_condition(Duration::from_secs(2), || posted("acme-t1").last() == Some(&7)), "{}", receiver.log());
    assert!(hung(), "the next one waits for the one before");
}

fn check(config: &Path) -> Result<(), String> {
    let done = Command::new(PROGRAM).arg("check").arg("--config").arg(config).output().expect("the program runs");
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
}

#[test]
fn a_file_that_is_not_there_yet_is_told_by_check_and_waited_for_by_the_service() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let accepted = Accepted::default();
    let shared = Arc::clone(&accepted);
    std::thread::spawn(move || listen(listener, &shared));
    let database = Database::sqlite(dir.path());
    let mut ledger = Ledger::new(store::open(&database.place()).expect("opens"));
    ledger.take(&[read(event::topic("t1", "events").as_bytes(), &event::arrival("t1", 1))], 0).expect("taken");
    drop(ledger);
    let more = format!("[webhook]\nurl = \"http://127.0.0.1:{port}/\"\nsecret = \"webhook.secret\"");
    let config = configure(dir.path(), "receiver", 1, &database.place(), &more);
    assert!(check(&config).expect_err("no such file").contains("webhook.secret"));
    let receiver = start(&config);
    assert!(await_condition(PATIENCE, || receiver.log().contains("webhook.secret")), "{}", receiver.log());
    std::fs::write(dir.path().join("webhook.secret"), SECRET).expect("written");
    check(&config).expect("good");
    assert!(await_condition(PATIENCE, || !accepted.lock().expect("no panic").is_empty()), "{}", receiver.log());
}

#[test]
fn check_looks_at_each_ca_that_is_named() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let database = Database::sqlite(dir.path());
    let more = "[webhook]\nurl = \"https://localhost/\"\nca = \"none.pem\"";
    let config = configure(dir.path(), "receiver", 1, &database.place(), more);
    assert!(check(&config).expect_err("no such file").contains("webhook.ca"));
    let text = "[broker]\nurl = \"mqtt://localhost\"\n[store]\nkind = \"postgres\"\nurl = \"host=localhost\"\nca = \"none.pem\"\n";
    std::fs::write(&config, text).expect("written");
    assert!(check(&config).expect_err("no such file").contains("store.ca"));
}

/// Slower than the pause between two rounds: answers come while a page that was read before is worked through.
#[test]
fn a_slow_endpoint_gets_each_event_once() {
    const EVENTS: u64 = 4;
    let trucks = ["a", "b", "c"];
    let dir = tempfile::tempdir().expect("a temporary folder");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let posted = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&posted);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                let Some((headers, _)) = request(&stream) else { return };
                shared.lock().expect("no panic").push(headers.get("x-gatestamp-id").expect("an id").clone());
                std::thread::sleep(Duration::from_millis(600));
                let _ =
                    (&stream).write_all(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            });
        }
    });
    let place = Database::sqlite(dir.path()).place();
    let all = (1..=EVENTS).flat_map(|n| trucks.into_iter().map(move |truck| (truck, n)));
    let batch: Vec<_> =
        all.map(|(truck, n)| read(event::topic(truck, "events").as_bytes(), &event::arrival(truck, n))).collect();
    Ledger::new(store::open(&place).expect("opens")).take(&batch, 0).expect("taken");
    let more = format!("[webhook]\nurl = \"http://127.0.0.1:{port}/hook\"");
    let receiver = start(&configure(dir.path(), "receiver", 1, &place, &more));
    let last = |truck: &str| format!("acme-{truck}-{EVENTS}");
    let done = || trucks.iter().all(|truck| posted.lock().expect("no panic").contains(&last(truck)));
    assert!(await_condition(PATIENCE, done), "{:?}\n{}", posted.lock(), receiver.log());
    let mut ids = posted.lock().expect("no panic").clone();
    ids.sort();
    let count = ids.len();
    ids.dedup();
    assert_eq!((count, ids.len()), (batch.len(), batch.len()), "{:?}", posted.lock());
}
