//! What if the port, the cable or another program is at fault? Each test is named after a field problem of receivers.

use std::path::Path;
use std::time::Duration;

use hil_tests::clock::await_condition;
use hil_tests::gateway::Gateway;
use hil_tests::process::Usage;

use super::bench::{Bench, SCALE};

#[test]
fn r01_baud_is_found_by_listening_kept_and_reported() {
    let mut bench = Bench::new();
    bench.installation.configure("baud = ", "configure = false\nbaud = ").expect("configured");
    bench.port.talk_at(115_200);
    bench.start();
    bench.talk_until(|bench| bench.state() == "wrong_speed");
    bench.talk_until(|bench| bench.health("/line_speed") == 115_200 && bench.state() == "receiving");
    assert_eq!(bench.port.heard_bytes(), 0, "listening only");
    // The next start begins with it, before a single byte has come.
    drop(bench.agent.take());
    bench.port.forget_last_reader();
    let speed = |bench: &Bench| bench.port.settings().map(|settings| settings.speed);
    bench.port.leave_cooked().expect("a terminal");
    bench.start();
    bench.wait_until(|bench| bench.port.settings().is_some_and(|settings| settings.raw));
    assert_eq!(speed(&bench), Some(115_200));
    bench.talk_until(|bench| bench.state() == "receiving");
}

#[test]
fn r02_silence_is_no_speed_problem_and_nothing_is_ever_sent() {
    let mut bench = Bench::new();
    // What is sent once the speed is proven is another matter: `configure.rs`.
    bench.installation.configure("baud = ", "configure = false\nbaud = ").expect("configured");
    bench.start();
    bench.wait_until(|bench| bench.state() == "no_data");
    let speed = bench.port.settings().expect("a terminal").speed;
    // More than a minute of the receiver's time: a scan would have begun.
    assert!(!await_condition(Duration::from_secs(90) / SCALE, || bench.state() != "no_data"));
    assert_eq!(bench.port.settings().expect("a terminal").speed, speed);
    bench.talk_until(|bench| bench.state() == "receiving");
    assert_eq!(bench.port.heard_bytes(), 0);
}

#[test]
fn r03_a_device_that_comes_back_with_another_number_is_opened_by_its_name() {
    let mut bench = Bench::new();
    bench.start();
    bench.talk_until(|bench| bench.state() == "receiving");
    let before = bench.port.device().map(Path::to_owned);
    bench.port.unplug();
    bench.wait_until(|bench| bench.state() == "unplugged");
    assert!(bench.health("/receiver/remedy").as_str().is_some_and(|remedy| remedy.contains("cable")));
    bench.port.plug().expect("a terminal");
    assert_ne!(bench.port.device().map(Path::to_owned), before);
    bench.talk_until(|bench| bench.state() == "receiving");
    let silent = bench.health("/coverage/seconds/serial_silent").as_f64();
    assert!(silent.is_some_and(|seconds| seconds > 0.0), "the ledger has it: {}", bench.health("/coverage"));
}

#[test]
fn r04_a_receiver_unplugged_for_ten_minutes_costs_under_a_percent_of_a_core() {
    let mut bench = Bench::new();
    bench.start();
    bench.talk_until(|bench| bench.state() == "receiving");
    bench.port.unplug();
    bench.wait_until(|bench| bench.state() == "unplugged");
    // Ten minutes of the agent's own time, all its timers included, are thirty seconds here; a third of them is enough to see a loop
    // that spins. At the real pace the same attempts spread over twenty times as long.
    let before = processor_time(bench.agent.as_ref().expect("running"));
    let real = Duration::from_secs(10);
    assert!(!await_condition(real, || false), "they pass");
    let spent = processor_time(bench.agent.as_ref().expect("running")) - before;
    let per_second = spent / real.as_secs_f64() / f64::from(SCALE);
    assert!(per_second < 0.01, "{per_second} s of processor time in each second of the agent's time");
    let warnings = bench.log().matches("no receiver").count();
    assert!(warnings <= 2, "{warnings} lines about one cable");
}

/// Seconds of processor time so far, over all threads: the one that opens the port is not the first.
fn processor_time(agent: &Gateway) -> f64 {
    let usage = agent.pid().and_then(|pid| Usage::of(pid).ok()).expect("a running process");
    Duration::from_nanos(usage.cpu_ns).as_secs_f64()
}

#[test]
fn r05_a_port_that_another_program_holds_is_named_and_opened_once_it_is_free() {
    let mut bench = Bench::new();
    let other = std::fs::File::open(bench.port.device().expect("plugged")).expect("another program opens it");
    rustix::fs::flock(&other, rustix::fs::FlockOperation::NonBlockingLockExclusive).expect("and locks it");
    bench.start();
    bench.wait_until(|bench| bench.state() == "opened_by_another_program");
    let why = bench.health("/receiver/why").as_str().unwrap_or_default().to_owned();
    assert!(why.contains(&format!("pid {}", std::process::id())), "{why}");
    drop(other);
    bench.talk_until(|bench| bench.state() == "receiving");
    // The rig keeps the terminal open without a lock, as a getty would, and is named for that.
    let why = bench.health("/receiver/why").as_str().unwrap_or_default().to_owned();
    assert!(why.contains(&format!("pid {}) too", std::process::id())), "{why}");
}

#[test]
fn r05_at_commands_of_another_program_are_reported() {
    let mut bench = Bench::new();
    bench.start();
    bench.talk_until(|bench| bench.state() == "receiving");
    bench.port.send(b"AT\rATE0\rAT+CGMI\r");
    bench.talk_until(|bench| bench.state() == "foreign_commands");
    assert!(bench.health("/receiver/remedy").as_str().is_some_and(|remedy| remedy.contains("ModemManager")));
}

#[test]
fn r06_flow_control_that_somebody_left_on_is_switched_off_at_every_open() {
    let mut bench = Bench::new();
    bench.port.leave_cooked().expect("a terminal");
    assert!(!bench.port.settings().expect("a terminal").flow_control_off);
    bench.start();
    bench.talk_until(|bench| bench.state() == "receiving");
    let settings = bench.port.settings().expect("a terminal");
    assert!(settings.flow_control_off && settings.raw, "{settings:?}");
}

#[test]
fn r10_what_waited_in_the_port_while_nobody_read_is_thrown_away() {
    let mut bench = Bench::new();
    for _ in 0..5 {
        bench.talk();
    }
    bench.start();
    bench.wait_until(Bench::opened);
    bench.wait_until(|bench| bench.state() == "no_data");
    assert_eq!(bench.health("/gnss/bytes"), 0);
    bench.talk_until(|bench| bench.state() == "receiving");
}

#[test]
fn r11_a_receiver_that_repeats_one_fix_is_frozen_and_a_parked_truck_is_not() {
    let mut bench = Bench::new();
    bench.start();
    bench.talk_until(|bench| bench.state() == "receiving");
    let stuck = bench.epochs.next().expect("an epoch");
    let repeat = |bench: &mut Bench| {
        bench.port.send(&stuck.bytes);
        std::thread::sleep(Duration::from_secs(1) / SCALE);
    };
    let mut seconds = 0;
    while bench.state() != "receiver_frozen" {
        assert!(seconds < 600, "{}: {}", bench.state(), bench.log());
        repeat(&mut bench);
        seconds += 1;
    }
    bench.talk_until(|bench| bench.state() == "receiving");
}
