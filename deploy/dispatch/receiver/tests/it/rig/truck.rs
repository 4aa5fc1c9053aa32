//! A truck's side of the contract: what is made is owed until `down/ack` covers it, and is sent again after each connection and
//! whenever nothing moved for a while. What it sends is made up; how it is owed is as in the agent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gatestamp::downlink::{Keys, PublicKey, open};
use hil_tests::background::Background;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use tokio::sync::mpsc;
use tokio::time::{interval, sleep};

use super::event;

const WINDOW: u64 = 50;
const MAKES_ONE_EVERY: Duration = Duration::from_millis(3);
/// Silence of dispatch after which everything owed is sent again. The agent waits longer; a test has less time.
const PATIENCE: Duration = Duration::from_millis(500);

/// What the test sees of a truck.
#[derive(Default)]
pub(crate) struct Seen {
    thru: AtomicU64,
    published: AtomicU64,
    commands: AtomicU64,
}

/// A truck on the road; dropping it ends it.
pub(crate) struct Truck {
    seen: Arc<Seen>,
    _driving: Background,
}

impl Truck {
    /// Makes events 1 to `total`; does what the owner of `key` commands.
    pub(crate) fn start(port: u16, name: &str, total: u64, key: Option<PublicKey>) -> Self {
        let seen = Arc::new(Seen::default());
        let (shared, name) = (Arc::clone(&seen), name.to_owned());
        let keys = Keys::new(key.into_iter().collect()).expect("one key");
        let driving = Background::spawn("truck", move || drive(port, name, total, keys, shared)).expect("a thread");
        Self { seen, _driving: driving }
    }

    /// What dispatch has acknowledged.
    pub(crate) fn thru(&self) -> u64 {
        self.seen.thru.load(Ordering::SeqCst)
    }

    /// How many publishes it took.
    pub(crate) fn published(&self) -> u64 {
        self.seen.published.load(Ordering::SeqCst)
    }

    /// How often dispatch asked for events again, in a way that this truck believes.
    pub(crate) fn commands(&self) -> u64 {
        self.seen.commands.load(Ordering::SeqCst)
    }
}

async fn drive(port: u16, name: String, total: u64, keys: Keys, seen: Arc<Seen>) {
    let mut journal: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let mut made = 0;
    loop {
        connection(port, &name, total, &keys, &seen, &mut journal, &mut made).await;
        sleep(Duration::from_millis(50)).await;
    }
}

/// One connection, until it breaks.
async fn connection(
    port: u16,
    name: &str,
    total: u64,
    keys: &Keys,
    seen: &Seen,
    journal: &mut BTreeMap<u64, Vec<u8>>,
    made: &mut u64,
) {
    let mut options = MqttOptions::new(format!("{}-{name}", event::FLEET), "127.0.0.1", port);
    options.set_clean_start(true).set_keep_alive(Duration::from_secs(5)).set_connection_timeout(5);
    let (client, events) = AsyncClient::new(options, 512);
    let (to, mut packets) = mpsc::channel(512);
    let polling = tokio::spawn(poll(events, to));
    let mut next = seen.thru.load(Ordering::SeqCst) + 1;
    let mut connected = false;
    let mut make = interval(MAKES_ONE_EVERY);
    let mut quiet = interval(PATIENCE);
    let mut thru_then = 0;
    loop {
        tokio::select! {
            packet = packets.recv() => match packet {
                None => break,
                Some(Packet::ConnAck(_)) => {
                    connected = true;
                    for leaf in ["down/ack", "down/command"] {
                        let _ = client.try_subscribe(event::topic(name, leaf), QoS::AtLeastOnce);
                    }
                }
                Some(Packet::Publish(down)) if down.topic.ends_with(b"/ack") => {
                    let ack: serde_json::Value = serde_json::from_slice(&down.payload).expect("an acknowledgement");
                    let thru = ack.get("thru").and_then(serde_json::Value::as_u64).expect("thru");
                    assert!(thru <= *made, "an acknowledgement of what was never made");
                    seen.thru.fetch_max(thru, Ordering::SeqCst);
                }
                Some(Packet::Publish(down)) => {
                    let Ok(command) = open(&down.payload, keys) else { continue };
                    let body: serde_json::Value = serde_json::from_str(command.body.get()).expect("JSON");
                    let from = body.get("sequence").and_then(serde_json::Value::as_u64).expect("a sequence");
                    for sequence in from..=*made {
                        let body = journal.get(&sequence).expect("the journal keeps what it was").clone();
                        let _ = client.try_publish(event::topic(name, "events"), QoS::AtLeastOnce, false, body);
                    }
                    let reply = serde_json::json!({"id": command.id, "result": "done", "why": ""}).to_string();
                    let _ = client.try_publish(event::topic(name, "reply"), QoS::AtLeastOnce, false, reply);
                    seen.commands.fetch_add(1, Ordering::SeqCst);
                }
                Some(_) => {}
            },
            _ = make.tick(), if *made < total => {
                *made += 1;
                journal.insert(*made, event::arrival(name, *made));
            }
            _ = quiet.tick() => {
                let thru = seen.thru.load(Ordering::SeqCst);
                if thru == thru_then { next = thru + 1 }
                thru_then = thru;
                let state = format!("{{\"complete_thru\":{}}}", next - 1);
                let _ = client.try_publish(event::topic(name, "state"), QoS::AtMostOnce, true, state);
            }
        }
        let thru = seen.thru.load(Ordering::SeqCst);
        next = next.max(thru + 1);
        while connected && next <= *made && next <= thru + WINDOW {
            let body = journal.get(&next).expect("what is owed is in the journal").clone();
            if client.try_publish(event::topic(name, "events"), QoS::AtLeastOnce, false, body).is_err() {
                break;
            }
            seen.published.fetch_add(1, Ordering::SeqCst);
            next += 1;
        }
    }
    polling.abort();
}

async fn poll(mut events: EventLoop, to: mpsc::Sender<Packet>) {
    while let Ok(event) = events.poll().await {
        if let Event::Incoming(packet) = event
            && to.send(packet).await.is_err()
        {
            return;
        }
    }
}
