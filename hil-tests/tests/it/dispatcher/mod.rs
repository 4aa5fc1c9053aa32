//! Do the real truck and the real dispatcher understand each other, from the claim bundle to the restored backup?
//!
//! `gatestamp run` on a pseudo-terminal, with the bundle that `gatestamp-receiver add-truck` made; the broker with the configuration and
//! the ACL of `init`; `gatestamp-receiver run`. TLS and signed commands as in the field.

mod office;

use hil_tests::clock::await_condition;
use hil_tests::journal;
use hil_tests::world::Shift;
use hil_tests::world::truth::Direction;

use office::{Office, PATIENCE};

#[test]
fn an_arrival_that_came_after_the_backup_is_there_again_once_though_the_receiver_is_killed() {
    let mut office = Office::open(Shift::errands(81, 1));
    office.until("shop", Direction::Enter, -20.0);
    office.settle();
    let copy = office.backup();
    assert_eq!(office.arrivals("shop"), 0);
    // Confirmed, and acknowledged to the truck, which counts it as received from here on.
    office.until("shop", Direction::Enter, 60.0);
    office.settle();
    assert!(office.arrivals("shop") > 0, "{}", office.said());
    office.lose_and_restore(&copy);
    assert_eq!(office.arrivals("shop"), 0, "the copy is from before");
    // Killed when it has asked, and again when it has its connection: what the truck answers then, nobody hears.
    office.receiver.restart().expect("the receiver starts");
    let asked = || office.receiver.log().contains("the database was restored: asked for everything");
    assert!(await_condition(PATIENCE, asked), "{}", office.said());
    office.receiver.kill();
    let connections = |office: &Office| office.receiver.log().matches("connected to localhost").count();
    let before = connections(&office);
    office.receiver.restart().expect("the receiver starts");
    assert!(await_condition(PATIENCE, || connections(&office) > before), "{}", office.said());
    office.receiver.kill();
    office.receiver.restart().expect("the receiver starts");
    let answered = || office.number("SELECT count(*) FROM device WHERE again_ms IS NULL") == 1;
    assert!(await_condition(PATIENCE, answered), "{}", office.said());
    let again = || office.arrivals("shop") > 0;
    assert!(await_condition(PATIENCE, again), "{}", office.said());
    assert!(!office.ask("status", None).contains("RESTORED"));
    office.finish(&[]);
}

#[test]
fn what_the_truck_lost_is_named_and_passed() {
    let mut office = Office::open(Shift::errands(82, 1));
    office.until("depot", Direction::Leave, -20.0);
    office.settle();
    office.broker.kill();
    office.until("shop", Direction::Enter, 30.0);
    office.kill_agent();
    let newest = journal::highest(&office.truck.state());
    // Not the newest: what is missing at the end waits for the disk.
    let gone = newest - 1;
    assert!(gone > office.thru(), "{}", office.said());
    assert_eq!(journal::forget(&office.truck.state(), gone).expect("the journal opens"), 1);
    office.broker.restart().expect("the broker comes back");
    office.start_agent();
    let named = || office.number("SELECT coalesce(max(first), 0) FROM losses WHERE first = last") == gone;
    assert!(await_condition(PATIENCE, named), "{}", office.said());
    office.settle();
    assert!(office.thru() > gone);
    assert_eq!(office.number("SELECT sum(count) FROM losses"), 1);
    office.finish(&[gone]);
}

/// Fault `puback_without_subscriber`: the broker has forgotten the receiver's session, and takes events for nobody.
#[test]
fn what_the_broker_took_while_nobody_listened_is_owed_until_the_receiver_is_back() {
    let mut office = Office::open(Shift::errands(83, 1));
    office.until("depot", Direction::Leave, -20.0);
    office.settle();
    let before = office.thru();
    office.receiver.kill();
    office.broker.restart().expect("the broker comes back");
    let health = |pointer: &str| office.truck.health().unwrap_or_default().pointer(pointer).cloned();
    let paused =
        || health("/delivery/paused").is_some_and(|why| why.as_str().is_some_and(|why| why.contains("nobody")));
    assert!(await_condition(PATIENCE * 2, paused), "{:?} {}", health("/delivery"), office.said());
    assert!(health("/delivery/owed").and_then(|owed| owed.as_u64()).is_some_and(|owed| owed > 0));
    assert_eq!(office.thru(), before);
    office.receiver.restart().expect("the receiver starts");
    office.finish(&[]);
}
