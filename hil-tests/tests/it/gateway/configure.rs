//! What is sent to the receiver at the port, to which one, and what comes of it?

use std::path::Path;
use std::time::Duration;

use hil_tests::clock::await_condition;
use hil_tests::receiver::ublox::{Character, Ublox};
use serde_json::json;

use super::bench::{Bench, SCALE};

/// The poll of MON-VER, the only thing that a receiver gets which has not shown whose it is.
const POLL: [u8; 8] = [0xb5, 0x62, 0x0a, 0x04, 0x00, 0x00, 0x0e, 0x34];
/// Radius that the receiver of these tests tells; no sentence of it says how good a position is.
const ACCURACY_MM: u32 = 7_071;

/// A bench whose receiver says sentences without GST.
fn bench() -> Bench {
    let mut bench = Bench::without_gst();
    bench.port.let_go();
    bench.port.talk_at(115_200);
    bench.installation.configure("baud = \"auto\"", "baud = 115200").expect("a speed");
    bench
}

/// The receiver hears what it was asked, answers, and says what it has to say, second by second, until `done`.
fn converse(bench: &mut Bench, receiver: &mut Ublox, done: impl Fn(&Bench, &Ublox) -> bool) {
    for _ in 0..1_200 {
        if done(bench, receiver) {
            return;
        }
        second(bench, receiver);
    }
    panic!("in vain: {} {:?} {}", bench.health("/receiver_setup"), receiver.asked, bench.log());
}

fn second(bench: &mut Bench, receiver: &mut Ublox) {
    let heard = bench.port.take_heard();
    let answers = receiver.hear(&heard);
    bench.port.send(&answers);
    let epoch = bench.epochs.next().expect("the shift is long enough");
    bench.port.send(&receiver.epoch(&epoch.bytes));
    std::thread::sleep(Duration::from_secs(1) / SCALE);
}

fn wish(bench: &Bench, wish: &str) -> String {
    bench.health(&format!("/receiver_setup/wishes/{wish}")).as_str().unwrap_or_default().to_owned()
}

#[test]
fn both_generations_are_configured_and_their_accuracy_is_in_the_fixes() {
    for (character, nav_pvt, protocol) in
        [(Character::Series8, 0x0001_0701, "18.00"), (Character::Series10, 0x2091_0007, "34.10")]
    {
        let (mut bench, mut receiver) = (bench(), Ublox::new(character, ACCURACY_MM));
        bench.start();
        converse(&mut bench, &mut receiver, |bench, _| !wish(bench, "interference").is_empty());
        assert!(receiver.is_set(nav_pvt));
        assert_eq!(bench.health("/receiver_setup/protocol"), protocol);
        for granted in ["rate", "nav_pvt", "static_hold_off", "automotive", "antenna", "interference"] {
            assert_eq!(wish(&bench, granted), "yes", "{granted}");
        }
        for _ in 0..20 {
            second(&mut bench, &mut receiver);
        }
        let status = bench.installation.ask("status", &[]).expect("the command runs");
        let status = String::from_utf8(status.stdout).expect("text");
        assert!(
            status.contains(&format!("set up  u-blox, protocol {protocol}:")) && status.contains("nav_pvt yes"),
            "{status}"
        );
        bench.agent.take().expect("running").terminate().expect("it ends");
        // Before it was HDOP times an assumption; with NAV-PVT the receiver's own estimate, a radius, for one axis.
        let sigmas = sigmas(&bench);
        let own = f64::from(ACCURACY_MM) / 1_000.0 / std::f64::consts::SQRT_2;
        let (assumed, estimated): (Vec<f64>, Vec<f64>) = sigmas.iter().partition(|sigma| (*sigma - own).abs() > 0.01);
        assert!(assumed.len() >= 10, "until it was configured: {sigmas:?}");
        assert!(estimated.len() >= 20, "from then on: {sigmas:?}");
        assert!((sigmas.last().expect("fixes") - own).abs() < 0.01);
    }
}

/// What the recording's fixes say of their accuracy, m.
fn sigmas(bench: &Bench) -> Vec<f64> {
    let recording = bench.installation.state().join("recording");
    let arguments = [Path::new("--output"), Path::new("fixes"), &recording];
    let fixes = bench.installation.ask("replay", &arguments).expect("the recording is replayed").stdout;
    let lines = fixes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let fixes = lines.map(|line| serde_json::from_slice::<serde_json::Value>(line).expect("JSON"));
    fixes.filter_map(|fix| fix.get("sigma_m")?.as_f64()).collect()
}

#[test]
fn a_receiver_of_sentences_alone_gets_one_poll_at_its_own_speed_and_nothing_else() {
    let mut bench = Bench::new();
    bench.port.let_go();
    bench.port.talk_at(115_200);
    bench.start();
    bench.talk_until(|bench| bench.state() == "wrong_speed");
    assert_eq!(bench.port.heard_bytes(), 0, "nothing at a speed that is not proven");
    bench.talk_until(|bench| bench.health("/receiver_setup/u_blox") == false);
    for _ in 0..100 {
        bench.talk();
    }
    assert_eq!(bench.port.take_heard(), POLL);
    assert_eq!(bench.state(), "receiving");
}

#[test]
fn an_owner_who_says_no_is_obeyed() {
    let mut bench = bench();
    bench.installation.configure("baud = 115200", "baud = 115200\nconfigure = false").expect("configured");
    let mut receiver = Ublox::new(Character::Series8, ACCURACY_MM);
    bench.start();
    for _ in 0..100 {
        second(&mut bench, &mut receiver);
    }
    assert_eq!((bench.port.heard_bytes(), bench.state().as_str()), (0, "receiving"));
}

#[test]
fn a_port_that_another_program_has_open_is_only_listened_to() {
    let mut bench = Bench::without_gst();
    bench.port.talk_at(115_200);
    bench.installation.configure("baud = \"auto\"", "baud = 115200").expect("a speed");
    // The rig holds it, as a getty would.
    bench.start();
    let mut receiver = Ublox::new(Character::Series8, ACCURACY_MM);
    for _ in 0..100 {
        second(&mut bench, &mut receiver);
    }
    assert_eq!((bench.port.heard_bytes(), bench.state().as_str()), (0, "receiving"));
    assert!(bench.health("/receiver/why").as_str().is_some_and(|why| why.contains("is open in")));
    assert!(bench.health("/receiver_setup").is_null());
}

#[test]
fn one_that_refuses_or_garbles_keeps_working_on_its_sentences() {
    for (character, expected) in [(Character::Refusing, json!("refused")), (Character::Garbling, json!(null))] {
        let (mut bench, mut receiver) = (bench(), Ublox::new(character, ACCURACY_MM));
        bench.start();
        converse(&mut bench, &mut receiver, |bench, _| !bench.health("/receiver_setup").is_null());
        assert_eq!(bench.health("/receiver_setup/wishes/nav_pvt"), expected);
        let asked = receiver.asked.len();
        let fixes = bench.health("/gnss/fixes").as_u64();
        converse(&mut bench, &mut receiver, |bench, _| bench.health("/gnss/fixes").as_u64() > fixes.map(|n| n + 120));
        assert_eq!(receiver.asked.len(), asked, "not asked again");
        assert_eq!(bench.state(), "receiving");
    }
}

#[test]
fn one_that_forgets_in_the_middle_of_a_drive_is_configured_again() {
    let (mut bench, mut receiver) = (bench(), Ublox::new(Character::Series10, ACCURACY_MM));
    bench.start();
    converse(&mut bench, &mut receiver, |bench, _| wish(bench, "nav_pvt") == "yes");
    receiver.reset();
    converse(&mut bench, &mut receiver, |_, receiver| receiver.is_set(0x2091_0007));
}

#[test]
fn a_kill_in_the_middle_leaves_a_receiver_that_the_next_start_configures() {
    let (mut bench, mut receiver) = (bench(), Ublox::new(Character::Series10, ACCURACY_MM));
    bench.start();
    converse(&mut bench, &mut receiver, |_, receiver| receiver.is_set(0x2091_0007));
    bench.agent.take().expect("running").kill();
    bench.port.forget_last_reader();
    receiver.asked.clear();
    bench.start();
    converse(&mut bench, &mut receiver, |bench, receiver| {
        !receiver.asked.is_empty() && wish(bench, "sec_sig") == "yes"
    });
}

#[test]
fn a_port_that_takes_nothing_is_read_all_the_same() {
    let mut bench = bench();
    bench.port.block_writes().expect("a terminal");
    bench.start();
    bench.talk_until(|bench| bench.health("/receiver_setup/u_blox") == false);
    let bytes = bench.health("/gnss/bytes").as_u64();
    bench.talk_until(|bench| bench.health("/gnss/bytes").as_u64() > bytes.map(|bytes| bytes + 20_000));
    assert_eq!((bench.port.heard_bytes(), bench.state().as_str()), (0, "receiving"));
    assert!(await_condition(Duration::from_secs(5), || bench.log().contains("does not answer")), "{}", bench.log());
}
