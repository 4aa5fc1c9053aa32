//! What is left when everything around an event is killed at random moments? Every event, once.
//!
//! The real receiver, a real broker that forgets its sessions, a real database; trucks that owe what is not acknowledged. Which one is
//! killed when follows from a seed. `GATESTAMP_RECEIVER_KILLS` and `GATESTAMP_RECEIVER_SEED` make a longer run and another one.

use std::time::Duration;

use gatestamp_receiver::store::{self, Place, Value};
use hil_tests::clock::await_condition;
use hil_tests::mosquitto::Mosquitto;

use crate::rig::process::{Receiver, configure, start};
use crate::rig::truck::Truck;
use crate::rig::{Database, event};

const TRUCKS: [&str; 3] = ["t1", "t2", "t3"];
const PATIENCE: Duration = Duration::from_secs(60);

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Knuth's MMIX generator; its upper bits are good enough to choose a victim.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Kills one after the other, each `kills` times at random moments, and brings it back after a random while.
fn rage(broker: &mut Mosquitto, receivers: &mut [Receiver], database: &mut Database, kills: u64, seed: u64) {
    let mut dice = Dice(seed);
    let moment = |dice: &mut Dice, most: u64| std::thread::sleep(Duration::from_millis(dice.below(most)));
    for _ in 0..kills {
        moment(&mut dice, 400);
        let victim = dice.below(receivers.len() as u64 + 2);
        match (victim, &mut *database) {
            (0, _) => {
                broker.kill();
                moment(&mut dice, 200);
                broker.restart().expect("the broker comes back");
            }
            (1, Database::Postgres(server)) => {
                server.kill();
                moment(&mut dice, 200);
                server.restart().expect("the database comes back");
            }
            (other, _) => {
                let index = usize::try_from(other.saturating_sub(2)).expect("small") % receivers.len();
                let receiver = receivers.get_mut(index).expect("one of them");
                receiver.kill();
                moment(&mut dice, 200);
                receiver.restart().expect("the receiver starts");
            }
        }
    }
}

/// Every event of every truck is there once, with its bytes, and acknowledged to the last.
fn verify(place: &Place, total: u64) {
    let mut store = store::beside(place).expect("the database opens");
    let sql = "SELECT e.sequence, e.id, e.body FROM event e JOIN device d ON d.key = e.device_key
        WHERE d.truck = $1 ORDER BY e.sequence";
    for truck in TRUCKS {
        let rows = store.query(sql, &[truck.into()]).expect("asked");
        assert_eq!(rows.len() as u64, total, "{truck}: events");
        for (row, sequence) in rows.iter().zip(1..) {
            let [found, id, body] = row.as_slice() else { panic!("three columns: {row:?}") };
            assert_eq!(found.int(), Some(i64::try_from(sequence).expect("small")), "{truck}: gap-free");
            assert_eq!(id.text(), Some(format!("{}-{truck}-{sequence}", event::FLEET).as_str()));
            assert_eq!(body.bytes(), Some(event::arrival(truck, sequence).as_slice()), "{truck}: bytes");
        }
    }
    let strange =
        "SELECT (SELECT count(*) FROM conflict) + (SELECT count(*) FROM refused) + (SELECT count(*) FROM lost)";
    assert_eq!(store.query(strange, &[]).expect("asked"), [[Value::Int(0)]]);
}

#[expect(clippy::print_stdout, reason = "the figures of a long run")]
fn survives(mut database: Database, dir: &std::path::Path, receivers: &[&str], more: &str) {
    let (kills, seed) = (setting("GATESTAMP_RECEIVER_KILLS", 10), setting("GATESTAMP_RECEIVER_SEED", 7));
    let total = 200 + kills * 60;
    let mut broker = Mosquitto::start(dir).expect("a broker");
    let start = |name: &&str| start(&configure(dir, name, broker.port(), &database.place(), more));
    let mut receivers: Vec<Receiver> = receivers.iter().map(start).collect();
    let trucks = TRUCKS.map(|name| Truck::start(broker.port(), name, total, None));
    rage(&mut broker, &mut receivers, &mut database, kills, seed);
    let done = await_condition(PATIENCE, || trucks.iter().all(|truck| truck.thru() == total));
    let reached: Vec<u64> = trucks.iter().map(Truck::thru).collect();
    let said = receivers.iter().map(Receiver::log).collect::<Vec<_>>().join("\n--\n");
    assert!(done, "seed {seed}, after {kills} kills: {reached:?} of {total}\n{said}");
    verify(&database.place(), total);
    let published: u64 = trucks.iter().map(Truck::published).sum();
    println!("seed {seed}: {kills} kills, {} events, {published} publishes, 0 missing, 0 doubled", total * 3);
}

#[test]
fn nothing_is_missing_or_doubled_in_sqlite_whatever_is_killed() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    survives(Database::sqlite(dir.path()), dir.path(), &["r1"], "");
}

#[test]
fn nothing_is_missing_or_doubled_in_postgres_whatever_is_killed() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    survives(Database::postgres(dir.path()), dir.path(), &["r1"], "");
}

#[test]
fn two_receivers_share_a_fleet_over_one_postgres_and_may_both_be_killed() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    survives(Database::postgres(dir.path()), dir.path(), &["r1", "r2"], "group = \"0123456789abcdef\"");
}
