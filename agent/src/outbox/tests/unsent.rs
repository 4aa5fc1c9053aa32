//! What a broker does not take.

use super::*;

const HOUR_S: u64 = 3_600;

/// Four events, of which the broker refuses the second.
fn refused_by_the_broker() -> Outbox {
    let mut outbox = linked(4);
    outbox.received(seconds(0), 0, &[]);
    assert_eq!(outbox.poll(seconds(0)), Some(1..=4));
    outbox.refused(seconds(0), 2, Refusal::NotTaken);
    [1, 3, 4].into_iter().for_each(|sequence| outbox.delivered(sequence));
    outbox.received(seconds(1), 1, &[(3, 4)]);
    outbox
}

#[test]
fn what_one_broker_does_not_take_the_next_may() {
    let mut outbox = refused_by_the_broker();
    assert_eq!((outbox.quarantined(), outbox.complete_thru()), (Some((1, 2, 2)), 1), "told, and no hole to ask for");
    assert!(outbox.unnamed(seconds(24 * HOUR_S)).is_empty());
    outbox.link_up(seconds(HOUR_S), 20);
    assert_eq!(outbox.poll(seconds(HOUR_S)), Some(2..=2));
    outbox.delivered(2);
    outbox.received(seconds(HOUR_S), 4, &[]);
    assert_eq!((outbox.owed(), outbox.quarantined()), (0, None));
    assert!(outbox.unnamed(seconds(400 * HOUR_S)).is_empty());
}

#[test]
fn what_no_broker_took_for_a_week_is_named() {
    let mut outbox = refused_by_the_broker();
    let mut tries = 0;
    for minute in 0..7 * 24 * 60 {
        let at = seconds(1 + minute * 60);
        assert!(outbox.unnamed(at).is_empty(), "minute {minute}");
        outbox.link_up(at, 20);
        while let Some(range) = outbox.poll(at) {
            for sequence in range {
                if sequence == 2 {
                    tries += 1;
                    outbox.refused(at, 2, Refusal::NotTaken);
                } else {
                    outbox.delivered(sequence);
                }
            }
        }
    }
    assert!(tries <= 7 * 24, "{tries} times in a week of a connection each minute");
    let after = seconds(7 * 24 * HOUR_S + 1);
    assert_eq!(outbox.unnamed(after).iter().collect::<Vec<_>>(), [(2, 2)]);
    outbox.lost(&outbox.unnamed(after));
    assert_eq!(outbox.quarantined(), None);
}
