//! What if there is no broker for a while?

use hil_tests::world::Shift;
use hil_tests::world::facility::Zone;
use hil_tests::world::truth::Direction;

use super::rig::{Garage, Rig, SCALE};

#[test]
fn a_broker_that_goes_away_and_comes_back_gets_what_happened_meanwhile() {
    let mut rig = Rig::set_off(Shift::errands(31, 2), SCALE);
    rig.until(rig.crossing("shop", Zone::Site, Direction::Enter, 0) - 20.0);
    rig.mosquitto.kill();
    rig.until(rig.crossing("shop", Zone::Site, Direction::Leave, 0) + 20.0);
    assert!(rig.owed() >= 3, "arrival, dock and departure wait: {}", rig.owed());
    rig.mosquitto.restart().expect("the broker is back");
    rig.finish();
}

#[test]
fn a_broker_that_cannot_be_reached_at_the_start_only_makes_events_late() {
    let mut garage = Garage::open(Shift::errands(32, 1), SCALE);
    garage.mosquitto.kill();
    let mut rig = garage.drive(None);
    rig.until(rig.crossing("shop", Zone::Dock, Direction::Enter, 0) + 30.0);
    assert!(rig.owed() >= 3, "the first presence, a departure and an arrival wait: {}", rig.owed());
    rig.mosquitto.restart().expect("the broker is back");
    rig.finish();
}
