//! One connection to the broker, from CONNECT to whatever ends it.
//!
//! `rumqttc` does not say which packet id a publish gets, only, in order, which ids went out: so a list of what was
//! handed over is popped at each of those. Its `poll` must not be cancelled, so it runs in a task of its own. It talks to the
//! broker over a [`Wire`], so it knows neither TCP nor TLS.

use super::gone::{Cause, Gone};
use super::wire::Wire;
use super::{Identity, LinkEvent, Outgoing};
use crate::engine::Link;
use crate::io::clock::Clock;
use crate::keepalive::Lived;
use crate::outbox::{Ending, Refusal};
use crate::time::Mono;
use rumqttc::Transport;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, DisconnectReasonCode, LastWill, Packet, PubAck, PubAckReason, Publish, SubscribeReasonCode,
};
use rumqttc::v5::mqttbytes::{Error as MqttError, QoS};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError};
use serde::Deserialize;
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use tokio::time::Sleep;

/// Requests that wait inside the client: the outbox's window and a few notices.
const REQUESTS: usize = 256;
/// The client lets no shorter interval be set.
const KEEP_ALIVE_MIN: Duration = Duration::from_secs(5);
/// From CONNECT to CONNACK, on a connection that exists; 2G takes seconds.
const CONNECT_TIMEOUT_S: u64 = 30;
/// The client keeps a slot for each message that may be on the way, 65,535 unless told: the outbox's window and a few.
const IN_FLIGHT_MAX: u16 = 128;
/// Largest packet that dispatch may send.
const INCOMING_MAX: u32 = 64 * 1024;
/// Largest packet that we send: an event has at most 16 KiB, and brokers that take less announce it.
const PACKET_MAX: usize = 17 * 1024;
/// Bytes of a PUBLISH beside topic and payload: fixed header 5, length of the topic 2, packet id 2, length of the properties 1.
const PUBLISH_OVERHEAD: usize = 10;
/// An event on the way for so long without a PUBACK: the connection only looks alive.
const PUBACK_PATIENCE: Duration = Duration::from_secs(30);
/// What a broker that names none takes at once (MQTT 5.0, 3.2.2.3.3).
const RECEIVE_MAX_DEFAULT: u16 = 65_535;
/// Let go after nothing was said for so long, a connection was let go for that; sooner it was for what was said. Just below the shortest
/// interval there is.
const LET_GO_IDLE_AFTER: Duration = Duration::from_secs(9);

pub(super) struct Session {
    wire: Wire,
    client: AsyncClient,
    poller: JoinHandle<()>,
    polled: Receiver<Result<Event, ConnectionError>>,
    topics: Topics,
    /// Topics under `down/`.
    subscribed: Vec<String>,
    silence_max: Duration,
    /// Handed over, packet id not known yet. `None`: not an event.
    handed: VecDeque<Option<u64>>,
    on_the_way: BTreeMap<u16, u64>,
    connected: bool,
    delivered: bool,
    taken_over: bool,
    /// What the broker, or the client about it, says of the end.
    told: Option<Ending>,
    /// Bytes of a packet that the broker takes, or that we send at most.
    packet_max: usize,
    idleness: Idleness,
}

/// How the connection bears it when nothing is said.
struct Idleness {
    clock: Clock,
    interval: Duration,
    /// When anything was said last, by whomever.
    said_at: Mono,
    /// It was idle for an interval before what we said last, and there is no answer yet.
    unanswered: bool,
    /// For how long nothing was said, at most, before something of the broker's came, ...
    borne: Duration,
    /// ... and before what we said since.
    tried: Duration,
    answered: u32,
    ended_in_order: bool,
}

impl Idleness {
    fn new(clock: Clock, interval: Duration) -> Self {
        Self {
            clock,
            interval,
            said_at: clock.now(),
            unanswered: false,
            borne: Duration::ZERO,
            tried: Duration::ZERO,
            answered: 0,
            ended_in_order: false,
        }
    }

    /// Nothing was said for so long.
    fn lasts(&self) -> Duration {
        self.clock.real(self.clock.now() - self.said_at)
    }

    /// Something goes out or comes in. Nine tenths of an interval are one: timers are not that exact.
    fn said(&mut self, by_us: bool) {
        let lasted = self.lasts();
        let was_idle = lasted >= self.interval.mul_f32(0.9);
        self.said_at = self.clock.now();
        self.tried = self.tried.max(lasted);
        if !by_us {
            self.borne = self.borne.max(std::mem::take(&mut self.tried));
        }
        if by_us {
            self.unanswered |= was_idle;
        } else if was_idle || std::mem::take(&mut self.unanswered) {
            self.answered += 1;
        }
    }
}

struct Topics {
    events: String,
    state: String,
    position: String,
    health: String,
    reply: String,
    ack: String,
    command: String,
}

/// Dispatch's cumulative acknowledgement, as far as it is needed here.
#[derive(Deserialize)]
struct Ack {
    device: String,
    thru: u64,
    #[serde(default)]
    have: Vec<(u64, u64)>,
}

impl Session {
    pub(super) fn open(wire: Wire, port: u16, keep_alive_s: u16, identity: &Identity, clock: Clock) -> Self {
        let keep_alive = Duration::from_secs(u64::from(keep_alive_s));
        let topic = |name: &str| format!("{}/{name}", identity.prefix);
        let mut options = MqttOptions::new(&identity.client_id, wire.address(), port);
        options
            .set_transport(Transport::unix())
            .set_keep_alive(keep_alive)
            .set_clean_start(true)
            .set_connection_timeout(CONNECT_TIMEOUT_S)
            .set_max_packet_size(Some(INCOMING_MAX))
            .set_outgoing_inflight_upper_limit(IN_FLIGHT_MAX)
            .set_last_will(LastWill::new(topic("health"), identity.last_will.clone(), QoS::AtLeastOnce, true, None));
        let (client, eventloop) = AsyncClient::new(options, REQUESTS);
        let (to, polled) = channel(REQUESTS);
        Self {
            wire,
            client,
            poller: tokio::spawn(poll(eventloop, to)),
            polled,
            topics: Topics {
                events: topic("events"),
                state: topic("state"),
                position: topic("position"),
                health: topic("health"),
                reply: topic("reply"),
                ack: topic("down/ack"),
                command: topic("down/command"),
            },
            subscribed: [(identity.reads_acks, "down/ack"), (identity.reads_commands, "down/command")]
                .iter()
                .filter(|(reads, _)| *reads)
                .map(|(_, name)| topic(name))
                .collect(),
            silence_max: keep_alive * 2,
            handed: VecDeque::new(),
            on_the_way: BTreeMap::new(),
            connected: false,
            delivered: false,
            taken_over: false,
            told: None,
            packet_max: PACKET_MAX,
            idleness: Idleness::new(clock, keep_alive),
        }
    }

    /// How the connection went, for the interval of the next one.
    pub(super) fn lived(&self) -> Lived {
        let Idleness { interval, unanswered, answered, ended_in_order, borne, .. } = self.idleness;
        let whole = |span: Duration| u16::try_from(span.as_secs()).unwrap_or(u16::MAX);
        let idle = self.idleness.lasts();
        let is_for_idleness = self.was_idle() && idle >= LET_GO_IDLE_AFTER && idle > borne && !ended_in_order;
        Lived {
            interval_s: whole(interval),
            answered,
            died_idle: unanswered && !ended_in_order && !self.was_put_out(),
            let_go_after_s: (self.was_ended_there() && is_for_idleness).then(|| whole(idle)),
        }
    }

    /// Connected, and there was nothing that the broker owed an answer to: one that never gives it is no good connection.
    pub(super) fn was_idle(&self) -> bool {
        self.connected && self.on_the_way.is_empty()
    }

    pub(super) fn delivered_anything(&self) -> bool {
        self.delivered
    }

    /// Somebody else connected with our client id.
    pub(super) fn was_taken_over(&self) -> bool {
        self.taken_over
    }

    /// The broker ended the connection in good order and without a word: as some do when another client takes our identity over.
    pub(super) fn was_put_out(&self) -> bool {
        self.wire.was_closed()
    }

    /// What the end of the connection says of the events that were on the way.
    pub(super) fn ending(&self) -> Ending {
        let unsaid = if self.was_ended_there() { Ending::Closed } else { Ending::Lost };
        if self.connected { self.told.unwrap_or(unsaid) } else { Ending::Lost }
    }

    /// The other end let go of the connection, in whatever way.
    pub(super) fn was_ended_there(&self) -> bool {
        self.wire.was_ended_there()
    }

    /// Serves until the connection ends, and says why; `None`: the daemon stops. `note`: what there is to say once connected.
    pub(super) async fn serve(
        &mut self,
        mut note: Option<String>,
        from: &mut Receiver<Outgoing>,
        to: &Sender<LinkEvent>,
    ) -> Option<Gone> {
        // Two deadlines that only the broker can move: a client that talks to itself must not pass for a living link.
        let mut heard = deadline(Duration::from_secs(CONNECT_TIMEOUT_S * 2));
        let mut acknowledged = deadline(PUBACK_PATIENCE);
        loop {
            let waiting = !self.on_the_way.is_empty();
            tokio::select! {
                polled = self.polled.recv() => {
                    let event = match polled {
                        None => return Some("the client ended".to_owned().into()),
                        Some(Err(error)) => return Some(self.failed(&error)),
                        Some(Ok(event)) => event,
                    };
                    let is_word = matches!(event, Event::Incoming(_));
                    self.idleness.said(!is_word);
                    if !waiting || matches!(event, Event::Incoming(Packet::PubAck(_))) {
                        acknowledged = deadline(PUBACK_PATIENCE);
                    }
                    match self.event(event) {
                        Ok(None) => {}
                        Ok(Some(event)) => {
                            if matches!(event, LinkEvent::Engine(Link::Up(_))) {
                                let interval_s = self.lived().interval_s;
                                to.send(LinkEvent::Connected { note: note.take(), interval_s }).await.ok()?;
                            }
                            to.send(event).await.ok()?;
                        }
                        Err(why) => return Some(why),
                    }
                    // After it was read: CONNACK says how long the broker may be silent.
                    if is_word {
                        heard = deadline(self.silence_max);
                    }
                }
                outgoing = from.recv() => {
                    let outgoing = outgoing?;
                    if let Some((sequence, refusal)) = self.publish(outgoing) {
                        to.send(LinkEvent::Engine(Link::Refused(sequence, refusal))).await.ok()?;
                    }
                }
                () = &mut heard => return Some("nothing heard from the broker for too long".to_owned().into()),
                () = &mut acknowledged, if waiting => {
                    return Some("the broker takes events and does not acknowledge them".to_owned().into());
                }
            }
        }
    }

    /// Hands a message to the client. Gives back the sequence of an event that it did not take, and why.
    fn publish(&mut self, outgoing: Outgoing) -> Option<(u64, Refusal)> {
        let class = outgoing.class();
        let (topic, qos, retain, sequence, payload) = match outgoing {
            Outgoing::Event(sequence, body, _) => (&self.topics.events, QoS::AtLeastOnce, false, Some(sequence), body),
            Outgoing::State(body) => (&self.topics.state, QoS::AtMostOnce, true, None, body),
            Outgoing::Position(body) => (&self.topics.position, QoS::AtMostOnce, false, None, body),
            Outgoing::Health(body) => (&self.topics.health, QoS::AtMostOnce, true, None, body),
            Outgoing::Reply(body) => (&self.topics.reply, QoS::AtLeastOnce, false, None, body),
        };
        let refused = |refusal| sequence.map(|sequence| (sequence, refusal));
        // Before the client takes it: one that is too long would end the connection, and be sent again by the next.
        let packet = topic.len() + payload.len() + PUBLISH_OVERHEAD;
        if packet > self.packet_max {
            tracing::error!(
                topic,
                bytes = payload.len(),
                limit = self.packet_max,
                "longer than the broker takes, and not sent"
            );
            return refused(if packet > PACKET_MAX { Refusal::Unsendable } else { Refusal::NotTaken });
        }
        if !self.connected {
            return refused(Refusal::Local);
        }
        match self.client.try_publish(topic, qos, retain, payload) {
            Ok(()) => {
                self.wire.sends(class, packet);
                self.handed.push_back(sequence);
                None
            }
            Err(_) => refused(Refusal::Local),
        }
    }

    fn event(&mut self, event: Event) -> Result<Option<LinkEvent>, Gone> {
        match event {
            Event::Outgoing(rumqttc::Outgoing::Publish(id)) => {
                if let Some(Some(sequence)) = self.handed.pop_front() {
                    self.on_the_way.insert(id, sequence);
                }
                Ok(None)
            }
            Event::Outgoing(rumqttc::Outgoing::AwaitAck(_)) => {
                Err("packet ids collided in the client".to_owned().into())
            }
            Event::Outgoing(_) => Ok(None),
            Event::Incoming(packet) => self.incoming(packet),
        }
    }

    fn incoming(&mut self, packet: Packet) -> Result<Option<LinkEvent>, Gone> {
        match packet {
            Packet::ConnAck(ack) => self.connected(&ack).map(|up| Some(LinkEvent::Engine(up))),
            Packet::PubAck(ack) => Ok(self.acknowledged(&ack).map(LinkEvent::Engine)),
            // We allow none (MQTT 5.0, 3.3.2.3.4), and the client would keep the buffer of each for as long as it is connected.
            Packet::Publish(publish) if publish.properties.as_ref().is_some_and(|p| p.topic_alias.is_some()) => {
                Err("the broker uses topic aliases, which we do not allow".to_owned().into())
            }
            Packet::Publish(publish) => Ok(self.received(&publish)),
            Packet::SubAck(ack)
                if ack.return_codes.iter().any(|code| !matches!(code, SubscribeReasonCode::Success(_))) =>
            {
                let topics = self.subscribed.join(" or ");
                let why = format!("the broker does not let us read {topics}: {:?}", ack.return_codes);
                Err(Gone::new(Cause::Denied, why))
            }
            Packet::SubAck(_) => Ok(Some(LinkEvent::Engine(Link::Subscribed))),
            // The client makes an error of a DISCONNECT.
            Packet::Disconnect(_)
            | Packet::Auth(_)
            | Packet::Connect(..)
            | Packet::PubRec(_)
            | Packet::PubRel(_)
            | Packet::PubComp(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::UnsubAck(_)
            | Packet::PingReq(_)
            | Packet::PingResp(_) => Ok(None),
        }
    }

    fn connected(&mut self, ack: &ConnAck) -> Result<Link, Gone> {
        self.connected = true;
        for topic in &self.subscribed {
            let subscribed = self.client.try_subscribe(topic, QoS::AtLeastOnce);
            subscribed.map_err(|error| format!("subscribing failed: {error}"))?;
        }
        let announced = ack.properties.as_ref().and_then(|p| p.max_packet_size);
        self.packet_max =
            announced.map_or(PACKET_MAX, |max| usize::try_from(max).unwrap_or(PACKET_MAX).min(PACKET_MAX));
        self.idleness.interval = agreed(ack, self.idleness.interval);
        let receive_max = ack.properties.as_ref().and_then(|p| p.receive_max);
        Ok(Link::Up(receive_max.unwrap_or(RECEIVE_MAX_DEFAULT)))
    }

    /// Why it ended: what was said last, else what the wire knows, else what the client makes of it.
    fn failed(&mut self, error: &ConnectionError) -> Gone {
        if let ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) = error {
            return self.disconnected(*reason_code);
        }
        // A portal says its page and closes: it was no broker that closed.
        if let Some(stranger) = stranger(error, self.connected) {
            self.told = Some(Ending::Closed);
            return stranger;
        }
        self.wire.ended().unwrap_or_else(|| in_words(error))
    }

    fn disconnected(&mut self, reason: DisconnectReasonCode) -> Gone {
        self.idleness.ended_in_order = true;
        if reason == DisconnectReasonCode::SessionTakenOver {
            self.taken_over = true;
            let why = "another device connected with our identity (session taken over): two trucks share a configuration or a \
                       certificate";
            return Gone::new(Cause::TakenOver, why);
        }
        let (cause, ending) = meaning(reason);
        self.told = Some(ending);
        Gone::new(cause, format!("the broker closed the connection: {reason:?}"))
    }

    fn acknowledged(&mut self, ack: &PubAck) -> Option<Link> {
        let sequence = self.on_the_way.remove(&ack.pkid)?;
        if ack.reason == PubAckReason::Success {
            self.delivered = true;
            return Some(Link::Delivered(sequence));
        }
        let refusal = refusal(ack.reason);
        if refusal == Refusal::NotTaken {
            let remedy = refusal.remedy();
            tracing::warn!(
                sequence,
                remedy,
                "the broker does not take this event: it is too long, or its contents are refused"
            );
        } else {
            tracing::debug!(sequence, reason = ?ack.reason, "the broker did not take an event");
        }
        Some(Link::Refused(sequence, refusal))
    }

    fn received(&self, publish: &Publish) -> Option<LinkEvent> {
        if publish.topic == self.topics.command.as_bytes() {
            return Some(LinkEvent::Command(publish.payload.to_vec()));
        }
        if publish.topic != self.topics.ack.as_bytes() {
            return None;
        }
        Some(LinkEvent::Engine(self.acknowledgement(&publish.payload, publish.retain)))
    }

    fn acknowledgement(&self, payload: &[u8], retained: bool) -> Link {
        match serde_json::from_slice::<Ack>(payload) {
            Ok(ack) => Link::Received { device: ack.device, thru: ack.thru, have: ack.have, retained },
            Err(error) => {
                tracing::debug!(%error, topic = self.topics.ack, "an acknowledgement that cannot be read");
                // For nobody, up to nothing: the outbox counts it among those that it ignores.
                Link::Received { device: String::new(), thru: 0, have: Vec::new(), retained }
            }
        }
    }
}

/// What the reason of a DISCONNECT means: whom to ask, and whether what was on the way may have led to it.
fn meaning(reason: DisconnectReasonCode) -> (Cause, Ending) {
    use DisconnectReasonCode as Code;
    if reason == Code::PacketTooLarge {
        return (Cause::TooLong, Ending::TooLong);
    }
    let is_denied = matches!(reason, Code::NotAuthorized | Code::AdministrativeAction);
    let is_of_a_packet = matches!(
        reason,
        Code::UnspecifiedError
            | Code::MalformedPacket
            | Code::ProtocolError
            | Code::ImplementationSpecificError
            | Code::PayloadFormatInvalid
    );
    let ending = if is_of_a_packet { Ending::Closed } else { Ending::Lost };
    (if is_denied { Cause::Denied } else { Cause::Ended }, ending)
}

/// What a PUBACK that is no success means (MQTT 5.0, 3.4.2.1).
fn refusal(reason: PubAckReason) -> Refusal {
    match reason {
        PubAckReason::NoMatchingSubscribers => Refusal::NobodyListens,
        PubAckReason::NotAuthorized | PubAckReason::TopicNameInvalid => Refusal::Denied,
        PubAckReason::PayloadFormatInvalid => Refusal::NotTaken,
        PubAckReason::Success
        | PubAckReason::QuotaExceeded
        | PubAckReason::PacketIdentifierInUse
        | PubAckReason::ImplementationSpecificError
        | PubAckReason::UnspecifiedError => Refusal::Quota,
    }
}

/// What answers with something else than MQTT, or, once it was `connected`, than the client knows. The client names errors of the
/// socket in the same way.
fn stranger(error: &ConnectionError, connected: bool) -> Option<Gone> {
    let ConnectionError::MqttState(StateError::Deserialization(error)) = error else { return None };
    let is_theirs = !matches!(error, MqttError::Io(_) | MqttError::OutgoingPacketTooLarge { .. });
    let (cause, what) = if connected {
        (Cause::Garbled, "the broker said something that the client does not understand")
    } else {
        (Cause::Stranger, "what answers does not speak MQTT: a captive portal, or another service on this port")
    };
    is_theirs.then(|| Gone::new(cause, format!("{what} ({error})")))
}

/// What the broker says to our CONNECT.
fn in_words(error: &ConnectionError) -> Gone {
    match error {
        ConnectionError::ConnectionRefused(code) => {
            Gone::new(Cause::Denied, format!("the broker refuses us: {code:?}"))
        }
        ConnectionError::Timeout(_) => Gone::new(
            Cause::Stranger,
            format!("the broker took the connection and said nothing for {CONNECT_TIMEOUT_S} s"),
        ),
        ConnectionError::MqttState(_)
        | ConnectionError::Io(_)
        | ConnectionError::NotConnAck(_)
        | ConnectionError::RequestsDone => error.to_string().into(),
    }
}

fn deadline(after: Duration) -> Pin<Box<Sleep>> {
    Box::pin(tokio::time::sleep(after))
}

impl Drop for Session {
    fn drop(&mut self) {
        self.poller.abort();
    }
}

/// The interval of keep-alives: the broker's, where it wants a shorter one (MQTT 5.0, 3.2.2.3.14). None, or a longer one, would let a
/// dead link pass for a living one.
fn agreed(ack: &ConnAck, ours: Duration) -> Duration {
    let theirs = ack.properties.as_ref().and_then(|p| p.server_keep_alive).filter(|theirs_s| *theirs_s > 0);
    theirs.map_or(ours, |theirs_s| ours.min(Duration::from_secs(u64::from(theirs_s))))
}

async fn poll(mut eventloop: EventLoop, to: Sender<Result<Event, ConnectionError>>) {
    let ours = eventloop.options.keep_alive();
    loop {
        let polled = eventloop.poll().await;
        if let Ok(Event::Incoming(Packet::ConnAck(ack))) = &polled {
            let agreed = agreed(ack, ours);
            // The client has taken the broker's word as it is: at 0 it would ping without end. A shorter one than it lets us set stays.
            if agreed >= KEEP_ALIVE_MIN {
                eventloop.options.set_keep_alive(agreed);
            }
        }
        let failed = polled.is_err();
        if failed {
            // Read before what made it fail: an answer among it counts.
            for event in std::mem::take(&mut eventloop.state.events) {
                if to.send(Ok(event)).await.is_err() {
                    return;
                }
            }
        }
        if to.send(polled).await.is_err() || failed {
            return;
        }
    }
}
