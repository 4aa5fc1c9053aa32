//! What happens to whom, and when? A function of the seed, the fleet and the length of the drive.
//!
//! Times are seconds of the drive. How often things happen is counted in real seconds, since what has to recover is real.

use hil_tests::world::random::Random;

use crate::options::Kind;

/// Each truck is killed about this often, and at least once.
const KILL_EVERY_S: f64 = 30.0;
/// Its link fails about this often, and at least once.
const LINK_EVERY_S: f64 = 30.0;
/// Its system clock jumps about this often, and at least once; the agent sees it at its next start.
const JUMP_EVERY_S: f64 = 60.0;
/// The broker is killed about this often, and at least once.
const BROKER_EVERY_S: f64 = 20.0;
/// One of the receivers, likewise.
const RECEIVER_EVERY_S: f64 = 10.0;
/// The database server, likewise: it recovers for a second or two.
const DATABASE_EVERY_S: f64 = 30.0;
/// How long a truck is dead, in seconds of its drive: less than half of a stay at the shop, so that each stay is seen.
const DEAD_S: (f64, f64) = (5.0, 40.0);
/// How long a link is cut or stalled, in seconds of the drive.
const LINK_DOWN_S: (f64, f64) = (30.0, 480.0);
/// How long broker, receivers and server are dead, real seconds.
const DEAD_REAL_S: (f64, f64) = (0.05, 1.0);
/// A system clock is set back by at most this, or forward: ten years, in milliseconds.
const JUMP_MS: f64 = 10.0 * 365.25 * 86_400_000.0;
/// In peace at the beginning: the first fix comes after 30 s.
const CALM_BEFORE_S: f64 = 35.0;
/// In peace at the end, so that the last arrival can be confirmed while fixes still come.
const CALM_AFTER_S: f64 = 95.0;

/// What is done to a truck or its link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TruckFault {
    /// Killed, and dead for so many seconds of the drive.
    Kill(f64),
    /// Started again. Only for those that do not start themselves.
    Start,
    /// Its link is cut.
    Cut,
    /// Its link forwards nothing.
    Stall,
    /// Its link is as before.
    Restore,
    /// Its connection leads nowhere.
    Desert,
    /// Its system clock is set forward, or back, by milliseconds.
    Jump(i64),
}

/// What is done to dispatch's side; dead for so many real seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WorldFault {
    /// The broker.
    Broker(f64),
    /// The receiver of this number.
    Receiver(usize, f64),
    /// The database server.
    Database(f64),
}

/// Everything that will happen, each list in order of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// When, to which truck, what.
    pub trucks: Vec<(f64, usize, TruckFault)>,
    /// When, what.
    pub world: Vec<(f64, WorldFault)>,
}

impl Plan {
    /// The plan of a seed for `trucks` and what dispatch has with `database`, on a drive of `duration_s` seconds at `speed` times life.
    #[must_use]
    pub fn new(seed: u64, trucks: usize, database: Kind, duration_s: f64, speed: u32) -> Self {
        let when = When { duration_s, speed: f64::from(speed) };
        let mut plan = Self::default();
        for truck in 0..trucks {
            plan.truck(&mut Random::stream(seed.wrapping_add(truck as u64), "truck"), truck, &when);
        }
        plan.dispatch(&mut Random::stream(seed, "dispatch"), database, &when);
        plan.trucks.sort_by(|(a, ..), (b, ..)| a.total_cmp(b));
        plan.world.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        plan
    }

    fn truck(&mut self, random: &mut Random, truck: usize, when: &When) {
        for at_s in when.times(random, KILL_EVERY_S) {
            let dead_s = random.uniform(DEAD_S.0, DEAD_S.1);
            self.trucks.extend([(at_s, truck, TruckFault::Kill(dead_s)), (at_s + dead_s, truck, TruckFault::Start)]);
        }
        for at_s in when.times(random, LINK_EVERY_S) {
            let fault = *pick(random, &[TruckFault::Cut, TruckFault::Stall, TruckFault::Desert]);
            self.trucks.push((at_s, truck, fault));
            if fault != TruckFault::Desert {
                let up_s = (at_s + random.uniform(LINK_DOWN_S.0, LINK_DOWN_S.1)).min(when.last_s());
                self.trucks.push((up_s.max(at_s), truck, TruckFault::Restore));
            }
        }
        for at_s in when.times(random, JUMP_EVERY_S) {
            #[expect(clippy::cast_possible_truncation, reason = "at most ten years of milliseconds")]
            let by_ms = random.uniform(-JUMP_MS, JUMP_MS) as i64;
            self.trucks.push((at_s, truck, TruckFault::Jump(by_ms)));
        }
    }

    fn dispatch(&mut self, random: &mut Random, database: Kind, when: &When) {
        let dead = |random: &mut Random| random.uniform(DEAD_REAL_S.0, DEAD_REAL_S.1);
        for at_s in when.times(random, BROKER_EVERY_S) {
            self.world.push((at_s, WorldFault::Broker(dead(random))));
        }
        let all: Vec<usize> = (0..database.receivers()).collect();
        for at_s in when.times(random, RECEIVER_EVERY_S) {
            let number = *pick(random, &all);
            self.world.push((at_s, WorldFault::Receiver(number, dead(random))));
        }
        // A file has no server: its client is the receiver.
        for at_s in if database == Kind::Postgres { when.times(random, DATABASE_EVERY_S) } else { Vec::new() } {
            self.world.push((at_s, WorldFault::Database(dead(random))));
        }
    }
}

/// The part of a drive in which things happen.
struct When {
    duration_s: f64,
    speed: f64,
}

impl When {
    fn last_s(&self) -> f64 {
        (self.duration_s - CALM_AFTER_S).max(CALM_BEFORE_S)
    }

    /// Moments of something that happens about every `every_s` real seconds, and once at least.
    fn times(&self, random: &mut Random, every_s: f64) -> Vec<f64> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a day of seconds at most, and not below one"
        )]
        let count = (self.duration_s / self.speed / every_s).round().max(1.0) as usize;
        (0..count).map(|_| random.uniform(CALM_BEFORE_S, self.last_s())).collect()
    }
}

fn pick<'a, T>(random: &mut Random, of: &'a [T]) -> &'a T {
    let limit = u64::try_from(of.len()).unwrap_or(1).max(1);
    let index = usize::try_from((random.bits() >> 32) % limit).unwrap_or(0);
    of.get(index).or(of.first()).expect("never asked to choose from nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_names_the_plan() {
        let plan = |seed| Plan::new(seed, 5, Kind::Postgres, 800.0, 40);
        assert_eq!(plan(1), plan(1));
        assert_ne!(plan(1), plan(2));
    }

    #[test]
    fn however_short_the_drive_everything_dies_once_and_every_link_fails() {
        let plan = Plan::new(7, 5, Kind::Postgres, 800.0, 40);
        for truck in 0..5 {
            let of = |wanted: fn(&TruckFault) -> bool| {
                plan.trucks.iter().filter(|(_, who, fault)| *who == truck && wanted(fault)).count()
            };
            assert!(of(|fault| matches!(fault, TruckFault::Kill(_))) >= 1);
            assert!(of(|fault| matches!(fault, TruckFault::Cut | TruckFault::Stall | TruckFault::Desert)) >= 1);
            assert!(of(|fault| matches!(fault, TruckFault::Jump(_))) >= 1);
        }
        for wanted in [
            |fault: &WorldFault| matches!(fault, WorldFault::Broker(_)),
            |fault: &WorldFault| matches!(fault, WorldFault::Receiver(..)),
            |fault: &WorldFault| matches!(fault, WorldFault::Database(_)),
        ] {
            assert!(plan.world.iter().any(|(_, fault)| wanted(fault)));
        }
    }

    #[test]
    fn the_end_of_the_drive_is_left_in_peace_with_every_link_up() {
        let plan = Plan::new(7, 200, Kind::Sqlite, 1_500.0, 60);
        let last = plan.trucks.iter().filter(|(_, _, fault)| *fault != TruckFault::Start);
        assert!(last.map(|(at_s, ..)| *at_s).fold(0.0, f64::max) <= 1_500.0 - CALM_AFTER_S);
        for truck in 0..200 {
            let of_links =
                |fault: &TruckFault| matches!(fault, TruckFault::Cut | TruckFault::Stall | TruckFault::Restore);
            let newest = plan.trucks.iter().rev().find(|(_, who, fault)| *who == truck && of_links(fault));
            assert!(newest.is_none_or(|(_, _, fault)| *fault == TruckFault::Restore), "{truck}");
        }
    }
}
