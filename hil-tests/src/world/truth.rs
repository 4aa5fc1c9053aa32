//! When does the truck truly cross a fence?

use super::facility::{Facility, Zone};
use super::fence::Polygon;
use super::route::{Path, STEP_S};

/// Which way a fence is crossed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From outside to inside.
    Enter,
    /// From inside to outside.
    Leave,
}

/// One true crossing.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossing {
    /// Whose fence.
    pub facility: &'static str,
    /// Which of its fences.
    pub zone: Zone,
    /// Which way.
    pub direction: Direction,
    /// Seconds since the start of the shift.
    pub at_s: f64,
}

/// Every sign change of the true signed distance along the true path, in order of time. Between two samples, 0.1 s apart, the
/// distance is as good as linear, so the instant is right to a few milliseconds.
#[must_use]
pub fn crossings(facilities: &[Facility], path: &Path) -> Vec<Crossing> {
    let mut found = Vec::new();
    for facility in facilities {
        for fence in &facility.fences {
            for (direction, at_s) in of_fence(&fence.polygon, path) {
                found.push(Crossing { facility: facility.id, zone: fence.zone, direction, at_s });
            }
        }
    }
    found.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    found
}

fn of_fence(polygon: &Polygon, path: &Path) -> Vec<(Direction, f64)> {
    let distances: Vec<f64> = path.samples().map(|sample| polygon.signed_distance(sample.at)).collect();
    let mut found = Vec::new();
    for (index, (before, after)) in distances.iter().zip(distances.iter().skip(1)).enumerate() {
        let direction = match (*before <= 0.0, *after <= 0.0) {
            (false, true) => Direction::Enter,
            (true, false) => Direction::Leave,
            (true, true) | (false, false) => continue,
        };
        found.push((direction, seconds_of(index) + STEP_S * before / (before - after)));
    }
    found
}

/// The time of a sample of the path.
pub(crate) fn seconds_of(index: usize) -> f64 {
    // A shift has some 80,000 samples.
    f64::from(u32::try_from(index).unwrap_or(u32::MAX)) * STEP_S
}

#[cfg(test)]
mod tests {
    use super::super::route::via;
    use super::*;

    #[test]
    fn a_fence_at_two_hundred_metres_is_crossed_when_the_truck_is_there() {
        let path = Path::drive(&[via(0.0, 0.0, 10.0).stop(5.0), via(400.0, 0.0, 10.0).stop(5.0)]);
        let yard = Facility::new("yard", "Yard", Polygon::rectangle(200.0, -50.0, 600.0, 50.0));
        let found = crossings(&[yard], &path);
        assert_eq!(found.len(), 1);
        // 5 s dwell, 10 s and 50 m up to 10 m/s, 15 s for the remaining 150 m.
        assert!((found[0].at_s - 30.0).abs() < 0.5, "{}", found[0].at_s);
        assert_eq!(found[0].direction, Direction::Enter);
    }
}
