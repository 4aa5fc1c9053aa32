//! What does the receiver in the cab say while the truck drives its shift?
//!
//! Epochs as a multi-constellation receiver writes them (NMEA 4.10): RMC, VTG, GGA, GSA, GSV, GLL and on request GST, void epochs
//! from a cold start and in tunnels, a fix only some seconds after the sky is back. HDOP and GST are honest: they state the
//! deviation that the noise really has.

mod sentence;
pub mod ublox;

use sentence::{Observation, Solution};

use crate::world::Shift;
use crate::world::ground::Metres;
use crate::world::noise::Noise;
use crate::world::random::Random;
use crate::world::route::{STEP_S, Sample, Sky};

/// What a receiver assumes of one range, in metres: HDOP times this is the accuracy per axis that readers of HDOP derive.
const RANGE_ERROR_M: f64 = 5.0;
/// Below this speed receivers leave the course empty.
const COURSE_MPS: f64 = 0.4;

/// How the receiver is set up.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// Epochs per second: 1, 2, 5 or 10.
    pub rate_hz: u32,
    /// Whether GST is switched on.
    pub gst: bool,
    /// Void epochs after power-on, in seconds.
    pub cold_start_s: f64,
    /// Void epochs after the sky is back, in seconds: from, to.
    pub reacquire_s: (f64, f64),
}

impl Default for Setup {
    fn default() -> Self {
        Self { rate_hz: 1, gst: true, cold_start_s: 12.0, reacquire_s: (6.0, 18.0) }
    }
}

/// One burst of sentences.
#[derive(Debug, Clone)]
pub struct Epoch {
    /// The time of the fix, in seconds since the start of the shift.
    pub at_s: f64,
    /// The sentences, as on the wire.
    pub bytes: Vec<u8>,
}

/// Everything the receiver says during `shift`, when the shift begins at `start_utc_ms`.
#[must_use]
pub fn listen(shift: &Shift, start_utc_ms: i64, setup: Setup) -> Vec<Epoch> {
    let mut antenna = Antenna::new(shift.seed, setup);
    let rate = usize::try_from(setup.rate_hz.clamp(1, 10)).unwrap_or(1);
    let every = 10 / rate;
    let step_ms = i64::try_from(every).unwrap_or(10) * 100;
    let mut epochs = Vec::new();
    let mut utc_ms = start_utc_ms;
    for (index, sample) in shift.path.samples().step_by(every).enumerate() {
        let at_s = crate::world::truth::seconds_of(index * every);
        let solution = antenna.observe(shift, at_s, sample, every);
        let observation = Observation { utc_ms, time_known: at_s >= antenna.time_known_s, solution };
        epochs.push(Epoch { at_s, bytes: sentence::epoch(&observation, setup.gst).into_bytes() });
        utc_ms += step_ms;
    }
    epochs
}

/// The receiver's memory between epochs.
struct Antenna {
    noise: Noise,
    random: Random,
    setup: Setup,
    /// No fix before this time of the shift.
    blind_until_s: f64,
    /// Before this time the receiver does not even know the time of day.
    time_known_s: f64,
}

impl Antenna {
    fn new(seed: u64, setup: Setup) -> Self {
        Self {
            noise: Noise::new(seed),
            random: Random::stream(seed, "receiver"),
            setup,
            blind_until_s: setup.cold_start_s,
            time_known_s: setup.cold_start_s / 2.0,
        }
    }

    fn observe(&mut self, shift: &Shift, at_s: f64, sample: &Sample, every: usize) -> Option<Solution> {
        let dt_s = crate::world::truth::seconds_of(every).max(STEP_S);
        let error = self.noise.step(dt_s, sample.sky, sample.speed_mps);
        if sample.sky == Sky::Tunnel {
            let (from, to) = self.setup.reacquire_s;
            self.blind_until_s = at_s + self.random.uniform(from, to);
        }
        if at_s < self.blind_until_s {
            return None;
        }
        let at = Metres::new(sample.at.east + error.position.east, sample.at.north + error.position.north);
        let velocity = Metres::new(
            sample.speed_mps * sample.course.east + error.velocity.east,
            sample.speed_mps * sample.course.north + error.velocity.north,
        );
        let speed_mps = velocity.east.hypot(velocity.north);
        let course_deg = velocity.east.atan2(velocity.north).to_degrees().rem_euclid(360.0);
        let hdop = (error.sigma_m / RANGE_ERROR_M).max(0.6) + self.random.uniform(0.0, 0.15);
        Some(Solution {
            at: shift.origin.degrees(at),
            speed_mps,
            course_deg: (speed_mps >= COURSE_MPS).then_some(course_deg),
            hdop,
            sigma_m: error.sigma_m,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(epoch: &Epoch) -> Vec<String> {
        String::from_utf8(epoch.bytes.clone()).expect("NMEA is ASCII").lines().map(str::to_owned).collect()
    }

    #[test]
    fn every_sentence_has_a_good_checksum_and_ends_in_crlf() {
        let shift = Shift::errands(3, 1);
        for epoch in listen(&shift, 1_795_000_000_000, Setup::default()) {
            assert!(epoch.bytes.ends_with(b"\r\n"));
            for sentence in sentences(&epoch) {
                let (body, sum) = sentence[1..].split_once('*').expect("a checksum");
                let expected = body.bytes().fold(0u8, |sum, byte| sum ^ byte);
                assert_eq!(u8::from_str_radix(sum, 16).expect("hex"), expected, "{sentence}");
            }
        }
    }

    #[test]
    fn cold_start_and_tunnel_are_void_and_carry_no_position() {
        let epochs = listen(&Shift::day(1), 1_795_000_000_000, Setup::default());
        let void: Vec<_> = epochs.iter().filter(|epoch| sentences(epoch)[0].contains(",V,")).collect();
        assert!(void.len() > 12 + 45, "{} void epochs", void.len());
        for epoch in void {
            let rmc = sentences(epoch).remove(0);
            let fields: Vec<_> = rmc.split(',').collect();
            assert_eq!(fields[2..9], ["V", "", "", "", "", "", ""], "{rmc}");
        }
    }

    #[test]
    fn ten_hertz_gives_ten_epochs_a_second() {
        let shift = Shift::errands(3, 1);
        let slow = listen(&shift, 1_795_000_000_000, Setup::default()).len();
        let fast = listen(&shift, 1_795_000_000_000, Setup { rate_hz: 10, ..Setup::default() }).len();
        assert!(fast.abs_diff(slow * 10) <= 10);
    }
}
