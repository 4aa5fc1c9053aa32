//! What if the disk takes nothing any more, although it has room?

use std::io::Write as _;

use hil_tests::clock::await_condition;
use hil_tests::failing_disk::{Ext4, Failing};
use hil_tests::gateway::Gateway;
use hil_tests::journal;
use hil_tests::world::Shift;
use hil_tests::world::facility::Zone;
use hil_tests::world::truth::Direction;
use serde_json::Value;

use super::rig::{Garage, PATIENCE, Rig, SCALE};

fn skipped(what: &str, untested: &str) {
    let _ = writeln!(std::io::stderr(), "no permission {what}: {untested} was not tested");
}

/// What dispatch was told last of the agent's health.
fn health(rig: &Rig) -> Value {
    let health = rig.dispatch.as_ref().and_then(|dispatch| dispatch.latest("health")).unwrap_or_default();
    serde_json::from_slice(&health).unwrap_or_default()
}

/// The journal refuses, with its remedy, and at least this much is held.
fn holds(health: &Value, at_least: u64) -> bool {
    let told = |of| health.pointer(of).and_then(Value::as_str).unwrap_or_default();
    let held = health["held"].as_u64().unwrap_or(0);
    told("/journal/state") == "refused" && told("/journal/remedy").contains("dmesg") && held >= at_least
}

#[test]
fn an_io_error_at_a_write_of_the_journal_makes_events_late_and_loses_none() {
    io_error_on_commit(61, "pwrite64");
}

#[test]
fn an_io_error_at_a_sync_makes_events_late_and_loses_none() {
    io_error_on_commit(62, "fdatasync");
}

fn io_error_on_commit(seed: u64, call: &str) {
    let mut rig = Rig::set_off(Shift::errands(seed, 1), SCALE);
    let state = rig.installation.state();
    rig.until(rig.crossing("depot", Zone::Site, Direction::Leave, 0) + 30.0);
    assert!(await_condition(PATIENCE, || rig.owed() == 0), "{}", rig.log_tail());
    let pid = rig.gateway.as_ref().and_then(Gateway::pid).expect("an agent");
    let told = state.join("strace");
    let Some(failing) = Failing::begin(pid, call, "EIO", &told).expect("strace") else {
        return skipped("to look into another process", "an I/O error at a commit");
    };
    let before = journal::highest(&state);
    rig.until(rig.crossing("shop", Zone::Dock, Direction::Enter, 0) + 40.0);
    // Of the file that the agent writes for status, too.
    let said = || rig.installation.health().is_some_and(|health| holds(&health, 2));
    assert!(await_condition(PATIENCE, said), "{:?}", rig.installation.health());
    assert!(holds(&health(&rig), 1), "{}", health(&rig));
    let dispatched = rig.dispatch_events().iter().map(|event| event.sequence).max();
    assert!(dispatched <= Some(before), "nothing is sent that is not journaled: {dispatched:?} of {before}");
    drop(failing);
    rig.settle();
    rig.assert_crossings();
    rig.assert_same_events(&rig.journal());
}

#[test]
fn on_a_file_system_that_went_read_only_it_decides_on_and_everybody_is_told() {
    let garage = Garage::open(Shift::errands(63, 1), SCALE);
    let state = garage.installation.state();
    let Some(disk) = Ext4::mount(&state.with_extension("ext4"), &state) else {
        return skipped("to mount a file system", "one that goes read-only");
    };
    let mut rig = garage.drive(None);
    rig.until(rig.crossing("depot", Zone::Site, Direction::Leave, 0) + 30.0);
    assert!(await_condition(PATIENCE, || rig.owed() == 0), "{}", rig.log_tail());
    let before = journal::highest(&state);
    assert!(before > 0 && disk.abort());
    rig.until(rig.crossing("shop", Zone::Dock, Direction::Enter, 0) + 40.0);
    assert!(await_condition(PATIENCE, || holds(&health(&rig), 1)), "{}\n{}", health(&rig), rig.log_tail());
    assert_eq!(health(&rig)["recording"]["state"], "refused");
    assert_eq!(journal::highest(&state), before);
    assert_readable(&rig, before);
    rig.kill_agent();
    rig.start_agent();
    let mut code = None;
    let ended = await_condition(PATIENCE, || {
        code = rig.gateway.as_mut().and_then(Gateway::ended).map(|status| status.code());
        code.is_some()
    });
    assert!(ended && code == Some(Some(74)), "{code:?}: {}", rig.log_tail());
    rig.gateway = None;
    rig.cab.port().forget_last_reader();
    assert!(rig.log_tail().contains("mounted read-only: see why"), "{}", rig.log_tail());
    assert_readable(&rig, before);
    // As whoever repairs it does.
    assert!(await_condition(PATIENCE, || disk.unmount()) && disk.mount_again());
    rig.start_agent();
    rig.settle();
    rig.assert_same_events(&rig.journal());
    assert!(rig.dispatch_events().iter().any(|event| event.sequence > before && event.kind.starts_with("visit.")));
    // Before the rig removes the directory under it.
    drop(disk);
}

/// What people look at first says what is the matter, and what is recorded can be replayed.
fn assert_readable(rig: &Rig, events: u64) {
    let status = rig.installation.ask("status", &[]).expect("the binary runs");
    let said = String::from_utf8_lossy(&[status.stdout, status.stderr].concat()).into_owned();
    assert!(said.contains("read-only") && status.status.code() == Some(69), "{said}");
    let replayed = rig.installation.replay().expect("the recording replays");
    let lines = replayed.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() as u64;
    assert!(lines >= events, "{lines} of {events}");
}
