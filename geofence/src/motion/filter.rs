//! Position and speed under time-correlated noise: a Kalman filter in a local plane.
//!
//! East and north are independent and share one 2x2 covariance. The error of a receiver is correlated over a minute
//! while it stands and over seconds while it moves; a filter that took its fixes for independent would be sure of a
//! position that is wrong by ten metres. So the measurement noise is raised to the level that a white sequence needs for
//! the same power at zero frequency (R = sigma^2 (1 + phi) / (1 - phi), phi = exp(-dt / tau): the spectral density at zero of
//! a first-order autoregressive process, e.g. Brockwell and Davis, "Time Series: Theory and Methods", section 4.4).

use serde::{Deserialize, Serialize};

/// Correlation time of the position error while the truck stands, seconds.
const TAU_STANDING_S: f64 = 60.0;
/// The same while it moves: reflections change with the place.
pub(super) const TAU_MOVING_S: f64 = 5.0;
/// Below this speed the longer correlation time holds, m/s.
const STANDING_MPS: f64 = 1.0;
/// White acceleration of a moving truck, m^2/s^3.
const Q_MOVING: f64 = 1.0;
/// The same while it is parked: not zero, since "parked" may be wrong.
const Q_PARKED: f64 = 0.01;
/// Variance of a velocity component at the first fix, m^2/s^2.
const START_VELOCITY_M2: f64 = 1.0;
/// The same after a gap: anything a truck may do.
const GAP_VELOCITY_M2: f64 = 100.0;
/// The same after a jump that was believed: its fixes agreed with their own speeds.
const JUMP_VELOCITY_M2: f64 = 0.5;
/// Doppler noise per axis in good reception, m^2/s^2.
const DOPPLER_M2: f64 = 0.09;
/// The same for a speed that is the mean of some seconds: it lags by a few, at 1 m/s^2.
const DERIVED_M2: f64 = 6.0;
/// What reflections add to it ...
const DOPPLER_REFLECTED_M2: f64 = 0.6;
/// ... where the accuracy is worse than this, metres.
const REFLECTED_SIGMA_M: f64 = 12.0;
/// Turns and lags of the receiver's own filter: share of the speed (1 sigma).
const DOPPLER_SHARE: f64 = 0.03;
/// Some receivers tell a speed that is wrong by a constant few percent: variance of that share before it is learned ...
const SCALE_START: f64 = 0.0009;
/// ... and how fast it may change, per second.
const SCALE_Q: f64 = 1e-7;
/// A fix that misses by more (chi squared) has jumped, and tells nothing of speeds.
const SCALE_SURPRISE_MAX: f64 = 4.0;
/// No receiver is worse.
const SCALE_MAX: f64 = 0.1;
/// A gap longer than this leaves no guess where the truck went, seconds.
const DRIFT_ON_MAX_S: f64 = 180.0;

/// A vector in the local plane: east, north.
pub(super) type Vector = [f64; 2];

/// The filter's state. Metres and m/s in the local plane.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Filter {
    pub(super) position: Vector,
    pub(super) velocity: Vector,
    /// Variance of a position component, m^2.
    pub(super) pp: f64,
    /// Covariance of position and velocity, m^2/s.
    pp_v: f64,
    /// Variance of a velocity component, m^2/s^2.
    vv: f64,
    /// By what share the truck is faster than the receiver says.
    scale: f64,
    /// Variance of that.
    ss: f64,
    /// Its covariance with the position along the way, m.
    ps: f64,
}

/// One fix in the local plane.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Measurement {
    pub(super) position: Vector,
    /// Accuracy per axis as the receiver claims it, less its usual optimism, metres (1 sigma).
    pub(super) claimed_m: f64,
    /// The same as its fixes have proved it, metres.
    pub(super) sigma_m: f64,
    /// Of that, what changes from fix to fix, metres.
    pub(super) noise_m: f64,
    /// Velocity, if the receiver tells speed and course.
    pub(super) velocity: Option<Vector>,
    /// Speed over ground, m/s.
    pub(super) speed_mps: Option<f64>,
    /// Velocity, if the receiver tells a speed only and the truck goes on the way it went.
    pub(super) along: Option<Vector>,
    /// The receiver tells no speed: it was derived from positions, and lags behind.
    pub(super) derived: bool,
}

impl Filter {
    /// Starts at a fix.
    pub(super) fn start(at: &Measurement) -> Self {
        let velocity = at.velocity.unwrap_or([0.0; 2]);
        let pp = at.sigma_m * at.sigma_m;
        let vv = START_VELOCITY_M2;
        Self { position: at.position, velocity, pp, pp_v: 0.0, vv, scale: 0.0, ss: SCALE_START, ps: 0.0 }
    }

    /// Goes on from a fix of a jump that was believed; what was learned about the speed stays.
    pub(super) fn jump(&self, at: &Measurement) -> Self {
        Self { vv: JUMP_VELOCITY_M2, scale: self.scale, ss: self.ss, ..Self::start(at) }
    }

    /// `dt_s` seconds of an unbroken series later.
    pub(super) fn predict(&mut self, dt_s: f64, parked: bool) {
        let q = if parked { Q_PARKED } else { Q_MOVING };
        self.position = add(self.position, scale(self.velocity, dt_s));
        let way_m = norm(self.velocity) * dt_s;
        self.pp += 2.0 * way_m * self.ps + way_m * way_m * self.ss;
        self.ps += way_m * self.ss;
        self.ss = (self.ss + SCALE_Q * dt_s).min(SCALE_START);
        self.pp += 2.0 * dt_s * self.pp_v + dt_s * dt_s * self.vv + q * dt_s * dt_s * dt_s / 3.0;
        self.pp_v += dt_s * self.vv + q * dt_s * dt_s / 2.0;
        self.vv += q * dt_s;
    }

    /// `dt_s` seconds later, of which nothing is known.
    pub(super) fn lose(&mut self, dt_s: f64, parked: bool) {
        if !parked && dt_s < DRIFT_ON_MAX_S {
            self.position = add(self.position, scale(self.velocity, 0.5 * dt_s));
        }
        let spread_m = if parked { (0.05 * dt_s).min(60.0) } else { (12.0 * dt_s).min(5_000.0) };
        self.velocity = [0.0; 2];
        self.pp += spread_m * spread_m;
        (self.pp_v, self.ps) = (0.0, 0.0);
        self.vv = GAP_VELOCITY_M2;
    }

    /// Squared distance of a fix from the prediction in units of its variance (chi squared, two degrees of freedom).
    pub(super) fn surprise(&self, fix: &Measurement) -> f64 {
        let miss = sub(fix.position, self.position);
        (miss[0] * miss[0] + miss[1] * miss[1]) / (self.pp + fix.sigma_m * fix.sigma_m)
    }

    /// Takes a fix `dt_s` after the one before; `fresh`: the first one after a gap, whose error has nothing in common with
    /// the error before it.
    pub(super) fn update(&mut self, fix: &Measurement, dt_s: f64, fresh: bool) {
        let standing = fix.along.is_none() && fix.speed_mps.unwrap_or_else(|| norm(self.velocity)) <= STANDING_MPS;
        let tau_s = if standing { TAU_STANDING_S } else { TAU_MOVING_S };
        let phi = libm::exp(-dt_s.min(600.0) / tau_s);
        let colour = ((1.0 + phi) / (1.0 - phi)).max(1.0);
        let variance = if fresh { fix.sigma_m * fix.sigma_m } else { fix.noise_m * fix.noise_m * colour };
        if self.surprise(fix) <= SCALE_SURPRISE_MAX {
            self.update_scale(sub(fix.position, self.position), variance);
        }
        self.update_position(fix.position, variance);
        let Some(speed) = fix.speed_mps else { return };
        let reflected = if fix.sigma_m > 1.5 * REFLECTED_SIGMA_M { DOPPLER_REFLECTED_M2 } else { 0.0 };
        // More than one speed a second is the same one, smoothed.
        let doppler = if fix.derived { DERIVED_M2 } else { DOPPLER_M2 + reflected };
        let noise = doppler / dt_s.clamp(0.05, 1.0);
        // A speed without a course has any direction: zero on average, half of its square in variance on each axis. The same
        // variance stands for the turns of a truck that creeps on.
        let (velocity, share) = match (fix.velocity, fix.along) {
            (Some(velocity), _) => (scale(velocity, 1.0 + self.scale), DOPPLER_SHARE * DOPPLER_SHARE),
            (None, Some(along)) => (along, 0.25),
            (None, None) => ([0.0; 2], 0.5),
        };
        self.update_velocity(velocity, noise + share * speed * speed);
    }

    fn update_position(&mut self, measured: Vector, variance: f64) {
        let miss = sub(measured, self.position);
        let (k_p, k_v) = (self.pp / (self.pp + variance), self.pp_v / (self.pp + variance));
        self.ps *= 1.0 - k_p;
        self.position = add(self.position, scale(miss, k_p));
        self.velocity = add(self.velocity, scale(miss, k_v));
        self.vv -= k_v * self.pp_v;
        self.pp *= 1.0 - k_p;
        self.pp_v *= 1.0 - k_p;
    }

    /// A truck that keeps running ahead of its speed, or behind, is told a wrong one.
    fn update_scale(&mut self, miss: Vector, variance: f64) {
        let speed = norm(self.velocity);
        if speed < STANDING_MPS {
            return;
        }
        let along_m = (miss[0] * self.velocity[0] + miss[1] * self.velocity[1]) / speed;
        let k_s = self.ps / (self.pp + variance);
        self.scale = (self.scale + k_s * along_m).clamp(-SCALE_MAX, SCALE_MAX);
        self.ss -= k_s * self.ps;
    }

    fn update_velocity(&mut self, measured: Vector, variance: f64) {
        let miss = sub(measured, self.velocity);
        let (g, h) = (self.vv / (self.vv + variance), self.pp_v / (self.vv + variance));
        self.position = add(self.position, scale(miss, h));
        self.velocity = add(self.velocity, scale(miss, g));
        self.pp -= h * self.pp_v;
        self.pp_v *= 1.0 - g;
        self.vv *= 1.0 - g;
    }
}

pub(super) fn add(a: Vector, b: Vector) -> Vector {
    [a[0] + b[0], a[1] + b[1]]
}

pub(super) fn sub(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1]]
}

pub(super) fn scale(a: Vector, factor: f64) -> Vector {
    [a[0] * factor, a[1] * factor]
}

pub(super) fn norm(a: Vector) -> f64 {
    libm::hypot(a[0], a[1])
}
