//! Fixes that do not fit: an outlier, a receiver that woke up from a freeze, or a filter that was wrong.
//!
//! They are held back. When they agree with each other, and with their own speeds, for long enough, they become the truth.

use super::filter::{Measurement, add, norm, scale, sub};
use crate::time::{Span, TimeStep, UnixMillis};
use heapless::Vec;
use serde::{Deserialize, Serialize};

/// A run that agrees for so long is believed ...
const STANDING_RUN: Span = Span::seconds(19);
/// ... and this long is enough where the fixes drive.
const DRIVING_RUN: Span = Span::seconds(4);
/// Fewer fixes than this prove nothing, however far apart they are.
const RUN_MIN: u16 = 3;
/// From this speed on a fix drives, m/s.
const DRIVING_MPS: f64 = 3.0;
/// The next member comes within this: well beyond a gap, for receivers that save power.
const NEXT_WITHIN: Span = Span::seconds(61);
/// By how much two neighbours may disagree beside their accuracy, metres.
const SLACK_M: f64 = 3.0;
/// Members are kept this far apart: a fast receiver's run is thinned out.
const KEPT_APART: Span = Span(900);
/// So many are kept: more than [`STANDING_RUN`] has at one a second.
pub(super) const KEPT_MAX: usize = 24;

/// One held fix.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) time: UnixMillis,
    pub(super) fix: Measurement,
}

/// The run of held fixes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub(super) struct Run {
    kept: Vec<Member, KEPT_MAX>,
    last: Option<Member>,
    fixes: u16,
    driving_fixes: u16,
    driving: Span,
}

/// What a run has become.
pub(super) enum Verdict {
    /// It may still be nothing.
    Held,
    /// It is the truth; `driving` if its fixes drive.
    Believed { driving: bool },
}

impl Run {
    /// Takes a fix that does not fit the filter.
    pub(super) fn hold(&mut self, time: UnixMillis, fix: Measurement) -> Verdict {
        let member = Member { time, fix };
        match self.last {
            Some(last) if joins(&last, &member) => {
                if is_driving(&last.fix) && is_driving(&fix) {
                    self.driving = self.driving + (time - last.time);
                }
            }
            _ => self.clear(),
        }
        self.fixes = self.fixes.saturating_add(1);
        self.driving_fixes = self.driving_fixes.saturating_add(u16::from(is_driving(&fix)));
        self.last = Some(member);
        if self.kept.last().is_none_or(|kept| time - kept.time >= KEPT_APART) {
            // A full list is one of slow fixes that is about to be believed: what it lacks is the newest, which `last` has.
            let _ = self.kept.push(member);
        }
        self.verdict(time)
    }

    fn verdict(&self, now: UnixMillis) -> Verdict {
        let lasted = self.kept.first().map_or(Span(0), |first| now - first.time);
        if self.driving >= DRIVING_RUN && self.driving_fixes >= RUN_MIN {
            return Verdict::Believed { driving: true };
        }
        if lasted >= STANDING_RUN && self.fixes > RUN_MIN {
            return Verdict::Believed { driving: false };
        }
        Verdict::Held
    }

    /// A run of this fix alone.
    pub(super) fn only(&mut self, time: UnixMillis, fix: Measurement) {
        self.clear();
        let _ = self.hold(time, fix);
    }

    /// The members, oldest first; the newest is always among them.
    pub(super) fn members(&self) -> impl Iterator<Item = Member> + '_ {
        let newest = self.last.filter(|last| self.kept.last().is_none_or(|kept| kept.time < last.time));
        self.kept.iter().copied().chain(newest)
    }

    pub(super) fn redate(&mut self, step: TimeStep) {
        for member in self.kept.iter_mut().chain(&mut self.last) {
            member.time = step.redate(member.time);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn is_driving(fix: &Measurement) -> bool {
    fix.speed_mps.is_some_and(|speed| speed > DRIVING_MPS)
}

/// Whether `next` is where `last` must have got to by the speeds of both.
fn joins(last: &Member, next: &Member) -> bool {
    let dt = next.time - last.time;
    if dt >= NEXT_WITHIN || dt <= Span(0) {
        return false;
    }
    let dt_s = dt.as_seconds();
    let moved = sub(next.fix.position, last.fix.position);
    let (driven, unknown_m) = match (last.fix.velocity, next.fix.velocity) {
        (Some(a), Some(b)) => (scale(add(a, b), dt_s / 2.0), 0.0),
        _ => ([0.0; 2], next.fix.speed_mps.unwrap_or(0.0) * dt_s),
    };
    norm(sub(moved, driven)) < next.fix.sigma_m + SLACK_M + unknown_m
}
