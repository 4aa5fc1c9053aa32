//! Bytes to sentences: finds every complete, checksummed sentence in a stream that may hold anything else.
//!
//! Fed byte by byte, so any split of the stream into reads gives the same sentences. A sentence begins at `$` or `!`,
//! wherever that stands, and is complete at the second checksum digit; no line end is needed. "Any time we see an
//! unexpected character, go to the ground state, because another good packet will be along" (gpsd, `packet.c`).

use super::Rejected;
use heapless::Vec;
use serde::{Deserialize, Serialize};

/// Longest sentence kept. NMEA 0183 allows 82; real receivers send up to about 130 (PQGSV, GNGST with many digits).
pub(super) const SENTENCE_MAX: usize = 255;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
enum State {
    #[default]
    Ground,
    Body,
    FirstDigit,
    SecondDigit,
}

/// The sentence that is being received.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub(super) struct Framer {
    state: State,
    held: Vec<u8, SENTENCE_MAX>,
}

impl Framer {
    /// Hands every sentence, from its `$` to its second checksum digit, or the reason why there is none, to `each`.
    pub(super) fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Result<&str, Rejected>)) {
        for &byte in bytes {
            match self.take(byte) {
                None => {}
                Some(Err(reason)) => each(Err(reason)),
                Some(Ok(())) => each(self.checked()),
            }
        }
    }

    /// `Some(Ok)`: the sentence in `held` is complete.
    fn take(&mut self, byte: u8) -> Option<Result<(), Rejected>> {
        if byte == b'$' || byte == b'!' {
            // `$$` is one start said twice, not a cut sentence.
            let cut = self.state != State::Ground && self.held.len() > 1;
            self.begin(byte);
            return cut.then_some(Err(Rejected::Cut));
        }
        match self.state {
            State::Ground => None,
            State::Body => self.body(byte),
            State::FirstDigit => self.digit(byte, State::SecondDigit),
            State::SecondDigit => self.digit(byte, State::Ground),
        }
    }

    fn begin(&mut self, byte: u8) {
        self.held.clear();
        // An empty buffer has room for one byte.
        let _ = self.held.push(byte);
        self.state = State::Body;
    }

    fn body(&mut self, byte: u8) -> Option<Result<(), Rejected>> {
        match byte {
            b'\r' | b'\n' => self.give_up(Rejected::NoChecksum),
            0x20..=0x7e => {
                if byte == b'*' {
                    self.state = State::FirstDigit;
                }
                self.hold(byte)
            }
            _ => self.give_up(Rejected::NotText),
        }
    }

    fn digit(&mut self, byte: u8, next: State) -> Option<Result<(), Rejected>> {
        if !byte.is_ascii_hexdigit() {
            return self.give_up(Rejected::BadChecksum);
        }
        self.state = next;
        let full = self.hold(byte);
        if full.is_some() {
            return full;
        }
        (next == State::Ground).then_some(Ok(()))
    }

    fn hold(&mut self, byte: u8) -> Option<Result<(), Rejected>> {
        match self.held.push(byte) {
            Ok(()) => None,
            Err(_) => self.give_up(Rejected::TooLong),
        }
    }

    fn give_up(&mut self, reason: Rejected) -> Option<Result<(), Rejected>> {
        self.state = State::Ground;
        Some(Err(reason))
    }

    fn checked(&self) -> Result<&str, Rejected> {
        let text = core::str::from_utf8(&self.held).map_err(|_| Rejected::NotText)?;
        let (body, digits) = text.get(1..).and_then(|rest| rest.rsplit_once('*')).ok_or(Rejected::NoChecksum)?;
        let sum = body.bytes().fold(0, |sum, byte| sum ^ byte);
        let stated = u8::from_str_radix(digits, 16).map_err(|_| Rejected::BadChecksum)?;
        (sum == stated).then_some(text).ok_or(Rejected::BadChecksum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GLL: &str = "$GPGLL,4916.45,N,12311.12,W,225444,A*31";

    fn frame(chunks: &[&[u8]]) -> std::vec::Vec<Result<String, Rejected>> {
        let (mut framer, mut out) = (Framer::default(), std::vec::Vec::new());
        for chunk in chunks {
            framer.feed(chunk, |framed| out.push(framed.map(str::to_owned)));
        }
        out
    }

    #[test]
    fn a_sentence_needs_no_line_end_and_survives_what_stands_around_it() {
        let cases: [&[u8]; 4] = [b"", b"\0\0\0\0", b"\xb5\x62\x01\x07\x5c\x00", b"45,N*"];
        for before in cases {
            assert_eq!(frame(&[before, GLL.as_bytes()]), [Ok(GLL.to_owned())]);
        }
    }

    #[test]
    fn two_dollars_are_one_start() {
        assert_eq!(frame(&[b"$", GLL.as_bytes()]), [Ok(GLL.to_owned())]);
    }

    #[test]
    fn glued_and_cut_sentences_resynchronise_at_the_dollar() {
        let (head, _) = GLL.split_at(20);
        let stream = format!("{head}{GLL}{GLL}");
        let whole = || Ok(GLL.to_owned());
        assert_eq!(frame(&[stream.as_bytes()]), [Err(Rejected::Cut), whole(), whole()]);
    }

    #[test]
    fn lowercase_checksums_are_good_and_wrong_ones_are_not() {
        // The sum of "GPTXT,helld" is 0x0A.
        assert_eq!(frame(&[b"$GPTXT,helld*0a"]), [Ok("$GPTXT,helld*0a".to_owned())]);
        assert_eq!(frame(&[b"$GPTXT,helld*0b"]), [Err(Rejected::BadChecksum)]);
    }

    #[test]
    fn an_endless_sentence_is_given_up() {
        let endless = vec![b'A'; 1_000];
        assert_eq!(frame(&[b"$", &endless]), [Err(Rejected::TooLong)]);
    }

    #[test]
    fn a_line_without_checksum_is_refused() {
        assert_eq!(frame(&[b"$GPGGA,1,2,3\r\n"]), [Err(Rejected::NoChecksum)]);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_sentences(
            noise in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..240,
        ) {
            let mut stream = noise;
            stream.extend_from_slice(GLL.as_bytes());
            let cut = cut.min(stream.len());
            let (a, b) = stream.split_at(cut);
            prop_assert_eq!(frame(&[a, b]), frame(&[&stream]));
        }
    }
}
