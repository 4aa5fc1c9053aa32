//! `journal.salvage`: the journals that were set aside as damaged and whose contents the new one does not have for good yet. Written before
//! such a journal is moved, removed when the new one is settled: of a start that is killed between the two, the next one does the rest.
//!
//! One line, the newest name first, with the CRC-32 of what stands before it:
//!
//! ```text
//!   GATESTAMP-SALVAGE 1 <attempts> <name> [<name>...] <crc32, 8 hex digits>
//! ```

use super::{SET_ASIDE_MAX, move_companions, stamp_of};
use crate::io::atlas;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

const MAGIC: &str = "GATESTAMP-SALVAGE 1";
/// Why such a journal was set aside, as its name says.
const WHY: &str = "damaged";
/// The longest line that can be right, and some: four names of 40 characters.
const LINE_MAX: usize = 512;
/// A damaged file that kills whoever reads it must not do so at each start. More than the power is cut within the seconds that it takes.
const ATTEMPTS_MAX: u32 = 8;

/// What the file says.
#[derive(Debug)]
pub struct Unsalvaged {
    journal: PathBuf,
    /// The newest first; all are beside the journal.
    kept: Vec<PathBuf>,
    attempts: u32,
}

impl Unsalvaged {
    /// Reads what is to be salvaged into `journal`. What cannot be believed, and what is gone, is said in the log and forgotten.
    #[must_use]
    pub fn open(journal: &Path) -> Self {
        let mut found = Self { journal: journal.to_owned(), kept: Vec::new(), attempts: 0 };
        let file = file(journal);
        match fs::read(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return found,
            Ok(bytes) if let Some((attempts, kept)) = read(&bytes, journal) => {
                (found.attempts, found.kept) = (attempts, kept);
            }
            Ok(_) | Err(_) => {
                tracing::error!(file = %file.display(), "it is damaged and says nothing; what it named stays where it was set aside");
            }
        }
        let (there, gone): (Vec<_>, Vec<_>) = found.kept.drain(..).partition(|kept| kept.is_file());
        for gone in gone {
            // So it is where the power went before it was moved: it is the journal still.
            tracing::warn!(kept = %gone.display(), "this damaged journal is not there to be salvaged");
        }
        found.kept = there;
        if found.kept.is_empty() {
            forget(journal);
        } else if !journal.exists()
            && let Some(newest) = found.kept.first()
            && let Err(error) = move_companions(journal, newest)
        {
            tracing::warn!(%error, "the log of the damaged journal could not be moved beside it");
        }
        found
    }

    /// What is to be salvaged, the newest first.
    #[must_use]
    pub fn kept(&self) -> &[PathBuf] {
        &self.kept
    }

    /// `kept` is to be salvaged as well; to be called before it is moved there. Whether that is noted: a kill after the move would end it.
    #[must_use]
    pub fn add(&mut self, kept: PathBuf) -> bool {
        self.kept.insert(0, kept);
        self.kept.truncate(SET_ASIDE_MAX);
        self.attempts = 0;
        self.write()
    }

    /// The newest is not moved.
    pub fn take_back(&mut self) {
        self.kept.remove(0);
    }

    /// Notes that salvaging begins. False where it began too often and never came to an end: it is given up.
    #[must_use]
    pub fn begin(&mut self) -> bool {
        if self.attempts >= ATTEMPTS_MAX {
            self.close();
            return false;
        }
        self.attempts += 1;
        self.write();
        true
    }

    /// Notes that it came to an end: where the new journal is not settled yet, that has other reasons.
    pub fn came_through(&mut self) {
        self.attempts = 0;
        self.write();
    }

    /// Nothing is to be salvaged any more.
    pub fn close(&mut self) {
        self.kept.clear();
        forget(&self.journal);
    }

    /// A disk that refuses is said in the log: without the file a kill costs what it would have saved, and nothing else.
    fn write(&self) -> bool {
        let names = self.kept.iter().filter_map(|kept| Some(format!(" {}", kept.file_name()?.to_str()?)));
        let said = sealed(&format!("{MAGIC} {}{}", self.attempts, names.collect::<String>()));
        let file = file(&self.journal);
        let written = atlas::write(&file, said.as_bytes());
        if let Err(error) = &written {
            tracing::warn!(%error, file = %file.display(), "it cannot be written: a kill while the journal is salvaged would end that");
        }
        written.is_ok()
    }
}

/// What is to be salvaged, for whoever removes old files.
pub(super) fn named(journal: &Path) -> Vec<PathBuf> {
    fs::read(file(journal)).ok().and_then(|bytes| read(&bytes, journal)).map_or_else(Vec::new, |(_, kept)| kept)
}

/// The journal is settled.
pub(super) fn forget(journal: &Path) {
    let file = file(journal);
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match fs::remove_file(&file).and_then(|()| File::open(folder)?.sync_all()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, file = %file.display(), "it cannot be removed; the next start tries again");
        }
        Ok(()) | Err(_) => {}
    }
}

fn file(journal: &Path) -> PathBuf {
    journal.with_extension("salvage")
}

fn sealed(said: &str) -> String {
    format!("{said} {:08x}\n", crc32fast::hash(said.as_bytes()))
}

fn read(bytes: &[u8], journal: &Path) -> Option<(u32, Vec<PathBuf>)> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= LINE_MAX)?;
    let said = text.get(..text.trim_end().rfind(' ')?)?;
    let mut words = said.strip_prefix(MAGIC)?.strip_prefix(' ')?.split(' ');
    let attempts = words.next()?.parse().ok()?;
    // Only what was set aside beside the journal: a name that leads elsewhere is not ours.
    let is_ours = |name: &&str| stamp_of(journal, WHY, OsStr::new(name)).is_some();
    let names: Vec<&str> = words.collect();
    let is_right = sealed(said) == text && (1..=SET_ASIDE_MAX).contains(&names.len()) && names.iter().all(is_ours);
    is_right.then(|| (attempts, names.iter().map(|name| journal.with_file_name(name)).collect()))
}
