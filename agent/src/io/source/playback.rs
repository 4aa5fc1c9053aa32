//! A recording played as if a receiver were talking: for rehearsals, never in a truck.

use super::trouble::{Kind, Trouble};
use crate::io::clock::Clock;
use crate::io::recordings::{self, RecordingFile};
use crate::recording::{Recorded, Segment, raw};
use crate::time::Mono;
use geofence::Span;
use std::path::Path;

/// The rest of a recording.
#[derive(Debug)]
pub(super) struct Playback {
    clock: Clock,
    began: Mono,
    chunks: std::vec::IntoIter<(Span, Vec<u8>)>,
    next: Option<(Span, Vec<u8>)>,
}

impl Playback {
    /// Reads the whole file; what cannot be used of it is told before anything is played.
    pub(super) fn open(file: &Path, clock: Clock) -> Result<Self, Trouble> {
        let unreadable = |why: String| Trouble::new(Kind::Unreadable, why);
        let chunks = match recordings::file(file).map_err(unreadable)? {
            RecordingFile::Raw(bytes) => {
                let mut arrival = raw::Arrival::default();
                arrival.chunks(&bytes).map(|(at, chunk)| (at - Mono(0), chunk.to_vec())).collect()
            }
            RecordingFile::Segment { bytes, .. } => {
                let segment = Segment::open(&bytes[..]).map_err(|error| unreadable(error.to_string()))?;
                paced(segment)
            }
            RecordingFile::Unusable(why) => return Err(unreadable(why)),
        };
        let chunks: Vec<_> = chunks;
        Ok(Self { clock, began: clock.now(), chunks: chunks.into_iter(), next: None })
    }

    /// The next chunk, when its time has come. May be dropped and asked again.
    pub(super) async fn read(&mut self) -> Result<Vec<u8>, Trouble> {
        if self.next.is_none() {
            self.next = self.chunks.next();
        }
        let Some((after, _)) = &self.next else {
            return Err(Trouble::new(Kind::Over, "the recording is at its end"));
        };
        self.clock.sleep(self.began.plus(*after) - self.clock.now()).await;
        Ok(self.next.take().map(|(_, bytes)| bytes).unwrap_or_default())
    }
}

/// The bytes of a segment by when they came after its first record. A boot begins time anew and follows at once.
fn paced<R: std::io::Read>(segment: Segment<R>) -> Vec<(Span, Vec<u8>)> {
    let (mut passed, mut last, mut chunks) = (Mono(0), None, Vec::new());
    for record in segment {
        let at = record.at();
        if !matches!(record, Recorded::Boot(..)) {
            passed = last.map_or(passed, |last| passed.plus(at - last));
        }
        last = Some(at);
        if let Recorded::Bytes(_, bytes) = record {
            chunks.push((passed - Mono(0), bytes));
        }
    }
    chunks
}
