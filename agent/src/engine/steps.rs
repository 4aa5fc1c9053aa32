//! When the receiver's UTC steps: what that says of the events before.
//!
//! Until it has heard the leap seconds, a receiver may be off by whole seconds; then it steps. Events that were dated before are never
//! edited. A `device.health` names them, and by how much their times come right (R17 and R19 of docs/receivers.md).

use super::gathered::Gathered;
use super::state::State;
use crate::event::{Correction, Kind};
use crate::gnss::GnssFix;
use crate::time::Mono;
use geofence::{Span, TimeStep, UnixMillis};
use heapless::Vec;
use serde::{Deserialize, Serialize};

/// Steps that correct nothing are told at most this often, with their sum: some receivers go to and fro between 17 and 18 s.
const TOLD_EVERY: Span = Span::seconds(3_600);
/// A step that sets the receiver's time back is told when so many fixes have agreed, this one included.
const AGREED: usize = 10;
/// Leap seconds since 1980, and half a second: a farther step is no receiver that learns them.
const LEAP_SECONDS_MAX_MS: i64 = 18_500;
/// Corrections in one time of tracking. Whoever steps more often does not know what time it is at all, and is only counted.
const CORRECTIONS_MAX: u8 = 4;

/// Follows which events a step is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub(super) struct Steps {
    /// The first sequence that was dated since leap seconds were unknown.
    first: Option<u64>,
    /// Of the newest fixes, the oldest first: the last sequence before it, and whether leap seconds were known then.
    before: Vec<(u64, bool), AGREED>,
    /// Their times.
    times: Vec<UnixMillis, AGREED>,
    /// What was dated since leap seconds were unknown is dated from here on.
    since: Option<UnixMillis>,
    /// The newest time that was dated before, which the time of a cold receiver may lie behind.
    right_until: Option<UnixMillis>,
    corrections: u8,
    utc: Gathered,
    time: Gathered,
}

impl Steps {
    /// What was dated before is right, or by another receiver; what is dated from here on may be corrected.
    pub(super) fn begin(&mut self) {
        self.right_until = self.times.last().copied().or(self.right_until);
        (self.first, self.since, self.corrections) = (None, None, 0);
        self.before.clear();
        self.times.clear();
    }

    /// Monotonic time may begin anew.
    pub(super) fn restart(&mut self) {
        self.begin();
        self.utc.restart();
        self.time.restart();
    }

    /// All sequences are counted `by` higher.
    pub(super) fn shift(&mut self, by: u64) {
        self.first = self.first.map(|first| first.saturating_add(by));
        for (last, _) in &mut self.before {
            *last = last.saturating_add(by);
        }
    }

    /// A fix of `time` is about to be used; `sequence` was given out last, and leap seconds were `known` until now.
    pub(super) fn fix(&mut self, time: UnixMillis, sequence: u64, known: bool) {
        self.first.get_or_insert(sequence + 1);
        let right_until = self.right_until.map_or(time, |right| right + Span(1));
        self.since.get_or_insert(time.max(right_until));
        if self.before.is_full() {
            self.before.remove(0);
        }
        if self.times.is_full() {
            self.times.remove(0);
        }
        // There is room now.
        let _ = self.before.push((sequence, known));
        let _ = self.times.push(time);
    }

    /// The first of the fixes that agree on a step back. Fixes come in order, so all that was dated before is earlier than it.
    fn agreed_since(&self) -> UnixMillis {
        let first = self.times.get(self.times.len().saturating_sub(AGREED - 1));
        first.copied().unwrap_or(UnixMillis(i64::MAX))
    }

    fn correct(&mut self, last: u64, shift: Span) -> Option<Correction> {
        let first = self.first?;
        let correction = Correction { first, last, shift_ms: shift.0 };
        let is_one = first <= last && shift.0.abs() <= LEAP_SECONDS_MAX_MS && self.corrections < CORRECTIONS_MAX;
        self.corrections += u8::from(is_one);
        is_one.then_some(correction)
    }
}

impl State {
    /// The receiver's UTC went on by `step` more than time did, and its fixes stay in order.
    pub(super) fn utc_stepped(&mut self, at: Mono, step: Span) {
        // Forward it shows at once. Back it is a delay until enough fixes agree: all but this one were used before.
        let used = &self.steps.before;
        let agreed = used.len().checked_sub(AGREED - 1).and_then(|place| used.get(place).copied());
        let before = if step < Span(0) { agreed } else { Some((self.sequence, self.leap_seconds_known(at))) };
        // Of known leap seconds it is no step: something delayed the fixes, or no longer does.
        if before.is_some_and(|(_, known)| !known) {
            self.redate(step, if step < Span(0) { self.steps.agreed_since() } else { UnixMillis(i64::MAX) });
        }
        self.tell_step(at, "utc_step", before, step);
    }

    /// Time goes on elsewhere with this fix. By leap seconds that were unknown, what was before is dated anew; otherwise nobody knows which
    /// of the two is right, and what was before is compared with nothing.
    pub(super) fn time_stepped(&mut self, fix: &GnssFix) {
        let Some(expected) = self.expected(fix.arrived) else { return self.tracker.forget_times() };
        let (step, known) = (fix.fix.time - expected, self.leap_seconds_known(fix.arrived));
        let step = if known || step.0.abs() > LEAP_SECONDS_MAX_MS {
            self.tracker.forget_times();
            step
        } else {
            // What arrivals are off by is no part of it.
            let leap_seconds = Span::seconds((step.0 + 500).div_euclid(1_000));
            self.redate(leap_seconds, UnixMillis(i64::MAX));
            leap_seconds
        };
        self.tell_step(fix.arrived, "time_step", Some((self.sequence, known)), step);
    }

    /// What was dated since leap seconds were unknown, and before `right_from`, comes right by `by`. What was dated before that was
    /// right, or is another receiver's.
    fn redate(&mut self, by: Span, right_from: UnixMillis) {
        let Some(from) = self.steps.since else { return };
        let step = TimeStep { by, from, before: right_from };
        self.steps.since = Some(step.redate(from));
        self.tracker.redate(step);
        self.visits.redate(step);
    }

    fn tell_step(&mut self, at: Mono, word: &str, before: Option<(u64, bool)>, step: Span) {
        let unknown = before.filter(|(_, known)| !known);
        let correction = unknown.and_then(|(last, _)| self.steps.correct(last, step));
        if correction.is_some() {
            self.remember_step(at, word, step.0, correction);
            return;
        }
        let gathered = if word == "utc_step" { &mut self.steps.utc } else { &mut self.steps.time };
        gathered.add(step.0);
        if let Some(sum) = gathered.due(at, TOLD_EVERY) {
            self.remember_step(at, word, sum, None);
        }
    }

    fn remember_step(&mut self, at: Mono, word: &str, step_ms: i64, correction: Option<Correction>) {
        self.remember(Kind::DeviceHealth, at, vec![word.to_owned(), format!("{step_ms:+} ms")]);
        if let Some(newest) = self.remembered.last_mut() {
            newest.correction = correction;
        }
    }
}
