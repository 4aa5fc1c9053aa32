//! What does every test need below it, and what must hold at its end?

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use hil_tests::cab::Cab;
use hil_tests::certificates::Secrets;
use hil_tests::clock::{SimClock, await_condition, now, utc_second_ms};
use hil_tests::dispatch::{self, Dispatch};
use hil_tests::event::Event;
use hil_tests::gateway::{self, Gateway};
use hil_tests::installation::Installation;
use hil_tests::journal::{self, Journal};
use hil_tests::mosquitto::Mosquitto;
use hil_tests::receiver::{self, Setup};
use hil_tests::verdict::{Landed, judge};
use hil_tests::world::Shift;
use hil_tests::world::facility::Zone;
use hil_tests::world::truth::Direction;
use tempfile::TempDir;

/// Fast enough for a quarter of an hour in half a minute, slow enough for a debug build on two busy cores.
pub(crate) const SCALE: u32 = 40;
/// How long the machine may take for anything that is only waiting.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The seed of a test with chance in it: its own, or the one that `HIL_SEED` names, to look for more.
pub(crate) fn seed(own: u64) -> u64 {
    std::env::var("HIL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(own)
}

/// One truck on one shift, with its broker and its dispatch. Dropped in this order.
pub(crate) struct Rig {
    pub(crate) shift: Shift,
    pub(crate) clock: SimClock,
    pub(crate) cab: Cab,
    pub(crate) gateway: Option<Gateway>,
    pub(crate) dispatch: Option<Dispatch>,
    pub(crate) mosquitto: Mosquitto,
    pub(crate) installation: Installation,
    pub(crate) dispatch_options: dispatch::Options,
    _dir: TempDir,
}

/// The parts that are there before the shift begins.
pub(crate) struct Garage {
    pub(crate) shift: Shift,
    pub(crate) mosquitto: Mosquitto,
    pub(crate) installation: Installation,
    scale: u32,
    dir: TempDir,
}

impl Garage {
    /// A broker, and an installation that knows it.
    pub(crate) fn open(shift: Shift, scale: u32) -> Self {
        Self::open_at(shift, scale, Mosquitto::start)
    }

    /// The same at a broker that is started in a way of its own.
    pub(crate) fn open_at(shift: Shift, scale: u32, start: impl FnOnce(&Path) -> std::io::Result<Mosquitto>) -> Self {
        let dir = directory();
        let mosquitto = start(dir.path()).expect("a real broker");
        Self::with(dir, mosquitto, shift, scale)
    }

    /// The same with TLS: the broker wants certificates, and the truck has one. `acl`: what it may do there.
    pub(crate) fn open_secured(shift: Shift, scale: u32, acl: &str) -> (Self, Secrets) {
        let dir = directory();
        let secrets = Secrets::write(dir.path(), acl).expect("certificates");
        let Secrets { ca, server, acl, .. } = &secrets;
        let mosquitto = Mosquitto::start_secured(dir.path(), ca, server, acl).expect("a real broker");
        let garage = Self::with(dir, mosquitto, shift, scale);
        let port = garage.mosquitto.secured_port();
        garage.installation.secure(port, &secrets.ca, &secrets.truck).expect("configured");
        (garage, secrets)
    }

    fn with(dir: TempDir, mosquitto: Mosquitto, shift: Shift, scale: u32) -> Self {
        let binary = gateway::binary().expect("the agent's binary");
        let installation =
            Installation::write(binary, dir.path(), &shift, mosquitto.port(), scale).expect("files can be written");
        Self { shift, mosquitto, installation, scale, dir }
    }

    /// Starts the agent, if asked to, with the cable plugged in, then dispatch, and drives off.
    pub(crate) fn drive(self, gateway: Option<Gateway>) -> Rig {
        let dispatch = Dispatch::start(self.installation.dispatch(self.mosquitto.port())).expect("dispatch starts");
        self.drive_with(gateway, Some(dispatch))
    }

    /// The same while dispatch is away.
    pub(crate) fn drive_without_dispatch(self) -> Rig {
        self.drive_with(None, None)
    }

    fn drive_with(self, gateway: Option<Gateway>, dispatch: Option<Dispatch>) -> Rig {
        let Self { shift, mosquitto, installation, scale, dir } = self;
        let start_utc_ms = utc_second_ms();
        let epochs = receiver::listen(&shift, start_utc_ms, Setup { cold_start_s: 30.0, ..Setup::default() });
        let dispatch_options = installation.dispatch(mosquitto.port());
        let mut port = installation.port();
        port.plug().expect("a terminal");
        let gateway = Some(gateway.unwrap_or_else(|| installation.start().expect("the agent starts")));
        let clock = SimClock::start(start_utc_ms, scale);
        let cab = Cab::drive(port, epochs, clock, std::io::sink()).expect("the shift starts");
        Rig { shift, clock, cab, gateway, dispatch, mosquitto, installation, dispatch_options, _dir: dir }
    }
}

fn directory() -> TempDir {
    tempfile::Builder::new().prefix("gatestamp-rig").tempdir().expect("a temporary directory")
}

impl Rig {
    /// The usual beginning: everything works.
    pub(crate) fn set_off(shift: Shift, scale: u32) -> Self {
        Garage::open(shift, scale).drive(None)
    }

    /// Waits until the shift has come to a second.
    pub(crate) fn until(&mut self, shift_s: f64) {
        let patience = self.clock.wait_for(shift_s) + PATIENCE;
        let cab = &self.cab;
        assert!(await_condition(patience, || cab.driven_s() >= shift_s || cab.is_over()), "the cab stands");
        self.assert_agent_lives();
    }

    /// Waits until the shift has come to a second, with no agent to watch.
    pub(crate) fn clock_passes(&self, shift_s: f64) {
        let patience = self.clock.wait_for(shift_s) + PATIENCE;
        assert!(await_condition(patience, || self.cab.driven_s() >= shift_s), "the cab stands");
    }

    /// The second of a true crossing: the `nth` of its kind, from 0.
    pub(crate) fn crossing(&self, facility: &str, zone: Zone, direction: Direction, nth: usize) -> f64 {
        let mut crossings = self.shift.crossings.iter();
        let mut same = crossings.by_ref().filter(|c| (c.facility, c.zone, c.direction) == (facility, zone, direction));
        same.nth(nth).expect("the shift crosses it").at_s
    }

    pub(crate) fn assert_agent_lives(&mut self) {
        let status = self.gateway.as_mut().and_then(Gateway::ended);
        assert!(status.is_none(), "the agent ended with {status:?}:\n{}", self.log_tail());
    }

    /// SIGKILL, and what the kernel of a real port would do at the last close.
    pub(crate) fn kill_agent(&mut self) {
        self.assert_agent_lives();
        self.gateway.take().expect("an agent").kill();
        self.cab.port().forget_last_reader();
    }

    /// SIGTERM.
    pub(crate) fn stop_agent(&mut self) -> ExitStatus {
        let status = self.gateway.take().expect("an agent").terminate().expect("it ends in time");
        self.cab.port().forget_last_reader();
        status
    }

    pub(crate) fn start_agent(&mut self) {
        assert!(self.gateway.is_none(), "one agent at a time");
        self.gateway = Some(self.installation.start().expect("the agent starts"));
    }

    /// Dispatch crashes and comes back with its database.
    pub(crate) fn restart_dispatch(&mut self) {
        self.dispatch = None;
        self.dispatch = Some(Dispatch::start(self.dispatch_options.clone()).expect("dispatch starts"));
    }

    /// What the running agent has journaled and dispatch has not acknowledged.
    pub(crate) fn owed(&self) -> u64 {
        let thru = self.dispatch.as_ref().map_or(0, Dispatch::thru);
        journal::highest(&self.installation.state()).saturating_sub(thru)
    }

    /// The kinds of the events that dispatch holds, in order of sequence.
    pub(crate) fn kinds(&self) -> Vec<String> {
        self.dispatch_events().into_iter().map(|event| event.kind).collect()
    }

    /// Waits for the end of the shift and of the backlog, stops the agent, and holds everything against everything.
    pub(crate) fn finish(mut self) {
        self.settle();
        let journal = self.journal();
        self.assert_crossings();
        self.assert_same_events(&journal);
        let replayed = self.installation.replay().expect("the recording replays");
        let bodies: Vec<&[u8]> = journal.events.iter().map(|(_, body)| body.as_slice()).collect();
        assert_same_lines(&replayed, &bodies);
    }

    /// The same where the journal begins above what dispatch has of a gateway or a disk before: gives back its first sequence.
    pub(crate) fn finish_above(mut self) -> u64 {
        self.settle();
        self.assert_crossings();
        let first = self.assert_above();
        let journal = self.journal();
        let replayed = self.installation.replay().expect("the recording replays");
        let bodies: Vec<&[u8]> = journal.events.iter().map(|(_, body)| body.as_slice()).collect();
        assert_same_lines(&replayed, &bodies);
        first
    }

    /// The journal is without holes from its first sequence on, which is given back, and dispatch holds the same bytes under each, but
    /// for the last words of the agent.
    pub(crate) fn assert_above(&self) -> u64 {
        let journal = self.journal();
        let first = journal.events.first().map_or(0, |(sequence, _)| *sequence);
        let dispatch = self.dispatch.as_ref().expect("dispatch");
        assert_eq!((dispatch.faults(), dispatch.conflicting()), (Vec::new(), 0));
        let held: BTreeMap<u64, Vec<u8>> = self.committed().into_iter().collect();
        for (expected, (sequence, body)) in (first..).zip(&journal.events) {
            assert_eq!(*sequence, expected, "the journal has holes");
            let known = held.get(sequence).map_or_else(|| is_last_word(body), |at_dispatch| at_dispatch == body);
            assert!(known, "event {sequence} is lost or differs");
        }
        first
    }

    /// The shift is over, dispatch has everything, the agent has ended with 0.
    pub(crate) fn settle(&mut self) {
        let end_s = self.shift.path.duration_s();
        self.until(end_s - 1.0);
        let quiet = await_condition(PATIENCE, || self.cab.is_over() && self.owed() == 0);
        assert!(quiet, "{} events are owed after the shift:\n{}", self.owed(), self.log_tail());
        let status = self.stop_agent();
        assert!(status.success(), "{status}:\n{}", self.log_tail());
    }

    pub(crate) fn journal(&self) -> Journal {
        let journal = journal::read(&self.installation.state()).expect("the journal opens");
        assert_eq!(journal.integrity, "ok");
        journal
    }

    /// Every true crossing is at dispatch, once.
    pub(crate) fn assert_crossings(&self) {
        let moment = now();
        let events = self.dispatch_events().into_iter();
        let landed: Vec<Landed> = events.map(|event| Landed::new(self.clock, moment, event)).collect();
        let verdict = judge(&self.shift, self.clock.start_utc_ms(), &landed);
        assert!(
            verdict.is_clean(),
            "seed {}\nmissing {:#?}\ndoubled {:#?}\ninvented {:#?}\n{}",
            self.shift.seed,
            verdict.missing,
            verdict.doubled,
            verdict.invented,
            self.log_tail()
        );
    }

    /// Sequences are 1..N, and dispatch holds the same bytes under each, but for the last words of the agent.
    pub(crate) fn assert_same_events(&self, journal: &Journal) {
        let dispatch = self.dispatch.as_ref().expect("dispatch");
        assert_eq!((dispatch.faults(), dispatch.conflicting()), (Vec::new(), 0));
        let sequences: Vec<u64> = journal.events.iter().map(|(sequence, _)| *sequence).collect();
        let expected: Vec<u64> = (1..=u64::try_from(sequences.len()).expect("few")).collect();
        assert_eq!(sequences, expected, "the journal has holes");
        let held: BTreeMap<u64, Vec<u8>> = self.committed().into_iter().collect();
        for (sequence, body) in &journal.events {
            match held.get(sequence) {
                Some(at_dispatch) => assert_eq!(at_dispatch, body, "event {sequence} differs"),
                None => assert!(*sequence > dispatch.thru() && is_last_word(body), "event {sequence} is lost"),
            }
        }
        assert!(held.len() <= journal.events.len(), "dispatch holds events that the journal does not");
    }

    pub(crate) fn dispatch_events(&self) -> Vec<Event> {
        let bodies = self.committed().into_iter();
        bodies.map(|(_, body)| Event::parse(&body).expect("dispatch keeps only what it understands")).collect()
    }

    fn committed(&self) -> Vec<(u64, Vec<u8>)> {
        dispatch::committed(&self.dispatch_options.database).expect("dispatch's database opens")
    }

    /// The end of the agent's log, for the message of a failure.
    pub(crate) fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(self.installation.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(30)..).unwrap_or_default();
        format!("log of the agent ({} lines), its end:\n{}", lines.len(), tail.join("\n"))
    }
}

/// An agent that stops may not have sent that it stopped; it does at its next start.
fn is_last_word(body: &[u8]) -> bool {
    Event::parse(body).is_ok_and(|event| event.kind == "device.stopped")
}

fn assert_same_lines(replayed: &[u8], journaled: &[&[u8]]) {
    let replayed: Vec<&[u8]> = replayed.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    for (line, (replayed, journaled)) in replayed.iter().zip(journaled).enumerate() {
        let text = String::from_utf8_lossy;
        assert_eq!(text(replayed), text(journaled), "replay and journal differ at event {}", line + 1);
    }
    assert_eq!(replayed.len(), journaled.len(), "replay gives another number of events");
}
