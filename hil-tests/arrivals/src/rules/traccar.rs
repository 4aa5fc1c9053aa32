//! Traccar: the set of fences that contain the fix, compared with the set before.
//!
//! Source: traccar/traccar at 9e5c458: `handler/events/GeofenceEventHandler.java`, `geofence/GeofenceCircle.java`,
//! `geofence/GeofencePolygon.java`, `BufferingManager.java`, all filters and `event.geofence.segmentCrossing` off as
//! they come.
//! - Leaving is told before entering. A fix older than the last one makes no event. The set is empty before the first
//!   fix, so a first fix inside enters.
//! - A circle is measured with the haversine formula on a sphere of 6,378,137 m; of a polygon only the outer ring is
//!   looked at, in degrees.
//! - Every fix waits 3,000 ms after its arrival; one that arrives with an older fix time starts the waiting of the
//!   younger ones anew. Arrival is the time of the newest fix seen, and what was due between two fixes is decided when
//!   it was due: a server's clock runs on.

use super::baseline::{decision, sites};
use super::{Decision, Entry, Kind, Rule};
use crate::drive::{Fence, Input, Observed, Outline, Point, position};
use crate::planar;

/// `server.buffering.threshold`, seconds.
const BUFFERING_S: f64 = 3.0;
/// Radius of the earth in `helper/DistanceCalculator.java`, metres.
const EARTH_M: f64 = 6_378_137.0;

/// Traccar fed with every fix.
pub(super) const TRACCAR: Entry = Entry { name: "traccar", start: |fences| Traccar::start(fences, 0.0) };

/// Traccar fed with one fix every 30 seconds, as a tracker on a data plan does.
pub(super) const TRACCAR_30S: Entry = Entry { name: "traccar_30s", start: |fences| Traccar::start(fences, 30.0) };

struct Traccar {
    sites: Vec<(usize, Outline)>,
    /// The tracker reports one fix per so many seconds.
    every_s: f64,
    reported_s: f64,
    newest_s: f64,
    waiting: Vec<Waiting>,
    latest_s: f64,
    inside: Vec<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    fix: Observed,
    due_s: f64,
}

impl Traccar {
    fn start(fences: &[Fence], every_s: f64) -> Box<dyn Rule> {
        Box::new(Self {
            sites: sites(fences).collect(),
            every_s,
            reported_s: f64::NEG_INFINITY,
            newest_s: f64::NEG_INFINITY,
            waiting: Vec::new(),
            latest_s: f64::NEG_INFINITY,
            inside: Vec::new(),
        })
    }

    fn queue(&mut self, fix: Observed) {
        let due_s = self.newest_s + BUFFERING_S;
        for younger in self.waiting.iter_mut().filter(|waiting| waiting.fix.time_s >= fix.time_s) {
            younger.due_s = due_s;
        }
        self.waiting.push(Waiting { fix, due_s });
        self.waiting.sort_by(|a, b| a.due_s.total_cmp(&b.due_s).then(a.fix.time_s.total_cmp(&b.fix.time_s)));
    }

    fn release(&mut self, out: &mut Vec<Decision>) {
        let due = self.waiting.iter().take_while(|waiting| waiting.due_s <= self.newest_s).count();
        let released: Vec<Waiting> = self.waiting.drain(..due).collect();
        for Waiting { fix, due_s } in released {
            self.position(&fix, due_s, out);
        }
    }

    fn position(&mut self, fix: &Observed, now_s: f64, out: &mut Vec<Decision>) {
        if fix.time_s < self.latest_s {
            return;
        }
        self.latest_s = fix.time_s;
        let containing = self.sites.iter().filter(|(_, outline)| contains(outline, fix.point));
        let current: Vec<usize> = containing.map(|(fence, _)| *fence).collect();
        let left = self.inside.iter().filter(|fence| !current.contains(fence));
        out.extend(left.map(|&fence| decision(fence, Kind::Left, fix.time_s, now_s)));
        let entered = current.iter().filter(|fence| !self.inside.contains(fence));
        out.extend(entered.map(|&fence| decision(fence, Kind::Entered, fix.time_s, now_s)));
        self.inside = current;
    }
}

impl Rule for Traccar {
    fn observe(&mut self, input: &Input, out: &mut Vec<Decision>) {
        let Input::Fix(fix) = input else { return };
        self.newest_s = self.newest_s.max(fix.time_s);
        // What fell due before this fix came does not wait any longer because of it.
        self.release(out);
        // A device that reports every fix also sends the late ones; one that reports now and then sends the present one.
        if self.every_s == 0.0 || fix.time_s - self.reported_s >= self.every_s {
            self.reported_s = fix.time_s;
            self.queue(*fix);
        }
    }
}

fn contains(outline: &Outline, point: Point) -> bool {
    match outline {
        Outline::Circle(centre, radius_m) => haversine_m(*centre, point) <= *radius_m,
        // Degrees and metres differ by two constant factors here, and which side of a line a point is on does not
        // depend on them.
        Outline::Polygon(rings) => rings.first().is_some_and(|outer| planar::ring_contains(outer, point)),
    }
}

/// `DistanceCalculator.distance`.
fn haversine_m(a: Point, b: Point) -> f64 {
    let ((lat_a, lon_a), (lat_b, lon_b)) = (radians(a), radians(b));
    let sin_lat = libm::sin((lat_b - lat_a) / 2.0);
    let sin_lon = libm::sin((lon_b - lon_a) / 2.0);
    let root = sin_lat * sin_lat + libm::cos(lat_a) * libm::cos(lat_b) * sin_lon * sin_lon;
    2.0 * EARTH_M * libm::asin(libm::sqrt(root))
}

fn radians(point: Point) -> (f64, f64) {
    let place = position(point);
    (place.lat().to_radians(), place.lon().to_radians())
}

#[cfg(test)]
mod tests {
    use super::super::baseline::drawn::{at, circle, decisions, each_second, off, run, site};
    use super::*;
    use Kind::{Entered, Left};

    #[test]
    fn every_change_of_the_set_is_told_three_seconds_later() {
        let decided = run(TRACCAR, &circle(), &each_second(&[9.0, -9.0, 9.0, 9.0, 9.0, 9.0]));
        assert_eq!(decided, [(Entered, 1.0, 4.0), (Left, 2.0, 5.0)]);
    }

    #[test]
    fn what_was_due_in_a_gap_was_decided_in_the_gap() {
        let fixes = [off(0.0, 9.0), off(1.0, -9.0), off(90.0, -9.0)];
        assert_eq!(run(TRACCAR, &circle(), &fixes), [(Entered, 1.0, 4.0)]);
    }

    #[test]
    fn a_first_fix_inside_enters() {
        assert_eq!(run(TRACCAR, &circle(), &each_second(&[-9.0; 4])), [(Entered, 0.0, 3.0)]);
    }

    #[test]
    fn a_fix_up_to_three_seconds_late_is_put_in_order_and_the_younger_ones_wait() {
        let fixes = [off(0.0, 9.0), off(2.0, 9.0), off(1.0, -9.0), off(3.0, 9.0), off(4.0, 9.0), off(5.0, 9.0)];
        assert_eq!(run(TRACCAR, &circle(), &fixes), [(Entered, 1.0, 5.0), (Left, 2.0, 5.0)]);
    }

    #[test]
    fn a_fix_that_comes_too_late_makes_no_event() {
        let mut fixes = each_second(&[9.0; 9]);
        fixes.push(off(2.5, -9.0));
        fixes.extend([off(9.0, 9.0), off(12.0, 9.0)]);
        assert_eq!(run(TRACCAR, &circle(), &fixes), []);
    }

    #[test]
    fn leaving_one_fence_is_told_before_entering_another() {
        let round = |east| site(Outline::Circle(Point { east, north: 0.0 }, 50.0));
        let fixes = [at(0.0, 200.0, 0.0), at(1.0, 0.0, 0.0), at(9.0, 0.0, 0.0)];
        let told = decisions(TRACCAR, &[round(0.0), round(200.0)], &fixes);
        let told: Vec<_> = told.iter().map(|d| (d.kind, d.fence)).collect();
        assert_eq!(told, [(Entered, 1), (Left, 1), (Entered, 0)]);
    }

    #[test]
    fn every_thirty_seconds_is_every_thirty_seconds() {
        let mut distances = [9.0; 100];
        distances[20..89].fill(-9.0);
        assert_eq!(run(TRACCAR_30S, &circle(), &each_second(&distances)), [(Entered, 30.0, 33.0), (Left, 90.0, 93.0)]);
    }

    #[test]
    fn its_sphere_is_too_long_to_the_north_and_too_short_to_the_east() {
        // 111,177 m and 74,632 m per degree on the ellipsoid at 48 degrees, 111,319 m and 74,488 m on the sphere.
        let centre = Point { east: 0.0, north: 0.0 };
        let north = haversine_m(centre, Point { east: 0.0, north: 1_000.0 });
        let east = haversine_m(centre, Point { east: 1_000.0, north: 0.0 });
        assert!((north - 1_001.16).abs() < 0.2 && (east - 998.15).abs() < 0.2, "{north} {east}");
    }

    #[test]
    fn a_hole_is_inside() {
        let square = |half: f64| vec![(-half, -half), (half, -half), (half, half), (-half, half)];
        let ring = |half| square(half).into_iter().map(|(east, north)| Point { east, north }).collect::<Vec<_>>();
        let yard = [site(Outline::Polygon(vec![ring(50.0), ring(10.0)]))];
        assert_eq!(run(TRACCAR, &yard, &[at(0.0, 0.0, 0.0), at(3.0, 0.0, 0.0)]), [(Entered, 0.0, 3.0)]);
    }
}
