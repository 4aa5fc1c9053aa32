//! The gap ledger: for every second that the device had power, whether the truck could know where it was, and if not, why.
//!
//! One interval is open at any time. Input and time passing may turn it into another, at a moment that lies in the past where the
//! evidence does (a silence began with the last byte); the interval that ends there is closed for good. So intervals have neither hole nor overlap,
//! and their sums are the time that passed, whatever comes in. Closed intervals are dated by the receiver's clock; those of a
//! start wait for its first fix.
//!
//! A parked truck gives the same position with advancing time: covered. A frozen receiver repeats one time.

mod cause;
mod ledger;
#[cfg(test)]
mod tests;
mod told;
mod undated;
pub mod window;

use super::finding::{Antenna, Finding, Jamming};
use crate::time::Mono;
use cause::Judged;
pub use cause::{Cause, Notes, Seen};
use geofence::{Span, UnixMillis};
use ledger::{Ledger, Stretch};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
pub use told::{Bounds, Change, Gap, Interval, Summary};

/// Fixes closer together than this are one covered stretch: five missed epochs at 1 Hz,
const COVERED_STEP: Span = Span::seconds(5);
/// and two and a half at slower ones, of which the slowest known speaks every ten seconds.
const PACE_MAX: Span = Span::seconds(12);
/// Without bytes for longer than the slowest receiver pauses, the line is silent.
const SILENT_AFTER: Span = Span::seconds(12);
/// Bytes for so long after the last good sentence are a storm.
const STORM_AFTER: Span = Span::seconds(5);
/// A pause this long ends what a receiver says at one instant: bytes before it, as the line end after the last sentence, are what is
/// left of the good ones.
const PAUSE: Span = Span(500);
/// A time of day that stands still is told after so long.
const FROZEN_AFTER: Span = Span::seconds(10);
/// A daemon that runs records something every second or two, in silence that time passed; nothing for so long means that it did not
/// run. In a simulation that runs many times faster than life so does a fraction of a second in which the machine was busy elsewhere.
const NO_TICKS_AFTER: Span = Span::seconds(10);
/// Signals of so long before a fix were heard with it: receivers speak of satellites seldom.
const HEARD_WITH: Span = Span::seconds(20);
/// A clock that differs by more than this is another clock.
const JUMP: Span = Span::seconds(5);
/// Without a measured fix for this long, the loss is told: `gnss.lost` within 30 s.
const LOST_AFTER: Span = Span::seconds(20);

/// A moment, and what had been received until then.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
struct Moment {
    at: Mono,
    seen: Seen,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Open {
    begin: Moment,
    #[serde(flatten)]
    judged: Judged,
    /// The best C/N0 with the fix that ended coverage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cn0_before: Option<u8>,
}

impl Open {
    fn new(begin: Moment, judged: impl Into<Judged>) -> Self {
        Self { begin, judged: judged.into(), cn0_before: None }
    }

    /// It ends at `to`, when `seen` had come.
    fn ended(self, to: Moment) -> Stretch {
        let Self { begin, judged, cn0_before } = self;
        Stretch { from: begin.at, to: to.at, judged, seen: to.seen.since(begin.seen), cn0_before }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct LastFix {
    time: UnixMillis,
    at: Mono,
}

/// Follows the reception. Plain data, part of the engine's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Coverage {
    ledger: Ledger,
    open: Option<Open>,
    /// The newest input.
    now: Mono,
    seen: Seen,
    /// The newest byte.
    byte: Moment,
    /// The first bytes after the last good sentence, or after a silence.
    unread: Option<Moment>,
    /// There was no pause since the last good sentence.
    trailing: bool,
    /// The receiver's time stands still.
    stuck: Option<Moment>,
    /// The newest fix of this run.
    fix: Option<Moment>,
    /// The newest of this run that was measured and not reckoned.
    measured: Option<Moment>,
    /// The next fix is dead reckoning.
    reckons: bool,
    /// The best C/N0 that was heard lately, and when it was,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<(Mono, u8)>,
    /// and as of the newest measured fix.
    #[serde(skip_serializing_if = "Option::is_none")]
    signal_of_fix: Option<u8>,
    /// The shortest time between two fixes of this run.
    pace: Option<Span>,
    /// There was a measured fix since the receiver was switched on, as far as one can tell.
    fixed: bool,
    /// The receiver said, since the last fix, that it has none.
    void: bool,
    gone: Option<Moment>,
    /// What the receiver says of its antenna, since it says that.
    antenna: Option<(Antenna, Moment)>,
    /// It speaks of interference since then,
    jamming: Option<Moment>,
    /// and of so much that no fix is reliable since then.
    critical: Option<Moment>,
    private: Option<Moment>,
    /// These are the inputs of a daemon, which says when nothing comes. A raw file does not.
    ticks: bool,
    stopped: bool,
    /// The newest measured fix.
    last: Option<LastFix>,
    /// The loss was told.
    told: bool,
    /// Causes since then, as far as they are closed. What was reckoned stands under `covered`, which no gap is otherwise: the release
    /// before must open it.
    gap: BTreeMap<Cause, Span>,
}

type Each<'a> = &'a mut dyn FnMut(Interval);

impl Coverage {
    /// The agent starts. Monotonic time began anew unless it is the `same_boot` of the device.
    pub fn boot(&mut self, at: Mono, same_boot: bool, each: Each<'_>) {
        let notes = if self.stopped { Notes::TOLD_TO_STOP } else { Notes::KILLED };
        if same_boot && self.open.is_some() {
            self.away(at, notes, each);
        } else {
            // After a stop nobody saw when the power went: all of it is told as off, with the word that it was stopped before.
            self.open = self.open.filter(|_| !self.stopped);
            self.end(self.now, each);
            self.ledger.power_off(notes);
            self.now = at;
        }
        *self = Self {
            ledger: std::mem::take(&mut self.ledger),
            now: self.now,
            seen: self.seen,
            private: self.private,
            last: self.last.map(|last| LastFix { at: self.now, ..last }),
            told: self.told,
            gap: std::mem::take(&mut self.gap),
            ..Self::default()
        };
        self.begin_anew();
        self.open = Some(Open::new(self.moment(), Cause::Acquiring));
    }

    /// What the system clock said at `at`, after a boot: it puts a run that never learns the date where it belongs.
    pub fn system_clock(&mut self, at: Mono, time: UnixMillis) {
        self.ledger.system_clock(at, time);
    }

    /// Time is `at`: closes what has ended by then. To be called before anything else of an input.
    pub fn passed(&mut self, at: Mono, each: Each<'_>) -> Option<Change> {
        if self.ticks && at - self.now > NO_TICKS_AFTER && self.open.is_some() {
            self.away(at, Notes::NO_TICKS, each);
            self.begin_anew();
            self.open = Some(Open::new(self.moment(), Cause::Unknown));
        }
        self.now = self.now.max(at);
        self.judge(each);
        self.lost()
    }

    /// Nothing came, says the daemon.
    pub fn tick(&mut self) {
        self.ticks = true;
    }

    /// Bytes came, with so many good sentences.
    pub fn heard(&mut self, bytes: u64, sentences: u64, each: Each<'_>) {
        self.seen.bytes = self.seen.bytes.saturating_add(bytes);
        self.seen.sentences = self.seen.sentences.saturating_add(sentences);
        let now = self.moment();
        self.gone = None;
        let pause = now.at - self.byte.at;
        if pause > SILENT_AFTER || bytes > 0 && pause > PAUSE && std::mem::take(&mut self.trailing) {
            self.unread = None;
        }
        if bytes > 0 {
            self.byte = now;
            self.unread.get_or_insert(now);
        }
        if sentences > 0 {
            (self.unread, self.trailing) = (None, true);
        }
        self.judge(each);
    }

    /// The receiver said that it has no fix.
    pub fn void(&mut self, each: Each<'_>) {
        self.seen.void_epochs = self.seen.void_epochs.saturating_add(1);
        self.void = true;
        self.judge(each);
    }

    /// An epoch could not be used.
    pub fn refused(&mut self) {
        self.seen.refused_epochs = self.seen.refused_epochs.saturating_add(1);
    }

    /// The source came or went, says the daemon.
    pub fn source(&mut self, there: bool, each: Each<'_>) {
        self.ticks = true;
        self.gone = (!there).then(|| self.gone.unwrap_or(self.moment()));
        if there {
            self.begin_anew();
            // It may be another receiver, or the same one with its antenna plugged in.
            (self.antenna, self.jamming, self.critical) = (None, None, None);
        }
        self.judge(each);
    }

    /// Receiver or stream show why there is no fix. What does not concern gaps is ignored.
    pub fn finding(&mut self, finding: Finding, each: Each<'_>) {
        let now = self.moment();
        match finding {
            Finding::Antenna(Antenna::Connected | Antenna::Internal) => self.antenna = None,
            Finding::Antenna(state) if self.antenna.is_none_or(|(before, _)| before != state) => {
                self.antenna = Some((state, now));
            }
            Finding::Jamming(level) => {
                self.jamming = (level >= Jamming::Suspected).then(|| self.jamming.unwrap_or(now));
                self.critical = (level >= Jamming::Critical).then(|| self.critical.unwrap_or(now));
            }
            Finding::Stuck(true) => {
                // It has stood for some time when it is told, since the last fix at the latest.
                let at = Mono(now.at.0.saturating_sub(FROZEN_AFTER.0.unsigned_abs()));
                let seen = self.fix.map_or(now.seen, |fix| fix.seen);
                self.stuck = Some(Moment { at, seen });
            }
            Finding::Stuck(false) => self.stuck = None,
            Finding::Signal(cn0) => {
                let lately = self.signal.filter(|(at, best)| now.at - *at <= HEARD_WITH && *best > cn0);
                self.signal = lately.or(Some((now.at, cn0)));
            }
            Finding::Antenna(_)
            | Finding::Spoofing(_)
            | Finding::LineTooSlow
            | Finding::Lagging(_)
            | Finding::UtcStepped(_) => {}
        }
        self.judge(each);
    }

    /// The driver's private mode begins or ends.
    pub fn private(&mut self, on: bool, each: Each<'_>) {
        self.private = on.then(|| self.private.unwrap_or(self.moment()));
        // Nobody lost anything meanwhile: a loss counts from now.
        self.last = self.last.map(|last| LastFix { at: self.now, ..last });
        self.judge(each);
    }

    /// The fix that comes now is dead reckoning: it dates, and it covers nothing.
    pub fn reckons(&mut self) {
        self.reckons = true;
    }

    /// A fix at `time` that arrived at `at`; `wrong`: the receiver's time was wrong until now. The restoration, if a loss had been told
    /// and this fix was measured.
    pub fn fix(&mut self, at: Mono, time: UnixMillis, wrong: bool, each: Each<'_>) -> Option<Change> {
        self.seen.fixes = self.seen.fixes.saturating_add(1);
        // An epoch ends with the next one, so its arrival may lie before what was heard meanwhile; never before the last fix.
        let at = at.min(self.now).max(self.fix.map_or(Mono(0), |fix| fix.at));
        let moment = Moment { at, seen: self.seen };
        let begin = self.open.map_or(at, |open| open.begin.at);
        if self.ledger.jumps(at, time) || wrong && self.ledger.utc(at).is_some() {
            let cause = self.cause();
            self.end(at, each);
            self.ledger.jump(at, time, wrong, each);
            self.open = Some(Open::new(Moment { at: at.max(begin), ..moment }, cause));
        } else {
            self.ledger.anchor(at, time, begin, each);
        }
        if let Some(before) = self.fix
            && at > before.at
        {
            let apart = at - before.at;
            self.pace = Some(Span(self.pace.map_or(apart.0, |pace| pace.0.min(apart.0)).min(PACE_MAX.0)));
        }
        (self.fix, self.void) = (Some(moment), false);
        if std::mem::take(&mut self.reckons) {
            self.judge(each);
            return None;
        }
        (self.measured, self.fixed) = (Some(moment), true);
        self.signal_of_fix = self.signal.filter(|(heard, _)| at - *heard <= HEARD_WITH).map(|(_, cn0)| cn0);
        self.judge(each);
        let restored = self.restored(time);
        (self.last, self.told) = (Some(LastFix { time, at }), false);
        self.gap.clear();
        restored
    }

    /// The agent was told to stop: from here on it is down.
    pub fn stop(&mut self, each: Each<'_>) {
        self.stopped = true;
        self.end(self.now, each);
        self.open = Some(Open::new(self.moment(), Judged::new(Cause::AgentDown, Notes::TOLD_TO_STOP)));
    }

    /// The interval that is open, up to the newest input, where it can be dated.
    #[must_use]
    pub fn open(&self) -> Option<Interval> {
        let open = self.open?;
        let (from, to) = self.ledger.edge().zip(self.ledger.utc(self.now))?;
        let to = to.max(from);
        Some(open.ended(self.moment()).interval(from, to, Notes::NONE))
    }

    /// What this moment is.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.open.map_or(Cause::Unknown, |open| open.judged.cause)
    }

    /// The ledger in numbers.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut sums = self.ledger.sums();
        let open = self.open();
        if let Some(open) = open {
            let sum = sums.entry(open.cause).or_insert(Span(0));
            *sum = *sum + (open.to - open.from);
        }
        Summary {
            cause: self.cause(),
            since: open.map(|open| open.from),
            sums,
            undated: self.ledger.undated + self.undated(),
            restarts: self.ledger.restarts,
        }
    }

    /// What waits for its date.
    fn undated(&self) -> Span {
        let open = self.open.filter(|_| self.ledger.utc(self.now).is_none());
        open.map_or(Span(0), |open| self.now - open.begin.at) + self.ledger.waiting()
    }

    fn moment(&self) -> Moment {
        Moment { at: self.now, seen: self.seen }
    }

    /// Silence before this moment was not the receiver's.
    fn begin_anew(&mut self) {
        let now = self.moment();
        (self.byte, self.unread, self.stuck) = (now, None, None);
    }

    /// Nobody listened from the newest input until `at`.
    fn away(&mut self, at: Mono, notes: Notes, each: Each<'_>) {
        let from = self.now;
        self.end(from, each);
        let at = at.max(from);
        let (judged, seen) = (Judged::new(Cause::AgentDown, notes), Seen::default());
        self.close(Stretch { from, to: at, judged, seen, cn0_before: None }, each);
        (self.open, self.now) = (None, at);
    }

    /// Closes what is open at `at`.
    fn end(&mut self, at: Mono, each: Each<'_>) {
        let Some(open) = self.open.take() else { return };
        let to = Moment { at: at.max(open.begin.at), seen: self.seen };
        self.close(open.ended(to), each);
    }

    fn close(&mut self, stretch: Stretch, each: Each<'_>) {
        if stretch.from == stretch.to {
            return;
        }
        let cause = stretch.judged.cause;
        if cause != Cause::Covered {
            let sum = self.gap.entry(cause.as_stored()).or_insert(Span(0));
            *sum = *sum + stretch.length();
        }
        self.ledger.close(stretch, each);
    }

    /// Turns what is open into what the evidence says now.
    fn judge(&mut self, each: Each<'_>) {
        let Some(open) = self.open else { return };
        let (judged, since) = self.condition();
        if judged.cause == open.judged.cause {
            self.open = Some(Open { judged: open.judged.noted(judged.notes), ..open });
            return;
        }
        let since = self.within_step(open, since);
        if since.at > open.begin.at {
            self.close(open.ended(since), each);
            let cn0_before = self.signal_of_fix.filter(|_| open.judged.cause == Cause::Covered);
            self.open = Some(Open { begin: since, judged, cn0_before });
        } else {
            // The evidence reaches back to the begin: it was this all the time.
            self.open = Some(Open { judged, ..open });
        }
        if judged.cause == Cause::SerialSilent {
            // Whoever was silent may have been switched off, and has to find its satellites again.
            (self.fixed, self.void) = (false, false);
        }
    }

    /// Coverage ends with its last fix, dead reckoning with its own, and what began within a step after a fix began with it.
    fn within_step(&self, open: Open, since: Moment) -> Moment {
        let cause = open.judged.cause;
        if cause == Cause::Privacy {
            // Whatever was seen during it, it was private until now.
            return self.moment();
        }
        if cause == Cause::Covered {
            return self.measured.unwrap_or(since);
        }
        let near = |fix: &Moment| cause == Cause::DeadReckoning || since.at - fix.at <= self.step();
        self.fix.filter(near).unwrap_or(since)
    }

    fn step(&self) -> Span {
        let slow = self.pace.map_or(0, |pace| pace.0 * 5 / 2);
        Span(COVERED_STEP.0.max(slow))
    }

    /// Whether no fix has disproved what the receiver has said since `since`: an antenna that it has called open through an hour of fixes is
    /// no reason why they end. Fixes of what was measured before come for a moment after it, and word of an antenna comes once.
    fn stands(&self, since: &Moment) -> bool {
        self.measured.is_none_or(|fix| fix.at - since.at <= self.step())
    }

    /// What this moment is and what speaks for it, and since when. The order is that of certainty.
    fn condition(&self) -> (Judged, Moment) {
        let now = self.moment();
        if let Some(since) = self.private {
            return (Cause::Privacy.into(), since);
        }
        let newest = |fix: &Moment| now.at - fix.at <= self.step();
        if let Some(fix) = self.measured.filter(newest) {
            return (Cause::Covered.into(), fix);
        }
        if self.fix.is_some_and(|fix| newest(&fix)) {
            return self.reckoning();
        }
        if let Some(since) = self.gone {
            return (Judged::new(Cause::SerialSilent, Notes::SOURCE_GONE), since);
        }
        if now.at - self.byte.at > SILENT_AFTER {
            return (Cause::SerialSilent.into(), self.byte);
        }
        if let Some(since) = self.unread
            && self.byte.at - since.at > STORM_AFTER
        {
            return (Cause::ChecksumStorm.into(), since);
        }
        if let Some((cause, since)) = self.antenna_fault() {
            return (cause.into(), since);
        }
        let notes = if self.stuck.is_some() { Notes::TIME_STANDS_STILL } else { Notes::NONE };
        // A receiver that never had a fix may not know the time either.
        if let Some(since) = self.stuck.filter(|_| self.fixed) {
            return (Judged::new(Cause::ReceiverFrozen, notes), since);
        }
        if let Some(since) = self.interference() {
            return (Judged::new(Cause::JammingSuspected, notes), since);
        }
        let cause = match (self.fixed, self.void) {
            (false, _) => Cause::Acquiring,
            (true, true) => Cause::TunnelOrIndoor,
            (true, false) => Cause::Unknown,
        };
        (Judged::new(cause, notes), now)
    }

    /// Positions come, and they are reckoned. Where the receiver says why it measures none, that is the cause.
    fn reckoning(&self) -> (Judged, Moment) {
        let jamming = || self.interference().map(|since| (Cause::JammingSuspected, since));
        match self.antenna_fault().or_else(jamming) {
            Some((cause, since)) => (Judged::new(cause, Notes::DEAD_RECKONING), since),
            // From the last fix on where it was covered; see `within_step`.
            None => (Cause::DeadReckoning.into(), self.moment()),
        }
    }

    /// What is wrong with the antenna, since when.
    fn antenna_fault(&self) -> Option<(Cause, Moment)> {
        let (antenna, since) = self.antenna.filter(|(_, since)| self.stands(since))?;
        Some((if antenna == Antenna::Short { Cause::AntennaShort } else { Cause::AntennaOpen }, since))
    }

    /// Since when there is interference.
    fn interference(&self) -> Option<Moment> {
        let stands = |since: &Moment| self.stands(since);
        self.critical.filter(stands).or(self.jamming.filter(stands))
    }

    fn lost(&mut self) -> Option<Change> {
        let last = self.last?;
        let cause = self.open?.judged.cause;
        if self.told || matches!(cause, Cause::Covered | Cause::Privacy) || self.now - last.at < LOST_AFTER {
            return None;
        }
        self.told = true;
        Some(Change::Lost { since: last.time, cause })
    }

    fn restored(&mut self, time: UnixMillis) -> Option<Change> {
        let last = self.last.filter(|_| self.told)?;
        let to = time.max(last.time);
        let mut causes: BTreeMap<_, _> =
            std::mem::take(&mut self.gap).into_iter().map(|(cause, span)| (cause.of_gap(), span)).collect();
        let longest =
            |causes: &BTreeMap<Cause, Span>| causes.iter().max_by_key(|(_, span)| **span).map(|(cause, _)| *cause);
        let known = causes.values().fold(Span(0), |sum, span| sum + *span);
        let powered_cause = longest(&causes);
        // The time off is known only now that both ends have a date.
        let off = Span((to - last.time).0.saturating_sub(known.0));
        if off > JUMP {
            causes.insert(Cause::PowerOff, off);
        }
        let cause = longest(&causes).unwrap_or(Cause::Unknown);
        Some(Change::Restored(Gap { from: last.time, to, cause, powered_cause, causes }))
    }
}
