//! How does a recorded drive go through a serial line without loss?
//!
//! The rig's `hil_tests::pty::Port` drops what nobody reads, as a real line does. Half an hour of sentences in seconds needs the
//! opposite: a line on which the writer waits for the reader.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hil_tests::clock::now;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// A raw pseudo-terminal. The rig holds both ends, so that it outlives a daemon that dies.
pub(super) struct Line {
    writer: OwnedFd,
    reader: OwnedFd,
    device: PathBuf,
}

impl Line {
    pub(super) fn open() -> std::io::Result<Self> {
        let writer = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&writer)?;
        unlockpt(&writer)?;
        let device = PathBuf::from(ptsname(&writer, Vec::new())?.to_string_lossy().into_owned());
        let reader = rustix::fs::open(&device, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        let mut modes = tcgetattr(&reader)?;
        modes.make_raw();
        tcsetattr(&reader, OptionalActions::Now, &modes)?;
        let flags = rustix::fs::fcntl_getfl(&writer)?;
        rustix::fs::fcntl_setfl(&writer, flags | OFlags::NONBLOCK)?;
        Ok(Self { writer, reader, device })
    }

    /// Where the daemon finds its receiver.
    pub(super) fn device(&self) -> &Path {
        &self.device
    }

    /// Writes all bytes, waiting while the line is full, and then until the reader has taken them. False when nothing moved for
    /// `patience`, or when `reader_lives` says that there is nobody to wait for.
    pub(super) fn feed(&self, mut bytes: &[u8], patience: Duration, mut reader_lives: impl FnMut() -> bool) -> bool {
        let mut deadline = now() + patience;
        while !bytes.is_empty() || rustix::io::ioctl_fionread(&self.reader).is_ok_and(|waiting| waiting > 0) {
            match rustix::io::write(&self.writer, bytes) {
                Ok(written) if written > 0 => {
                    bytes = bytes.get(written..).unwrap_or_default();
                    deadline = now() + patience;
                }
                Ok(_) | Err(Errno::AGAIN | Errno::INTR) if now() < deadline && reader_lives() => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Ok(_) | Err(_) => return false,
            }
        }
        true
    }
}

#[test]
fn a_slow_reader_loses_nothing() {
    use std::io::Read as _;

    let line = Line::open().unwrap();
    let mut device = std::fs::File::open(line.device()).unwrap();
    let sent: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let expected = sent.len();
    let reader = std::thread::spawn(move || {
        let mut got = vec![0; expected];
        device.read_exact(&mut got).map(|()| got)
    });
    assert!(line.feed(&sent, Duration::from_secs(10), || true));
    assert!(reader.join().unwrap().unwrap() == sent, "what was sent, in order");
    assert!(!line.feed(&sent, Duration::from_millis(50), || true), "nobody reads");
}
