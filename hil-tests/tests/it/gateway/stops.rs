//! What if the agent is stopped as systemd stops it, in the middle of a visit?

use hil_tests::world::Shift;
use hil_tests::world::facility::Zone;
use hil_tests::world::truth::Direction;

use super::rig::{Rig, SCALE};

#[test]
fn sigterm_ends_with_zero_and_the_visit_goes_on_after_the_restart_without_a_second_arrival() {
    let mut rig = Rig::set_off(Shift::errands(41, 1), SCALE);
    let docked_s = rig.crossing("shop", Zone::Dock, Direction::Enter, 0) + 50.0;
    rig.until(docked_s);
    let status = rig.stop_agent();
    assert_eq!(status.code(), Some(0), "{}", rig.log_tail());
    let standing_s = docked_s + 20.0;
    rig.clock_passes(standing_s);
    rig.start_agent();
    rig.finish();
}

#[test]
fn stopped_before_a_gate_and_started_behind_it_the_arrival_lies_in_the_gap() {
    let mut rig = Rig::set_off(Shift::errands(42, 1), SCALE);
    let gate_s = rig.crossing("shop", Zone::Site, Direction::Enter, 0);
    rig.until(gate_s - 15.0);
    let status = rig.stop_agent();
    assert_eq!(status.code(), Some(0), "{}", rig.log_tail());
    rig.clock_passes(gate_s + 40.0);
    rig.start_agent();
    rig.finish();
}
