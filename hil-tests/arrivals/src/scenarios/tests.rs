//! Is every scenario what its line says?

use super::*;
use crate::drive::{Crossing, Input, Observed};
use crate::noise;

const SEEDS: u64 = 12;

/// Calls `check` with every scenario's first worlds and their true crossings; no receiver looks at them.
fn each_world(mut check: impl FnMut(&str, Purpose, &World, &[Crossing])) {
    for scenario in all() {
        for seed in 0..SEEDS {
            let world = (scenario.make)(&mut Chance::stream(seed, scenario.name));
            let crossings = truth::crossings(&world.path, &world.fences, &[]);
            check(&format!("{}:{seed}", scenario.name), scenario.purpose, &world, &crossings);
        }
    }
}

/// The first drive of every scenario that is over within five hours, and of one that is not.
fn each_drive(mut check: impl FnMut(&Scenario, &Drive)) {
    let model = noise::all().into_iter().find(|model| model.name == "yard").unwrap();
    for scenario in all().into_iter().filter(|scenario| scenario.thirds == 3 || scenario.name == "5-per-s") {
        check(&scenario, &drive(&scenario, &model, 1));
    }
}

fn fixes(drive: &Drive) -> impl Iterator<Item = &Observed> {
    drive.inputs.iter().filter_map(|input| match input {
        Input::Fix(fix) => Some(fix),
        Input::PowerCut => None,
    })
}

fn stays(crossings: &[Crossing], fence: usize) -> Vec<(f64, f64)> {
    let of: Vec<&Crossing> = crossings.iter().filter(|crossing| crossing.fence == fence).collect();
    of.windows(2).filter(|pair| pair[0].inwards).map(|pair| (pair[0].at_s, pair[1].at_s)).collect()
}

#[test]
fn the_agent_reads_the_fences_of_every_scenario() {
    each_world(|name, _, world, _| {
        let read = crate::rules::facilities(&world.fences);
        assert!(read.is_ok(), "{name}: {read:?}");
    });
}

#[test]
fn names_are_given_once_and_a_seed_gives_one_drive() {
    let names: std::collections::BTreeSet<_> = all().iter().map(|scenario| scenario.name).collect();
    assert_eq!(names.len(), all().len());
    let model = noise::all()[0];
    for scenario in all().into_iter().filter(|scenario| scenario.purpose == Purpose::Through) {
        assert_eq!(drive(&scenario, &model, 1), drive(&scenario, &model, 1));
        assert_ne!(drive(&scenario, &model, 1).inputs, drive(&scenario, &model, 2).inputs);
    }
}

#[test]
fn crossings_alternate_and_end_on_the_side_where_the_truck_is() {
    each_world(|name, _, world, crossings| {
        for (index, fence) in world.fences.iter().enumerate() {
            let inside_at = |time_s| signed_distance(&fence.outline, world.path.at(time_s).point) <= 0.0;
            let mut inside = inside_at(0.0);
            for crossing in crossings.iter().filter(|crossing| crossing.fence == index) {
                assert_ne!(crossing.inwards, inside, "{name}");
                inside = crossing.inwards;
            }
            assert_eq!(inside_at(world.path.duration_s()), inside, "{name}");
        }
    });
}

#[test]
fn a_near_miss_stays_outside_until_it_really_arrives_and_a_visit_is_one() {
    each_world(|name, purpose, world, crossings| {
        let all_stays = (0..world.fences.len()).flat_map(|fence| stays(crossings, fence));
        let long = all_stays.filter(|stay| stay.1 - stay.0 >= 120.0).count();
        match purpose {
            Purpose::NearMiss => assert_eq!(!crossings.is_empty(), name.contains("queue"), "{name}"),
            Purpose::Visit | Purpose::Gap => assert!(long >= 1, "{name}"),
            Purpose::Through => assert!(!crossings.is_empty() && long == 0, "{name}"),
            Purpose::Hardship => assert!(!crossings.is_empty(), "{name}"),
        }
    });
}

#[test]
fn crossings_lie_in_a_gap_exactly_where_the_scenario_wants_them_to() {
    each_drive(|scenario, drive| {
        let gaps = drive.crossings.iter().filter(|crossing| crossing.in_gap).count();
        let expected = match scenario.name {
            "tunnel" | "moved-off" | "frozen-in" => Some(1),
            "steel" | "hall" | "restart-in" | "every-10s" | "frozen-dock" => None,
            _ => Some(0),
        };
        assert!(expected.is_none_or(|expected| expected == gaps), "{}: {gaps}", scenario.name);
    });
}

#[test]
fn the_truck_that_stays_for_eight_hours_is_as_deep_inside_as_it_should_be() {
    each_world(|name, _, world, _| {
        let all = world.path.standstills();
        let Some(long) = all.iter().find(|still| still.to_s - still.from_s > 28_799.0) else { return };
        let depth = -signed_distance(&world.fences[0].outline, long.point);
        let within = if name.contains("edge8h") { 5.0..=20.0 } else { 9.99..=90.01 };
        assert!(within.contains(&depth), "{name}: {depth}");
    });
}

#[test]
fn spells_are_in_order_and_do_not_overlap() {
    each_world(|name, _, world, _| {
        let spells = &world.conditions.spells;
        assert!(spells.iter().all(|spell| spell.from_s < spell.to_s), "{name} {spells:?}");
        assert!(spells.windows(2).all(|pair| pair[0].to_s <= pair[1].from_s), "{name}");
    });
}

#[test]
fn fixes_come_in_order_but_for_the_disorder_that_is_asked_for() {
    each_drive(|scenario, drive| {
        let times: Vec<f64> = fixes(drive).map(|fix| fix.time_s).collect();
        let ordered = times.windows(2).all(|pair| pair[0] < pair[1]);
        assert_eq!(ordered, scenario.name != "disorder", "{}", scenario.name);
    });
}

#[test]
fn power_roofs_and_frozen_receivers_show_in_what_is_reported() {
    each_drive(|scenario, drive| {
        let name = scenario.name;
        let cuts = drive.inputs.iter().filter(|input| matches!(input, Input::PowerCut)).count();
        let cut = ["power", "moved-off", "moved-inside", "restart-in"].contains(&name);
        assert_eq!(cuts, usize::from(cut), "{name}");
        let all: Vec<&Observed> = fixes(drive).collect();
        let repeated = all.windows(2).filter(|pair| pair[0].point == pair[1].point).count();
        match name {
            "frozen-road" | "frozen-in" | "frozen-dock" => assert!(repeated >= 50, "{name}: {repeated}"),
            "static-nav" => assert!(repeated > 1_000, "{repeated}"),
            "disorder" => assert!(repeated > 0),
            _ => assert_eq!(repeated, 0, "{name}"),
        }
        let longest = all.windows(2).map(|pair| pair[1].time_s - pair[0].time_s).fold(0.0, f64::max);
        match scenario.purpose {
            Purpose::Visit => assert!(longest < 1.1, "{name}: {longest}"),
            Purpose::Gap => assert!(longest > 10.0, "{name}: {longest}"),
            Purpose::NearMiss | Purpose::Through | Purpose::Hardship => {}
        }
        if name == "power" {
            let dock = drive.standstills[1];
            let off_s = all.windows(2).find(|pair| pair[1].time_s - pair[0].time_s > 60.0).map(|pair| pair[0].time_s);
            assert!((off_s.unwrap() - dock.from_s - 120.0).abs() < 1.1, "{off_s:?} {dock:?}");
            assert!((14_000.0..14_500.0).contains(&longest), "{longest}");
        }
    });
}
