//! How is one client served, from CONNECT to its will?

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnAckProperties, Connect, ConnectReturnCode, Disconnect, DisconnectReasonCode, LastWill, Packet,
    PingResp, PubAck, PubAckReason, Publish, SubAck, Subscribe, SubscribeReasonCode, UnsubAck, UnsubAckReason,
    Unsubscribe,
};
use tokio::net::TcpStream;

use super::hub::{Hub, Seat};
use super::wire::{PACKET_BYTES_MAX, Wire};

/// Publications a client may have unacknowledged: what AWS IoT Core and Mosquitto (20) allow is of this order.
const RECEIVE_MAXIMUM: u16 = 100;
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// Serves one connection to its end.
pub(super) async fn serve(stream: TcpStream, hub: Arc<Mutex<Hub>>) {
    let mut wire = Wire::new(stream);
    let hello = tokio::time::timeout(CONNECT_PATIENCE, wire.next()).await;
    let Ok(Ok(Packet::Connect(connect, will, _))) = hello else { return };
    let seat = lock(&hub).join(&connect.client_id);
    let mut connection = Connection::new(wire, hub, seat, &connect);
    // Every end but the client's own DISCONNECT publishes the will: errors, silence, and being taken over.
    let said_goodbye = connection.talk().await.unwrap_or(false);
    let mut hub = lock(&connection.hub);
    hub.leave(&connection.seat);
    if let (false, Some(will)) = (said_goodbye, will) {
        hub.publish(&last_message(will));
    }
}

fn lock(hub: &Mutex<Hub>) -> MutexGuard<'_, Hub> {
    // A panic in another connection leaves maps that are still maps.
    hub.lock().unwrap_or_else(PoisonError::into_inner)
}

fn last_message(will: LastWill) -> Publish {
    let LastWill { topic, message, qos, retain, .. } = will;
    Publish { dup: false, qos, retain, topic, pkid: 0, payload: message, properties: None }
}

struct Connection {
    wire: Wire,
    hub: Arc<Mutex<Hub>>,
    seat: Seat,
    silence_max: Duration,
    window: usize,
    unacknowledged: BTreeSet<u16>,
    last_id: u16,
}

impl Connection {
    fn new(wire: Wire, hub: Arc<Mutex<Hub>>, seat: Seat, connect: &Connect) -> Self {
        let asked = connect.properties.as_ref().and_then(|properties| properties.receive_maximum);
        let silence_max = match connect.keep_alive {
            0 => Duration::from_secs(86_400),
            seconds => Duration::from_secs(u64::from(seconds)) * 3 / 2,
        };
        let window = usize::from(asked.unwrap_or(RECEIVE_MAXIMUM).min(RECEIVE_MAXIMUM));
        Self { wire, hub, seat, silence_max, window, unacknowledged: BTreeSet::new(), last_id: 0 }
    }

    /// Talks until the client says goodbye (true) or loses the connection or its seat (false).
    async fn talk(&mut self) -> io::Result<bool> {
        self.wire.send(&welcome()).await?;
        loop {
            let room = self.unacknowledged.len() < self.window;
            tokio::select! {
                packet = tokio::time::timeout(self.silence_max, self.wire.next()) => {
                    let Ok(packet) = packet else { return Ok(false) };
                    if self.answer(packet?).await? {
                        return Ok(true);
                    }
                }
                message = self.seat.queue.recv(), if room => match message {
                    Some(message) => self.deliver(message).await?,
                    None => {
                        let over = Disconnect::new(DisconnectReasonCode::SessionTakenOver);
                        self.wire.send(&Packet::Disconnect(over)).await?;
                        return Ok(false);
                    }
                },
            }
        }
    }

    /// Answers one packet and says whether it was a goodbye.
    async fn answer(&mut self, packet: Packet) -> io::Result<bool> {
        match packet {
            Packet::Publish(message) => self.take(message).await?,
            Packet::PubAck(ack) => {
                self.unacknowledged.remove(&ack.pkid);
            }
            Packet::PingReq(_) => self.wire.send(&Packet::PingResp(PingResp)).await?,
            Packet::Subscribe(subscribe) => self.subscribe(subscribe).await?,
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(unsubscribe).await?,
            Packet::Disconnect(_) => return Ok(true),
            Packet::Auth(_)
            | Packet::Connect(..)
            | Packet::ConnAck(_)
            | Packet::PingResp(_)
            | Packet::SubAck(_)
            | Packet::PubRec(_)
            | Packet::PubRel(_)
            | Packet::PubComp(_)
            | Packet::UnsubAck(_) => return Err(io::ErrorKind::InvalidData.into()),
        }
        Ok(false)
    }

    async fn take(&mut self, message: Publish) -> io::Result<()> {
        let taken = lock(&self.hub).publish(&message);
        if message.qos == QoS::AtMostOnce {
            return Ok(());
        }
        let mut ack = PubAck::new(message.pkid, None);
        if !taken {
            ack.reason = PubAckReason::NoMatchingSubscribers;
        }
        self.wire.send(&Packet::PubAck(ack)).await
    }

    async fn subscribe(&mut self, subscribe: Subscribe) -> io::Result<()> {
        let mut waiting = Vec::new();
        let mut return_codes = Vec::new();
        for filter in &subscribe.filters {
            waiting.extend(lock(&self.hub).subscribe(&self.seat, filter));
            return_codes.push(SubscribeReasonCode::Success(filter.qos));
        }
        self.wire.send(&Packet::SubAck(SubAck { pkid: subscribe.pkid, return_codes, properties: None })).await?;
        for message in waiting {
            self.deliver(message).await?;
        }
        Ok(())
    }

    async fn unsubscribe(&mut self, unsubscribe: Unsubscribe) -> io::Result<()> {
        let mut reasons = Vec::new();
        for path in &unsubscribe.filters {
            let existed = lock(&self.hub).unsubscribe(&self.seat, path);
            reasons.push(if existed { UnsubAckReason::Success } else { UnsubAckReason::NoSubscriptionExisted });
        }
        self.wire.send(&Packet::UnsubAck(UnsubAck { pkid: unsubscribe.pkid, reasons, properties: None })).await
    }

    async fn deliver(&mut self, mut message: Publish) -> io::Result<()> {
        if message.qos != QoS::AtMostOnce {
            message.pkid = self.free_id();
            self.unacknowledged.insert(message.pkid);
        }
        self.wire.send(&Packet::Publish(message)).await
    }

    /// The next packet id that is not in use; the window is far smaller than the ids there are.
    fn free_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.unacknowledged.contains(&self.last_id) {
                return self.last_id;
            }
        }
    }
}

fn welcome() -> Packet {
    let limits = ConnAckProperties {
        session_expiry_interval: None,
        receive_max: Some(RECEIVE_MAXIMUM),
        max_qos: Some(1),
        retain_available: None,
        max_packet_size: Some(PACKET_BYTES_MAX),
        assigned_client_identifier: None,
        topic_alias_max: None,
        reason_string: None,
        user_properties: Vec::new(),
        wildcard_subscription_available: None,
        subscription_identifiers_available: None,
        shared_subscription_available: None,
        server_keep_alive: None,
        response_information: None,
        server_reference: None,
        authentication_method: None,
        authentication_data: None,
    };
    Packet::ConnAck(ConnAck { session_present: false, code: ConnectReturnCode::Success, properties: Some(limits) })
}
