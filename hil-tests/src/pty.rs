//! How can a cable be plugged in and pulled out without hardware?
//!
//! A real pseudo-terminal under a stable symlink, as udev gives a receiver the name `/dev/gnss`. Pulling the cable closes the
//! master: the agent's descriptor hangs up and reads EIO, as with USB. Plugging it in again makes a new terminal with another
//! number under the same name.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{
    Action, ControlModes, InputModes, LocalModes, OptionalActions, QueueSelector, ioctl_tiocnxcl, tcflow, tcflush,
    tcgetattr, tcsetattr,
};

/// Of what the agent wrote so much is kept; a thousand times what a receiver is asked for at once.
const HEARD_MAX: usize = 65_536;

/// A serial port that may have a receiver on it.
#[derive(Debug)]
pub struct Port {
    name: PathBuf,
    plugged: Option<Pair>,
    /// The terminal of the last cable, whose number must not come back at once.
    last: Option<PathBuf>,
    dropped_bytes: u64,
    /// What the agent wrote to the receiver since it was last asked for, at most [`HEARD_MAX`] bytes.
    heard: Vec<u8>,
    /// How much it wrote altogether.
    heard_bytes: u64,
    /// The speed at which the receiver talks; none: at any.
    speed: Option<u32>,
}

/// How the agent has set the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Line speed, bit/s.
    pub speed: u32,
    /// Neither RTS/CTS nor XON/XOFF.
    pub flow_control_off: bool,
    /// No translation, no echo, eight bits.
    pub raw: bool,
}

/// Both ends of one terminal.
#[derive(Debug)]
struct Pair {
    master: OwnedFd,
    /// Held open so that a dead agent's end is none for the receiver; not while nobody else may have the port open.
    slave: Option<OwnedFd>,
    device: PathBuf,
}

impl Port {
    /// A port under `name`, with nothing plugged in: the name does not exist yet.
    #[must_use]
    pub fn unplugged(name: &Path) -> Self {
        Self {
            name: name.to_owned(),
            plugged: None,
            last: None,
            dropped_bytes: 0,
            heard: Vec::new(),
            heard_bytes: 0,
            speed: None,
        }
    }

    /// Plugs a receiver in: a new terminal, and the name pointing to it.
    ///
    /// # Errors
    /// When the system gives no terminal or the link cannot be made.
    pub fn plug(&mut self) -> io::Result<()> {
        self.unplug();
        let mut pair = Pair::open()?;
        if self.last.as_ref() == Some(&pair.device) {
            // The kernel gives the lowest free number. The next one is opened while this one is still held.
            pair = Pair::open()?;
        }
        std::os::unix::fs::symlink(&pair.device, &self.name)?;
        self.last = Some(pair.device.clone());
        self.plugged = Some(pair);
        Ok(())
    }

    /// Pulls the cable: the name disappears and whoever has the device open reads a hang-up.
    pub fn unplug(&mut self) {
        self.plugged = None;
        // Absent is what we want.
        let _ = std::fs::remove_file(&self.name);
    }

    /// The kernel's name of the present terminal, such as `/dev/pts/7`.
    #[must_use]
    pub fn device(&self) -> Option<&Path> {
        self.plugged.as_ref().map(|pair| pair.device.as_path())
    }

    /// Nobody but the agent has the port open from now on: a program that shares it keeps it from setting up the receiver.
    pub fn let_go(&mut self) {
        if let Some(pair) = &mut self.plugged {
            pair.slave = None;
        }
    }

    /// Bytes that found no room because nobody read, as on a real line.
    #[must_use]
    pub fn dropped_bytes(&self) -> u64 {
        self.dropped_bytes
    }

    /// The receiver talks at `speed` from now on. A pseudo-terminal has no wire, so whoever has set it to another speed is sent
    /// what a UART would make of it: garbage.
    pub fn talk_at(&mut self, speed: u32) {
        self.speed = Some(speed);
    }

    /// Bytes that the agent wrote to the receiver.
    pub fn heard_bytes(&mut self) -> u64 {
        self.listen();
        self.heard_bytes
    }

    /// What the agent wrote to the receiver since this was last asked.
    pub fn take_heard(&mut self) -> Vec<u8> {
        self.listen();
        std::mem::take(&mut self.heard)
    }

    fn listen(&mut self) {
        let Some(pair) = &self.plugged else { return };
        let mut bytes = [0_u8; 256];
        while let Ok(count @ 1..) = rustix::io::read(&pair.master, &mut bytes) {
            self.heard_bytes += u64::try_from(count).unwrap_or(0);
            let room = HEARD_MAX - self.heard.len();
            self.heard.extend_from_slice(bytes.get(..count.min(room)).unwrap_or_default());
        }
    }

    /// From now on the line takes nothing of what the agent writes, as with an adapter that hangs.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn block_writes(&self) -> io::Result<()> {
        let pair = self.plugged.as_ref().ok_or(io::ErrorKind::NotFound)?;
        pair.with_slave(|slave| tcflow(slave, Action::OOff))
    }

    /// How the agent has set the port, as the kernel tells.
    #[must_use]
    pub fn settings(&self) -> Option<Settings> {
        let modes = tcgetattr(&self.plugged.as_ref()?.master).ok()?;
        let flow = modes.control_modes.contains(ControlModes::CRTSCTS)
            || modes.input_modes.intersects(InputModes::IXON | InputModes::IXOFF);
        let raw = !modes.local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
            && !modes.input_modes.intersects(InputModes::ICRNL | InputModes::ISTRIP | InputModes::INLCR)
            && modes.control_modes.contains(ControlModes::CS8);
        Some(Settings { speed: modes.output_speed(), flow_control_off: !flow, raw })
    }

    /// Sets what an earlier program may have left: flow control on, lines translated.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn leave_cooked(&self) -> io::Result<()> {
        let Some(pair) = &self.plugged else { return Ok(()) };
        let mut modes = tcgetattr(&pair.master)?;
        modes.control_modes |= ControlModes::CRTSCTS;
        modes.input_modes |= InputModes::IXON | InputModes::IXOFF | InputModes::ICRNL;
        modes.local_modes |= LocalModes::ICANON;
        tcsetattr(&pair.master, OptionalActions::Now, &modes)?;
        Ok(())
    }

    /// Sends bytes up the line. Without a cable they are gone; a full line drops them and counts.
    pub fn send(&mut self, bytes: &[u8]) {
        let understood = self.speed.is_none_or(|speed| self.settings().is_some_and(|set| set.speed == speed));
        if understood {
            self.put(bytes);
        } else {
            let garbled: Vec<u8> = bytes.iter().map(|byte| byte.rotate_left(3) | 0x80).collect();
            self.put(&garbled);
        }
    }

    fn put(&mut self, mut bytes: &[u8]) {
        // Read away, so that what the agent writes never fills the line.
        self.listen();
        let Some(pair) = &self.plugged else { return };
        while !bytes.is_empty() {
            match rustix::io::write(&pair.master, bytes) {
                Ok(written) if written > 0 => bytes = bytes.get(written..).unwrap_or_default(),
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) | Err(_) => {
                    self.dropped_bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                    return;
                }
            }
        }
    }

    /// What the kernel does at the last close of a real port, and cannot do here while the rig holds the other end: forget that a
    /// dead process had it exclusively, and what it never read.
    pub fn forget_last_reader(&self) {
        if let Some(pair) = &self.plugged {
            // Both may only fail on a terminal that is gone, and then there is nothing to forget.
            let _ = pair.with_slave(|slave| ioctl_tiocnxcl(slave).and_then(|()| tcflush(slave, QueueSelector::IFlush)));
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.unplug();
    }
}

impl Pair {
    fn open() -> io::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let device = PathBuf::from(name.to_string_lossy().into_owned());
        let slave = open_slave(&device)?;
        let mut modes = tcgetattr(&slave)?;
        modes.make_raw();
        tcsetattr(&slave, OptionalActions::Now, &modes)?;
        let flags = rustix::fs::fcntl_getfl(&master)?;
        rustix::fs::fcntl_setfl(&master, flags | OFlags::NONBLOCK)?;
        Ok(Self { master, slave: Some(slave), device })
    }

    /// The other end, opened for a moment where it is not held.
    fn with_slave(&self, with: impl FnOnce(&OwnedFd) -> rustix::io::Result<()>) -> io::Result<()> {
        Ok(match &self.slave {
            Some(slave) => with(slave),
            None => open_slave(&self.device).and_then(|slave| with(&slave)),
        }?)
    }
}

fn open_slave(device: &Path) -> rustix::io::Result<OwnedFd> {
    rustix::fs::open(device, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_cable_pulled_is_an_error_and_a_cable_plugged_in_again_has_another_number() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let name = dir.path().join("gnss");
        let mut port = Port::unplugged(&name);
        assert!(!name.exists());
        port.plug().expect("a terminal");
        let first = port.device().expect("plugged").to_owned();
        let mut reader = std::fs::File::open(&name).expect("the symlink leads to it");
        port.send(b"$GPRMC\r\n");
        let mut bytes = [0; 8];
        reader.read_exact(&mut bytes).expect("what was sent");
        assert_eq!(&bytes, b"$GPRMC\r\n", "raw: no translation of line ends");
        port.unplug();
        assert!(!matches!(reader.read(&mut bytes), Ok(1..)), "hang-up");
        drop(reader);
        port.plug().expect("a second terminal");
        assert_ne!(port.device().expect("plugged"), first);
    }
}
