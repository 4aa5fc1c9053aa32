//! Where do the trucks drive, and what do their receivers say meanwhile?
//!
//! Errands between a depot and a shop (`hil_tests::world`), of which the arrivals and departures are known. A few drives are made and
//! shared: a truck's own are its name, its journal and its faults.

use std::sync::Arc;

use hil_tests::receiver::{self, Epoch, Setup};
use hil_tests::world::Shift;
use hil_tests::world::facility::Zone;

use crate::limits::DRIVES_MAX;

/// One round of an errand: 640 to 690 s, by the dwell times that are drawn.
const ROUND_S: f64 = 670.0;
/// The first fix comes after so many seconds: the agents are up before it.
pub const COLD_START_S: f64 = 30.0;

/// A drive.
#[derive(Debug)]
pub struct Drive {
    /// What is true about it: of the crossings those of the sites, which arrivals and departures are.
    pub shift: Shift,
    /// What the receiver says.
    pub epochs: Arc<[Epoch]>,
}

impl Drive {
    /// Its length in seconds.
    #[must_use]
    pub fn duration_s(&self) -> f64 {
        self.shift.path.duration_s()
    }

    fn new(seed: u64, rounds: u32, start_utc_ms: i64) -> Self {
        let mut shift = Shift::errands(seed, rounds);
        let setup = Setup { cold_start_s: COLD_START_S, ..Setup::default() };
        let epochs = receiver::listen(&shift, start_utc_ms, setup).into();
        shift.crossings.retain(|crossing| crossing.zone == Zone::Site);
        Self { shift, epochs }
    }
}

/// The drives of a seed for `trucks`, of about so many hours, beginning at `start_utc_ms`. Truck n has the one at n modulo their number.
#[must_use]
pub fn prepare(seed: u64, trucks: usize, hours: f64, start_utc_ms: i64) -> Vec<Arc<Drive>> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most a day of rounds, and not below one"
    )]
    let rounds = (hours * 3_600.0 / ROUND_S).round().max(1.0) as u32;
    let count = u64::try_from(trucks.min(DRIVES_MAX)).unwrap_or(1);
    std::thread::scope(|scope| {
        let made: Vec<_> = (0..count)
            .map(|number| {
                scope.spawn(move || Arc::new(Drive::new(seed.wrapping_mul(1_000) + number, rounds, start_utc_ms)))
            })
            .collect();
        made.into_iter().filter_map(|drive| drive.join().ok()).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_names_the_drives_and_their_arrivals() {
        let (a, b) = (prepare(3, 2, 0.4, 1_795_000_000_000), prepare(3, 40, 0.4, 1_795_000_000_000));
        assert_eq!((a.len(), b.len()), (2, DRIVES_MAX));
        assert_eq!(a[1].shift.crossings, b[1].shift.crossings);
        assert_ne!(a[0].shift.crossings, a[1].shift.crossings);
        // Two rounds: out of the depot, into the shop, out of it, and home.
        assert_eq!(a[0].shift.crossings.len(), 8);
        assert!((1_300.0..1_700.0).contains(&a[0].duration_s()), "{}", a[0].duration_s());
    }
}
