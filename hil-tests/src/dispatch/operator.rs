//! How does somebody at dispatch give a truck a command, and hear what became of it?

use std::io;
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event as Incident, MqttOptions};
use serde_json::Value;

use super::Options;

/// Sends the bytes of a command to the truck of `options` once and waits for what comes on `reply`; `None`: nothing did.
///
/// # Errors
/// When there is no broker.
pub fn command(options: &Options, message: &[u8], patience: Duration) -> io::Result<Option<Value>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let talk = async {
        let mut mqtt = MqttOptions::new("operator", "127.0.0.1", options.broker_port);
        mqtt.set_clean_start(true);
        let (client, mut events) = AsyncClient::new(mqtt, 8);
        loop {
            match events.poll().await.map_err(io::Error::other)? {
                Incident::Incoming(Packet::ConnAck(_)) => {
                    client.try_subscribe(options.topic("reply"), QoS::AtLeastOnce).map_err(io::Error::other)?;
                }
                Incident::Incoming(Packet::SubAck(_)) => {
                    let topic = options.topic("down/command");
                    client.try_publish(topic, QoS::AtLeastOnce, false, message.to_vec()).map_err(io::Error::other)?;
                }
                Incident::Incoming(Packet::Publish(reply)) => {
                    return serde_json::from_slice(&reply.payload).map_err(io::Error::other);
                }
                Incident::Incoming(_) | Incident::Outgoing(_) => {}
            }
        }
    };
    runtime.block_on(async { tokio::time::timeout(patience, talk).await.map_or(Ok(None), |said| said.map(Some)) })
}

/// Leaves a retained message for the truck, as somebody else or an earlier dispatch may have.
///
/// # Errors
/// When there is no broker.
pub fn retain(options: &Options, leaf: &str, message: &[u8]) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (client, mut events) = AsyncClient::new(MqttOptions::new("operator", "127.0.0.1", options.broker_port), 8);
        client.try_publish(options.topic(leaf), QoS::AtLeastOnce, true, message.to_vec()).map_err(io::Error::other)?;
        while !matches!(events.poll().await.map_err(io::Error::other)?, Incident::Incoming(Packet::PubAck(_))) {}
        Ok(())
    })
}
