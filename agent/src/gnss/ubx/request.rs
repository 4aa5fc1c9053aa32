//! What a u-blox receiver is asked for, as the bytes of one generation or the other.
//!
//! Up to series 8 each thing has a message of its own (UBX-13003221); from protocol 27 on, series 9, everything is a key and its value
//! (UBX-22008968, "Configuration interface"; keys of other series are the same numbers, as far as a receiver has them). A whole
//! VALSET is refused for one unknown key, so each wish is a request of its own.
//!
//! Only the working memory is written: a power cycle brings back what the owner has set. The port's speed and its protocols
//! are never touched, nothing is reset, nothing is saved.

use super::frame::{AROUND, frame};
use heapless::Vec;
use serde::Serialize;

/// CFG-NAV5 is the longest that is sent.
const PAYLOAD_MAX: usize = 36;
/// A frame as it goes on the line.
pub type Request = Vec<u8, { PAYLOAD_MAX + AROUND }>;

/// The receiver solves as often as this at least, ms.
pub(super) const PERIOD_MS: u32 = 1_000;
/// Messages about antenna and sky come with each fifth solution: the ledger dates nothing by them to the second.
const EACH_FIFTH: u8 = 5;
/// dynModel "automotive" of CFG-NAV5 and CFG-NAVSPG-DYNMODEL.
const AUTOMOTIVE: u8 = 4;

/// What the receiver is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// A solution every second; a faster receiver is left as it is.
    Rate,
    /// NAV-PVT: position with the receiver's own estimate of its accuracy.
    NavPvt,
    /// Never hold the position of a truck that creeps: a creep through a gate is one.
    StaticHoldOff,
    /// It is on a road vehicle.
    Automotive,
    /// MON-HW or MON-RF: the state of the antenna, and of interference where it is looked for.
    Antenna,
    /// Looks for interference.
    Interference,
    /// SEC-SIG: jamming and spoofing.
    SecSig,
}

impl Wish {
    /// In the order in which they are asked for: what a stamp needs first.
    pub(super) const ALL: [Self; 7] = [
        Self::Rate,
        Self::NavPvt,
        Self::StaticHoldOff,
        Self::Automotive,
        Self::Antenna,
        Self::Interference,
        Self::SecSig,
    ];

    /// What it adds to the line, bytes a second, at a solution every `period_ms`. A radio has 24 bytes in MON-RF; receivers have one or two.
    pub(super) fn load(self, period_ms: u32) -> u32 {
        let per_solution = match self {
            Self::NavPvt => 92 + AROUND,
            Self::Antenna => (4 + 2 * 24 + AROUND).div_ceil(EACH_FIFTH.into()),
            Self::SecSig => (12 + AROUND).div_ceil(EACH_FIFTH.into()),
            Self::Rate | Self::StaticHoldOff | Self::Automotive | Self::Interference => 0,
        };
        u32::try_from(per_solution).unwrap_or(u32::MAX).saturating_mul(1_000) / period_ms.max(1)
    }
}

/// The receiver's own port at which we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    Uart1,
    Uart2,
    Usb,
}

/// Which of the two languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Generation {
    /// Messages, up to series 8.
    Messages,
    /// Keys, from protocol 27 on.
    Keys,
}

/// How often it solves: the measurements' period, solutions in so many of them, and by which system's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) measure_ms: u16,
    pub(super) each: u16,
    pub(super) reference: u16,
}

impl Rate {
    pub(super) fn period_ms(self) -> u32 {
        u32::from(self.measure_ms).saturating_mul(u32::from(self.each.max(1)))
    }
}

/// Class and number, by which an answer names what it answers.
pub(super) type Name = [u8; 2];

const CFG_MSG: Name = [0x06, 0x01];
const CFG_RATE: Name = [0x06, 0x08];
const CFG_NAV5: Name = [0x06, 0x24];
const CFG_ITFM: Name = [0x06, 0x39];
const CFG_VALSET: Name = [0x06, 0x8a];
const CFG_VALGET: Name = [0x06, 0x8b];
pub(super) const MON_VER: Name = [0x0a, 0x04];

pub(super) const RATE_MEAS: u32 = 0x3021_0001;
pub(super) const RATE_NAV: u32 = 0x3021_0002;
const DYNMODEL: u32 = 0x2011_0021;
const HOLD_SPEED: u32 = 0x2025_0038;
const HOLD_DISTANCE: u32 = 0x3025_003b;
const ITFM_ENABLE: u32 = 0x1041_000d;
/// Output on the first UART; the second is one on, USB two on.
const MSGOUT_NAV_PVT: u32 = 0x2091_0007;
const MSGOUT_MON_RF: u32 = 0x2091_035a;
const MSGOUT_SEC_SIG: u32 = 0x2091_0635;

/// Which receiver is it?
pub(super) fn version() -> Request {
    frame(MON_VER[0], MON_VER[1], &[])
}

/// How often does it solve? With the name of the answer.
pub(super) fn rate(generation: Generation) -> (Name, Request) {
    match generation {
        Generation::Messages => (CFG_RATE, named(CFG_RATE, &[])),
        // Version 0; layer 0, the working memory; from the first key on.
        Generation::Keys => {
            (CFG_VALGET, named(CFG_VALGET, &[[0; 4], RATE_MEAS.to_le_bytes(), RATE_NAV.to_le_bytes()].concat()))
        }
    }
}

/// What is sent for a wish, and what the answer will name. `None`: this generation does not have it.
pub(super) fn wish(wish: Wish, generation: Generation, port: Port, reference: u16) -> Option<(Name, Request)> {
    Some(match generation {
        Generation::Messages => {
            let (name, payload) = message(wish, reference)?;
            (name, named(name, &payload))
        }
        Generation::Keys => (CFG_VALSET, named(CFG_VALSET, &keys(wish, port))),
    })
}

fn named(name: Name, payload: &[u8]) -> Request {
    frame(name[0], name[1], payload)
}

/// CFG-MSG with three bytes is about the port at which it comes in.
fn message(wish: Wish, reference: u16) -> Option<(Name, Vec<u8, PAYLOAD_MAX>)> {
    let (name, payload): (Name, &[u8]) = match wish {
        Wish::Rate => {
            let [low, high] = reference.to_le_bytes();
            let [period_low, period_high, ..] = PERIOD_MS.to_le_bytes();
            (CFG_RATE, &[period_low, period_high, 1, 0, low, high])
        }
        Wish::NavPvt => (CFG_MSG, &[0x01, 0x07, 1]),
        Wish::Antenna => (CFG_MSG, &[0x0a, 0x09, EACH_FIFTH]),
        Wish::SecSig => return None,
        // Bit 6 of the mask: the thresholds of static hold alone are taken over, and both are zero.
        Wish::StaticHoldOff => (CFG_NAV5, &[0b100_0000]),
        // Bit 0: the model alone.
        Wish::Automotive => (CFG_NAV5, &[1, 0, AUTOMOTIVE]),
        // Enabled, with the thresholds and the fixed bits of the factory.
        Wish::Interference => (CFG_ITFM, &[0xf3, 0xac, 0x62, 0xad, 0x1e, 0x03, 0, 0]),
    };
    let mut payload = Vec::from_slice(payload).ok()?;
    if name == CFG_NAV5 {
        payload.resize_default(36).ok()?;
    }
    Some((name, payload))
}

fn keys(wish: Wish, port: Port) -> Vec<u8, PAYLOAD_MAX> {
    let here = match port {
        Port::Uart1 => 0,
        Port::Uart2 => 1,
        Port::Usb => 2,
    };
    let [period_low, period_high, ..] = PERIOD_MS.to_le_bytes();
    let pairs: &[(u32, &[u8])] = match wish {
        Wish::Rate => &[(RATE_MEAS, &[period_low, period_high]), (RATE_NAV, &[1, 0])],
        Wish::NavPvt => &[(MSGOUT_NAV_PVT + here, &[1])],
        Wish::Antenna => &[(MSGOUT_MON_RF + here, &[EACH_FIFTH])],
        Wish::SecSig => &[(MSGOUT_SEC_SIG + here, &[EACH_FIFTH])],
        Wish::StaticHoldOff => &[(HOLD_SPEED, &[0]), (HOLD_DISTANCE, &[0, 0])],
        Wish::Automotive => &[(DYNMODEL, &[AUTOMOTIVE])],
        Wish::Interference => &[(ITFM_ENABLE, &[1])],
    };
    // Version 0; bit 0 of the layers is the working memory, and no other is named.
    let head: &[u8] = &[0, 1, 0, 0];
    let parts = pairs.iter().flat_map(|(key, value)| key.to_le_bytes().into_iter().chain(value.iter().copied()));
    head.iter().copied().chain(parts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(request: &Request) -> &[u8] {
        &request[6..request.len() - 2]
    }

    fn requests() -> impl Iterator<Item = (Name, Request)> {
        [Generation::Messages, Generation::Keys].into_iter().flat_map(|generation| {
            let ports = [Port::Uart1, Port::Uart2, Port::Usb].into_iter();
            let wishes =
                ports.flat_map(move |port| Wish::ALL.iter().filter_map(move |w| wish(*w, generation, port, 1)));
            wishes.chain([rate(generation)])
        })
    }

    #[test]
    fn speed_protocols_reset_and_saving_are_never_in_what_is_sent() {
        // CFG-PRT, CFG-RST, CFG-CFG, CFG-INF; and the groups UART1, UART2, USB with their protocols (0x52 to 0x78).
        for ([class, id], request) in requests() {
            assert!(!request.is_empty() && class == 0x06 && ![0x00, 0x02, 0x04, 0x09].contains(&id), "{request:x?}");
            if [class, id] == CFG_VALSET {
                let payload = payload(&request);
                assert_eq!(payload[..4], [0, 1, 0, 0], "the working memory alone");
                assert!(!(0x52..=0x78).contains(&payload[6]), "{payload:x?}");
            }
        }
    }

    #[test]
    fn a_key_comes_with_as_many_bytes_as_its_number_says() {
        for (_, request) in requests().filter(|(name, _)| *name == CFG_VALSET) {
            let mut rest = &payload(&request)[4..];
            while !rest.is_empty() {
                let size = match rest[3] >> 4 {
                    1 | 2 => 1,
                    3 => 2,
                    other => panic!("size {other}"),
                };
                rest = &rest[4 + size..];
            }
        }
    }

    #[test]
    fn each_wish_of_series_8_changes_nothing_beside_it() {
        let sent =
            |w| wish(w, Generation::Messages, Port::Uart1, 1).map(|(name, request)| (name, payload(&request).to_vec()));
        let nav5 = |head: &[u8]| {
            let mut payload = head.to_vec();
            payload.resize(36, 0);
            Some((CFG_NAV5, payload))
        };
        assert_eq!(sent(Wish::StaticHoldOff), nav5(&[0x40]));
        assert_eq!(sent(Wish::Automotive), nav5(&[1, 0, 4]));
        assert_eq!(sent(Wish::Rate), Some((CFG_RATE, vec![0xe8, 0x03, 1, 0, 1, 0])));
        assert_eq!(sent(Wish::SecSig), None);
    }

    #[test]
    fn a_message_is_ordered_at_the_port_where_it_is_listened_for() {
        let key = |w, port| payload(&wish(w, Generation::Keys, port, 1).unwrap().1)[4..].to_vec();
        assert_eq!(key(Wish::NavPvt, Port::Uart1), [0x07, 0, 0x91, 0x20, 1]);
        assert_eq!(key(Wish::NavPvt, Port::Usb), [0x09, 0, 0x91, 0x20, 1]);
        assert_eq!(key(Wish::Antenna, Port::Uart2), [0x5b, 0x03, 0x91, 0x20, 5]);
        assert_eq!(key(Wish::SecSig, Port::Usb), [0x37, 0x06, 0x91, 0x20, 5]);
    }
}
