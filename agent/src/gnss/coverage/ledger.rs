//! The book: stretches of monotonic time come in, dated intervals go out, each beginning where the last one ended.

use super::cause::{Cause, Judged, Notes, Seen};
use super::undated::{Runs, by_cause, length};
use super::{Interval, JUMP};
use crate::time::Mono;
use geofence::{Span, UnixMillis};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Stretches that wait for a date. A cold start under trees changes its cause a few times; 64 are a bad cable for hours.
const WAITING_MAX: usize = 64;

/// The first fix of a run may come out of a receiver's buffer: by so much it may seem that the run began before the last one ended.
/// Wrong times are wrong by hours or weeks.
const LATE_MAX: Span = Span::seconds(60);

/// A time of one cause, on the monotonic clock of one boot.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Stretch {
    pub(super) from: Mono,
    pub(super) to: Mono,
    #[serde(flatten)]
    pub(super) judged: Judged,
    pub(super) seen: Seen,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cn0_before: Option<u8>,
}

impl Stretch {
    /// How long it took.
    pub(super) fn length(&self) -> Span {
        self.to - self.from
    }

    /// The same with a date.
    pub(super) fn interval(&self, from: UnixMillis, to: UnixMillis, notes: Notes) -> Interval {
        let Judged { cause, notes } = self.judged.noted(notes);
        Interval { from, to, cause, seen: self.seen, notes, cn0_before: self.cn0_before, within: None }
    }
}

/// Two times that mean the same instant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Anchor {
    at: Mono,
    time: UnixMillis,
}

impl Anchor {
    fn utc(self, at: Mono) -> UnixMillis {
        if at >= self.at { self.time + (at - self.at) } else { self.time - (self.at - at) }
    }
}

/// Everything closed so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub(super) struct Ledger {
    /// Of this boot of the device.
    clock: Option<Anchor>,
    /// All time up to here is in the book.
    edge: Option<UnixMillis>,
    /// Closed, and not dated yet, each beginning where the one before it ends.
    waiting: Vec<Stretch>,
    /// Dated time by cause, as the release before counts it: what was reckoned is covered there,
    sums: BTreeMap<Cause, Span>,
    /// and this much of it was.
    #[serde(skip_serializing_if = "is_zero")]
    reckoned: Span,
    /// How often the receiver's time turned out wrong and the book began anew at another one.
    pub(super) restarts: u32,
    /// Time that has no date: the device went off before the first fix, and there was none since.
    pub(super) undated: Span,
    /// What it was.
    #[serde(skip_serializing_if = "Runs::is_empty")]
    runs: Runs,
    /// What the system clock said in this boot of the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<Anchor>,
    /// What is known about the time between the last boot and this one.
    bridge: Notes,
}

impl Ledger {
    pub(super) fn utc(&self, at: Mono) -> Option<UnixMillis> {
        self.clock.map(|clock| clock.utc(at))
    }

    /// Dated time by cause.
    pub(super) fn sums(&self) -> BTreeMap<Cause, Span> {
        let mut sums = self.sums.clone();
        if self.reckoned > Span(0) {
            sums.insert(Cause::DeadReckoning, self.reckoned);
            sums.entry(Cause::Covered).and_modify(|covered| *covered = Span(covered.0 - self.reckoned.0));
            sums.retain(|_, sum| *sum > Span(0));
        }
        sums
    }

    /// Where the next interval will begin.
    pub(super) fn edge(&self) -> Option<UnixMillis> {
        self.edge
    }

    /// One more stretch, adjacent to the one before it.
    pub(super) fn close(&mut self, stretch: Stretch, each: &mut dyn FnMut(Interval)) {
        if self.clock.is_some() {
            self.date(stretch, each);
            return;
        }
        if self.waiting.len() >= WAITING_MAX {
            self.waiting = by_cause(&self.waiting);
        }
        self.waiting.push(stretch);
    }

    /// How much time waits for its date.
    pub(super) fn waiting(&self) -> Span {
        length(&self.waiting)
    }

    /// The device was off; monotonic times of before mean nothing any more.
    pub(super) fn power_off(&mut self, notes: Notes) {
        let stretches = std::mem::take(&mut self.waiting);
        let system = self.system.take();
        if let Some(begin) = stretches.first().map(|first| first.from) {
            self.undated = self.undated + length(&stretches);
            let system = system.map(|known| known.utc(begin));
            self.runs.push(stretches, system, std::mem::take(&mut self.bridge));
        }
        self.bridge = self.bridge.and(notes);
        self.clock = None;
    }

    /// The system clock said that `at` is `time`.
    pub(super) fn system_clock(&mut self, at: Mono, time: UnixMillis) {
        self.system = Some(Anchor { at, time });
    }

    /// A fix says that `at` is `time`. `begin` is where the oldest stretch of this boot that is not dated yet begins.
    pub(super) fn anchor(&mut self, at: Mono, time: UnixMillis, begin: Mono, each: &mut dyn FnMut(Interval)) {
        let first = self.clock.is_none();
        self.clock = Some(Anchor { at, time });
        if !first {
            return;
        }
        let begin = self.waiting.first().map_or(begin, |stretch| stretch.from);
        let begin = self.utc(begin).unwrap_or(time);
        let begin = self.edge.filter(|edge| begin < *edge && *edge - begin <= LATE_MAX).unwrap_or(begin);
        let (runs, off) = (std::mem::take(&mut self.runs), std::mem::take(&mut self.bridge));
        let (since, length) = (self.edge, runs.length());
        let from = since.unwrap_or(begin - length);
        if from <= begin {
            let cut = runs.place((from, begin), since, off, &mut |interval| self.enter(interval, each));
            self.undated = Span((self.undated.0 - length.0 + cut.0).max(0));
        } else {
            self.restarts = self.restarts.saturating_add(1);
        }
        self.edge = Some(begin);
        for stretch in std::mem::take(&mut self.waiting) {
            self.date(stretch, each);
        }
    }

    /// Whether `time` at `at` is too far from what was known to be the same clock.
    pub(super) fn jumps(&self, at: Mono, time: UnixMillis) -> bool {
        self.utc(at).is_some_and(|known| (time - known).0.abs() > JUMP.0)
    }

    /// The receiver's time jumped to `time`, everything up to `at` is closed. Forward the jump is a hole that is told, unless the
    /// time before was `wrong`; backward, and where it was wrong, the book goes on at the new time.
    pub(super) fn jump(&mut self, at: Mono, time: UnixMillis, wrong: bool, each: &mut dyn FnMut(Interval)) {
        let from = self.edge.unwrap_or(time);
        if from < time && !wrong {
            let (cause, seen, notes) = (Cause::Unknown, Seen::default(), Notes::TIME_JUMP);
            self.enter(Interval { from, to: time, cause, seen, notes, cn0_before: None, within: None }, each);
        } else {
            self.restarts = self.restarts.saturating_add(1);
        }
        self.edge = Some(time);
        self.clock = Some(Anchor { at, time });
    }

    fn date(&mut self, stretch: Stretch, each: &mut dyn FnMut(Interval)) {
        let Some(to) = self.utc(stretch.to) else { return };
        let from = self.edge.unwrap_or(to);
        // Arrival times jitter, and a receiver steps back by a second; an edge that is in the book stays.
        if from < to {
            self.enter(stretch.interval(from, to, Notes::NONE), each);
        }
    }

    fn enter(&mut self, interval: Interval, each: &mut dyn FnMut(Interval)) {
        self.edge = Some(interval.to);
        let length = interval.to - interval.from;
        let sum = self.sums.entry(interval.cause.as_stored()).or_insert(Span(0));
        *sum = *sum + length;
        if interval.cause == Cause::DeadReckoning {
            self.reckoned = self.reckoned + length;
        }
        each(interval);
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_zero(span: &Span) -> bool {
    *span == Span(0)
}
