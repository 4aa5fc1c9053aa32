//! What a start knows of delivery.

use super::*;
use geofence::UnixMillis;

const HOUR_S: u64 = 3_600;
const DAY_S: u64 = 24 * HOUR_S;

/// The cursor of the next start, from what was stored of this one.
fn started_again(before: &Outbox) -> Outbox {
    let stored = serde_json::to_string(&before.delivery()).unwrap();
    Outbox::new(before.dispatch_acks, before.thru, 1, before.highest).resumed(&serde_json::from_str(&stored).unwrap())
}

/// What is sent in a second, all of which the broker takes.
fn taken(outbox: &mut Outbox, at: Mono) -> Vec<u64> {
    let mut sent = Vec::new();
    while let Some(range) = outbox.poll(at) {
        sent.extend(range.clone());
        range.for_each(|sequence| outbox.delivered(sequence));
    }
    sent
}

#[test]
fn started_each_hour_of_a_week_without_dispatch_the_backlog_goes_once_and_a_few_copies_with_each_start() {
    let mut outbox = linked(1_000);
    let (mut sent, mut firsts) = (Vec::new(), 0);
    for second in 0..7 * DAY_S {
        if second > 0 && second % HOUR_S == 0 {
            outbox = started_again(&outbox);
            outbox.link_up(seconds(second), 20);
            // Dispatch's last word, as the broker keeps it: with a hole behind which it has something.
            outbox.retained(seconds(second), 0, &[(7, 9)]);
        }
        let copies = taken(&mut outbox, seconds(second));
        firsts += copies.iter().filter(|sequence| !outbox.is_resent(**sequence)).count();
        sent.extend(copies);
    }
    assert_eq!(sent.iter().copied().collect::<BTreeSet<_>>().len(), 1_000);
    assert_eq!(firsts, 1_000, "the rest are known as copies");
    assert_eq!(sent.len(), 1_000 + 7 * 24 * 6);
}

#[test]
fn what_was_on_the_way_is_sent_by_the_next_start_and_what_dispatch_asks_for_too() {
    let mut outbox = linked(15);
    assert_eq!(outbox.poll(seconds(0)), Some(1..=15));
    [1, 2, 3, 5, 8].into_iter().for_each(|sequence| outbox.delivered(sequence));
    outbox.received(seconds(1), 1, &[]);
    let mut next = started_again(&outbox);
    assert_eq!(next.complete_thru(), 1);
    next.link_up(seconds(2), 20);
    assert_eq!(taken(&mut next, seconds(2)), [4, 6, 7, 9, 10, 11, 12, 13, 14, 15]);
    assert_eq!(next.complete_thru(), 15);
    let mut next = started_again(&next);
    next.link_up(seconds(3), 20);
    assert!(taken(&mut next, seconds(3)).is_empty());
    next.replay_from(seconds(4), 3, 1);
    assert_eq!(taken(&mut next, seconds(4)), (2..=15).collect::<Vec<_>>());
}

#[test]
fn what_a_broker_lost_while_the_truck_was_off_comes_once_dispatch_speaks() {
    let mut outbox = linked(100);
    taken(&mut outbox, seconds(0));
    let mut next = started_again(&outbox);
    next.link_up(seconds(10), 20);
    let (mut has, mut thru) = (BTreeSet::new(), 0);
    for second in 10..200 {
        has.extend(taken(&mut next, seconds(second)));
        while has.contains(&(thru + 1)) {
            thru += 1;
        }
        next.received(seconds(second), thru, &[]);
    }
    assert_eq!((next.owed(), has.len()), (0, 100));
}

#[test]
fn of_what_dispatch_has_beyond_a_hole_none_is_asked_for_in_the_place_of_what_it_lacks() {
    let mut outbox = linked(60);
    assert_eq!(outbox.poll(seconds(0)), Some(1..=15));
    outbox.refused(seconds(0), 1, Refusal::NotTaken);
    (2..=15).for_each(|sequence| outbox.delivered(sequence));
    taken(&mut outbox, seconds(0));
    outbox.retained(seconds(1), 0, &[(2, 40), (42, 60)]);
    let again = (1..100).flat_map(|second| taken(&mut outbox, seconds(second))).next();
    assert_eq!(again, Some(41));
}

#[test]
fn where_the_brokers_word_has_to_do_nothing_that_it_took_is_sent_twice() {
    let mut outbox = Outbox::new(false, 0, 1, 50);
    outbox.link_up(seconds(0), 20);
    for day in 0..3 {
        for second in day * DAY_S..(day + 1) * DAY_S {
            while let Some(range) = outbox.poll(seconds(second)) {
                for sequence in range {
                    assert!(sequence == 2 || second == 0, "{sequence} again");
                    if sequence == 2 {
                        outbox.refused(seconds(second), 2, Refusal::NotTaken);
                    } else {
                        outbox.delivered(sequence);
                    }
                }
            }
        }
        assert_eq!((outbox.thru(), outbox.owed()), (1, 49));
        outbox = started_again(&outbox);
        outbox.link_up(seconds((day + 1) * DAY_S), 20);
    }
    assert_eq!(outbox.poll(seconds(3 * DAY_S)), Some(2..=2), "another broker may take it");
    outbox.delivered(2);
    assert_eq!((outbox.thru(), outbox.owed()), (50, 0));
}

#[test]
fn what_is_stored_of_no_event_or_in_no_order_says_nothing() {
    let stored = r#"{"with_broker":[[0,2],[9,4],[3,18446744073709551615]],"not_taken":[[5,6],[900,901]],"more":1}"#;
    let outbox = Outbox::new(true, 2, 1, 8).resumed(&serde_json::from_str(stored).unwrap());
    assert_eq!((outbox.owed(), outbox.quarantined()), (6, None));
    assert_eq!(outbox.delivery().with_broker.iter().collect::<Vec<_>>(), [(3, 8)]);
    let none = Outbox::new(true, 0, 1, 0).resumed(&serde_json::from_str(stored).unwrap());
    assert_eq!(none.delivery(), Delivery::default());
    let lost: Ranges = [(5, 5)].into_iter().collect();
    let stored = r#"{"not_taken":[[5,6]],"not_taken_since":-9223372036854775808}"#;
    let outbox = Outbox::new(true, 2, 1, 8).without(&lost).resumed(&serde_json::from_str(stored).unwrap());
    assert_eq!(outbox.quarantined(), Some((1, 6, 6)));
    assert_eq!(serde_json::from_str::<Delivery>("{}").unwrap(), Delivery::default());
    assert_eq!(serde_json::to_string(&Delivery::default()).unwrap(), "{}");
}

#[test]
fn what_is_stored_is_bounded_and_the_rest_is_sent_again() {
    let mut outbox = linked(2_000);
    while let Some(range) = outbox.poll(seconds(0)) {
        for sequence in range {
            if sequence % 2 == 0 {
                outbox.delivered(sequence);
            } else {
                outbox.refused(seconds(0), sequence, Refusal::Local);
            }
        }
    }
    let stored = serde_json::to_string(&outbox.delivery()).unwrap();
    assert!(stored.len() < 1_400, "{} bytes", stored.len());
    assert_eq!(started_again(&outbox).with_broker.span(), Some((2, 128)));
}

/// Noon of a day, and what the receiver says then.
fn noon(day: u64) -> (Mono, UnixMillis) {
    let at = seconds(day * DAY_S + DAY_S / 2);
    (at, UnixMillis(1_795_000_000_000 + at.0.cast_signed()))
}

#[test]
fn what_no_broker_took_for_a_week_is_named_by_a_truck_that_is_started_each_day() {
    let mut outbox = linked(4);
    for day in 0..=7 {
        let (at, now) = noon(day);
        outbox = started_again(&outbox);
        outbox.dated(now);
        assert!(outbox.unnamed(at).is_empty(), "day {day}: it is asked for once more first");
        outbox.link_up(at, 20);
        while let Some(range) = outbox.poll(at) {
            for sequence in range {
                if sequence == 2 { outbox.refused(at, 2, Refusal::NotTaken) } else { outbox.delivered(sequence) }
            }
        }
        outbox.dated(now);
        let named: Vec<_> = outbox.unnamed(at).iter().collect();
        assert_eq!(named, if day == 7 { vec![(2, 2)] } else { vec![] }, "day {day}");
    }
    // What comes after it has a week of its own.
    let (at, now) = noon(8);
    outbox.lost(&outbox.unnamed(at));
    outbox.journaled(at, 5, true);
    assert_eq!(outbox.poll(at), Some(5..=5));
    outbox.refused(at, 5, Refusal::NotTaken);
    outbox.dated(now);
    assert!(outbox.unnamed(noon(14).0).is_empty());
    assert_eq!(outbox.delivery().not_taken_since, Some(now));
}

#[test]
fn a_broker_that_takes_it_ends_the_week_and_a_calendar_that_was_ahead_does_not_stop_it() {
    let refused = |ahead: i64| {
        let mut outbox = linked(4);
        outbox.poll(seconds(0));
        outbox.refused(seconds(0), 2, Refusal::NotTaken);
        outbox.dated(UnixMillis(noon(0).1.0 + ahead));
        outbox.dated(noon(0).1);
        started_again(&outbox)
    };
    let (at, now) = noon(6);
    let mut outbox = refused(0);
    outbox.dated(now);
    outbox.link_up(at, 20);
    assert!(taken(&mut outbox, at).contains(&2));
    assert_eq!(outbox.delivery().not_taken_since, None);
    let mut outbox = refused(400 * DAY_S.cast_signed() * 1_000);
    let (at, now) = noon(7);
    outbox.link_up(at, 20);
    outbox.dated(now);
    while let Some(range) = outbox.poll(at) {
        range.for_each(|sequence| outbox.refused(at, sequence, Refusal::NotTaken));
    }
    assert!(outbox.unnamed(at).contains(2));
}

#[test]
fn what_a_broker_took_while_dispatch_was_to_acknowledge_is_not_received_where_its_word_has_to_do() {
    let mut outbox = linked(3);
    assert_eq!(taken(&mut outbox, seconds(0)), [1, 2, 3]);
    let stored = outbox.delivery();
    let mut without_acks = Outbox::new(false, 0, 1, 3).resumed(&stored);
    assert_eq!((without_acks.thru(), without_acks.owed()), (0, 3));
    without_acks.link_up(seconds(1), 20);
    assert_eq!(taken(&mut without_acks, seconds(1)), [1, 2, 3]);
    assert_eq!(without_acks.thru(), 3);
}

#[test]
fn what_is_named_as_lost_asks_for_nothing() {
    let mut outbox = linked(3);
    assert_eq!(taken(&mut outbox, seconds(0)), [1, 2, 3]);
    let stored = outbox.delivery();
    let lost: Ranges = [(1, 2)].into_iter().collect();
    outbox.lost(&lost);
    let again = |mut outbox: Outbox| (1..=30).find_map(|second| outbox.poll(seconds(second)));
    assert_eq!(again(outbox), Some(3..=3));
    let mut started = Outbox::new(true, 0, 1, 3).without(&lost).resumed(&stored);
    started.link_up(seconds(0), 20);
    assert_eq!(again(started), Some(3..=3));
}

/// A day after everything was sent, with a dispatch that was silent since.
fn unheard_for_a_day() -> Outbox {
    let mut outbox = linked(20);
    (0..DAY_S).for_each(|second| _ = taken(&mut outbox, seconds(second)));
    outbox
}

#[test]
fn what_a_broker_lost_comes_soon_after_dispatch_says_again_what_it_has() {
    for sparing in [false, true] {
        let mut outbox = linked(20);
        outbox.spare(seconds(0), sparing);
        (0..40 * DAY_S).step_by(10).for_each(|second| _ = taken(&mut outbox, seconds(second)));
        let begun = 40 * DAY_S;
        while !taken(&mut outbox, seconds(begun)).is_empty() {}
        // It connects anew, and has nothing.
        outbox.received(seconds(begun + 1), 0, &[]);
        let asked = (begun + 1..begun + DAY_S).find(|second| !taken(&mut outbox, seconds(*second)).is_empty());
        assert!(asked.is_some_and(|second| second <= begun + 31), "{asked:?} after {begun}, sparing {sparing}");
    }
}

#[test]
fn a_dispatch_that_says_the_same_all_the_time_costs_what_a_silent_one_does_and_one_that_flaps_an_event_an_hour() {
    for (every_s, most) in [(1, 24), (50, 24), (70, 48), (600, 48)] {
        let mut outbox = unheard_for_a_day();
        let mut copies = 0;
        for second in DAY_S..2 * DAY_S {
            if second % every_s == 0 {
                outbox.received(seconds(second), 0, &[]);
            }
            copies += taken(&mut outbox, seconds(second)).len();
        }
        // The first word of all comes after a silence.
        assert!((23..=most + 1).contains(&copies), "{copies} copies in a day at a word each {every_s} s");
    }
    // What the broker kept of it is no word of now.
    let mut outbox = unheard_for_a_day();
    taken(&mut outbox, seconds(DAY_S));
    let until = outbox.again_at;
    outbox.retained(seconds(DAY_S + 1), 0, &[]);
    assert_eq!(outbox.again_at, until);
}

#[test]
fn an_acknowledgement_that_goes_back_is_counted_and_what_it_says_of_the_rest_is_news_once() {
    let mut outbox = linked(20);
    taken(&mut outbox, seconds(0));
    outbox.received(seconds(1), 5, &[(8, 9)]);
    let mut copies = 0;
    for second in 2..600 {
        // Two who both think that they are dispatch, one of them with yesterday's database.
        outbox.received(seconds(second), 3, &[(second % 10 + 6, 20)]);
        copies += taken(&mut outbox, seconds(second)).len();
    }
    assert_eq!((outbox.thru(), outbox.ignored_acks()), (5, 598));
    assert!(copies <= 13 + 4, "{copies} copies");
    // Asked for in earnest, it counts again.
    outbox.replay_from(seconds(600), 4, 1);
    outbox.received(seconds(601), 3, &[(6, 20)]);
    assert_eq!((outbox.ignored_acks(), taken(&mut outbox, seconds(601))), (598, vec![4, 5]));
}

#[test]
fn a_dispatch_that_was_restored_and_cannot_ask_gets_what_is_new_once() {
    let mut outbox = linked(20);
    taken(&mut outbox, seconds(0));
    taken(&mut outbox, seconds(0));
    outbox.received(seconds(1), 20, &[]);
    let mut copies = 0;
    for hour in 1..=24 {
        let at = hour * HOUR_S;
        outbox.journaled(seconds(at), 20 + hour, true);
        for second in at..at + HOUR_S {
            copies += taken(&mut outbox, seconds(second)).len();
            // Yesterday's database knows nothing of 11 to 20, and never will.
            outbox.received(seconds(second), 10, &[(21, 20 + hour)]);
        }
    }
    assert_eq!((copies, outbox.thru(), outbox.ignored_acks()), (24, 20, 24 * HOUR_S));
}
