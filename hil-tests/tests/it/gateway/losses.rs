//! What if an event can never be sent?

use std::collections::BTreeSet;
use std::path::Path;

use hil_tests::clock::await_condition;
use hil_tests::mosquitto::Mosquitto;
use hil_tests::world::Shift;
use hil_tests::world::facility::Zone;
use hil_tests::world::truth::Direction;

use super::rig::{Garage, PATIENCE, Rig, SCALE};

/// Events about visits are longer, those about the device are shorter.
const NARROW: u16 = 900;

/// What the agent's log says of each event that names losses.
const NAMES: &str = "events will never be with dispatch";

fn named(rig: &Rig) -> Vec<u64> {
    let ranges = rig.dispatch_events().into_iter().flat_map(|event| event.lost);
    ranges.flat_map(|(first, last)| first..=last).collect()
}

#[test]
fn oversize_event_is_named_once_and_the_others_flow() {
    let start = |dir: &Path| Mosquitto::start_narrow(dir, NARROW);
    let mut rig = Garage::open_at(Shift::errands(65, 1), SCALE, start).drive(None);
    rig.until(rig.crossing("depot", Zone::Site, Direction::Leave, 0) + 40.0);
    assert!(await_condition(PATIENCE, || rig.owed() == 0 && !named(&rig).is_empty()), "{}", rig.log_tail());
    // While dispatch is away the broker keeps the names for it, and the agent starts again with nothing acknowledged.
    rig.dispatch = None;
    let names = |rig: &Rig| std::fs::read_to_string(rig.installation.log()).map_or(0, |log| log.matches(NAMES).count());
    let before = names(&rig);
    let gate_s = rig.crossing("shop", Zone::Site, Direction::Enter, 0);
    rig.until(gate_s + 30.0);
    assert!(await_condition(PATIENCE, || names(&rig) > before), "{}", rig.log_tail());
    rig.kill_agent();
    rig.start_agent();
    rig.until(gate_s + 120.0);
    rig.restart_dispatch();
    rig.settle();
    let (journal, named) = (rig.journal(), named(&rig));
    let too_long = journal.events.iter().filter(|(_, body)| body.len() > usize::from(NARROW)).map(|(n, _)| *n);
    let too_long: BTreeSet<u64> = too_long.collect();
    assert!(too_long.len() > 3, "{too_long:?}");
    assert_eq!(named.iter().copied().collect::<BTreeSet<_>>(), too_long);
    assert_eq!(named.len(), too_long.len(), "each is named once, also after a restart");
}
