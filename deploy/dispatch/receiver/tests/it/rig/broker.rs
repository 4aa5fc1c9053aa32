//! A real Mosquitto with the configuration that `init` made, and whoever connects to it with a certificate.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gatestamp::besttime::{BestTime, TimeSource};
use gatestamp::config::TlsFiles;
use gatestamp::io::mqtt::tls::Credentials;
use gatestamp::io::mqtt::wire::{Target, Wire};
use geofence::UnixMillis;
pub(crate) use hil_tests::secured::Secured;
use rumqttc::Transport;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PubAckReason};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use rustls::ClientConfig;

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    hil_tests::secured::free_port().expect("a port")
}

/// Somebody at the broker.
pub(crate) struct Client {
    pub(crate) client: AsyncClient,
    events: EventLoop,
    _wire: Wire,
}

impl Client {
    /// Connects with the certificate and key in `folder`, whose files begin with `name`.
    pub(crate) async fn connect(port: u16, folder: &Path, name: &str, id: &str) -> Result<Self, String> {
        let [cert, key] = ["crt", "key"].map(|ending| folder.join(format!("{name}.{ending}")));
        let files = TlsFiles { ca: folder.join("ca.crt"), cert, key };
        let now = gatestamp_receiver::clock::wall_ms();
        let time = BestTime { utc: UnixMillis(now), source: TimeSource::System };
        let credentials = Credentials::read(&files, time).map_err(|faults| format!("{faults:?}"))?;
        Self::open(port, id, Some((credentials.client(time), time))).await
    }

    /// Connects to a broker that asks for nothing.
    pub(crate) async fn plain(port: u16, id: &str) -> Result<Self, String> {
        Self::open(port, id, None).await
    }

    async fn open(port: u16, id: &str, tls: Option<(Arc<ClientConfig>, BestTime)>) -> Result<Self, String> {
        let target = Target { host: "localhost", port, tls, unacknowledged_max: PATIENCE };
        let wire = Wire::open(&target, Arc::default()).await.map_err(|gone| gone.why)?;
        let mut options = MqttOptions::new(id, wire.address(), port);
        options.set_transport(Transport::unix()).set_clean_start(true);
        let (client, events) = AsyncClient::new(options, 64);
        let mut client = Self { client, events, _wire: wire };
        client.until(|packet| matches!(packet, Packet::ConnAck(_)).then_some(())).await?;
        Ok(client)
    }

    /// Waits for a packet that `wanted` knows what to do with.
    pub(crate) async fn until<T>(&mut self, mut wanted: impl FnMut(&Packet) -> Option<T>) -> Result<T, String> {
        let found = async {
            loop {
                if let Event::Incoming(packet) = self.events.poll().await.map_err(|fault| fault.to_string())?
                    && let Some(found) = wanted(&packet)
                {
                    return Ok(found);
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.map_err(|_| "nothing came".to_owned())?
    }

    /// Publishes, and gives the broker's answer.
    pub(crate) async fn publish(&mut self, topic: &str, body: Vec<u8>) -> Result<PubAckReason, String> {
        self.client.try_publish(topic, QoS::AtLeastOnce, false, body).map_err(|fault| fault.to_string())?;
        self.until(|packet| if let Packet::PubAck(answer) = packet { Some(answer.reason) } else { None }).await
    }

    /// Subscribes and waits for the answer.
    pub(crate) async fn subscribe(&mut self, filter: &str) -> Result<(), String> {
        self.client.try_subscribe(filter, QoS::AtLeastOnce).map_err(|fault| fault.to_string())?;
        self.until(|packet| matches!(packet, Packet::SubAck(_)).then_some(())).await
    }
}
