//! What if every byte is paid for?

use std::fs;

use gatestamp::budget::{Budget, Class};
use gatestamp::io::spent::Ledger;
use gatestamp::time::Mono;
use hil_tests::certificates::ACL;
use hil_tests::clock::await_condition;
use hil_tests::link::Link;
use hil_tests::mosquitto::Mosquitto;
use hil_tests::world::Shift;
use serde_json::Value;

use super::rig::{Garage, PATIENCE, Rig, SCALE};

fn told(rig: &Rig, pointer: &str) -> Value {
    rig.installation.health().and_then(|health| health.pointer(pointer).cloned()).unwrap_or_default()
}

fn number(rig: &Rig, pointer: &str) -> u64 {
    told(rig, pointer).as_u64().unwrap_or(0)
}

#[test]
fn every_byte_on_the_wire_is_counted_and_a_kill_frees_none() {
    let (garage, _secrets) = Garage::open_secured(Shift::errands(98, 1), SCALE, ACL);
    let link = Link::to(garage.mosquitto.secured_port()).expect("a link");
    let (from, to) = (format!(":{}", garage.mosquitto.secured_port()), format!(":{}", link.port()));
    garage.installation.configure(&from, &to).expect("configured");
    let mut rig = garage.drive(None);
    rig.until(rig.shift.path.duration_s() - 5.0);
    let counted = || (number(&rig, "/delivery/sent_bytes"), number(&rig, "/delivery/received_bytes"));
    let agrees = await_condition(PATIENCE, || rig.owed() == 0 && counted() == link.carried());
    assert!(agrees, "the agent says {:?}, the relay {:?}\n{}", counted(), link.carried(), rig.log_tail());
    let (up, down) = link.carried();
    let spent = number(&rig, "/traffic/spent");
    assert!(spent > up + down, "{spent}: headers are beside {up} and {down}");
    for class in ["visits", "events", "health", "positions", "state", "link"] {
        assert!(number(&rig, &format!("/traffic/by_class/{class}")) > 0, "{class}");
    }
    rig.kill_agent();
    rig.start_agent();
    let boot = told(&rig, "/boot_id");
    assert!(await_condition(PATIENCE, || told(&rig, "/boot_id") != boot), "{}", rig.log_tail());
    assert!(number(&rig, "/traffic/spent") >= spent, "{}", told(&rig, "/traffic"));
    let status = rig.installation.ask("status", &[]).expect("the binary runs");
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(said.contains("traffic  0.") && said.contains(" MB of 25 MB in 20"), "{said}");
}

#[test]
fn a_month_whose_bytes_are_used_up_brings_every_arrival_and_no_position() {
    let garage = Garage::open(Shift::errands(99, 1), SCALE);
    fs::create_dir_all(garage.installation.state()).expect("made");
    let mut budget = Budget::new(25_000_000, 60);
    let mut ledger = Ledger::open(&garage.installation.state(), &mut budget);
    budget.spend(Class::Positions, 24_999_000);
    ledger.close(Mono(0), &budget);
    let mut rig = garage.drive(None);
    rig.until(rig.shift.path.duration_s() * 0.7);
    assert_eq!(told(&rig, "/traffic/given_up"), "resends", "{}", rig.log_tail());
    let status = rig.installation.ask("status", &[]).expect("the binary runs");
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(said.contains("positions, health and what dispatch did not acknowledge: not sent since"), "{said}");
    let dispatch = rig.dispatch.as_ref().expect("dispatch");
    assert_eq!(dispatch.latest("position"), None);
    assert!(dispatch.latest("state").is_some() && dispatch.latest("health").is_some());
    rig.finish();
}

#[test]
fn the_interval_that_the_broker_wants_is_reckoned_with_and_not_the_configured_one() {
    let garage = Garage::open_at(Shift::errands(97, 1), SCALE, |dir| Mosquitto::start_impatient(dir, 10));
    let _agent = garage.installation.start().expect("the agent starts");
    let log = || fs::read_to_string(garage.installation.log()).unwrap_or_default();
    let told = "pings every 10 s alone take 54.6 MB of 25 MB a month: the network or the broker wants them so often";
    assert!(await_condition(PATIENCE, || log().contains(told)), "{}", log());
    assert_eq!(log().matches("pings every").count(), 1, "not at the configured 60 s: {}", log());
}
