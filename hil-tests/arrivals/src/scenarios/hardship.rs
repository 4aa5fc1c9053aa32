//! Power, cold starts, garbage and single bad fixes; and the long parked hours that false departures are counted in.

use super::classic::{RADIUS_M, visit, yard};
use super::{Purpose, Scenario, World, reaches, stand, with_spell};
use crate::drive::Point;
use crate::path::{stop, via};
use crate::random::Chance;
use crate::receiver::What;

pub(super) fn scenarios() -> Vec<Scenario> {
    let one = |name, about, purpose, make| Scenario { name, about, purpose, thirds: 3, classic: false, make };
    use Purpose::{Gap, Hardship, NearMiss, Visit};
    vec![
        Scenario { thirds: 13, ..one("parked", "eight hours 10 to 90 m inside", Visit, parked) },
        one("hall", "one to three hours in a repair hall with garbage every two minutes", Gap, hall),
        one("moved-off", "driven out while the power was off", Hardship, moved_off),
        one("moved-inside", "moved within the yard while the power was off", Hardship, moved_inside),
        one("restart-in", "the agent restarts for 30 s while entering", Hardship, restart_in),
        one("starts-inside", "the first fix ever is inside", Hardship, starts_inside),
        one("cold-inside", "begins parked inside with a first fix 180 m off", Hardship, cold_inside),
        one("cold-near", "begins parked outside, the first fix is drawn across the yard", NearMiss, cold_near),
        one("bad-fix", "one to three fixes up to 17 km off, every five minutes inside", Visit, bad_fix),
        one("bad-fix-near", "the same beside the yard, some of them inside", NearMiss, bad_fix_near),
    ]
}

fn parked(chance: &mut Chance) -> World {
    let depth = RADIUS_M - chance.uniform(10.0, 90.0);
    let bearing = chance.uniform(-2.0, 2.0);
    yard(&[
        via(1_500.0, 0.0, 15.0),
        via(100.0, 0.0, 10.0),
        stop(depth * libm::cos(bearing), depth * libm::sin(bearing), 4.0, 28_800.0),
        via(100.0, 0.0, 4.0),
        via(3_000.0, 0.0, 15.0),
    ])
}

fn hall(chance: &mut Chance) -> World {
    let dwell_s = chance.uniform(3_600.0, 10_800.0);
    let world = yard(&[
        via(1_500.0, 0.0, 20.0),
        stop(120.0, 0.0, 10.0, 60.0),
        stop(chance.uniform(-60.0, 100.0), chance.uniform(-60.0, 60.0), 4.0, dwell_s),
        stop(100.0, 0.0, 4.0, chance.uniform(0.1, 120.0)),
        via(4_500.0, 0.0, 15.0),
    ]);
    let (from_s, to_s) = stand(&world.path, 1);
    let roof = What::NoSky { bursts_per_s: 1.0 / 120.0, burst_s: (3.0, 60.0) };
    with_spell(world, from_s - 5.0, to_s + 5.0, roof)
}

/// Power goes at the dock; the truck is on the road when it comes back.
fn moved_off(chance: &mut Chance) -> World {
    let away_m = chance.uniform(60.0, 2_000.0);
    let world = yard(&[
        via(1_500.0, 0.0, 20.0),
        stop(40.0, 0.0, 8.0, 1_800.0),
        stop(RADIUS_M + away_m, 0.0, 12.0, 600.0),
        via(6_000.0, 0.0, 15.0),
    ]);
    let (from_s, _) = stand(&world.path, 0);
    let (there_s, _) = stand(&world.path, 1);
    with_spell(world, from_s + 600.0, there_s + 120.0, What::Off)
}

fn moved_inside(chance: &mut Chance) -> World {
    let dock = (chance.uniform(-90.0, 60.0), chance.uniform(-60.0, 60.0));
    let world = yard(&[
        via(1_500.0, 0.0, 20.0),
        stop(60.0, 0.0, 8.0, 1_800.0),
        stop(dock.0, dock.1, 4.0, 1_800.0),
        via(120.0, 0.0, 4.0),
        via(4_500.0, 0.0, 15.0),
    ]);
    let (from_s, _) = stand(&world.path, 0);
    let (there_s, _) = stand(&world.path, 1);
    with_spell(world, from_s + 600.0, there_s + 120.0, What::Off)
}

fn restart_in(chance: &mut Chance) -> World {
    let before_m = chance.uniform(-20.0, 250.0);
    let world = visit(chance);
    let Some(fence) = world.fences.first().cloned() else { return world };
    let from_s = reaches(&world.path, &fence, before_m, 0.0);
    with_spell(world, from_s, from_s + 30.0, What::Restart)
}

fn starts_inside(chance: &mut Chance) -> World {
    yard(&[
        stop(chance.uniform(-100.0, 100.0), chance.uniform(-60.0, 60.0), 4.0, 3_600.0),
        via(120.0, 0.0, 4.0),
        via(4_000.0, 0.0, 15.0),
    ])
}

fn cold_inside(chance: &mut Chance) -> World {
    let world = starts_inside(chance);
    with_spell(world, 0.0, 300.0, What::Cold)
}

/// Parked south-west of the yard: the cold error (towards north-east, 180 m and decaying) leads through it.
fn cold_near(chance: &mut Chance) -> World {
    let away_m = RADIUS_M + chance.uniform(15.0, 120.0);
    let world = yard(&[
        stop(-0.8 * away_m, -0.6 * away_m, 4.0, 900.0),
        via(-0.8 * away_m - 300.0, -0.6 * away_m, 10.0),
        via(-3_000.0, -1_000.0, 15.0),
    ]);
    with_spell(world, 0.0, 300.0, What::Cold)
}

/// Fixes that are far off, every five minutes while the truck stands for the `stop`-th time.
fn with_bad_fixes(mut world: World, still: usize, near_m: f64, chance: &mut Chance) -> World {
    let (from_s, to_s) = stand(&world.path, still);
    let mut time_s = from_s + 60.0;
    while time_s < to_s - 60.0 {
        let far_m = if chance.happens(0.5) { near_m } else { libm::pow(10.0, chance.uniform(2.0, 4.23)) };
        let bearing = chance.uniform(0.0, core::f64::consts::TAU);
        let offset_m = Point { east: far_m * libm::cos(bearing), north: far_m * libm::sin(bearing) };
        let sigma_m = if chance.happens(0.5) { None } else { Some(chance.uniform(2.0, 1_414.0)) };
        let fixes = f64::from(1 + chance.below(3));
        world = with_spell(world, time_s, time_s + fixes - 0.01, What::Misled { offset_m, sigma_m });
        time_s += 300.0;
    }
    world
}

fn bad_fix(chance: &mut Chance) -> World {
    let depth = RADIUS_M - chance.uniform(20.0, 100.0);
    let world = yard(&[via(1_500.0, 0.0, 20.0), stop(depth, 0.0, 8.0, 7_200.0), via(4_000.0, 0.0, 15.0)]);
    with_bad_fixes(world, 0, 300.0, chance)
}

fn bad_fix_near(chance: &mut Chance) -> World {
    let away_m = RADIUS_M + chance.uniform(20.0, 200.0);
    let world = yard(&[via(1_500.0, 300.0, 20.0), stop(away_m, 0.0, 8.0, 7_200.0), via(4_000.0, 0.0, 15.0)]);
    with_bad_fixes(world, 0, away_m - 60.0, chance)
}
