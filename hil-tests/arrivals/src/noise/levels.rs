//! The modelled receivers: correlated errors of two time constants, white noise, outliers and Doppler, at three levels.
//!
//! Per axis the error is b1 + b2 + white, with b <- f b + sqrt(1 - f^2) sigma n, f = exp(-dt / tau). Started from its stationary law.
//! While the truck moves, b1 forgets faster: the reflections change with the place.

use super::{Error, Errors, Model, Surroundings};
use crate::drive::Point;
use crate::path::State;
use crate::random::Chance;

/// Above this true speed the short correlation time is that of the road, m/s.
const MOVING_MPS: f64 = 1.0;
/// Nothing reports less, metres.
const REPORTED_MIN_M: f64 = 1.5;
/// Standard deviation of an outlier per axis, metres.
const OUTLIER_M: f64 = 300.0;

/// The figures of one modelled receiver.
#[derive(Debug, Clone, Copy)]
pub struct Level {
    /// Standard deviation (metres) and time constant (seconds) of the fast part.
    pub fast: (f64, f64),
    /// The same of the slow part.
    pub slow: (f64, f64),
    /// Standard deviation of the white part, metres.
    pub white_m: f64,
    /// Outliers begin this often, per second.
    pub outliers_per_s: f64,
    /// Time constant of the fast part while the truck moves, seconds.
    pub moving_tau_s: f64,
    /// Standard deviation of the Doppler velocity per axis, m/s.
    pub doppler_mps: f64,
    /// Time constant of the Doppler error, seconds; 0 is white.
    pub doppler_tau_s: f64,
    /// Reported over true accuracy, drawn once per drive from this range.
    pub honesty: (f64, f64),
    /// Student's t with so many degrees of freedom instead of normal; 0 is normal.
    pub freedom: u32,
    /// The accuracy that the reported figure is made from, metres per axis.
    pub believed_m: f64,
}

impl Level {
    const fn of(fast: (f64, f64), slow: (f64, f64), white_m: f64, outliers_per_s: f64, believed_m: f64) -> Self {
        Self {
            fast,
            slow,
            white_m,
            outliers_per_s,
            moving_tau_s: 5.0,
            doppler_mps: 0.12 + 0.02 * fast.0,
            doppler_tau_s: 0.0,
            honesty: (0.5, 1.1),
            freedom: 0,
            believed_m,
        }
    }

    /// Errors and the short correlation time half as large again, outliers 2.25 times as often, and none of it reported.
    const fn under_reported(self) -> Self {
        Self {
            fast: (self.fast.0 * 1.5, self.fast.1 * 1.5),
            slow: (self.slow.0 * 1.5, self.slow.1),
            white_m: self.white_m * 1.5,
            outliers_per_s: self.outliers_per_s * 2.25,
            moving_tau_s: self.moving_tau_s * 1.5,
            doppler_mps: self.doppler_mps * 1.5,
            ..self
        }
    }

    const fn heavy_tailed(self) -> Self {
        Self { freedom: 4, ..self }
    }

    const fn wandering(self) -> Self {
        Self { moving_tau_s: 20.0, doppler_tau_s: 10.0, ..self }
    }

    const fn by_hdop(self) -> Self {
        Self { honesty: (0.3, 1.5), ..self }
    }
}

/// Standard deviation per axis of the three parts together; `sqrt` is not const, so the sums are written out and tested.
const OPEN: Level = Level::of((1.5, 60.0), (2.0, 1_200.0), 0.4, 0.0, 2.532);
const YARD: Level = Level::of((6.0, 45.0), (4.0, 600.0), 1.0, 1.0 / 3_600.0, 7.280);
const CANYON: Level = Level::of((15.0, 30.0), (10.0, 400.0), 2.0, 1.0 / 1_200.0, 18.138);

/// One receiver at work.
struct Receiver {
    level: Level,
    chance: Chance,
    fast: Point,
    slow: Point,
    doppler: Point,
    reported_m: f64,
    outlier: Option<(u32, Point)>,
}

impl Receiver {
    fn start(level: Level, seed: u64) -> Box<dyn Errors> {
        let mut chance = Chance::stream(seed, "noise");
        let honesty = chance.uniform(level.honesty.0, level.honesty.1);
        let mut pair = |sigma: f64| Point { east: sigma * chance.normal(), north: sigma * chance.normal() };
        let (fast, slow, doppler) = (pair(level.fast.0), pair(level.slow.0), pair(level.doppler_mps));
        let reported_m = (level.believed_m * honesty).max(REPORTED_MIN_M);
        Box::new(Self { level, chance, fast, slow, doppler, reported_m, outlier: None })
    }

    fn draw(&mut self) -> f64 {
        if self.level.freedom == 0 { self.chance.normal() } else { self.chance.heavy(self.level.freedom) }
    }

    /// One step of a Gauss-Markov process; with a time constant of zero it is white.
    fn wander(&mut self, from: Point, sigma: f64, tau_s: f64, dt_s: f64) -> Point {
        let keep = if tau_s > 0.0 { libm::exp(-dt_s / tau_s) } else { 0.0 };
        let fresh = libm::sqrt(1.0 - keep * keep) * sigma;
        Point { east: keep * from.east + fresh * self.draw(), north: keep * from.north + fresh * self.draw() }
    }

    fn outlier(&mut self, dt_s: f64) -> Point {
        if self.outlier.is_none() && self.chance.happens(self.level.outliers_per_s * dt_s) {
            let fixes = 1 + self.chance.below(3);
            let offset = Point { east: OUTLIER_M * self.chance.normal(), north: OUTLIER_M * self.chance.normal() };
            self.outlier = Some((fixes, offset));
        }
        let Some((left, offset)) = self.outlier else { return Point { east: 0.0, north: 0.0 } };
        self.outlier = (left > 1).then_some((left - 1, offset));
        offset
    }
}

impl Errors for Receiver {
    fn next(&mut self, dt_s: f64, truth: &State) -> Error {
        let level = self.level;
        let moving = truth.speed_mps > MOVING_MPS;
        let tau_s = if moving { level.fast.1.min(level.moving_tau_s) } else { level.fast.1 };
        self.fast = self.wander(self.fast, level.fast.0, tau_s, dt_s);
        self.slow = self.wander(self.slow, level.slow.0, level.slow.1, dt_s);
        self.doppler = self.wander(self.doppler, level.doppler_mps, level.doppler_tau_s, dt_s);
        let outlier = self.outlier(dt_s);
        let (white_east, white_north) = (level.white_m * self.draw(), level.white_m * self.draw());
        Error {
            offset_m: Point {
                east: self.fast.east + self.slow.east + white_east + outlier.east,
                north: self.fast.north + self.slow.north + white_north + outlier.north,
            },
            velocity_mps: self.doppler,
            sigma_m: self.reported_m,
        }
    }
}

const fn model(
    name: &'static str,
    about: &'static str,
    surroundings: Surroundings,
    modelled: bool,
    start: fn(u64) -> Box<dyn Errors>,
) -> Model {
    Model { name, about, surroundings, modelled, blank_below_mps: 0.0, step_m: 0.0, start }
}

/// The modelled receivers, in the order of the report.
pub(super) fn models() -> Vec<Model> {
    use Surroundings::{Canyon, Open, Yard};
    // As a receiver without GST writes it: course left out at walking pace, minutes of arc with four decimals.
    let nmea = |model: Model| Model { blank_below_mps: 1.0, step_m: 0.185, ..model };
    vec![
        model("open", "open road, 2.5 m per axis", Open, true, |seed| Receiver::start(OPEN, seed)),
        model("yard", "between trailers, 7 m per axis", Yard, true, |seed| Receiver::start(YARD, seed)),
        model("canyon", "between buildings, 18 m per axis", Canyon, true, |seed| Receiver::start(CANYON, seed)),
        model("open-under", "open, worse by half than it says", Open, false, |seed| {
            Receiver::start(OPEN.under_reported(), seed)
        }),
        model("yard-under", "yard, worse by half than it says", Yard, false, |seed| {
            Receiver::start(YARD.under_reported(), seed)
        }),
        model("canyon-under", "canyon, worse by half than it says", Canyon, false, |seed| {
            Receiver::start(CANYON.under_reported(), seed)
        }),
        model("yard-tails", "yard with heavy tails (t, 4 degrees of freedom)", Yard, false, |seed| {
            Receiver::start(YARD.heavy_tailed(), seed)
        }),
        model("canyon-tails", "canyon with heavy tails", Canyon, false, |seed| {
            Receiver::start(CANYON.heavy_tailed(), seed)
        }),
        model("yard-wander", "yard, errors last 20 s on the move, Doppler error 10 s", Yard, false, |seed| {
            Receiver::start(YARD.wandering(), seed)
        }),
        model("canyon-wander", "canyon, errors last 20 s on the move, Doppler error 10 s", Canyon, false, |seed| {
            Receiver::start(CANYON.wandering(), seed)
        }),
        nmea(model("open-hdop", "open, accuracy from HDOP, off by 0.3 to 1.5", Open, false, |seed| {
            Receiver::start(OPEN.by_hdop(), seed)
        })),
        nmea(model("yard-hdop", "yard, accuracy from HDOP, off by 0.3 to 1.5", Yard, false, |seed| {
            Receiver::start(YARD.by_hdop(), seed)
        })),
        nmea(model("canyon-hdop", "canyon, accuracy from HDOP, off by 0.3 to 1.5", Canyon, false, |seed| {
            Receiver::start(CANYON.by_hdop(), seed)
        })),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEDS: u32 = 4_000;

    fn state(speed_mps: f64) -> State {
        State { point: Point { east: 0.0, north: 0.0 }, speed_mps, heading: Point { east: 1.0, north: 0.0 } }
    }

    /// Mean over many drives of `x(0)^2`, of `x(0) x(lag)` and of the reported accuracy.
    fn moments(level: Level, speed_mps: f64, lag_s: u32) -> (f64, f64, f64) {
        let quiet = Level { outliers_per_s: 0.0, ..level };
        let mut sums = (0.0, 0.0, 0.0);
        for seed in 0..SEEDS {
            let mut receiver = Receiver::start(quiet, u64::from(seed));
            let first = receiver.next(1.0, &state(speed_mps));
            let last = (0..lag_s).fold(first, |_, _| receiver.next(1.0, &state(speed_mps)));
            for (a, b) in [(first.offset_m.east, last.offset_m.east), (first.offset_m.north, last.offset_m.north)] {
                sums.0 += a * a;
                sums.1 += a * b;
            }
            sums.2 += first.sigma_m;
        }
        let n = f64::from(SEEDS);
        (sums.0 / (2.0 * n), sums.1 / (2.0 * n), sums.2 / n)
    }

    fn near(a: f64, b: f64, share: f64) {
        assert!((a - b).abs() < share * b.abs(), "{a} is not {b}");
    }

    #[test]
    fn the_three_parts_add_up_to_what_the_receiver_believes() {
        for level in [OPEN, YARD, CANYON] {
            let sum = level.fast.0.powi(2) + level.slow.0.powi(2) + level.white_m.powi(2);
            near(level.believed_m, sum.sqrt(), 0.001);
            near(moments(level, 0.0, 0).0, sum, 0.06);
        }
    }

    #[test]
    fn errors_last_as_long_as_they_should_parked_and_moving() {
        let (fast, slow) = (36.0, 16.0);
        let parked = fast * (-60.0_f64 / 45.0).exp() + slow * (-60.0_f64 / 600.0).exp();
        near(moments(YARD, 0.0, 60).1, parked, 0.08);
        let moving = fast * (-10.0_f64 / 5.0).exp() + slow * (-10.0_f64 / 600.0).exp();
        near(moments(YARD, 10.0, 10).1, moving, 0.1);
        let wandering = fast * (-10.0_f64 / 20.0).exp() + slow * (-10.0_f64 / 600.0).exp();
        near(moments(YARD.wandering(), 10.0, 10).1, wandering, 0.1);
    }

    #[test]
    fn the_under_reporting_receiver_is_half_as_bad_again_and_does_not_say_so() {
        let (honest, under) = (moments(YARD, 0.0, 0), moments(YARD.under_reported(), 0.0, 0));
        near(under.0 / honest.0, 2.25, 0.08);
        near(under.2, honest.2, 1e-9);
        near(honest.2, 7.28 * 0.8, 0.02);
    }

    #[test]
    fn outliers_come_as_often_as_they_should_and_last_one_to_three_fixes() {
        let only = Level { fast: (0.0, 1.0), slow: (0.0, 1.0), white_m: 0.0, ..CANYON };
        let mut receiver = Receiver::start(only, 1);
        let (mut runs, mut fixes, mut before) = (0.0, 0.0, false);
        for _ in 0..1_000_000 {
            let offset = receiver.next(1.0, &state(0.0)).offset_m;
            let out = offset.east != 0.0;
            fixes += f64::from(u8::from(out));
            runs += f64::from(u8::from(out && !before));
            before = out;
        }
        near(runs, 1_000_000.0 / 1_200.0, 0.1);
        near(fixes / runs, 2.0, 0.08);
    }

    #[test]
    fn doppler_is_white_or_wanders_as_told() {
        let product = |level: Level| {
            let mut receiver = Receiver::start(level, 3);
            let mut last = 0.0;
            let products = (0..200_000).map(|_| {
                let now = receiver.next(1.0, &state(0.0)).velocity_mps.east;
                let product = now * last;
                last = now;
                product
            });
            products.sum::<f64>() / 200_000.0
        };
        assert!(product(YARD).abs() < 0.001);
        near(product(YARD.wandering()), 0.24 * 0.24 * (-0.1_f64).exp(), 0.05);
    }
}
