//! What if the receiver's cable is pulled, or not there yet?

use std::time::Duration;

use hil_tests::clock::await_condition;
use hil_tests::process::Usage;
use hil_tests::world::Shift;
use hil_tests::world::facility::Zone;
use hil_tests::world::truth::Direction;

use super::rig::{Garage, PATIENCE, Rig, SCALE};

#[test]
fn a_cable_pulled_on_the_road_and_plugged_in_again_under_a_new_name_is_found_again() {
    let mut rig = Rig::set_off(Shift::errands(11, 1), SCALE);
    let on_the_road_s = rig.crossing("shop", Zone::Site, Direction::Leave, 0) + 15.0;
    rig.until(on_the_road_s);
    let before = rig.cab.port().device().expect("plugged in").to_owned();
    rig.cab.port().unplug();
    rig.until(on_the_road_s + 60.0);
    let told = |rig: &Rig| {
        let health = rig.dispatch.as_ref().and_then(|dispatch| dispatch.latest("health")).unwrap_or_default();
        let health: serde_json::Value = serde_json::from_slice(&health).unwrap_or_default();
        health.pointer("/receiver/state").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    };
    // Eighty seconds, of the 900 after which health goes out in any case.
    let soon = Duration::from_secs(2);
    assert!(await_condition(soon, || told(&rig) == "unplugged"), "dispatch is told {}", told(&rig));
    rig.cab.port().plug().expect("a terminal");
    assert_ne!(rig.cab.port().device().expect("plugged in"), before);
    rig.until(rig.shift.path.duration_s() - 5.0);
    assert!(await_condition(PATIENCE, || rig.kinds().iter().any(|kind| kind == "gnss.restored")), "{}", rig.log_tail());
    assert!(rig.kinds().iter().any(|kind| kind == "gnss.lost"), "the hole in the coverage is told");
    rig.finish();
}

#[test]
fn a_cable_pulled_while_the_truck_stands_at_a_dock_makes_no_event_of_the_visit() {
    let mut rig = Rig::set_off(Shift::errands(12, 1), SCALE);
    let docked_s = rig.crossing("shop", Zone::Dock, Direction::Enter, 0) + 40.0;
    rig.until(docked_s);
    rig.cab.port().unplug();
    rig.until(docked_s + 40.0);
    rig.cab.port().plug().expect("a terminal");
    rig.finish();
}

#[test]
fn a_missing_receiver_is_waited_for_and_found() {
    let garage = Garage::open(Shift::errands(13, 1), SCALE);
    let mut early = garage.installation.start().expect("the agent starts");
    // Forty simulated seconds: several attempts to open the port have failed by then.
    let ended = await_condition(Duration::from_secs(1), || early.ended().is_some());
    assert!(!ended, "an agent without a receiver must wait for it");
    garage.drive(Some(early)).finish();
}

#[test]
fn an_unplugged_receiver_costs_almost_no_processor() {
    let garage = Garage::open(Shift::errands(14, 1), 1);
    let agent = garage.installation.start().expect("the agent starts");
    // The start itself is work; the wait afterwards must not be.
    let said = || std::fs::read_to_string(garage.installation.log()).unwrap_or_default();
    assert!(await_condition(PATIENCE, || said().contains("no receiver")), "{}", said());
    assert!(!await_condition(Duration::from_secs(1), || false));
    let spent_ns = || agent.pid().and_then(|pid| Usage::of(pid).ok()).expect("a running process").cpu_ns;
    let before = spent_ns();
    assert!(!await_condition(Duration::from_secs(5), || false), "five seconds pass");
    let spent = Duration::from_nanos(spent_ns() - before);
    assert!(spent <= Duration::from_millis(50), "{spent:?} in five seconds: more than one percent of a core");
}
