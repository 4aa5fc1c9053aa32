//! How is the broker reached? The one place that knows how a connection is made; what is said over it is `session`'s affair.
//!
//! The way to it is the agent's own: TLS 1.3 with certificates, over a relay that the client talks to (`gatestamp::io::mqtt::wire`). A
//! fresh event loop for each connection: a reused one may hold on to packets of its past. Publishes are acknowledged by hand, after
//! the commit, and no more of them than [`UNACKNOWLEDGED_MAX`] are on the way: the broker keeps the rest.

use std::sync::Arc;
use std::time::Duration;

use gatestamp::besttime::{BestTime, TimeSource};
use gatestamp::config::TlsFiles;
use gatestamp::io::mqtt::tls::Credentials;
use gatestamp::io::mqtt::wire::{Target, Wire};
use geofence::UnixMillis;
use rumqttc::Transport;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, LastWill, Packet};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::clock::wall_ms;

/// Publishes that the broker may send ahead of their acknowledgement: two batches. 1,024 events of 16 KiB are 16 MiB at worst.
pub const UNACKNOWLEDGED_MAX: u16 = 1_024;
/// Packets between the connection's task and the ledger: all that the broker may send before something is acknowledged, and its answers to
/// what we say. So that task never waits for a commit: behind one of some seconds the answer to a ping would be heard too late, and
/// the connection given up for dead.
const PACKETS_MAX: usize = UNACKNOWLEDGED_MAX as usize + IN_FLIGHT_MAX as usize + 64;
/// Requests inside the client: an acknowledgement for each publish, and as many messages of our own.
const REQUESTS_MAX: usize = 2 * UNACKNOWLEDGED_MAX as usize + 64;
/// Our own messages on the way at once; the client keeps a slot for each.
pub const IN_FLIGHT_MAX: u16 = 256;
const _: () =
    assert!(REQUESTS_MAX > UNACKNOWLEDGED_MAX as usize + IN_FLIGHT_MAX as usize, "no acknowledgement finds it full");
/// Largest packet that we take: four times an event.
const INCOMING_MAX: u32 = 64 * 1024;
/// The receiver stands beside its broker or in the next rack.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Longer than this without a sign of the broker: the connection only looks alive.
pub const SILENCE_MAX: Duration = Duration::from_secs(50);
const CONNECT_TIMEOUT_S: u64 = 30;
/// How long the broker keeps what comes while this receiver is away. Nothing depends on it: trucks send again what is not acknowledged.
const SESSION_EXPIRY_S: u32 = 7 * 86_400;

/// Which broker, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The certificates; `None`: plain TCP.
    pub tls: Option<TlsFiles>,
    /// This receiver's client id; two of one throw each other out. A broker may take the certificate's name instead.
    pub client_id: String,
    /// Receivers of one group share the events between them. A secret: a broker may let anybody join a group whose name he knows, as
    /// Mosquitto does, whose ACL is asked before a delivery and not before a subscription; what it deals to him is lost to the others.
    pub group: Option<String>,
}

/// One connection. Dropping it drops everything that was on the way.
#[derive(Debug)]
pub struct Connection {
    /// To publish and to acknowledge with.
    pub client: AsyncClient,
    /// What comes from the broker; an error is the end.
    pub packets: mpsc::Receiver<Result<Packet, String>>,
    polling: JoinHandle<()>,
    wire: Wire,
}

impl Connection {
    /// What the way to the broker knows about its end, which the client does not.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        self.wire.ended().map(|gone| gone.why)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.polling.abort();
    }
}

impl Broker {
    /// Opens the way to the broker; the first packet says that it took us. The certificates are read again each time, so that new
    /// ones count from the next connection on.
    ///
    /// # Errors
    /// In words: which file is wrong, or why the broker cannot be reached.
    pub async fn connect(&self) -> Result<Connection, String> {
        let time = BestTime { utc: UnixMillis(wall_ms()), source: TimeSource::System };
        let tls = self.tls.as_ref().map(|files| credentials(files, time)).transpose()?;
        let tls = tls.map(|credentials| (credentials.client(time), time));
        let target = Target { host: &self.host, port: self.port, tls, unacknowledged_max: SILENCE_MAX };
        let wire = Wire::open(&target, Arc::default()).await.map_err(|gone| gone.why)?;
        let mut options = MqttOptions::new(&self.client_id, wire.address(), self.port);
        options.set_transport(Transport::unix());
        options
            .set_keep_alive(KEEP_ALIVE)
            .set_clean_start(false)
            .set_manual_acks(true)
            .set_connection_timeout(CONNECT_TIMEOUT_S)
            .set_outgoing_inflight_upper_limit(IN_FLIGHT_MAX)
            .set_last_will(LastWill::new(self.presence(), "{\"status\":\"offline\"}", QoS::AtLeastOnce, true, None));
        options.set_session_expiry_interval(Some(SESSION_EXPIRY_S));
        options.set_receive_maximum(Some(UNACKNOWLEDGED_MAX));
        options.set_max_packet_size(Some(INCOMING_MAX));
        let (client, events) = AsyncClient::new(options, REQUESTS_MAX);
        let (sender, packets) = mpsc::channel(PACKETS_MAX);
        Ok(Connection { client, packets, polling: tokio::spawn(poll(events, sender)), wire })
    }

    /// Where this receiver says that it is there, retained.
    #[must_use]
    pub fn presence(&self) -> String {
        format!("gatestamp/v1/dispatch/{}", self.client_id)
    }

    /// What to listen to. Only events are shared: a broker gives no retained message to a shared subscription, and the newest state is
    /// the same whoever notes it.
    #[must_use]
    pub fn filters(&self) -> Vec<Filter> {
        let own = |leaf: &str| format!("{}+/+/{leaf}", crate::message::PREFIX);
        let events = own("events");
        let events = self.group.as_ref().map_or(events.clone(), |group| format!("$share/{group}/{events}"));
        let all = [events, own("state"), own("health"), own("reply")];
        all.iter().map(|path| Filter::new(path.as_str(), QoS::AtLeastOnce)).collect()
    }
}

/// The certificates, as they are now; a key that others can read too is used, and said.
///
/// # Errors
/// The faults, each with its file and remedy.
pub fn credentials(files: &TlsFiles, time: BestTime) -> Result<Credentials, String> {
    let told =
        |faults: &[gatestamp::fault::Fault]| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let credentials = Credentials::read(files, time).map_err(|faults| told(&faults))?;
    if !credentials.doubts.is_empty() {
        tracing::warn!("{}", told(&credentials.doubts));
    }
    Ok(credentials)
}

/// Polls in a task of its own: a poll that is cancelled while connecting never connects.
async fn poll(mut events: EventLoop, packets: mpsc::Sender<Result<Packet, String>>) {
    loop {
        let packet = match events.poll().await {
            Ok(Event::Incoming(packet)) => Ok(packet),
            Ok(Event::Outgoing(_)) => continue,
            Err(fault) => Err(fault.to_string()),
        };
        let ended = packet.is_err();
        if packets.send(packet).await.is_err() || ended {
            return;
        }
    }
}
