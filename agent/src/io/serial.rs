//! The serial port: opened, read, and opened again when it disappears. Listens only; nothing is ever written to it.

use super::clock::Clock;
use crate::time::Mono;
use geofence::Span;
use std::path::{Path, PathBuf};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc::Sender;
use tokio_serial::{
    ClearBuffer, DataBits, FlowControl, Parity, SerialPort, SerialPortBuilderExt, SerialStream, StopBits,
};

/// Wait before the port is opened again; doubles up to the maximum.
const BACK_OFF: Span = Span::seconds(1);
const BACK_OFF_MAX: Span = Span::seconds(30);
/// One read. Bounds what one input of the engine holds.
const CHUNK: usize = 512;

/// What the port does.
#[derive(Debug)]
pub(super) enum PortEvent {
    /// Open, what was buffered before is thrown away.
    Opened,
    /// Bytes came, at this time: a slow commit between reading and deciding must not shift it.
    Bytes(Mono, Vec<u8>),
    /// Not there, or gone: why.
    Gone(String),
}

/// Where the receiver is connected.
#[derive(Debug, Clone)]
pub(super) struct Port {
    pub(super) device: PathBuf,
    pub(super) baud: u32,
}

/// Reads the port until nobody listens any more.
pub(super) async fn read(port: Port, clock: Clock, to: Sender<PortEvent>) {
    let mut wait = BACK_OFF;
    loop {
        let gone = match open(&port.device, port.baud) {
            Ok(mut stream) => {
                if to.send(PortEvent::Opened).await.is_err() {
                    return;
                }
                let mut heard = false;
                let gone = listen(&mut stream, clock, &to, &mut heard).await;
                if heard {
                    wait = BACK_OFF;
                }
                gone
            }
            Err(why) => why,
        };
        // The descriptor is closed by now: one that stays open forces the returning device under another name.
        if to.send(PortEvent::Gone(gone)).await.is_err() {
            return;
        }
        clock.sleep(wait).await;
        wait = Span((wait.0 * 2).min(BACK_OFF_MAX.0));
    }
}

async fn listen(stream: &mut SerialStream, clock: Clock, to: &Sender<PortEvent>, heard: &mut bool) -> String {
    let mut buffer = [0; CHUNK];
    loop {
        match stream.read(&mut buffer).await {
            // A ready descriptor that gives nothing is an unplugged one; reading on would spin.
            Ok(0) => return "the device is gone (end of file)".to_owned(),
            Ok(count) => {
                *heard = true;
                let bytes = buffer.get(..count).unwrap_or(&[]).to_vec();
                if to.send(PortEvent::Bytes(clock.now(), bytes)).await.is_err() {
                    return "stopping".to_owned();
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return format!("reading failed: {error}"),
        }
    }
}

fn open(device: &Path, baud: u32) -> Result<SerialStream, String> {
    let explain = |error: tokio_serial::Error| format!("{} cannot be opened: {error}", device.display());
    let stream = tokio_serial::new(device.to_string_lossy(), baud)
        .data_bits(DataBits::Eight)
        .parity(Parity::None)
        .stop_bits(StopBits::One)
        .flow_control(FlowControl::None)
        .open_native_async()
        .map_err(explain)?;
    // What waited in the buffer while nobody read is old: it must not pass for now.
    stream.clear(ClearBuffer::Input).map_err(explain)?;
    Ok(stream)
}
