//! On the road: fast and sparse drive-throughs, traffic lights, frozen receivers, slow trucks, odd rates.

use super::classic::{RADIUS_M, passby, visit, yard};
use super::{Purpose, Scenario, World, circle, reaches, stand, with_spell, world};
use crate::path::{stop, via};
use crate::random::Chance;
use crate::receiver::{Conditions, What};

pub(super) fn scenarios() -> Vec<Scenario> {
    let one = |name, about, purpose, make| Scenario { name, about, purpose, thirds: 3, classic: false, make };
    let rate = |name, about, make| one(name, about, Purpose::Hardship, make);
    use Purpose::{Hardship, NearMiss, Through, Visit};
    vec![
        one("through", "28 m/s straight through a circle of 120 m", Through, through),
        one("sparse", "one fix per 100 m through a circle of 120 m", Through, sparse),
        one("lights", "passes 12 to 35 m outside with three red lights", NearMiss, lights),
        one("frozen-road", "position frozen for 1 to 5 minutes while passing", NearMiss, frozen_road),
        one("frozen-in", "position frozen on the road, thawed inside", Hardship, frozen_in),
        one("frozen-dock", "position frozen for 5 to 20 minutes at the dock", Visit, frozen_dock),
        one("creep", "creeps in at walking pace, course left out", Hardship, creep),
        one("static-nav", "receiver that holds its position below 1.5 m/s", Hardship, static_navigation),
        one("disorder", "a fifth of the fixes late or twice", Hardship, disorder),
        one("no-accuracy", "no accuracy reported", Hardship, no_accuracy),
        rate("every-10s", "a visit at one fix per 10 s", |chance| at_interval(chance, 10.0)),
        rate("every-5s", "a visit at one fix per 5 s", |chance| at_interval(chance, 5.0)),
        Scenario { thirds: 1, ..rate("5-per-s", "a visit at 5 fixes per second", |chance| at_interval(chance, 0.2)) },
        Scenario { thirds: 1, ..rate("10-per-s", "a visit at 10 fixes per second", |chance| at_interval(chance, 0.1)) },
    ]
}

fn through(chance: &mut Chance) -> World {
    let beside = chance.uniform(-40.0, 40.0);
    world(vec![circle("yard", (0.0, 0.0), 120.0)], &[via(-1_200.0, beside, 28.0), via(4_000.0, beside, 28.0)])
}

fn sparse(chance: &mut Chance) -> World {
    let cruise_mps = chance.uniform(12.0, 25.0);
    let beside = chance.uniform(-20.0, 20.0);
    let world = world(
        vec![circle("yard", (0.0, 0.0), 60.0)],
        &[via(-1_200.0, beside, cruise_mps), via(4_000.0, beside, cruise_mps)],
    );
    World { conditions: Conditions { interval_s: 100.0 / cruise_mps, ..Conditions::default() }, ..world }
}

fn lights(chance: &mut Chance) -> World {
    let beside = RADIUS_M + chance.uniform(12.0, 35.0);
    let mut route = vec![via(-1_200.0, beside, 14.0)];
    let mut east = -80.0;
    for _ in 0..3 {
        east += chance.uniform(15.0, 60.0);
        route.push(stop(east, beside, 14.0, chance.uniform(20.0, 90.0)));
    }
    route.push(via(4_200.0, beside, 14.0));
    yard(&route)
}

fn frozen_road(chance: &mut Chance) -> World {
    let zero_speed = chance.happens(0.5);
    let length_s = chance.uniform(60.0, 300.0);
    let before_m = chance.uniform(20.0, 400.0);
    let world = passby(chance);
    let Some(fence) = world.fences.first().cloned() else { return world };
    let from_s = reaches(&world.path, &fence, before_m, 0.0);
    with_spell(world, from_s, from_s + length_s, What::Frozen { zero_speed })
}

fn frozen_in(chance: &mut Chance) -> World {
    let zero_speed = chance.happens(0.5);
    let before_m = chance.uniform(30.0, 500.0);
    let inside_s = chance.uniform(20.0, 400.0);
    let world = visit(chance);
    let Some(fence) = world.fences.first().cloned() else { return world };
    let from_s = reaches(&world.path, &fence, before_m, 0.0);
    let to_s = reaches(&world.path, &fence, 0.0, from_s) + inside_s;
    with_spell(world, from_s, to_s, What::Frozen { zero_speed })
}

fn frozen_dock(chance: &mut Chance) -> World {
    let zero_speed = chance.happens(0.5);
    let length_s = chance.uniform(300.0, 1_200.0);
    let after_s = chance.uniform(-20.0, 1_800.0);
    let world = visit(chance);
    let (from_s, _) = stand(&world.path, 1);
    with_spell(world, from_s + after_s, from_s + after_s + length_s, What::Frozen { zero_speed })
}

fn creep(chance: &mut Chance) -> World {
    let creep_mps = chance.uniform(0.4, 1.2);
    let world = yard(&[
        via(1_500.0, 0.0, 12.0),
        stop(RADIUS_M + chance.uniform(20.0, 40.0), 0.0, 12.0, chance.uniform(30.0, 200.0)),
        via(RADIUS_M - chance.uniform(20.0, 40.0), 0.0, creep_mps),
        stop(40.0, 0.0, 4.0, 1_800.0),
        via(RADIUS_M - chance.uniform(10.0, 30.0), 0.0, 4.0),
        via(RADIUS_M + chance.uniform(10.0, 30.0), 0.0, creep_mps),
        via(3_500.0, 0.0, 12.0),
    ]);
    World { conditions: Conditions { blank_below_mps: 1.5, ..Conditions::default() }, ..world }
}

fn static_navigation(chance: &mut Chance) -> World {
    let conditions = Conditions { static_navigation: true, ..Conditions::default() };
    World { conditions, ..visit(chance) }
}

fn disorder(chance: &mut Chance) -> World {
    World { conditions: Conditions { disorder: 0.1, ..Conditions::default() }, ..visit(chance) }
}

fn no_accuracy(chance: &mut Chance) -> World {
    let conditions = Conditions { accuracy_missing: true, blank_below_mps: 1.0, ..Conditions::default() };
    World { conditions, ..visit(chance) }
}

fn at_interval(chance: &mut Chance, interval_s: f64) -> World {
    World { conditions: Conditions { interval_s, ..Conditions::default() }, ..visit(chance) }
}
