//! What does the demo need between truck and dispatch?
//!
//! A small MQTT 5 broker: QoS 0 and 1 in both directions, retained messages, last wills, take-over of a client id, wildcards. It
//! keeps no session across connections, which a broker may always do to you: what must not be lost is acknowledged by dispatch
//! itself. The tests use Mosquitto; this one makes `cargo demo` run where no broker is installed.
//!
//! Every queue is bounded. A client whose queue is full is disconnected, so that a loss is a reconnect and never a silence.

mod connection;
mod hub;
mod wire;

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::background::Background;
use hub::Hub;

/// More clients than this at once are turned away: the demo has two.
const CLIENTS_MAX: usize = 64;

/// A running broker; dropping it closes everything.
#[derive(Debug)]
pub struct Broker {
    port: u16,
    _serving: Background,
}

impl Broker {
    /// Serves on a free loopback port.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let serving = Background::spawn("broker", move || serve(listener))?;
        Ok(Self { port, _serving: serving })
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

async fn serve(listener: std::net::TcpListener) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let hub = Arc::new(Mutex::new(Hub::default()));
    let mut clients = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while clients.try_join_next().is_some() {}
        if clients.len() < CLIENTS_MAX {
            clients.spawn(connection::serve(stream, Arc::clone(&hub)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rumqttc::v5::mqttbytes::QoS;
    use rumqttc::v5::mqttbytes::v5::{LastWill, Packet};
    use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};

    use super::*;

    fn client(broker: &Broker, id: &str) -> (AsyncClient, EventLoop) {
        let mut options = MqttOptions::new(id, "127.0.0.1", broker.port());
        options.set_last_will(LastWill::new(format!("will/{id}"), "gone", QoS::AtLeastOnce, true, None));
        AsyncClient::new(options, 10)
    }

    /// The next message, or a panic after five seconds. Only the loop is under the timeout, and it is not used afterwards.
    async fn message(events: &mut EventLoop) -> (String, Vec<u8>, bool) {
        let wait = async {
            loop {
                if let Event::Incoming(Packet::Publish(p)) = events.poll().await.expect("connected") {
                    return (String::from_utf8_lossy(&p.topic).into_owned(), p.payload.to_vec(), p.retain);
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(5), wait).await.expect("a message in time")
    }

    /// Polls until the acknowledgement of a publication is there.
    async fn acknowledged(events: &mut EventLoop) {
        while !matches!(events.poll().await.expect("connected"), Event::Incoming(Packet::PubAck(_))) {}
    }

    #[tokio::test]
    async fn an_event_reaches_a_wildcard_subscriber_and_a_retained_one_waits_for_it() {
        let broker = Broker::start().expect("a broker");
        let (truck, mut truck_events) = client(&broker, "truck");
        truck.publish("a/truck/state", QoS::AtLeastOnce, true, "here").await.expect("queued");
        acknowledged(&mut truck_events).await;
        let (dispatch, mut dispatch_events) = client(&broker, "dispatch");
        dispatch.subscribe("a/+/#", QoS::AtLeastOnce).await.expect("queued");
        assert_eq!(message(&mut dispatch_events).await, ("a/truck/state".to_owned(), b"here".to_vec(), true));
        truck.publish("a/truck/events", QoS::AtLeastOnce, false, "event").await.expect("queued");
        let (_, arrived) = tokio::join!(acknowledged(&mut truck_events), message(&mut dispatch_events));
        assert_eq!(arrived, ("a/truck/events".to_owned(), b"event".to_vec(), false));
    }

    #[tokio::test]
    async fn a_client_that_dies_leaves_its_will() {
        let broker = Broker::start().expect("a broker");
        let (dispatch, mut dispatch_events) = client(&broker, "dispatch");
        dispatch.subscribe("will/+", QoS::AtLeastOnce).await.expect("queued");
        while !matches!(dispatch_events.poll().await.expect("connected"), Event::Incoming(Packet::SubAck(_))) {}
        let (_truck, mut truck_events) = client(&broker, "truck");
        truck_events.poll().await.expect("connected");
        drop(truck_events);
        assert_eq!(message(&mut dispatch_events).await.0, "will/truck");
    }

    #[tokio::test]
    async fn a_second_client_of_the_same_name_takes_over() {
        let broker = Broker::start().expect("a broker");
        let (_first, mut first_events) = client(&broker, "truck");
        first_events.poll().await.expect("connected");
        let (_second, mut second_events) = client(&broker, "truck");
        second_events.poll().await.expect("connected");
        let over = async { while first_events.poll().await.is_ok() {} };
        tokio::time::timeout(Duration::from_secs(5), over).await.expect("the first one is put out");
    }
}
