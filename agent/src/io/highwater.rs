//! `high-water`: which sequences may have been given out, kept beside the journal for the day when the journal is gone.
//!
//! Written ahead in blocks, before the first event of a block is journaled: a file, its sync, a rename, the sync of the folder. One
//! line, with the CRC-32 of what stands before it:
//!
//! ```text
//!   GATESTAMP-SEQUENCE 1 <number> recorded|unrecorded <crc32, 8 hex digits>
//! ```
//!
//! `unrecorded`: events were journaled while the recording could not be written, so the recording may not know all of them.

use crate::event::SEQUENCE_END;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Sequences in a block: with 30 events a day a write each week.
pub const BLOCK: u64 = 256;
const MAGIC: &str = "GATESTAMP-SEQUENCE 1";
/// The longest line that can be right, and some.
const LINE_MAX: usize = 128;

/// The mark.
#[derive(Debug)]
pub struct HighWater {
    path: PathBuf,
    through: u64,
    unrecorded: bool,
    /// Said once that it cannot be written.
    warned: bool,
}

/// The file is there, and cannot be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Where it is kept.
    pub kept: PathBuf,
}

impl HighWater {
    /// Reads the mark beside the journal in `dir`. One that cannot be believed is set aside, and says nothing.
    #[must_use]
    pub fn open(dir: &Path) -> (Self, Option<Refused>) {
        let path = dir.join("high-water");
        let mut mark = Self { path, through: 0, unrecorded: false, warned: false };
        let refused = match fs::read(&mark.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Ok(bytes) if let Some((through, unrecorded)) = read(&bytes) => {
                (mark.through, mark.unrecorded) = (through, unrecorded);
                None
            }
            Ok(_) | Err(_) => {
                let kept = mark.path.with_extension("refused");
                // Where it cannot be moved it is written over with the next block.
                let _ = fs::rename(&mark.path, &kept);
                Some(Refused { kept })
            }
        };
        (mark, refused)
    }

    /// No sequence above this was ever given out; 0: nothing is known.
    #[must_use]
    pub fn through(&self) -> u64 {
        self.through
    }

    /// Events were journaled that the recording may not know.
    #[must_use]
    pub fn is_unrecorded(&self) -> bool {
        self.unrecorded
    }

    /// To be called before events up to `sequence` are journaled. Never lowers the mark. A disk that refuses is said in the log and
    /// tried again with the next event: the journal itself is what counts as long as it is there.
    pub fn reach(&mut self, sequence: u64, recorded: bool) {
        // What was once journaled beside the recording stays so: nobody can tell when the recording has caught up.
        let unrecorded = self.unrecorded || !recorded;
        if sequence <= self.through && unrecorded == self.unrecorded {
            return;
        }
        let through = if sequence > self.through { sequence.saturating_add(BLOCK - 1) } else { self.through };
        match self.write(through, unrecorded) {
            Ok(()) => (self.through, self.unrecorded, self.warned) = (through, unrecorded, false),
            Err(error) => {
                if !std::mem::replace(&mut self.warned, true) {
                    tracing::warn!(%error, file = %self.path.display(), "the high-water mark of the sequence cannot be written");
                }
            }
        }
    }

    fn write(&self, through: u64, unrecorded: bool) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(line(through, unrecorded).as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        let dir = self.path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(dir)?.sync_all()
    }
}

fn line(through: u64, unrecorded: bool) -> String {
    let said = format!("{MAGIC} {through} {}", if unrecorded { "unrecorded" } else { "recorded" });
    format!("{said} {:08x}\n", crc32fast::hash(said.as_bytes()))
}

fn read(bytes: &[u8]) -> Option<(u64, bool)> {
    let text = std::str::from_utf8(bytes.get(..LINE_MAX.min(bytes.len()))?).ok()?;
    let mut words = text.strip_prefix(MAGIC)?.split_whitespace();
    let (through, unrecorded) = (words.next()?.parse().ok()?, words.next()? == "unrecorded");
    // Written again it is the same, CRC and all: there is one way to write a mark.
    (through < SEQUENCE_END && line(through, unrecorded).as_bytes() == bytes).then_some((through, unrecorded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_ahead_of_what_was_reached_and_never_goes_back() {
        let dir = tempfile::tempdir().unwrap();
        let (mut mark, refused) = HighWater::open(dir.path());
        assert_eq!((mark.through(), refused), (0, None));
        mark.reach(1, true);
        assert_eq!(mark.through(), 256);
        mark.reach(256, true);
        mark.reach(257, true);
        mark.reach(3, true);
        let (again, _) = HighWater::open(dir.path());
        assert_eq!((again.through(), again.is_unrecorded()), (512, false));
        mark.reach(300, false);
        mark.reach(301, true);
        let (again, _) = HighWater::open(dir.path());
        assert_eq!((again.through(), again.is_unrecorded()), (512, true));
    }

    #[test]
    fn torn_and_hostile_files_are_set_aside_and_lower_nothing() {
        let good = line(700, false);
        let mut flipped = good.clone().into_bytes();
        flipped[22] ^= 1;
        let cut = |length| good.as_bytes()[..length].to_vec();
        let cases = [
            Vec::new(),
            cut(1),
            cut(good.len() - 1),
            flipped,
            vec![b'9'; 1 << 16],
            vec![0xff; 40],
            line(SEQUENCE_END, false).into_bytes(),
            [good.as_bytes(), good.as_bytes()].concat(),
            b"GATESTAMP-SEQUENCE 2 700 recorded 00000000\n".to_vec(),
        ];
        for bytes in cases {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("high-water"), &bytes).unwrap();
            let (mut mark, refused) = HighWater::open(dir.path());
            let kept = refused.expect("refused").kept;
            assert_eq!((mark.through(), fs::read(kept).unwrap()), (0, bytes));
            mark.reach(5, true);
            assert_eq!(HighWater::open(dir.path()).0.through(), 260);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_stops_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (mut mark, _) = HighWater::open(&dir.path().join("away"));
        mark.reach(1, true);
        assert_eq!(mark.through(), 0);
    }
}
