//! The same stories on outlines that are no circles, and at facilities of several fences.

use super::{Purpose, Scenario, World, points, rectangle, ring, site, world};
use crate::drive::{Fence, Outline};
use crate::path::{Waypoint, stop, via};
use crate::random::Chance;
use gatestamp::facility::Zone;

pub(super) fn scenarios() -> Vec<Scenario> {
    let one = |name, about, purpose, make| Scenario { name, about, purpose, thirds: 3, classic: false, make };
    let long = |name, about, make| Scenario { thirds: 1, ..one(name, about, Purpose::Visit, make) };
    use Purpose::{NearMiss, Visit};
    vec![
        one("poly-visit", "six-sided yard, gate stop, one hour at the dock", Visit, poly_visit),
        long("poly-edge8h", "eight hours 5 to 20 m inside a side of the six-sided yard", poly_edge8h),
        one("poly-queue", "15 minutes of queue 10 to 25 m outside the gate side", NearMiss, poly_queue),
        one("poly-passby", "passes 12 to 35 m outside a side, half of them stop", NearMiss, poly_passby),
        long("court", "U-shaped yard, eight hours in a wing beside the court", court),
        long("hole", "yard with a pond, eight hours 10 to 25 m beside it", hole),
        long("thin", "yard of 30 m by 400 m, eight hours in its middle", thin),
        long("neighbour-park", "eight hours 10 to 40 m from the edge shared with the neighbour", neighbour_park),
        one("neighbour-through", "through one facility into the next, half an hour there", Visit, neighbour_through),
        one("zones", "approach, queue, gate, yard and dock fences within and around the site", Visit, zones),
        one("shunt", "leaves by 50 to 90 m and comes back, four times", Visit, shunt),
    ]
}

/// A yard of about 260 m by 200 m; its east side lies on east 120.
fn six_sided() -> Fence {
    site(
        "yard",
        ring(&[(120.0, -90.0), (120.0, 90.0), (30.0, 110.0), (-130.0, 70.0), (-140.0, -60.0), (-40.0, -100.0)]),
    )
}

fn poly_visit(chance: &mut Chance) -> World {
    let gate = 120.0 - chance.uniform(15.0, 40.0);
    let approach_mps = chance.uniform(8.0, 14.0);
    let dock = (chance.uniform(-100.0, 40.0), chance.uniform(-50.0, 50.0));
    world(
        vec![six_sided()],
        &[
            via(1_500.0, 0.0, 20.0),
            via(300.0, 0.0, 20.0),
            stop(gate, 0.0, approach_mps, 150.0),
            stop(dock.0, dock.1, 4.0, 3_600.0),
            via(gate, 0.0, 4.0),
            via(4_000.0, 0.0, 15.0),
        ],
    )
}

fn poly_edge8h(chance: &mut Chance) -> World {
    let beside = 120.0 - chance.uniform(5.0, 20.0);
    let along = chance.uniform(-70.0, 70.0);
    let approach_mps = chance.uniform(8.0, 14.0);
    world(
        vec![six_sided()],
        &[
            via(1_500.0, 0.0, 20.0),
            via(60.0, 0.0, approach_mps),
            stop(beside, along, 4.0, 28_800.0),
            via(60.0, 0.0, 4.0),
            via(4_000.0, 0.0, 15.0),
        ],
    )
}

fn poly_queue(chance: &mut Chance) -> World {
    let wait = 120.0 + chance.uniform(10.0, 25.0);
    world(
        vec![six_sided()],
        &[
            via(1_500.0, 0.0, 12.0),
            stop(wait, 0.0, 12.0, 900.0),
            stop(40.0, 0.0, 5.0, 3_600.0),
            via(3_500.0, 0.0, 12.0),
        ],
    )
}

fn poly_passby(chance: &mut Chance) -> World {
    let beside = 120.0 + chance.uniform(12.0, 35.0);
    let cruise_mps = chance.uniform(12.0, 25.0);
    let (at, dwell_s) = (chance.uniform(-20.0, 20.0), chance.uniform(45.0, 180.0));
    let (begin, end) = (via(beside, -1_200.0, cruise_mps), via(beside, 3_000.0, cruise_mps));
    let halt = stop(beside, at, cruise_mps, dwell_s);
    let route: &[Waypoint] = if chance.happens(0.5) { &[begin, halt, end] } else { &[begin, end] };
    world(vec![six_sided()], route)
}

/// A U open to the north: two wings of 45 m around a court of 60 m that is not of the yard.
fn court(chance: &mut Chance) -> World {
    let u = ring(&[
        (-75.0, -80.0),
        (75.0, -80.0),
        (75.0, 120.0),
        (30.0, 120.0),
        (30.0, -30.0),
        (-30.0, -30.0),
        (-30.0, 120.0),
        (-75.0, 120.0),
    ]);
    let berth = (30.0 + chance.uniform(10.0, 25.0), chance.uniform(0.0, 90.0));
    world(
        vec![site("yard", u)],
        &[
            via(0.0, -1_200.0, 15.0),
            via(0.0, -55.0, 8.0),
            via(52.0, -55.0, 4.0),
            stop(berth.0, berth.1, 4.0, 28_800.0),
            via(52.0, -55.0, 4.0),
            via(0.0, -55.0, 4.0),
            via(0.0, -3_500.0, 15.0),
        ],
    )
}

fn hole(chance: &mut Chance) -> World {
    let outer = points(&[(-150.0, -150.0), (150.0, -150.0), (150.0, 150.0), (-150.0, 150.0)]);
    let pond = points(&[(-30.0, -30.0), (-30.0, 30.0), (30.0, 30.0), (30.0, -30.0)]);
    let berth = (30.0 + chance.uniform(10.0, 25.0), chance.uniform(-20.0, 20.0));
    world(
        vec![site("yard", Outline::Polygon(vec![outer, pond]))],
        &[
            via(1_500.0, 90.0, 15.0),
            via(90.0, 90.0, 10.0),
            stop(berth.0, berth.1, 4.0, 28_800.0),
            via(90.0, 90.0, 4.0),
            via(3_500.0, 90.0, 15.0),
        ],
    )
}

fn thin(chance: &mut Chance) -> World {
    let berth = chance.uniform(-150.0, 150.0);
    world(
        vec![site("yard", rectangle(-200.0, -15.0, 200.0, 15.0))],
        &[
            via(1_500.0, 0.0, 15.0),
            stop(berth, chance.uniform(-3.0, 3.0), 8.0, 28_800.0),
            via(berth + 40.0, 0.0, 4.0),
            via(3_500.0, 0.0, 15.0),
        ],
    )
}

fn two_facilities() -> Vec<Fence> {
    vec![site("west", rectangle(-200.0, -100.0, 0.0, 100.0)), site("east", rectangle(0.0, -100.0, 180.0, 100.0))]
}

fn neighbour_park(chance: &mut Chance) -> World {
    let berth = (-chance.uniform(10.0, 40.0), chance.uniform(-60.0, 60.0));
    world(
        two_facilities(),
        &[
            via(-1_500.0, 0.0, 15.0),
            via(-120.0, 0.0, 8.0),
            stop(berth.0, berth.1, 4.0, 28_800.0),
            via(-120.0, 0.0, 4.0),
            via(-3_500.0, 0.0, 15.0),
        ],
    )
}

fn neighbour_through(chance: &mut Chance) -> World {
    let berth = (chance.uniform(40.0, 140.0), chance.uniform(-60.0, 60.0));
    let through_mps = chance.uniform(4.0, 9.0);
    world(
        two_facilities(),
        &[
            via(-1_500.0, 0.0, 15.0),
            via(-200.0, 0.0, 10.0),
            via(20.0, 0.0, through_mps),
            stop(berth.0, berth.1, 4.0, 1_800.0),
            via(20.0, 0.0, 4.0),
            via(-200.0, 0.0, through_mps),
            via(-3_500.0, 0.0, 15.0),
        ],
    )
}

fn zones(chance: &mut Chance) -> World {
    let zone = |zone, outline| Fence { facility: "yard".to_owned(), zone, outline };
    let fences = vec![
        six_sided(),
        zone(Zone::Approach, rectangle(-300.0, -300.0, 500.0, 300.0)),
        zone(Zone::Queue, rectangle(130.0, -8.0, 330.0, 8.0)),
        zone(Zone::Gate, rectangle(110.0, -6.0, 122.0, 6.0)),
        zone(Zone::Yard, rectangle(-80.0, -60.0, 100.0, 60.0)),
        zone(Zone::Dock, rectangle(-70.0, 20.0, 20.0, 55.0)),
    ];
    let dock = (chance.uniform(-60.0, 10.0), chance.uniform(25.0, 50.0));
    world(
        fences,
        &[
            via(1_500.0, 0.0, 20.0),
            stop(150.0 + chance.uniform(0.0, 60.0), 0.0, 12.0, 600.0),
            stop(108.0, 0.0, 3.0, 60.0),
            stop(dock.0, dock.1, 4.0, 3_600.0),
            via(80.0, 0.0, 4.0),
            via(4_000.0, 0.0, 15.0),
        ],
    )
}

fn shunt(chance: &mut Chance) -> World {
    let mut route = vec![via(1_500.0, 0.0, 15.0), stop(40.0, 0.0, 6.0, 600.0)];
    for _ in 0..4 {
        route.push(stop(120.0 + chance.uniform(50.0, 90.0), 0.0, 5.0, chance.uniform(120.0, 240.0)));
        route.push(stop(120.0 - chance.uniform(25.0, 80.0), 0.0, 5.0, chance.uniform(150.0, 400.0)));
    }
    route.push(via(4_000.0, 0.0, 15.0));
    world(vec![six_sided()], &route)
}
