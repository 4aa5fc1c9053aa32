//! UBX, u-blox's binary protocol: what the receiver says of its position and of its antenna, and what it is asked for.
//!
//! Frame and messages after u-blox, "M8 Receiver Description" (UBX-13003221) and "F9 HPG Interface Description"
//! (UBX-22008968): `b5 62 | class | id | length, u16 | payload | 8-bit Fletcher over class to payload`, little-endian.

pub mod configure;
mod frame;
mod message;
mod request;

pub(super) use frame::{Hunter, Message, starts};
pub(super) use message::read;

/// A message that is listened for, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Position, velocity and time with their accuracy.
    NavPvt,
    /// Antenna and jamming, up to series 8.
    MonHw,
    /// Antenna and jamming of each radio, from series 9.
    MonRf,
    /// Jamming and spoofing, from series 9.
    SecSig,
}

/// Four radios of 24 bytes behind 4 bytes of head are the longest payload that is listened for: no receiver has more than two.
const PAYLOAD_MAX: usize = 4 + 4 * 24;

/// The message that a header announces. The length is part of the name: a wrong one is no message of ours, so that 6 bytes
/// decide, and chance has one in 2^48 to look like it.
pub(super) fn kind(class: u8, id: u8, length: usize) -> Option<Kind> {
    match (class, id, length) {
        // 84 bytes up to series 7.
        (0x01, 0x07, 84 | 92) => Some(Kind::NavPvt),
        // 68 bytes in series 6, whose pins are more.
        (0x0a, 0x09, 60 | 68) => Some(Kind::MonHw),
        (0x0a, 0x38, 28 | 52 | 76 | 100) => Some(Kind::MonRf),
        // Version 1 has 12 bytes, later ones 4 and 4 for each band.
        (0x27, 0x09, 4..=PAYLOAD_MAX) if length.is_multiple_of(4) => Some(Kind::SecSig),
        _ => None,
    }
}
