//! What can happen to a stream on its way: pieces of recordings, with bits flipped, bytes lost, pieces of others put in, blocks
//! said twice, silence filled with zeros. Everything follows from the seed and the number of the case.

use hil_tests::world::random::Random;

/// A piece of a recording is at most this long: some epochs of a chatty receiver ...
const PIECE_MAX: usize = 4_096;
/// ... and one in so many pieces is much longer, so that an order of sentences is learned.
const LONG_EVERY: u64 = 64;
const LONG_MAX: usize = 65_536;
/// At most so many things happen to one piece.
const CHANGES_MAX: u64 = 4;
/// What is lost, repeated or put in is at most this long.
const BLOCK_MAX: usize = 600;

/// One mutated piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Which of the recordings it is made of.
    pub log: usize,
    /// The stream.
    pub bytes: Vec<u8>,
    /// How many bytes each read gives, from the first on, over and over.
    pub reads: Vec<usize>,
}

/// Case `number` of the series that `seed` names. Every recording has its turn.
#[must_use]
pub fn case(logs: &[&[u8]], seed: u64, number: u64) -> Case {
    let mut chance = Chance(Random::new(seed ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d)));
    let log = usize::try_from(number).unwrap_or(usize::MAX) % logs.len().max(1);
    let longest = if chance.below(LONG_EVERY) == 0 { LONG_MAX } else { PIECE_MAX };
    let mut bytes = chance.piece(logs.get(log).copied().unwrap_or(&[]), longest).to_vec();
    for _ in 0..=chance.below(CHANGES_MAX) {
        change(&mut bytes, logs, &mut chance);
    }
    let reads = (0..8).map(|_| 1 + chance.index(64)).collect();
    Case { log, bytes, reads }
}

fn change(bytes: &mut Vec<u8>, logs: &[&[u8]], chance: &mut Chance) {
    match chance.below(6) {
        0 => flip(bytes, chance.below(8) + 1, chance),
        // One byte in a hundred.
        1 => {
            let hundredth = bytes.len() as u64 / 100;
            flip(bytes, hundredth + 1, chance);
        }
        2 => {
            let (from, to) = chance.range(bytes);
            bytes.drain(from..to);
        }
        3 => {
            let other = logs.get(chance.index(logs.len())).copied().unwrap_or(&[]);
            let piece = chance.piece(other, BLOCK_MAX).to_vec();
            let at = chance.index(bytes.len() + 1);
            bytes.splice(at..at, piece);
        }
        4 => {
            let (from, to) = chance.range(bytes);
            let block = bytes.get(from..to).unwrap_or(&[]).to_vec();
            bytes.splice(to..to, block);
        }
        _ => {
            let at = chance.index(bytes.len() + 1);
            let zeros = vec![0; chance.index(BLOCK_MAX)];
            bytes.splice(at..at, zeros);
        }
    }
}

fn flip(bytes: &mut [u8], count: u64, chance: &mut Chance) {
    for _ in 0..count {
        let at = chance.index(bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << chance.below(8);
        }
    }
}

struct Chance(Random);

impl Chance {
    /// One of `0..count`; 0 for none.
    fn below(&mut self, count: u64) -> u64 {
        self.0.bits() % count.max(1)
    }

    fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).unwrap_or(0)
    }

    fn range(&mut self, bytes: &[u8]) -> (usize, usize) {
        let from = self.index(bytes.len() + 1);
        (from, (from + self.index(BLOCK_MAX)).min(bytes.len()))
    }

    fn piece<'a>(&mut self, bytes: &'a [u8], longest: usize) -> &'a [u8] {
        let from = self.index(bytes.len());
        let to = (from + 1 + self.index(longest)).min(bytes.len());
        bytes.get(from..to).unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_follows_from_its_seed_and_number_and_every_log_has_its_turn() {
        let logs: [&[u8]; 3] = [b"$GPGGA,1*00\r\n", &[0xb5; 5_000], b""];
        for number in 0..300 {
            let made = case(&logs, 7, number);
            assert_eq!(made, case(&logs, 7, number));
            assert_eq!(made.log as u64, number % 3);
            assert!(made.reads.iter().all(|read| (1..=64).contains(read)));
        }
        assert_ne!(case(&logs, 7, 1), case(&logs, 8, 1));
    }
}
