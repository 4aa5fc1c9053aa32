//! How do bytes of a connection become packets and back?

use std::io;

use bytes::BytesMut;
use rumqttc::v5::mqttbytes::Error;
use rumqttc::v5::mqttbytes::v5::{Disconnect, DisconnectReasonCode, Packet};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The largest packet taken: events have at most 16 KiB.
pub(super) const PACKET_BYTES_MAX: u32 = 64 * 1024;

/// One connection with what has been read of the next packet.
pub(super) struct Wire {
    stream: TcpStream,
    unread: BytesMut,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Without this each small acknowledgement waits for the other side's delayed one, 40 ms.
        let _ = stream.set_nodelay(true);
        Self { stream, unread: BytesMut::with_capacity(4_096) }
    }

    /// The next packet. Safe to cancel: bytes that were read stay in `unread`.
    pub(super) async fn next(&mut self) -> io::Result<Packet> {
        loop {
            match Packet::read(&mut self.unread, Some(PACKET_BYTES_MAX)) {
                Ok(packet) => return Ok(packet),
                Err(Error::InsufficientBytes(_)) => {
                    if self.stream.read_buf(&mut self.unread).await? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                // The codec knows no DISCONNECT of two bytes, which is the normal one; nothing else may be empty.
                Err(Error::PayloadRequired) => {
                    return Ok(Packet::Disconnect(Disconnect::new(DisconnectReasonCode::NormalDisconnection)));
                }
                Err(fault) => return Err(io::Error::new(io::ErrorKind::InvalidData, fault)),
            }
        }
    }

    pub(super) async fn send(&mut self, packet: &Packet) -> io::Result<()> {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, None).map_err(|fault| io::Error::new(io::ErrorKind::InvalidInput, fault))?;
        self.stream.write_all(&bytes).await
    }
}
