//! By how much is a fix wrong, and what does the receiver say about it?
//!
//! Per axis two Gauss-Markov processes and white noise: errors of a receiver are correlated over a minute (reflections) and over
//! twenty (ionosphere, orbits), which no averaging over a standing truck removes. Moving breaks the reflections up.

use super::ground::Metres;
use super::random::Random;
use super::route::Sky;

/// Standard deviations in metres, time constants in seconds, per axis.
#[derive(Debug, Clone, Copy)]
struct Level {
    sigma1: f64,
    tau1: f64,
    sigma2: f64,
    tau2: f64,
    white: f64,
}

const OPEN: Level = Level { sigma1: 1.5, tau1: 60.0, sigma2: 2.0, tau2: 1_200.0, white: 0.4 };
const YARD: Level = Level { sigma1: 6.0, tau1: 45.0, sigma2: 4.0, tau2: 600.0, white: 1.0 };

/// Above this speed the reflections change within seconds.
const MOVING_MPS: f64 = 1.0;
const TAU1_MOVING_S: f64 = 5.0;
/// How fast the level follows the surroundings: buildings do not appear in one second.
const APPROACH_S: f64 = 15.0;

/// The error of one epoch.
#[derive(Debug, Clone, Copy)]
pub struct Error {
    /// What is added to the true position.
    pub position: Metres,
    /// What is added to the true velocity, m/s.
    pub velocity: Metres,
    /// The true standard deviation per axis, in metres.
    pub sigma_m: f64,
}

/// The error process of one receiver on one drive.
#[derive(Debug, Clone)]
pub struct Noise {
    random: Random,
    level: Level,
    /// Both processes of both axes, as multiples of their standard deviation.
    east: [f64; 2],
    north: [f64; 2],
}

impl Noise {
    /// Starts from the stationary law, in the yard where shifts begin.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::stream(seed, "noise");
        let east = [random.normal(), random.normal()];
        let north = [random.normal(), random.normal()];
        Self { random, level: OPEN, east, north }
    }

    /// The error `dt_s` after the previous one.
    pub fn step(&mut self, dt_s: f64, sky: Sky, speed_mps: f64) -> Error {
        self.follow(if sky == Sky::Yard { YARD } else { OPEN }, dt_s);
        let Level { sigma1, tau1, sigma2, tau2, white } = self.level;
        let tau1 = if speed_mps > MOVING_MPS { tau1.min(TAU1_MOVING_S) } else { tau1 };
        let Self { random, east, north, .. } = self;
        let mut axis = |[slow1, slow2]: &mut [f64; 2]| {
            advance(slow1, dt_s, tau1, random);
            advance(slow2, dt_s, tau2, random);
            sigma1 * *slow1 + sigma2 * *slow2 + white * random.normal()
        };
        let position = Metres::new(axis(east), axis(north));
        let doppler = 0.12 + 0.02 * sigma1;
        let velocity = Metres::new(doppler * random.normal(), doppler * random.normal());
        Error { position, velocity, sigma_m: (sigma1 * sigma1 + sigma2 * sigma2 + white * white).sqrt() }
    }

    fn follow(&mut self, target: Level, dt_s: f64) {
        let share = 1.0 - (-dt_s / APPROACH_S).exp();
        let blend = |now: f64, target: f64| now + share * (target - now);
        self.level = Level {
            sigma1: blend(self.level.sigma1, target.sigma1),
            tau1: blend(self.level.tau1, target.tau1),
            sigma2: blend(self.level.sigma2, target.sigma2),
            tau2: blend(self.level.tau2, target.tau2),
            white: blend(self.level.white, target.white),
        };
    }
}

/// One step of a unit Gauss-Markov process.
fn advance(state: &mut f64, dt_s: f64, tau_s: f64, random: &mut Random) {
    let f = (-dt_s / tau_s).exp();
    *state = f * *state + (1.0 - f * f).sqrt() * random.normal();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_sky_is_as_good_as_its_level_says() {
        let mut squares = 0.0;
        let mut count = 0.0;
        for seed in 0..200 {
            let mut noise = Noise::new(seed);
            for _ in 0..20 {
                let error = noise.step(60.0, Sky::Open, 0.0);
                squares += error.position.east * error.position.east;
                count += 1.0;
            }
        }
        let sigma = f64::sqrt(squares / count);
        assert!((sigma - 2.53).abs() < 0.15, "{sigma}");
    }
}
