//! What is on the disk after the power went? Every state that the file system may have left, from the calls of a real process.
//!
//! A write is on the disk for sure once a sync of its file has returned. Before that, any part of it may be there, in any order, in
//! whole sectors: this is what SQLite assumes of a disk too (sqlite.org/atomiccommit.html, section 2). A file that was made is there
//! for sure once it or its folder was synced, a file that was removed is gone for sure once its folder was.

mod calls;

pub use calls::{Call, trace};

use crate::world::random::Random;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// A disk under a process, call by call.
#[derive(Debug, Default)]
pub struct Disk {
    files: BTreeMap<PathBuf, File>,
}

#[derive(Debug, Default)]
struct File {
    synced: Vec<u8>,
    pending: Vec<Change>,
    /// It is there whatever happens.
    made_for_sure: bool,
    removed: bool,
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

/// What of the calls that no sync has covered is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Nothing of them.
    Nothing,
    /// All of them: a kill, and not a power cut.
    Everything,
    /// Any sectors of any of them.
    Torn,
}

impl Disk {
    /// One call more. `false`: it is none that a disk sees.
    pub fn perform(&mut self, call: &Call) -> bool {
        match call {
            Call::Make(path) => {
                let file = self.files.entry(path.clone()).or_default();
                if file.removed {
                    *file = File::default();
                }
            }
            Call::Write(path, at, bytes) => self.change(path, Change::Write(*at, bytes.clone())),
            Call::Truncate(path, length) => self.change(path, Change::Truncate(*length)),
            Call::Remove(path) => {
                if let Some(file) = self.files.get_mut(path) {
                    file.removed = true;
                }
            }
            Call::Sync(path) => self.sync(path),
            Call::Said(_) => return false,
        }
        true
    }

    fn change(&mut self, path: &Path, change: Change) {
        self.files.entry(path.to_owned()).or_default().pending.push(change);
    }

    fn sync(&mut self, path: &Path) {
        if let Some(file) = self.files.get_mut(path) {
            for change in std::mem::take(&mut file.pending) {
                change.apply(&mut file.synced);
            }
            file.made_for_sure = true;
            return;
        }
        // Else it is a folder.
        let within = |file: &Path| file.parent() == Some(path);
        self.files.retain(|name, file| !(file.removed && within(name)));
        self.files.iter_mut().filter(|(name, _)| within(name)).for_each(|(_, file)| file.made_for_sure = true);
    }

    /// Writes what is left after a power cut into `folder`, which is empty. File names are kept, folders are not.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn cut(&self, how: Cut, random: &mut Random, folder: &Path) -> io::Result<()> {
        for (path, file) in &self.files {
            let Some(content) = file.cut(how, random) else { continue };
            let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
            std::fs::write(folder.join(name), content)?;
        }
        Ok(())
    }
}

impl File {
    fn cut(&self, how: Cut, random: &mut Random) -> Option<Vec<u8>> {
        let chance = |random: &mut Random| random.uniform(0.0, 1.0) < 0.5;
        let there = match how {
            Cut::Everything => !self.removed,
            Cut::Nothing => self.made_for_sure,
            Cut::Torn => (self.made_for_sure || chance(random)) && !(self.removed && chance(random)),
        };
        let mut content = self.synced.clone();
        for change in &self.pending {
            match (how, change) {
                (Cut::Nothing, _) => {}
                (Cut::Everything, change) => change.apply(&mut content),
                (Cut::Torn, Change::Truncate(_)) => {
                    if chance(random) {
                        change.apply(&mut content);
                    }
                }
                (Cut::Torn, Change::Write(at, bytes)) => {
                    for (begin, part) in sectors(*at, bytes) {
                        if chance(random) {
                            Change::Write(begin, part.to_vec()).apply(&mut content);
                        }
                    }
                }
            }
        }
        there.then_some(content)
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Truncate(length) => content.resize(*length, 0),
            Self::Write(at, bytes) => {
                let end = at + bytes.len();
                content.resize(content.len().max(end), 0);
                if let Some(part) = content.get_mut(*at..end) {
                    part.copy_from_slice(bytes);
                }
            }
        }
    }
}

/// The parts of a write that each lie in one sector, and where they begin.
fn sectors(at: usize, bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let (mut parts, mut begin, mut rest) = (Vec::new(), at, bytes);
    while !rest.is_empty() {
        let (part, after) = rest.split_at(rest.len().min(SECTOR - begin % SECTOR));
        parts.push((begin, part));
        (begin, rest) = (begin + part.len(), after);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(calls: &[Call], how: Cut) -> Vec<(String, Vec<u8>)> {
        let mut disk = Disk::default();
        calls.iter().for_each(|call| _ = disk.perform(call));
        let folder = tempfile::tempdir().unwrap();
        disk.cut(how, &mut Random::stream(1, "cut"), folder.path()).unwrap();
        let mut files: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
            .collect();
        files.sort();
        files
    }

    fn path(name: &str) -> PathBuf {
        Path::new("/state").join(name)
    }

    #[test]
    fn what_a_sync_covered_is_there_and_what_came_after_may_not_be() {
        let calls = [
            Call::Make(path("a")),
            Call::Write(path("a"), 0, vec![1; 700]),
            Call::Sync(path("a")),
            Call::Write(path("a"), 600, vec![2; 500]),
        ];
        assert_eq!(after(&calls, Cut::Nothing), [("a".to_owned(), vec![1; 700])]);
        let all = [vec![1; 600], vec![2; 500]].concat();
        assert_eq!(after(&calls, Cut::Everything), [("a".to_owned(), all)]);
        let torn = after(&calls, Cut::Torn).remove(0).1;
        assert_eq!(torn[..600], vec![1; 600]);
        assert!(torn[600..].iter().all(|byte| *byte < 3));
    }

    #[test]
    fn a_file_is_made_and_removed_for_sure_by_a_sync_of_its_folder() {
        let made = [Call::Make(path("a")), Call::Write(path("a"), 0, vec![1])];
        assert_eq!(after(&made, Cut::Nothing), []);
        let synced = [&made[..], &[Call::Sync(PathBuf::from("/state")), Call::Remove(path("a"))]].concat();
        assert_eq!(after(&synced, Cut::Nothing), [("a".to_owned(), vec![])]);
        assert_eq!(after(&synced, Cut::Everything), []);
        let gone = [&synced[..], &[Call::Sync(PathBuf::from("/state"))]].concat();
        assert_eq!(after(&gone, Cut::Nothing), []);
    }

    #[test]
    fn a_write_is_torn_at_the_sectors_of_the_disk() {
        let lengths: Vec<_> = sectors(500, &[0; 1_100]).into_iter().map(|(at, part)| (at, part.len())).collect();
        assert_eq!(lengths, [(500, 12), (512, 512), (1_024, 512), (1_536, 64)]);
    }
}
