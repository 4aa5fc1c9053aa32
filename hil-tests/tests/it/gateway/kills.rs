//! What if a process dies at any moment?

use hil_tests::world::Shift;
use hil_tests::world::facility::Zone;
use hil_tests::world::random::Random;
use hil_tests::world::truth::Direction;

use super::rig::{Rig, SCALE, seed};

/// The last stop of the shift is left in peace, so that its arrival can be confirmed while fixes still come.
const PEACE_S: f64 = 95.0;

#[test]
fn killed_fifty_times_in_one_drive_it_loses_nothing_and_doubles_nothing() {
    let seed = seed(21);
    let mut rig = Rig::set_off(Shift::errands(seed, 4), SCALE + 10);
    let mut random = Random::stream(seed, "kills");
    let end_s = rig.shift.path.duration_s() - PEACE_S;
    let mean_s = end_s / 56.0;
    let (mut at_s, mut kills) = (0.0, 0);
    loop {
        at_s += random.uniform(0.2 * mean_s, 1.8 * mean_s);
        if at_s >= end_s {
            break;
        }
        rig.until(at_s);
        rig.kill_agent();
        rig.start_agent();
        kills += 1;
    }
    assert!(kills >= 50, "{kills} kills, seed {seed}");
    rig.finish();
}

#[test]
fn a_broker_killed_again_and_again_loses_what_it_acknowledged_and_dispatch_gets_it_all_the_same() {
    let seed = seed(22);
    let mut rig = Rig::set_off(Shift::errands(seed, 2), SCALE);
    let mut random = Random::stream(seed, "kills");
    let crossings: Vec<f64> = rig.shift.crossings.iter().map(|crossing| crossing.at_s).collect();
    for at_s in crossings {
        // While the first messages about the crossing are under way.
        rig.until(at_s + random.uniform(2.0, 20.0));
        rig.mosquitto.kill();
        rig.mosquitto.restart().expect("the broker is back");
    }
    rig.finish();
}

#[test]
fn dispatch_crashes_between_receipt_and_acknowledgement_and_holds_each_event_once() {
    let seed = seed(23);
    let mut rig = Rig::set_off(Shift::errands(seed, 1), SCALE);
    let mut random = Random::stream(seed, "crashes");
    let crossings: Vec<f64> = rig.shift.crossings.iter().map(|crossing| crossing.at_s).collect();
    for at_s in crossings {
        rig.until(at_s + random.uniform(1.0, 15.0));
        rig.restart_dispatch();
    }
    rig.finish();
}

#[test]
fn agent_and_broker_killed_together_at_the_gate_make_one_arrival() {
    let mut rig = Rig::set_off(Shift::errands(24, 1), SCALE);
    let gate_s = rig.crossing("shop", Zone::Site, Direction::Enter, 0);
    for after_s in [-1.0, 2.0, 5.0, 9.0, 14.0] {
        rig.until(gate_s + after_s);
        rig.mosquitto.kill();
        rig.kill_agent();
        rig.mosquitto.restart().expect("the broker is back");
        rig.start_agent();
    }
    rig.finish();
}
