//! The serial port: opened for itself alone, listened to, and its speed found. Written to it is only what `gnss::configure` asks of a
//! receiver that is understood.

use super::holders::holders;
use super::trouble::{Kind, Trouble};
use crate::gnss::configure::{Configurator, Setup};
use crate::gnss::hunt::{Finding, Hunt};
use crate::gnss::intruder::Intruder;
use crate::time::Mono;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::path::{Path, PathBuf};
use tokio::io::AsyncReadExt;
use tokio_serial::{
    ClearBuffer, DataBits, FlowControl, Parity, SerialPort, SerialPortBuilderExt, SerialStream, StopBits,
};

/// Where a receiver's speed is looked for first if nobody knows it: most are new at this speed.
const USUAL: u32 = 9_600;

/// A port that is not open.
#[derive(Debug, Clone)]
pub(in crate::io) struct Serial {
    device: PathBuf,
    configured: Option<u32>,
    /// A u-blox receiver is configured.
    configure: bool,
    /// The speed that was proven last, in this run or in an earlier one.
    proven: Option<u32>,
}

/// An open port.
#[derive(Debug)]
pub(super) struct Line {
    stream: SerialStream,
    hunt: Hunt,
    intruder: Intruder,
    configurator: Option<Configurator>,
    /// Others who have it open too.
    pub(super) shared_with: Vec<String>,
}

/// What some bytes, or their absence, told about the port.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) finding: Option<Finding>,
    /// AT commands so far, where new ones were among the bytes.
    pub(super) commands: Option<u64>,
    /// What came is left over from another speed.
    pub(super) discard: bool,
    /// What configuring the receiver came to.
    pub(super) setup: Option<Setup>,
}

impl Serial {
    pub(super) fn new(device: PathBuf, configured: Option<u32>, configure: bool, proven: Option<u32>) -> Self {
        Self { device, configured, configure, proven }
    }

    /// The next opening begins with this speed.
    pub(super) fn proven(&mut self, speed: u32) {
        self.proven = Some(speed);
        self.configured = Some(speed);
    }

    pub(super) fn open(&self) -> Result<Line, Trouble> {
        // The configured speed first: whoever wrote it down may just have put in another receiver.
        let speed = self.configured.or(self.proven).unwrap_or(USUAL);
        let shared_with = holders(&self.device);
        let open = tokio_serial::new(self.device.to_string_lossy(), speed)
            .data_bits(DataBits::Eight)
            .parity(Parity::None)
            .stop_bits(StopBits::One)
            .flow_control(FlowControl::None)
            .open_native_async();
        let stream = open.map_err(|error| why_not(&self.device, &error.to_string(), &shared_with))?;
        let refused = |what: &str| Trouble::new(Kind::NotAPort, format!("{}: {what}", self.device.display()));
        // Some drivers take settings and do not keep them; with flow control on, some FTDI receivers hang (gpsd, `serial.c`).
        if stream.flow_control().ok() != Some(FlowControl::None) || stream.parity().ok() != Some(Parity::None) {
            return Err(refused("the port does not keep its settings (8N1, no flow control)"));
        }
        // What waited in the buffer while nobody read is old: it must not pass for now.
        stream.clear(ClearBuffer::Input).map_err(|error| refused(&error.to_string()))?;
        let hunt = Hunt::new(speed, self.proven);
        let configurator = self.configure.then(|| Configurator::new(is_usb(&self.device)));
        Ok(Line { stream, hunt, intruder: Intruder::default(), configurator, shared_with })
    }
}

impl Line {
    /// The speed that it is set to, bit/s.
    pub(super) fn speed(&self) -> u32 {
        self.hunt.speed()
    }

    /// Other speeds are being tried.
    pub(super) fn is_scanning(&self) -> bool {
        self.hunt.is_scanning()
    }

    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Trouble> {
        loop {
            match self.stream.read(buffer).await {
                // A ready descriptor that gives nothing is an unplugged one; reading on would spin.
                Ok(0) => return Err(Trouble::new(Kind::Unplugged, "the device is gone (end of file)")),
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Trouble::new(Kind::Unplugged, format!("reading failed: {error}"))),
            }
        }
    }

    pub(super) fn heard(&mut self, at: Mono, bytes: &[u8]) -> Result<Told, Trouble> {
        if self.hunt.is_settling(at) {
            return Ok(Told { discard: true, ..Told::default() });
        }
        let commands = self.intruder.heard(bytes).then(|| self.intruder.commands());
        let finding = self.hunt.heard(at, bytes);
        self.found(finding)?;
        Ok(Told { finding, commands, discard: false, setup: self.configure(at, bytes) })
    }

    fn configure(&mut self, at: Mono, bytes: &[u8]) -> Option<Setup> {
        let speed = self.hunt.is_sound(at).then(|| self.hunt.speed());
        let told = self.configurator.as_mut()?.heard(at, bytes, speed);
        if let Some(request) = told.request {
            // Never waits: a port that takes nothing must not keep us from reading. What is not or only half sent gets no
            // answer, and is asked again.
            let sent = self.stream.try_write(&request);
            tracing::debug!(?request, ?sent, "the receiver is asked");
        }
        told.setup
    }

    pub(super) fn tick(&mut self, at: Mono) -> Result<Told, Trouble> {
        let finding = self.hunt.tick(at);
        self.found(finding)?;
        Ok(Told { finding, ..Told::default() })
    }

    fn found(&mut self, finding: Option<Finding>) -> Result<(), Trouble> {
        let Some(Finding::Switch(speed)) = finding else { return Ok(()) };
        if let Some(configurator) = &mut self.configurator {
            configurator.speed_changed();
        }
        let set = self.stream.set_baud_rate(speed).and_then(|()| self.stream.clear(ClearBuffer::Input));
        set.map_err(|error| Trouble::new(Kind::Unplugged, format!("the speed cannot be set: {error}")))
    }
}

/// A receiver with a USB port of its own is a modem to the system (cdc_acm), whose line has no speed.
fn is_usb(device: &Path) -> bool {
    let real = device.canonicalize().unwrap_or_else(|_| device.to_owned());
    real.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ttyACM"))
}

/// The library tells all causes in one kind of error, so the system is asked once more.
fn why_not(device: &Path, error: &str, others: &[String]) -> Trouble {
    let name = device.display();
    let again =
        rustix::fs::open(device, OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty());
    let by = if others.is_empty() { "another program".to_owned() } else { others.join(", ") };
    match again {
        Err(Errno::NOENT) => Trouble::new(Kind::Unplugged, format!("{name} is not there")),
        Err(Errno::ACCESS | Errno::PERM) => Trouble::new(Kind::Forbidden, format!("{name} may not be opened")),
        Err(Errno::BUSY) => Trouble::new(Kind::Busy, format!("{name} is in use by {by}")),
        Err(Errno::ISDIR | Errno::NOTDIR | Errno::LOOP) => {
            Trouble::new(Kind::NotAPort, format!("{name} is no serial port: {error}"))
        }
        Err(errno) => Trouble::new(Kind::Unplugged, format!("{name} cannot be opened: {errno}")),
        Ok(file) if !rustix::termios::isatty(&file) => {
            Trouble::new(Kind::NotAPort, format!("{name} is no serial port: {error}"))
        }
        // It opens, so somebody keeps a lock on it; those who only have it open are told when it is open.
        Ok(_) => Trouble::new(Kind::Busy, format!("{name} is locked by {by}: {error}")),
    }
}
