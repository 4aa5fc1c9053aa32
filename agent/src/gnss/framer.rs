//! Bytes to sentences and binary messages: finds every complete, checksummed one in a stream that may hold anything else.
//!
//! Any split of the stream into reads gives the same result. A sentence begins at `$` or `!`, wherever that stands, and is
//! complete at the second checksum digit; no line end is needed. "Any time we see an unexpected character, go to the ground
//! state, because another good packet will be along" (gpsd, `packet.c`). Sentences and UBX frames are looked for side by side,
//! each as if the other were noise: a false header of a binary frame can hide no sentence.

use super::ubx::{self, Hunter};
use super::{Rejected, sentence};
use heapless::Vec;
use serde::{Deserialize, Serialize};

/// Longest sentence kept. NMEA 0183 allows 82; real receivers send up to about 130 (PQGSV, GNGST with many digits).
pub(super) const SENTENCE_MAX: usize = 255;
/// So many lines without a checksum, and never a checksum, prove a receiver that has none. Ten seconds of a chatty one: by then a
/// receiver that has them has shown one, be the line ever so bad.
const UNCHECKED_LINES: u8 = 100;
/// Of a receiver that was proven before, so many plain sentences in a row show that it is still the same.
const PLAIN_AGAIN: u8 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
enum State {
    #[default]
    Ground,
    Body,
    FirstDigit,
    SecondDigit,
}

/// What `gnss.checksum` says. Kept with the recording, since fixes depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Checksums {
    /// A receiver that never sends one is believed without.
    #[default]
    Auto,
    /// What has none is never believed.
    Required,
}

impl Checksums {
    /// What holds where nothing is written.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Something whole.
#[derive(Debug, Clone, Copy)]
pub(super) enum Frame<'a> {
    /// From its `$` to its second checksum digit.
    Sentence(&'a str),
    /// A binary message.
    Ubx(ubx::Message<'a>),
}

/// What is being received.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub(super) struct Framer {
    state: State,
    held: Vec<u8, SENTENCE_MAX>,
    /// The sum over the body so far.
    sum: u8,
    ubx: Hunter,
    /// Lines without a checksum, while there has not been any.
    unchecked: u8,
    /// A checksum was seen, good or bad.
    checks: bool,
    /// Plain sentences without a checksum, in a row until they are enough.
    plain: u8,
    /// This receiver sends no checksums: that was proven, now or before the source was opened.
    bare: bool,
    /// What has none is never believed.
    required: bool,
}

/// Bytes of a sentence's body that end nothing and begin nothing: text, but for `$`, `!` and `*`.
#[allow(clippy::indexing_slicing, reason = "in a constant it would not compile")]
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20_u8;
    while byte < 0x7f {
        plain[byte as usize] = !matches!(byte, b'$' | b'!' | b'*');
        byte += 1;
    }
    plain
};

impl Framer {
    /// One to which only a checksum makes a sentence, however many lines come without.
    pub(super) fn strict() -> Self {
        Self { required: true, ..Self::default() }
    }

    /// What comes is the beginning of another stream, though most likely of the same receiver.
    pub(super) fn restart(&mut self) {
        *self = Self { bare: self.bare, required: self.required, ..Self::default() };
    }

    /// Whether sentences without a checksum may ever be believed.
    pub(super) fn set_checksums(&mut self, checksums: Checksums) {
        self.required = checksums == Checksums::Required;
    }

    /// Plain sentences of a satellite receiver without a checksum, in a row until they are so many that they prove something.
    pub(super) fn plain(&self) -> u8 {
        self.plain
    }

    /// Hands every frame, or the reason why there is none, to `each`.
    pub(super) fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Result<Frame<'_>, Rejected>)) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.ubx.idle() {
                let run = self.run(rest);
                if let Some(behind) = rest.get(run..).filter(|_| run > 0) {
                    rest = behind;
                    continue;
                }
            }
            rest = after;
            if !self.ubx.idle() || ubx::starts(byte) {
                self.ubx.take(byte, ubx::kind, |found| each(found.map(Frame::Ubx)));
            }
            match self.take(byte) {
                None => {}
                Some(Err(reason)) => each(Err(reason)),
                Some(Ok(())) => match core::str::from_utf8(&self.held) {
                    Ok(text) => each(Ok(Frame::Sentence(text))),
                    Err(_) => each(Err(Rejected::NotText)),
                },
            }
        }
    }

    /// Takes as many bytes as change nothing but what is held, and tells how many these are.
    fn run(&mut self, bytes: &[u8]) -> usize {
        match self.state {
            State::Ground => {
                bytes.iter().position(|&b| matches!(b, b'$' | b'!') || ubx::starts(b)).unwrap_or(bytes.len())
            }
            State::Body => {
                let room = SENTENCE_MAX - self.held.len();
                let (mut run, mut sum) = (0, self.sum);
                for &byte in bytes.get(..room).unwrap_or(bytes) {
                    if PLAIN.get(usize::from(byte)) != Some(&true) {
                        break;
                    }
                    sum ^= byte;
                    run += 1;
                }
                self.sum = sum;
                // There is room: it was asked for.
                let _ = self.held.extend_from_slice(bytes.get(..run).unwrap_or(&[]));
                run
            }
            State::FirstDigit | State::SecondDigit => 0,
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
        self.sum = 0;
        self.state = State::Body;
    }

    fn body(&mut self, byte: u8) -> Option<Result<(), Rejected>> {
        match byte {
            b'\r' | b'\n' => self.line_without_checksum(),
            b'*' => {
                self.state = State::FirstDigit;
                self.hold(byte)
            }
            0x20..=0x7e => {
                self.sum ^= byte;
                self.hold(byte)
            }
            _ => self.give_up(Rejected::NotText),
        }
    }

    /// Refused, unless this receiver has never sent a checksum at all.
    fn line_without_checksum(&mut self) -> Option<Result<(), Rejected>> {
        self.plain = self.plain.saturating_add(u8::from(sentence::is_plain(&self.held)));
        if self.checks || self.required {
            return self.give_up(Rejected::NoChecksum);
        }
        self.unchecked = self.unchecked.saturating_add(1);
        let known = self.bare && self.plain > PLAIN_AGAIN;
        if !known && self.unchecked <= UNCHECKED_LINES {
            return self.give_up(Rejected::NoChecksum);
        }
        self.bare = true;
        self.state = State::Ground;
        Some(Ok(()))
    }

    fn digit(&mut self, byte: u8, next: State) -> Option<Result<(), Rejected>> {
        if !byte.is_ascii_hexdigit() {
            return self.give_up(Rejected::BadChecksum);
        }
        self.state = next;
        let full = self.hold(byte);
        if full.is_some() || next != State::Ground {
            return full;
        }
        let stated = self
            .held
            .last_chunk()
            .and_then(|digits: &[u8; 2]| u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok());
        if stated == Some(self.sum) {
            (self.checks, self.bare, self.plain) = (true, false, 0);
            return Some(Ok(()));
        }
        // One flipped bit makes an asterisk of a decimal point: of a receiver that has none this proves nothing.
        self.checks |= !self.bare;
        self.give_up(Rejected::BadChecksum)
    }

    fn hold(&mut self, byte: u8) -> Option<Result<(), Rejected>> {
        match self.held.push(byte) {
            Ok(()) => None,
            Err(_) => self.give_up(Rejected::TooLong),
        }
    }

    fn give_up(&mut self, reason: Rejected) -> Option<Result<(), Rejected>> {
        self.state = State::Ground;
        if reason != Rejected::NoChecksum && self.plain <= PLAIN_AGAIN {
            self.plain = 0;
        }
        Some(Err(reason))
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
            framer.feed(chunk, |framed| {
                out.push(framed.map(|frame| match frame {
                    Frame::Sentence(text) => text.to_owned(),
                    Frame::Ubx(_) => "ubx".to_owned(),
                }));
            });
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

    #[test]
    fn only_a_receiver_that_never_sends_a_checksum_is_believed_without() {
        let lines = |count: usize| "$GPGGA,1,2,3\r\n".repeat(count);
        let good = |stream: String| frame(&[stream.as_bytes()]).into_iter().filter(Result::is_ok).count();
        assert_eq!(good(lines(usize::from(UNCHECKED_LINES))), 0);
        assert_eq!(good(lines(usize::from(UNCHECKED_LINES) + 5)), 5);
        assert_eq!(good(format!("{GLL}{}", lines(200))), 1, "one checksum, and all must have them");
        assert_eq!(good(format!("$GPGGA,1*00\r\n{}", lines(200))), 0, "a wrong one too");
    }

    #[test]
    fn a_binary_message_and_a_sentence_inside_each_other_are_both_found() {
        let ubx = [0xb5, 0x62, 0x27, 0x09, 4, 0, 2, 0, 0, 0, 0x36, 0x97];
        let (head, tail) = GLL.split_at(20);
        let glued = [&ubx[..], GLL.as_bytes(), &ubx].concat();
        assert_eq!(frame(&[&glued]), [Ok("ubx".to_owned()), Ok(GLL.to_owned()), Ok("ubx".to_owned())]);
        let false_header = [&ubx[..7], head.as_bytes(), tail.as_bytes()].concat();
        assert!(frame(&[&false_header]).contains(&Ok(GLL.to_owned())));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_sentences(
            noise in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'$'), Just(b'*'), Just(b'A'), Just(0xb5)], 0..600),
            cut in 0_usize..640,
        ) {
            let mut stream = noise;
            stream.extend_from_slice(GLL.as_bytes());
            let cut = cut.min(stream.len());
            let (a, b) = stream.split_at(cut);
            prop_assert_eq!(frame(&[a, b]), frame(&[&stream]));
        }
    }
}
