//! What reaches the rules: the receiver's epochs on a drive, with everything that can befall them.
//!
//! The error model says how wrong a fix is in normal operation; the [`Conditions`] of the scenario say when there is none, when it is
//! garbage or frozen, when the power is off, and in which order fixes arrive.

use crate::drive::{Input, Observed, Point};
use crate::noise::{Errors, Model};
use crate::path::{Path, State};
use crate::random::Chance;

/// After power comes back a receiver needs this long, seconds.
const BOOT_S: f64 = 30.0;
/// A cold receiver's first fix is this far off, metres, ...
const COLD_M: f64 = 180.0;
/// ... and the error decays with this time constant, seconds, ...
const COLD_TAU_S: f64 = 20.0;
/// ... in this direction.
const COLD_TOWARDS: Point = Point { east: 0.8, north: 0.6 };
/// The share of the cold error that the receiver admits.
const COLD_ADMITTED: f64 = 0.4;
/// What the agent assumes where no accuracy is reported, metres.
const UNKNOWN_SIGMA_M: f64 = 25.0;
/// A fix that is farther off than this for a known reason is no evidence of where the truck is, metres.
const USABLE_M: f64 = 10.0;
/// When the sky returns it takes so long to the first fix, seconds.
const REACQUIRE_S: (f64, f64) = (10.0, 60.0);
/// A garbage burst: Gauss-Markov with this standard deviation (metres) and time constant (seconds) ...
const GARBAGE: (f64, f64) = (60.0, 30.0);
/// ... with Doppler around zero, m/s per axis, ...
const GARBAGE_DOPPLER_MPS: f64 = 0.8;
/// ... and an accuracy of this many metres, times the drive's honesty, and not below the other.
const GARBAGE_SIGMA_M: (f64, f64) = (30.0, 8.0);
/// A receiver with static navigation holds its position while it is slower than this, m/s, ...
const STATIC_BELOW_MPS: f64 = 1.5;
/// ... until it is this far away, metres.
const STATIC_RELEASE_M: f64 = 20.0;

/// What befalls the receiver for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum What {
    /// A roof: no fix but garbage bursts, and no fix for 10 to 60 s after it.
    NoSky {
        /// Bursts begin this often, per second.
        bursts_per_s: f64,
        /// Shortest and longest burst, seconds.
        burst_s: (f64, f64),
    },
    /// No power; 30 s more to boot, then a cold start.
    Off,
    /// The agent restarts while the receiver goes on: nothing is seen, then all is as before.
    Restart,
    /// The last position is repeated as valid, with zero speed or with the last speed.
    Frozen {
        /// With zero speed.
        zero_speed: bool,
    },
    /// Every fix is off by this much, with this reported accuracy, or the usual one.
    Misled {
        /// Added to every position, metres.
        offset_m: Point,
        /// Reported accuracy, metres.
        sigma_m: Option<f64>,
    },
    /// The drive begins cold: the first fix is 180 m off.
    Cold,
}

/// [`What`] befalls the receiver, and when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spell {
    /// Seconds since the drive began.
    pub from_s: f64,
    /// Seconds since the drive began.
    pub to_s: f64,
    /// What.
    pub what: What,
}

/// Everything that is not normal about a drive's receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct Conditions {
    /// Seconds between epochs.
    pub interval_s: f64,
    /// In order of time, not overlapping.
    pub spells: Vec<Spell>,
    /// The receiver holds position and zero speed while it believes to stand.
    pub static_navigation: bool,
    /// Share of fixes that arrive up to 3 places late, and of those that arrive twice.
    pub disorder: f64,
    /// No accuracy is reported (HDOP empty, 0 or 99.99, no GST): the agent's fallback stands for it.
    pub accuracy_missing: bool,
    /// The course is left out below this speed, m/s, if not already by the receiver.
    pub blank_below_mps: f64,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            interval_s: 1.0,
            spells: Vec::new(),
            static_navigation: false,
            disorder: 0.0,
            accuracy_missing: false,
            blank_below_mps: 0.0,
        }
    }
}

/// What the rules get, and when it was any good.
pub struct Observation {
    /// In the order of arrival.
    pub inputs: Vec<Input>,
    /// Times of the fixes that tell where the truck is, seconds since the drive began.
    pub usable_s: Vec<f64>,
}

/// The drive as the receiver reports it.
#[must_use]
pub fn observe(path: &Path, conditions: &Conditions, model: &Model, seed: u64) -> Observation {
    let mut errors = (model.start)(seed);
    let mut chance = Chance::stream(seed, "receiver");
    let phase_s = chance.uniform(0.0, conditions.interval_s);
    let mut receiver = Receiver::new(conditions, model, chance);
    let mut observation = Observation { inputs: Vec::new(), usable_s: Vec::new() };
    let mut epoch = 0.0;
    loop {
        let time_s = libm::round((phase_s + epoch * conditions.interval_s) * 1_000.0) / 1_000.0;
        if time_s > path.duration_s() {
            break;
        }
        receiver.epoch(time_s, &path.at(time_s), errors.as_mut(), &mut observation);
        epoch += 1.0;
    }
    if conditions.disorder > 0.0 {
        disorder(&mut observation.inputs, conditions.disorder, &mut receiver.chance);
    }
    observation
}

/// A burst of garbage under a roof.
struct Burst {
    until_s: f64,
    offset: Point,
}

struct Receiver<'a> {
    conditions: &'a Conditions,
    model: &'a Model,
    chance: Chance,
    honesty: f64,
    last_s: f64,
    spell: usize,
    burst: Option<Burst>,
    blind_until_s: f64,
    cold_since_s: Option<f64>,
    power_cut: bool,
    held: Option<Observed>,
    last: Option<Observed>,
}

impl<'a> Receiver<'a> {
    fn new(conditions: &'a Conditions, model: &'a Model, mut chance: Chance) -> Self {
        let honesty = chance.uniform(0.5, 1.1);
        Self {
            conditions,
            model,
            chance,
            honesty,
            last_s: -conditions.interval_s,
            spell: 0,
            burst: None,
            blind_until_s: 0.0,
            cold_since_s: None,
            power_cut: false,
            held: None,
            last: None,
        }
    }

    /// One epoch, with or without a fix.
    fn epoch(&mut self, time_s: f64, truth: &State, errors: &mut dyn Errors, out: &mut Observation) {
        let error = errors.next(time_s - self.last_s, truth);
        let mut fix = self.normal(time_s, truth, &error);
        let dt_s = time_s - self.last_s;
        self.last_s = time_s;
        let mut usable = true;
        match self.now(time_s) {
            Some(Spell { what: What::Off, to_s, .. }) => {
                self.power_cut = true;
                self.blind_until_s = to_s + BOOT_S;
                self.cold_since_s = Some(self.blind_until_s);
                self.held = None;
                return;
            }
            Some(Spell { what: What::Restart, .. }) => {
                self.power_cut = true;
                return;
            }
            Some(Spell { what: What::NoSky { bursts_per_s, burst_s }, .. }) => {
                let Some(garbage) = self.garbage(&fix, truth, dt_s, bursts_per_s, burst_s) else { return };
                fix = garbage;
                usable = false;
            }
            Some(Spell { what: What::Frozen { zero_speed }, .. }) => {
                fix = self.frozen(&fix, zero_speed);
                usable = false;
            }
            Some(Spell { what: What::Misled { offset_m, sigma_m }, .. }) => {
                fix.point = fix.point.plus(offset_m, 1.0);
                fix.sigma_m = sigma_m.unwrap_or(fix.sigma_m);
                usable = false;
            }
            Some(Spell { what: What::Cold, from_s, .. }) if self.cold_since_s.is_none() => {
                self.cold_since_s = Some(from_s)
            }
            Some(Spell { what: What::Cold, .. }) | None => {}
        }
        if time_s < self.blind_until_s {
            return;
        }
        let off_m = self.cold(time_s, &mut fix);
        if self.conditions.static_navigation {
            fix = self.static_navigation(&fix);
        }
        if self.power_cut {
            out.inputs.push(Input::PowerCut);
            self.power_cut = false;
        }
        if usable && off_m < USABLE_M {
            out.usable_s.push(time_s);
        }
        self.last = Some(fix);
        out.inputs.push(Input::Fix(fix));
    }

    /// The spell of this instant; when a roof ends, fixes take their time to come back.
    fn now(&mut self, time_s: f64) -> Option<Spell> {
        while let Some(spell) = self.conditions.spells.get(self.spell) {
            if time_s < spell.to_s {
                return Some(*spell).filter(|s| time_s >= s.from_s);
            }
            if matches!(spell.what, What::NoSky { .. }) {
                self.blind_until_s = spell.to_s + self.chance.uniform(REACQUIRE_S.0, REACQUIRE_S.1);
                self.burst = None;
            }
            self.spell += 1;
        }
        None
    }

    fn normal(&self, time_s: f64, truth: &State, error: &crate::noise::Error) -> Observed {
        let step = |metres: f64| {
            let step_m = self.model.step_m;
            if step_m > 0.0 { libm::round(metres / step_m) * step_m } else { metres }
        };
        let point = truth.point.plus(error.offset_m, 1.0);
        let velocity = error.velocity_mps.plus(truth.heading, truth.speed_mps);
        let sigma_m = if self.conditions.accuracy_missing { UNKNOWN_SIGMA_M } else { error.sigma_m };
        let fix = Observed {
            time_s,
            point: Point { east: step(point.east), north: step(point.north) },
            sigma_m,
            speed_mps: None,
            track_deg: None,
        };
        self.moving_by(fix, velocity)
    }

    /// Speed and course of a velocity, as the receiver writes them.
    fn moving_by(&self, fix: Observed, velocity: Point) -> Observed {
        let speed_mps = libm::hypot(velocity.east, velocity.north);
        let course = libm::atan2(velocity.east, velocity.north).to_degrees().rem_euclid(360.0);
        let blank_below_mps = self.model.blank_below_mps.max(self.conditions.blank_below_mps);
        let track_deg = (speed_mps >= blank_below_mps).then_some(course);
        Observed { speed_mps: Some(speed_mps), track_deg, ..fix }
    }

    /// Under a roof: mostly nothing, now and then a burst of reflections that are flagged valid.
    fn garbage(&mut self, fix: &Observed, truth: &State, dt_s: f64, rate: f64, length: (f64, f64)) -> Option<Observed> {
        let time_s = fix.time_s;
        let (sigma, tau_s) = GARBAGE;
        if self.burst.as_ref().is_some_and(|burst| time_s >= burst.until_s) {
            self.burst = None;
        }
        if self.burst.is_none() && self.chance.happens(rate * dt_s) {
            let until_s = time_s + self.chance.uniform(length.0, length.1);
            let offset = Point { east: sigma * self.chance.normal(), north: sigma * self.chance.normal() };
            self.burst = Some(Burst { until_s, offset });
        }
        let keep = libm::exp(-dt_s / tau_s);
        let fresh = libm::sqrt(1.0 - keep * keep) * sigma;
        let (east, north) = (self.chance.normal(), self.chance.normal());
        let doppler = GARBAGE_DOPPLER_MPS;
        let velocity = Point { east: doppler * self.chance.normal(), north: doppler * self.chance.normal() };
        let sigma_m = GARBAGE_SIGMA_M.1.max(GARBAGE_SIGMA_M.0 * self.honesty);
        let burst = self.burst.as_mut()?;
        burst.offset =
            Point { east: keep * burst.offset.east + fresh * east, north: keep * burst.offset.north + fresh * north };
        let point = truth.point.plus(burst.offset, 1.0);
        Some(self.moving_by(Observed { point, sigma_m, ..*fix }, velocity))
    }

    fn frozen(&self, fix: &Observed, zero_speed: bool) -> Observed {
        let Some(last) = self.last else { return *fix };
        let speed_mps = if zero_speed { Some(0.0) } else { last.speed_mps };
        Observed { time_s: fix.time_s, speed_mps, ..last }
    }

    /// The error of a cold start that is still left; returns it in metres.
    fn cold(&self, time_s: f64, fix: &mut Observed) -> f64 {
        let Some(since_s) = self.cold_since_s else { return 0.0 };
        let off_m = COLD_M * libm::exp(-(time_s - since_s).max(0.0) / COLD_TAU_S);
        if off_m < 0.01 {
            return 0.0;
        }
        fix.point = fix.point.plus(COLD_TOWARDS, off_m);
        fix.sigma_m += COLD_ADMITTED * off_m;
        off_m
    }

    fn static_navigation(&mut self, fix: &Observed) -> Observed {
        let slow = fix.speed_mps.is_some_and(|speed| speed < STATIC_BELOW_MPS);
        let near = |held: &Observed| crate::planar::distance(held.point, fix.point) <= STATIC_RELEASE_M;
        self.held = match self.held {
            Some(held) if near(&held) && slow => Some(held),
            _ if slow && self.held.is_none() => Some(*fix),
            _ => None,
        };
        let Some(held) = self.held else { return *fix };
        let track_deg = (self.model.blank_below_mps == 0.0).then_some(held.track_deg).flatten();
        Observed { point: held.point, speed_mps: Some(0.0), track_deg, ..*fix }
    }
}

/// Delivers some inputs late and some twice.
fn disorder(inputs: &mut Vec<Input>, share: f64, chance: &mut Chance) {
    let ordered = std::mem::take(inputs);
    for input in &ordered {
        inputs.push(*input);
        if chance.happens(share) {
            inputs.push(*input);
        }
    }
    for index in 0..inputs.len() {
        if chance.happens(share) {
            let places = usize::try_from(1 + chance.below(3)).unwrap_or(1);
            let other = (index + places).min(inputs.len() - 1);
            let both_fixes = |a: &Input, b: &Input| matches!((a, b), (Input::Fix(_), Input::Fix(_)));
            if inputs.get(index).zip(inputs.get(other)).is_some_and(|(a, b)| both_fixes(a, b)) {
                inputs.swap(index, other);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::{self, Error, Surroundings};
    use crate::path::{stop, via};
    use crate::planar::distance;

    /// A receiver without any error, so that only the conditions show.
    struct Perfect;

    impl Errors for Perfect {
        fn next(&mut self, _: f64, _: &State) -> Error {
            let zero = Point { east: 0.0, north: 0.0 };
            Error { offset_m: zero, velocity_mps: zero, sigma_m: 3.0 }
        }
    }

    fn perfect() -> Model {
        Model {
            name: "perfect",
            about: "",
            surroundings: Surroundings::Open,
            modelled: false,
            blank_below_mps: 0.0,
            step_m: 0.0,
            start: |_| Box::new(Perfect),
        }
    }

    /// An hour at rest, then away to the east at 10 m/s.
    fn path() -> Path {
        Path::drive(&[stop(0.0, 0.0, 5.0, 3_600.0), via(5_000.0, 0.0, 10.0)])
    }

    fn during(what: What) -> Conditions {
        Conditions { spells: vec![Spell { from_s: 1_000.0, to_s: 2_000.0, what }], ..Conditions::default() }
    }

    fn fixes(conditions: &Conditions, model: &Model) -> Vec<Observed> {
        let inputs = observe(&path(), conditions, model, 1).inputs;
        inputs.iter().filter_map(|input| if let Input::Fix(fix) = input { Some(*fix) } else { None }).collect()
    }

    #[test]
    fn in_normal_operation_every_second_has_its_true_fix() {
        let all = fixes(&Conditions::default(), &perfect());
        assert!(all.windows(2).all(|pair| (pair[1].time_s - pair[0].time_s - 1.0).abs() < 1e-6));
        assert!(all.iter().all(|fix| distance(fix.point, path().at(fix.time_s).point) < 1e-9));
        let last = all.last().unwrap();
        assert!((last.speed_mps.unwrap() - 10.0).abs() < 1e-9 && (last.track_deg.unwrap() - 90.0).abs() < 1e-9);
        assert_eq!(observe(&path(), &Conditions::default(), &perfect(), 1).usable_s.len(), all.len());
    }

    #[test]
    fn after_a_power_cut_come_a_boot_and_a_cold_start_that_is_partly_admitted() {
        let observation = observe(&path(), &during(What::Off), &perfect(), 1);
        let cut = observation.inputs.iter().position(|input| *input == Input::PowerCut).unwrap();
        let Input::Fix(before) = observation.inputs[cut - 1] else { panic!() };
        let Input::Fix(after) = observation.inputs[cut + 1] else { panic!() };
        assert!((999.0..=1_000.0).contains(&before.time_s) && (2_030.0..=2_031.0).contains(&after.time_s));
        let expected = 180.0 * (-(after.time_s - 2_030.0) / 20.0).exp();
        assert!((distance(after.point, Point { east: 0.0, north: 0.0 }) - expected).abs() < 1e-6);
        assert!((after.sigma_m - 3.0 - 0.4 * expected).abs() < 1e-6);
        // 180 exp(-t / 20) is below 10 m after 57.8 s.
        let usable = observation.usable_s.iter().find(|usable| **usable > 1_000.0).unwrap();
        assert!((2_087.8..2_088.9).contains(usable), "{usable}");
        assert_eq!(observation.inputs.iter().filter(|input| **input == Input::PowerCut).count(), 1);
    }

    #[test]
    fn a_restart_loses_only_its_own_time() {
        let all = fixes(&during(What::Restart), &perfect());
        let gap = all.windows(2).find(|pair| pair[1].time_s - pair[0].time_s > 2.0).unwrap();
        assert!((gap[1].time_s - gap[0].time_s - 1_001.0).abs() < 1.1);
        assert!(distance(gap[1].point, Point { east: 0.0, north: 0.0 }) < 1e-9);
    }

    #[test]
    fn under_a_roof_there_are_bursts_of_garbage_and_the_sky_comes_back_late() {
        let roof = What::NoSky { bursts_per_s: 1.0 / 100.0, burst_s: (3.0, 20.0) };
        let observation = observe(&path(), &during(roof), &perfect(), 1);
        let times =
            observation.inputs.iter().filter_map(|input| if let Input::Fix(f) = input { Some(f) } else { None });
        let garbage: Vec<&Observed> = times.filter(|fix| (1_000.0..2_000.0).contains(&fix.time_s)).collect();
        // About nine bursts of 11.5 s.
        assert!((40..220).contains(&garbage.len()), "{}", garbage.len());
        assert!(garbage.iter().all(|fix| fix.sigma_m >= 8.0 && fix.sigma_m <= 33.0));
        assert!(garbage.iter().any(|fix| distance(fix.point, Point { east: 0.0, north: 0.0 }) > 30.0));
        assert!(observation.usable_s.iter().all(|usable| !(1_000.0..2_010.0).contains(usable)));
        let back = observation.usable_s.iter().find(|usable| **usable > 2_000.0).unwrap();
        assert!((2_010.0..2_061.0).contains(back), "{back}");
    }

    #[test]
    fn a_frozen_receiver_repeats_itself_with_the_speed_that_is_asked_for() {
        let spell = Spell { from_s: 3_700.0, to_s: 3_800.0, what: What::Frozen { zero_speed: false } };
        let frozen = |zero_speed| Spell { what: What::Frozen { zero_speed }, ..spell };
        for (zero_speed, speed_mps) in [(false, 10.0), (true, 0.0)] {
            let conditions = Conditions { spells: vec![frozen(zero_speed)], ..Conditions::default() };
            let all = fixes(&conditions, &perfect());
            let held: Vec<_> = all.iter().filter(|fix| (3_700.0..3_800.0).contains(&fix.time_s)).collect();
            assert!(held.len() == 100 && held.iter().all(|fix| fix.point == held[0].point));
            assert!(held.iter().all(|fix| (fix.speed_mps.unwrap() - speed_mps).abs() < 1e-9), "{:?}", held[0]);
            let thawed = all.iter().find(|fix| fix.time_s >= 3_800.0).unwrap();
            assert!((thawed.point.east - held[0].point.east - 1_010.0).abs() < 11.0);
        }
    }

    #[test]
    fn bad_fixes_are_off_by_what_they_should_be() {
        let offset_m = Point { east: 0.0, north: 17_000.0 };
        let all = fixes(&during(What::Misled { offset_m, sigma_m: Some(1_414.0) }), &perfect());
        let bad: Vec<_> = all.iter().filter(|fix| fix.point.north > 1.0).collect();
        assert_eq!(bad.len(), 1_000);
        assert!(bad.iter().all(|fix| fix.point == offset_m && (fix.sigma_m - 1_414.0).abs() < 1e-9));
    }

    #[test]
    fn static_navigation_holds_a_wandering_position_and_lets_go_of_a_moving_truck() {
        let yard = noise::all().into_iter().find(|model| model.name == "yard").unwrap();
        let all = fixes(&Conditions { static_navigation: true, ..Conditions::default() }, &yard);
        let parked: Vec<_> = all.iter().filter(|fix| fix.time_s < 3_600.0).collect();
        let places = 1 + parked.windows(2).filter(|pair| pair[0].point != pair[1].point).count();
        assert!((2..200).contains(&places), "{places}");
        assert!(parked.iter().filter(|fix| fix.speed_mps == Some(0.0)).count() > 3_400);
        let last = all.last().unwrap();
        assert!(distance(last.point, path().at(last.time_s).point) < 50.0 && last.speed_mps.unwrap() > 8.0);
    }

    #[test]
    fn courses_are_blank_and_positions_are_steps_where_the_receiver_writes_so() {
        let model = Model { blank_below_mps: 1.0, step_m: 0.185, ..perfect() };
        let all = fixes(&Conditions::default(), &model);
        assert!(all.iter().all(|fix| fix.track_deg.is_none() == (fix.speed_mps.unwrap() < 1.0)));
        assert!(all.iter().any(|fix| fix.track_deg.is_none()) && all.iter().any(|fix| fix.track_deg.is_some()));
        let steps = all.iter().map(|fix| fix.point.east / 0.185);
        assert!(steps.into_iter().all(|steps| (steps - steps.round()).abs() < 1e-6));
        assert!(all.iter().all(|fix| distance(fix.point, path().at(fix.time_s).point) < 0.14));
    }

    #[test]
    fn disorder_delays_and_doubles_but_loses_nothing() {
        let all = fixes(&Conditions { disorder: 0.1, ..Conditions::default() }, &perfect());
        let ordered = fixes(&Conditions::default(), &perfect());
        let mut times: Vec<f64> = all.iter().map(|fix| fix.time_s).collect();
        let late = times.windows(2).filter(|pair| pair[1] < pair[0]).count();
        assert!((200..1_000).contains(&late), "{late}");
        times.sort_by(f64::total_cmp);
        times.dedup();
        assert_eq!(times, ordered.iter().map(|fix| fix.time_s).collect::<Vec<_>>());
        assert!((300..600).contains(&(all.len() - ordered.len())));
    }
}
