//! The engine's state as the journal stores it: JSON, compressed against a typical one. Most of a state is names of fields; so it takes
//! 0.6 kB instead of 5, and fits into one small page, which is written with every commit (docs/decisions/0002-journal.md).

use std::io::Read as _;

/// Speed counts: a commit waits for it.
const LEVEL: i32 = 1;
/// A state is 5 kB, and less than 1 kB more for each near fence.
const UNPACKED_MAX: u64 = 16 << 20;
/// What zstd begins with (RFC 8878, 3.1.1).
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// What stands before a state that is compressed against [`TYPICAL`]. Another text needs another byte, and this one for ever.
const AGAINST_TYPICAL: u8 = 1;
/// A state of a truck at a yard, in a simulation. Never changed: what is stored can be read only with the same bytes.
const TYPICAL: &[u8] = include_bytes!("typical-state.json");

/// What cannot be compressed is stored as it is.
pub(super) fn pack(state: &[u8]) -> Vec<u8> {
    let packed = zstd::bulk::Compressor::with_dictionary(LEVEL, TYPICAL).and_then(|mut packer| packer.compress(state));
    packed.map_or_else(|_| state.to_vec(), |packed| [&[AGAINST_TYPICAL], packed.as_slice()].concat())
}

/// What cannot be unpacked comes back as it is: it is no state then, and whoever reads it says so.
pub(super) fn unpack(stored: Vec<u8>) -> Vec<u8> {
    let (packed, dictionary) = match stored.split_first() {
        Some((&AGAINST_TYPICAL, packed)) => (packed, TYPICAL),
        Some(_) if stored.starts_with(ZSTD) => (stored.as_slice(), [].as_slice()),
        Some(_) | None => return stored,
    };
    let mut state = Vec::new();
    let read = zstd::stream::read::Decoder::with_dictionary(packed, dictionary)
        .and_then(|decoder| decoder.take(UNPACKED_MAX).read_to_end(&mut state));
    if read.is_ok() { state } else { stored }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_comes_back_as_it_was_and_takes_less_room() {
        let state = br#"{"sequence":7,"boots":1,"remembered":[],"reception":{"counts":{}}}"#.repeat(60);
        let stored = pack(&state);
        assert!(stored.len() < state.len() / 4);
        assert_eq!(unpack(stored), state);
        assert_eq!(unpack(state.clone()), state, "as text");
        assert_eq!(unpack(pack(b"")), b"");
        assert_eq!(unpack(zstd::bulk::compress(&state, LEVEL).expect("memory")), state, "without the typical one");
    }

    #[test]
    fn the_state_of_another_truck_takes_less_than_a_kilobyte() {
        let typical = String::from_utf8(TYPICAL.to_vec()).expect("JSON");
        // Other digits in the same fields.
        let other: String = typical
            .chars()
            .map(|c| c.to_digit(10).map_or(c, |d| char::from(b'0' + ((d * 7 + 3) % 10) as u8)))
            .collect();
        let stored = pack(other.as_bytes());
        assert!(stored.len() < 1_400, "{}", stored.len());
        assert_eq!(unpack(stored), other.as_bytes());
    }

    #[test]
    fn what_was_stored_once_is_read_for_ever() {
        assert_eq!(
            (TYPICAL.len(), crc32fast::hash(TYPICAL)),
            (4_876, 2_501_561_827),
            "the text may not change: add another one"
        );
    }

    #[test]
    fn what_is_torn_is_no_state_and_no_end_of_the_agent() {
        let stored = pack(&b"{\"sequence\":7}".repeat(100));
        for length in 0..stored.len() {
            let torn = stored[..length].to_vec();
            assert_eq!(unpack(torn.clone()), torn, "{length}");
        }
        // Four gigabytes of zeros in some hundred bytes must not be believed: cut, they are no JSON.
        let hostile = pack(&vec![0; 32 << 20]);
        assert!(unpack(hostile).len() as u64 <= UNPACKED_MAX);
    }
}
