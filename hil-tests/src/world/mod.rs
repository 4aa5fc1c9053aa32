//! Where is the truck really, and what would a perfect observer have written down?
//!
//! A [`Shift`] is a whole drive: its facilities, the true path ten times a second, and the true crossings. It is a function of its
//! seed alone. `receiver` turns it into what a receiver would have said.

pub mod facility;
pub mod fence;
pub mod ground;
pub mod noise;
pub mod random;
pub mod route;
mod shifts;
pub mod truth;

use facility::{Facility, Zone};
use ground::Origin;
use route::Path;
use truth::Crossing;

/// One drive with everything that is true about it.
#[derive(Debug, Clone)]
pub struct Shift {
    /// The seed that names it.
    pub seed: u64,
    /// Where its metres are counted from.
    pub origin: Origin,
    /// The places the truck knows.
    pub facilities: Vec<Facility>,
    /// Where the truck is, ten times a second.
    pub path: Path,
    /// Every crossing of every fence, in order of time.
    pub crossings: Vec<Crossing>,
    /// The sites that the truck stands in when the shift begins.
    pub begins_inside: Vec<&'static str>,
}

impl Shift {
    fn new(seed: u64, origin: Origin, facilities: Vec<Facility>, path: Path) -> Self {
        let crossings = truth::crossings(&facilities, &path);
        let begins_inside = path.first().map_or_else(Vec::new, |start| {
            let inside = |facility: &&Facility| {
                let mut sites = facility.fences.iter().filter(|fence| fence.zone == Zone::Site);
                sites.any(|site| site.polygon.signed_distance(start.at) <= 0.0)
            };
            facilities.iter().filter(inside).map(|facility| facility.id).collect()
        });
        Self { seed, origin, facilities, path, crossings, begins_inside }
    }
}

#[cfg(test)]
mod tests {
    use super::truth::Direction;
    use super::*;

    #[test]
    fn the_demo_shift_crosses_what_the_story_says() {
        let shift = Shift::day(1);
        let sites: Vec<_> = shift
            .crossings
            .iter()
            .filter(|crossing| crossing.zone == Zone::Site)
            .map(|crossing| (crossing.facility, crossing.direction))
            .collect();
        let (enter, leave) = (Direction::Enter, Direction::Leave);
        assert_eq!(
            sites,
            [
                ("depot", leave),
                ("warehouse", enter),
                ("warehouse", leave),
                ("cross-dock", enter),
                ("cross-dock", leave),
                ("depot", enter)
            ]
        );
        assert_eq!(shift.begins_inside, ["depot"]);
        let hours = shift.path.duration_s() / 3_600.0;
        assert!((1.9..2.4).contains(&hours), "{hours}");
    }

    #[test]
    fn the_roadside_customer_is_passed_closely_and_never_entered() {
        for seed in 0..4 {
            let shift = Shift::day(seed);
            let roadside = shift.facilities.iter().find(|f| f.id == "roadside").expect("the story has one");
            let fence = &roadside.fences.first().expect("a site").polygon;
            let nearest = shift.path.samples().map(|s| fence.signed_distance(s.at)).fold(f64::INFINITY, f64::min);
            assert!((15.0..=30.0).contains(&nearest), "seed {seed}: {nearest}");
        }
    }

    #[test]
    fn the_same_seed_is_the_same_shift() {
        let (a, b) = (Shift::day(5), Shift::day(5));
        assert_eq!(a.crossings, b.crossings);
        assert_ne!(a.crossings, Shift::day(6).crossings);
    }
}
