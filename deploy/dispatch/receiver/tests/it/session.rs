//! What does the receiver say, to whom, and when?

use std::process::Command;

use gatestamp_receiver::ledger::Ledger;
use gatestamp_receiver::message::read;
use gatestamp_receiver::store::{self, Value};
use hil_tests::clock::await_condition;
use hil_tests::mosquitto::Mosquitto;
use rumqttc::v5::mqttbytes::v5::{Packet, PubAckReason};
use serde_json::Value as Json;

use crate::rig::broker::{Client, PATIENCE};
use crate::rig::postgres::place;
use crate::rig::process::{PROGRAM, configure, start};
use crate::rig::{Database, block_on, event};

/// The next acknowledgement to the truck t1.
pub(crate) async fn ack(client: &mut Client) -> Result<Json, String> {
    let body = |packet: &Packet| {
        let Packet::Publish(got) = packet else { return None };
        got.topic.ends_with(b"down/ack").then(|| got.payload.clone())
    };
    serde_json::from_slice(&client.until(body).await?).map_err(|fault| fault.to_string())
}

/// Publishes until somebody listens: a receiver that was just started has no session yet.
pub(crate) async fn publish(client: &mut Client, body: Vec<u8>) -> Result<(), String> {
    while client.publish(&event::topic("t1", "events"), body.clone()).await? != PubAckReason::Success {}
    Ok(())
}

#[test]
fn every_start_and_every_connection_acknowledges_again() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let place = Database::sqlite(dir.path()).place();
    {
        let mut ledger = Ledger::new(store::open(&place).expect("opens"));
        let topic = event::topic("t1", "events");
        let batch: Vec<_> = (1..=3).map(|n| read(topic.as_bytes(), &event::arrival("t1", n))).collect();
        ledger.take(&batch, 0).expect("taken");
    }
    let mut broker = Mosquitto::start(dir.path()).expect("a broker");
    let receiver = start(&configure(dir.path(), "receiver", broker.port(), &place, ""));
    for _ in 0..2 {
        let acked = block_on(async {
            let mut truck = Client::plain(broker.port(), "acme-t1").await?;
            truck.subscribe(&event::topic("t1", "down/ack")).await?;
            ack(&mut truck).await
        });
        let acked = acked.unwrap_or_else(|why| panic!("{why}: {}", receiver.log()));
        assert_eq!((acked["thru"].as_u64(), acked["device"].as_str()), (Some(3), Some("acme-t1")));
        // With the broker dies what it had retained.
        broker.restart().expect("a broker");
    }
}

#[test]
fn a_hole_is_named_above_and_what_is_no_event_is_kept_and_not_asked_for_again() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let place = Database::sqlite(dir.path()).place();
    let broker = Mosquitto::start(dir.path()).expect("a broker");
    let receiver = start(&configure(dir.path(), "receiver", broker.port(), &place, ""));
    let acked = block_on(async {
        let mut truck = Client::plain(broker.port(), "acme-t1").await?;
        truck.subscribe(&event::topic("t1", "down/ack")).await?;
        publish(&mut truck, b"not an event".to_vec()).await?;
        publish(&mut truck, event::arrival("t2", 1)).await?;
        for sequence in [1, 3, 4] {
            publish(&mut truck, event::arrival("t1", sequence)).await?;
        }
        loop {
            let acked = ack(&mut truck).await?;
            if acked["have"] == serde_json::json!([[3, 4]]) {
                return Ok::<Json, String>(acked);
            }
        }
    });
    let acked = acked.unwrap_or_else(|why| panic!("{why}: {}", receiver.log()));
    assert_eq!(acked["thru"].as_u64(), Some(1));
    let kept =
        store::beside(&place).expect("opens").query("SELECT why FROM refused ORDER BY number", &[]).expect("asked");
    let why: Vec<&str> = kept.iter().filter_map(|row| row[0].text()).collect();
    assert!(why.len() == 2 && why[0].starts_with("not JSON") && why[1].contains("whose topic this is"), "{why:?}");
}

/// What whoever connects now is told of the receiver's presence, and whether the broker had it retained.
async fn presence(port: u16) -> Result<(Vec<u8>, bool), String> {
    let mut watcher = Client::plain(port, "newcomer").await?;
    watcher.subscribe("gatestamp/v1/dispatch/receiver").await?;
    let said = |packet: &Packet| {
        if let Packet::Publish(got) = packet { Some((got.payload.to_vec(), got.retain)) } else { None }
    };
    watcher.until(said).await
}

/// The broker tells each newcomer so, after it took it from the receiver or, when that is dead, from its will.
fn is_retained(port: u16, status: &str) -> bool {
    let told = format!("{{\"status\":\"{status}\"}}");
    await_condition(PATIENCE, || block_on(presence(port)) == Ok((told.clone().into_bytes(), true)))
}

#[test]
fn its_presence_is_retained_after_each_connection_and_its_death_is_told_by_the_broker() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut broker = Mosquitto::start(dir.path()).expect("a broker");
    let place = Database::sqlite(dir.path()).place();
    let mut receiver = start(&configure(dir.path(), "receiver", broker.port(), &place, ""));
    assert!(is_retained(broker.port(), "online"), "{}", receiver.log());
    // With the broker dies what it had retained.
    broker.restart().expect("a broker");
    assert!(is_retained(broker.port(), "online"), "{}", receiver.log());
    receiver.kill();
    assert!(is_retained(broker.port(), "offline"), "{}", receiver.log());
    receiver.restart().expect("the receiver starts");
    assert!(is_retained(broker.port(), "online"), "{}", receiver.log());
    receiver.terminate().expect("it runs");
    assert!(is_retained(broker.port(), "offline"), "{}", receiver.log());
}

/// The first one is what dispatch acts on; the other is kept for whoever finds out which of two gateways sent what.
fn other_bytes_under_a_known_id_are_kept_and_cried_out(database: &Database, dir: &std::path::Path) {
    let broker = Mosquitto::start(dir).expect("a broker");
    let config = configure(dir, "receiver", broker.port(), &database.place(), "");
    let receiver = start(&config);
    let mut other = event::arrival("t1", 1);
    other.push(b' ');
    let acked = block_on(async {
        let mut truck = Client::plain(broker.port(), "acme-t1").await?;
        truck.subscribe(&event::topic("t1", "down/ack")).await?;
        for body in [event::arrival("t1", 1), other.clone(), event::arrival("t1", 2)] {
            publish(&mut truck, body).await?;
        }
        while ack(&mut truck).await?.get("thru").and_then(Json::as_u64) != Some(2) {}
        Ok::<(), String>(())
    });
    acked.unwrap_or_else(|why| panic!("{why}: {}", receiver.log()));
    let mut store = store::beside(&database.place()).expect("opens");
    let mut kept = |sql| store.query(sql, &[]).expect("asked");
    let first = kept("SELECT body FROM event ORDER BY sequence");
    assert_eq!(first, [1, 2].map(|sequence| [Value::Bytes(event::arrival("t1", sequence))]));
    assert_eq!(kept("SELECT sequence, body FROM conflict"), [[Value::Int(1), Value::Bytes(other)]]);
    assert!(receiver.log().contains("ERROR 1 known ids came with other bytes"), "{}", receiver.log());
    let told = Command::new(PROGRAM).args(["status", "--config"]).arg(&config).output().expect("runs");
    let told = String::from_utf8_lossy(&told.stdout);
    assert!(told.contains("complete to 2, 1 CONFLICT (table conflict)"), "{told}");
}

#[test]
fn other_bytes_under_a_known_id_are_kept_and_cried_out_over_sqlite() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    other_bytes_under_a_known_id_are_kept_and_cried_out(&Database::sqlite(dir.path()), dir.path());
}

#[test]
fn other_bytes_under_a_known_id_are_kept_and_cried_out_over_postgres() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    other_bytes_under_a_known_id_are_kept_and_cried_out(&Database::postgres(dir.path()), dir.path());
}

#[test]
fn a_second_receiver_over_sqlite_refuses_to_start_and_says_why() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let place = Database::sqlite(dir.path()).place();
    let _first = store::open(&place).expect("opens");
    let config = configure(dir.path(), "second", 1, &place, "");
    let done = Command::new(PROGRAM).arg("run").arg("--config").arg(&config).output().expect("runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(78), "{said}");
    assert!(said.contains("another receiver has this database open"), "{said}");
}

#[test]
fn while_the_database_is_away_nothing_is_acknowledged_and_then_everything() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let Database::Postgres(mut server) = Database::postgres(dir.path()) else { panic!("PostgreSQL") };
    let broker = Mosquitto::start(dir.path()).expect("a broker");
    let receiver = start(&configure(dir.path(), "receiver", broker.port(), &place(&server), ""));
    block_on(async {
        let mut truck = Client::plain(broker.port(), "acme-t1").await.expect("connects");
        truck.subscribe(&event::topic("t1", "down/ack")).await.expect("answered");
        publish(&mut truck, event::arrival("t1", 1)).await.expect("taken");
        assert_eq!(ack(&mut truck).await.expect("acknowledged")["thru"].as_u64(), Some(1));
        server.kill();
        publish(&mut truck, event::arrival("t1", 2)).await.expect("the broker takes it");
        assert!(await_condition(PATIENCE, || receiver.log().contains("the database:")), "{}", receiver.log());
    });
    server.restart().expect("the database comes back");
    block_on(async {
        let mut truck = Client::plain(broker.port(), "acme-t1").await.expect("connects");
        truck.subscribe(&event::topic("t1", "down/ack")).await.expect("answered");
        // What is retained is 1; then comes 2, which the broker has kept meanwhile.
        while ack(&mut truck).await.expect("acknowledged")["thru"].as_u64() != Some(2) {}
    });
    let rows = store::beside(&place(&server)).expect("opens").query("SELECT count(*) FROM event", &[]).expect("asked");
    assert_eq!(rows, [[Value::Int(2)]]);
}

/// A session's fault is made by taking a table away; then the reopening is refused, as it is while somebody changes the database.
#[test]
fn a_database_that_was_open_once_is_tried_again_however_it_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let place = Database::sqlite(dir.path()).place();
    let broker = Mosquitto::start(dir.path()).expect("a broker");
    let receiver = start(&configure(dir.path(), "receiver", broker.port(), &place, ""));
    block_on(async {
        let mut truck = Client::plain(broker.port(), "acme-t1").await.expect("connects");
        truck.subscribe(&event::topic("t1", "down/ack")).await.expect("answered");
        publish(&mut truck, event::arrival("t1", 1)).await.expect("taken");
        assert_eq!(ack(&mut truck).await.expect("acknowledged")["thru"].as_u64(), Some(1));
    });
    let mut beside = store::beside(&place).expect("opens");
    let mut change = |sql| beside.execute(sql, &[]).expect("changed");
    change("UPDATE meta SET value = '9' WHERE name = 'schema'");
    change("ALTER TABLE notice RENAME TO gone");
    block_on(async {
        let mut truck = Client::plain(broker.port(), "acme-t1").await.expect("connects");
        truck
            .publish(&event::topic("t1", "state"), b"{\"complete_thru\":1}".to_vec())
            .await
            .expect("the broker takes it");
    });
    let refused = || receiver.log().contains("has schema version 9");
    assert!(await_condition(PATIENCE, refused), "{}", receiver.log());
    change("ALTER TABLE gone RENAME TO notice");
    change("UPDATE meta SET value = '3' WHERE name = 'schema'");
    block_on(async {
        let mut truck = Client::plain(broker.port(), "acme-t1").await.expect("connects");
        truck.subscribe(&event::topic("t1", "down/ack")).await.expect("answered");
        publish(&mut truck, event::arrival("t1", 2)).await.unwrap_or_else(|why| panic!("{why}: {}", receiver.log()));
        while ack(&mut truck).await.unwrap_or_else(|why| panic!("{why}: {}", receiver.log()))["thru"].as_u64()
            != Some(2)
        {}
    });
}
