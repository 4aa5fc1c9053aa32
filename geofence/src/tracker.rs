//! All fences near the truck against one fix, in a fixed order. [`Tracker`] is everything that must survive a power cut.

use crate::fences::{FenceKey, Fences};
use crate::geodesy::Position;
use crate::motion::{Break, Knot, Motion};
use crate::path::{self, Point};
use crate::presence::{Observation, Presence, step};
use crate::stamp::{Crossing, Sample, inside, inside_at_best, sigma_m};
use crate::time::{Span, TimeStep, UnixMillis};
use crate::vicinity::Vicinity;
use heapless::Vec;
use serde::{Deserialize, Serialize};

/// Fences that can be near at the same time: a truck in a dock is in site, yard, gate and dock of a facility and perhaps in
/// those of its neighbours. What does not fit is counted in [`Tracker::overflowed`].
pub const MAX_NEAR: usize = 32;
/// One fix can end and begin a stay in every near fence.
pub const MAX_TRANSITIONS: usize = 2 * MAX_NEAR;

/// A fence is near while its boundary is within so many sigmas: beyond, the truck is surely outside.
const NEAR_SIGMAS: f64 = 2.0;

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

/// The state at one near fence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tracked {
    /// Which fence.
    pub fence: FenceKey,
    /// Where the truck stands relative to it.
    pub presence: Presence,
    /// The newest point of the path, as seen from it.
    pub last: Sample,
    /// Probability of having been inside there.
    pub inside: f64,
}

/// The form of the stored state. A newer one is refused, so that it is derived from the recording again and not misread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
struct Version;

/// What [`Tracker`] is stored as today.
const VERSION: u16 = 2;

impl From<Version> for u16 {
    fn from(_: Version) -> Self {
        VERSION
    }
}

impl TryFrom<u16> for Version {
    type Error = &'static str;

    fn try_from(version: u16) -> Result<Self, Self::Error> {
        (version == VERSION).then_some(Self).ok_or("a tracker's state of another version than 2")
    }
}

/// Follows one truck through all fences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tracker {
    version: Version,
    newest: Option<UnixMillis>,
    last: Option<Fix>,
    knot: Option<Knot>,
    motion: Motion,
    near: Vec<Tracked, MAX_NEAR>,
    /// Where no fence is near, and none is met.
    empty: Emptiness,
    revision: u64,
    power_cut: bool,
    overflowed: u32,
}

/// A place without fences for some way around, so that most fixes cost one comparison. Nothing that is told depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
struct Emptiness {
    vicinity: Vicinity,
    /// No fence is nearer than this to any place in it, metres.
    within_m: f64,
}

impl Emptiness {
    fn around(fences: &impl Fences, position: Position, within_m: f64) -> Self {
        // Room for an accuracy that gets worse on the way.
        let within_m = 2.0 * within_m;
        Self { vicinity: Vicinity::new(position, fences.clearance_m(position) - within_m), within_m }
    }

    fn holds(&self, position: Position, within_m: f64) -> bool {
        within_m <= self.within_m && self.vicinity.holds(position)
    }
}

impl Default for Tracker {
    fn default() -> Self {
        Self {
            version: Version,
            newest: None,
            last: None,
            knot: None,
            motion: Motion::default(),
            near: Vec::new(),
            empty: Emptiness::default(),
            revision: 0,
            power_cut: false,
            overflowed: 0,
        }
    }
}

impl Tracker {
    /// The device was off, or the agent was not running: the next fix comes after a gap, however short.
    pub fn power_cut(&mut self) {
        self.power_cut = self.newest.is_some();
    }

    /// What was measured before was dated wrongly, and by how much is known: everything goes on.
    pub fn redate(&mut self, step: TimeStep) {
        self.newest = self.newest.map(|newest| step.redate(newest));
        self.last = self.last.map(|last| Fix { time: step.redate(last.time), ..last });
        self.knot = self.knot.map(|knot| Knot {
            time: step.redate(knot.time),
            unseen_since: step.redate(knot.unseen_since),
            ..knot
        });
        self.motion.redate(step);
        for tracked in &mut self.near {
            tracked.presence = tracked.presence.redated(step);
            tracked.last = tracked.last.redated(step);
        }
    }

    /// The next fix is on another time line, and nobody knows by how much: what was measured before cannot be compared with
    /// it. Stays go on; crossings that were not sure are forgotten.
    pub fn forget_times(&mut self) {
        (self.newest, self.last, self.knot) = (None, None, None);
        self.motion.forget();
        self.near.retain(|tracked| is_inside(&tracked.presence));
        for tracked in &mut self.near {
            // As long ago as can be: the first fix of the new time is not compared with it either.
            tracked.presence = Presence::Inside { sure: UnixMillis(i64::MIN) };
            tracked.last.time = UnixMillis(i64::MIN);
        }
    }

    /// The newest fix that was believed.
    #[must_use]
    pub fn last(&self) -> Option<&Fix> {
        self.last.as_ref()
    }

    /// What is known about the truck's own motion.
    #[must_use]
    pub fn motion(&self) -> &Motion {
        &self.motion
    }

    /// The fences near the truck, in ascending order of their keys.
    #[must_use]
    pub fn near(&self) -> &[Tracked] {
        &self.near
    }

    /// How often a fence could not be followed because [`MAX_NEAR`] others were.
    #[must_use]
    pub fn overflowed(&self) -> u32 {
        self.overflowed
    }

    /// One fix later. A fix that is not newer than the last, or that is dead reckoning, changes nothing.
    pub fn step(&mut self, fences: &impl Fences, fix: &Fix) -> Transitions {
        let mut out = Transitions::new();
        if fix.mode == Mode::DeadReckoning || self.newest.is_some_and(|newest| fix.time <= newest) {
            return out;
        }
        self.newest = Some(fix.time);
        self.follow_facilities(fences, fix, &mut out);
        for knot in self.motion.step(fix, self.power_cut) {
            self.power_cut = false;
            self.last = Some(*fix);
            let before = self.knot.replace(knot);
            let mut previous = before.as_ref().map(Point::at);
            let mut at_point = |point: &Point| {
                self.advance(fences, previous.as_ref(), point, &knot, fix.time, &mut out);
                previous = Some(*point);
            };
            match before {
                Some(before) => path::between(&before, &knot, at_point),
                None => at_point(&Point::at(&knot)),
            }
        }
        out
    }

    /// One point of the path later, at all fences.
    fn advance(
        &mut self,
        fences: &impl Fences,
        previous: Option<&Point>,
        point: &Point,
        knot: &Knot,
        decided_at: UnixMillis,
        out: &mut Transitions,
    ) {
        let seen =
            Seen { fences, point, previous, unseen: (knot.unseen_since, knot.unseen_speed_mps), motion: &self.motion };
        if self.near.is_empty() && self.empty.holds(point.position, NEAR_SIGMAS * seen.sigma_m()) {
            return;
        }
        let begin = out.len();
        for tracked in &mut self.near {
            let Some(index) = fences.find(tracked.fence) else { continue };
            let Some(observation) = seen.from(index, Some((tracked.last, tracked.inside))) else { continue };
            let after = step(tracked.presence, &observation);
            if let Some(crossing) = after.crossed {
                let transition = transition(tracked.fence, index, &after.next, crossing, &observation, decided_at);
                if out.push(transition).is_err() {
                    // What cannot be told is not done: the same crossing is decided again at the next fix.
                    self.overflowed = self.overflowed.saturating_add(1);
                    continue;
                }
            }
            tracked.presence = after.next;
            (tracked.last, tracked.inside) = (observation.now, observation.inside);
        }
        // Leaving one facility comes before entering the next one.
        if let Some(now) = out.get_mut(begin..) {
            now.sort_unstable_by_key(|t| (t.kind != Kind::Left, t.fence));
        }
        meet(&seen, &mut self.near, &mut self.overflowed);
        let reach = |tracked: &Tracked| NEAR_SIGMAS * tracked.last.sigma_m + 1.0;
        let gone = |t: &Tracked| matches!(t.presence, Presence::Outside { .. }) && t.last.distance_m > reach(t);
        self.near.retain(|tracked| !gone(tracked));
        if self.near.is_empty() {
            self.empty =
                Emptiness::around(fences, point.position, NEAR_SIGMAS * sigma_m(point.variance_m2, point.sigma_m));
        }
    }

    /// New facilities: stays in fences that are gone end, and what now lies around the truck is taken as it is.
    fn follow_facilities(&mut self, fences: &impl Fences, fix: &Fix, out: &mut Transitions) {
        if self.revision == fences.revision() {
            return;
        }
        self.revision = fences.revision();
        self.empty = Emptiness::default();
        let removed = |tracked: &Tracked| fences.find(tracked.fence).is_none();
        for gone in self.near.iter().filter(|t| removed(t) && is_inside(&t.presence)) {
            let here = Sample { time: fix.time, distance_m: 0.0, ..gone.last };
            // Never full: one per near fence at most.
            let _ = out.push(without_crossing(gone.fence, None, Kind::Removed, here, 0.5));
        }
        self.near.retain(|tracked| !removed(tracked));
        let Some(knot) = self.knot else { return };
        self.rebase(fences, &Point::at(&knot), fix, out);
    }

    /// A fence that already lay around the truck was never crossed: inside, without an arrival.
    fn rebase(&mut self, fences: &impl Fences, here: &Point, fix: &Fix, out: &mut Transitions) {
        let near = &mut self.near;
        let overflowed = &mut self.overflowed;
        let seen = Seen { fences, point: here, previous: None, unseen: (here.time, 0.0), motion: &self.motion };
        fences.around(here.position, 0.0, &mut |index| {
            let Some(fence) = fences.key(index).filter(|key| near.iter().all(|t| t.fence != *key)) else { return };
            let Some(observation) = seen.from(index, None).filter(|o| o.now.distance_m <= 0.0) else { return };
            let presence = Presence::Inside { sure: here.time };
            if !insert(near, Tracked { fence, presence, last: observation.now, inside: observation.inside }) {
                *overflowed = overflowed.saturating_add(1);
                return;
            }
            let now = Sample { time: fix.time, ..observation.now };
            let _ = out.push(without_crossing(fence, Some(index), Kind::Rebased, now, observation.inside));
        });
    }
}

/// Fences that have come near.
fn meet(seen: &Seen<'_, impl Fences>, near: &mut Vec<Tracked, MAX_NEAR>, overflowed: &mut u32) {
    let within_m = NEAR_SIGMAS * seen.sigma_m();
    seen.fences.around(seen.point.position, within_m, &mut |index| {
        let Some(fence) = seen.fences.key(index).filter(|key| near.iter().all(|t| t.fence != *key)) else { return };
        let Some(observation) = seen.from(index, None) else { return };
        let sure = observation.before.map_or(observation.now.time, |before| before.time);
        let presence = step(Presence::Outside { sure }, &observation).next;
        let is_near = observation.now.distance_m <= within_m || !matches!(presence, Presence::Outside { .. });
        if is_near && !insert(near, Tracked { fence, presence, last: observation.now, inside: observation.inside }) {
            *overflowed = overflowed.saturating_add(1);
        }
    });
}

/// One point of the path with all that the tracker knows beside it.
struct Seen<'a, F> {
    fences: &'a F,
    point: &'a Point,
    previous: Option<&'a Point>,
    unseen: (UnixMillis, f64),
    motion: &'a Motion,
}

impl<F: Fences> Seen<'_, F> {
    fn sigma_m(&self) -> f64 {
        sigma_m(self.point.variance_m2, self.point.sigma_m)
    }

    /// From fence `index`; `last`: the point before it, if that was already seen from there.
    fn from(&self, index: usize, last: Option<(Sample, f64)>) -> Option<Observation> {
        let now = sample(self.point, self.fences.signed_distance_m(index, self.point.position)?);
        let (before, was_inside) = match (last, self.previous) {
            (Some((last, inside)), _) => (Some(last).filter(|last| last.time > UnixMillis(i64::MIN)), inside),
            (None, Some(previous)) => {
                (Some(sample(previous, self.fences.signed_distance_m(index, previous.position)?)), 0.0)
            }
            (None, None) => (None, 0.0),
        };
        let gap = if before.is_some() { self.point.after } else { Break::None };
        let before = match gap {
            Break::None => before,
            Break::Silence | Break::Jump | Break::PowerCut => before.map(|before| Sample {
                time: before.time.min(self.unseen.0),
                speed_mps: Some(self.unseen.1),
                ..before
            }),
        };
        Some(Observation {
            now,
            before,
            inside: inside(self.fences, index, &now)?,
            was_inside,
            inside_at_best: inside_at_best(self.fences.depth_m(index)?, now.sigma_m),
            gap,
            fix_sigma_m: self.point.sigma_m,
            stands: self.motion.standing() > Span(0),
            parked: self.motion.parked(),
            may_enter: self.motion.may_enter(),
            may_leave: self.motion.may_leave(),
            displaced: self.motion.displaced(),
            has_driven: self.motion.has_driven(),
            began: self.motion.began(),
        })
    }
}

fn sample(point: &Point, distance_m: f64) -> Sample {
    Sample {
        time: point.time,
        position: point.position,
        distance_m,
        sigma_m: sigma_m(point.variance_m2, point.sigma_m),
        speed_mps: Some(point.speed_mps),
    }
}

fn transition(
    fence: FenceKey,
    index: usize,
    next: &Presence,
    crossing: Crossing,
    seen: &Observation,
    decided_at: UnixMillis,
) -> Transition {
    let (kind, probability) = match next {
        Presence::Outside { .. } => (Kind::Left, 1.0 - seen.inside),
        Presence::Found { .. } | Presence::Entering { .. } | Presence::Inside { .. } | Presence::Leaving { .. } => {
            (Kind::Entered, seen.inside)
        }
    };
    Transition { fence, index: Some(index), kind, crossing, decided_at, probability }
}

fn without_crossing(fence: FenceKey, index: Option<usize>, kind: Kind, here: Sample, probability: f64) -> Transition {
    let crossing = Crossing { lo: Some(here.time), ..Crossing::first_inside(here) };
    Transition { fence, index, kind, crossing, decided_at: here.time, probability }
}

fn is_inside(presence: &Presence) -> bool {
    matches!(presence, Presence::Inside { .. } | Presence::Leaving { .. })
}

/// Keeps the list in ascending order of keys, so that the order of facilities in a file never shows. `false`: full.
fn insert(near: &mut Vec<Tracked, MAX_NEAR>, tracked: Tracked) -> bool {
    let fits = near.push(tracked).is_ok();
    near.sort_unstable_by_key(|t| t.fence);
    fits
}
