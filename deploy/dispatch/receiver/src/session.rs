//! What does the receiver do with a connection, in which order, and what when it breaks?
//!
//! ```text
//!   broker --publish--> batch --transaction--> committed --PUBACK--> broker
//!                                                  \--down/ack (retained, at most once a second)--> truck
//! ```
//!
//! A fault of the database ends the connection, so that the broker gives what was not acknowledged to somebody else or again to us.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, Packet, Publish, SubscribeReasonCode};
use tokio::time::{Instant as Deadline, MissedTickBehavior, interval};
use tracing::{error, info, warn};

use crate::broker::{Broker, Connection, IN_FLIGHT_MAX, SILENCE_MAX};
use crate::clock;
use crate::command::Signer;
use crate::desk::Desk;
use crate::ledger::{Key, Outcome};
use crate::message::{self, Message};
use crate::store::{Place, StoreError};

/// Events in one transaction: enough that its sync costs little each, few enough that a truck does not wait for strangers.
const BATCH_MAX: usize = 512;
/// Wait before connecting again, doubling up to the maximum; in between at random.
const BACK_OFF: Duration = Duration::from_millis(500);
const BACK_OFF_MAX: Duration = Duration::from_secs(30);
/// What one request says at most: an acknowledgement, and the command.
const REQUEST_MESSAGES: usize = 2;
/// How often holes, and restored devices, are looked for.
const HOLES_EVERY: Duration = Duration::from_secs(10);
/// How often the receiver notes that it lives, for `status`: some commits beside those of a day's events.
pub const SEEN_EVERY: Duration = Duration::from_secs(15);
/// Acknowledgements handed over between two looks at what came in. The rest has its turn after it.
const ACKS_AT_ONCE: usize = 128;

/// What the receiver runs on.
#[derive(Debug)]
pub struct Options {
    /// The broker.
    pub broker: Broker,
    /// The database.
    pub place: Place,
    /// The least time between two acknowledgements to one truck.
    pub ack_every: Duration,
    /// How long a hole may stand before it is asked for.
    pub hole_patience: Duration,
    /// Who signs commands; without him nothing is asked for.
    pub signer: Option<Signer>,
}

/// Runs until the process ends, through lost brokers and databases.
///
/// # Errors
/// [`StoreError::Refused`] by the first opening: nothing here can mend it. What was open once and is refused later, somebody is
/// changing at that moment, and a service that ended for good would be found in the morning.
pub async fn run(options: &Options, ready: impl Fn()) -> Result<(), StoreError> {
    let mut wait = BACK_OFF;
    let mut was_open = false;
    loop {
        let fault = match Desk::open(options.place.clone()).await {
            Err(StoreError::Refused(why)) if !was_open => return Err(StoreError::Refused(why)),
            Err(fault) => fault,
            Ok(desk) => {
                was_open = true;
                let fault = connections(options, &desk, &mut wait, &ready).await;
                desk.close().await;
                fault
            }
        };
        error!("the database: {fault}");
        pause(&mut wait).await;
    }
}

/// One connection after the other, until the database fails.
async fn connections(options: &Options, desk: &Desk, wait: &mut Duration, ready: &impl Fn()) -> StoreError {
    let mut last = None;
    loop {
        let connected = match alive(options, desk, last.clone(), options.broker.connect()).await {
            Err(fault) => return fault,
            Ok(connected) => connected,
        };
        let ended = match connected {
            Err(why) => Ended::Link(why),
            Ok(connection) => {
                let mut session = Session::begin(options, desk, connection);
                let ended = session.serve(ready).await;
                // Subscribing proves nothing: over a full disk each round gets as far as that.
                if session.took {
                    *wait = BACK_OFF;
                }
                ended
            }
        };
        match ended {
            Ended::Store(fault) => return fault,
            Ended::Link(why) => {
                warn!("the broker: {why}");
                last = Some(why);
                if let Err(fault) = alive(options, desk, last.clone(), pause(wait)).await {
                    return fault;
                }
            }
        }
    }
}

/// Notes for `status` that this receiver lives, and how it stands with its broker.
async fn seen(
    options: &Options,
    desk: &Desk,
    connected_ms: Option<i64>,
    why: Option<String>,
) -> Result<(), StoreError> {
    let (client_id, at_ms) = (options.broker.client_id.clone(), clock::wall_ms());
    // PostgreSQL takes no NUL in a text, and what a broker says comes from outside.
    let why = why.map(|why| why.replace('\0', ""));
    desk.ask(move |ledger| ledger.seen(&client_id, at_ms, connected_ms, why.as_deref())).await
}

/// Waits for what has nothing to do with the database, and notes meanwhile that this receiver lives without a broker.
async fn alive<T>(
    options: &Options,
    desk: &Desk,
    why: Option<String>,
    work: impl Future<Output = T>,
) -> Result<T, StoreError> {
    let mut sign = interval(SEEN_EVERY);
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Ok(done),
            _ = sign.tick() => seen(options, desk, None, why.clone()).await?,
        }
    }
}

async fn pause(wait: &mut Duration) {
    tokio::time::sleep(clock::jittered(*wait)).await;
    *wait = (*wait * 2).min(BACK_OFF_MAX);
}

/// Why a session ended.
enum Ended {
    Link(String),
    Store(StoreError),
}

impl From<StoreError> for Ended {
    fn from(fault: StoreError) -> Self {
        Self::Store(fault)
    }
}

/// One connection and what is owed over it.
struct Session<'a> {
    options: &'a Options,
    desk: &'a Desk,
    connection: Connection,
    /// Devices that are owed an acknowledgement.
    owed: BTreeSet<Key>,
    /// The one that was told last.
    told: Key,
    /// Subscribed, since when.
    served_ms: Option<i64>,
    /// Something that came was committed.
    took: bool,
    /// Own messages that the broker has not confirmed.
    unconfirmed: usize,
}

impl<'a> Session<'a> {
    fn begin(options: &'a Options, desk: &'a Desk, connection: Connection) -> Self {
        Self { options, desk, connection, owed: BTreeSet::new(), told: 0, served_ms: None, took: false, unconfirmed: 0 }
    }

    async fn serve(&mut self, ready: &impl Fn()) -> Ended {
        let mut pace = interval(self.options.ack_every);
        let mut look = interval(HOLES_EVERY.min(self.options.hole_patience));
        let mut sign = interval(SEEN_EVERY);
        sign.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let silence = tokio::time::sleep(SILENCE_MAX);
        tokio::pin!(silence);
        loop {
            let done = tokio::select! {
                packet = self.connection.packets.recv() => {
                    silence.as_mut().reset(deadline(SILENCE_MAX));
                    match packet {
                        Some(Ok(packet)) => self.packets(packet, ready).await,
                        Some(Err(why)) => Err(Ended::Link(self.connection.ended().unwrap_or(why))),
                        None => Err(Ended::Link("the client ended".to_owned())),
                    }
                }
                _ = pace.tick(), if !self.owed.is_empty() => self.acknowledge().await,
                _ = sign.tick() => self.live().await,
                _ = look.tick(), if self.served_ms.is_some() => self.ask_again().await,
                () = &mut silence => Err(Ended::Link("nothing heard from it for too long".to_owned())),
            };
            if let Err(ended) = done {
                return ended;
            }
        }
    }

    /// A packet, and those that came behind it: publishes that are there already share a transaction.
    async fn packets(&mut self, first: Packet, ready: &impl Fn()) -> Result<(), Ended> {
        let mut publishes = Vec::new();
        let mut next = Some(Ok(first));
        while let Some(packet) = next.take() {
            match packet.map_err(Ended::Link)? {
                Packet::ConnAck(answer) if answer.code == ConnectReturnCode::Success => self.connected().await?,
                Packet::ConnAck(answer) => return Err(Ended::Link(format!("refuses us: {:?}", answer.code))),
                Packet::SubAck(answer) => {
                    let denied = |code: &SubscribeReasonCode| !matches!(code, SubscribeReasonCode::Success(_));
                    if let Some(code) = answer.return_codes.iter().find(|code| denied(code)) {
                        return Err(Ended::Link(format!("refuses a subscription: {code:?}")));
                    }
                    self.served_ms = Some(clock::wall_ms());
                    self.live().await?;
                    ready();
                }
                Packet::Publish(publish) => publishes.push(publish),
                Packet::Disconnect(goodbye) => return Err(Ended::Link(format!("{:?}", goodbye.reason_code))),
                // The rest is the client's own business: acknowledgements of what is said again at the next start anyway, and pings.
                Packet::Connect(..)
                | Packet::Subscribe(_)
                | Packet::Unsubscribe(_)
                | Packet::PingReq(_)
                | Packet::Auth(_) => {}
                Packet::PubAck(_) => self.unconfirmed = self.unconfirmed.saturating_sub(1),
                Packet::PubRec(_) | Packet::PubRel(_) | Packet::PubComp(_) => {}
                Packet::UnsubAck(_) | Packet::PingResp(_) => {}
            }
            if publishes.len() < BATCH_MAX {
                next = self.connection.packets.try_recv().ok();
            }
        }
        if publishes.is_empty() { Ok(()) } else { self.take(publishes).await }
    }

    async fn connected(&mut self) -> Result<(), Ended> {
        let broker = &self.options.broker;
        info!("connected to {}:{} as {}", broker.host, broker.port, broker.client_id);
        let lost = |_| Ended::Link("the client takes nothing more".to_owned());
        self.connection.client.try_subscribe_many(broker.filters()).map_err(lost)?;
        let there = "{\"status\":\"online\"}";
        self.connection.client.try_publish(broker.presence(), QoS::AtLeastOnce, true, there).map_err(lost)?;
        self.unconfirmed += 1;
        // The broker may have forgotten what is retained, and a truck may have missed it.
        self.owed = self.desk.ask(|ledger| ledger.devices()).await?;
        if self.options.signer.is_none() {
            let unanswered = self.desk.ask(|ledger| ledger.unanswered()).await?;
            if unanswered > 0 {
                error!("{}", cannot_ask(unanswered));
            }
        }
        Ok(())
    }

    async fn live(&mut self) -> Result<(), Ended> {
        Ok(seen(self.options, self.desk, self.served_ms, None).await?)
    }

    /// Commits, then acknowledges to the broker. The trucks' acknowledgements follow at their pace.
    async fn take(&mut self, publishes: Vec<Publish>) -> Result<(), Ended> {
        let batch: Vec<_> = publishes.iter().map(judged).collect();
        let at_ms = clock::wall_ms();
        let outcome = self.desk.ask(move |ledger| ledger.take(&batch, at_ms)).await?;
        self.took = true;
        for publish in &publishes {
            // Never full: it has room for all that may be unacknowledged, and for what we may say ourselves.
            let ended = || self.connection.ended().unwrap_or_else(|| "the client takes no acknowledgement".to_owned());
            let lost = |_| Ended::Link(ended());
            self.connection.client.try_ack(publish).map_err(lost)?;
        }
        report(&outcome);
        self.owed.extend(outcome.devices);
        Ok(())
    }

    async fn acknowledge(&mut self) -> Result<(), Ended> {
        // In turn: a fleet of which more report every second than are told at once must not always tell the same ones.
        let mut now = in_turn(&self.owed, self.told);
        // A broker that is slow to confirm is told no more than the client has on the way at once: what is said ahead of that fills the
        // client's queue, and the acknowledgement of an event that finds it full ends the connection.
        now.truncate(usize::from(IN_FLIGHT_MAX).saturating_sub(self.unconfirmed));
        if now.is_empty() {
            return Ok(());
        }
        let keys = now.clone();
        let acks = self.desk.ask(move |ledger| keys.into_iter().map(|key| ledger.ack(key)).collect()).await;
        let acks: Vec<_> = acks?;
        let at_ms = clock::wall_ms();
        for ack in acks.into_iter().flatten() {
            let (topic, text) = (ack.truck.topic("down/ack"), ack.text(at_ms));
            if self.connection.client.try_publish(topic, QoS::AtLeastOnce, true, text).is_err() {
                // Full: all of them stay owed, and the next turn says them again.
                return Ok(());
            }
            self.unconfirmed += 1;
        }
        self.told = now.last().copied().unwrap_or(0);
        self.owed.retain(|key| !now.contains(key));
        Ok(())
    }

    async fn ask_again(&mut self) -> Result<(), Ended> {
        let Some(signer) = &self.options.signer else { return Ok(()) };
        let (at_ms, patience) = (clock::wall_ms(), self.options.hole_patience.as_millis());
        let patience = i64::try_from(patience).unwrap_or(i64::MAX);
        // As with acknowledgements. Those that are not asked now are asked when the next look finds room.
        let room = usize::from(IN_FLIGHT_MAX).saturating_sub(self.unconfirmed) / REQUEST_MESSAGES;
        for request in self.desk.ask(move |ledger| ledger.requests(at_ms, patience, room)).await? {
            let topic = request.truck.topic("down/command");
            let why = if request.first.is_some() { "the database was restored" } else { "a hole" };
            warn!("{topic}: {why}: asked for everything from sequence {} on", request.from);
            let command = signer.replay_from(&request, at_ms);
            // The broker takes them in this order, so whoever has got the command finds no older acknowledgement.
            if let Some(ack) = &request.first {
                let (topic, text) = (ack.truck.topic("down/ack"), ack.text(at_ms));
                if self.connection.client.try_publish(topic, QoS::AtLeastOnce, true, text).is_err() {
                    continue;
                }
                self.unconfirmed += 1;
            }
            // Full, or not delivered: it is asked for again when it has not been filled.
            if self.connection.client.try_publish(topic, QoS::AtLeastOnce, false, command).is_ok() {
                self.unconfirmed += 1;
            }
        }
        Ok(())
    }
}

/// What a person has to do where a copy was put in the database's place and nobody signs commands.
#[must_use]
pub fn cannot_ask(devices: i64) -> String {
    let trucks = if devices == 1 { "truck" } else { "trucks" };
    format!(
        "the database was restored, and {devices} {trucks} CANNOT BE ASKED for what came after the copy, since [commands] names no key. \
         It is in the trucks' journals until they need the room: name in commands.key the dispatch.key that `gatestamp-receiver init` \
         made, see that each truck believes it ([dispatch] keys), and restart the receiver"
    )
}

/// What came. A copy that the broker had retained says nothing about when its truck was heard.
fn judged(publish: &Publish) -> Message {
    let mut message = message::read(&publish.topic, &publish.payload);
    if let Message::Notice { heard, .. } = &mut message {
        *heard &= !publish.retain;
    }
    message
}

/// Those whose turn it is: above the last one told, then from the beginning.
fn in_turn(owed: &BTreeSet<Key>, told: Key) -> Vec<Key> {
    let above = (Bound::Excluded(told), Bound::Unbounded);
    owed.range(above).chain(owed.range(..=told)).take(ACKS_AT_ONCE).copied().collect()
}

#[expect(clippy::disallowed_methods, reason = "a deadline of the runtime's own timer, compared with nothing else")]
fn deadline(after: Duration) -> Deadline {
    Deadline::now() + after
}

fn report(outcome: &Outcome) {
    if outcome.conflicts > 0 {
        error!(
            "{} known ids came with other bytes: kept in the table conflict; two devices use one name",
            outcome.conflicts
        );
    }
    if outcome.losses > 0 {
        warn!("{} losses were declared: see the view losses", outcome.losses);
    }
    if outcome.refused > 0 {
        warn!("{} messages are no events of their truck: kept in the table refused", outcome.refused);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_fleet_that_reports_without_a_pause_every_device_has_its_turn() {
        let owed: BTreeSet<Key> = (1..=300).collect();
        let (mut told, mut heard) = (0, BTreeSet::new());
        for _ in 0..3 {
            let now = in_turn(&owed, told);
            assert_eq!(now.len(), ACKS_AT_ONCE);
            told = *now.last().expect("some");
            heard.extend(now);
        }
        assert_eq!(heard, owed);
        assert_eq!(in_turn(&BTreeSet::from([7]), 7), [7]);
    }
}
