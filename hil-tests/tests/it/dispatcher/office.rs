//! A dispatcher who followed the instructions, and one truck that he gave its claim bundle.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use hil_tests::cab::Cab;
use hil_tests::clock::{SimClock, await_condition, now, utc_second_ms};
use hil_tests::event::Event;
use hil_tests::gateway::{self, Gateway};
use hil_tests::installation::{FLEET, Installation, TRUCK};
use hil_tests::journal;
use hil_tests::receiver::{self, Setup};
use hil_tests::receiving::Receiver;
use hil_tests::secured::{Secured, free_port};
use hil_tests::verdict::{Landed, judge};
use hil_tests::world::Shift;
use hil_tests::world::facility::Zone;
use hil_tests::world::truth::Direction;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

/// Commands hold for an hour, and the truck's clock runs ahead: a minute of ours is forty of its.
const SCALE: u32 = 40;
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Office and truck. Dropped in this order.
pub(crate) struct Office {
    shift: Shift,
    clock: SimClock,
    cab: Cab,
    gateway: Option<Gateway>,
    pub(crate) receiver: Receiver,
    pub(crate) broker: Secured,
    pub(crate) truck: Installation,
    program: PathBuf,
    config: PathBuf,
    dir: TempDir,
}

impl Office {
    /// `init`, the broker, the receiver, `add-truck`; then the truck gets its bundle and drives off.
    pub(crate) fn open(shift: Shift) -> Self {
        let dir = tempfile::Builder::new().prefix("gatestamp-office").tempdir().expect("a temporary directory");
        let program = gateway::program("gatestamp-receiver", "GATESTAMP_RECEIVER_BIN").expect("the receiver's binary");
        let (place, port) = (dir.path().join("dispatch"), free_port().expect("a port"));
        let installed = place.to_str().expect("UTF-8");
        call(&program, &["init", installed, "--host", "localhost", "--port", &port.to_string()]);
        let config = place.join("receiver/receiver.toml");
        // In the pace of the truck's time.
        let text = fs::read_to_string(&config).expect("made by init");
        let quick = text.replace("every_ms = 1000", "every_ms = 50").replace("patience_s = 300", "patience_s = 1");
        assert_ne!(quick, text);
        fs::write(&config, quick).expect("written");
        let broker = Secured::start(&place, port).expect("a broker");
        let receiver = Receiver::start(&program, &config).expect("the receiver starts");
        call(&program, &["add-truck", installed, FLEET, TRUCK]);
        broker.reload().expect("it runs");
        let vehicle = dir.path().join("truck");
        fs::create_dir(&vehicle).expect("made");
        let bundle = place.join("trucks").join(format!("{FLEET}.{TRUCK}"));
        let agent = gateway::binary().expect("the agent's binary");
        let truck = Installation::claim(agent, &vehicle, &shift, &bundle, SCALE).expect("a bundle");
        let start_utc_ms = utc_second_ms();
        let epochs = receiver::listen(&shift, start_utc_ms, Setup { cold_start_s: 30.0, ..Setup::default() });
        let mut cable = truck.port();
        cable.plug().expect("a terminal");
        let gateway = Some(truck.start().expect("the agent starts"));
        let clock = SimClock::start(start_utc_ms, SCALE);
        let cab = Cab::drive(cable, epochs, clock, std::io::sink()).expect("the shift starts");
        Self { shift, clock, cab, gateway, receiver, broker, truck, program, config, dir }
    }

    /// Waits until the shift has come this many seconds beyond the first crossing of a site.
    pub(crate) fn until(&mut self, facility: &str, direction: Direction, after_s: f64) {
        let mut crossings = self.shift.crossings.iter();
        let crossing = crossings.find(|c| (c.facility, c.zone, c.direction) == (facility, Zone::Site, direction));
        let at_s = crossing.expect("the shift crosses it").at_s + after_s;
        let patience = self.clock.wait_for(at_s) + PATIENCE;
        assert!(await_condition(patience, || self.cab.driven_s() >= at_s), "the cab stands: {}", self.said());
    }

    /// Waits until dispatch has acknowledged everything that the truck has.
    pub(crate) fn settle(&self) {
        let newest = || journal::highest(&self.truck.state());
        let there = || newest() > 0 && self.thru() == newest();
        assert!(await_condition(PATIENCE, there), "{} of {}: {}", self.thru(), newest(), self.said());
    }

    pub(crate) fn kill_agent(&mut self) {
        self.gateway.take().expect("an agent").kill();
        self.cab.port().forget_last_reader();
    }

    pub(crate) fn start_agent(&mut self) {
        self.gateway = Some(self.truck.start().expect("the agent starts"));
    }

    pub(crate) fn backup(&self) -> PathBuf {
        let copy = self.dir.path().join("copy");
        self.ask("backup", Some(&copy));
        copy
    }

    /// The receiver dies with its database, and a copy is put in the database's place.
    pub(crate) fn lose_and_restore(&mut self, copy: &Path) {
        self.receiver.kill();
        for ending in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(self.database().with_extension(format!("db{ending}")));
        }
        self.ask("restore", Some(copy));
    }

    pub(crate) fn ask(&self, command: &str, copy: Option<&Path>) -> String {
        let mut words = vec![command, "--config", self.config.to_str().expect("UTF-8")];
        words.extend(copy.map(|copy| copy.to_str().expect("UTF-8")));
        call(&self.program, &words)
    }

    fn database(&self) -> PathBuf {
        self.config.with_file_name("dispatch.db")
    }

    /// A number of dispatch's database; 0 while there is none.
    pub(crate) fn number(&self, sql: &str) -> u64 {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(self.database(), flags);
        let found = opened.and_then(|database| database.query_row(sql, [], |row| row.get::<_, i64>(0)));
        found.ok().and_then(|number| u64::try_from(number).ok()).unwrap_or(0)
    }

    pub(crate) fn thru(&self) -> u64 {
        self.number("SELECT max(thru) FROM device")
    }

    /// Arrivals at a site of the shift that dispatch has, each with its revisions.
    pub(crate) fn arrivals(&self, facility: &str) -> u64 {
        self.number(&format!(
            "SELECT count(*) FROM events WHERE type = 'com.gatestamp.visit.arrived' AND facility = '{facility}' AND zone = 'site'"
        ))
    }

    fn events(&self) -> Vec<(u64, Vec<u8>)> {
        let database = Connection::open(self.database()).expect("it opens");
        let mut query = database.prepare("SELECT sequence, body FROM event ORDER BY sequence").expect("a table");
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?));
        query.query_map([], row).and_then(Iterator::collect).expect("read")
    }

    /// Waits for the end of the shift, stops the truck, and holds everything against everything: dispatch has each event of the journal
    /// but `lost`, with its bytes, and each crossing of the drive, once.
    pub(crate) fn finish(mut self, lost: &[u64]) {
        let end = self.clock.wait_for(self.shift.path.duration_s()) + PATIENCE;
        assert!(await_condition(end, || self.cab.is_over()), "the cab stands");
        self.settle();
        let status = self.gateway.take().expect("an agent").terminate().expect("it ends in time");
        assert!(status.success(), "{status}: {}", self.said());
        let journal = journal::read(&self.truck.state()).expect("the journal opens");
        assert_eq!(journal.integrity, "ok");
        let held = self.events();
        let sequences: Vec<u64> = held.iter().map(|(sequence, _)| *sequence).collect();
        let thru = self.thru();
        let expected: Vec<u64> = (1..=thru).filter(|sequence| !lost.contains(sequence)).collect();
        assert_eq!(sequences, expected, "dispatch's history has holes");
        // What it said at its end may not have been sent.
        let sent: Vec<_> = journal.events.into_iter().filter(|(sequence, _)| *sequence <= thru).collect();
        assert!(held == sent, "dispatch has other bytes than the journal");
        let strange = "SELECT (SELECT count(*) FROM conflict) + (SELECT count(*) FROM refused)";
        assert_eq!(self.number(strange), 0);
        let moment = now();
        let parsed = held.iter().map(|(_, body)| Event::parse(body).expect("an event"));
        let landed: Vec<Landed> = parsed.map(|event| Landed::new(self.clock, moment, event)).collect();
        let verdict = judge(&self.shift, self.clock.start_utc_ms(), &landed);
        assert!(verdict.is_clean(), "{:#?} {:#?} {:#?}", verdict.missing, verdict.doubled, verdict.invented);
    }

    /// The ends of both logs.
    pub(crate) fn said(&self) -> String {
        let truck = fs::read_to_string(self.truck.log()).unwrap_or_default();
        let tail = |log: &str| log.lines().rev().take(20).collect::<Vec<_>>().join("\n");
        format!("truck, last first:\n{}\nreceiver, last first:\n{}", tail(&truck), tail(&self.receiver.log()))
    }
}

fn call(program: &Path, words: &[&str]) -> String {
    let done = Command::new(program).args(words).output().expect("the program runs");
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("UTF-8")
}
