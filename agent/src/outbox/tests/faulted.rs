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

    fn pass_for(&mut self, span_s: u64, mut refuses: impl FnMut(u64) -> bool) {
        for _ in 0..span_s {
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
            let thru = (self.outbox.thru() + 1..).take_while(|sequence| self.taken.contains(sequence)).last();
            self.outbox.received(at, thru.unwrap_or(self.outbox.thru()), &[]);
            self.now_s += 1;
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
            let next = broker.outbox.highest + 1;
            broker.outbox.journaled(seconds(broker.now_s), next, true);
            broker.pass_for(60, |sequence| sequence == 5);
        }
        assert_eq!(broker.taken.len(), 399 + hour * 60, "each within its minute");
        assert!(broker.outbox.quarantined().is_none());
    }
    assert!((8..=11).contains(&broker.sent(5)), "{}", broker.sent(5));
    let next = broker.outbox.highest + 1;
    broker.outbox.journaled(seconds(broker.now_s), next, true);
    broker.pass_for(2 * 3_600, |sequence| sequence == 5);
    assert_eq!((broker.outbox.quarantined(), broker.sent(5)), (Some((1, 5, 5)), 12));
    assert_eq!((broker.outbox.convicted(), broker.outbox.convicted()), (Some(5), None), "somebody hears of it, once");
    // A new connection tries it again, once, and nothing waits for it.
    broker.outbox.link_down(seconds(broker.now_s), Ending::Lost);
    broker.outbox.link_up(seconds(broker.now_s), 20);
    broker.pass_for(10, |sequence| sequence == 5);
    assert_eq!((broker.sent(5), broker.outbox.pause()), (13, None));
    // The broker is mended.
    broker.pass_for(2 * 3_600, |_| false);
    assert_eq!((broker.outbox.owed(), broker.outbox.quarantined()), (0, None));
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
fn what_was_on_the_way_before_a_refusal_does_not_end_its_pause() {
    let mut outbox = linked(50);
    assert_eq!(outbox.poll(seconds(0)), Some(1..=15));
    outbox.refused(seconds(1), 3, Refusal::Quota);
    (1..=15).filter(|sequence| *sequence != 3).for_each(|sequence| outbox.delivered(sequence));
    assert_eq!((outbox.poll(seconds(2)), outbox.poll(seconds(31))), (None, Some(3..=3)));
    outbox.delivered(3);
    assert_eq!(outbox.poll(seconds(31)), Some(16..=30));
}
