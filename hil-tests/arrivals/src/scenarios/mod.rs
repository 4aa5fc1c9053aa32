//! Which drives are driven? Every scenario by name: a seeded world of fences, a path, and what befalls the receiver.

mod classic;
mod hardship;
mod polygons;
mod roads;
#[cfg(test)]
mod tests;

use crate::drive::{Drive, Fence, Outline, Point};
use crate::noise::Model;
use crate::path::{Path, Waypoint};
use crate::planar::signed_distance;
use crate::random::Chance;
use crate::receiver::{Conditions, Spell, What, observe};
use crate::truth;
use gatestamp::facility::Zone;

/// What a scenario is there to show: the goals it counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// A visit with fixes present.
    Visit,
    /// Comes close, stops even, before or instead of entering: every arrival told outside is false.
    NearMiss,
    /// A visit whose crossings lie in a gap.
    Gap,
    /// Drives through: told as passed.
    Through,
    /// A receiver, rate or place that is only to be survived: no goal but no nonsense.
    Hardship,
}

/// A world before the receiver looks at it.
pub struct World {
    /// The fences.
    pub fences: Vec<Fence>,
    /// Where the truck really drives.
    pub path: Path,
    /// What is not normal about the receiver.
    pub conditions: Conditions,
}

/// A scenario by name.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// As printed.
    pub name: &'static str,
    /// One line for the report.
    pub about: &'static str,
    /// The goals it counts for.
    pub purpose: Purpose,
    /// Drives of it for every three of an ordinary one.
    pub thirds: u32,
    /// One of the scenarios of the published table.
    pub classic: bool,
    /// Makes the world of one seed.
    pub make: fn(&mut Chance) -> World,
}

/// Every scenario, in the order of the report.
#[must_use]
pub fn all() -> Vec<Scenario> {
    [classic::scenarios(), polygons::scenarios(), roads::scenarios(), hardship::scenarios()].concat()
}

/// One drive: the same seed gives the same world under every noise model.
#[must_use]
pub fn drive(scenario: &Scenario, model: &Model, seed: u64) -> Drive {
    let World { fences, path, conditions } = (scenario.make)(&mut Chance::stream(seed, scenario.name));
    let observation = observe(&path, &conditions, model, seed);
    Drive {
        scenario: scenario.name,
        noise: model.name,
        seed,
        truth: truth::every_second(&path),
        crossings: truth::crossings(&path, &fences, &observation.usable_s),
        standstills: path.standstills().to_vec(),
        fences,
        inputs: observation.inputs,
    }
}

/// A facility of one fence.
fn site(facility: &str, outline: Outline) -> Fence {
    Fence { facility: facility.to_owned(), zone: Zone::Site, outline }
}

/// Its receiver is befallen.
fn with_spell(mut world: World, from_s: f64, to_s: f64, what: What) -> World {
    world.conditions.spells.push(Spell { from_s, to_s, what });
    world
}

/// A world without conditions.
fn world(fences: Vec<Fence>, route: &[Waypoint]) -> World {
    World { fences, path: Path::drive(route), conditions: Conditions::default() }
}

/// A facility that is a circle.
fn circle(facility: &str, centre: (f64, f64), radius_m: f64) -> Fence {
    site(facility, Outline::Circle(Point { east: centre.0, north: centre.1 }, radius_m))
}

/// A rectangle, by its west, south, east and north sides.
fn rectangle(west: f64, south: f64, east: f64, north: f64) -> Outline {
    ring(&[(west, south), (east, south), (east, north), (west, north)])
}

/// A polygon of one ring.
fn ring(corners: &[(f64, f64)]) -> Outline {
    Outline::Polygon(vec![points(corners)])
}

fn points(corners: &[(f64, f64)]) -> Vec<Point> {
    corners.iter().map(|&(east, north)| Point { east, north }).collect()
}

/// When the truck first comes to `distance_m` from the fence's boundary (negative: inside), after `from_s`. The end of the drive if
/// it never does.
fn reaches(path: &Path, fence: &Fence, distance_m: f64, from_s: f64) -> f64 {
    let mut time_s = from_s;
    while time_s < path.duration_s() {
        if signed_distance(&fence.outline, path.at(time_s).point) <= distance_m {
            break;
        }
        time_s += 0.1;
    }
    time_s
}

/// The span of the `index`-th stop.
fn stand(path: &Path, index: usize) -> (f64, f64) {
    path.standstills().get(index).map_or((path.duration_s(), path.duration_s()), |still| (still.from_s, still.to_s))
}
