//! One input of the engine as bytes.

use crate::engine::{Boot, State};
use crate::event::Loss;
use crate::gnss::SourceState;
use crate::time::Mono;
use serde::{Deserialize, Serialize};

pub(super) const BOOT: u8 = 1;
pub(super) const BYTES: u8 = 2;
pub(super) const TICK: u8 = 3;
pub(super) const STOP: u8 = 4;
pub(super) const SEAL: u8 = 5;
pub(super) const MISSED: u8 = 6;
pub(super) const SOURCE: u8 = 7;
pub(super) const LOST: u8 = 8;
pub(super) const FLOOR: u8 = 9;
pub(super) const PRIVATE: u8 = 10;
pub(super) const RENUMBERED: u8 = 11;

/// What stands at the head of a segment: enough to derive its events without the segments before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The version that wrote it.
    pub version: String,
    /// Fleet.
    pub fleet: String,
    /// Truck.
    pub truck: String,
    /// Revision of the facilities, as `Fences::revision`.
    pub facilities: u64,
    /// The engine's state before the first record.
    pub state: State,
}

/// An input that is recorded. Deliveries and the state of the link are not: no event depends on them.
#[derive(Debug, Clone, PartialEq)]
pub enum Recorded {
    /// The agent started.
    Boot(Mono, Boot),
    /// The receiver sent bytes.
    Bytes(Mono, Vec<u8>),
    /// Time passed in silence.
    Tick(Mono),
    /// The agent was told to stop.
    Stop(Mono),
    /// So many inputs before this one could not be recorded.
    Missed(Mono, u64),
    /// The source of the receiver's bytes came, went, or was found to talk at another speed.
    Source(Mono, SourceState),
    /// These events will never be with dispatch.
    Lost(Mono, Loss),
    /// Sequences up to here were given before, by a journal that is no more: what comes goes on above.
    Floor(Mono, u64),
    /// Private time began or ended: nothing that the receiver said within it is here.
    Private(Mono, bool),
    /// Sequences up to here are another gateway's: all of ours are counted above it, those given before too.
    Renumbered(Mono, u64),
}

impl Recorded {
    /// When it happened.
    #[must_use]
    pub fn at(&self) -> Mono {
        match self {
            Self::Boot(at, _)
            | Self::Bytes(at, _)
            | Self::Tick(at)
            | Self::Stop(at)
            | Self::Missed(at, _)
            | Self::Source(at, _)
            | Self::Lost(at, _)
            | Self::Floor(at, _)
            | Self::Private(at, _)
            | Self::Renumbered(at, _) => *at,
        }
    }
}

/// Appends `input` to `out`.
pub fn encode(input: &Recorded, out: &mut Vec<u8>) {
    match input {
        Recorded::Boot(at, boot) => {
            // Serialising plain fields into memory cannot fail.
            let json = serde_json::to_vec(boot).unwrap_or_default();
            append(BOOT, *at, &json, out);
        }
        Recorded::Bytes(at, bytes) => append(BYTES, *at, bytes, out),
        Recorded::Tick(at) => append(TICK, *at, &[], out),
        Recorded::Stop(at) => append(STOP, *at, &[], out),
        Recorded::Missed(at, inputs) => append(MISSED, *at, &inputs.to_le_bytes(), out),
        Recorded::Source(at, state) => {
            let json = serde_json::to_vec(state).unwrap_or_default();
            append(SOURCE, *at, &json, out);
        }
        Recorded::Lost(at, loss) => {
            let json = serde_json::to_vec(loss).unwrap_or_default();
            append(LOST, *at, &json, out);
        }
        Recorded::Floor(at, sequence) => append(FLOOR, *at, &sequence.to_le_bytes(), out),
        Recorded::Private(at, on) => append(PRIVATE, *at, &[u8::from(*on)], out),
        Recorded::Renumbered(at, above) => append(RENUMBERED, *at, &above.to_le_bytes(), out),
    }
}

/// Appends the seal over `crc`, the sum of all records since the last seal, to `out`.
pub fn seal(crc: u32, out: &mut Vec<u8>) {
    append(SEAL, Mono(0), &crc.to_le_bytes(), out);
}

fn append(kind: u8, at: Mono, payload: &[u8], out: &mut Vec<u8>) {
    let payload = payload.get(..super::PAYLOAD_MAX).unwrap_or(payload);
    // PAYLOAD_MAX fits a u16.
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    out.push(kind);
    out.extend_from_slice(&at.0.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(payload);
}

pub(super) fn decode(kind: u8, at: Mono, payload: &[u8]) -> Option<Recorded> {
    match kind {
        BOOT => serde_json::from_slice(payload).ok().map(|boot| Recorded::Boot(at, boot)),
        BYTES => Some(Recorded::Bytes(at, payload.to_vec())),
        TICK => Some(Recorded::Tick(at)),
        STOP => Some(Recorded::Stop(at)),
        MISSED => payload.try_into().ok().map(|bytes| Recorded::Missed(at, u64::from_le_bytes(bytes))),
        LOST => serde_json::from_slice(payload).ok().map(|loss| Recorded::Lost(at, loss)),
        FLOOR => payload.try_into().ok().map(|bytes| Recorded::Floor(at, u64::from_le_bytes(bytes))),
        PRIVATE => match payload {
            [0] => Some(Recorded::Private(at, false)),
            [1] => Some(Recorded::Private(at, true)),
            _ => None,
        },
        RENUMBERED => payload.try_into().ok().map(|bytes| Recorded::Renumbered(at, u64::from_le_bytes(bytes))),
        SOURCE => serde_json::from_slice(payload).ok().map(|state| Recorded::Source(at, state)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::LossCause;
    use crate::gnss::{Checksums, DateFloor};

    fn of_kind(kind: u8) -> Recorded {
        let at = Mono(0x0102);
        match kind {
            BOOT => {
                let (kernel_boot, date_floor) = ("k".to_owned(), DateFloor(None));
                Recorded::Boot(
                    at,
                    Boot { kernel_boot, system_utc: None, date_floor, checksums: Checksums::Auto, why: Vec::new() },
                )
            }
            BYTES => Recorded::Bytes(at, b"$G".to_vec()),
            TICK => Recorded::Tick(at),
            STOP => Recorded::Stop(at),
            MISSED => Recorded::Missed(at, 3),
            SOURCE => Recorded::Source(at, SourceState::Open),
            LOST => Recorded::Lost(at, Loss { ranges: [(1, 2)].into_iter().collect(), why: LossCause::Evicted }),
            FLOOR => Recorded::Floor(at, 0x0304),
            PRIVATE => Recorded::Private(at, true),
            _ => Recorded::Renumbered(at, 0x0304),
        }
    }

    #[test]
    fn each_kind_has_the_bytes_of_the_format() {
        const AT: &[u8] = &[2, 1, 0, 0, 0, 0, 0, 0];
        let literal = |kind: u8, payload: &[u8]| {
            let length = [u8::try_from(payload.len()).unwrap(), 0];
            [&[kind], AT, &length, payload].concat()
        };
        let written = |input: &Recorded| {
            let mut out = Vec::new();
            encode(input, &mut out);
            out
        };
        let payloads: [(u8, &[u8]); 10] = [
            (1, br#"{"kernel_boot":"k","system_utc":null,"date_floor":null,"why":[]}"#),
            (2, b"$G"),
            (3, b""),
            (4, b""),
            (6, &[3, 0, 0, 0, 0, 0, 0, 0]),
            (7, br#""open""#),
            (8, br#"{"ranges":[[1,2]],"why":"evicted"}"#),
            (9, &[4, 3, 0, 0, 0, 0, 0, 0]),
            (10, &[1]),
            (11, &[4, 3, 0, 0, 0, 0, 0, 0]),
        ];
        for (kind, payload) in payloads {
            let input = of_kind(kind);
            assert_eq!(written(&input), literal(kind, payload), "{input:?}");
            assert_eq!(decode(kind, Mono(0x0102), payload), Some(input));
        }
        assert_eq!(written(&Recorded::Private(Mono(0x0102), false)), literal(10, &[0]));
        let mut sealed = Vec::new();
        seal(0x0102_0304, &mut sealed);
        assert_eq!(sealed, [5, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 4, 3, 2, 1]);
    }
}
