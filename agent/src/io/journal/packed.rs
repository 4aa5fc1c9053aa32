//! The engine's state as the journal stores it: JSON, compressed. As text it takes two pages of overflow more, written with every commit:
//! 1.7 times the bytes (docs/decisions/0002-journal.md).

use std::io::Read as _;

/// Speed counts: a commit waits for it.
const LEVEL: i32 = 1;
/// A state is 5 kB, and less than 1 kB more for each near fence.
const UNPACKED_MAX: u64 = 16 << 20;
/// What zstd begins with (RFC 8878, 3.1.1).
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// What cannot be compressed is stored as it is.
pub(super) fn pack(state: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(state, LEVEL).unwrap_or_else(|_| state.to_vec())
}

/// What cannot be unpacked comes back as it is: it is no state then, and whoever reads it says so.
pub(super) fn unpack(stored: Vec<u8>) -> Vec<u8> {
    if !stored.starts_with(ZSTD) {
        return stored;
    }
    let mut state = Vec::new();
    let read = zstd::stream::read::Decoder::with_buffer(stored.as_slice())
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
