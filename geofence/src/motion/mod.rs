//! Where the truck is and whether it moves: fixes in, [`Knot`]s of the estimated path out.
//!
//! ```text
//!   Fix --> frozen? --> fits the prediction? -- yes --> filter --> one Knot
//!             drop                 no --> run, held back --> believed --> its Knots, after a jump
//!                                                  standing  parked or driving, may it have travelled
//! ```

mod filter;
mod frame;
mod honesty;
mod run;
mod standing;

use crate::Position;
use crate::time::{Span, TimeStep, UnixMillis};
use crate::tracker::Fix;
use filter::{Filter, Measurement, Vector, norm, scale, sub};
use frame::Frame;
use heapless::Vec;
use honesty::Honesty;
use run::{Run, Verdict};
use serde::{Deserialize, Serialize};
use standing::{Standing, slow_mps};

/// Fixes farther apart than this leave a gap that must not be interpolated.
pub(crate) const GAP: Span = Span::seconds(10);
/// Receivers are optimistic: their sigma is taken this many times ...
const OPTIMISM: f64 = 1.5;
/// ... and never less than this, metres.
const SIGMA_MIN_M: f64 = 2.5;
/// What an absurd accuracy is replaced by, metres.
const SIGMA_UNKNOWN_M: f64 = 25.0;
/// No accuracy worse than this makes a difference, metres.
const SIGMA_MAX_M: f64 = 1_000.0;
/// A fix farther off than this (chi squared) does not fit.
const SURPRISE_MAX: f64 = 16.0;
/// Identical positions beyond this many, with a speed, are a frozen receiver.
const IDENTICAL_MAX: u16 = 3;
/// From this speed on a position must change from fix to fix, m/s.
const FROZEN_MPS: f64 = 1.0;
/// From this speed on the course is that of the truck and not of the noise, m/s.
const HEADING_MPS: f64 = 1.0;
/// From this speed on a parked truck may be setting off, m/s.
const SET_OFF_MPS: f64 = 1.0;
/// A speed without a course is smoothed over this long, seconds.
const BLANK_TAU_S: f64 = 4.0;
/// Without any speed the truck stands if it got less than this far per second ...
const STILL_MPS: f64 = 0.8;
/// ... over at least this long.
const STILL_OVER: Span = Span::seconds(8);
/// Its speed is the mean over at least this long.
const MEAN_OVER: Span = Span::seconds(3);
/// A filter that believed none of so many fixes ...
const LOST_FIXES: u16 = 10;
/// ... for so long is lost, and starts again.
const LOST_AFTER: Span = Span::seconds(120);

/// What lies between a knot and the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Break {
    /// An unbroken series.
    None,
    /// No fix for more than 10 s.
    Silence,
    /// Fixes that were not believed, or the same one again and again.
    Jump,
    /// The device was off.
    PowerCut,
}

/// One point of the estimated path.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Knot {
    /// GNSS time.
    pub time: UnixMillis,
    /// Estimated position.
    pub position: Position,
    /// Estimated velocity, m/s east and north.
    pub velocity_mps: [f64; 2],
    /// Variance of the estimate per axis, m^2.
    pub variance_m2: f64,
    /// Accuracy of the newest fix per axis, with the receiver's optimism taken off, metres (1 sigma).
    pub sigma_m: f64,
    /// What lies before it.
    pub after: Break,
    /// The newest time before it at which something new was seen: the knot before it, or, before a jump, the first of
    /// the identical positions that led up to it.
    pub unseen_since: UnixMillis,
    /// Speed at that time, m/s: a receiver that freezes often says zero from then on.
    pub unseen_speed_mps: f64,
}

/// The knots of one fix: none where it was held back, several where a held run is believed.
pub(crate) type Knots = Vec<Knot, { run::KEPT_MAX + 1 }>;

/// The fix that the filter took last.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Taken {
    time: UnixMillis,
    /// Since when the position has been the same to the last digit.
    same_since: UnixMillis,
    /// Speed at that time, m/s.
    same_speed_mps: f64,
    sigma_m: f64,
}

/// A position some time ago, for receivers that tell no speed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Mark {
    time: UnixMillis,
    position: Vector,
}

/// Follows the truck's position and speed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Motion {
    frame: Option<Frame>,
    filter: Option<Filter>,
    taken: Option<Taken>,
    standing: Standing,
    run: Run,
    /// Fixes since the filter last took one.
    unbelieved: u16,
    /// Position of the newest fix and how often it came in a row.
    newest: Option<(Position, u16)>,
    blank_mps: f64,
    /// Which way the truck last went, of length one.
    heading: Option<Vector>,
    honesty: Honesty,
    marks: [Option<Mark>; 2],
}

impl Motion {
    /// One fix later, which is newer than all before it. `power_cut`: the device was off before it.
    pub(crate) fn step(&mut self, fix: &Fix, power_cut: bool) -> Knots {
        let mut knots = Knots::new();
        if self.is_frozen(fix) {
            return knots;
        }
        let measured = self.measure(fix);
        let (Some(filter), Some(taken)) = (self.filter, self.taken) else {
            self.filter = Some(Filter::start(&measured));
            self.take(fix.time, &measured, true);
            knots.extend(self.knot(Break::None, (fix.time, 0.0)));
            return knots;
        };
        let dt = fix.time - taken.time;
        let gap = power_cut || dt > GAP;
        let mut ahead = filter;
        // A truck that sets off shows it in the speed first.
        let sets_off = measured.speed_mps.is_some_and(|speed| speed > SET_OFF_MPS);
        let parked = self.standing.parked() && !sets_off;
        if gap {
            self.marks = [None; 2];
            ahead.lose(dt.as_seconds(), parked);
        } else {
            ahead.predict(dt.as_seconds(), parked);
        }
        if ahead.surprise(&measured) <= SURPRISE_MAX {
            self.run.clear();
            self.honesty.learn(fix.time, &measured);
            ahead.update(&measured, dt.as_seconds(), gap);
            self.filter = Some(ahead);
            if gap {
                self.standing.interrupted(ahead.position, &measured, power_cut);
            }
            self.advance(fix.time, dt, &measured);
            let before = if power_cut { Break::PowerCut } else { Break::Silence };
            knots.extend(self.knot(if gap { before } else { Break::None }, (taken.time, norm(filter.velocity))));
            return knots;
        }
        self.unbelieved = self.unbelieved.saturating_add(1);
        match self.run.hold(fix.time, measured) {
            Verdict::Believed { driving } => self.believe(driving, power_cut, &mut knots),
            Verdict::Held if self.unbelieved >= LOST_FIXES && dt >= LOST_AFTER => {
                self.run.only(fix.time, measured);
                self.believe(false, power_cut, &mut knots);
            }
            Verdict::Held => {}
        }
        knots
    }

    /// What was measured before cannot be compared with what comes; that the truck stands or drives still holds.
    pub(crate) fn forget(&mut self) {
        let mut standing = self.standing;
        standing.forget_times();
        *self = Self { standing, ..Self::default() };
    }

    /// What was measured before was dated wrongly.
    pub(crate) fn redate(&mut self, step: TimeStep) {
        if let Some(taken) = &mut self.taken {
            (taken.time, taken.same_since) = (step.redate(taken.time), step.redate(taken.same_since));
        }
        for mark in self.marks.iter_mut().flatten() {
            mark.time = step.redate(mark.time);
        }
        self.run.redate(step);
        self.honesty.redate(step);
        self.standing.redate(step);
    }

    /// The truck has stood still for at least 5 s and has not driven since.
    #[must_use]
    pub fn parked(&self) -> bool {
        self.standing.parked()
    }

    /// For how long the truck has stood by now; zero while it moves.
    #[must_use]
    pub fn standing(&self) -> Span {
        self.standing.standing()
    }

    /// Since when it has stood: the last fix at which it still moved, and the first at which it did not.
    #[must_use]
    pub fn stands_since(&self) -> Option<(UnixMillis, UnixMillis)> {
        self.standing.since()
    }

    /// It has not stood for 30 s, or has driven more than 12 m since.
    #[must_use]
    pub fn may_enter(&self) -> bool {
        self.standing.may_enter()
    }

    /// As [`Motion::may_enter`], and it was not out of sight since it last drove.
    #[must_use]
    pub fn may_leave(&self) -> bool {
        self.standing.may_leave()
    }

    /// Its position jumped since it last drove.
    #[must_use]
    pub fn displaced(&self) -> bool {
        self.standing.displaced()
    }

    /// It drove at least once since the first fix.
    #[must_use]
    pub fn has_driven(&self) -> bool {
        self.standing.has_driven()
    }

    /// When it last set off.
    #[must_use]
    pub fn began(&self) -> Option<UnixMillis> {
        self.standing.began()
    }

    /// The same position again and again, with a speed: the receiver repeats itself.
    fn is_frozen(&mut self, fix: &Fix) -> bool {
        let repeats = match self.newest {
            Some((position, repeats)) if position == fix.position => repeats.saturating_add(1),
            _ => 0,
        };
        self.newest = Some((fix.position, repeats));
        repeats > IDENTICAL_MAX && fix.speed_mps.is_some_and(|speed| speed > FROZEN_MPS)
    }

    fn measure(&mut self, fix: &Fix) -> Measurement {
        let frame = *self.frame.get_or_insert(Frame::at(fix.position));
        let mut position = frame.metres(fix.position);
        if !Frame::reaches(position) {
            position = self.move_frame(frame, fix.position);
        }
        let reported = if fix.sigma_m.is_finite() && fix.sigma_m > 0.0 { fix.sigma_m } else { SIGMA_UNKNOWN_M };
        let claimed_m = (OPTIMISM * reported).clamp(SIGMA_MIN_M, SIGMA_MAX_M);
        let (sigma_m, noise_m) = (self.honesty.sigma_m(claimed_m), self.honesty.noise_m(claimed_m));
        let speed_mps = fix.speed_mps.filter(|speed| speed.is_finite() && *speed >= 0.0);
        let course = fix.track_deg.filter(|track| track.is_finite());
        let velocity = speed_mps.zip(course).map(|(speed, track)| {
            let radians = track * core::f64::consts::PI / 180.0;
            [speed * libm::sin(radians), speed * libm::cos(radians)]
        });
        let measured =
            Measurement { position, claimed_m, sigma_m, noise_m, velocity, speed_mps, along: None, derived: false };
        self.without_speed(fix.time, self.without_course(measured))
    }

    /// Everything that is kept in metres moves to a new origin at `origin`. Returns where that is: zero.
    fn move_frame(&mut self, from: Frame, origin: Position) -> Vector {
        let to = Frame::at(origin);
        if let Some(filter) = &mut self.filter {
            filter.position = to.metres(from.position(filter.position));
            self.standing.moved_frame(filter.position);
        }
        self.run.clear();
        self.honesty.break_off();
        self.marks = [None; 2];
        self.frame = Some(to);
        [0.0; 2]
    }

    /// A speed without a course: while the truck creeps it goes on the way it went.
    fn without_course(&self, measured: Measurement) -> Measurement {
        let creeps = measured.velocity.is_none() && self.blank_mps > slow_mps(measured.sigma_m);
        let along = self.heading.zip(measured.speed_mps).filter(|_| creeps);
        Measurement { along: along.map(|(heading, speed)| scale(heading, speed)), ..measured }
    }

    /// A receiver that tells no speed: what it has moved over some seconds tells whether the truck stands.
    fn without_speed(&mut self, now: UnixMillis, measured: Measurement) -> Measurement {
        if measured.speed_mps.is_some() {
            self.marks = [None; 2];
            return measured;
        }
        let mark = Mark { time: now, position: measured.position };
        if self.marks[0].is_none_or(|newer| now - newer.time >= STILL_OVER) {
            self.marks = [Some(mark), self.marks[0]];
        }
        let Some(older) = self.marks[1] else { return measured };
        let still = norm(mean_velocity(&older, &mark)) < STILL_MPS;
        let newer = self.marks[0].filter(|newer| now - newer.time >= MEAN_OVER);
        let moved = mean_velocity(&newer.unwrap_or(older), &mark);
        let velocity = if still { [0.0; 2] } else { moved };
        Measurement { velocity: Some(velocity), speed_mps: Some(norm(velocity)), derived: !still, ..measured }
    }

    fn take(&mut self, time: UnixMillis, measured: &Measurement, fresh: bool) {
        self.unbelieved = 0;
        let repeats = self.newest.is_some_and(|(_, repeats)| repeats > 0);
        let speed_mps = measured.speed_mps.unwrap_or(0.0);
        let (same_since, same_speed_mps) = match self.taken {
            Some(taken) if repeats && !fresh => (taken.same_since, taken.same_speed_mps),
            _ => (time, speed_mps),
        };
        self.taken = Some(Taken { time, same_since, same_speed_mps, sigma_m: measured.sigma_m });
    }

    fn advance(&mut self, now: UnixMillis, dt: Span, measured: &Measurement) {
        self.take(now, measured, false);
        self.blank_mps = match (measured.speed_mps, measured.velocity) {
            (Some(speed), None) => {
                let share = 1.0 - libm::exp(-dt.as_seconds() / BLANK_TAU_S);
                self.blank_mps + (speed - self.blank_mps) * share
            }
            _ => 0.0,
        };
        let Some(filter) = self.filter else { return };
        let speed = norm(filter.velocity);
        if measured.velocity.is_some() && speed > HEADING_MPS {
            self.heading = Some(scale(filter.velocity, 1.0 / speed));
        }
        // A filter that hears of a speed but not of its direction stays behind it.
        let velocity = if self.blank_mps > speed { along(filter.velocity, self.blank_mps) } else { filter.velocity };
        self.standing.step(now, dt, filter.position, velocity, measured.sigma_m);
    }

    /// The held run becomes the truth: the filter goes on from its end.
    fn believe(&mut self, driving: bool, power_cut: bool, knots: &mut Knots) {
        let run = core::mem::take(&mut self.run);
        let mut after = if power_cut { Break::PowerCut } else { Break::Jump };
        let mut unseen = self.taken.map(|taken| (taken.same_since, taken.same_speed_mps));
        for member in run.members() {
            self.filter = self.filter.map(|filter| filter.jump(&member.fix));
            self.take(member.time, &member.fix, true);
            knots.extend(self.knot(after, unseen.unwrap_or((member.time, 0.0))));
            (after, unseen) = (Break::None, None);
        }
        let Some(last) = knots.last() else { return };
        let position = self.filter.map_or([0.0; 2], |filter| filter.position);
        self.standing.jumped(last.time, position, driving);
        // Which way it went before the jump says nothing about which way it goes now.
        self.heading = None;
    }

    fn knot(&self, after: Break, unseen: (UnixMillis, f64)) -> Option<Knot> {
        let (filter, frame, taken) = (self.filter?, self.frame?, self.taken?);
        Some(Knot {
            time: taken.time,
            position: frame.position(filter.position),
            velocity_mps: filter.velocity,
            variance_m2: filter.pp,
            sigma_m: taken.sigma_m,
            after,
            unseen_since: unseen.0,
            unseen_speed_mps: unseen.1,
        })
    }
}

fn mean_velocity(from: &Mark, to: &Mark) -> Vector {
    scale(sub(to.position, from.position), 1.0 / (to.time - from.time).as_seconds().max(1.0))
}

/// A vector of this length, in the direction of `direction`, east where that has none.
fn along(direction: Vector, length: f64) -> Vector {
    let norm = norm(direction);
    if norm > 1e-6 { scale(direction, length / norm) } else { [length, 0.0] }
}
