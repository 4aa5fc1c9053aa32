//! The eight scenarios of the published table: a circle of 150 m and what happens at it.

use super::{Purpose, Scenario, World, circle, reaches, stand, with_spell, world};
use crate::path::{Waypoint, stop, via};
use crate::random::Chance;
use crate::receiver::What;

pub(super) const RADIUS_M: f64 = 150.0;
/// Garbage under a roof: a burst every ten minutes, 3 to 20 s long.
pub(super) const ROOF: What = What::NoSky { bursts_per_s: 1.0 / 600.0, burst_s: (3.0, 20.0) };

pub(super) fn scenarios() -> Vec<Scenario> {
    let classic = |name, about, purpose, make| Scenario { name, about, purpose, thirds: 3, classic: true, make };
    use Purpose::{Gap, NearMiss, Through, Visit};
    vec![
        classic("visit", "gate stop of 150 s, one hour at the dock", Visit, visit),
        Scenario { thirds: 1, ..classic("edge8h", "eight hours at a dock 5 to 20 m inside", Visit, edge8h) },
        classic("queue", "15 minutes of queue 10 to 25 m outside, then a visit", NearMiss, queue),
        classic("passby", "passes 12 to 35 m outside, half of them stop", NearMiss, passby),
        classic("chord", "cuts a corner 5 to 25 m inside at 20 to 28 m/s", Through, chord),
        classic("tunnel", "sky lost on the way in", Gap, tunnel),
        classic("steel", "one hour under a roof with garbage bursts", Gap, steel),
        classic("power", "four hours without power at the dock", Gap, power),
    ]
}

/// The yard of the table, and the drive.
pub(super) fn yard(route: &[Waypoint]) -> World {
    world(vec![circle("yard", (0.0, 0.0), RADIUS_M)], route)
}

pub(super) fn visit(chance: &mut Chance) -> World {
    let gate = RADIUS_M - chance.uniform(15.0, 40.0);
    let approach_mps = chance.uniform(8.0, 14.0);
    let dock = (chance.uniform(-90.0, 40.0), chance.uniform(-80.0, 80.0));
    yard(&[
        via(1_500.0, 0.0, 20.0),
        via(300.0, 0.0, 20.0),
        stop(gate, 0.0, approach_mps, 150.0),
        stop(dock.0, dock.1, 4.0, 3_600.0),
        via(gate, 0.0, 4.0),
        via(4_000.0, 0.0, 15.0),
    ])
}

fn edge8h(chance: &mut Chance) -> World {
    let depth = RADIUS_M - chance.uniform(5.0, 20.0);
    let bearing = chance.uniform(-2.0, 2.0);
    let approach_mps = chance.uniform(8.0, 14.0);
    yard(&[
        via(1_500.0, 0.0, 20.0),
        via(100.0, 0.0, approach_mps),
        stop(depth * libm::cos(bearing), depth * libm::sin(bearing), 4.0, 28_800.0),
        via(100.0, 0.0, 4.0),
        via(4_000.0, 0.0, 15.0),
    ])
}

fn queue(chance: &mut Chance) -> World {
    let wait = RADIUS_M + chance.uniform(10.0, 25.0);
    yard(&[
        via(1_500.0, 0.0, 12.0),
        stop(wait, 0.0, 12.0, 900.0),
        stop(60.0, 0.0, 5.0, 3_600.0),
        via(3_500.0, 0.0, 12.0),
    ])
}

pub(super) fn passby(chance: &mut Chance) -> World {
    let beside = RADIUS_M + chance.uniform(12.0, 35.0);
    let cruise_mps = chance.uniform(12.0, 25.0);
    let (at, dwell_s) = (chance.uniform(-20.0, 20.0), chance.uniform(45.0, 180.0));
    let begin = via(-1_200.0, beside, cruise_mps);
    let end = via(4_200.0, beside, cruise_mps);
    if chance.happens(0.5) { yard(&[begin, stop(at, beside, cruise_mps, dwell_s), end]) } else { yard(&[begin, end]) }
}

fn chord(chance: &mut Chance) -> World {
    let beside = RADIUS_M - chance.uniform(5.0, 25.0);
    let cruise_mps = chance.uniform(20.0, 28.0);
    yard(&[via(-1_200.0, beside, cruise_mps), via(4_200.0, beside, cruise_mps)])
}

fn tunnel(chance: &mut Chance) -> World {
    let approach_mps = chance.uniform(8.0, 14.0);
    let mouth = chance.uniform(100.0, 400.0);
    let world = yard(&[
        via(2_500.0, 0.0, 20.0),
        via(600.0, 0.0, 20.0),
        stop(90.0, 0.0, approach_mps, 120.0),
        stop(0.0, 20.0, 4.0, 1_800.0),
        via(120.0, 0.0, 4.0),
        via(4_500.0, 0.0, 15.0),
    ]);
    let fence = world.fences.first().cloned();
    let Some(fence) = fence else { return world };
    let from_s = reaches(&world.path, &fence, mouth, 0.0);
    let to_s = reaches(&world.path, &fence, -30.0, from_s);
    with_spell(world, from_s, to_s, ROOF)
}

fn steel(chance: &mut Chance) -> World {
    let approach_mps = chance.uniform(8.0, 14.0);
    let world = yard(&[
        via(1_500.0, 0.0, 20.0),
        stop(120.0, 0.0, approach_mps, 60.0),
        stop(chance.uniform(-60.0, 60.0), chance.uniform(-80.0, 80.0), 4.0, 3_600.0),
        via(120.0, 0.0, 4.0),
        via(4_500.0, 0.0, 15.0),
    ]);
    let (from_s, to_s) = stand(&world.path, 1);
    with_spell(world, from_s, to_s, ROOF)
}

fn power(chance: &mut Chance) -> World {
    let approach_mps = chance.uniform(8.0, 14.0);
    let dock = (chance.uniform(-90.0, 60.0), chance.uniform(-80.0, 80.0));
    let world = yard(&[
        via(1_500.0, 0.0, 20.0),
        stop(120.0, 0.0, approach_mps, 60.0),
        stop(dock.0, dock.1, 4.0, 14_400.0),
        stop(dock.0 + 1.0, dock.1, 1.0, 400.0),
        via(120.0, 0.0, 4.0),
        via(4_500.0, 0.0, 15.0),
    ]);
    let (from_s, to_s) = stand(&world.path, 1);
    with_spell(world, from_s + 120.0, to_s, What::Off)
}
