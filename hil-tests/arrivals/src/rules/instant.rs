//! Rules that judge every fix by itself: naive, OwnTracks, AOSP, Teltonika's border, Tracelet.

use super::baseline::{Judge, Sight, start};
use super::{Entry, Kind};
use crate::drive::{Outline, Point};

/// Inside is inside.
pub(super) const NAIVE: Entry = Entry { name: "naive", start: |fences| start(fences, Instant::new(naive, naive)) };

/// `services/LocationProcessor.kt` of owntracks/android at 25c27be: inside when d <= r + accuracy, in both directions.
/// Older fixes are dropped.
pub(super) const OWNTRACKS: Entry =
    Entry { name: "owntracks", start: |fences| start(fences, Instant { in_order: true, ..Instant::new(near, near) }) };

/// `com/android/server/location/geofence/GeofenceManager.java` of AOSP: inside when d <= max(r, accuracy).
pub(super) const AOSP: Entry = Entry { name: "aosp", start: |fences| start(fences, Instant::new(aosp, aosp)) };

/// Geofence zones of the FMB trackers (<https://wiki.teltonika-gps.com>, FMB640): entering is over the inner border,
/// leaving over the outer one, here 25 m further out. Its "lost fix" rule is left out.
pub(super) const TELTONIKA_BORDER: Entry =
    Entry { name: "teltonika_border", start: |fences| start(fences, Instant::new(naive, |see| see.s_m <= 25.0)) };

/// Tracelet pull requests 275 and 277: leaving needs the whole accuracy circle 20 m outside.
pub(super) const TRACELET: Entry = Entry {
    name: "tracelet",
    start: |fences| start(fences, Instant::new(naive, |see| see.s_m - see.accuracy_m() <= 20.0)),
};

fn naive(see: &Sight<'_>) -> bool {
    see.s_m <= 0.0
}

fn near(see: &Sight<'_>) -> bool {
    see.s_m <= see.accuracy_m()
}

/// For a circle d <= max(r, accuracy) is s <= max(0, accuracy - r). Android has no other fences; a polygon is taken
/// with the r of the circle of the same area, so that the accuracy counts where it exceeds the size of the fence.
fn aosp(see: &Sight<'_>) -> bool {
    see.s_m <= (see.accuracy_m() - radius_m(see.outline)).max(0.0)
}

fn radius_m(outline: &Outline) -> f64 {
    match outline {
        Outline::Circle(_, radius_m) => *radius_m,
        Outline::Polygon(rings) => {
            let mut areas = rings.iter().map(|ring| area_m2(ring));
            let outer = areas.next().unwrap_or(0.0);
            libm::sqrt((outer - areas.sum::<f64>()).max(0.0) / core::f64::consts::PI)
        }
    }
}

/// Shoelace formula.
fn area_m2(ring: &[Point]) -> f64 {
    let next = ring.iter().skip(1).chain(ring.first());
    ring.iter().zip(next).map(|(a, b)| a.east * b.north - b.east * a.north).sum::<f64>().abs() / 2.0
}

type Test = fn(&Sight<'_>) -> bool;

#[derive(Clone)]
struct Instant {
    /// Who is outside comes in when this holds.
    enters: Test,
    /// Who is inside stays in while this holds.
    stays: Test,
    /// Fixes older than the newest are dropped.
    in_order: bool,
    inside: Option<bool>,
}

impl Instant {
    fn new(enters: Test, stays: Test) -> Self {
        Self { enters, stays, in_order: false, inside: None }
    }
}

impl Judge for Instant {
    fn judge(&mut self, see: &Sight<'_>) -> Option<(Kind, f64)> {
        if self.in_order && see.fix.time_s < see.now_s {
            return None;
        }
        let test = if self.inside == Some(true) { self.stays } else { self.enters };
        let inside = test(see);
        let before = self.inside.replace(inside)?;
        let kind = if inside { Kind::Entered } else { Kind::Left };
        (inside != before).then_some((kind, see.fix.time_s))
    }
}

#[cfg(test)]
mod tests {
    use super::super::baseline::drawn::{circle, each_second, off, run, site};
    use super::*;
    use crate::drive::{Fence, Observed};
    use Kind::{Entered, Left};

    fn on_circle(entry: Entry, distances_m: &[f64]) -> Vec<(Kind, f64, f64)> {
        run(entry, &circle(), &each_second(distances_m))
    }

    #[test]
    fn naive_changes_with_every_fix_over_the_line_and_the_line_is_inside() {
        let there_and_back = on_circle(NAIVE, &[1.0, 0.0, 0.5, -3.0, -9.0, 0.1]);
        assert_eq!(there_and_back, [(Entered, 1.0, 1.0), (Left, 2.0, 2.0), (Entered, 3.0, 3.0), (Left, 5.0, 5.0)]);
        assert_eq!(on_circle(NAIVE, &[-1.0, -2.0, 3.0]), [(Left, 2.0, 2.0)]);
    }

    #[test]
    fn owntracks_widens_the_fence_by_the_accuracy_both_ways() {
        // 1.515 x 2 m = 3.03 m.
        let decided = on_circle(OWNTRACKS, &[4.0, 3.1, 3.0, -5.0, 3.0, 3.1]);
        assert_eq!(decided, [(Entered, 2.0, 2.0), (Left, 5.0, 5.0)]);
    }

    #[test]
    fn owntracks_drops_older_fixes() {
        let fixes = [off(0.0, 9.0), off(2.0, 8.0), off(1.0, -9.0), off(3.0, 8.0)];
        assert_eq!(run(OWNTRACKS, &circle(), &fixes), []);
        assert_eq!(run(NAIVE, &circle(), &fixes).len(), 2);
    }

    fn vague(time_s: f64, s_m: f64, sigma_m: f64) -> Observed {
        Observed { sigma_m, ..off(time_s, s_m) }
    }

    #[test]
    fn aosp_is_naive_until_the_accuracy_exceeds_the_radius() {
        // Accuracy 60.6 m < r = 100 m; then 121.2 m: 21.2 m beyond the line.
        let fixes = [vague(0.0, 30.0, 40.0), vague(1.0, 5.0, 40.0), vague(2.0, 21.0, 80.0), vague(3.0, 21.5, 80.0)];
        assert_eq!(run(AOSP, &circle(), &fixes), [(Entered, 2.0, 2.0), (Left, 3.0, 3.0)]);
    }

    #[test]
    fn aosp_takes_a_polygon_as_large_as_the_circle_of_its_area() {
        // 40 m by 40 m with a hole of 10 m by 10 m: 1,500 m2, r = 21.85 m.
        let corner = |east, north| Point { east, north };
        let square =
            |near: f64, far: f64| [(near, near), (far, near), (far, far), (near, far)].map(|(e, n)| corner(e, n));
        let yard: Vec<Fence> = vec![site(Outline::Polygon(vec![square(-20.0, 20.0).into(), square(-5.0, 5.0).into()]))];
        // Accuracy 30.3 m: 8.45 m beyond the line.
        let fix = |time_s, east| Observed { sigma_m: 20.0, point: corner(east, 0.0), ..off(time_s, 0.0) };
        let fixes = [fix(0.0, 60.0), fix(1.0, 28.6), fix(2.0, 28.3)];
        assert_eq!(run(AOSP, &yard, &fixes), [(Entered, 2.0, 2.0)]);
    }

    #[test]
    fn teltonika_leaves_over_its_outer_border_only() {
        let decided = on_circle(TELTONIKA_BORDER, &[20.0, 1.0, -1.0, 20.0, 25.0, 25.1, 10.0, 0.0]);
        assert_eq!(decided, [(Entered, 2.0, 2.0), (Left, 5.0, 5.0), (Entered, 7.0, 7.0)]);
    }

    #[test]
    fn tracelet_leaves_when_the_accuracy_circle_is_twenty_metres_outside() {
        let decided = on_circle(TRACELET, &[2.0, 1.0, 0.0, 20.5, 23.0, 23.1]);
        assert_eq!(decided, [(Entered, 2.0, 2.0), (Left, 5.0, 5.0)]);
    }
}
