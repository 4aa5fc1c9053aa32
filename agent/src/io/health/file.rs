//! `health.json`, for `gatestamp status`: replaced as a whole, so that a reader never sees half of it, and on a full disk too, which is
//! when it is wanted most.
//!
//! Two files take turns: the new words go into blocks that the other has already, and then the names are exchanged. Spaces fill it up to
//! whole blocks, so that there is room for the words of a trouble.
//!
//! It is also the only place that is left on a full disk for how many events are in memory alone. The next start reads that.

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::Value;
use std::fs::{self, File, OpenOptions};
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

    /// How many events above `sequence` the run before had in memory alone when it wrote last; 0 where it does not say.
    #[must_use]
    pub fn in_memory_above(&self, sequence: u64) -> u64 {
        let said: Value =
            fs::read(&self.path).ok().and_then(|said| serde_json::from_slice(&said).ok()).unwrap_or_default();
        let number = |of| said.pointer(of).and_then(Value::as_u64).unwrap_or(0);
        // What the recording knew is made again, and counts no more.
        number("/delivery/sequence").saturating_sub(sequence).min(number("/held").saturating_add(number("/dropped")))
    }

    /// Replaces what it says. `durable`: what it says is there after a power cut too, for a sync or two.
    ///
    /// # Errors
    /// As the file system has them; what it said before stays then.
    pub fn write(&self, health: &[u8], durable: bool) -> io::Result<()> {
        self.write_spare(health, durable)?;
        if renameat_with(CWD, &self.spare, CWD, &self.path, RenameFlags::EXCHANGE).is_ok() {
            let folder = self.path.parent().filter(|_| durable);
            let _ = folder.map(|folder| File::open(folder)?.sync_all());
            return Ok(());
        }
        // The first time, or a file system that cannot exchange: the other file takes its room while there is some.
        fs::rename(&self.spare, &self.path)?;
        let _ = self.write_spare(health, false);
        Ok(())
    }

    fn write_spare(&self, health: &[u8], durable: bool) -> io::Result<()> {
        let mut filled = health.to_vec();
        filled.resize((health.len() + 1 + SPARE).next_multiple_of(BLOCK) - 1, b' ');
        filled.push(b'\n');
        // Not truncated: the blocks would be given back, and somebody else may take them.
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(&self.spare)?;
        file.write_all(&filled)?;
        file.set_len(filled.len() as u64)?;
        // What cannot be synced is said all the same.
        let _ = if durable { file.sync_data() } else { Ok(()) };
        Ok(())
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
        file.write(b"{\"n\":1}", false).unwrap();
        let mut pair = [inode(&file.path), inode(&file.spare)];
        for length in [3_000, 9, 5_000, 12] {
            let words = format!("{{\"n\":\"{}\"}}", "x".repeat(length));
            file.write(words.as_bytes(), length == 9).unwrap();
            pair.reverse();
            assert_eq!([inode(&file.path), inode(&file.spare)], pair, "no new blocks are asked for");
            assert_eq!((said().trim_ascii_end(), said().len() % BLOCK), (words.as_bytes(), 0));
            assert!(said().len() - words.len() > SPARE);
        }
        assert!(HealthFile::new(&dir.path().join("away")).write(b"{}", true).is_err());
    }

    #[test]
    fn what_was_in_memory_alone_is_what_was_made_and_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let file = HealthFile::new(dir.path());
        assert_eq!(file.in_memory_above(0), 0);
        file.write(br#"{"held":3,"dropped":1,"delivery":{"sequence":20}}"#, true).unwrap();
        assert_eq!([7, 18, 20, 21].map(|sequence| file.in_memory_above(sequence)), [4, 2, 0, 0]);
        file.write(br#"{"held":0,"dropped":0,"delivery":{"sequence":20}}"#, true).unwrap();
        assert_eq!(file.in_memory_above(7), 0, "another journal, or an older one");
    }
}
