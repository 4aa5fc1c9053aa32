//! How is a file written that must not write over another one, and a secret that nobody else may read, by one at a time?

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::Path;

/// What went wrong with a file, in words.
pub(super) fn fault(path: &Path, found: &io::Error) -> String {
    format!("{}: {found}", path.display())
}

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|found| fault(path, &found))
}

/// Keeps everybody else who adds or removes away, as long as what it gives back lives. Without it the file of one lands in the bundle of
/// another, and an ACL that was read off before a removal is written after it.
pub(super) fn lock(dir: &Path) -> Result<File, String> {
    let trucks = dir.join("trucks");
    let held = File::open(&trucks).and_then(|folder| folder.lock().map(|()| folder));
    held.map_err(|found| format!("{}: name the folder that `init` made", fault(&trucks, &found)))
}

/// A folder; one that is there stays as it is.
pub(super) fn folder(path: &Path, mode: u32) -> Result<(), String> {
    fs::DirBuilder::new().recursive(true).mode(mode).create(path).map_err(|found| fault(path, &found))
}

/// A new file that everybody may read.
pub(super) fn write(path: &Path, text: &str) -> Result<(), String> {
    create(path, text, 0o644).map(drop)
}

/// A new file that its owner may read, from its first byte on.
pub(super) fn secret(path: &Path, text: &str) -> Result<(), String> {
    create(path, text, 0o600).map(drop)
}

fn create(path: &Path, text: &str, mode: u32) -> Result<File, String> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        Ok(file)
    });
    written.map_err(|found| fault(path, &found))
}

/// As many random bytes, in hexadecimal digits.
pub(super) fn random(bytes: &mut [u8]) -> Result<String, String> {
    let source = Path::new("/dev/urandom");
    File::open(source).and_then(|mut random| random.read_exact(bytes)).map_err(|found| fault(source, &found))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Puts a file in the place of another, whole or not at all. It belongs to whom the other belonged, as far as we may give it away: what
/// root writes anew must not become root's own under the service that owned it.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), String> {
    let new = path.with_extension("new");
    // A leaving of a run that was killed.
    let _ = fs::remove_file(&new);
    let file = create(&new, text, 0o644)?;
    // The folder is the broker's, so whatever has a name in it may be a link by now: what is given away is the file that we hold, and
    // whom a link leads to owns nothing here.
    if let Some(old) = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file) {
        let made = file.metadata().map_err(|found| fault(&new, &found))?;
        if made.uid() == 0 && (made.uid(), made.gid()) != (old.uid(), old.gid()) {
            fchown(&file, Some(old.uid()), Some(old.gid())).map_err(|found| fault(&new, &found))?;
        }
    }
    fs::rename(&new, path).map_err(|found| fault(path, &found))
}
