//! `reserve`: a megabyte of the disk that nobody else can take, given up by a start for which a full disk has no room, and for events
//! that nothing else makes room for.
//!
//! A journal cannot be opened without room for the index of its write-ahead log, however little is to be written. A start that
//! cannot open it decides all the same, but what it decides is in memory only.

use crate::time::Mono;
use geofence::Span;
use rustix::fs::{StatVfs, statvfs};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

/// The index takes 32 KiB, the log of a commit some pages, a segment of the recording some hundred KiB an hour.
pub(super) const BYTES: u64 = 1 << 20;
/// Made only where so much stays free: a disk that is nearly full is not to be filled by us.
const FREE_LEFT: u64 = 8 << 20;
/// How often a disk is asked for room; not at once after a start, which has better things to do.
const RETRY: Span = Span::seconds(60);

/// The file.
#[derive(Debug)]
pub struct Reserve {
    path: PathBuf,
    due: Option<Mono>,
    /// A megabyte and its sync take a slow disk seconds, which the loop does not have.
    making: Option<JoinHandle<()>>,
}

impl Reserve {
    /// The reserve in the state directory `dir`, whether it is there or not.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { path: dir.join("reserve"), due: None, making: None }
    }

    /// Gives it up. False where there is none.
    #[must_use]
    pub fn give_up(&self) -> bool {
        fs::remove_file(&self.path).is_ok()
    }

    /// Makes it where there is room for it and it is missing; to be called now and then.
    pub fn tend(&mut self, at: Mono) {
        if at < *self.due.get_or_insert(at.plus(RETRY))
            || self.making.as_ref().is_some_and(|making| !making.is_finished())
        {
            return;
        }
        self.due = Some(at.plus(RETRY));
        let length = fs::metadata(&self.path).map_or(0, |meta| meta.len());
        if length != BYTES && self.has_room() {
            let path = self.path.clone();
            // Without a thread there is no reserve, and nothing else is lost.
            self.making = std::thread::Builder::new().name("reserve".to_owned()).spawn(move || make(&path)).ok();
        }
    }

    fn has_room(&self) -> bool {
        self.path.parent().and_then(free).is_some_and(|free| free >= BYTES + FREE_LEFT)
    }
}

/// Whether the disk of `dir` has less room than what a reserve would have given, or takes no more files.
pub(super) fn is_full(dir: &Path) -> bool {
    // Some file systems do not count files.
    let takes_no_files = |disk: StatVfs| disk.f_files > 0 && disk.f_favail == 0;
    free(dir).is_some_and(|free| free < BYTES) || statvfs(dir).is_ok_and(takes_no_files)
}

/// What the disk of `dir` has left for us, in bytes.
pub(super) fn free(dir: &Path) -> Option<u64> {
    statvfs(dir).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn make(path: &Path) {
    if let Err(error) = write(path) {
        // Half of it is no reserve, and takes room that others need.
        let _ = fs::remove_file(path);
        tracing::debug!(%error, "no reserve could be made on the disk");
    }
}

fn write(path: &Path) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    // Not zeros: file systems that compress would keep no room for them. Weyl's sequence, times an odd number.
    let mut word = 0_u64;
    for _ in 0..BYTES / 8 {
        word = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
        file.write_all(&(word ^ word >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9).to_le_bytes())?;
    }
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_made_whole_given_up_once_and_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut reserve = Reserve::new(dir.path());
        assert!(!reserve.give_up());
        let made = |reserve: &mut Reserve, at| {
            reserve.tend(Mono(at));
            reserve.making.take().is_some_and(|making| making.join().is_ok())
        };
        assert!(!made(&mut reserve, 0) && made(&mut reserve, 60_000));
        let bytes = fs::read(dir.path().join("reserve")).unwrap();
        assert_eq!(bytes.len() as u64, BYTES);
        assert!(zstd::bulk::compress(&bytes, 3).unwrap().len() as u64 > BYTES * 9 / 10);
        assert!(reserve.give_up() && !reserve.give_up());
        assert!(!made(&mut reserve, 119_999), "not at once");
        // Torn by a power cut while it was made.
        fs::write(dir.path().join("reserve"), b"half").unwrap();
        assert!(made(&mut reserve, 120_000));
        assert_eq!(fs::metadata(dir.path().join("reserve")).unwrap().len(), BYTES);
    }
}
