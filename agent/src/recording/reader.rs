//! A segment's bytes back to inputs: everything that was sealed, and nothing else.

use super::record::{Head, Recorded, SEAL, decode};
use super::{MAGIC, PAYLOAD_MAX};
use crate::time::Mono;
use std::io::{ErrorKind, Read};

/// Longest head line: the state is a few kilobytes, this is a bound against nonsense.
const HEAD_MAX: usize = 4 << 20;
/// Records between two seals: the agent seals every second, so this many is damage that happens to decode.
const GROUP_MAX: usize = 100_000;
/// Kind, time and length.
const RECORD_HEAD: usize = 11;

/// Why a file is not a segment that this version reads.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// It does not begin like one.
    #[error("not a Gatestamp recording of a version that this release reads")]
    NotASegment,
    /// Its head is torn or damaged; nothing in it can be used.
    #[error("the head of the segment is damaged: {0}")]
    Head(String),
}

/// How a segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Not yet reached.
    Open,
    /// With a seal.
    Sealed,
    /// In records that were never sealed, or in the middle of one: the agent was killed, or the power was cut.
    Torn,
    /// In bytes that are not what was written.
    Damaged,
}

/// A segment that is being read.
pub struct Segment<R: Read> {
    head: Head,
    source: R,
    /// Records of the group that is not sealed yet.
    group: Vec<Recorded>,
    ready: std::vec::IntoIter<Recorded>,
    crc: crc32fast::Hasher,
    end: End,
}

impl<'a> Segment<zstd::stream::read::Decoder<'a, &'a [u8]>> {
    /// Opens the bytes of a segment file.
    ///
    /// # Errors
    /// When not even the head can be read.
    pub fn open(bytes: &'a [u8]) -> Result<Self, SegmentError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(SegmentError::NotASegment)?;
        let end = rest.iter().take(HEAD_MAX).position(|&b| b == b'\n');
        let end = end.ok_or_else(|| SegmentError::Head("it does not end".to_owned()))?;
        let (line, stream) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        let head = serde_json::from_slice(line).map_err(|e| SegmentError::Head(e.to_string()))?;
        let stream = stream.get(1..).unwrap_or(&[]);
        let source = zstd::stream::read::Decoder::with_buffer(stream).map_err(|e| SegmentError::Head(e.to_string()))?;
        Ok(Self {
            head,
            source,
            group: Vec::new(),
            ready: Vec::new().into_iter(),
            crc: crc32fast::Hasher::new(),
            end: End::Open,
        })
    }
}

impl<R: Read> Segment<R> {
    /// What stands at its head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// How it ends; known once [`Iterator::next`] gave `None`.
    pub fn end(&self) -> End {
        self.end
    }

    /// Above which number sequences are counted at its end.
    pub fn base(self) -> u64 {
        let base = self.head.state.base();
        self.fold(
            base,
            |base, recorded| if let Recorded::Renumbered(_, above) = recorded { base.max(above) } else { base },
        )
    }

    fn record(&mut self) -> Result<(u8, Mono, Vec<u8>), End> {
        let mut head = [0; RECORD_HEAD];
        self.fill(&mut head)?;
        let [kind, at @ .., low, high] = head;
        let length = usize::from(u16::from_le_bytes([low, high]));
        if length > PAYLOAD_MAX {
            return Err(End::Damaged);
        }
        let mut payload = vec![0; length];
        self.fill(&mut payload)?;
        if kind != SEAL {
            self.crc.update(&head);
            self.crc.update(&payload);
        }
        Ok((kind, Mono(u64::from_le_bytes(at)), payload))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), End> {
        self.source.read_exact(buffer).map_err(|error| {
            let ended = error.kind() == ErrorKind::UnexpectedEof;
            if ended { End::Torn } else { End::Damaged }
        })
    }

    /// Reads up to the next seal.
    fn sealed(&mut self) -> Result<Vec<Recorded>, End> {
        loop {
            let (kind, at, payload) = self.record().map_err(|end| {
                let at_a_seal = end == End::Torn && self.group.is_empty();
                if at_a_seal { End::Sealed } else { end }
            })?;
            if kind == SEAL {
                let crc = std::mem::take(&mut self.crc).finalize();
                let right = payload == crc.to_le_bytes();
                return if right { Ok(std::mem::take(&mut self.group)) } else { Err(End::Damaged) };
            }
            match decode(kind, at, &payload) {
                Some(recorded) if self.group.len() < GROUP_MAX => self.group.push(recorded),
                _ => return Err(End::Damaged),
            }
        }
    }
}

impl<R: Read> Iterator for Segment<R> {
    type Item = Recorded;

    fn next(&mut self) -> Option<Recorded> {
        loop {
            if let Some(recorded) = self.ready.next() {
                return Some(recorded);
            }
            if self.end != End::Open {
                return None;
            }
            match self.sealed() {
                Ok(group) => self.ready = group.into_iter(),
                Err(end) => self.end = end,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{encode, seal};
    use std::io::Write;

    fn bytes(text: &str) -> Recorded {
        Recorded::Bytes(Mono(7), text.as_bytes().to_vec())
    }

    fn head() -> Head {
        Head {
            version: "0".to_owned(),
            fleet: "f".to_owned(),
            truck: "t".to_owned(),
            facilities: 1,
            state: crate::engine::State::default(),
        }
    }

    /// A segment of sealed groups, cut after `keep` bytes of its stream.
    fn segment(groups: &[&[Recorded]], keep: usize) -> Vec<u8> {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        for group in groups {
            let mut records = Vec::new();
            group.iter().for_each(|r| encode(r, &mut records));
            let crc = crc32fast::hash(&records);
            seal(crc, &mut records);
            encoder.write_all(&records).unwrap();
            encoder.flush().unwrap();
        }
        let stream = encoder.finish().unwrap();
        let mut file = MAGIC.to_vec();
        serde_json::to_writer(&mut file, &head()).unwrap();
        file.push(b'\n');
        file.extend_from_slice(&stream[..stream.len().min(keep)]);
        file
    }

    #[test]
    fn what_was_sealed_is_read_back() {
        let groups: [&[Recorded]; 2] = [&[bytes("a"), Recorded::Tick(Mono(8))], &[Recorded::Stop(Mono(9))]];
        let file = segment(&groups, usize::MAX);
        let mut segment = Segment::open(&file).unwrap();
        assert_eq!(segment.head(), &head());
        let read: Vec<_> = segment.by_ref().collect();
        assert_eq!(read, groups.concat());
        assert_eq!(segment.end(), End::Sealed);
    }

    #[test]
    fn cut_anywhere_a_segment_gives_whole_groups_and_never_panics() {
        let groups: [&[Recorded]; 3] = [&[bytes("one"), bytes("two")], &[bytes("three")], &[bytes("four")]];
        let whole: Vec<Vec<Recorded>> = (0..=3).map(|n| groups[..n].concat()).collect();
        for keep in 0..200 {
            let file = segment(&groups, keep);
            let read: Vec<_> = Segment::open(&file).unwrap().collect();
            assert!(whole.contains(&read), "cut after {keep} bytes: {read:?}");
        }
    }

    #[test]
    fn a_flipped_bit_never_gives_a_wrong_record() {
        let groups: [&[Recorded]; 2] = [&[bytes("one"), bytes("two")], &[bytes("three")]];
        let file = segment(&groups, usize::MAX);
        let begin = file.len() - segment(&groups, usize::MAX).len() + MAGIC.len();
        for at in begin..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 0x10;
            if let Ok(segment) = Segment::open(&damaged) {
                let read: Vec<_> = segment.collect();
                assert!(groups.concat().starts_with(&read), "byte {at}: {read:?}");
            }
        }
    }

    #[test]
    fn other_files_are_refused() {
        for bytes in [&b""[..], b"$GPRMC,", b"GATESTAMP-RECORDING 2\n{}\n", MAGIC] {
            assert!(Segment::open(bytes).is_err());
        }
    }
}
