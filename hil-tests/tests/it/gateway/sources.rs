//! Does it matter where the receiver's bytes come from? One suite over all sources: a serial port, a real gpsd, a recording.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use hil_tests::gateway;
use hil_tests::gpsd::Gpsd;

use super::bench::Bench;

/// So many epochs are played.
const EPOCHS: usize = 120;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Serial,
    Gpsd,
    Recording,
}

/// A bench whose agent hears the receiver by one of the ways.
struct Source {
    kind: Kind,
    bench: Bench,
    gpsd: Gpsd,
}

impl Source {
    fn new(kind: Kind) -> Self {
        let bench = Bench::new();
        let gpsd = Gpsd::stopped(&bench.file("")).expect("a free port");
        let (source, device) = match kind {
            Kind::Serial => ("serial", "gnss".to_owned()),
            Kind::Gpsd => ("gpsd", format!("127.0.0.1:{}", gpsd.port())),
            Kind::Recording => ("recording", "played.nmea".to_owned()),
        };
        let configure = |from: &str, to: &str| bench.installation.configure(from, to).expect("the rig's configuration");
        configure("source = \"serial\"", &format!("source = \"{source}\""));
        configure("device = \"gnss\"", &format!("device = \"{device}\""));
        fs::write(bench.file("truth.nmea"), nmea(&bench)).expect("writable");
        Self { kind, bench, gpsd }
    }

    /// It comes, for the first time or again.
    fn come(&mut self) {
        match self.kind {
            Kind::Serial if self.bench.port.device().is_none() => self.bench.port.plug().expect("a terminal"),
            Kind::Serial => {}
            Kind::Gpsd => self.gpsd.start(self.bench.port.device()).expect("a real gpsd"),
            Kind::Recording => drop(fs::copy(self.bench.file("truth.nmea"), self.bench.file("played.nmea"))),
        }
    }

    /// It goes without a word.
    fn go(&mut self) {
        match self.kind {
            Kind::Serial => self.bench.port.unplug(),
            Kind::Gpsd => self.gpsd.kill(),
            Kind::Recording => drop(fs::remove_file(self.bench.file("played.nmea"))),
        }
    }

    /// How the agent calls its absence.
    fn absence(&self) -> [&'static str; 2] {
        match self.kind {
            Kind::Serial => ["unplugged"; 2],
            Kind::Gpsd => ["gpsd_refused", "gpsd_died"],
            Kind::Recording => ["recording_unreadable"; 2],
        }
    }

    fn is_absent(&self, bench: &Bench) -> bool {
        self.absence().contains(&bench.state().as_str())
    }
}

/// Everything that the receiver is going to say.
fn nmea(bench: &Bench) -> Vec<u8> {
    bench.epochs.as_slice().iter().take(EPOCHS).flat_map(|epoch| epoch.bytes.clone()).collect()
}

/// The fixes that a replay of `recording` gives.
fn fixes(recording: &std::path::Path) -> BTreeSet<String> {
    let mut replay = Command::new(gateway::binary().expect("the agent's binary"));
    let output = replay.args(["replay", "--output", "fixes"]).arg(recording).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("JSON").lines().map(str::to_owned).collect()
}

fn gives_the_receivers_own_fixes(kind: Kind) {
    let mut source = Source::new(kind);
    source.come();
    source.bench.start();
    source.bench.wait_until(Bench::opened);
    let truth = fixes(&source.bench.file("truth.nmea"));
    if kind == Kind::Recording {
        source.bench.wait_until(|bench| bench.state() == "recording_over");
    } else {
        for _ in 0..EPOCHS {
            source.bench.talk();
        }
        source.bench.wait_until(|bench| bench.health("/gnss/fixes").as_u64() >= Some(EPOCHS as u64 / 2));
    }
    let ended = source.bench.agent.take().expect("running").terminate().expect("it ends");
    assert!(ended.success(), "{}", source.bench.log());
    let heard = fixes(&source.bench.installation.state().join("recording"));
    let strange: Vec<_> = heard.difference(&truth).collect();
    assert_eq!(strange, Vec::<&String>::new(), "{kind:?} gave what the receiver never said");
    // A gpsd takes some epochs to know what it has before it.
    assert!(heard.len() * 10 >= truth.len() * 8, "{kind:?}: {} of {} fixes", heard.len(), truth.len());
}

#[test]
fn a_serial_port_gives_the_receivers_own_fixes() {
    gives_the_receivers_own_fixes(Kind::Serial);
}

#[test]
fn a_gpsd_gives_the_receivers_own_fixes() {
    gives_the_receivers_own_fixes(Kind::Gpsd);
}

#[test]
fn a_recording_gives_the_receivers_own_fixes() {
    gives_the_receivers_own_fixes(Kind::Recording);
}

fn is_waited_for_and_found_again(kind: Kind) {
    let mut source = Source::new(kind);
    source.go();
    source.bench.start();
    source.bench.wait_until(|bench| source.is_absent(bench));
    let told = source.bench.health("/receiver");
    for field in ["since", "why", "remedy"] {
        assert!(told.get(field).is_some_and(serde_json::Value::is_string), "{field} is missing: {told}");
    }
    source.come();
    source.bench.talk_until(|bench| bench.state() == "receiving");
    if kind == Kind::Recording {
        // It is in memory; that the file goes is nothing to it.
        return;
    }
    source.go();
    let absence = source.absence();
    source.bench.wait_until(|bench| absence.contains(&bench.state().as_str()));
    source.come();
    source.bench.talk_until(|bench| bench.state() == "receiving");
}

#[test]
fn a_serial_port_is_waited_for_and_found_again() {
    is_waited_for_and_found_again(Kind::Serial);
}

#[test]
fn a_gpsd_is_waited_for_and_found_again() {
    is_waited_for_and_found_again(Kind::Gpsd);
}

#[test]
fn a_recording_is_waited_for() {
    is_waited_for_and_found_again(Kind::Recording);
}

#[test]
fn a_gpsd_without_a_receiver_says_so() {
    let mut source = Source::new(Kind::Gpsd);
    source.gpsd.start(None).expect("a real gpsd");
    source.bench.start();
    source.bench.wait_until(|bench| bench.state() == "gpsd_has_no_receiver");
}

#[test]
fn a_recording_is_never_played_into_a_real_truck() {
    let source = Source::new(Kind::Recording);
    source.bench.installation.configure("simulation = true", "simulation = false").expect("the rig's configuration");
    let refused = source.bench.installation.ask("run", &[]).expect("the binary runs");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(78) && said.contains("remedy"), "{said}");
}
