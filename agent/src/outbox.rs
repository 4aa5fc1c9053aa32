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

mod again;
mod delivery;
mod faulted;
mod fresh;
mod history;
mod numbering;
mod refusal;
mod stages;
mod suspicion;
mod unsent;

use crate::event::SEQUENCE_END;
use crate::ranges::Ranges;
use crate::time::Mono;
use geofence::Span;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;

use again::{PATIENCE, Repeated};
pub use delivery::Delivery;
use faulted::Faulted;
use fresh::Fresh;
pub use fresh::{FRESH, FRESH_MAX, Recent};
pub use history::{Clash, History};
pub use refusal::{Pause, Refusal};
pub use stages::{Stage, Stages};
pub use suspicion::Ending;
use suspicion::Suspicion;
use unsent::Standing;

/// Events on the way at once. On a round trip of 2 s this is 50 events/s.
const WINDOW_MAX: u16 = 100;
/// One message in so many is the backlog's.
const BACKLOG_SHARE: u8 = 4;
/// Ranges above `thru` that dispatch may say it has; what it does not say is only sent again.
const HAVE_MAX: usize = 16;
/// Runs of events that cannot be sent and are not named as lost yet. What is beyond is tried again, and found again.
const NOT_SENT_MAX: usize = 64;
/// Runs of events that the broker took; they end where a fresh one overtook, or the broker was silent. What is beyond is sent
/// again. 16 kB.
const WITH_BROKER_MAX: usize = 1_024;
/// What dispatch has of others is believed as long as so many numbers are left for us: at 30 events a day 100 million years.
const ROOM: u64 = 1 << 40;
/// So often all events are numbered anew; each time the whole journal is written. Once is enough where a gateway was exchanged, and
/// what says so more often is no dispatch.
const RENUMBERINGS_MAX: u32 = 8;
/// So long after SUBACK what dispatch retained is sure to be here. Brokers send it at once; 2G takes 2 s.
const RETAINED_WITHIN: Span = Span::seconds(5);
/// A broker that never answers a SUBSCRIBE must not stop everything.
const SUBACK_WITHIN: Span = Span::seconds(60);

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
    fresh: VecDeque<Fresh>,
    /// Fresh ones since the last one of the backlog.
    in_a_row: u8,
    /// What dispatch has above `thru`.
    have: Vec<(u64, u64)>,
    /// Whatever it ever said that it has there.
    seen: Ranges,
    /// Taken by the broker, above `thru`.
    with_broker: Ranges,
    /// Sent before, and owed again: what sending it costs is not a first delivery.
    resent: Ranges,
    /// Dispatch moved since everything that it lacks was sent: it is there, and what it lacks was lost on the way.
    heard: bool,
    /// Nothing is sent a second time while the month's bytes run out, but for what dispatch asks for itself.
    sparing: bool,
    /// This broker does not take it; tried again with each connection.
    not_taken: Ranges,
    /// For how long there is any, whatever was tried.
    standing: Standing,
    /// Not taken by an earlier connection, and tried again since.
    retried: Ranges,
    retried_at: Option<Mono>,
    /// Can never be sent, and is to be named as lost.
    quarantined: Ranges,
    /// Cannot be sent, and is not named: it names others itself.
    shelved: Ranges,
    /// Named as lost, above `thru`.
    lost: Ranges,
    /// Could not be handed over, and when to try again: the journal does not have them yet, or the client's queue was full.
    held: BTreeSet<u64>,
    held_until: Option<Mono>,
    pause: Option<Pause>,
    /// The first sending after the refusal.
    paused_from: u64,
    /// After a refusal one event at a time, until the broker takes one.
    probing: bool,
    suspicion: Suspicion,
    faulted: Faulted,
    again_at: Option<Mono>,
    patience: Span,
    /// Dispatch's own last word.
    acked: u64,
    /// When it spoke.
    repeated: Repeated,
    ignored_acks: u64,
    history: History,
    /// The highest sequence that may have been sent, as far as this matters to `history`.
    sent_max: u64,
    /// Numbers up to here are another gateway's.
    base: u64,
    /// How often everything was numbered anew.
    renumberings: u32,
    /// Dispatch acknowledged something since the journal last heard of it.
    accepted: bool,
    /// Nothing is sent before, while nobody knows which numbers dispatch has.
    quiet_until: Option<Mono>,
    clash: Option<Clash>,
}

impl Outbox {
    /// Everything above `thru` up to `highest` is owed, as far as the journal still holds it: from `lowest` on. `dispatch_acks`:
    /// dispatch acknowledges; else the broker does.
    #[must_use]
    pub fn new(dispatch_acks: bool, thru: u64, lowest: u64, highest: u64) -> Self {
        let (acked, thru) = (thru, thru.max(lowest.saturating_sub(1)));
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
            fresh: VecDeque::new(),
            in_a_row: 0,
            have: Vec::new(),
            seen: Ranges::default(),
            with_broker: Ranges::default(),
            resent: Ranges::default(),
            heard: false,
            sparing: false,
            not_taken: Ranges::default(),
            standing: Standing::default(),
            retried: Ranges::default(),
            retried_at: None,
            quarantined: Ranges::default(),
            shelved: Ranges::default(),
            lost: Ranges::default(),
            held: BTreeSet::new(),
            held_until: None,
            pause: None,
            paused_from: 0,
            probing: false,
            suspicion: Suspicion::default(),
            faulted: Faulted::default(),
            again_at: None,
            patience: PATIENCE,
            acked,
            repeated: Repeated::default(),
            ignored_acks: 0,
            history: History::Known,
            sent_max: highest,
            base: 0,
            renumberings: 0,
            accepted: false,
            quiet_until: None,
            clash: None,
        }
    }

    /// What this journal knows of dispatch.
    #[must_use]
    pub fn since(self, history: History) -> Self {
        let sent_max = if history == History::Untold { 0 } else { self.highest };
        Self { history, sent_max, ..self }
    }

    /// These are named as lost already.
    #[must_use]
    pub fn without(mut self, lost: &Ranges) -> Self {
        self.lost(lost);
        self
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

    /// What this journal knows of dispatch.
    #[must_use]
    pub fn history(&self) -> History {
        self.history
    }

    /// Why nothing is sent at the moment although something is owed.
    #[must_use]
    pub fn pause(&self) -> Option<Pause> {
        self.pause
    }

    /// Everything up to here is with the broker.
    #[must_use]
    pub fn complete_thru(&self) -> u64 {
        let refused = self.not_taken.span().map_or(self.next, |(first, _)| self.next.min(first));
        let put_off = self.faulted.put_off().find(|sequence| self.settled_thru(*sequence).is_none());
        let refused = self.suspicion.first_aside().into_iter().chain(put_off).fold(refused, u64::min);
        let waiting = self.on_the_way.keys().chain(&self.held).fold(refused, |lowest, &sequence| lowest.min(sequence));
        waiting.saturating_sub(1).max(self.thru)
    }

    /// The event `sequence` is in the journal since `at`. `urgent`: it is about a visit.
    pub fn journaled(&mut self, at: Mono, sequence: u64, urgent: bool) {
        self.highest = self.highest.max(sequence);
        self.is_fresh(Fresh { sequence, at, urgent });
    }

    /// A connection, with a clean session: what was on the way may be lost.
    pub fn link_up(&mut self, at: Mono, receive_max: u16) {
        self.retry(at);
        self.window = Some(receive_max.clamp(1, WINDOW_MAX));
        self.nothing_on_the_way();
        self.next = self.thru + 1;
        self.suspicion.link_up(at);
        self.probing |= self.suspicion.is_watching();
        self.quiet_until = Some(at.plus(SUBACK_WITHIN));
        self.again_at.get_or_insert(at.plus(self.patience));
    }

    /// What dispatch retained for us comes now, if there is anything.
    pub fn subscribed(&mut self, at: Mono) {
        let soon = at.plus(RETAINED_WITHIN);
        self.quiet_until = self.quiet_until.map(|until| until.min(soon));
    }

    /// No connection any more, since `at`.
    pub fn link_down(&mut self, at: Mono, ending: Ending) {
        self.judge(at, ending);
        self.window = None;
        self.nothing_on_the_way();
    }

    /// The broker took it.
    pub fn delivered(&mut self, sequence: u64) {
        let Some(sending) = self.arrived(sequence) else { return };
        self.is_taken(sending);
        self.clear(sequence);
        self.faulted.taken(sequence);
        self.retried.remove(sequence, sequence);
        self.tend_standing();
        if sequence > self.thru {
            self.with_broker.insert(sequence, sequence);
            self.with_broker.keep_lowest(WITH_BROKER_MAX);
        }
        self.move_by_the_brokers_word();
    }

    /// The broker did not take it, or it could not be handed over: hold it, and try again when the reason may be gone.
    pub fn refused(&mut self, at: Mono, sequence: u64, refusal: Refusal) {
        let sending = self.arrived(sequence);
        self.is_back(sequence);
        let for_good = matches!(refusal, Refusal::NotTaken | Refusal::Unsendable);
        if self.lost.contains(sequence) || (for_good && sequence <= self.thru) {
            return;
        }
        if refusal == Refusal::NotTaken && self.not_taken.runs() < NOT_SENT_MAX {
            return self.no_broker_takes(at, sequence);
        }
        if refusal == Refusal::Unsendable && self.quarantined.runs() < NOT_SENT_MAX {
            self.quarantined.insert(sequence, sequence);
            return;
        }
        if for_good || refusal == Refusal::Local {
            // Others may go on: what the journal took before still can be sent.
            self.held.insert(sequence);
            self.held_until.get_or_insert(at.plus(refusal::LOCAL));
            return;
        }
        let is_owed = sequence > self.thru;
        if is_owed {
            self.next = self.next.min(sequence);
        }
        if refusal == Refusal::Quota && sending.is_none_or(|sending| !is_owed || self.faulted(at, sequence, sending)) {
            return;
        }
        (self.probing, self.pause, self.paused_from) =
            (true, Some(Pause::after(self.pause, at, refusal)), self.sendings);
    }

    /// An acknowledgement for another device, or one that cannot be read: a retained value of a swapped-out device must not
    /// swallow events.
    pub fn foreign_ack(&mut self) {
        self.ignored_acks += 1;
    }

    /// Dispatch has committed everything up to `thru`, and the ranges `have` above it. What goes back or lies above what was
    /// ever sent changes nothing. It speaks now: a copy of what it said before is [`Outbox::retained`].
    pub fn received(&mut self, at: Mono, thru: u64, have: &[(u64, u64)]) {
        let (before, was_silent) = (self.ignored_acks, self.repeated.speaks(at));
        let is_news = self.acknowledged(at, thru, have);
        self.heard |= is_news;
        if !is_news && was_silent && self.ignored_acks == before {
            self.repeats(at);
        }
    }

    /// The same, as the broker kept it: dispatch said so once, and may be away since.
    pub fn retained(&mut self, at: Mono, thru: u64, have: &[(u64, u64)]) {
        self.acknowledged(at, thru, have);
    }

    /// Whether it changes anything.
    fn acknowledged(&mut self, at: Mono, thru: u64, have: &[(u64, u64)]) -> bool {
        let told = have.iter().fold(thru, |told, (_, last)| told.max(*last));
        if told <= self.base && self.history != History::Known && self.base > 0 {
            // What led to the numbers that we have, once more: it says nothing about our events.
            self.quiet_until = Some(at);
            return false;
        }
        let clash = self.history.clash(told, self.sent_max, self.highest).filter(|_| self.dispatch_acks);
        if clash.is_some() && told < SEQUENCE_END - ROOM && self.renumberings < RENUMBERINGS_MAX {
            self.clash = clash;
            return false;
        }
        if clash.is_some() || thru > self.highest {
            self.ignored_acks += 1;
            return false;
        }
        // Of a dispatch that was restored and cannot ask, say: what it has above counts, and each of it is news once.
        self.ignored_acks += u64::from(thru < self.acked);
        self.acked = self.acked.max(thru);
        self.quiet_until = Some(at);
        self.accepted |= told > 0 && self.history != History::Known;
        if told > 0 {
            self.history = History::Known;
        }
        // Also where dispatch lacks what the journal no longer has: what is above counts all the same.
        let have: Vec<_> = have
            .iter()
            .filter(|(first, last)| first <= last && *last <= self.highest)
            .take(HAVE_MAX)
            .copied()
            .collect();
        let is_news = have.iter().any(|(first, last)| self.seen.end_of_run(*first).is_none_or(|end| end < *last));
        have.iter().for_each(|(first, last)| self.seen.insert(*first, *last));
        self.seen.keep_lowest(WITH_BROKER_MAX);
        self.have = have;
        let is_further = thru > self.thru;
        if is_further {
            self.moved_to(thru);
            self.patience = PATIENCE;
            self.again_at = Some(at.plus(self.patience));
        } else if is_news {
            // Dispatch is there, and has what came later: what is missing between was lost behind the broker.
            self.patience = self.patience_with_a_hole();
            let soon = at.plus(self.patience);
            self.again_at = Some(self.again_at.map_or(soon, |then| then.min(soon)));
        }
        is_further || is_news
    }

    /// Owes everything from `sequence` on again, as far as the journal still holds it, from `lowest` on. What dispatch
    /// acknowledges from here on counts again: it asks for this when its own `thru` went back.
    pub fn replay_from(&mut self, at: Mono, sequence: u64, lowest: u64) {
        let thru = sequence.max(lowest).saturating_sub(1).min(self.highest);
        if thru < self.thru {
            (self.thru, self.told_thru) = (thru, thru);
        }
        self.acked = self.acked.min(sequence.saturating_sub(1));
        self.have.clear();
        self.seen = Ranges::default();
        // Also what is named as lost: a broker may have refused it that is another by now.
        self.lost = Ranges::default();
        self.send_again();
        self.patience = PATIENCE;
        self.again_at = Some(at.plus(self.patience));
    }

    /// `thru`, if it moved since it was last asked for.
    pub fn moved(&mut self) -> Option<u64> {
        let moved = self.thru > self.told_thru || std::mem::take(&mut self.accepted);
        self.told_thru = self.thru;
        moved.then_some(self.thru)
    }

    /// What to send now; to be asked until there is nothing. The sequences count as on the way from here on.
    pub fn poll(&mut self, at: Mono) -> Option<RangeInclusive<u64>> {
        let window = self.window?;
        if self.clash.is_some() || self.is_quiet(at) {
            return None;
        }
        if self.held_until.is_some_and(|then| at >= then) {
            self.held_until = None;
            self.next = self.held.first().map_or(self.next, |&first| first.max(self.thru + 1).min(self.next));
            self.held.clear();
        }
        if self.pause.is_some_and(|pause| at < pause.until) {
            return self.asks_early(at);
        }
        self.retry_while_it_holds(at);
        self.pass();
        self.tend_silence(at);
        self.try_put_off(at);
        self.pass();
        if self.alone_on_the_way().is_some() {
            return None;
        }
        if let Some(alone) = self.due_alone(at) {
            // Once nothing else is on the way: what ends the connection then is no other.
            return self.on_the_way.is_empty().then(|| {
                self.send_alone(at, alone);
                alone..=alone
            });
        }
        let window = if self.probing { 1 } else { window };
        // Counted from the oldest sending, not by number: the client's packet ids go round within the window, and one that
        // comes round to a message still on the way would stall it.
        let oldest = self.sent.first().copied().unwrap_or(self.sendings);
        let room = u64::from(window).saturating_sub(self.sendings - oldest);
        let backlog = self.backlog(room, u64::from(window));
        let range = match (self.freshest(at, self.next).filter(|_| room > 0), backlog) {
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

    /// Nobody knows yet which numbers dispatch has: what it retained may be on its way.
    fn is_quiet(&self, at: Mono) -> bool {
        self.dispatch_acks && self.history != History::Known && self.quiet_until.is_none_or(|until| at < until)
    }

    fn send(&mut self, at: Mono, range: &RangeInclusive<u64>) {
        self.history = self.history.sending();
        self.sent_max = self.sent_max.max(*range.end());
        // Patience begins with the sending of what is owed first: dispatch cannot acknowledge what it never saw, and what
        // comes after, or was refused before, must not hold off sending an older one again.
        let is_owed_first = *range.start() == self.thru + 1 && !self.faulted.has_own_times(*range.start());
        if is_owed_first || self.again_at.is_none() {
            self.again_at = Some(at.plus(self.patience));
        }
        for sequence in range.clone() {
            self.on_the_way.insert(sequence, self.sendings);
            self.sent.insert(self.sendings);
            self.sendings += 1;
        }
        if *range.start() == self.next {
            self.next = range.end() + 1;
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

    /// Whether the cursor goes past it: on the way, with the broker, never to be sent, held, set aside, or with dispatch.
    fn is_passed(&self, sequence: u64) -> bool {
        self.passed_thru(sequence).is_some()
    }

    fn passed_thru(&self, sequence: u64) -> Option<u64> {
        let is_aside = self.suspicion.is_aside(sequence) || self.faulted.is_put_off(sequence);
        self.settled_thru(sequence).or_else(|| is_aside.then_some(sequence))
    }

    /// The last of what follows without a hole from `sequence` on and need not be sent, as far as one look tells.
    fn settled_thru(&self, sequence: u64) -> Option<u64> {
        let alone = self.on_the_way.contains_key(&sequence) || self.held.contains(&sequence);
        [&self.with_broker, &self.lost, &self.not_taken, &self.quarantined, &self.shelved]
            .into_iter()
            .filter_map(|ranges| ranges.end_of_run(sequence))
            .chain(self.had_thru(sequence))
            .chain(alone.then_some(sequence))
            .max()
    }

    /// The last of the run that `sequence` is in, of what dispatch says it has above `thru`.
    fn had_thru(&self, sequence: u64) -> Option<u64> {
        self.have.iter().find(|(first, last)| (*first..=*last).contains(&sequence)).map(|(_, last)| *last)
    }

    /// Moves the cursor past what need not be sent.
    fn pass(&mut self) {
        while self.next <= self.highest
            && let Some(last) = self.passed_thru(self.next)
        {
            self.next = last + 1;
        }
    }

    /// It is not on the way any more. The number of its sending, if it was.
    fn arrived(&mut self, sequence: u64) -> Option<u64> {
        let number = self.on_the_way.remove(&sequence)?;
        self.sent.remove(&number).then_some(number)
    }

    /// What was on the way before a refusal says nothing of what made the broker refuse.
    fn is_taken(&mut self, sending: u64) {
        if sending >= self.paused_from {
            (self.probing, self.pause) = (false, None);
        }
    }

    fn move_by_the_brokers_word(&mut self) {
        if self.dispatch_acks {
            return;
        }
        let mut thru = self.thru;
        while let Some(last) = self.with_broker.end_of_run(thru + 1).or(self.lost.end_of_run(thru + 1)) {
            thru = last;
        }
        self.moved_to(thru);
    }

    fn moved_to(&mut self, thru: u64) {
        self.thru = thru;
        self.next = self.next.max(thru + 1);
        let Self { with_broker, resent, lost, not_taken, retried, quarantined, shelved, seen, .. } = self;
        for ranges in [with_broker, resent, lost, not_taken, retried, quarantined, shelved, seen] {
            ranges.forget_thru(thru);
        }
        self.suspicion.forget(|sequence| sequence <= thru);
        self.faulted.forget(|sequence| sequence <= thru);
        let still = self.on_the_way.split_off(&(thru + 1));
        for number in std::mem::replace(&mut self.on_the_way, still).into_values() {
            self.sent.remove(&number);
            self.is_taken(number);
        }
    }

    fn nothing_on_the_way(&mut self) {
        self.held.clear();
        self.held_until = None;
        let sent: Vec<u64> = self.on_the_way.keys().copied().collect();
        sent.into_iter().for_each(|sequence| self.was_sent(sequence, sequence));
        self.on_the_way.clear();
        self.sent.clear();
    }
}

#[cfg(test)]
mod tests;
