//! The cursor against brokers and dispatchers of every kind.

mod delivery;
mod faulted;
mod history;
mod sparing;
mod suspicion;
mod unsent;

use super::*;
use crate::event::LOSS_RANGES_MAX;

fn seconds(s: u64) -> Mono {
    Mono(s * 1_000)
}

fn linked(highest: u64) -> Outbox {
    let mut outbox = Outbox::new(true, 0, 1, highest);
    outbox.link_up(seconds(0), 20);
    outbox
}

#[test]
fn the_window_bounds_what_is_on_the_way_and_the_broker_moves_it() {
    let mut outbox = linked(50);
    assert_eq!(outbox.poll(seconds(0)), Some(1..=15), "a quarter stays free for what is fresh");
    assert_eq!(outbox.poll(seconds(0)), None);
    outbox.delivered(2);
    assert_eq!(outbox.poll(seconds(0)), None);
    outbox.delivered(1);
    assert_eq!(outbox.poll(seconds(0)), Some(16..=17));
}

#[test]
fn an_event_is_owed_until_dispatch_has_it_whatever_the_broker_says() {
    let mut outbox = linked(2);
    outbox.poll(seconds(0));
    outbox.delivered(1);
    outbox.delivered(2);
    assert_eq!((outbox.owed(), outbox.complete_thru()), (2, 2));
    outbox.received(seconds(1), 2, &[]);
    assert_eq!((outbox.owed(), outbox.moved(), outbox.moved()), (0, Some(2), None));
}

#[test]
fn a_new_connection_sends_everything_owed_again() {
    let mut outbox = linked(3);
    outbox.poll(seconds(0));
    outbox.received(seconds(1), 1, &[]);
    outbox.link_down(seconds(0), Ending::Lost);
    assert_eq!(outbox.poll(seconds(2)), None);
    outbox.link_up(seconds(3), 20);
    assert_eq!(outbox.poll(seconds(3)), Some(2..=3));
}

#[test]
fn silence_of_dispatch_sends_again_after_30_s_then_60_then_120() {
    let mut outbox = linked(1);
    outbox.poll(seconds(0));
    outbox.delivered(1);
    let sent: Vec<u64> = (1..300)
        .filter(|&s| {
            let again = outbox.poll(seconds(s)).is_some();
            outbox.delivered(1);
            again
        })
        .collect();
    assert_eq!(sent, [30, 90, 210]);
}

#[test]
fn an_event_after_hours_of_quiet_is_sent_once_and_dispatch_gets_its_time() {
    let mut outbox = linked(0);
    outbox.journaled(seconds(7_200), 1, true);
    assert_eq!(outbox.poll(seconds(7_200)), Some(1..=1));
    outbox.delivered(1);
    assert_eq!(outbox.poll(seconds(7_201)), None);
    assert_eq!(outbox.poll(seconds(7_230)), Some(1..=1));
}

#[test]
fn new_events_do_not_hold_off_sending_an_old_one_again() {
    let mut outbox = linked(1);
    outbox.poll(seconds(0));
    outbox.delivered(1);
    let mut again = false;
    for minute in 1..120 {
        outbox.journaled(seconds(minute * 60), minute + 1, true);
        while let Some(range) = outbox.poll(seconds(minute * 60)) {
            again |= range.contains(&1);
            range.for_each(|sequence| outbox.delivered(sequence));
        }
    }
    assert!(again);
}

#[test]
fn a_journal_that_begins_later_does_not_wait_for_what_it_lacks() {
    let mut outbox = Outbox::new(false, 0, 41, 42);
    outbox.link_up(seconds(0), 20);
    assert_eq!(outbox.poll(seconds(0)), Some(41..=42));
    outbox.delivered(41);
    outbox.delivered(42);
    assert_eq!(outbox.owed(), 0);
}

#[test]
fn an_acknowledgement_from_the_future_or_of_nobody_changes_nothing() {
    let mut outbox = linked(3);
    outbox.received(seconds(0), 4, &[]);
    outbox.foreign_ack();
    assert_eq!((outbox.thru(), outbox.ignored_acks()), (0, 2));
    outbox.received(seconds(0), 3, &[]);
    outbox.received(seconds(0), 1, &[]);
    assert_eq!(outbox.thru(), 3);
}

#[test]
fn what_dispatch_has_counts_also_where_it_lacks_what_the_journal_no_longer_holds() {
    // The journal begins at 41; dispatch waits for 10 and says that it has 41 and 42.
    let mut outbox = Outbox::new(true, 0, 41, 43);
    outbox.link_up(seconds(0), 20);
    outbox.received(seconds(0), 9, &[(41, 42)]);
    assert_eq!((outbox.thru(), outbox.poll(seconds(0))), (40, Some(43..=43)));
}

#[test]
fn where_nobody_acknowledges_the_brokers_word_counts_in_order() {
    let mut outbox = Outbox::new(false, 0, 1, 3);
    outbox.link_up(seconds(0), 20);
    outbox.poll(seconds(0));
    outbox.delivered(2);
    assert_eq!(outbox.thru(), 0);
    outbox.delivered(1);
    assert_eq!(outbox.thru(), 2);
}

#[test]
fn what_the_broker_refuses_stays_owed_and_is_tried_again() {
    let mut outbox = linked(1);
    outbox.poll(seconds(0));
    outbox.refused(seconds(0), 1, Refusal::NobodyListens);
    assert_eq!(outbox.poll(seconds(10)), None);
    assert_eq!(outbox.poll(seconds(30)), Some(1..=1));
}

#[test]
fn fresh_overtakes_backlog() {
    let mut outbox = linked(10_000);
    assert_eq!(outbox.poll(seconds(0)), Some(1..=15));
    outbox.journaled(seconds(1), 10_001, false);
    outbox.journaled(seconds(1), 10_002, true);
    assert_eq!(
        outbox.poll(seconds(1)),
        Some(10_002..=10_002),
        "a visit first, although the backlog has used up its room"
    );
    assert_eq!(outbox.poll(seconds(1)), Some(10_001..=10_001));
    assert_eq!(outbox.poll(seconds(1)), None);
    assert_eq!(outbox.complete_thru(), 0);
}

#[test]
fn the_backlog_keeps_one_in_four_however_much_is_fresh() {
    let mut outbox = linked(10_000);
    let mut old = 0;
    for sequence in 10_001..10_101 {
        outbox.journaled(seconds(1), sequence, true);
    }
    for _ in 0..80 {
        let range = outbox.poll(seconds(1)).unwrap();
        old += u64::from(*range.start() <= 10_000);
        range.for_each(|sequence| outbox.delivered(sequence));
    }
    assert_eq!(old, 20);
}

#[test]
fn what_went_early_is_not_sent_twice_and_dispatch_is_believed_about_what_it_has() {
    let mut outbox = linked(40);
    assert_eq!(outbox.poll(seconds(0)), Some(1..=15));
    outbox.journaled(seconds(1), 41, true);
    assert_eq!(outbox.poll(seconds(1)), Some(41..=41));
    (1..=15).for_each(|sequence| outbox.delivered(sequence));
    outbox.delivered(41);
    outbox.received(seconds(2), 15, &[(18, 20), (30, 31), (99, 100), (5, 2)]);
    let mut sent = Vec::new();
    while let Some(range) = outbox.poll(seconds(2)) {
        sent.extend(range.clone());
        range.for_each(|sequence| outbox.delivered(sequence));
    }
    let expected: Vec<u64> = (16..=17).chain(21..=29).chain(32..=40).collect();
    assert_eq!(sent, expected);
    assert_eq!(outbox.complete_thru(), 41);
}

#[test]
fn old_news_waits_its_turn() {
    let mut outbox = linked(100);
    outbox.poll(seconds(0));
    outbox.journaled(seconds(1), 101, true);
    (1..=15).for_each(|sequence| outbox.delivered(sequence));
    assert_eq!(outbox.poll(seconds(901)), Some(16..=30));
}

#[test]
fn acl_denied_is_tried_with_one_event_at_growing_intervals_across_connections() {
    let mut outbox = linked(50);
    let mut tries = Vec::new();
    for second in 0..3_000 {
        if second % 60 == 59 {
            outbox.link_down(seconds(0), Ending::Lost);
            outbox.link_up(seconds(second), 20);
        }
        while let Some(range) = outbox.poll(seconds(second)) {
            tries.push((second, range.clone().count()));
            range.for_each(|sequence| outbox.refused(seconds(second), sequence, Refusal::Denied));
        }
    }
    assert_eq!(tries, [(0, 15), (60, 1), (180, 1), (420, 1), (900, 1), (1_500, 1), (2_100, 1), (2_700, 1)]);
    assert_eq!((outbox.owed(), outbox.pause().map(|pause| pause.why)), (50, Some(Refusal::Denied)));
    assert_eq!(outbox.poll(seconds(3_300)), Some(1..=1));
    outbox.delivered(1);
    assert_eq!(outbox.pause(), None);
    assert_eq!(outbox.poll(seconds(3_300)), Some(2..=16));
}

#[test]
fn a_broker_with_nobody_behind_it_is_asked_after_30_s_then_60_then_120() {
    let mut outbox = linked(1);
    let tries: Vec<u64> = (0..300)
        .filter(|&s| {
            let polled = outbox.poll(seconds(s)).is_some();
            if polled {
                outbox.refused(seconds(s), 1, Refusal::NobodyListens);
            }
            polled
        })
        .collect();
    assert_eq!(tries, [0, 30, 90, 210]);
}

#[test]
fn what_can_never_be_sent_holds_up_nobody() {
    let mut outbox = Outbox::new(false, 0, 1, 4);
    outbox.link_up(seconds(0), 20);
    assert_eq!(outbox.poll(seconds(0)), Some(1..=4));
    outbox.refused(seconds(0), 2, Refusal::Unsendable);
    for sequence in [1, 3, 4] {
        outbox.delivered(sequence);
    }
    assert_eq!((outbox.thru(), outbox.pause()), (1, None), "it is not named yet");
    outbox.lost(&outbox.unnamed(seconds(0)));
    assert_eq!((outbox.owed(), outbox.pause(), outbox.quarantined()), (0, None, None));
    let mut outbox = linked(4);
    outbox.poll(seconds(0));
    outbox.refused(seconds(0), 2, Refusal::Unsendable);
    assert_eq!(outbox.quarantined(), Some((1, 2, 2)));
    outbox.link_up(seconds(1), 20);
    assert_eq!(outbox.poll(seconds(1)), Some(1..=1));
    assert_eq!(outbox.poll(seconds(1)), Some(3..=4));
}

#[test]
fn what_the_journal_does_not_have_yet_waits_and_holds_up_nobody() {
    let mut outbox = linked(2);
    outbox.journaled(seconds(0), 3, true);
    assert_eq!(outbox.poll(seconds(0)), Some(1..=3));
    outbox.refused(seconds(0), 3, Refusal::Local);
    (1..=2).for_each(|sequence| outbox.delivered(sequence));
    assert_eq!((outbox.poll(seconds(9)), outbox.complete_thru()), (None, 2));
    assert_eq!(outbox.poll(seconds(10)), Some(3..=3));
}

#[test]
fn a_link_that_flaps_sends_again_what_was_on_the_way_and_the_timer_the_rest() {
    let mut outbox = Outbox::new(true, 0, 1, 1_000);
    outbox.link_up(seconds(0), 20);
    while let Some(range) = outbox.poll(seconds(1)) {
        range.for_each(|sequence| outbox.delivered(sequence));
    }
    assert_eq!((outbox.complete_thru(), outbox.owed()), (1_000, 1_000));
    let mut resent = 0;
    for flap in 0..10 {
        let now = seconds(2 + flap);
        // A window of news is on the way each time when the link goes; nothing is when it comes back at once.
        (1..=20).for_each(|n| outbox.journaled(now, 1_000 + flap * 20 + n, true));
        assert_eq!(std::iter::from_fn(|| outbox.poll(now)).map(std::iter::Iterator::count).sum::<usize>(), 20);
        for _ in 0..2 {
            outbox.link_down(seconds(0), Ending::Lost);
            outbox.link_up(now, 20);
            let mut sent = 0;
            while let Some(range) = outbox.poll(now) {
                sent += range.clone().count();
                range.for_each(|sequence| outbox.delivered(sequence));
            }
            assert!(sent <= 20, "{sent} sent at reconnection {flap}");
            resent += sent;
        }
    }
    assert_eq!(resent, 200);
    // The broker lost it all: the oldest comes again by the timer, which no flapping puts off, and what dispatch says to it brings the
    // rest.
    let mut sent = BTreeSet::new();
    for second in 12..92 {
        if second % 20 == 0 {
            outbox.link_down(seconds(0), Ending::Lost);
            outbox.link_up(seconds(second), 20);
        }
        while let Some(range) = outbox.poll(seconds(second)) {
            sent.extend(range.clone());
            range.for_each(|sequence| outbox.delivered(sequence));
        }
        if second < 60 {
            assert!(sent.is_empty() || sent == BTreeSet::from([1]), "{} sent again at {second} s", sent.len());
            outbox.received(seconds(second), sent.len() as u64, &[]);
        }
    }
    assert!((1..=1_200).all(|sequence| sent.contains(&sequence)), "{} sent again", sent.len());
}

/// Publishes of each event while dispatch is away for `hours`, from the first to the last moment.
fn sent_while_away(outbox: &mut Outbox, hours: u64) -> BTreeMap<u64, u64> {
    let mut sent = BTreeMap::new();
    for second in 0..hours * 3_600 {
        while let Some(range) = outbox.poll(seconds(second)) {
            for sequence in range {
                *sent.entry(sequence).or_default() += 1;
                outbox.delivered(sequence);
            }
        }
    }
    sent
}

#[test]
fn dispatch_away_a_day_and_a_week_costs_less_than_two_deliveries_of_the_backlog() {
    for (hours, copies) in [(24, 29), (7 * 24, 173)] {
        let mut outbox = linked(1_000);
        let sent = sent_while_away(&mut outbox, hours);
        assert_eq!((sent.len(), sent.values().sum::<u64>()), (1_000, 1_000 + copies));
        // It is back, and the broker has lost all of it: the next copy of the oldest brings everything.
        let back = hours * 3_600;
        let mut again = BTreeSet::new();
        let mut thru = 0;
        for second in back..back + 4_000 {
            while let Some(range) = outbox.poll(seconds(second)) {
                again.extend(range.clone());
                range.for_each(|sequence| outbox.delivered(sequence));
            }
            while again.contains(&(thru + 1)) {
                thru += 1;
            }
            outbox.received(seconds(second), thru, &[]);
        }
        assert_eq!((outbox.owed(), again.len()), (0, 1_000));
    }
}

#[test]
fn what_is_sent_a_second_time_is_known_as_such() {
    let mut outbox = linked(3);
    assert_eq!(outbox.poll(seconds(0)), Some(1..=3));
    assert!((1..=3).all(|sequence| !outbox.is_resent(sequence)));
    (1..=2).for_each(|sequence| outbox.delivered(sequence));
    outbox.link_down(seconds(0), Ending::Lost);
    outbox.link_up(seconds(1), 20);
    assert_eq!(outbox.poll(seconds(1)), Some(3..=3));
    assert_eq!([1, 2, 3].map(|sequence| outbox.is_resent(sequence)), [false, false, true]);
    outbox.delivered(3);
    outbox.journaled(seconds(2), 4, true);
    assert_eq!(outbox.poll(seconds(2)), Some(4..=4));
    outbox.delivered(4);
    outbox.replay_from(seconds(3), 2, 1);
    assert_eq!(outbox.poll(seconds(3)), Some(1..=4));
    outbox.link_down(seconds(0), Ending::Lost);
    outbox.link_up(seconds(100_002), 20);
    outbox.received(seconds(100_002), 4, &[]);
    assert!((1..=4).all(|sequence| !outbox.is_resent(sequence)), "what dispatch has is forgotten");
}

#[test]
fn what_dispatch_has_beyond_a_hole_brings_the_hole_again_in_30_s() {
    let mut outbox = linked(3);
    outbox.poll(seconds(0));
    (1..=3).for_each(|sequence| outbox.delivered(sequence));
    // Patience has grown to an hour by now.
    for second in 1..5_000 {
        while let Some(range) = outbox.poll(seconds(second)) {
            range.for_each(|sequence| outbox.delivered(sequence));
        }
    }
    outbox.received(seconds(5_000), 0, &[(2, 3)]);
    let again = (5_000..5_100).find_map(|second| outbox.poll(seconds(second)).map(|range| (second, range)));
    assert_eq!(again, Some((5_030, 1..=1)));
}

#[test]
fn a_loss_is_named_once_and_a_name_is_not_named() {
    let mut outbox = linked(100);
    outbox.poll(seconds(0));
    [3, 4, 9].into_iter().for_each(|sequence| outbox.refused(seconds(0), sequence, Refusal::Unsendable));
    outbox.shelve(9);
    let named = outbox.unnamed(seconds(0));
    assert_eq!(named.iter().collect::<Vec<_>>(), [(3, 4)]);
    outbox.lost(&named);
    outbox.refused(seconds(0), 4, Refusal::Unsendable);
    assert!(outbox.unnamed(seconds(0)).is_empty());
    assert_eq!(outbox.quarantined(), Some((1, 9, 9)));
    // Also after a restart, which reads the names from the journal.
    let mut outbox = Outbox::new(true, 0, 1, 9).without(&named);
    outbox.link_up(seconds(0), 20);
    assert_eq!((outbox.poll(seconds(0)), outbox.poll(seconds(0))), (Some(1..=2), Some(5..=9)));
    outbox.received(seconds(1), 9, &[]);
    assert_eq!(outbox.owed(), 0);
}

#[test]
fn quarantine_is_bounded_and_what_is_beyond_is_tried_again() {
    let mut outbox = Outbox::new(true, 0, 1, 1_000);
    outbox.link_up(seconds(0), 100);
    let mut tries = 0;
    for _ in 0..1_000 {
        let Some(range) = outbox.poll(seconds(0)) else { break };
        for sequence in range {
            tries += 1;
            let refusal = if sequence % 2 == 0 { Refusal::Unsendable } else { Refusal::NobodyListens };
            if sequence % 2 == 0 { outbox.refused(seconds(0), sequence, refusal) } else { outbox.delivered(sequence) }
        }
    }
    assert_eq!((outbox.quarantined(), tries), (Some((64, 2, 128)), 1_000));
    assert_eq!(outbox.unnamed(seconds(0)).runs(), LOSS_RANGES_MAX);
    outbox.lost(&outbox.unnamed(seconds(0)));
    assert_eq!(outbox.unnamed(seconds(0)).span(), Some((34, 64)));
    assert_eq!(outbox.poll(seconds(10)), Some(130..=130));
}

#[test]
fn a_replay_owes_again_what_the_journal_holds() {
    let mut outbox = linked(50);
    outbox.received(seconds(0), 50, &[]);
    outbox.replay_from(seconds(1), 41, 45);
    assert_eq!((outbox.thru(), outbox.owed(), outbox.poll(seconds(1))), (44, 6, Some(45..=50)));
    outbox.received(seconds(2), 50, &[]);
    assert_eq!((outbox.owed(), outbox.moved()), (0, Some(50)));
}

proptest::proptest! {
    /// Whatever the broker and dispatch do, and whatever a start knows of before: never more than a window on the way, and in the end all
    /// of it is with dispatch.
    #[test]
    fn nothing_is_forgotten(steps in proptest::collection::vec((0_u8..10, 1_u64..60), 1..300)) {
        let mut outbox = linked(30);
        let mut noted = outbox.clone();
        let mut at_dispatch = BTreeSet::new();
        let (mut now, mut highest) = (0, 30);
        let thru = |has: &BTreeSet<u64>| (1..).take_while(|sequence| has.contains(sequence)).last().unwrap_or(0);
        for (step, number) in steps {
            now += 1;
            match step {
                0 => { highest += 1; outbox.journaled(seconds(now), highest, number % 2 == 0); }
                1 => { outbox.link_down(seconds(0), Ending::Lost); outbox.link_up(seconds(now), 20); }
                2 => outbox.refused(seconds(now), number, Refusal::Quota),
                3 => outbox.received(seconds(now), thru(&at_dispatch), &[]),
                4 => { let above: Vec<_> = at_dispatch.iter().map(|&s| (s, s)).collect(); outbox.received(seconds(now), thru(&at_dispatch), &above); }
                5 => now += number,
                6 => outbox.delivered(number),
                9 if number % 2 == 0 => noted = outbox.clone(),
                9 => {
                    // What was noted may be of long ago; the journal has every event.
                    let thru = if number % 3 == 0 { outbox.thru } else { noted.thru };
                    outbox = Outbox::new(true, thru, 1, highest).resumed(&noted.delivery());
                    outbox.link_up(seconds(now), 20);
                }
                _ => if let Some(range) = outbox.poll(seconds(now)) {
                    for sequence in range {
                        if number % 3 > 0 { at_dispatch.insert(sequence); }
                        if number % 5 > 0 { outbox.delivered(sequence); }
                    }
                },
            }
            proptest::prop_assert!(outbox.on_the_way.len() <= 20 && outbox.on_the_way.len() == outbox.sent.len());
        }
        outbox.link_down(seconds(0), Ending::Lost);
        outbox.link_up(seconds(now), 20);
        for _ in 0..20_000 {
            now += 10;
            while let Some(range) = outbox.poll(seconds(now)) {
                for sequence in range { at_dispatch.insert(sequence); outbox.delivered(sequence); }
            }
            outbox.received(seconds(now), thru(&at_dispatch), &[]);
            if outbox.owed() == 0 { break; }
        }
        proptest::prop_assert_eq!(outbox.owed(), 0);
    }
}
