//! What a perfect observer would have written down: every crossing of every fence, to the tenth of a millisecond.

use crate::drive::{Crossing, Fence, Point};
use crate::path::Path;
use crate::planar::signed_distance;

/// Nothing that lies between two looks this far apart counts as a crossing, seconds.
const LOOK_S: f64 = 0.02;
/// Crossings are bisected down to this, seconds.
const EXACT_S: f64 = 1e-5;
/// A fix this far away from a crossing in time says little about it, seconds.
const GAP_S: f64 = 10.0;

/// The true position once a second.
#[must_use]
pub fn every_second(path: &Path) -> Vec<Point> {
    let mut truth = Vec::new();
    let mut second = 0.0;
    while second <= path.duration_s() {
        truth.push(path.at(second).point);
        second += 1.0;
    }
    truth
}

/// All crossings in order of time. `usable_s`: times of the fixes that tell where the truck is, ascending.
#[must_use]
pub fn crossings(path: &Path, fences: &[Fence], usable_s: &[f64]) -> Vec<Crossing> {
    let mut all = Vec::new();
    for (fence, found) in fences.iter().enumerate() {
        let distance = |time_s: f64| signed_distance(&found.outline, path.at(time_s).point);
        for (at_s, inwards) in sign_changes(path, distance) {
            let next = usable_s.partition_point(|&usable| usable < at_s);
            let seen_s = usable_s.get(next).copied().unwrap_or(f64::INFINITY);
            let before_s = next.checked_sub(1).and_then(|i| usable_s.get(i)).copied().unwrap_or(f64::NEG_INFINITY);
            let in_gap = seen_s - at_s > GAP_S || at_s - before_s > GAP_S;
            all.push(Crossing { fence, inwards, at_s, in_gap, seen_s });
        }
    }
    all.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    all
}

/// Walks the drive in steps so small that the boundary cannot be reached within one.
fn sign_changes(path: &Path, distance: impl Fn(f64) -> f64) -> Vec<(f64, bool)> {
    let fastest = path.fastest_mps().max(0.1);
    let mut standstills = path.standstills().iter().peekable();
    let mut changes = Vec::new();
    let (mut time_s, mut before) = (0.0, distance(0.0));
    while time_s < path.duration_s() {
        let mut next_s = time_s + (before.abs() / fastest).max(LOOK_S);
        while standstills.peek().is_some_and(|still| still.to_s <= time_s) {
            standstills.next();
        }
        if let Some(still) = standstills.peek().filter(|still| still.from_s <= time_s) {
            next_s = still.to_s;
        }
        let next_s = next_s.min(path.duration_s());
        let after = distance(next_s);
        if (before <= 0.0) != (after <= 0.0) {
            changes.push((bisect(time_s, next_s, &distance), after <= 0.0));
        }
        (time_s, before) = (next_s, after);
    }
    changes
}

fn bisect(mut from_s: f64, mut to_s: f64, distance: &impl Fn(f64) -> f64) -> f64 {
    let inside = distance(from_s) <= 0.0;
    while to_s - from_s > EXACT_S {
        let middle = (from_s + to_s) / 2.0;
        if (distance(middle) <= 0.0) == inside {
            from_s = middle;
        } else {
            to_s = middle;
        }
    }
    (from_s + to_s) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::Outline;
    use crate::path::{stop, via};
    use gatestamp::facility::Zone;

    fn fence(outline: Outline) -> Fence {
        Fence { facility: "yard".to_owned(), zone: Zone::Site, outline }
    }

    fn circle(radius_m: f64) -> Fence {
        fence(Outline::Circle(Point { east: 0.0, north: 0.0 }, radius_m))
    }

    fn every_second_until(end_s: u32) -> Vec<f64> {
        (0..=end_s).map(f64::from).collect()
    }

    fn check(found: &[Crossing], expected: &[(usize, bool, f64)]) {
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (crossing, (fence, inwards, at_s)) in found.iter().zip(expected) {
            assert_eq!((crossing.fence, crossing.inwards), (*fence, *inwards));
            assert!((crossing.at_s - at_s).abs() < 1e-3, "{} is not {at_s}", crossing.at_s);
        }
    }

    #[test]
    fn a_straight_drive_through_crosses_when_arithmetic_says() {
        let path = Path::drive(&[via(-1_500.0, 0.0, 20.0), via(1_500.0, 0.0, 20.0)]);
        let square = fence(Outline::Polygon(vec![
            [(-10.0, -5.0), (30.0, -5.0), (30.0, 5.0), (-10.0, 5.0)]
                .map(|(east, north)| Point { east, north })
                .to_vec(),
        ]));
        let found = crossings(&path, &[circle(150.0), square], &every_second_until(200));
        check(&found, &[(0, true, 67.5), (1, true, 74.5), (1, false, 76.5), (0, false, 82.5)]);
        assert!(found.iter().all(|crossing| !crossing.in_gap && crossing.seen_s - crossing.at_s <= 1.0));
    }

    #[test]
    fn braking_and_starting_are_solved_and_not_interpolated() {
        let path = Path::drive(&[via(1_000.0, 0.0, 10.0), stop(100.0, 0.0, 10.0, 60.0), via(1_000.0, 0.0, 10.0)]);
        // 30 m into braking from 10 m/s: 10 t - t^2 / 2 = 30; on the way out t^2 / 2 = 20.
        let (into, out) = (85.0 + 10.0 - 40.0_f64.sqrt(), 155.0 + 40.0_f64.sqrt());
        check(&crossings(&path, &[circle(120.0)], &[]), &[(0, true, into), (0, false, out)]);
    }

    #[test]
    fn a_crossing_without_a_fix_on_either_side_is_in_a_gap() {
        let path = Path::drive(&[via(-1_500.0, 0.0, 20.0), via(1_500.0, 0.0, 20.0)]);
        let usable: Vec<f64> = every_second_until(200).into_iter().filter(|t| !(60.0..80.0).contains(t)).collect();
        let found = crossings(&path, &[circle(150.0)], &usable);
        assert_eq!(found.iter().map(|c| (c.in_gap, c.seen_s)).collect::<Vec<_>>(), [(true, 80.0), (false, 83.0)]);
        let usable: Vec<f64> = every_second_until(200).into_iter().filter(|t| !(50.0..68.0).contains(t)).collect();
        assert!(crossings(&path, &[circle(150.0)], &usable)[0].in_gap);
        let usable: Vec<f64> = every_second_until(200).into_iter().filter(|t| *t < 60.0).collect();
        assert!(crossings(&path, &[circle(150.0)], &usable)[0].seen_s.is_infinite());
    }

    #[test]
    fn a_stand_on_the_way_hides_no_crossing() {
        let path = Path::drive(&[via(500.0, 0.0, 10.0), stop(160.0, 0.0, 10.0, 9_000.0), via(-500.0, 0.0, 10.0)]);
        let found = crossings(&path, &[circle(150.0)], &[]);
        let out = 44.0 - 5.0 + 9_000.0;
        assert_eq!(found.len(), 2);
        assert!((found[0].at_s - (out + 20.0_f64.sqrt())).abs() < 1e-3, "{found:?}");
    }
}
