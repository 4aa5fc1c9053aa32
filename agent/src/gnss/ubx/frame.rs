//! Finds the UBX messages that are listened for, in a stream that may hold anything else.
//!
//! Other messages are not followed: a header of a long one, made up by noise, would swallow what comes behind it. A frame that
//! turns out to be broken is searched for the start of another, so that lost bytes cost one message and not two.

use super::super::Rejected;
use super::{Kind, PAYLOAD_MAX};
use heapless::Vec;
use serde::{Deserialize, Serialize};

const SYNC: [u8; 2] = [0xb5, 0x62];
const HEADER: usize = 6;
const CHECKSUM: usize = 2;
/// What is around a payload.
pub(super) const AROUND: usize = HEADER + CHECKSUM;
const FRAME_MAX: usize = PAYLOAD_MAX + AROUND;

/// The frame that is being received, of at most `N` bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub(in super::super) struct Hunter<const N: usize = FRAME_MAX> {
    held: Vec<u8, N>,
}

/// A message whose checksum is good.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Message<'a, K = Kind> {
    pub(super) kind: K,
    pub(super) payload: &'a [u8],
}

/// Whether a frame may begin with this byte.
pub(in super::super) fn starts(byte: u8) -> bool {
    byte == SYNC[0]
}

/// What the held bytes are.
enum Look<K> {
    /// Perhaps the beginning of a frame.
    Wait,
    /// A frame of this length, good or not.
    Frame(K, usize, bool),
    /// No frame begins here.
    Nothing,
}

impl<const N: usize> Hunter<N> {
    /// Nothing is held: only a byte with which a frame begins matters.
    pub(in super::super) fn idle(&self) -> bool {
        self.held.is_empty()
    }

    /// One more byte. Hands every message that `wanted` names by class, number and length, or `BadChecksum`, to `each`. No wanted one
    /// is longer than `N`.
    pub(in super::super) fn take<K>(
        &mut self,
        byte: u8,
        wanted: impl Fn(u8, u8, usize) -> Option<K>,
        mut each: impl FnMut(Result<Message<'_, K>, Rejected>),
    ) {
        if self.idle() && !starts(byte) {
            return;
        }
        // A full frame has been looked at and taken out, so there is room.
        let _ = self.held.push(byte);
        while !self.idle() {
            match self.look(&wanted) {
                Look::Wait => return,
                Look::Frame(kind, length, true) => {
                    let payload = self.held.get(HEADER..length - CHECKSUM).unwrap_or(&[]);
                    each(Ok(Message { kind, payload }));
                    self.drop_to_start(length);
                }
                Look::Frame(_, _, false) => {
                    each(Err(Rejected::BadChecksum));
                    self.drop_to_start(1);
                }
                Look::Nothing => self.drop_to_start(1),
            }
        }
    }

    fn look<K>(&self, wanted: impl Fn(u8, u8, usize) -> Option<K>) -> Look<K> {
        let held = self.held.as_slice();
        if !SYNC.iter().zip(held).all(|(expected, byte)| expected == byte) {
            return Look::Nothing;
        }
        let &[_, _, class, id, low, high, ..] = held else { return Look::Wait };
        let length = usize::from(u16::from_le_bytes([low, high]));
        let Some(kind) = wanted(class, id, length) else { return Look::Nothing };
        let whole = HEADER + length + CHECKSUM;
        match held.get(..whole) {
            None => Look::Wait,
            Some(frame) => Look::Frame(kind, whole, checked(frame)),
        }
    }

    /// Forgets the first `count` bytes, and those after them with which no frame begins.
    fn drop_to_start(&mut self, count: usize) {
        let rest = self.held.get(count..).unwrap_or(&[]);
        let start = rest.iter().position(|byte| starts(*byte)).unwrap_or(rest.len());
        // It fits: it is a part of what was held.
        self.held = rest.get(start..).and_then(|rest| Vec::from_slice(rest).ok()).unwrap_or_default();
    }
}

/// The 8-bit Fletcher sum of RFC 1145 over everything between the sync characters and the sum.
fn checked(frame: &[u8]) -> bool {
    let Some((body, sum)) = frame.split_last_chunk::<CHECKSUM>() else { return false };
    fletcher(body.get(SYNC.len()..).unwrap_or(&[])) == *sum
}

fn fletcher(bytes: &[u8]) -> [u8; CHECKSUM] {
    bytes.iter().fold([0; CHECKSUM], |[a, b], byte| {
        let a = a.wrapping_add(*byte);
        [a, b.wrapping_add(a)]
    })
}

/// The frame of a message, of at most `N` bytes; one that is longer is empty.
pub(super) fn frame<const N: usize>(class: u8, id: u8, payload: &[u8]) -> Vec<u8, N> {
    let whole = || {
        let mut frame = Vec::from_slice(&SYNC).ok()?;
        frame.extend_from_slice(&[class, id]).ok()?;
        frame.extend_from_slice(&u16::try_from(payload.len()).ok()?.to_le_bytes()).ok()?;
        frame.extend_from_slice(payload).ok()?;
        let sum = fletcher(frame.get(SYNC.len()..)?);
        frame.extend_from_slice(&sum).ok()?;
        Some(frame)
    };
    whole().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::kind;
    use super::*;
    use proptest::prelude::*;

    fn frame(class: u8, id: u8, payload: &[u8]) -> std::vec::Vec<u8> {
        super::frame::<512>(class, id, payload).to_vec()
    }

    fn hunt(bytes: &[u8]) -> std::vec::Vec<Result<std::vec::Vec<u8>, Rejected>> {
        let (mut hunter, mut out) = (Hunter::<FRAME_MAX>::default(), std::vec::Vec::new());
        for byte in bytes {
            hunter.take(*byte, kind, |found| out.push(found.map(|message| message.payload.to_vec())));
        }
        out
    }

    #[test]
    fn a_message_is_found_between_others_and_other_messages_are_passed_by() {
        let wanted = frame(0x27, 0x09, &[1; 12]);
        let stream = [frame(0x01, 0x35, &[0xb5; 300]), wanted.clone(), b"$GPGGA".to_vec(), wanted].concat();
        assert_eq!(hunt(&stream), [Ok(vec![1; 12]), Ok(vec![1; 12])]);
    }

    #[test]
    fn the_checksum_is_the_one_that_receivers_expect() {
        // The poll of MON-VER as gpsd's ubxtool sends it.
        assert_eq!(frame(0x0a, 0x04, &[]), [0xb5, 0x62, 0x0a, 0x04, 0, 0, 0x0e, 0x34]);
        assert!(super::frame::<8>(0x0a, 0x04, &[0]).is_empty(), "no half of a frame is ever sent");
    }

    #[test]
    fn a_cut_message_does_not_take_the_next_one_with_it() {
        let whole = frame(0x01, 0x07, &[7; 92]);
        let stream = [&whole[..60], &whole[..]].concat();
        assert_eq!(hunt(&stream), [Err(Rejected::BadChecksum), Ok(vec![7; 92])]);
    }

    #[test]
    fn sync_characters_said_twice_and_a_sync_within_a_payload_do_no_harm() {
        let mut payload = [0; 92];
        payload[40..46].copy_from_slice(&[0xb5, 0x62, 0x01, 0x07, 92, 0]);
        let stream = [&[0xb5, 0xb5, 0x62][..], &frame(0x01, 0x07, &payload)].concat();
        assert_eq!(hunt(&stream), [Ok(payload.to_vec())]);
    }

    proptest! {
        #[test]
        fn noise_never_hides_the_message_behind_it(
            noise in proptest::collection::vec(prop_oneof![Just(0xb5_u8), Just(0x62), any::<u8>()], 0..300),
        ) {
            let stream = [noise, vec![0; FRAME_MAX], frame(0x27, 0x09, &[3; 4])].concat();
            let found = hunt(&stream);
            prop_assert_eq!(found.last(), Some(&Ok(vec![3; 4])));
        }
    }
}
