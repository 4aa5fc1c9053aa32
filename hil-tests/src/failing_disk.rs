//! What if the disk stops taking what is written?

use std::fs::{File, create_dir_all};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Pid, Signal, kill_process};

use crate::clock::await_condition;

const PATIENCE: Duration = Duration::from_secs(10);
/// Of the file that stands for the disk.
const BYTES: u64 = 32 << 20;

/// An ext4 file system in a file, unmounted when dropped.
#[derive(Debug)]
pub struct Ext4 {
    image: PathBuf,
    at: PathBuf,
}

impl Ext4 {
    /// Makes one in `image` and mounts it at `at`, which is made. None where that is not permitted, or a program for it is missing.
    #[must_use]
    pub fn mount(image: &Path, at: &Path) -> Option<Self> {
        create_dir_all(at).ok()?;
        File::create(image).and_then(|file| file.set_len(BYTES)).ok()?;
        let disk = Self { image: image.to_owned(), at: at.to_owned() };
        let made = run(Command::new("/usr/sbin/mkfs.ext4").args(["-q", "-F"]).arg(image));
        (made && disk.mount_again()).then_some(disk)
    }

    /// Mounts it, as a start of the gateway does. Whether it is.
    #[must_use]
    pub fn mount_again(&self) -> bool {
        run(Command::new("mount").args(["-t", "ext4", "-o", "loop"]).arg(&self.image).arg(&self.at))
    }

    /// It goes read-only under those who write, as ext4 does by itself after an error. Whether it did.
    #[must_use]
    pub fn abort(&self) -> bool {
        run(Command::new("mount").args(["-o", "remount,abort"]).arg(&self.at))
    }

    /// Unmounts it. Whether it is: nobody may use it.
    #[must_use]
    pub fn unmount(&self) -> bool {
        unmount(&self.at, UnmountFlags::empty()).is_ok()
    }
}

impl Drop for Ext4 {
    fn drop(&mut self) {
        let _ = unmount(&self.at, UnmountFlags::DETACH);
    }
}

fn run(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|ended| ended.success())
}

/// A process of which a call fails; dropping this ends that.
#[derive(Debug)]
pub struct Failing(Child);

impl Failing {
    /// From here on each `call` of `pid` fails with `error`, such as EIO. `told`: a file for what strace says. None where nobody may look into another
    /// process.
    ///
    /// # Errors
    /// When strace does not run.
    pub fn begin(pid: u32, call: &str, error: &str, told: &Path) -> io::Result<Option<Self>> {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-o", "/dev/null", "-e", &format!("trace={call}")]);
        strace.args(["-e", &format!("inject={call}:error={error}"), "-p", &pid.to_string()]);
        strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(told)?);
        let mut failing = Self(strace.spawn()?);
        let mut said = String::new();
        let attached = await_condition(PATIENCE, || {
            said.clear();
            let _ = File::open(told).and_then(|mut file| file.read_to_string(&mut said));
            said.contains("attached") || failing.0.try_wait().is_ok_and(|ended| ended.is_some())
        });
        Ok((attached && said.contains("attached")).then_some(failing))
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        // It lets go of the process then.
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
        let _ = self.0.wait();
    }
}
