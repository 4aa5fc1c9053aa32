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

/// u-blox AG, as its receivers say on USB (linux-usb.org/usb.ids).
const UBLOX_ON_USB: &str = "1546";
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
        // Whoever reads the port too takes bytes of the answers, may send frames of its own between ours, and did not ask for other messages.
        let configurator = (self.configure && shared_with.is_empty())
            .then(|| Configurator::new(is_receivers_own_usb(&self.device, Path::new("/sys/class/tty"))));
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

/// A receiver with a USB port of its own is a modem to the system (cdc_acm), whose line has no speed. So are Arduinos and other adapters with a
/// UART behind them, which has one: the vendor tells them apart. `class`: where the system describes its ports.
fn is_receivers_own_usb(device: &Path, class: &Path) -> bool {
    let real = device.canonicalize().unwrap_or_else(|_| device.to_owned());
    let Some(name) = real.file_name().filter(|name| name.to_string_lossy().starts_with("ttyACM")) else { return false };
    // `device` leads to the interface, above which is the device on the bus (sysfs-bus-usb).
    let vendor = std::fs::read_to_string(class.join(name).join("device/../idVendor"));
    vendor.is_ok_and(|vendor| vendor.trim() == UBLOX_ON_USB)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::source::tests::terminal;
    use std::fs;
    use std::process::{Command, Stdio};

    #[test]
    fn only_what_u_blox_has_on_the_bus_talks_at_any_speed() {
        let root = tempfile::tempdir().unwrap();
        let class = root.path().join("class");
        for (name, vendor) in
            [("ttyACM0", Some("1546\n")), ("ttyACM1", Some("2341\n")), ("ttyACM2", None), ("ttyUSB0", Some("1546\n"))]
        {
            let interface = root.path().join("bus").join(name).join("1-1:1.0");
            fs::create_dir_all(&interface).unwrap();
            if let Some(vendor) = vendor {
                fs::write(interface.with_file_name("idVendor"), vendor).unwrap();
            }
            fs::create_dir_all(class.join(name)).unwrap();
            std::os::unix::fs::symlink(&interface, class.join(name).join("device")).unwrap();
            fs::write(root.path().join(name), "").unwrap();
        }
        std::os::unix::fs::symlink(root.path().join("ttyACM0"), root.path().join("gnss")).unwrap();
        let told = |name: &str| is_receivers_own_usb(&root.path().join(name), &class);
        let named = ["ttyACM0", "gnss", "ttyACM1", "ttyACM2", "ttyUSB0", "ttyACM9"].map(told);
        assert_eq!(named, [true, true, false, false, false, false]);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_port_that_another_program_reads_is_not_written_to() {
        let (_master, device) = terminal();
        let serial = Serial::new(device.clone(), Some(9_600), true, None);
        let slave = fs::File::open(&device).unwrap();
        let mut other = Command::new("sleep").arg("60").stdin(Stdio::from(slave)).spawn().unwrap();
        let shared = serial.open().unwrap();
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(shared.shared_with.iter().any(|name| name.starts_with("sleep (pid ")), "{:?}", shared.shared_with);
        assert!(shared.configurator.is_none());
        drop(shared);
        let alone = serial.open().unwrap();
        assert!(alone.shared_with.is_empty() && alone.configurator.is_some(), "{:?}", alone.shared_with);
    }
}
