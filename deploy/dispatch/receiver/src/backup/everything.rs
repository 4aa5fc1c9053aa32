//! What brings a whole lost computer back? The database's copy, and beside it the folder that `init` made, as it is.
//!
//! ```text
//!  COPY/database        as `backup` writes it without this
//!  COPY/installation/   ca, broker, receiver, receivers, trucks, removed
//! ```
//!
//! All of it or nothing: with `ca/` alone the next `add-truck` would write an ACL without the other trucks.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::{failed, folder_of, itself, linked, put, save, sync, with_ending, write_new};
use crate::installation::{self, FOLDERS};
use crate::store::{Place, StoreError};

/// What the broker remembers. It is written while we read, and trucks and receivers say everything again.
const BROKERS_MEMORY: &str = "broker/data";
/// What begins with the database's name and is no part of a copy: SQLite's own files, the receiver's lock, what a restore or a backup
/// that was killed has left.
const BESIDE: [&str; 6] = ["", "-wal", "-shm", ".lock", ".new", ".partial"];
/// The copy has every key in it.
const MODE: u32 = 0o700;

/// Writes database and installation into a new folder, while receiver and broker run; says what to do with it.
///
/// # Errors
/// When `config` is in no folder that `init` made, the copy is there already or lies in that folder, or something cannot be copied.
pub fn save_everything(config: &Path, place: &Place, to: &Path) -> Result<String, StoreError> {
    let dir = around(config)?;
    if to.exists() {
        return Err(StoreError::Refused(format!("{} is there already: nothing is written over", to.display())));
    }
    let target = folder_of(to);
    let target = target.canonicalize().map_err(|fault| failed(target, &fault))?;
    if target.starts_with(&dir) {
        return Err(StoreError::Refused(format!(
            "{} would die with {}: name another disk",
            to.display(),
            dir.display()
        )));
    }
    let partial = with_ending(to, ".partial");
    // A leaving of a run that was killed.
    let _ = fs::remove_dir_all(&partial);
    let made = DirBuilder::new().mode(MODE).create(&partial);
    made.map_err(|fault| failed(&partial, &fault))?;
    let written = fill(&dir, place, &partial).and_then(|()| put(&partial, to));
    if written.is_err() {
        // Half a copy of all keys helps nobody.
        let _ = fs::remove_dir_all(&partial);
    }
    written?;
    Ok(format!(
        "{} holds the database and all of {}. Keep it where nobody else gets at it: whoever has it can make himself a truck and \
         command yours",
        to.display(),
        dir.display()
    ))
}

/// The folder that `init` made around the configuration.
fn around(config: &Path) -> Result<PathBuf, StoreError> {
    let found = config.canonicalize().map_err(|fault| failed(config, &fault))?;
    let dir = found.parent().and_then(Path::parent).filter(|dir| {
        let there = |name: &&str| dir.join(name).is_dir();
        ["ca", "broker", "trucks"].iter().all(there)
    });
    let refused = || {
        StoreError::Refused(format!(
            "{} is not receiver/receiver.toml in a folder that `gatestamp-receiver init` made, with ca, broker and trucks beside \
             receiver: leave --everything out, and copy what you have made yourself",
            config.display()
        ))
    };
    dir.map(Path::to_owned).ok_or_else(refused)
}

fn fill(dir: &Path, place: &Place, to: &Path) -> Result<(), StoreError> {
    save(place, &to.join("database"))?;
    let copy = to.join("installation");
    fs::create_dir(&copy).map_err(|fault| failed(&copy, &fault))?;
    let database = files_of(place);
    let left_out =
        |path: &Path| database.iter().any(|file| file == path) || path.parent() == Some(&dir.join(BROKERS_MEMORY));
    // Whoever adds a truck waits: its bundle without its entry in the ACL would be a truck without rights.
    let _alone = installation::alone(dir).map_err(StoreError::Failed)?;
    for name in FOLDERS.iter().filter(|name| dir.join(name).is_dir()) {
        tree(&dir.join(name), &copy.join(name), &left_out)?;
    }
    sync(&copy)?;
    sync(to)
}

/// The database, which is copied apart, and what changes beside it under our hands: by their exact names, since a key's may begin as the
/// database's does. Where the configured name is a link, its own and that of what it leads to.
fn files_of(place: &Place) -> Vec<PathBuf> {
    let Place::Sqlite(file) = place else { return Vec::new() };
    let configured = folder_of(file).canonicalize().ok().and_then(|folder| Some(folder.join(file.file_name()?)));
    let files = configured.into_iter().chain(file.canonicalize().ok());
    files.flat_map(|file| BESIDE.map(|ending| with_ending(&file, ending))).collect()
}

/// Copies a folder and what is in it, with their modes. Root copies what other users own: a link of theirs would bring into the copy, and
/// with the next restore into their hands, what they may not read.
fn tree(from: &Path, to: &Path, left_out: &impl Fn(&Path) -> bool) -> Result<(), StoreError> {
    let in_from = |fault: std::io::Error| failed(from, &fault);
    let found = fs::symlink_metadata(from).map_err(in_from)?;
    if found.is_symlink() {
        return Err(linked(from));
    }
    let mode = found.permissions().mode();
    DirBuilder::new().mode(mode & 0o777).create(to).map_err(|fault| failed(to, &fault))?;
    for entry in fs::read_dir(from).map_err(in_from)? {
        let entry = entry.map_err(in_from)?;
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if left_out(&path) {
            continue;
        }
        let kind = fs::symlink_metadata(&path).map_err(|fault| failed(&path, &fault))?;
        if kind.is_dir() {
            tree(&path, &copy, left_out)?;
        } else if kind.is_file() || kind.is_symlink() {
            let (mut file, found) = itself(&path)?;
            write_new(&mut file, &copy, Permissions::from_mode(found.permissions().mode() & 0o777))?;
        }
    }
    sync(to)
}
