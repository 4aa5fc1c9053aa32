//! A running gpsd as the source: the receiver's own bytes, handed through.
//!
//! gpsd is asked for `raw` 2: it then passes every packet on as it received it, sentences and binary alike, and the pipeline
//! behind is the same as at a serial port. Its own fixes are not used: their dates may have been moved by 1,024 weeks, and they
//! lack what the judgement needs (decision 15). Between the packets stand gpsd's notes, one JSON object a line, which say
//! whether it has a receiver (gpsd_json(5)).

use super::trouble::{Kind, Trouble};
use crate::io::clock::Clock;
use crate::time::Mono;
use geofence::Span;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A gpsd that does not take a connection for so long is not there.
const CONNECT_MAX: Span = Span::seconds(10);
/// After a silence this long gpsd is asked whether it still lives; a receiver's own silence looks the same.
const ASK_AFTER: Span = Span::seconds(30);
/// So long it has to answer.
const ANSWER_WITHIN: Span = Span::seconds(15);
/// Longest note. gpsd's own limit is 10,240 (GPS_JSON_RESPONSE_MAX).
const NOTE_MAX: usize = 16_384;
/// How every note begins; a packet that happens to begin so is none of any receiver we know.
const NOTE: &[u8] = b"{\"class\":\"";

/// An open connection.
#[derive(Debug)]
pub(super) struct Gpsd {
    stream: TcpStream,
    notes: Notes,
    heard: Mono,
    asked: bool,
}

impl Gpsd {
    pub(super) async fn open(host: &str, port: u16, clock: Clock) -> Result<Self, Trouble> {
        let refused = |why: String| Trouble::new(Kind::GpsdRefused, format!("gpsd at {host}:{port}: {why}"));
        let connect = tokio::time::timeout(clock.real(CONNECT_MAX), TcpStream::connect((host, port))).await;
        let mut stream = match connect {
            Ok(connected) => connected.map_err(|error| refused(error.to_string()))?,
            Err(_) => return Err(refused("does not answer".to_owned())),
        };
        let watch = br#"?WATCH={"enable":true,"json":false,"raw":2};"#;
        stream.write_all(watch).await.map_err(|error| refused(error.to_string()))?;
        Ok(Self { stream, notes: Notes::default(), heard: clock.now(), asked: false })
    }

    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Trouble> {
        match self.stream.read(buffer).await {
            Ok(0) => Err(Trouble::new(Kind::GpsdDied, "gpsd closed the connection")),
            Ok(count) => Ok(count),
            Err(error) => Err(Trouble::new(Kind::GpsdDied, format!("gpsd is gone: {error}"))),
        }
    }

    /// Takes the notes out of what came: the receiver's bytes, and the trouble that gpsd tells of.
    pub(super) fn heard(&mut self, at: Mono, bytes: &[u8]) -> (Vec<u8>, Option<Trouble>) {
        (self.heard, self.asked) = (at, false);
        self.notes.take_out(bytes)
    }

    /// Silence: asks, and gives up where there is no answer. Half-open connections are found this way.
    pub(super) async fn tick(&mut self, at: Mono) -> Result<(), Trouble> {
        let silent = at - self.heard;
        if silent > ASK_AFTER + ANSWER_WITHIN && self.asked {
            return Err(Trouble::new(Kind::GpsdDied, "gpsd does not answer"));
        }
        if silent > ASK_AFTER && !self.asked {
            self.asked = true;
            let sent = self.stream.write_all(b"?DEVICES;\n").await;
            sent.map_err(|error| Trouble::new(Kind::GpsdDied, format!("gpsd is gone: {error}")))?;
        }
        Ok(())
    }
}

/// Tells gpsd's notes from the receiver's bytes.
#[derive(Debug, Default)]
struct Notes {
    /// A line that is a note so far.
    held: Vec<u8>,
    /// In the middle of a line that is none.
    within: bool,
}

/// What matters of a note; the rest is ignored, so that another release of gpsd may say more.
#[derive(Deserialize)]
struct Note {
    class: String,
    devices: Option<Vec<Device>>,
    path: Option<String>,
    activated: Option<serde_json::Value>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct Device {}

impl Notes {
    fn take_out(&mut self, bytes: &[u8]) -> (Vec<u8>, Option<Trouble>) {
        let mut rest = Vec::with_capacity(bytes.len());
        let mut trouble = None;
        for &byte in bytes {
            if self.within {
                rest.push(byte);
                self.within = byte != b'\n';
                continue;
            }
            self.held.push(byte);
            let begins = NOTE.iter().zip(&self.held).all(|(a, b)| a == b);
            if !begins || self.held.len() > NOTE_MAX {
                self.within = byte != b'\n';
                rest.append(&mut self.held);
            } else if byte == b'\n' {
                trouble = told(&self.held).or(trouble);
                self.held.clear();
            }
        }
        (rest, trouble)
    }
}

fn told(note: &[u8]) -> Option<Trouble> {
    let note: Note = serde_json::from_slice(note).ok()?;
    let trouble = |why: String| Some(Trouble::new(Kind::GpsdNoDevice, why));
    match note.class.as_str() {
        "DEVICES" if note.devices.is_some_and(|devices| devices.is_empty()) => {
            trouble("gpsd has no receiver".to_owned())
        }
        // A device that went away is told with `activated` 0.
        "DEVICE" if note.activated.is_some_and(|when| when.as_f64() == Some(0.0)) => {
            trouble(format!("gpsd lost its receiver {}", note.path.unwrap_or_default()))
        }
        "ERROR" => trouble(format!("gpsd says: {}", note.message.unwrap_or_default())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"{\"class\":\"VERSION\",\"release\":\"3.22\"}\r\n{\"class\":\"DEVICES\",\"devices\":[{\"path\":\"/dev/a\"}]}\r\n\
        $GPGLL,,,,,235958,V*06\r\n\xb5\x62\x01{\"class\n\n{\"class\":\"DEVICE\",\"path\":\"/dev/a\",\"activated\":0}\n{\"x\":1}\n";

    #[test]
    fn notes_are_taken_out_however_the_stream_is_cut() {
        for size in 1..STREAM.len() {
            let (mut notes, mut rest, mut troubles) = (Notes::default(), Vec::new(), Vec::new());
            for chunk in STREAM.chunks(size) {
                let (bytes, trouble) = notes.take_out(chunk);
                rest.extend(bytes);
                troubles.extend(trouble);
            }
            assert_eq!(
                rest, b"$GPGLL,,,,,235958,V*06\r\n\xb5\x62\x01{\"class\n\n{\"x\":1}\n",
                "cut every {size} bytes"
            );
            assert_eq!(troubles, [Trouble::new(Kind::GpsdNoDevice, "gpsd lost its receiver /dev/a")]);
        }
    }

    #[test]
    fn a_gpsd_without_a_receiver_says_so() {
        let (rest, trouble) = Notes::default().take_out(b"{\"class\":\"DEVICES\",\"devices\":[]}\r\n");
        assert_eq!((rest, trouble.map(|t| t.kind)), (Vec::new(), Some(Kind::GpsdNoDevice)));
    }

    #[test]
    fn an_endless_note_is_handed_on_and_not_held() {
        let mut endless = NOTE.to_vec();
        endless.resize(3 * NOTE_MAX, b'x');
        let mut notes = Notes::default();
        let (rest, _) = notes.take_out(&endless);
        assert_eq!((rest.len(), notes.held.capacity() <= 2 * NOTE_MAX), (3 * NOTE_MAX, true));
    }
}
