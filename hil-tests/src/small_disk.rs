//! What if the disk has next to no room?

use std::ffi::CStr;
use std::fs::{File, create_dir_all};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A small file system in memory, unmounted when dropped.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one at `at`, which is made; `options` are those of tmpfs. None where that is not permitted: only root may.
    #[must_use]
    pub fn mount(at: &Path, options: &CStr) -> Option<Self> {
        create_dir_all(at).ok()?;
        mount("tmpfs", at, "tmpfs", MountFlags::empty(), options).ok()?;
        Some(Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the journal may still be open in a failing test.
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

/// Writes `filler` until its disk has room for no more than so many bytes, in whole pages.
///
/// # Errors
/// When the file cannot be made, or nobody says how much room there is.
pub fn fill(filler: &Path, left: u64) -> io::Result<()> {
    let mut file = File::create(filler)?;
    let disk = statvfs(filler)?;
    let block = vec![0; usize::try_from(disk.f_frsize).map_err(io::Error::other)?];
    while statvfs(filler)?.f_bavail * disk.f_frsize > left && file.write_all(&block).is_ok() {}
    // What is left of a page that is taken already.
    if left == 0 {
        while file.write_all(&[0]).is_ok() {}
    }
    Ok(())
}
