//! Runs of the device that never learned the date, and where they are put once there is one.
//!
//! A run without a fix knows what it was, in order and to the millisecond, and not when. It lay between the last date before and the
//! first one after. The system clock says where, if its word lies in between; else it is put directly after what lies before it. Both
//! are marked, with the bounds that are certain. What remains is the time that the device was off.

use super::cause::{Cause, Notes, Seen};
use super::ledger::Stretch;
use super::told::{Bounds, Interval};
use geofence::{Span, UnixMillis};
use serde::{Deserialize, Serialize};

/// Runs that wait for a date; of more, the two oldest become one.
const RUNS_MAX: usize = 8;
/// Stretches of one run; of more, those of one cause become one. There are not many more causes than these.
const STRETCHES_MAX: usize = 12;
/// By so much may the system clock be beside what is certain and still be believed.
const CLOCK_OFF_MAX: Span = Span::seconds(60);

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Run {
    /// When it began, says the system clock.
    system: Option<UnixMillis>,
    /// What is known of the time off before it.
    off: Notes,
    /// Each begins where the one before it ends.
    stretches: Vec<Stretch>,
}

/// Those since the last date, the oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub(super) struct Runs(Vec<Run>);

impl Runs {
    /// One more run ended without a date.
    pub(super) fn push(&mut self, stretches: Vec<Stretch>, system: Option<UnixMillis>, off: Notes) {
        let stretches = if stretches.len() > STRETCHES_MAX { by_cause(&stretches) } else { stretches };
        self.0.push(Run { system, off, stretches });
        if self.0.len() > RUNS_MAX {
            let second = self.0.remove(1);
            if let Some(first) = self.0.first_mut() {
                first.stretches.extend(second.stretches);
                first.stretches = by_cause(&first.stretches);
                first.off = first.off.and(second.off);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How long they ran.
    pub(super) fn length(&self) -> Span {
        self.0.iter().fold(Span(0), |sum, run| sum + length(&run.stretches))
    }

    /// Fills the time from `from` to `to`, which the device was off but for these runs; `off` is known of the end of it. `since`: the
    /// date before, if there is one. How much found no room, which only wrong times leave.
    pub(super) fn place(
        self,
        (from, to): (UnixMillis, UnixMillis),
        since: Option<UnixMillis>,
        off: Notes,
        enter: &mut dyn FnMut(Interval),
    ) -> Span {
        let beside = if self.is_empty() { Notes::NONE } else { Notes::UNDATED_RUN };
        let enter_off = |from, to, notes: Notes, enter: &mut dyn FnMut(Interval)| {
            if from < to {
                let (cause, seen, notes) = (Cause::PowerOff, Seen::default(), notes.and(beside).and(Notes::NEW_BOOT));
                enter(Interval { from, to, cause, seen, notes, cn0_before: None, within: None });
            }
        };
        let (mut at, mut before, mut after, mut cut) = (from, Span(0), self.length(), Span(0));
        for run in self.0 {
            let (begin, placed) = run.begin(at, (to - after).max(at));
            enter_off(at, begin, run.off, enter);
            at = begin;
            // Within a run whose stretches are merged, no order is certain.
            let merged = run.stretches.iter().any(|stretch| stretch.judged.notes.has(Notes::MERGED));
            let whole = (before, Span(after.0 - length(&run.stretches).0));
            for stretch in run.stretches {
                let length = stretch.length();
                after = Span(after.0 - length.0);
                let (before_it, after_it) = if merged { whole } else { (before, after) };
                let within = Bounds {
                    not_before: since.map(|since| (since + before_it).min(at)),
                    not_after: (to - after_it).max(at),
                };
                before = before + length;
                let end = (at + length).min(to);
                cut = Span(cut.0 + length.0 - (end - at).0);
                if at < end {
                    enter(Interval { within: Some(within), ..stretch.interval(at, end, placed) });
                }
                at = end;
            }
        }
        enter_off(at, to, off, enter);
        cut
    }
}

impl Run {
    /// Where it begins, not before `earliest` and not after `latest`, and how that is known.
    fn begin(&self, earliest: UnixMillis, latest: UnixMillis) -> (UnixMillis, Notes) {
        let may = |system: &UnixMillis| *system >= earliest - CLOCK_OFF_MAX && *system <= latest + CLOCK_OFF_MAX;
        match self.system.filter(may) {
            Some(system) => (system.clamp(earliest, latest), Notes::PLACED.and(Notes::BY_SYSTEM_CLOCK)),
            None => (earliest, Notes::PLACED),
        }
    }
}

/// How long adjacent stretches take.
pub(super) fn length(stretches: &[Stretch]) -> Span {
    stretches.iter().fold(Span(0), |sum, stretch| sum + stretch.length())
}

/// One stretch for each cause, in the order in which they began, as long as all of them were. What is known of order is lost, and they
/// say so.
pub(super) fn by_cause(stretches: &[Stretch]) -> Vec<Stretch> {
    let mut merged: Vec<Stretch> = Vec::new();
    for stretch in stretches {
        if let Some(same) = merged.iter_mut().find(|same| same.judged.cause == stretch.judged.cause) {
            same.to = same.to.plus(stretch.length());
            same.judged = same.judged.noted(stretch.judged.notes.and(Notes::MERGED));
            same.seen = same.seen.with(stretch.seen);
        } else {
            merged.push(*stretch);
        }
    }
    let mut at = merged.first().map(|first| first.from);
    for stretch in &mut merged {
        let length = stretch.length();
        stretch.from = at.unwrap_or(stretch.from);
        stretch.to = stretch.from.plus(length);
        at = Some(stretch.to);
    }
    merged
}
