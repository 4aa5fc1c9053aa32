//! The timer while the month's bytes are short.

use super::super::again::SPARING_AT_ONCE;
use super::*;

const HOUR_S: u64 = 3_600;
const DAY_S: u64 = 24 * HOUR_S;

/// What goes out in `seconds`, each with its second; the broker takes all of it.
fn sent(outbox: &mut Outbox, range: std::ops::Range<u64>) -> Vec<(u64, u64)> {
    let mut sent = Vec::new();
    for second in range {
        while let Some(range) = outbox.poll(seconds(second)) {
            for sequence in range {
                sent.push((second, sequence));
                outbox.delivered(sequence);
            }
        }
    }
    sent
}

/// Everything is with the broker, and bytes are short since.
fn short(highest: u64) -> Outbox {
    let mut outbox = linked(highest);
    sent(&mut outbox, 0..1);
    outbox.spare(seconds(0), true);
    outbox
}

#[test]
fn a_silent_dispatch_is_asked_at_once_after_an_hour_and_once_a_day_and_as_before_when_there_are_bytes() {
    let mut outbox = short(1_000);
    let asked: Vec<u64> = sent(&mut outbox, 1..31 * DAY_S).into_iter().map(|(second, _)| second).collect();
    assert_eq!(asked[..3], [30, 30 + HOUR_S, 30 + 3 * HOUR_S], "{asked:?}");
    assert!(asked.windows(2).skip(6).all(|pair| pair[1] - pair[0] == DAY_S) && asked.len() < 36, "{asked:?}");
    outbox.spare(seconds(31 * DAY_S), false);
    let asked = sent(&mut outbox, 31 * DAY_S..32 * DAY_S);
    assert!((23..=25).contains(&asked.len()), "{asked:?}");
}

#[test]
fn a_first_delivery_is_never_spared_and_what_a_speaking_dispatch_lacks_comes_a_little_at_a_time() {
    let mut outbox = short(1_000);
    sent(&mut outbox, 1..DAY_S);
    outbox.journaled(seconds(DAY_S), 1_001, true);
    assert_eq!(sent(&mut outbox, DAY_S..DAY_S + 1), [(DAY_S, 1_001)]);
    // The broker lost what it had taken.
    outbox.received(seconds(DAY_S + 1), 1, &[(1_001, 1_001)]);
    let (mut thru, mut copies, mut now) = (1, 0, DAY_S + 2);
    while outbox.owed() > 0 && now < 2 * DAY_S {
        let again = sent(&mut outbox, now..now + 31);
        copies += again.len();
        assert!(again.len() <= SPARING_AT_ONCE, "{again:?}");
        thru = again.last().map_or(thru, |(_, last)| *last);
        now += 31;
        let (thru, have): (u64, &[(u64, u64)]) = if thru >= 1_000 { (1_001, &[]) } else { (thru, &[(1_001, 1_001)]) };
        outbox.received(seconds(now), thru, have);
    }
    assert_eq!((outbox.owed(), copies), (0, 999));
}

#[test]
fn an_event_that_dispatch_never_takes_goes_again_once_an_hour_however_many_come_after() {
    let mut outbox = short(5);
    let mut copies = 0;
    for minute in 0..24 * 60 {
        let at = 60 * (minute + 1);
        if minute % 10 == 0 {
            let highest = 6 + minute / 10;
            outbox.journaled(seconds(at), highest, false);
            copies += sent(&mut outbox, at..at + 1).iter().filter(|(_, sequence)| *sequence <= 5).count();
            outbox.received(seconds(at + 1), 4, &[(6, highest)]);
        }
        copies += sent(&mut outbox, at + 1..at + 60).iter().filter(|(_, sequence)| *sequence <= 5).count();
    }
    assert!((12..=30).contains(&copies), "{copies}");
}

#[test]
fn dispatch_that_spoke_of_what_it_has_may_be_silent_about_what_comes_later() {
    let mut outbox = linked(3);
    sent(&mut outbox, 0..1);
    outbox.received(seconds(1), 3, &[]);
    sent(&mut outbox, 1..5);
    (4..=500).for_each(|sequence| outbox.journaled(seconds(5), sequence, false));
    let gone = sent(&mut outbox, 5..6);
    assert_eq!(gone.len(), 497);
    // It never says another word.
    let again = sent(&mut outbox, 6..DAY_S);
    assert!(again.len() < 40, "{} copies", again.len());
}
