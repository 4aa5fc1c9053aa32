//! How does a u-blox receiver answer who configures it?
//!
//! Beside its sentences it speaks UBX, as u-blox describes it ("M8 Receiver Description", UBX-13003221; "F9 HPG Interface
//! Description", UBX-22008968): it acknowledges what it takes over and what it does not, forgets everything when it is reset, and
//! says NAV-PVT once it was told to. Written from these descriptions, without any code of the agent.

use std::collections::BTreeMap;

use crate::sentences::{sentences, time_of_day_ms};

/// Which series, and what it does with what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Character {
    /// Series 8: messages; has no keys and does not know them.
    Series8,
    /// Series 10: keys alone.
    Series10,
    /// Tells what it is, and refuses everything else.
    Refusing,
    /// Takes everything, and answers each request with half a frame of garbage.
    Garbling,
}

/// A receiver and what it was told.
#[derive(Debug)]
pub struct Ublox {
    character: Character,
    /// Values by key; of messages by their class and number, and the first byte of what they are about.
    set: BTreeMap<u32, Vec<u8>>,
    /// Of what came in, what is not whole yet.
    held: Vec<u8>,
    /// Class, number and payload of everything that came in.
    pub asked: Vec<(u8, u8, Vec<u8>)>,
    /// Radius of the position's accuracy that NAV-PVT tells, mm.
    accuracy_mm: u32,
}

const ACK: u8 = 1;
const NAK: u8 = 0;

/// A frame of these.
#[must_use]
pub fn frame(class: u8, id: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX).to_le_bytes();
    let body = [&[class, id], &length[..], payload].concat();
    let (mut a, mut b) = (0_u8, 0_u8);
    for byte in &body {
        a = a.wrapping_add(*byte);
        b = b.wrapping_add(a);
    }
    [&[0xb5, 0x62], body.as_slice(), &[a, b]].concat()
}

impl Ublox {
    /// As it comes out of its box, or after a power cycle.
    #[must_use]
    pub fn new(character: Character, accuracy_mm: u32) -> Self {
        Self { character, set: BTreeMap::new(), held: Vec::new(), asked: Vec::new(), accuracy_mm }
    }

    /// Power gone and back: what was only in its memory is lost.
    pub fn reset(&mut self) {
        self.set.clear();
        self.held.clear();
    }

    /// Whether something is set under this key, or for this message: class, number, and first byte of the payload in the lowest ones.
    #[must_use]
    pub fn is_set(&self, key: u32) -> bool {
        self.set.contains_key(&key)
    }

    /// What came in on its line; what it answers.
    pub fn hear(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let mut answers = Vec::new();
        while let Some((class, id, payload)) = self.next_frame() {
            answers.extend(self.answer(class, id, &payload));
            self.asked.push((class, id, payload));
        }
        answers
    }

    /// What it says at one instant: the sentences, and the messages that it was told to say.
    #[must_use]
    pub fn epoch(&self, sentences: &[u8]) -> Vec<u8> {
        let mut said = sentences.to_vec();
        if self.is_set(0x2091_0007) || self.is_set(0x0001_0701) {
            said.extend(self.nav_pvt(sentences));
        }
        if self.is_set(0x2091_035a) {
            said.extend(frame(0x0a, 0x38, &[&[0, 1, 0, 0, 0, 1, 2, 1], &[0; 20][..]].concat()));
        }
        if self.is_set(0x000a_0901) {
            let mut payload = [0; 60];
            (payload[20], payload[22]) = (2, 1 << 2);
            said.extend(frame(0x0a, 0x09, &payload));
        }
        said
    }

    fn next_frame(&mut self) -> Option<(u8, u8, Vec<u8>)> {
        loop {
            let start = self.held.windows(2).position(|two| two == [0xb5, 0x62])?;
            self.held.drain(..start);
            let &[_, _, class, id, low, high, ..] = self.held.as_slice() else { return None };
            let whole = 8 + usize::from(u16::from_le_bytes([low, high]));
            if whole > 512 {
                self.held.drain(..2);
                continue;
            }
            let payload = self.held.get(..whole)?.get(6..whole - 2)?.to_vec();
            if self.held.get(..whole) == Some(&frame(class, id, &payload)) {
                self.held.drain(..whole);
                return Some((class, id, payload));
            }
            self.held.drain(..2);
        }
    }

    fn answer(&mut self, class: u8, id: u8, payload: &[u8]) -> Vec<u8> {
        if self.character == Character::Garbling {
            let mut half = frame(0x05, ACK, &[class, id]);
            half.truncate(6);
            return [half, vec![0xb5, 0x62, 0x05, 0x01, 0x02, 0x00, class, id, 0xff, 0xff, b'$', 0]].concat();
        }
        let about = [class, id];
        if about == [0x0a, 0x04] && payload.is_empty() {
            return self.version();
        }
        let taken = match self.character {
            Character::Series8 => self.message(about, payload),
            Character::Series10 => self.keys(about, payload),
            Character::Refusing | Character::Garbling => None,
        };
        match taken {
            Some(data) => [data, frame(0x05, ACK, &about)].concat(),
            None => frame(0x05, NAK, &about),
        }
    }

    fn version(&self) -> Vec<u8> {
        let protocol: &[u8] = match self.character {
            Character::Series8 | Character::Refusing => b"PROTVER=18.00",
            Character::Series10 | Character::Garbling => b"PROTVER=34.10",
        };
        let padded =
            |text: &[u8], length: usize| text.iter().copied().chain(std::iter::repeat(0)).take(length).collect();
        let payload: [Vec<u8>; 3] = [padded(b"ROM BASE", 40), padded(b"FWVER=SPG", 30), padded(protocol, 30)];
        frame(0x0a, 0x04, &payload.concat())
    }

    /// What a poll gives, or nothing where something was set; `None`: refused.
    fn message(&mut self, about: [u8; 2], payload: &[u8]) -> Option<Vec<u8>> {
        match (about, payload) {
            ([0x06, 0x08], []) => Some(frame(0x06, 0x08, &[0xe8, 0x03, 1, 0, 1, 0])),
            ([0x06, 0x01], &[class, id, rate]) => {
                let key = u32::from_be_bytes([0, class, id, 1]);
                let _ = if rate > 0 { self.set.insert(key, vec![rate]) } else { self.set.remove(&key) };
                Some(Vec::new())
            }
            ([0x06, 0x24], &[mask, ..]) if payload.len() == 36 => {
                self.set.insert(u32::from_be_bytes([0, 0x06, 0x24, mask]), payload.to_vec());
                Some(Vec::new())
            }
            ([0x06, 0x39], _) if payload.len() == 8 => Some(Vec::new()),
            _ => None,
        }
    }

    fn keys(&mut self, about: [u8; 2], payload: &[u8]) -> Option<Vec<u8>> {
        match (about, payload) {
            ([0x06, 0x8b], [0, 0, 0, 0, _, ..]) => {
                Some(frame(0x06, 0x8b, &[1, 0, 0, 0, 1, 0, 0x21, 0x30, 0xe8, 0x03, 2, 0, 0x21, 0x30, 1, 0]))
            }
            ([0x06, 0x8a], [0, 1, 0, 0, pairs @ ..]) => {
                let mut rest = pairs;
                while let [a, b, c, d, values @ ..] = rest {
                    let size = match d >> 4 {
                        1 | 2 => 1,
                        3 => 2,
                        _ => return None,
                    };
                    self.set.insert(u32::from_le_bytes([*a, *b, *c, *d]), values.get(..size)?.to_vec());
                    rest = values.get(size..)?;
                }
                Some(Vec::new())
            }
            _ => None,
        }
    }

    /// The solution of these sentences' RMC.
    fn nav_pvt(&self, said: &[u8]) -> Vec<u8> {
        let mut payload = [0; 92];
        let rmc = sentences(said).find(|body| body.starts_with("GNRMC") || body.starts_with("GPRMC"));
        let fields: Vec<&str> = rmc.unwrap_or_default().split(',').collect();
        let field = |at: usize| fields.get(at).copied().unwrap_or_default();
        let two = |text: &str, at: usize| text.get(at..at + 2).and_then(|two| two.parse::<u8>().ok()).unwrap_or(0);
        if let Some(ms) = time_of_day_ms(field(1)) {
            payload[4..6].copy_from_slice(&(2_000 + u16::from(two(field(9), 4))).to_le_bytes());
            (payload[6], payload[7]) = (two(field(9), 2), two(field(9), 0));
            payload[8..11].copy_from_slice(&[two(field(1), 0), two(field(1), 2), two(field(1), 4)]);
            payload[11] = 0b111;
            let nanoseconds = i32::try_from(ms % 1_000).unwrap_or(0) * 1_000_000;
            payload[16..20].copy_from_slice(&nanoseconds.to_le_bytes());
        }
        if field(2) == "A" {
            payload[20..24].copy_from_slice(&[3, 1, 0, 14]);
            payload[24..28].copy_from_slice(&degrees_e7(field(5), 3, field(6) == "W").to_le_bytes());
            payload[28..32].copy_from_slice(&degrees_e7(field(3), 2, field(4) == "S").to_le_bytes());
            payload[40..44].copy_from_slice(&self.accuracy_mm.to_le_bytes());
        }
        frame(0x01, 0x07, &payload)
    }
}

/// `dddmm.mmmm` in units of 1e-7 degrees.
fn degrees_e7(text: &str, digits: usize, negative: bool) -> i32 {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    let degrees = number(text.get(..digits)) + number(text.get(digits..)) / 60.0;
    #[expect(clippy::cast_possible_truncation, reason = "180 degrees are 1.8e9")]
    let units = (degrees * 1e7).round() as i32;
    if negative { -units } else { units }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_series_takes_its_own_language_and_forgets_it_in_a_reset() {
        let nav_pvt = [frame(0x06, 0x01, &[1, 7, 1]), frame(0x06, 0x8a, &[0, 1, 0, 0, 7, 0, 0x91, 0x20, 1])];
        for (character, key, taken) in [(Character::Series8, 0x0001_0701, 0), (Character::Series10, 0x2091_0007, 1)] {
            let mut receiver = Ublox::new(character, 2_000);
            for (index, request) in nav_pvt.iter().enumerate() {
                let said = receiver.hear(request);
                let flag = if index == taken { ACK } else { NAK };
                assert_eq!(said, frame(0x05, flag, &request[2..4]));
            }
            assert!(receiver.is_set(key));
            receiver.reset();
            assert!(!receiver.is_set(key));
        }
    }

    #[test]
    fn nav_pvt_says_what_the_sentence_says_with_its_accuracy() {
        let mut receiver = Ublox::new(Character::Series8, 2_000);
        let rmc = b"$GNRMC,143601.00,A,4806.00000,N,01130.00000,E,0.0,,221126,,,A*62\r\n";
        assert_eq!(receiver.epoch(rmc), rmc);
        let _ = receiver.hear(&frame(0x06, 0x01, &[1, 7, 1]));
        let said = receiver.epoch(rmc);
        let pvt = &said[rmc.len() + 6..];
        assert_eq!(pvt[24..28], 115_000_000_i32.to_le_bytes());
        assert_eq!(pvt[40..44], 2_000_i32.to_le_bytes());
    }
}
