//! What if an update is taken back?
//!
//! `GATESTAMP_PREVIOUS_BIN` names the binary of the release before; where it is not set there is none to try.

use std::io::Write as _;

use hil_tests::clock::await_condition;
use hil_tests::world::Shift;
use hil_tests::world::facility::Zone;
use hil_tests::world::truth::Direction;

use super::rig::{Garage, PATIENCE, SCALE};

#[test]
fn the_release_before_reads_and_writes_what_this_one_migrated() {
    let Some(previous) = std::env::var_os("GATESTAMP_PREVIOUS_BIN") else {
        let why = "GATESTAMP_PREVIOUS_BIN names no binary: the way back to the release before was not tested";
        let _ = writeln!(std::io::stderr(), "{why}");
        return;
    };
    let mut garage = Garage::open(Shift::errands(67, 1), SCALE);
    let ours = garage.installation.installed().to_owned();
    garage.installation.install(previous.as_ref()).expect("a binary");
    let mut rig = garage.drive(None);
    let out_s = rig.crossing("depot", Zone::Site, Direction::Leave, 0);
    let in_s = rig.crossing("shop", Zone::Site, Direction::Enter, 0);
    rig.until(out_s + 20.0);
    // Each finds events that the other journaled and that dispatch does not have, and a kill before.
    rig.mosquitto.kill();
    rig.kill_agent();
    rig.installation.install(&ours).expect("a binary");
    rig.start_agent();
    rig.until(in_s + 20.0);
    rig.kill_agent();
    rig.installation.install(previous.as_ref()).expect("a binary");
    rig.start_agent();
    rig.mosquitto.restart().expect("the broker is back");
    rig.until(in_s + 60.0);
    assert!(await_condition(PATIENCE, || rig.owed() == 0), "{}", rig.log_tail());
    rig.kill_agent();
    rig.installation.install(&ours).expect("a binary");
    rig.start_agent();
    rig.settle();
    rig.assert_crossings();
    // No replay here: the releases say their own version in the events of their runs.
    rig.assert_same_events(&rig.journal());
}
