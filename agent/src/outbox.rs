//! What is owed to dispatch: order, window, acknowledgements, sending again. Knows neither SQL nor MQTT.
//!
//! The journal is the truth; this is a cursor into it. An event is owed until dispatch acknowledges it, since a broker
//! that took it may lose it: measured, three of four were lost when a broker was killed under load. Without an
//! acknowledging consumer the broker's word has to do.
//!
//! ```text
//!      received by dispatch      with the broker or on the way      journaled
//!   1 ..................... thru ........................... next ............ highest
//! ```

use crate::time::Mono;
use geofence::Span;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Events on the way at once. On a round trip of 2 s this is 50 events/s.
const WINDOW_MAX: u16 = 100;
/// Patience with dispatch before everything above its acknowledgement is sent again; doubles up to the maximum.
const PATIENCE: Span = Span::seconds(30);
const PATIENCE_MAX: Span = Span::seconds(3_600);

/// The cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbox {
    dispatch_acks: bool,
    thru: u64,
    told_thru: u64,
    highest: u64,
    next: u64,
    window: Option<u16>,
    on_the_way: BTreeSet<u64>,
    /// Taken by the broker, above `thru`: only kept where the broker's word has to do.
    delivered: BTreeSet<u64>,
    again_at: Option<Mono>,
    patience: Span,
    ignored_acks: u64,
}

impl Outbox {
    /// Everything above `thru` up to `highest` is owed, as far as the journal still holds it: from `lowest` on. `dispatch_acks`:
    /// dispatch acknowledges; else the broker does.
    #[must_use]
    pub fn new(dispatch_acks: bool, thru: u64, lowest: u64, highest: u64) -> Self {
        let thru = thru.max(lowest.saturating_sub(1));
        Self {
            dispatch_acks,
            thru,
            told_thru: thru,
            highest,
            next: thru + 1,
            window: None,
            on_the_way: BTreeSet::new(),
            delivered: BTreeSet::new(),
            again_at: None,
            patience: PATIENCE,
            ignored_acks: 0,
        }
    }

    /// Dispatch has everything up to here.
    #[must_use]
    pub fn thru(&self) -> u64 {
        self.thru
    }

    /// How many events dispatch does not have yet, as far as is known.
    #[must_use]
    pub fn owed(&self) -> u64 {
        self.highest.saturating_sub(self.thru)
    }

    /// Acknowledgements that were for another device, or above anything that was sent.
    #[must_use]
    pub fn ignored_acks(&self) -> u64 {
        self.ignored_acks
    }

    /// Everything up to here is with the broker.
    #[must_use]
    pub fn complete_thru(&self) -> u64 {
        let waiting = self.on_the_way.first().copied().unwrap_or(self.next);
        waiting.saturating_sub(1).max(self.thru)
    }

    /// The event `sequence` is in the journal.
    pub fn journaled(&mut self, sequence: u64) {
        self.highest = self.highest.max(sequence);
    }

    /// A connection, with a clean session: whatever was on the way may be lost.
    pub fn link_up(&mut self, at: Mono, receive_max: u16) {
        self.window = Some(receive_max.clamp(1, WINDOW_MAX));
        self.send_again();
        self.patience = PATIENCE;
        self.again_at = Some(at.plus(self.patience));
    }

    /// No connection.
    pub fn link_down(&mut self) {
        self.window = None;
        self.on_the_way.clear();
    }

    /// The broker took it.
    pub fn delivered(&mut self, sequence: u64) {
        if !self.on_the_way.remove(&sequence) || self.dispatch_acks {
            return;
        }
        self.delivered.insert(sequence);
        while self.delivered.remove(&(self.thru + 1)) {
            self.thru += 1;
        }
    }

    /// The broker did not take it, or nobody listens: hold it and try again later.
    pub fn refused(&mut self, at: Mono, sequence: u64) {
        self.on_the_way.remove(&sequence);
        let again = at.plus(self.patience);
        self.again_at = Some(self.again_at.map_or(again, |then| then.min(again)));
    }

    /// Dispatch has committed everything up to `thru`. What goes back or lies above what was ever sent changes nothing:
    /// a retained value of a swapped-out device must not swallow events.
    pub fn received(&mut self, at: Mono, thru: u64) {
        if thru > self.highest || thru == 0 {
            self.ignored_acks += 1;
            return;
        }
        if thru <= self.thru {
            return;
        }
        self.thru = thru;
        self.next = self.next.max(thru + 1);
        self.on_the_way = self.on_the_way.split_off(&(thru + 1));
        self.patience = PATIENCE;
        self.again_at = Some(at.plus(self.patience));
    }

    /// Owes everything from `sequence` on again, as far as the journal still holds it, from `lowest` on. What dispatch
    /// acknowledges from here on counts again: it asks for this when its own `thru` went back.
    pub fn replay_from(&mut self, at: Mono, sequence: u64, lowest: u64) {
        let thru = sequence.max(lowest).saturating_sub(1).min(self.highest);
        if thru < self.thru {
            (self.thru, self.told_thru) = (thru, thru);
        }
        self.next = self.next.min(thru + 1);
        self.on_the_way = BTreeSet::new();
        self.delivered = BTreeSet::new();
        self.patience = PATIENCE;
        self.again_at = Some(at.plus(self.patience));
    }

    /// `thru`, if it moved since it was last asked for.
    pub fn moved(&mut self) -> Option<u64> {
        let moved = self.thru > self.told_thru;
        self.told_thru = self.thru;
        moved.then_some(self.thru)
    }

    /// What to send now. The sequences count as on the way from here on.
    pub fn poll(&mut self, at: Mono) -> Option<RangeInclusive<u64>> {
        let window = self.window?;
        let all_sent = self.next > self.highest && self.on_the_way.is_empty();
        if all_sent && self.owed() > 0 && self.again_at.is_some_and(|then| at >= then) {
            self.send_again();
            self.patience = Span((self.patience.0 * 2).min(PATIENCE_MAX.0));
            self.again_at = Some(at.plus(self.patience));
        }
        // Counted from the oldest, not by number: the client's packet ids go round within the window, and one that comes
        // round to a message still on the way would stall it.
        let oldest = self.on_the_way.first().copied().unwrap_or(self.next);
        let room = u64::from(window).saturating_sub(self.next - oldest);
        let count = room.min((self.highest + 1).saturating_sub(self.next));
        if count == 0 {
            return None;
        }
        let range = self.next..=self.next + count - 1;
        // Patience begins with the sending of what is owed first: dispatch cannot acknowledge what it never saw, and what
        // comes after must not hold off sending an older one again.
        if *range.start() == self.thru + 1 || self.again_at.is_none() {
            self.again_at = Some(at.plus(self.patience));
        }
        self.next += count;
        self.on_the_way.extend(range.clone());
        Some(range)
    }

    fn send_again(&mut self) {
        self.next = self.thru + 1;
        self.on_the_way.clear();
        self.delivered.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(outbox.poll(seconds(0)), Some(1..=20));
        assert_eq!(outbox.poll(seconds(0)), None);
        outbox.delivered(2);
        assert_eq!(outbox.poll(seconds(0)), None);
        outbox.delivered(1);
        assert_eq!(outbox.poll(seconds(0)), Some(21..=22));
    }

    #[test]
    fn an_event_is_owed_until_dispatch_has_it_whatever_the_broker_says() {
        let mut outbox = linked(2);
        outbox.poll(seconds(0));
        outbox.delivered(1);
        outbox.delivered(2);
        assert_eq!((outbox.owed(), outbox.complete_thru()), (2, 2));
        outbox.received(seconds(1), 2);
        assert_eq!((outbox.owed(), outbox.moved(), outbox.moved()), (0, Some(2), None));
    }

    #[test]
    fn a_new_connection_sends_everything_owed_again() {
        let mut outbox = linked(3);
        outbox.poll(seconds(0));
        outbox.received(seconds(1), 1);
        outbox.link_down();
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
        outbox.journaled(1);
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
            outbox.journaled(minute + 1);
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
        outbox.received(seconds(0), 4);
        outbox.received(seconds(0), 0);
        assert_eq!((outbox.thru(), outbox.ignored_acks()), (0, 2));
        outbox.received(seconds(0), 3);
        outbox.received(seconds(0), 1);
        assert_eq!(outbox.thru(), 3);
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
        outbox.refused(seconds(0), 1);
        assert_eq!(outbox.poll(seconds(10)), None);
        assert_eq!(outbox.poll(seconds(30)), Some(1..=1));
    }
}
