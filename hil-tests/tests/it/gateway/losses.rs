//! What if an event can never be sent?

use std::collections::BTreeSet;
use std::path::Path;

use hil_tests::clock::await_condition;
use hil_tests::journal;
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
fn what_is_too_long_for_a_broker_comes_when_it_takes_more_and_the_others_flow() {
    others_flow(|dir| Mosquitto::start_narrow(dir, NARROW));
}

#[test]
fn broker_lies_about_maximum() {
    let log = others_flow(|dir| Mosquitto::start_secretly_narrow(dir, NARROW));
    // It answers to what is too long, and that ends no connection: there is one to the narrow broker and one to the wide.
    assert_eq!(log.matches("connected to the broker").count(), 2, "{log}");
    assert!(log.contains("the broker does not take this event") && log.contains("message_size_limit"), "{log}");
}

/// Gives back the agent's log.
fn others_flow(start: impl FnOnce(&Path) -> std::io::Result<Mosquitto>) -> String {
    let mut rig = Garage::open_at(Shift::errands(65, 1), SCALE, start).drive(None);
    rig.until(rig.crossing("depot", Zone::Site, Direction::Leave, 0) + 40.0);
    let too_long = |rig: &Rig| -> BTreeSet<u64> {
        let events = rig.journal().events;
        events.into_iter().filter(|(_, body)| body.len() > usize::from(NARROW)).map(|(sequence, _)| sequence).collect()
    };
    let there = |rig: &Rig| -> BTreeSet<u64> { rig.dispatch_events().iter().map(|event| event.sequence).collect() };
    let others_came = |rig: &Rig| {
        let (long, there) = (too_long(rig), there(rig));
        let newest = rig.journal().events.last().map_or(0, |(sequence, _)| *sequence);
        !long.is_empty() && (1..=newest).all(|sequence| long.contains(&sequence) != there.contains(&sequence))
    };
    assert!(await_condition(PATIENCE, || others_came(&rig)), "{}", rig.log_tail());
    let held_back = too_long(&rig).len() as u64;
    let told =
        |rig: &Rig| rig.installation.health().and_then(|health| health.pointer("/delivery/unsendable/0")?.as_u64());
    assert!(await_condition(PATIENCE * 2, || told(&rig) >= Some(held_back)), "{:?}", rig.installation.health());
    rig.mosquitto.widen().expect("the broker comes back");
    assert!(await_condition(PATIENCE, || rig.owed() == 0), "{}", rig.log_tail());
    assert!(named(&rig).is_empty() && !rig.log_tail().contains(NAMES), "nothing was lost");
    let log = std::fs::read_to_string(rig.installation.log()).expect("there");
    rig.finish();
    log
}

#[test]
fn what_the_journal_no_longer_has_is_named_once() {
    let mut rig = Garage::open(Shift::errands(65, 1), SCALE).drive(None);
    rig.until(rig.crossing("depot", Zone::Site, Direction::Leave, 0) - 20.0);
    assert!(await_condition(PATIENCE, || rig.owed() == 0), "{}", rig.log_tail());
    rig.mosquitto.kill();
    rig.until(rig.crossing("shop", Zone::Site, Direction::Enter, 0) + 30.0);
    rig.kill_agent();
    let (owed, newest) = (rig.owed(), journal::highest(&rig.installation.state()));
    // Not the newest: what is missing at the end waits for the disk.
    assert!(owed > 1, "{}", rig.log_tail());
    let gone = newest - 1;
    assert_eq!(journal::forget(&rig.installation.state(), gone).expect("the journal opens"), 1);
    rig.mosquitto.restart().expect("the broker comes back");
    rig.start_agent();
    assert!(await_condition(PATIENCE, || named(&rig) == [gone]), "{}", rig.log_tail());
    rig.kill_agent();
    rig.start_agent();
    rig.settle();
    assert_eq!(named(&rig), [gone], "once, also after a restart");
}
