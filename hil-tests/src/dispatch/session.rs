//! How does dispatch stay connected, and in which order does it commit and acknowledge?

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish};
use rumqttc::v5::{AsyncClient, Event as Incident, EventLoop, MqttOptions};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::store::{Kept, Store};
use super::{Board, Options, Received, lock};
use crate::clock;
use crate::event::Event;

const RECONNECT_AFTER: Duration = Duration::from_millis(100);
/// Packets between the connection's task and the commit; full means that the broker is not read until a commit is done.
const PACKETS_MAX: usize = 64;

/// Listens for ever; every broken connection is followed by a fresh one.
pub(super) async fn listen(options: Options, mut store: Store, board: Arc<Mutex<Board>>) {
    lock(&board).thru = store.thru();
    loop {
        Session::connect(&options).serve(&options, &mut store, &board).await;
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}

/// One connection. Its event loop is never used again after a fault: a reused one may hold on to packets of its past.
struct Session {
    client: AsyncClient,
    packets: mpsc::Receiver<Packet>,
    polling: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.polling.abort();
    }
}

impl Session {
    fn connect(options: &Options) -> Self {
        let mut mqtt = MqttOptions::new(format!("dispatch-{}", options.device()), "127.0.0.1", options.broker_port);
        mqtt.set_keep_alive(Duration::from_secs(10));
        mqtt.set_clean_start(false);
        mqtt.set_session_expiry_interval(Some(86_400));
        mqtt.set_manual_acks(true);
        mqtt.set_max_packet_size(Some(64 * 1024));
        let (client, events) = AsyncClient::new(mqtt, PACKETS_MAX);
        let (sender, packets) = mpsc::channel(PACKETS_MAX);
        Self { client, packets, polling: tokio::spawn(poll(events, sender)) }
    }

    async fn serve(mut self, options: &Options, store: &mut Store, board: &Mutex<Board>) {
        let mut owed = false;
        let mut pace = tokio::time::interval(options.ack_every);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                packet = self.packets.recv() => match packet {
                    Some(Packet::ConnAck(_)) => {
                        let topics = ["events", "state", "health", "position"];
                        let filters = topics.map(|leaf| filter(&options.topic(leaf)));
                        if self.client.try_subscribe_many(filters).is_err() { return }
                        owed = true;
                    }
                    Some(Packet::Publish(message)) => {
                        if !take(options, store, board, &message) { return }
                        if self.client.try_ack(&message).is_err() { return }
                        owed |= is_event(options, &message);
                    }
                    Some(_) => {}
                    None => return,
                },
                _ = pace.tick(), if owed => {
                    let ack = store.ack(&utc_text());
                    let down = options.topic("down/ack");
                    if self.client.try_publish(down, QoS::AtLeastOnce, true, ack).is_err() { return }
                    owed = false;
                }
            }
        }
    }
}

fn filter(path: &str) -> rumqttc::v5::mqttbytes::v5::Filter {
    rumqttc::v5::mqttbytes::v5::Filter::new(path, QoS::AtLeastOnce)
}

fn utc_text() -> String {
    jiff::Timestamp::from_millisecond(clock::utc_second_ms()).unwrap_or_default().to_string()
}

/// Polls in a task of its own: a poll that is cancelled while connecting never connects.
async fn poll(mut events: EventLoop, packets: mpsc::Sender<Packet>) {
    while let Ok(incident) = events.poll().await {
        if let Incident::Incoming(packet) = incident
            && packets.send(packet).await.is_err()
        {
            return;
        }
    }
}

fn is_event(options: &Options, message: &Publish) -> bool {
    message.topic == options.topic("events")
}

/// Commits an event, or notes the newest of the other topics. False when it could not be committed: then nothing is acknowledged.
fn take(options: &Options, store: &mut Store, board: &Mutex<Board>, message: &Publish) -> bool {
    if !is_event(options, message) {
        let topic = String::from_utf8_lossy(&message.topic);
        let leaf = topic.rsplit('/').next().unwrap_or_default().to_owned();
        lock(board).latest.insert(leaf, message.payload.to_vec());
        return true;
    }
    let event = match Event::parse(&message.payload) {
        Ok(event) => event,
        Err(fault) => {
            let text = String::from_utf8_lossy(&message.payload).into_owned();
            lock(board).faults.push(format!("{fault}: {text}"));
            return true;
        }
    };
    let kept = store.keep(&event, &message.payload);
    let mut board = lock(board);
    board.thru = store.thru();
    match kept {
        Ok(Kept::New) => board.received.push(Received { at: clock::now(), body: message.payload.to_vec() }),
        Ok(Kept::Copy) => board.copies += 1,
        Ok(Kept::Conflicting) => board.conflicting += 1,
        Err(fault) => board.faults.push(format!("dispatch's database: {fault}")),
    }
    board.faults.iter().all(|fault| !fault.starts_with("dispatch's database"))
}
