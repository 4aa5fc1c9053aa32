//! How fast does a backlog go out, and in how much memory, beside `mosquitto_pub` with the same events over the same broker?
//!
//! A week without a link leaves a backlog. The real binary finds it in its journal and publishes it to a real Mosquitto; then `mosquitto_pub -l`
//! does it with the first of the same bodies from a file. The window is the broker's, the same for both. A `mosquitto_sub` sees each event as
//! the broker has it, so that the rate is that from the first to the last. Memory is the peak that the kernel counts (`VmHWM`).

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use gatestamp::event::Event;
use gatestamp::io::journal::{Journal, Position};
use hil_tests::clock::{await_condition, now};
use hil_tests::gateway;
use hil_tests::installation::{FLEET, Installation, TRUCK};
use hil_tests::mosquitto::Mosquitto;
use hil_tests::world::Shift;

use super::day::Save;

/// Room for the backlog: 100,000 events of 2 kB and what SQLite adds.
const QUOTA_MB: u64 = 512;
/// `mosquitto_pub` 2.0.11 numbers with 16 bits and ends with the first acknowledgement of its last line's number: of more lines than
/// this it leaves out what comes after.
const PLAIN: usize = 60_000;
/// Events in one commit while the backlog is prepared.
const AT_ONCE: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(20);

/// What one way of sending took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drain {
    /// Events a second, between the first and the last at the broker.
    pub(crate) rate: f64,
    /// Peak of resident memory, kB.
    pub(crate) peak_kb: u64,
}

/// Both, the agent first.
pub(crate) fn both(dir: &Path, saves: &[Save], events: usize) -> (Drain, Drain) {
    let broker = Mosquitto::start(dir).expect("a real broker");
    let bodies: Vec<&[u8]> =
        saves.iter().flat_map(|save| &save.events).map(|event| event.body.as_slice()).cycle().take(events).collect();
    let agent = agent(dir, &broker, saves, &bodies);
    (agent, mosquitto_pub(dir, &broker, bodies.get(..PLAIN).unwrap_or(&bodies)))
}

fn agent(dir: &Path, broker: &Mosquitto, saves: &[Save], bodies: &[&[u8]]) -> Drain {
    let binary = gateway::binary().expect("the agent's binary");
    let truck = Installation::write(binary, dir, &Shift::day(1), broker.port(), 1).expect("files");
    truck.configure("journal_quota_mb = 64", &format!("journal_quota_mb = {QUOTA_MB}")).expect("a configuration");
    prepare(&truck.state(), saves, bodies);
    let mut sink = Sink::subscribe(broker, &format!("gatestamp/v1/{FLEET}/{TRUCK}/events"));
    let mut gateway = truck.start().expect("the agent starts");
    let online = await_condition(PATIENCE, || truck.health().is_some() || gateway.ended().is_some());
    assert!(online && gateway.ended().is_none(), "{}", std::fs::read_to_string(truck.log()).unwrap_or_default());
    let rate = sink.rate_of(bodies.len());
    let peak_kb = gateway.pid().and_then(peak_kb).expect("the agent still runs");
    let _ = gateway.terminate();
    Drain { rate, peak_kb }
}

/// A journal in which nothing was acknowledged yet.
fn prepare(state: &Path, saves: &[Save], bodies: &[&[u8]]) {
    std::fs::create_dir_all(state).expect("a folder");
    let mut journal = Journal::open(&state.join("journal.db"), QUOTA_MB << 20).expect("a new journal");
    let last = saves.last().expect("a day has events");
    let model = last.events.last().expect("a commit has events");
    let place = Position { segment: 0, records: 0 };
    let mut sequence = 0;
    for bodies in bodies.chunks(AT_ONCE) {
        let mut events = Vec::with_capacity(bodies.len());
        for &body in bodies {
            sequence += 1;
            let id = format!("{FLEET}-{TRUCK}-{sequence}");
            events.push(Event { sequence, id, body: body.to_vec(), ..model.clone() });
        }
        journal.save(&events, &last.state, place).expect("room");
    }
}

fn mosquitto_pub(dir: &Path, broker: &Mosquitto, bodies: &[&[u8]]) -> Drain {
    let file = dir.join("bodies");
    let mut lines = BufWriter::new(File::create(&file).expect("a file"));
    for body in bodies {
        lines.write_all(body).and_then(|()| lines.write_all(b"\n")).expect("room");
    }
    lines.into_inner().expect("room");
    let mut sink = Sink::subscribe(broker, "plain");
    let mut publish = client("mosquitto_pub", broker);
    publish.args(["-t", "plain", "-q", "1", "-l"]).stdin(File::open(&file).expect("a file"));
    let mut publish = publish.spawn().expect("mosquitto_pub (Debian: apt install mosquitto-clients)");
    let watched = publish.id();
    // It ends when it is done, and its counters with it.
    let watch = std::thread::spawn(move || {
        let mut peak = 0;
        await_condition(Duration::from_secs(600), || match peak_kb(watched) {
            Some(now) => {
                peak = now.max(peak);
                false
            }
            None => true,
        });
        peak
    });
    let rate = sink.rate_of(bodies.len());
    let status = publish.wait().expect("a child");
    assert!(status.success(), "mosquitto_pub failed");
    Drain { rate, peak_kb: watch.join().expect("the watch ends") }
}

/// A subscriber of one topic that only counts.
struct Sink {
    process: Child,
    lines: BufReader<ChildStdout>,
}

impl Sink {
    fn subscribe(broker: &Mosquitto, topic: &str) -> Self {
        let mut command = client("mosquitto_sub", broker);
        command.args(["-t", topic, "-t", "sink", "-q", "1", "-F", "%t"]).stdout(Stdio::piped());
        let mut process = command.spawn().expect("mosquitto_sub (Debian: apt install mosquitto-clients)");
        let lines = BufReader::new(process.stdout.take().expect("piped"));
        let mut sink = Self { process, lines };
        // It says nothing when it has subscribed: what is retained comes then.
        let mut greet = client("mosquitto_pub", broker);
        let status = greet.args(["-t", "sink", "-r", "-m", "there"]).status().expect("mosquitto_pub");
        assert!(status.success(), "the broker takes nothing");
        let begin = now();
        sink.next();
        assert!(now().duration_since(begin) < PATIENCE, "the subscriber is late");
        sink
    }

    fn next(&mut self) {
        let mut line = String::new();
        let count = self.lines.read_line(&mut line).expect("the subscriber talks");
        assert!(count > 0, "the subscriber ended");
    }

    /// Events a second until so many came.
    fn rate_of(&mut self, events: usize) -> f64 {
        self.next();
        let begin: Instant = now();
        for _ in 1..events {
            self.next();
        }
        (events - 1) as f64 / now().duration_since(begin).as_secs_f64()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn client(program: &str, broker: &Mosquitto) -> Command {
    let mut command = Command::new(program);
    command.args(["-h", "127.0.0.1", "-p", &broker.port().to_string(), "-V", "mqttv5"]);
    command
}

fn peak_kb(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}
