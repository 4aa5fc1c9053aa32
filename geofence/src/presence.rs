//! Where the truck stands relative to one fence: the state machine. One pure [`step`] per point of the path.
//!
//! ```text
//!              crossed in                     evidence enough
//!   Outside ---------------> Entering -----------------------------> Inside -- Entered
//!      ^  <--- back out ---------+                                  ^   |
//!      |                                              back in       |   | crossed out
//!      |                                                            |   v
//!      +---- evidence enough, and driven ----- Left ------------ Leaving
//!
//!   Found: no history, or none but standing, and inside. Standing still makes it Inside (Entered, `first_inside`).
//! ```
//!
//! Evidence is a one-sided cumulative sum (CUSUM; Page, Biometrika 41, 1954) of the log-odds of being on the other side,
//! less an allowance. It takes two seconds of full evidence at least, and longer the less sure each second is.

use crate::geodesy::distance_m;
use crate::motion::Break;
use crate::stamp::{Crossing, Method, Sample};
use crate::time::{Span, TimeStep, UnixMillis};
use serde::{Deserialize, Serialize};

/// What the log-odds must exceed to count for an entry: 0.9.
const ENTER_ALLOWANCE: f64 = 2.197;
/// The same for an exit: 0.99. A false exit splits a stay in two.
const LEAVE_ALLOWANCE: f64 = 4.595;
/// A second counts for at most this much ...
const STEP_MAX: f64 = 4.0;
/// ... and so much is enough.
const ENOUGH: f64 = 6.0;
/// One point of the path stands for at most so long: the first one after a gap alone decides nothing.
const POINT_MAX: Span = Span::seconds(1);
/// Evidence against a truck that has not driven must hold so long without a break: it was moved unseen.
const UNSEEN_HOLD: Span = Span::seconds(300);
/// A truck that was somewhere else all of a sudden was moved unseen already: this is enough for an entry.
const DISPLACED_HOLD: Span = Span::seconds(30);
/// Positions worse than this tell nothing about a truck that has not driven, metres.
const UNSEEN_SIGMA_M: f64 = 25.0;
/// A truck found inside must have been there this long before its arrival is told ...
const FOUND_HOLD: Span = Span::seconds(10);
/// ... at the same place but for this, metres.
const FOUND_STEADY_M: f64 = 5.0;
/// A side is sure from these log-odds on, 0.975: the crossing lies between the last sure time on the old side and the first on the
/// new one, with 95 %.
const SURE_ODDS: f64 = 3.664;

/// A crossing that is not decided yet.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The crossing, if it turns out to be one.
    pub crossing: Crossing,
    /// When the truck was last surely on the old side.
    pub sure_before: UnixMillis,
    /// When it was first surely on the new side.
    pub sure_after: Option<UnixMillis>,
    /// The estimate crossed while the truck stood: it did not.
    pub drifted: bool,
    /// Cumulative evidence.
    pub evidence: f64,
    /// For how long the evidence has been good although the truck has not driven.
    pub held: Span,
}

/// Where the truck stands relative to one fence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Beyond the boundary. A fence without a state is outside, and surely so.
    Outside {
        /// When it was last surely there.
        sure: UnixMillis,
    },
    /// The first fix ever was inside; whether this is a stay shows when the truck stands.
    Found {
        /// That first fix.
        first: Sample,
        /// Since when its position has not moved on: a receiver that was just switched on takes a minute to settle.
        steady: Sample,
        /// Cumulative evidence of being inside.
        evidence: f64,
    },
    /// The boundary was crossed inwards, not yet sure.
    Entering(Candidate),
    /// Within the boundary.
    Inside {
        /// When it was last surely there.
        sure: UnixMillis,
    },
    /// The boundary was crossed outwards, not yet sure.
    Leaving(Candidate),
}

impl Presence {
    pub(crate) fn redated(self, step: TimeStep) -> Self {
        let candidate = |candidate: Candidate| Candidate {
            crossing: candidate.crossing.redated(step),
            sure_before: step.redate(candidate.sure_before),
            sure_after: candidate.sure_after.map(|sure| step.redate(sure)),
            ..candidate
        };
        match self {
            Self::Outside { sure } => Self::Outside { sure: step.redate(sure) },
            Self::Found { first, steady, evidence } => {
                Self::Found { first: first.redated(step), steady: steady.redated(step), evidence }
            }
            Self::Entering(entering) => Self::Entering(candidate(entering)),
            Self::Inside { sure } => Self::Inside { sure: step.redate(sure) },
            Self::Leaving(leaving) => Self::Leaving(candidate(leaving)),
        }
    }
}

/// What one point of the path says about one fence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// The point itself.
    pub now: Sample,
    /// The point before it, from the same fence; `None` at the first fix ever.
    pub before: Option<Sample>,
    /// Probability of being inside.
    pub inside: f64,
    /// The same at the point before it.
    pub was_inside: f64,
    /// The most that this probability can be anywhere in the fence, with this accuracy.
    pub inside_at_best: f64,
    /// What lies between the two.
    pub gap: Break,
    /// Accuracy of the newest fix per axis, metres.
    pub fix_sigma_m: f64,
    /// The truck stands right now.
    pub stands: bool,
    /// It has stood for some seconds and has not driven since.
    pub parked: bool,
    /// It can have entered a fence ([`crate::Motion::may_enter`]).
    pub may_enter: bool,
    /// It can have left one ([`crate::Motion::may_leave`]).
    pub may_leave: bool,
    /// Its position jumped, and the jump was believed, since it last drove.
    pub displaced: bool,
    /// It drove at least once since the first fix.
    pub has_driven: bool,
    /// When it last set off.
    pub began: Option<UnixMillis>,
}

/// What [`step`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The new state.
    pub next: Presence,
    /// The crossing that is now sure: inwards if `next` is `Inside`, outwards if it is `Outside`.
    pub crossed: Option<Crossing>,
}

impl Step {
    const fn to(next: Presence) -> Self {
        Self { next, crossed: None }
    }
}

/// One point of the path later.
#[must_use]
pub fn step(presence: Presence, seen: &Observation) -> Step {
    match presence {
        Presence::Outside { sure } => outside(sure, seen),
        Presence::Found { first, steady, evidence } => found(first, steady, evidence, seen),
        Presence::Entering(candidate) => entering(candidate, seen),
        Presence::Inside { sure } => inside(sure, seen),
        Presence::Leaving(candidate) => leaving(candidate, seen),
    }
}

impl Observation {
    /// NaN is on neither side.
    fn is_inside(&self) -> bool {
        self.now.distance_m <= 0.0
    }

    fn is_outside(&self) -> bool {
        self.now.distance_m > 0.0
    }

    fn dt(&self) -> Span {
        self.before.map_or(Span(0), |before| self.now.time - before.time).min(POINT_MAX)
    }

    fn probability(&self, inwards: bool) -> f64 {
        if inwards { self.inside } else { 1.0 - self.inside }
    }

    /// Log-odds of the new side less what they must exceed. In a fence that is small against the error, nine tenths of what
    /// can be had at best.
    fn excess(&self, inwards: bool) -> f64 {
        let allowance =
            if inwards { ENTER_ALLOWANCE.min(log_odds(0.9 * self.inside_at_best)) } else { LEAVE_ALLOWANCE };
        log_odds(self.probability(inwards)) - allowance
    }

    /// Log-odds of the old or new side, before and now.
    fn odds(&self, inside: bool) -> (f64, f64) {
        let sign = if inside { 1.0 } else { -1.0 };
        (sign * log_odds(self.was_inside), sign * log_odds(self.inside))
    }

    /// Until when the truck was surely on a side, if it was at all since the point before.
    fn sure_until(&self, inside: bool) -> Option<UnixMillis> {
        let (was, is) = self.odds(inside);
        let before = self.before.filter(|_| self.gap == Break::None && was >= SURE_ODDS);
        if is >= SURE_ODDS {
            return Some(self.now.time);
        }
        before.map(|before| self.at_odds(before, was, is))
    }

    /// From when on it is surely on a side, if it is.
    fn sure_from(&self, inside: bool) -> Option<UnixMillis> {
        let (was, is) = self.odds(inside);
        let before = self.before.filter(|_| self.gap == Break::None && was < SURE_ODDS);
        (is >= SURE_ODDS).then(|| before.map_or(self.now.time, |before| self.at_odds(before, was, is)))
    }

    /// When the odds passed the limit between the two points.
    fn at_odds(&self, before: Sample, was: f64, is: f64) -> UnixMillis {
        let share = ((SURE_ODDS - was) / (is - was)).clamp(0.0, 1.0);
        before.time + Span::from_seconds((self.now.time - before.time).as_seconds() * share)
    }

    fn may(&self, inwards: bool) -> bool {
        if inwards { self.may_enter } else { self.may_leave }
    }
}

fn outside(sure: UnixMillis, seen: &Observation) -> Step {
    // A truck that has stood crosses nothing; its position does.
    let stood = !seen.may_enter && seen.stands && seen.gap == Break::None;
    let sure = if stood { seen.now.time } else { seen.sure_until(false).unwrap_or(sure) };
    if !seen.is_inside() {
        return Step::to(Presence::Outside { sure });
    }
    let Some(before) = seen.before.filter(|_| seen.has_driven || seen.gap == Break::PowerCut) else {
        return Step::to(Presence::Found { first: seen.now, steady: seen.now, evidence: 0.0 });
    };
    entering(candidate(before, sure, seen), seen)
}

fn inside(sure: UnixMillis, seen: &Observation) -> Step {
    let stood = seen.parked && seen.stands && seen.gap == Break::None;
    let sure = if stood { seen.now.time } else { seen.sure_until(true).unwrap_or(sure) };
    match seen.before {
        Some(before) if seen.is_outside() => leaving(candidate(before, sure, seen), seen),
        _ => Step::to(Presence::Inside { sure }),
    }
}

fn candidate(before: Sample, sure: UnixMillis, seen: &Observation) -> Candidate {
    Candidate {
        crossing: Crossing::between(before, seen.now, seen.gap),
        sure_before: sure,
        sure_after: None,
        drifted: seen.parked && seen.stands && seen.gap == Break::None,
        evidence: 0.0,
        held: Span(0),
    }
}

fn found(first: Sample, steady: Sample, evidence: f64, seen: &Observation) -> Step {
    if !seen.is_inside() {
        return Step::to(Presence::Outside { sure: seen.now.time });
    }
    let evidence = accumulate(evidence, seen, true);
    let settles = distance_m(seen.now.position, steady.position) > FOUND_STEADY_M;
    let steady = if settles { seen.now } else { steady };
    let held = seen.now.time - steady.time;
    if held >= FOUND_HOLD && seen.parked && evidence >= ENOUGH {
        let next = Presence::Inside { sure: seen.now.time };
        return Step { next, crossed: Some(Crossing::first_inside(first)) };
    }
    Step::to(Presence::Found { first, steady, evidence: evidence.min(ENOUGH) })
}

fn entering(mut candidate: Candidate, seen: &Observation) -> Step {
    // What drove in and stands there has not gone out because its position wanders.
    if !seen.is_inside() && (candidate.drifted || !seen.stands) {
        return Step::to(Presence::Outside { sure: candidate.sure_before });
    }
    match weigh(&mut candidate, seen, true) {
        crossed @ Some(_) => Step { next: Presence::Inside { sure: seen.now.time }, crossed },
        None => Step::to(Presence::Entering(candidate)),
    }
}

fn leaving(mut candidate: Candidate, seen: &Observation) -> Step {
    if !seen.is_outside() && (candidate.drifted || !seen.stands) {
        return Step::to(Presence::Inside { sure: candidate.sure_before });
    }
    // Whatever the estimate said before the first gap that the truck left outside: garbage may have dragged it out, and the
    // truck was last inside before the gap.
    let lost = seen.gap != Break::None && seen.is_outside();
    let dated = candidate.crossing.method != Method::Interpolated;
    if let Some(before) = seen.before.filter(|before| lost && (before.distance_m <= 0.0 || !dated)) {
        candidate.crossing = Crossing::between(before, seen.now, seen.gap);
        (candidate.drifted, candidate.sure_after) = (false, None);
    }
    match weigh(&mut candidate, seen, false) {
        crossed @ Some(_) => Step { next: Presence::Outside { sure: seen.now.time }, crossed },
        None => Step::to(Presence::Leaving(candidate)),
    }
}

/// One more point on the new side: the crossing, if it is sure now.
fn weigh(candidate: &mut Candidate, seen: &Observation, inwards: bool) -> Option<Crossing> {
    let drifted_at = candidate.crossing.after.time;
    let set_off =
        seen.began.zip(seen.before).filter(|(began, _)| candidate.drifted && !seen.parked && *began >= drifted_at);
    if let Some((began, before)) = set_off {
        candidate.crossing = Crossing::set_off(began, before, seen.now);
        candidate.sure_before = began;
        (candidate.drifted, candidate.sure_after) = (false, None);
    }
    if candidate.drifted && seen.stands && !seen.may(inwards) {
        candidate.sure_before = seen.now.time;
    }
    candidate.sure_after = candidate.sure_after.or_else(|| seen.sure_from(inwards));
    let raised = accumulate(candidate.evidence, seen, inwards);
    let good = seen.excess(inwards) > 0.0 && seen.fix_sigma_m < UNSEEN_SIGMA_M;
    candidate.held = if seen.may(inwards) || !good { Span(0) } else { candidate.held + seen.dt() };
    let hold = if inwards && seen.displaced { DISPLACED_HOLD } else { UNSEEN_HOLD };
    let driven_in = inwards && !candidate.drifted;
    let believable = seen.may(inwards) || driven_in || candidate.held >= hold;
    candidate.evidence = if believable { raised } else { raised.min(candidate.evidence) };
    let sure_after = candidate.sure_after.unwrap_or(seen.now.time);
    (candidate.evidence >= ENOUGH).then(|| candidate.crossing.decided(candidate.sure_before, sure_after, seen.now.time))
}

fn log_odds(probability: f64) -> f64 {
    let p = probability.clamp(1e-12, 1.0 - 1e-12);
    libm::log(p / (1.0 - p))
}

fn accumulate(evidence: f64, seen: &Observation, inwards: bool) -> f64 {
    let step = seen.excess(inwards).clamp(-STEP_MAX, STEP_MAX) * seen.dt().as_seconds();
    (evidence + step).max(0.0)
}

#[cfg(test)]
mod tests;
