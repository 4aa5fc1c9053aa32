//! All fences near the truck against one fix, in a fixed order. [`Tracker`] is everything that must survive a power cut.

use crate::fences::{FenceKey, Fences};
use crate::geodesy::{Position, distance_m};
use crate::motion::Motion;
use crate::presence::{Observation, Presence, step};
use crate::stamp::{Crossing, GAP, Sample, probability_inside};
use crate::time::{Span, UnixMillis};
use heapless::Vec;
use serde::{Deserialize, Serialize};

/// Fences that can be entered at the same time: a truck in a dock is in site, yard, gate and dock of a facility and
/// perhaps in those of its neighbours. What does not fit is counted in [`Tracker::overflowed`].
pub const MAX_NEAR: usize = 32;
/// One fix can end and begin a stay in every near fence.
pub const MAX_TRANSITIONS: usize = 2 * MAX_NEAR;

/// Accuracy is rarely better, and often worse, than reported: the margin is this many times the reported sigma.
const MARGIN_SIGMAS: f64 = 1.5;
/// And never less than this, metres.
const MARGIN_MIN_M: f64 = 4.0;
/// Nor more than this, metres: a receiver that reports 100 m must not make arrivals impossible.
const MARGIN_MAX_M: f64 = 25.0;
/// Share of a fence's depth that a margin may take, so that gates and docks can be entered at all.
const MARGIN_DEPTH_SHARE: f64 = 0.5;
/// No truck is faster, m/s (216 km/h), and a receiver's own speed is not wrong by more than this.
const JUMP_MPS: f64 = 60.0;
/// So many consistent fixes after a jump make it the truth.
const JUMP_RUN: u8 = 5;

/// How a position was obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// With altitude from four satellites or more.
    #[serde(rename = "3d")]
    ThreeD,
    /// Without altitude.
    #[serde(rename = "2d")]
    TwoD,
    /// Dead reckoning: never starts or ends a visit.
    #[serde(rename = "dr")]
    DeadReckoning,
}

/// One GNSS epoch, judged: what the tracker works on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fix {
    /// GNSS time (UTC).
    pub time: UnixMillis,
    /// Where.
    pub position: Position,
    /// How it was obtained.
    pub mode: Mode,
    /// Horizontal accuracy per axis as reported or estimated, metres (1 sigma), above zero.
    pub sigma_m: f64,
    /// Doppler speed over ground, m/s.
    pub speed_mps: Option<f64>,
    /// Course over ground, degrees true, 0 to 360.
    pub track_deg: Option<f64>,
}

/// What happened at a fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The truck is inside; it crossed inwards.
    Entered,
    /// The truck is outside; it crossed outwards.
    Left,
    /// A fence that is new to the tracker lies around the truck: inside, without a crossing.
    Rebased,
    /// The fence of a stay is gone from the facilities: the stay ends without a crossing.
    Removed,
}

/// A decided change at one fence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transition {
    /// Which fence.
    pub fence: FenceKey,
    /// Its number in [`Fences`]; `None` if it was removed.
    pub index: Option<usize>,
    /// What happened.
    pub kind: Kind,
    /// When, and how that is known. For `Rebased` and `Removed` the deciding fix.
    pub crossing: Crossing,
    /// GNSS time of the fix that decided.
    pub decided_at: UnixMillis,
    /// Probability of being on the side that was decided, at the decision.
    pub probability: f64,
}

/// The transitions of one fix, in the order of their fences; leaving before entering.
pub type Transitions = Vec<Transition, MAX_TRANSITIONS>;

/// The state at one fence that is not simply outside.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tracked {
    /// Which fence.
    pub fence: FenceKey,
    /// Where the truck stands relative to it.
    pub presence: Presence,
}

/// Follows one truck through all fences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Tracker {
    last: Option<Fix>,
    jump: Option<(Fix, u8)>,
    motion: Motion,
    near: Vec<Tracked, MAX_NEAR>,
    revision: u64,
    power_cut: bool,
    overflowed: u32,
}

impl Tracker {
    /// The device was off, or the agent was not running: the next fix comes after a gap, however short.
    pub fn power_cut(&mut self) {
        self.power_cut = self.last.is_some();
        self.jump = None;
    }

    /// The next fix is on another time line: what was measured before cannot be compared with it. Stays go on; crossings
    /// that were not sure are forgotten.
    pub fn time_stepped(&mut self) {
        self.last = None;
        self.jump = None;
        self.near.retain(|tracked| is_inside(&tracked.presence));
        for tracked in &mut self.near {
            tracked.presence = Presence::Inside;
        }
    }

    /// The newest fix that counted.
    #[must_use]
    pub fn last(&self) -> Option<&Fix> {
        self.last.as_ref()
    }

    /// What is known about the truck's own motion.
    #[must_use]
    pub fn motion(&self) -> &Motion {
        &self.motion
    }

    /// The fences the truck is not simply outside of, in ascending order of their keys.
    #[must_use]
    pub fn near(&self) -> &[Tracked] {
        &self.near
    }

    /// How often a fence could not be followed because [`MAX_NEAR`] others were.
    #[must_use]
    pub fn overflowed(&self) -> u32 {
        self.overflowed
    }

    /// One fix later. A fix that is not newer than the last, that is dead reckoning, or that lies where no truck can have
    /// driven to, changes nothing.
    pub fn step(&mut self, fences: &impl Fences, fix: &Fix) -> Transitions {
        let mut out = Transitions::new();
        if fix.mode == Mode::DeadReckoning || !self.admit(fix) {
            return out;
        }
        self.follow_facilities(fences, fix, &mut out);
        let gap = self.gap_before(fix);
        self.advance_motion(fix, gap);
        let seen = Seen {
            fix,
            last: self.last,
            gap,
            power_cut: self.power_cut,
            moving: !self.motion.parked(),
            travelled: self.motion.may_have_travelled(),
        };
        self.step_near(fences, &seen, &mut out);
        self.step_new(fences, &seen, &mut out);
        self.last = Some(*fix);
        self.power_cut = false;
        out
    }

    /// Time must advance, and a jump that no truck can make is believed only after [`JUMP_RUN`] fixes that agree.
    fn admit(&mut self, fix: &Fix) -> bool {
        let Some(last) = self.last else { return true };
        if fix.time <= last.time {
            return false;
        }
        if fix.time - last.time > GAP || self.power_cut || reachable(&last, fix) {
            self.jump = None;
            return true;
        }
        let run = match self.jump {
            Some((previous, run)) if fix.time > previous.time && reachable(&previous, fix) => run + 1,
            _ => 1,
        };
        self.jump = Some((*fix, run));
        if run < JUMP_RUN {
            return false;
        }
        self.jump = None;
        true
    }

    fn gap_before(&self, fix: &Fix) -> bool {
        self.power_cut || self.last.is_some_and(|last| fix.time - last.time > GAP)
    }

    fn advance_motion(&mut self, fix: &Fix, gap: bool) {
        let Some(last) = self.last else { return };
        if gap {
            self.motion.interrupted();
            return;
        }
        let dt = fix.time - last.time;
        // A receiver without Doppler speed still moves from fix to fix.
        let speed =
            fix.speed_mps.or_else(|| Some(distance_m(last.position, fix.position) / dt.as_seconds().max(0.001)));
        self.motion.step(dt, speed);
    }

    /// New facilities: stays in fences that are gone end, and what now lies around the truck is taken as it is.
    fn follow_facilities(&mut self, fences: &impl Fences, fix: &Fix, out: &mut Transitions) {
        if self.revision == fences.revision() {
            return;
        }
        let at_fix = |distance_m| {
            let sample = sample(fix, distance_m);
            Crossing { lo: Some(fix.time), ..Crossing::first_inside(sample) }
        };
        let removed = |tracked: &Tracked| fences.find(tracked.fence).is_none();
        for gone in self.near.iter().filter(|t| removed(t) && is_inside(&t.presence)) {
            let transition = Transition {
                fence: gone.fence,
                index: None,
                kind: Kind::Removed,
                crossing: at_fix(0.0),
                decided_at: fix.time,
                probability: 0.5,
            };
            // Never full: one per near fence at most.
            let _ = out.push(transition);
        }
        self.near.retain(|tracked| !removed(tracked));
        if let Some(last) = self.last {
            self.rebase(fences, &last, fix, &at_fix, out);
        }
        self.revision = fences.revision();
    }

    /// A fence that already lay around the truck at its last fix was never crossed: inside, without an arrival.
    fn rebase(
        &mut self,
        fences: &impl Fences,
        last: &Fix,
        fix: &Fix,
        at_fix: &impl Fn(f64) -> Crossing,
        out: &mut Transitions,
    ) {
        let near = &mut self.near;
        let overflowed = &mut self.overflowed;
        fences.around(last.position, 0.0, &mut |index| {
            let Some((key, distance_m)) = fences.key(index).zip(fences.signed_distance_m(index, last.position)) else {
                return;
            };
            if distance_m > 0.0 || near.iter().any(|t| t.fence == key) {
                return;
            }
            if !insert(near, Tracked { fence: key, presence: Presence::Inside }) {
                *overflowed = overflowed.saturating_add(1);
                return;
            }
            let _ = out.push(Transition {
                fence: key,
                index: Some(index),
                kind: Kind::Rebased,
                crossing: at_fix(distance_m),
                decided_at: fix.time,
                probability: probability_inside(distance_m, last.sigma_m),
            });
        });
    }

    fn step_near(&mut self, fences: &impl Fences, seen: &Seen<'_>, out: &mut Transitions) {
        for tracked in &mut self.near {
            let Some(index) = fences.find(tracked.fence) else { continue };
            let Some(observation) = seen.from(fences, index) else { continue };
            let after = step(tracked.presence, &observation);
            tracked.presence = after.next;
            if let Some(crossing) = after.crossed {
                let distance_m = observation.now.distance_m;
                let _ = out.push(seen.transition(tracked.fence, index, distance_m, after.next, crossing));
            }
        }
        self.near.retain(|tracked| tracked.presence != Presence::Outside);
        // Leaving one facility comes before entering the next one.
        out.sort_unstable_by_key(|t| (t.kind != Kind::Left, t.fence));
    }

    fn step_new(&mut self, fences: &impl Fences, seen: &Seen<'_>, out: &mut Transitions) {
        let near = &mut self.near;
        let overflowed = &mut self.overflowed;
        fences.around(seen.fix.position, 0.0, &mut |index| {
            let Some((key, observation)) = fences.key(index).zip(seen.from(fences, index)) else { return };
            let left_now = out.iter().any(|t| t.fence == key);
            if left_now || near.iter().any(|t| t.fence == key) {
                return;
            }
            let presence = step(Presence::Outside, &observation).next;
            if presence != Presence::Outside && !insert(near, Tracked { fence: key, presence }) {
                *overflowed = overflowed.saturating_add(1);
            }
        });
    }
}

/// One fix with all that the tracker knows beside it.
struct Seen<'a> {
    fix: &'a Fix,
    last: Option<Fix>,
    gap: bool,
    power_cut: bool,
    moving: bool,
    travelled: bool,
}

impl Seen<'_> {
    fn from(&self, fences: &impl Fences, index: usize) -> Option<Observation> {
        let distance = |fix: &Fix| Some(sample(fix, fences.signed_distance_m(index, fix.position)?));
        let margin_m = (MARGIN_SIGMAS * self.fix.sigma_m).clamp(MARGIN_MIN_M, MARGIN_MAX_M);
        Some(Observation {
            now: distance(self.fix)?,
            before: self.last.as_ref().and_then(distance),
            margin_m: margin_m.min(MARGIN_DEPTH_SHARE * fences.depth_m(index)?),
            moving: self.moving,
            travelled: self.travelled,
            gap: self.gap,
            power_cut: self.power_cut,
        })
    }

    fn transition(
        &self,
        fence: FenceKey,
        index: usize,
        distance_m: f64,
        next: Presence,
        crossing: Crossing,
    ) -> Transition {
        let inside = probability_inside(distance_m, self.fix.sigma_m);
        let (kind, probability) = match next {
            Presence::Outside => (Kind::Left, 1.0 - inside),
            Presence::Found { .. } | Presence::Entering { .. } | Presence::Inside | Presence::Leaving { .. } => {
                (Kind::Entered, inside)
            }
        };
        Transition { fence, index: Some(index), kind, crossing, decided_at: self.fix.time, probability }
    }
}

fn sample(fix: &Fix, distance_m: f64) -> Sample {
    Sample { time: fix.time, position: fix.position, distance_m, sigma_m: fix.sigma_m, speed_mps: fix.speed_mps }
}

fn is_inside(presence: &Presence) -> bool {
    matches!(presence, Presence::Inside | Presence::Leaving { .. })
}

fn reachable(from: &Fix, to: &Fix) -> bool {
    let dt = (to.time - from.time).max(Span(1)).as_seconds();
    let speed = from.speed_mps.unwrap_or(0.0).max(to.speed_mps.unwrap_or(0.0));
    // Two positions may each be off by three sigma without anything being wrong.
    let slack_m = 3.0 * (from.sigma_m + to.sigma_m);
    distance_m(from.position, to.position) <= JUMP_MPS.max(1.5 * speed) * dt + slack_m
}

/// Keeps the list in ascending order of keys, so that the order of facilities in a file never shows. `false`: full.
fn insert(near: &mut Vec<Tracked, MAX_NEAR>, tracked: Tracked) -> bool {
    let fits = near.push(tracked).is_ok();
    near.sort_unstable_by_key(|t| t.fence);
    fits
}
