//! How is what dispatch has kept twice, and brought back?
//!
//! A copy is older than what was acknowledged since, and trucks ignore an acknowledgement that goes back. Nor does a hole show what is
//! missing: a truck that parks after its last event may have said its `state` before it. So a copy that is put in the database's place is
//! marked (`store::restored`), and every truck is asked by a signed `replay_from` for everything above what is there, until it answers.
//! What a truck no longer keeps is named lost by it.

mod everything;
mod server;

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

pub use everything::save_everything;
use server::Server;

use crate::clock::wall_ms;
use crate::store::{self, Place, Sqlite, StoreError, restored};

/// A copy lies in a folder of somebody's, perhaps on a share.
const COPY_MODE: u32 = 0o600;
/// As the service's own umask makes the database.
const MODE: u32 = 0o640;

/// Writes a backup while the receiver runs; says what was checked.
///
/// # Errors
/// When it cannot be written, is there already, or does not read back.
pub fn save(place: &Place, to: &Path) -> Result<String, StoreError> {
    if to.exists() {
        return Err(StoreError::Refused(format!("{} is there already: nothing is written over", to.display())));
    }
    if !folder_of(to).is_dir() {
        return Err(StoreError::Refused(format!(
            "{}: the folder is not there: make or mount it first",
            folder_of(to).display()
        )));
    }
    let partial = with_ending(to, ".partial");
    // A leaving of a run that was killed.
    let _ = fs::remove_file(&partial);
    // It holds where every truck was. SQLite and pg_dump both fill an empty file that is there, and leave its mode.
    let empty = OpenOptions::new().write(true).create_new(true).mode(COPY_MODE).open(&partial);
    empty.map_err(|fault| failed(&partial, &fault))?;
    match place {
        Place::Sqlite(file) => {
            Sqlite::beside(file)?.copy_to(&partial)?;
            let mut copy = Sqlite::beside(&partial)?;
            restored::mark(&mut copy, wall_ms())?;
            whole(copy, &partial)?;
        }
        Place::Postgres { url, ca } => {
            let file = partial.to_string_lossy().into_owned();
            let server = Server::of(url, ca.as_deref())?;
            server.tool("pg_dump", &["--format=custom", "--no-owner", "--file", &file, "--dbname", &server.name])?;
            // Reads the whole archive back without touching any database.
            server.tool("pg_restore", &["--file=/dev/null", &file])?;
            sync(&partial)?;
        }
    }
    put(&partial, to)?;
    Ok(format!("{} is written and reads back whole", to.display()))
}

/// Puts a backup in the place of a database that is not there, and marks it: what trucks delivered since is asked for again.
///
/// # Errors
/// When there is one, when a receiver runs, or when the backup is damaged.
pub fn bring_back(place: &Place, from: &Path) -> Result<(), StoreError> {
    if !from.exists() {
        return Err(StoreError::Refused(format!("{} is not there", from.display())));
    }
    let began_ms = wall_ms();
    match place {
        Place::Sqlite(file) => {
            let _lock = Sqlite::lock(file)?;
            give_to_the_folder(&Sqlite::lock_path(file), file)?;
            let log = with_ending(file, "-wal");
            if let Some(there) = [file, &log].into_iter().find(|path| path.exists()) {
                let name = there.display();
                return Err(StoreError::Refused(format!(
                    "{name} is there: stop the receiver and move it, and what begins with its name, somewhere else first"
                )));
            }
            let new = with_ending(file, ".new");
            let placed = place_copy(from, &new, file);
            if placed.is_err() {
                forget(&new);
            }
            placed?;
        }
        Place::Postgres { url, ca } => {
            let file = from.to_string_lossy().into_owned();
            let server = Server::of(url, ca.as_deref())?;
            // In one transaction: an existing table ends it, and nothing has changed.
            let strict = ["--exit-on-error", "--single-transaction", "--no-owner", "--dbname", &server.name, &file];
            server.tool("pg_restore", &strict)?;
        }
    }
    // Opens with this release, or says why not.
    let mut store = store::beside(place)?;
    // An archive of an earlier release does not say which database it was.
    let marked = restored::when(store.as_mut())?.is_some_and(|marked_ms| marked_ms >= began_ms);
    if matches!(place, Place::Postgres { .. }) && !marked {
        store.begin()?;
        restored::mark_postgres(store.as_mut(), wall_ms())?;
        store.commit()?;
    }
    Ok(())
}

fn place_copy(from: &Path, new: &Path, file: &Path) -> Result<(), StoreError> {
    // A leaving of a run that was killed.
    forget(new);
    let mut copy = File::open(from).map_err(|fault| failed(from, &fault))?;
    write_new(&mut copy, new, Permissions::from_mode(MODE))?;
    // What is wrong with it was wrong with the copy that was given, and that is the name that a person knows.
    let given = |fault: StoreError| {
        let told = |why: String| why.replace(&*new.to_string_lossy(), &from.to_string_lossy());
        match fault {
            StoreError::Failed(why) => StoreError::Failed(told(why)),
            StoreError::Refused(why) => StoreError::Refused(told(why)),
        }
    };
    Sqlite::of_backup(new).and_then(|copy| whole(copy, new)).map_err(given)?;
    mark(new)?;
    give_to_the_folder(new, file)?;
    put(new, file)
}

/// Removes a database that is not in use yet, and what `SQLite` keeps beside it.
fn forget(file: &Path) {
    for ending in ["", "-wal", "-shm"] {
        // Most of them were never made.
        let _ = fs::remove_file(with_ending(file, ending));
    }
}

fn whole(mut opened: Sqlite, copy: &Path) -> Result<(), StoreError> {
    let found = opened.integrity()?;
    drop(opened);
    // Opening it made these; closing removes them unless the disk is full.
    let _ = [fs::remove_file(with_ending(copy, "-wal")), fs::remove_file(with_ending(copy, "-shm"))];
    if found != "ok" {
        return Err(StoreError::Refused(format!("{} is damaged: {found}", copy.display())));
    }
    sync(copy)
}

/// Before the copy has its name: a restore that ends here can simply be done again.
fn mark(new: &Path) -> Result<(), StoreError> {
    let mut store = Sqlite::beside(new)?;
    restored::mark_sqlite(&mut store, wall_ms())?;
    // The last connection moves the log into the file.
    drop(store);
    sync(new)
}

/// Renames for good: a name outlives a power cut when its folder is on the disk.
fn put(new: &Path, file: &Path) -> Result<(), StoreError> {
    fs::rename(new, file).map_err(|fault| failed(file, &fault))?;
    sync(folder_of(file))
}

/// Root restores, and the service, another user, has to write: what root made belongs to whom the database's folder belongs.
fn give_to_the_folder(made: &Path, file: &Path) -> Result<(), StoreError> {
    let folder = folder_of(file);
    let folder = fs::metadata(folder).map_err(|fault| failed(folder, &fault))?;
    if folder.uid() == 0 {
        return Ok(());
    }
    // The folder's owner could have put a link there, to get what root owns elsewhere.
    let (opened, found) = itself(made)?;
    if found.uid() == 0 && found.nlink() > 1 {
        return Err(linked(made));
    }
    if found.uid() == 0 {
        fchown(&opened, Some(folder.uid()), Some(folder.gid())).map_err(|fault| failed(made, &fault))?;
    }
    Ok(())
}

/// The file that has this name and no other one, opened: in somebody else's folder a link leads to whatever he likes.
fn itself(path: &Path) -> Result<(File, Metadata), StoreError> {
    let named = fs::symlink_metadata(path).map_err(|fault| failed(path, &fault))?;
    if !named.is_file() {
        return Err(linked(path));
    }
    let opened = File::open(path).map_err(|fault| failed(path, &fault))?;
    let found = opened.metadata().map_err(|fault| failed(path, &fault))?;
    // It may have become one just now.
    if (found.dev(), found.ino()) != (named.dev(), named.ino()) { Err(linked(path)) } else { Ok((opened, found)) }
}

fn linked(path: &Path) -> StoreError {
    let name = path.display();
    StoreError::Refused(format!(
        "{name} is a link, and what it leads to may be anybody's: put what it leads to in its place"
    ))
}

/// Copies into a file that is not there yet: whoever put one there, or a link, does not get what is written.
fn write_new(from: &mut File, to: &Path, mode: Permissions) -> Result<(), StoreError> {
    let new = OpenOptions::new().write(true).create_new(true).mode(COPY_MODE).open(to);
    let copied = new.and_then(|mut new| {
        io::copy(from, &mut new)?;
        new.set_permissions(mode)?;
        new.sync_all()
    });
    copied.map_err(|fault| failed(to, &fault))
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync(file: &Path) -> Result<(), StoreError> {
    File::open(file).and_then(|file| file.sync_all()).map_err(|fault| failed(file, &fault))
}

fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn failed(file: &Path, fault: &io::Error) -> StoreError {
    StoreError::Failed(format!("{}: {fault}", file.display()))
}
