//! What is owed to dispatch: order, window, acknowledgements, sending again. Knows neither SQL nor MQTT.
//!
//! The journal is the truth; this is a cursor into it. An event is owed until dispatch acknowledges it, since a broker
//! that took it may lose it: measured, three of four were lost when a broker was killed under load. Without an
//! acknowledging consumer the broker's word has to do.
//!
//! ```text
//!      received by dispatch      with the broker or on the way      backlog         fresh
//!   1 ..................... thru ........................... next ......... - - - - - - - - highest
//! ```
//!
//! What was decided within the last quarter of an hour overtakes the backlog, visits before anything else; every fourth
//! message is still the backlog's, so that `thru` always moves. Overtaking changes no sequence: dispatch orders by it.

mod refusal;

use crate::time::Mono;
use geofence::Span;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;

pub use refusal::{Pause, Refusal};

/// Events on the way at once. On a round trip of 2 s this is 50 events/s.
const WINDOW_MAX: u16 = 100;
/// Patience with dispatch before everything above its acknowledgement is sent again; doubles up to the maximum.
const PATIENCE: Span = Span::seconds(30);
const PATIENCE_MAX: Span = Span::seconds(3_600);
/// Fresh is what was decided so recently.
const FRESH: Span = Span::seconds(900);
/// Fresh events that are known at once: one every four seconds. What is beyond waits its turn in the backlog.
const FRESH_MAX: usize = 225;
/// One message in so many is the backlog's.
const BACKLOG_SHARE: u8 = 4;
/// Ranges above `thru` that dispatch may say it has; what it does not say is only sent again.
const HAVE_MAX: usize = 16;
/// Events that can never be sent, and are known one by one.
const QUARANTINED_MAX: usize = 64;

/// An event that was decided a short time ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fresh {
    sequence: u64,
    at: Mono,
    /// About a visit.
    urgent: bool,
}

/// The cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbox {
    dispatch_acks: bool,
    thru: u64,
    told_thru: u64,
    highest: u64,
    next: u64,
    window: Option<u16>,
    /// By sequence, with the number of the sending.
    on_the_way: BTreeMap<u64, u64>,
    /// Numbers of what is on the way.
    sent: BTreeSet<u64>,
    sendings: u64,
    /// Sent before their turn came: above `next`.
    early: BTreeSet<u64>,
    fresh: VecDeque<Fresh>,
    /// Fresh ones since the last one of the backlog.
    in_a_row: u8,
    /// What dispatch has above `thru`.
    have: Vec<(u64, u64)>,
    /// Taken by the broker, above `thru`: only kept where the broker's word has to do.
    delivered: BTreeSet<u64>,
    quarantined: BTreeSet<u64>,
    /// Could not be handed over, and when to try again: the journal does not have them yet, or the client's queue was full.
    held: BTreeSet<u64>,
    held_until: Option<Mono>,
    pause: Option<Pause>,
    /// After a refusal one event at a time, until the broker takes one.
    probing: bool,
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
            on_the_way: BTreeMap::new(),
            sent: BTreeSet::new(),
            sendings: 0,
            early: BTreeSet::new(),
            fresh: VecDeque::new(),
            in_a_row: 0,
            have: Vec::new(),
            delivered: BTreeSet::new(),
            quarantined: BTreeSet::new(),
            held: BTreeSet::new(),
            held_until: None,
            pause: None,
            probing: false,
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

    /// Events that can never be sent: how many are known, the first and the last.
    #[must_use]
    pub fn quarantined(&self) -> Option<(usize, u64, u64)> {
        Some((self.quarantined.len(), *self.quarantined.first()?, *self.quarantined.last()?))
    }

    /// Why nothing is sent at the moment although something is owed.
    #[must_use]
    pub fn pause(&self) -> Option<Pause> {
        self.pause
    }

    /// Everything up to here is with the broker.
    #[must_use]
    pub fn complete_thru(&self) -> u64 {
        let waiting =
            self.on_the_way.keys().chain(&self.held).fold(self.next, |lowest, &sequence| lowest.min(sequence));
        waiting.saturating_sub(1).max(self.thru)
    }

    /// The event `sequence` is in the journal since `at`. `urgent`: it is about a visit.
    pub fn journaled(&mut self, at: Mono, sequence: u64, urgent: bool) {
        self.highest = self.highest.max(sequence);
        self.fresh.push_back(Fresh { sequence, at, urgent });
        if self.fresh.len() > FRESH_MAX {
            self.fresh.pop_front();
        }
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
        self.nothing_on_the_way();
    }

    /// The broker took it.
    pub fn delivered(&mut self, sequence: u64) {
        if !self.arrived(sequence) {
            return;
        }
        (self.probing, self.pause) = (false, None);
        if self.dispatch_acks {
            return;
        }
        self.delivered.insert(sequence);
        self.move_by_the_brokers_word();
    }

    /// The broker did not take it, or it could not be handed over: hold it, and try again when the reason may be gone.
    pub fn refused(&mut self, at: Mono, sequence: u64, refusal: Refusal) {
        self.arrived(sequence);
        if refusal == Refusal::Unsendable {
            if self.quarantined.len() < QUARANTINED_MAX {
                self.quarantined.insert(sequence);
            }
            self.early.insert(sequence);
            self.move_by_the_brokers_word();
            return;
        }
        if refusal == Refusal::Local {
            // Others may go on: what the journal took before still can be sent.
            self.held.insert(sequence);
            self.held_until.get_or_insert(at.plus(refusal::LOCAL));
            return;
        }
        if sequence > self.thru {
            self.next = self.next.min(sequence);
            self.early.remove(&sequence);
        }
        self.probing = true;
        self.pause = Some(Pause::after(self.pause, at, refusal));
    }

    /// An acknowledgement for another device, or one that cannot be read: a retained value of a swapped-out device must not
    /// swallow events.
    pub fn foreign_ack(&mut self) {
        self.ignored_acks += 1;
    }

    /// Dispatch has committed everything up to `thru`, and the ranges `have` above it. What goes back or lies above what was
    /// ever sent changes nothing.
    pub fn received(&mut self, at: Mono, thru: u64, have: &[(u64, u64)]) {
        if thru > self.highest {
            self.ignored_acks += 1;
            return;
        }
        // Also where dispatch lacks what the journal no longer has: what is above counts all the same.
        self.have = have
            .iter()
            .filter(|(first, last)| first <= last && *last <= self.highest)
            .take(HAVE_MAX)
            .copied()
            .collect();
        if thru <= self.thru {
            return;
        }
        self.moved_to(thru);
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
        self.have.clear();
        self.send_again();
        self.patience = PATIENCE;
        self.again_at = Some(at.plus(self.patience));
    }

    /// `thru`, if it moved since it was last asked for.
    pub fn moved(&mut self) -> Option<u64> {
        let moved = self.thru > self.told_thru;
        self.told_thru = self.thru;
        moved.then_some(self.thru)
    }

    /// What to send now; to be asked until there is nothing. The sequences count as on the way from here on.
    pub fn poll(&mut self, at: Mono) -> Option<RangeInclusive<u64>> {
        let window = self.window?;
        if self.pause.is_some_and(|pause| at < pause.until) {
            return None;
        }
        if self.held_until.is_some_and(|then| at >= then) {
            self.held_until = None;
            self.next = self.held.first().map_or(self.next, |&first| first.max(self.thru + 1).min(self.next));
            self.held.clear();
        }
        self.pass();
        let all_sent = self.next > self.highest && self.on_the_way.is_empty();
        if all_sent && self.owed() > 0 && self.again_at.is_some_and(|then| at >= then) {
            self.send_again();
            self.patience = Span((self.patience.0 * 2).min(PATIENCE_MAX.0));
            self.again_at = Some(at.plus(self.patience));
            self.pass();
        }
        let window = if self.probing { 1 } else { window };
        // Counted from the oldest sending, not by number: the client's packet ids go round within the window, and one that
        // comes round to a message still on the way would stall it.
        let oldest = self.sent.first().copied().unwrap_or(self.sendings);
        let room = u64::from(window).saturating_sub(self.sendings - oldest);
        let backlog = self.backlog(room, u64::from(window));
        let range = match (self.freshest(at, room), backlog) {
            (Some(fresh), Some(backlog)) if self.in_a_row + 1 >= BACKLOG_SHARE || backlog.contains(&fresh) => {
                self.in_a_row = 0;
                if backlog.contains(&fresh) { backlog } else { *backlog.start()..=*backlog.start() }
            }
            (Some(fresh), _) => {
                self.in_a_row = self.in_a_row.saturating_add(1).min(BACKLOG_SHARE);
                fresh..=fresh
            }
            (None, Some(backlog)) => {
                self.in_a_row = 0;
                backlog
            }
            (None, None) => return None,
        };
        self.send(at, &range);
        Some(range)
    }

    fn send(&mut self, at: Mono, range: &RangeInclusive<u64>) {
        // Patience begins with the sending of what is owed first: dispatch cannot acknowledge what it never saw, and what
        // comes after must not hold off sending an older one again.
        if *range.start() == self.thru + 1 || self.again_at.is_none() {
            self.again_at = Some(at.plus(self.patience));
        }
        for sequence in range.clone() {
            self.on_the_way.insert(sequence, self.sendings);
            self.sent.insert(self.sendings);
            self.sendings += 1;
        }
        if *range.start() == self.next {
            self.next = range.end() + 1;
        } else {
            self.early.insert(*range.start());
        }
    }

    /// The oldest stretch that was not sent yet, as much of it as there is room for. While anything fresh may come, a
    /// quarter of the window stays free of it.
    fn backlog(&self, room: u64, window: u64) -> Option<RangeInclusive<u64>> {
        let is_behind = self.fresh.back().is_none_or(|newest| self.next < newest.sequence);
        let kept_free =
            if is_behind && window >= u64::from(BACKLOG_SHARE) { window / u64::from(BACKLOG_SHARE) } else { 0 };
        let room = room.saturating_sub(kept_free);
        let mut last = None;
        let mut sequence = self.next;
        while sequence <= self.highest && sequence < self.next + room && !self.is_passed(sequence) {
            last = Some(sequence);
            sequence += 1;
        }
        last.map(|last| self.next..=last)
    }

    /// The first of what is fresh and was not sent yet: about a visit, or else anything.
    fn freshest(&mut self, at: Mono, room: u64) -> Option<u64> {
        let thru = self.thru;
        self.fresh.retain(|fresh| at - fresh.at < FRESH && fresh.sequence > thru);
        let waiting = |fresh: &&Fresh| fresh.sequence >= self.next && !self.is_passed(fresh.sequence);
        let first = |urgent| self.fresh.iter().filter(waiting).find(|fresh| fresh.urgent == urgent);
        let found = first(true).or_else(|| first(false)).map(|fresh| fresh.sequence);
        found.filter(|_| room > 0)
    }

    /// Whether the cursor goes past it: on the way, sent early, never to be sent, held, or with dispatch.
    fn is_passed(&self, sequence: u64) -> bool {
        self.on_the_way.contains_key(&sequence)
            || self.early.contains(&sequence)
            || self.quarantined.contains(&sequence)
            || self.held.contains(&sequence)
            || self.have.iter().any(|(first, last)| (*first..=*last).contains(&sequence))
    }

    /// Moves the cursor past what need not be sent.
    fn pass(&mut self) {
        while self.next <= self.highest && self.is_passed(self.next) {
            self.early.remove(&self.next);
            let known = self.have.iter().find(|(first, last)| (*first..=*last).contains(&self.next));
            self.next = known.map_or(self.next, |(_, last)| *last) + 1;
        }
    }

    /// It is not on the way any more. Whether it was.
    fn arrived(&mut self, sequence: u64) -> bool {
        let Some(number) = self.on_the_way.remove(&sequence) else { return false };
        self.sent.remove(&number)
    }

    fn move_by_the_brokers_word(&mut self) {
        if self.dispatch_acks {
            return;
        }
        let mut thru = self.thru;
        while self.delivered.remove(&(thru + 1)) || self.quarantined.contains(&(thru + 1)) {
            thru += 1;
        }
        self.moved_to(thru);
    }

    fn moved_to(&mut self, thru: u64) {
        self.thru = thru;
        self.next = self.next.max(thru + 1);
        self.early = self.early.split_off(&(thru + 1));
        self.quarantined = self.quarantined.split_off(&(thru + 1));
        let still = self.on_the_way.split_off(&(thru + 1));
        for number in std::mem::replace(&mut self.on_the_way, still).into_values() {
            self.sent.remove(&number);
        }
    }

    fn nothing_on_the_way(&mut self) {
        self.held.clear();
        self.held_until = None;
        self.on_the_way.clear();
        self.sent.clear();
    }

    fn send_again(&mut self) {
        self.next = self.thru + 1;
        self.nothing_on_the_way();
        self.early.clear();
        self.delivered.clear();
    }
}

#[cfg(test)]
mod tests;
