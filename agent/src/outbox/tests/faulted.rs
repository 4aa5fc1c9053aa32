//! Brokers that name a fault of their own against one event, against some, or against all.

use super::*;

/// A broker that answers at once, and how often each event was sent to it.
struct Broker {
    outbox: Outbox,
    now_s: u64,
    sent: BTreeMap<u64, u64>,
    taken: BTreeSet<u64>,
}

impl Broker {
    fn of(highest: u64) -> Self {
        Self { outbox: linked(highest), now_s: 0, sent: BTreeMap::new(), taken: BTreeSet::new() }
    }

    fn sent(&self, sequence: u64) -> u64 {
        self.sent.get(&sequence).copied().unwrap_or(0)
    }

    /// An event about a visit is decided.
    fn decides(&mut self) -> u64 {
        let next = self.outbox.highest + 1;
        self.outbox.journaled(seconds(self.now_s), next, true);
        next
    }

    fn pass_for(&mut self, span_s: u64, mut refuses: impl FnMut(u64) -> bool) {
        let step_s = if span_s >= 60 { 5 } else { 1 };
        for _ in 0..span_s / step_s {
            let at = seconds(self.now_s);
            while let Some(range) = self.outbox.poll(at) {
                for sequence in range {
                    *self.sent.entry(sequence).or_default() += 1;
                    if refuses(sequence) {
                        self.outbox.refused(at, sequence, Refusal::Quota);
                    } else {
                        self.outbox.delivered(sequence);
                        self.taken.insert(sequence);
                    }
                }
            }
            // Dispatch has what the broker took.
            let thru = (self.outbox.thru() + 1..).take_while(|sequence| self.taken.contains(sequence)).last();
            let thru = thru.unwrap_or(self.outbox.thru());
            let above: Ranges = self.taken.range(thru + 1..).map(|sequence| (*sequence, *sequence)).collect();
            self.outbox.received(at, thru, &above.iter().collect::<Vec<_>>());
            self.now_s += step_s;
        }
    }
}

#[test]
fn an_event_that_a_broker_never_takes_holds_up_no_other_and_is_not_sent_on_and_on() {
    let mut broker = Broker::of(400);
    broker.pass_for(120, |sequence| sequence == 5);
    assert_eq!((broker.taken.len(), broker.sent(5), broker.outbox.complete_thru()), (399, 2, 4));
    assert_eq!((broker.outbox.thru(), broker.outbox.pause()), (4, None));
    // Others come all the while.
    for hour in 1..=5 {
        for _ in 0..60 {
            broker.decides();
            broker.pass_for(60, |sequence| sequence == 5);
        }
        assert_eq!(broker.taken.len(), 399 + hour * 60, "each within its minute");
        assert!(broker.outbox.quarantined().is_none());
    }
    assert!((8..=11).contains(&broker.sent(5)), "{}", broker.sent(5));
    broker.decides();
    broker.pass_for(2 * 3_600, |sequence| sequence == 5);
    assert_eq!((broker.outbox.quarantined(), broker.sent(5)), (Some((1, 5, 5)), 11));
    assert_eq!((broker.outbox.convicted(), broker.outbox.convicted()), (Some(5), None), "somebody hears of it, once");
    // A new connection tries it again, once, and nothing waits for it.
    broker.outbox.link_down(seconds(broker.now_s), Ending::Lost);
    broker.outbox.link_up(seconds(broker.now_s), 20);
    broker.pass_for(10, |sequence| sequence == 5);
    assert_eq!((broker.sent(5), broker.outbox.pause()), (12, None));
    assert_eq!(broker.outbox.quarantined(), Some((1, 5, 5)));
    // The broker is mended, and the connection holds.
    broker.pass_for(25 * 3_600, |_| false);
    assert_eq!((broker.outbox.owed(), broker.outbox.quarantined()), (0, None));
}

#[test]
fn several_such_events_hold_up_no_other_either() {
    let bad = [5, 7, 200, 201, 202, 390];
    let mut broker = Broker::of(400);
    // Three in a row look like a broker without room: half an hour.
    broker.pass_for(3_600, |sequence| bad.contains(&sequence));
    assert_eq!((broker.taken.len(), broker.outbox.pause()), (394, None));
    for hour in 1..=10 {
        for _ in 0..60 {
            broker.decides();
            broker.pass_for(60, |sequence| bad.contains(&sequence));
        }
        assert_eq!(broker.taken.len(), 394 + hour * 60, "each within its minute");
    }
    assert_eq!(broker.outbox.quarantined(), Some((6, 5, 390)));
    let sent: u64 = bad.iter().map(|sequence| broker.sent(*sequence)).sum();
    assert!(sent < 6 * 18, "{sent}");
    // Somebody mends the broker, and the connection holds.
    broker.pass_for(25 * 3_600, |_| false);
    assert_eq!((broker.outbox.owed(), broker.outbox.quarantined()), (0, None));
}

#[test]
fn a_broker_that_takes_nothing_of_what_is_owed_is_sent_what_comes_new() {
    // As after a start: nobody knows yet that they are not the broker.
    let mut broker = Broker::of(6);
    broker.pass_for(6 * 3_600, |sequence| sequence <= 6);
    assert!(broker.outbox.pause().is_some());
    for _ in 0..60 {
        let next = broker.decides();
        broker.pass_for(60, |sequence| sequence <= 6);
        assert!(broker.taken.contains(&next), "{next} at {} s", broker.now_s);
        broker.pass_for(600, |sequence| sequence <= 6);
    }
    assert_eq!((broker.taken.len(), broker.outbox.quarantined()), (60, Some((6, 1, 6))));
}

#[test]
fn of_two_that_are_decided_at_once_the_second_asks_too() {
    let mut broker = Broker::of(6);
    broker.pass_for(6 * 3_600, |sequence| sequence <= 6);
    let (bad, good) = (broker.decides(), broker.decides());
    broker.pass_for(90, |sequence| sequence <= bad);
    assert!(broker.taken.contains(&good));
}

#[test]
fn one_that_cannot_be_handed_over_during_a_pause_asks_soon() {
    let mut broker = Broker::of(6);
    broker.pass_for(6 * 3_600, |_| true);
    let next = broker.decides();
    broker.now_s += 60;
    assert_eq!(broker.outbox.poll(seconds(broker.now_s)), Some(next..=next));
    broker.outbox.refused(seconds(broker.now_s), next, Refusal::Local);
    broker.pass_for(20, |sequence| sequence <= 6);
    assert!(broker.taken.contains(&next));
}

#[test]
fn what_the_broker_lost_is_sent_again_although_some_are_put_off() {
    let is_bad = |sequence: u64| [5, 7].contains(&sequence);
    let mut outbox = linked(10);
    let mut again = 0;
    for second in 0..3 * 86_400 / 5 {
        let at = seconds(second * 5);
        while let Some(range) = outbox.poll(at) {
            for sequence in range {
                // Dispatch has 1 to 4 and never sees the others.
                again += u64::from(sequence == 6);
                if is_bad(sequence) {
                    outbox.refused(at, sequence, Refusal::Quota);
                } else {
                    outbox.delivered(sequence);
                }
            }
        }
        outbox.received(at, 4, &[]);
    }
    assert!((40..100).contains(&again), "{again}");
}

#[test]
fn a_late_refusal_of_the_same_window_or_of_what_dispatch_has_pauses_nothing() {
    let mut outbox = linked(50);
    assert_eq!(outbox.poll(seconds(0)), Some(1..=15));
    outbox.refused(seconds(1), 1, Refusal::Quota);
    (2..=15).for_each(|sequence| outbox.refused(seconds(40), sequence, Refusal::Quota));
    assert_eq!(outbox.poll(seconds(40)), Some(2..=2));
    outbox.delivered(2);
    assert_eq!(outbox.poll(seconds(40)), Some(1..=1));
    outbox.received(seconds(41), 2, &[]);
    outbox.refused(seconds(41), 1, Refusal::Quota);
    assert_eq!((outbox.pause(), outbox.poll(seconds(41))), (None, Some(3..=17)));
}

#[test]
fn however_many_are_not_taken_the_others_go_and_what_is_found_stays_found() {
    let is_bad = |sequence: u64| sequence.is_multiple_of(2);
    let mut broker = Broker::of(400);
    // More than are put off at once, and twice as many again.
    for _ in 0..4 * 60 {
        broker.decides();
        broker.pass_for(60, |sequence| is_bad(sequence) && sequence <= 400);
    }
    let of_backlog = broker.taken.iter().filter(|sequence| **sequence <= 400).count();
    assert!(of_backlog >= 2 * NOT_SENT_MAX - 1, "{of_backlog}");
    for _ in 0..600 {
        let (next, other) = (broker.decides(), broker.decides());
        broker.pass_for(120, is_bad);
        let good = if is_bad(next) { other } else { next };
        assert!(broker.taken.contains(&good), "{good} at {} s", broker.now_s);
    }
    let (found, first, _) = broker.outbox.quarantined().unwrap();
    assert!(found >= NOT_SENT_MAX as u64 && first == 2, "{found} from {first}");
    assert!(broker.outbox.unnamed(seconds(broker.now_s + 7 * 86_400)).contains(2));
}

#[test]
fn a_broker_without_room_for_a_few_is_asked_as_rarely() {
    let mut broker = Broker::of(20);
    broker.pass_for(24 * 3_600, |_| true);
    let asked: u64 = broker.sent.values().sum();
    assert!((24..70).contains(&asked), "{asked} events in a day");
    // Events that flap do not ask without end either.
    for _ in 0..3_600 {
        broker.decides();
        broker.pass_for(1, |_| true);
    }
    let flapped = broker.sent.values().sum::<u64>() - asked;
    assert!((10..125).contains(&flapped), "{flapped}");
    assert!(broker.outbox.quarantined().is_none());
}

#[test]
fn the_first_that_is_owed_and_is_put_off_does_not_hold_off_sending_others_again() {
    let mut broker = Broker::of(10);
    broker.pass_for(3_600, |sequence| sequence == 1);
    broker.outbox.spare(seconds(broker.now_s), true);
    // Dispatch never saw 11.
    let lost = broker.decides();
    let mut sent = 0;
    for _ in 0..4 * 86_400 / 60 {
        let at = seconds(broker.now_s);
        while let Some(range) = broker.outbox.poll(at) {
            for sequence in range {
                sent += u64::from(sequence == lost);
                match sequence {
                    1 => broker.outbox.refused(at, 1, Refusal::Quota),
                    _ => broker.outbox.delivered(sequence),
                }
            }
        }
        broker.now_s += 60;
    }
    assert!((5..12).contains(&sent), "{sent}");
}

#[test]
fn such_an_event_does_not_hold_up_what_comes_after_hours_of_nothing() {
    let mut broker = Broker::of(40);
    broker.pass_for(24 * 3_600, |sequence| sequence == 5);
    assert_eq!(broker.outbox.quarantined(), None, "nobody else was taken meanwhile: it may be the broker");
    for hour in 0..12 {
        broker.pass_for(3_600, |sequence| sequence == 5);
        let next = broker.decides();
        broker.pass_for(2, |sequence| sequence == 5);
        assert!(broker.taken.contains(&next), "after {hour} h");
    }
    assert!(broker.sent(5) <= 45, "{}", broker.sent(5));
}

#[test]
fn one_that_was_thought_to_end_connections_is_not_tried_before_the_others_for_that() {
    let mut outbox = Outbox::new(true, 4, 1, 50);
    outbox.link_up(seconds(0), 20);
    outbox.received(seconds(0), 4, &[]);
    assert_eq!(outbox.poll(seconds(0)), Some(5..=19));
    outbox.link_down(seconds(1), Ending::TooLong);
    outbox.link_up(seconds(2), 20);
    let mut broker = Broker { outbox, now_s: 3, sent: BTreeMap::new(), taken: BTreeSet::new() };
    broker.pass_for(600, |sequence| sequence == 5);
    assert_eq!(broker.taken.len(), 45);
    for _ in 0..60 {
        let next = broker.outbox.highest + 1;
        broker.outbox.journaled(seconds(broker.now_s), next, false);
        broker.pass_for(120, |sequence| sequence == 5);
        assert!(broker.taken.contains(&next), "{next} at {} s", broker.now_s);
    }
}

#[test]
fn what_dispatch_has_before_the_broker_says_so_ends_the_pause() {
    let mut outbox = linked(50);
    assert_eq!(outbox.poll(seconds(0)), Some(1..=15));
    (1..=15).for_each(|sequence| outbox.refused(seconds(1), sequence, Refusal::Quota));
    assert_eq!(outbox.poll(seconds(31)), Some(2..=2));
    outbox.received(seconds(32), 2, &[]);
    outbox.delivered(2);
    assert_eq!(outbox.poll(seconds(32)), Some(3..=17));
}

#[test]
fn a_broker_without_room_is_asked_ever_more_rarely_and_no_event_is_held_against_it() {
    let mut broker = Broker::of(400);
    broker.pass_for(24 * 3_600, |_| true);
    let asked: u64 = broker.sent.values().sum();
    assert!((24..70).contains(&asked), "{asked} events in a day");
    assert!(broker.outbox.quarantined().is_none());
    broker.pass_for(2 * 3_600, |_| false);
    assert_eq!((broker.outbox.owed(), broker.taken.len()), (0, 400));
}

#[test]
fn a_broker_that_is_full_every_now_and_then_gets_all_events_and_none_is_quarantined() {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut broker = Broker::of(400);
    for minute in 0..48 * 60 {
        if minute % 10 == 0 {
            let next = broker.outbox.highest + 1;
            broker.outbox.journaled(seconds(broker.now_s), next, minute % 20 == 0);
        }
        broker.pass_for(60, |_| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random.is_multiple_of(3)
        });
        assert!(broker.outbox.quarantined().is_none(), "after {minute} min");
    }
    assert!(broker.outbox.owed() < 5, "{} are owed", broker.outbox.owed());
}

#[test]
fn what_is_refused_while_the_broker_is_full_is_not_held_against_it() {
    let mut broker = Broker::of(40);
    broker.pass_for(120, |sequence| sequence == 5);
    for round in 0..15 {
        broker.decides();
        broker.pass_for(2 * 3_600, |_| true);
        broker.decides();
        broker.pass_for(60, |sequence| sequence == 5);
        assert_eq!((broker.outbox.pause(), broker.outbox.quarantined()), (None, None), "round {round}");
    }
}

#[test]
fn what_was_on_the_way_before_a_refusal_does_not_end_its_pause() {
    let mut outbox = linked(50);
    assert_eq!(outbox.poll(seconds(0)), Some(1..=15));
    outbox.refused(seconds(1), 3, Refusal::Quota);
    (1..=15).filter(|sequence| *sequence != 3).for_each(|sequence| outbox.delivered(sequence));
    assert_eq!((outbox.poll(seconds(2)), outbox.poll(seconds(31))), (None, Some(16..=16)));
    outbox.delivered(16);
    assert_eq!((outbox.poll(seconds(31)), outbox.poll(seconds(31))), (Some(3..=3), Some(17..=30)));
}
