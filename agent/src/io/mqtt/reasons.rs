//! Reasons of a PUBACK that the client does not know, said so that it does.
//!
//! rumqttc ends the connection at a reason that MQTT 5.0 (3.4.2.1) does not list for PUBACK. Mosquitto answers so where an event is
//! longer than its `message_size_limit`, which it announces nowhere: with 0x95, packet too large. The event would be sent again by each
//! connection, and end it.

/// PUBACK, as its first byte says it.
const PUBACK: u8 = 0x40;
/// Before the reason: the packet id.
const REASON_AT: usize = 2;
/// What the client knows.
const KNOWN: [u8; 9] = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
const TOO_LARGE: u8 = 0x95;
/// Payload format invalid: this one event is not taken, and no other is meant.
const NOT_THIS_ONE: u8 = 0x99;
/// Implementation specific error: a fault of the broker's own.
const ITS_OWN: u8 = 0x83;

/// Where in the stream of packets the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Head,
    /// Of the remaining length, least significant seven bits first; so many bits are known.
    Length {
        is_puback: bool,
        known: usize,
        bits: u32,
    },
    /// So many bytes of it have passed, and so many there are.
    Body {
        is_puback: bool,
        passed: usize,
        length: usize,
    },
    /// No MQTT: it passes as it is.
    Lost,
}

/// A stream of what a broker says, in any pieces.
#[derive(Debug)]
pub(super) struct Reasons(Place);

impl Reasons {
    /// From the first byte of a connection.
    pub(super) const fn new() -> Self {
        Self(Place::Head)
    }

    /// The next piece, as the client understands it.
    pub(super) fn mend(&mut self, mut piece: &mut [u8]) {
        while let [first, rest @ ..] = piece {
            self.0 = match self.0 {
                Place::Head => Place::Length { is_puback: *first == PUBACK, known: 0, bits: 0 },
                Place::Length { is_puback, known, bits } => {
                    length(is_puback, known | usize::from(*first & 0x7f) << bits, bits, *first)
                }
                Place::Body { is_puback, passed, length } => {
                    if is_puback && passed == REASON_AT {
                        *first = understood(*first);
                    }
                    let skipped = if is_puback { 0 } else { rest.len().min(length - passed - 1) };
                    let passed = passed + 1 + skipped;
                    piece = rest.get_mut(skipped..).unwrap_or_default();
                    self.0 = if passed == length { Place::Head } else { Place::Body { is_puback, passed, length } };
                    continue;
                }
                Place::Lost => return,
            };
            piece = rest;
        }
    }
}

/// After a byte of the remaining length: at most four of them, the highest bit says that another one follows.
const fn length(is_puback: bool, known: usize, bits: u32, byte: u8) -> Place {
    match (byte & 0x80 == 0, bits, known) {
        (true, _, 0) => Place::Head,
        (true, _, length) => Place::Body { is_puback, passed: 0, length },
        (false, ..=14, _) => Place::Length { is_puback, known, bits: bits + 7 },
        (false, _, _) => Place::Lost,
    }
}

fn understood(reason: u8) -> u8 {
    match reason {
        known if KNOWN.contains(&known) => known,
        TOO_LARGE => NOT_THIS_ONE,
        _ => ITS_OWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `said` in pieces of each length that there is.
    fn mended(said: &[u8]) -> Vec<u8> {
        let whole = in_pieces(said, said.len());
        assert!((1..said.len()).all(|piece| in_pieces(said, piece) == whole));
        whole
    }

    fn in_pieces(said: &[u8], piece: usize) -> Vec<u8> {
        let (mut reasons, mut said) = (Reasons::new(), said.to_vec());
        said.chunks_mut(piece.max(1)).for_each(|piece| reasons.mend(piece));
        said
    }

    #[test]
    fn a_reason_that_the_client_does_not_know_is_said_in_one_that_it_does_and_nothing_else_changes() {
        // CONNACK, SUBACK with 0x95 in it, PINGRESP, a PUBLISH whose contents look like a PUBACK, of 200 bytes: two of length.
        let mut around = vec![0x20, 3, 0, 0, 0, 0x90, 4, 0, 1, 0, 0x95, 0xd0, 0, 0x30, 0xc8, 1];
        around.extend([0x40, 3, 0, 0x95].into_iter().cycle().take(200));
        let pubacks = |reasons: [u8; 5]| {
            let [a, b, c, d, e] = reasons;
            [
                &[0x40, 2, 0x95, 0x95, 0x40, 3, 0, 0x95, a, 0x40, 3, 0, 2, b][..],
                &[0x40, 4, 0, 3, c, 0, 0x40, 6, 0, 4, d, 2],
                &[0x95, 0x95, 0x40, 3, 0, 5, e],
            ]
            .concat()
        };
        let said = [around.clone(), pubacks([0x95, 0x97, 0x95, 0x9f, 0x10]), around.clone()].concat();
        let expected = [around.clone(), pubacks([0x99, 0x97, 0x99, 0x83, 0x10]), around].concat();
        assert_eq!(mended(&said), expected);
    }

    #[test]
    fn what_is_no_mqtt_passes_as_it_is() {
        for said in
            [&b"HTTP/1.1 302 Found\r\n\r\n@\x03\0\x01\x95"[..], &[0x40, 0xff, 0xff, 0xff, 0xff, 1, 0x95, 0x95, 0x95]]
        {
            assert_eq!(mended(said), said);
        }
    }
}
