//! Who gets which message?

use std::collections::BTreeMap;

use bytes::Bytes;
use rumqttc::v5::mqttbytes::v5::{Filter, Publish};
use rumqttc::v5::mqttbytes::{QoS, matches};
use tokio::sync::mpsc;

/// Messages waiting for one client. Dispatch drains a backlog at the truck's pace; this is far more than one window.
const QUEUE_MAX: usize = 4_096;
/// Topics with a retained message: three per truck.
const RETAINED_MAX: usize = 1_024;

/// Everything the connections share.
#[derive(Debug, Default)]
pub(super) struct Hub {
    clients: BTreeMap<String, Client>,
    retained: BTreeMap<String, Publish>,
    connections: u64,
}

#[derive(Debug)]
struct Client {
    /// Tells this connection from an earlier one of the same client id.
    connection: u64,
    filters: BTreeMap<String, Filter>,
    queue: mpsc::Sender<Publish>,
}

/// What a connection holds: its messages end when another one takes the client id over.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) client_id: String,
    connection: u64,
    pub(super) queue: mpsc::Receiver<Publish>,
}

impl Hub {
    /// Takes the client id; whoever had it loses its queue, and with it the connection.
    pub(super) fn join(&mut self, client_id: &str) -> Seat {
        self.connections += 1;
        let connection = self.connections;
        let (queue, messages) = mpsc::channel(QUEUE_MAX);
        let client = Client { connection, filters: BTreeMap::new(), queue };
        self.clients.insert(client_id.to_owned(), client);
        Seat { client_id: client_id.to_owned(), connection, queue: messages }
    }

    /// Forgets the client, unless it has been taken over.
    pub(super) fn leave(&mut self, seat: &Seat) {
        if self.clients.get(&seat.client_id).is_some_and(|client| client.connection == seat.connection) {
            self.clients.remove(&seat.client_id);
        }
    }

    /// Subscribes, and returns the retained messages that match, to be sent after the acknowledgement.
    pub(super) fn subscribe(&mut self, seat: &Seat, filter: &Filter) -> Vec<Publish> {
        if let Some(client) = self.clients.get_mut(&seat.client_id) {
            client.filters.insert(filter.path.clone(), filter.clone());
        }
        let matching = self.retained.iter().filter(|(topic, _)| matches(topic, &filter.path));
        matching.map(|(_, message)| addressed(message, filter.qos, true)).collect()
    }

    pub(super) fn unsubscribe(&mut self, seat: &Seat, path: &str) -> bool {
        self.clients.get_mut(&seat.client_id).is_some_and(|client| client.filters.remove(path).is_some())
    }

    /// Hands a message to every subscriber and says whether there was one. A subscriber whose queue is full is put out.
    pub(super) fn publish(&mut self, message: &Publish) -> bool {
        let topic = String::from_utf8_lossy(&message.topic).into_owned();
        if message.retain {
            self.retain(&topic, message);
        }
        let mut taken = false;
        self.clients.retain(|_, client| {
            let subscribed = client.filters.values().filter(|filter| matches(&topic, &filter.path));
            let Some(filter) = subscribed.max_by_key(|filter| rank(filter.qos)) else { return true };
            taken = true;
            let retain = filter.preserve_retain && message.retain;
            client.queue.try_send(addressed(message, filter.qos, retain)).is_ok()
        });
        taken
    }

    fn retain(&mut self, topic: &str, message: &Publish) {
        if message.payload.is_empty() {
            self.retained.remove(topic);
        } else if self.retained.len() < RETAINED_MAX || self.retained.contains_key(topic) {
            self.retained.insert(topic.to_owned(), message.clone());
        }
    }
}

/// The message as one subscriber gets it.
fn addressed(message: &Publish, granted: QoS, retain: bool) -> Publish {
    let qos = if rank(message.qos) < rank(granted) { message.qos } else { granted };
    let topic: Bytes = message.topic.clone();
    Publish {
        dup: false,
        qos,
        retain,
        topic,
        pkid: 0,
        payload: message.payload.clone(),
        properties: message.properties.clone(),
    }
}

/// QoS 2 is answered with QoS 1: nothing here asks for it.
fn rank(qos: QoS) -> u8 {
    match qos {
        QoS::AtMostOnce => 0,
        QoS::AtLeastOnce | QoS::ExactlyOnce => 1,
    }
}
