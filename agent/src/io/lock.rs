//! One writer a state directory: an advisory lock on the file `lock` in it, held as long as the process lives. The system gives it back
//! after a kill too.

use super::run::RunError;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::path::Path;

const NAME: &str = "lock";

/// Takes the state directory `dir`, which is made where it is missing, until the file is dropped.
///
/// # Errors
/// [`RunError::InUse`] where another process has it, [`RunError::StateDir`] where it cannot be used.
pub fn take(dir: &Path) -> Result<File, RunError> {
    let dir_error = |error| RunError::StateDir { dir: dir.to_owned(), error };
    fs::create_dir_all(dir).map_err(dir_error)?;
    let file = File::create(dir.join(NAME)).map_err(dir_error)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| RunError::InUse(dir.to_owned()))?;
    Ok(file)
}

/// Whether a process has it.
#[must_use]
pub fn is_taken(dir: &Path) -> bool {
    let Ok(file) = File::open(dir.join(NAME)) else { return false };
    flock(&file, FlockOperation::NonBlockingLockExclusive).is_err()
}
