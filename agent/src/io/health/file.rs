//! `health.json`, for `gatestamp status`: replaced as a whole, so that a reader never sees half of it, and on a full disk too, which is
//! when it is wanted most.
//!
//! Two files take turns: the new words go into blocks that the other has already, and then the names are exchanged. Spaces fill it up to
//! whole blocks, so that there is room for the words of a trouble.

use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Of most file systems.
const BLOCK: usize = 4_096;
/// Why a disk refuses, and the remedy, for the journal and the recording: 200 bytes each.
const SPARE: usize = 1_024;

/// The two files.
#[derive(Debug)]
pub struct HealthFile {
    path: PathBuf,
    spare: PathBuf,
}

impl HealthFile {
    /// `health.json` in the state directory `dir`, whether it is there or not.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        let path = dir.join("health.json");
        Self { spare: path.with_extension("json.new"), path }
    }

    /// Replaces what it says.
    ///
    /// # Errors
    /// As the file system has them; what it said before stays then.
    pub fn write(&self, health: &[u8]) -> io::Result<()> {
        self.write_spare(health)?;
        if renameat_with(CWD, &self.spare, CWD, &self.path, RenameFlags::EXCHANGE).is_ok() {
            return Ok(());
        }
        // The first time, or a file system that cannot exchange: the other file takes its room while there is some.
        fs::rename(&self.spare, &self.path)?;
        let _ = self.write_spare(health);
        Ok(())
    }

    fn write_spare(&self, health: &[u8]) -> io::Result<()> {
        let mut filled = health.to_vec();
        filled.resize((health.len() + 1 + SPARE).next_multiple_of(BLOCK) - 1, b' ');
        filled.push(b'\n');
        // Not truncated: the blocks would be given back, and somebody else may take them.
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(&self.spare)?;
        file.write_all(&filled)?;
        file.set_len(filled.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn two_files_take_turns_and_what_stands_there_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let file = HealthFile::new(dir.path());
        let inode = |path: &Path| fs::metadata(path).unwrap().ino();
        let said = || fs::read(&file.path).unwrap();
        file.write(b"{\"n\":1}").unwrap();
        let mut pair = [inode(&file.path), inode(&file.spare)];
        for length in [3_000, 9, 5_000, 12] {
            let words = format!("{{\"n\":\"{}\"}}", "x".repeat(length));
            file.write(words.as_bytes()).unwrap();
            pair.reverse();
            assert_eq!([inode(&file.path), inode(&file.spare)], pair, "no new blocks are asked for");
            assert_eq!((said().trim_ascii_end(), said().len() % BLOCK), (words.as_bytes(), 0));
            assert!(said().len() - words.len() > SPARE);
        }
        assert!(HealthFile::new(&dir.path().join("away")).write(b"{}").is_err());
    }
}
