//! What dispatch knows of before this journal, and what follows from it.

use super::*;

#[test]
fn before_a_first_acknowledgement_nothing_is_sent_until_dispatch_could_say_what_it_has() {
    let mut outbox = Outbox::new(true, 0, 1, 3).since(History::Untold);
    outbox.link_up(seconds(0), 20);
    outbox.subscribed(seconds(1));
    assert_eq!((outbox.poll(seconds(5)), outbox.poll(seconds(6))), (None, Some(1..=3)));
    // Its words come late: what it has up to 3 is ours by now, and what it has beyond is another's.
    outbox.received(seconds(7), 2, &[]);
    assert_eq!((outbox.clash(), outbox.thru(), outbox.moved()), (None, 2, Some(2)));
    let mut outbox = Outbox::new(true, 0, 1, 3).since(History::Untold);
    outbox.link_up(seconds(0), 20);
    outbox.received(seconds(0), 0, &[]);
    assert_eq!(outbox.poll(seconds(0)), Some(1..=3), "dispatch is there, and has nothing");
    let mut outbox = Outbox::new(true, 0, 1, 3).since(History::Untold);
    outbox.link_up(seconds(0), 20);
    assert_eq!((outbox.poll(seconds(59)), outbox.poll(seconds(60))), (None, Some(1..=3)), "no SUBACK at all");
}

#[test]
fn what_dispatch_has_of_the_gateway_before_swallows_nothing() {
    for (history, thru, have, clash) in [
        (History::Untold, 2, vec![], Some(Clash::Anothers(2))),
        (History::Untold, 0, vec![(7, 9)], Some(Clash::Anothers(9))),
        (History::Unacknowledged, 3, vec![], None),
        (History::Unacknowledged, 4, vec![], Some(Clash::Anothers(4))),
        (History::Unacknowledged, 1, vec![(3, 8)], Some(Clash::Anothers(8))),
        (History::Known, 4, vec![(5, 9)], None),
        (History::Untold, SEQUENCE_END, vec![], None),
        (History::Untold, u64::MAX, vec![(1, u64::MAX)], None),
        (History::Untold, 2, vec![(3, SEQUENCE_END)], None),
        (History::Unacknowledged, 2, vec![(3, u64::MAX)], None),
        (History::Derived, 3, vec![], None),
        (History::Derived, 1, vec![(3, 8)], Some(Clash::Forgotten(8))),
        (History::Derived, u64::MAX, vec![], None),
    ] {
        let mut outbox = Outbox::new(true, 0, 1, 3).since(history);
        outbox.link_up(seconds(0), 20);
        outbox.received(seconds(0), thru, &have);
        assert_eq!(outbox.clash(), clash, "{history:?} {thru} {have:?}");
        let is_ours = thru <= 3 && [History::Unacknowledged, History::Derived].contains(&history) && have.is_empty();
        assert_eq!(outbox.thru(), if is_ours { thru } else { 0 }, "{history:?} {thru} {have:?}");
        assert!(clash.is_none() || outbox.poll(seconds(600)).is_none(), "nothing goes out under the old numbers");
    }
}

#[test]
fn what_dispatch_has_beyond_what_was_sent_is_another_gateways_however_much_is_journaled() {
    for told in [16, 1_500, 2_000] {
        let mut outbox = Outbox::new(true, 0, 1, 2_000).since(History::Untold);
        outbox.link_up(seconds(0), 20);
        outbox.subscribed(seconds(0));
        assert_eq!(outbox.poll(seconds(6)), Some(1..=15));
        outbox.received(seconds(7), told, &[]);
        assert_eq!((outbox.clash(), outbox.thru()), (Some(Clash::Anothers(told)), 0));
    }
    let mut outbox = Outbox::new(true, 0, 1, 2_000).since(History::Untold);
    outbox.link_up(seconds(0), 20);
    outbox.subscribed(seconds(0));
    assert_eq!(outbox.poll(seconds(6)), Some(1..=15));
    outbox.received(seconds(7), 15, &[]);
    assert_eq!((outbox.clash(), outbox.thru()), (None, 15));
}

#[test]
fn counted_above_anothers_events_ours_go_out_and_what_led_to_it_says_nothing_of_them() {
    let mut outbox = Outbox::new(true, 0, 1, 30).since(History::Untold);
    outbox.link_up(seconds(0), 20);
    outbox.subscribed(seconds(0));
    assert_eq!(outbox.poll(seconds(6)), Some(1..=15), "its words come late");
    outbox.refused(seconds(6), 7, Refusal::Unsendable);
    outbox.received(seconds(7), 500, &[]);
    assert_eq!(outbox.poll(seconds(7)), None);
    outbox.renumbered(seconds(7), 500, 500);
    assert_eq!((outbox.thru(), outbox.owed(), outbox.moved(), outbox.complete_thru()), (500, 30, None, 500));
    // The broker still has to answer for what was sent under the old numbers: that takes its place in the window.
    assert_eq!(outbox.poll(seconds(7)), None);
    (1..=15).for_each(|old| outbox.delivered(old));
    outbox.refused(seconds(7), 3, Refusal::Unsendable);
    assert_eq!(outbox.quarantined(), Some((1, 507, 507)), "an answer about an old number says nothing of a new one");
    assert_eq!(outbox.poll(seconds(8)), Some(501..=506));
    for _ in 0..3 {
        outbox.received(seconds(8), 500, &[(40, 60)]);
    }
    assert_eq!((outbox.clash(), outbox.history(), outbox.ignored_acks()), (None, History::Unacknowledged, 0));
    outbox.received(seconds(9), 505, &[]);
    assert_eq!((outbox.thru(), outbox.history(), outbox.moved()), (505, History::Known, Some(505)));
}

#[test]
fn whoever_never_stops_renumbering_is_no_dispatch() {
    let mut outbox = Outbox::new(true, 0, 1, 3).since(History::Untold);
    outbox.link_up(seconds(0), 20);
    let mut times = 0;
    for told in (1_000..).step_by(1_000).take(50) {
        outbox.received(seconds(1), told, &[]);
        if outbox.clash().is_some() {
            times += 1;
            outbox.renumbered(seconds(1), 1_000, told);
        }
    }
    assert_eq!((times, outbox.ignored_acks()), (RENUMBERINGS_MAX, 42));
    assert!(outbox.poll(seconds(2)).is_some(), "events go out");
    let again = Outbox::new(true, 0, 1, 3).since(History::Unacknowledged).numbered(3, 0, RENUMBERINGS_MAX);
    let mut again = Outbox { quiet_until: Some(seconds(0)), window: Some(20), ..again };
    again.received(seconds(1), 4, &[]);
    assert_eq!((again.clash(), again.ignored_acks()), (None, 1), "also after a restart");
}

#[test]
fn numbers_that_were_skipped_are_not_looked_for() {
    let mut outbox = Outbox::new(true, 0, 1, 3);
    outbox.skip_to(500);
    outbox.journaled(seconds(0), 501, true);
    outbox.link_up(seconds(0), 20);
    assert_eq!(
        (outbox.poll(seconds(0)), outbox.poll(seconds(0)), outbox.poll(seconds(0))),
        (Some(501..=501), Some(1..=3), None)
    );
    outbox.received(seconds(1), 450, &[]);
    assert_eq!((outbox.thru(), outbox.ignored_acks()), (450, 0));
}
