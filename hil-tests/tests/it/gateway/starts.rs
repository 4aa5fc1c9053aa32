//! What if the truck is started again and again while dispatch is away?

use hil_tests::clock::await_condition;
use hil_tests::dispatch::Dispatch;
use hil_tests::journal;
use hil_tests::world::Shift;
use hil_tests::world::facility::Zone;
use hil_tests::world::truth::Direction;

use super::rig::{PATIENCE, Rig, SCALE};

const STARTS: u32 = 6;
/// Time of the shift between two of them: to connect, to send what is owed, and for the timer to ask once or twice.
const RUN_S: f64 = 60.0;

#[test]
fn dispatch_away_and_a_truck_started_six_times_sends_what_the_broker_took_once() {
    let mut rig = Rig::set_off(Shift::errands(68, 2), SCALE);
    rig.until(rig.crossing("depot", Zone::Site, Direction::Leave, 0) + 30.0);
    assert!(await_condition(PATIENCE, || rig.owed() == 0), "{}", rig.log_tail());
    let thru = rig.dispatch.as_ref().map_or(0, Dispatch::thru);
    // The broker keeps its place, and whatever comes for it.
    rig.dispatch = None;
    rig.until(rig.crossing("shop", Zone::Site, Direction::Leave, 0) + 40.0);
    let owed = journal::highest(&rig.installation.state()) - thru;
    for _ in 0..STARTS {
        let now_s = rig.cab.driven_s();
        rig.kill_agent();
        rig.start_agent();
        rig.until(now_s + RUN_S);
    }
    rig.restart_dispatch();
    assert!(await_condition(PATIENCE, || rig.owed() == 0), "{}", rig.log_tail());
    let copies = rig.dispatch.as_ref().map_or(0, Dispatch::copies);
    // Of each run the timer asks for the oldest after 30 s and 90 s, and what it sent last is not noted when it is killed.
    let few = u64::from(STARTS + 1) * 5;
    assert!(owed >= 5 && copies <= few, "{copies} copies of {owed} events\n{}", rig.log_tail());
    rig.finish();
}
