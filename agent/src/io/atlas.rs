//! Our own copy of the compiled facilities, `<state>/atlas/current.atlas`: written as a whole, mapped read-only.
//!
//! A person's file is read, judged and copied; what is used is the copy. So a file that is being edited, half copied or gone
//! changes nothing until the next start, and a bad one leaves the last good one in use. The map is the one `unsafe` of this
//! repository (decision 11).

use super::facilities::read_compiled;
use crate::facility::Facilities;
use crate::fault::Fault;
use crate::version::VERSION;
use geofence::Fences;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file that is mapped for as long as this lives.
struct Mapped(memmap2::Mmap);

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Maps one of our own files.
#[allow(unsafe_code, reason = "a map of a file is as safe as the file is left alone; see SAFETY and decision 11")]
fn map(path: &Path) -> io::Result<Mapped> {
    let file = File::open(path)?;
    // SAFETY: the bytes must not change while they are mapped. The file lies in the state directory, which this process holds
    // the lock of and no other program writes to; we ourselves never write into it, but make a new file and rename it over the
    // name (`write`), which leaves the mapped one as it is. Whoever truncates it all the same ends the process by SIGBUS, and
    // systemd starts it again, which makes the file anew; whoever changes its bytes gets wrong answers and no more, since every
    // index that is read from them is checked.
    let map = unsafe { memmap2::Mmap::map(&file)? };
    Ok(Mapped(map))
}

/// Which facilities the agent works with.
#[derive(Debug)]
pub struct InUse {
    /// What decisions are made on.
    pub facilities: Facilities,
    /// Why it is not what the configuration names: the last good ones are used instead.
    pub refused: Vec<Fault>,
    /// Why there is no copy in the state directory: they are used from memory.
    pub not_kept: Option<String>,
    /// They were compiled just now, in memory that no allocator gives back to the system.
    pub compiled: bool,
}

impl InUse {
    fn good(facilities: Facilities) -> Self {
        Self { facilities, refused: Vec::new(), not_kept: None, compiled: false }
    }
}

/// The file that the configuration names as it was when it was compiled: one that was written since differs in at least the
/// time of its last change, which no program can set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Source {
    path: PathBuf,
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    /// Another release may compile to other bytes.
    version: String,
}

impl Source {
    fn of(path: &Path) -> Option<Self> {
        let meta = fs::metadata(path).ok()?;
        Some(Self {
            path: path.to_owned(),
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
            version: VERSION.to_owned(),
        })
    }
}

/// Brings the facilities of `path` into use, by way of a copy in `state_dir`, whose lock the caller holds. A file that is not
/// good leaves the copy of the last good one in use.
///
/// # Errors
/// What is wrong with the file, if there is no earlier copy that could be used.
pub fn take_over(path: &Path, state_dir: &Path) -> Result<InUse, Vec<Fault>> {
    let dir = state_dir.join("atlas");
    let (copy, note) = (dir.join("current.atlas"), dir.join("current.json"));
    let source = Source::of(path);
    let known = fs::read(&note).ok().and_then(|json| serde_json::from_slice::<Source>(&json).ok());
    let kept = open(&copy);
    if let Some(Err(fault)) = &kept {
        tracing::error!(%fault, "our copy of the facilities cannot be used");
    }
    if let Some(Ok(facilities)) = &kept
        && source.is_some()
        && source == known
    {
        return Ok(InUse::good(facilities.clone()));
    }
    let bytes = match read_compiled(path) {
        Ok(bytes) => bytes,
        Err(refused) => {
            return match kept {
                Some(Ok(facilities)) => Ok(InUse { refused, ..InUse::good(facilities) }),
                Some(Err(fault)) => Err(refused.into_iter().chain([fault]).collect()),
                None => Err(refused),
            };
        }
    };
    let write_both = || {
        fs::create_dir_all(&dir)?;
        // The note goes first and comes last: whatever happens between, the next start compiles again.
        let _ = fs::remove_file(&note);
        write(&copy, &bytes)?;
        write(&note, &serde_json::to_vec(&source).unwrap_or_default())
    };
    let failed = write_both().err().map(|error| format!("{}: {error}", dir.display()));
    match (failed, open(&copy)) {
        (None, Some(Ok(facilities))) => {
            let (facility, fences) = (facilities.count(), facilities.len());
            tracing::info!(facilities = facility, fences, bytes = bytes.len(), "facilities taken over");
            Ok(InUse { compiled: true, ..InUse::good(facilities) })
        }
        (failed, reopened) => {
            let reread = reopened.and_then(Result::err).map(|fault| fault.to_string());
            let not_kept = failed.or(reread).unwrap_or_else(|| format!("{}: it is gone again", copy.display()));
            let facilities = Facilities::open(bytes).map_err(|error| vec![error.fault(&path.display().to_string())])?;
            Ok(InUse { not_kept: Some(not_kept), ..InUse::good(facilities) })
        }
    }
}

/// Opens a copy, if there is one, and reads all of it once: a country's facilities take some ten milliseconds, and an atlas
/// that is wrong somewhere is found before it has decided anything.
fn open(copy: &Path) -> Option<Result<Facilities, Fault>> {
    let fault = |error: io::Error| Fault {
        file: copy.display().to_string(),
        line: None,
        what: format!("our copy of the facilities cannot be read: {error}"),
        remedy: "make it readable for the user that runs gatestamp, or delete it: it is made again".to_owned(),
    };
    let unusable = |error: crate::facility::Unusable| error.fault(&copy.display().to_string());
    match map(copy) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(Err(fault(error))),
        Ok(whole) => {
            let verified = Facilities::verify(whole.as_ref()).map_err(unusable);
            // Mapped anew: the pages that were read for the check are the kernel's again, and only what a drive touches counts.
            drop(whole);
            Some(verified.and_then(|()| Facilities::open(map(copy).map_err(fault)?).map_err(unusable)))
        }
    }
}

/// Writes a file so that after a power cut there is the old one or the new one, as a whole.
///
/// # Errors
/// What the file system says.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let written = (|| {
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}
