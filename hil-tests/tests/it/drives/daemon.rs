//! Does the daemon decide over a serial line what `replay` decides from the file?
//!
//! The drive's bytes go through a pseudo-terminal into `gatestamp run` as fast as it takes them, none lost, so that half an hour takes
//! seconds. There is no broker: what is decided must not depend on a link. After SIGTERM the journal is
//! read. Its events must be, byte for byte, those that `replay` derives from the recording which the daemon kept; and its visits must
//! be those which `replay` derives from the drive's file, but for what names the run (`id`, `sequence`, `clock`).

use std::fs::{self, File};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use hil_tests::clock::await_condition;
use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::agent::{binary, json_lines, replay, stdout_of, text};
use super::line::Line;
use super::places::{KOLOMNA_TOWN, MOUNTAIN_VIEW, MUNICH_CITY, SILVRETTA_PASS, Scene};
use super::shelf::{Shelf, bytes_of};
use super::visits::{VISIT_PREFIX, faults};

/// The daemon's timers run this much faster: quick enough to matter, slow enough that a busy machine does not look like silence.
const TIME_SCALE: &str = "10";
const PATIENCE: Duration = Duration::from_secs(30);
/// A complete sentence ahead of the drive, for a reader that drops the first one after opening a line as perhaps a half one.
const PREAMBLE: &[u8] = b"$GPTXT,01,01,02,drive*21\r\n";

#[test]
fn mountain_view_over_a_serial_line() {
    check(&MOUNTAIN_VIEW);
}

#[test]
fn munich_over_a_serial_line() {
    check(&MUNICH_CITY);
}

#[test]
fn silvretta_over_a_serial_line() {
    check(&SILVRETTA_PASS);
}

#[test]
fn kolomna_over_a_serial_line() {
    check(&KOLOMNA_TOWN);
}

fn check(scene: &Scene) {
    let Some(shelf) = Shelf::open() else { return };
    let truck = Truck::new(scene);
    let drive = shelf.drive(scene.drive);
    let from_file = visits_of(&json_lines(&truck.replay(&drive)));

    let mut daemon = truck.start();
    assert!(daemon.take(PREAMBLE) && daemon.take(&bytes_of(&drive)), "the daemon does not read: {}", truck.log());
    // No verdict yet: what the daemon stored is judged after its end.
    let _ = await_condition(PATIENCE, || truck.visits_stored() >= from_file.len());
    let ended = daemon.terminate();
    assert!(ended.success() && !truck.log().contains("panicked at"), "the daemon ended with {ended}: {}", truck.log());

    let journal = truck.journal();
    let derived = truck.replay(&truck.path("state/recording"));
    let derived: Vec<&[u8]> = derived.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
    for (stored, again) in journal.iter().zip(&derived) {
        assert_eq!(
            String::from_utf8_lossy(stored),
            String::from_utf8_lossy(again),
            "the journal, and the recording replayed"
        );
    }
    assert_eq!(journal.len(), derived.len(), "events in the journal, and in the recording replayed");

    let events = json_lines(&journal.join(&b'\n'));
    assert_eq!(visits_of(&events), from_file, "the visits over the line, and from the file: {}", truck.log());
    let faults = faults(&events, scene);
    assert!(faults.is_empty(), "{}:\n{}", scene.drive.folder, faults.join("\n"));
}

/// The visit events without what names the run instead of the visit.
fn visits_of(events: &[Value]) -> Vec<Value> {
    let is_visit = |event: &&Value| text(event, "/type").starts_with(VISIT_PREFIX);
    let nameless = |event: &Value| {
        let mut event = event.clone();
        let members = event.as_object_mut().expect("an event is an object");
        members.remove("id");
        members.remove("sequence");
        members["data"].as_object_mut().expect("its data too").remove("clock");
        event
    };
    events.iter().filter(is_visit).map(nameless).collect()
}

/// A folder with all that a gateway has: facilities, configuration, state and a serial port.
struct Truck {
    folder: TempDir,
}

impl Truck {
    fn new(scene: &Scene) -> Self {
        let truck = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        fs::write(truck.path("facilities.geojson"), scene.geojson()).expect("room for the facilities");
        fs::write(truck.path("config.toml"), truck.config()).expect("room for the configuration");
        truck
    }

    /// Port 1 of this machine refuses: the truck is out of coverage for the whole drive.
    fn config(&self) -> String {
        let [device, facilities, state] = ["gnss", "facilities.geojson", "state"].map(|name| self.path(name));
        format!(
            "simulation = true\n\
             [truck]\nfleet = \"drives\"\nid = \"recorded\"\n\
             [gnss]\nsource = \"serial\"\ndevice = {device:?}\nbaud = 115200\ndate_floor = \"none\"\n\
             [facilities]\npath = {facilities:?}\n\
             [state]\ndir = {state:?}\n\
             [mqtt]\nurl = \"mqtt://127.0.0.1:1\"\n"
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn replay(&self, recording: &Path) -> Vec<u8> {
        let config = self.path("config.toml");
        let run = replay([
            "--config".as_ref(),
            config.as_os_str(),
            "--output".as_ref(),
            "events".as_ref(),
            recording.as_os_str(),
        ]);
        stdout_of(run, &recording.display())
    }

    /// Starts the daemon and waits until it says that it is ready, which it does after it opened the port.
    fn start(&self) -> Daemon {
        let line = Line::open().expect("the system has a terminal left");
        std::os::unix::fs::symlink(line.device(), self.path("gnss")).expect("a name in our own folder");
        let ready = UnixDatagram::bind(self.path("notify")).expect("a socket in our own folder");
        ready.set_read_timeout(Some(PATIENCE)).expect("a socket has a timeout");
        let log = File::create(self.path("log")).expect("room for the log");
        let child = Command::new(binary())
            .args(["run", "--time-scale", TIME_SCALE, "--config"])
            .arg(self.path("config.toml"))
            .env("NOTIFY_SOCKET", self.path("notify"))
            .stdout(log.try_clone().expect("a second name of the log"))
            .stderr(log)
            .spawn()
            .expect("the agent starts");
        let daemon = Daemon { child, line };
        let mut told = [0; 1_024];
        loop {
            let count = ready.recv(&mut told).unwrap_or_else(|error| panic!("not ready: {error}: {}", self.log()));
            if told[..count].split(|&byte| byte == b'\n').any(|word| word == b"READY=1") {
                return daemon;
            }
        }
    }

    /// How many visit events the running daemon has stored; none if it does not let others look yet.
    fn visits_stored(&self) -> usize {
        let count = || {
            let journal = Connection::open_with_flags(self.path("state/journal.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            let query = "SELECT COUNT(*) FROM event WHERE instr(CAST(body AS TEXT), ?1)";
            journal.query_row(query, [VISIT_PREFIX], |row| row.get::<_, i64>(0))
        };
        count().ok().and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
    }

    /// The stored bytes of every event, in order, once the daemon has ended.
    fn journal(&self) -> Vec<Vec<u8>> {
        let journal = hil_tests::journal::read(&self.path("state")).expect("the journal can be read");
        assert_eq!(journal.integrity, "ok");
        journal.events.into_iter().map(|(_, body)| body).collect()
    }
}

/// The running daemon and the line into it.
struct Daemon {
    child: Child,
    line: Line,
}

impl Daemon {
    /// Sends everything; false when the daemon does not take it.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let child = &mut self.child;
        self.line.feed(bytes, PATIENCE, || matches!(child.try_wait(), Ok(None)))
    }

    fn terminate(mut self) -> ExitStatus {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).expect("it is still running");
        let mut status = None;
        await_condition(PATIENCE, || {
            status = self.child.try_wait().expect("our own child");
            status.is_some()
        });
        status.expect("the daemon ends after SIGTERM")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Already gone is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
