//! What if the gateway is exchanged, or the disk loses what it knew, while dispatch remembers?

use std::fs;

use hil_tests::clock::await_condition;
use hil_tests::dispatch::Dispatch;
use hil_tests::world::Shift;
use hil_tests::world::facility::Zone;
use hil_tests::world::truth::Direction;

use super::rig::{PATIENCE, Rig, SCALE};

/// What the agent's log says where dispatch has another gateway's events.
const ANOTHERS: &str = "all of ours are numbered above them";

/// On the road, with everything so far at dispatch, and the agent killed.
fn killed_on_the_road(seed: u64) -> Rig {
    let mut rig = Rig::set_off(Shift::errands(seed, 1), SCALE);
    rig.until(rig.crossing("depot", Zone::Site, Direction::Leave, 0) + 30.0);
    assert!(await_condition(PATIENCE, || rig.owed() == 0), "{}", rig.log_tail());
    rig.kill_agent();
    rig
}

fn remove_journal(rig: &Rig) {
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(rig.installation.state().join(format!("journal.db{suffix}")));
    }
}

fn logged(rig: &Rig, words: &str) -> bool {
    fs::read_to_string(rig.installation.log()).is_ok_and(|log| log.contains(words))
}

#[test]
fn a_gateway_exchanged_under_the_same_name_is_numbered_above_the_one_before() {
    let mut rig = killed_on_the_road(61);
    let thru = rig.dispatch.as_ref().expect("dispatch").thru();
    fs::remove_dir_all(rig.installation.state()).expect("removable");
    rig.start_agent();
    assert!(await_condition(PATIENCE, || logged(&rig, ANOTHERS)), "{}", rig.log_tail());
    assert!(await_condition(PATIENCE, || rig.dispatch.as_ref().is_some_and(|d| d.thru() > thru)), "{}", rig.log_tail());
    // Again from what is left, as after the next fault of the disk: the recording knows where its numbers begin.
    rig.kill_agent();
    remove_journal(&rig);
    rig.start_agent();
    assert_eq!(rig.finish_above(), thru + 1);
}

#[test]
fn an_exchanged_gateway_that_is_put_back_is_in_conflict_until_its_state_is_moved_away() {
    let mut rig = killed_on_the_road(68);
    let state = rig.installation.state();
    let old = state.with_file_name("old");
    fs::rename(&state, &old).expect("movable");
    let thru = |rig: &Rig| rig.dispatch.as_ref().map_or(0, Dispatch::thru);
    let before = thru(&rig);
    rig.start_agent();
    assert!(await_condition(PATIENCE, || thru(&rig) > before), "{}", rig.log_tail());
    rig.kill_agent();
    fs::remove_dir_all(&state).expect("removable");
    fs::rename(&old, &state).expect("movable");
    rig.start_agent();
    let conflicting = || rig.dispatch.as_ref().is_some_and(|dispatch| dispatch.conflicting() > 0);
    assert!(await_condition(PATIENCE, conflicting), "{}", rig.log_tail());
    // As the dispatcher's guide says.
    rig.kill_agent();
    fs::rename(&state, &old).expect("movable");
    let before = thru(&rig);
    rig.start_agent();
    assert!(await_condition(PATIENCE, || thru(&rig) > before), "{}", rig.log_tail());
}

#[test]
fn a_gateway_exchanged_while_the_broker_was_away_loses_nothing_that_its_recording_no_longer_knows() {
    let mut rig = killed_on_the_road(66);
    let thru = rig.dispatch.as_ref().expect("dispatch").thru();
    fs::remove_dir_all(rig.installation.state()).expect("removable");
    rig.mosquitto.kill();
    rig.start_agent();
    rig.until(rig.crossing("shop", Zone::Dock, Direction::Enter, 0) + 40.0);
    rig.kill_agent();
    // The ring is shorter than the journal.
    let recording = rig.installation.state().join("recording");
    fs::remove_dir_all(&recording).expect("removable");
    rig.start_agent();
    rig.mosquitto.restart().expect("the broker is back");
    assert!(await_condition(PATIENCE, || logged(&rig, ANOTHERS)), "{}", rig.log_tail());
    rig.settle();
    rig.assert_crossings();
    assert_eq!(rig.assert_above(), thru + 1);
}

#[test]
fn a_journal_that_is_gone_while_the_recording_stays_is_the_same_again() {
    let mut rig = killed_on_the_road(62);
    remove_journal(&rig);
    rig.start_agent();
    rig.finish();
}

#[test]
fn a_torn_high_water_mark_is_refused_by_name_and_lowers_nothing() {
    let mut rig = killed_on_the_road(63);
    remove_journal(&rig);
    let mark = rig.installation.state().join("high-water");
    let whole = fs::read(&mark).expect("written before the first event");
    fs::write(&mark, &whole[..whole.len() / 2]).expect("writable");
    rig.start_agent();
    assert!(await_condition(PATIENCE, || logged(&rig, "high-water.refused")), "{}", rig.log_tail());
    rig.finish();
}

#[test]
fn where_journal_and_recording_are_gone_numbers_go_on_above_the_mark() {
    let mut rig = killed_on_the_road(64);
    remove_journal(&rig);
    fs::remove_dir_all(rig.installation.state().join("recording")).expect("removable");
    rig.start_agent();
    assert!(await_condition(PATIENCE, || rig.kinds().iter().any(|kind| kind == "device.lost")), "{}", rig.log_tail());
    assert_eq!(rig.finish_above(), 257, "a block is 256 numbers");
}
