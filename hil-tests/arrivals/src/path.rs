//! Where is the truck at any instant, exactly?
//!
//! A route is a list of waypoints: straight lines, rounded corners, acceleration and braking of 1 m/s2, a dwell at stops. It becomes
//! pieces of constant acceleration along lines and arcs, so that position and speed are closed formulas of time: crossings are found
//! to the millisecond, and eight hours at a dock cost nothing.

use crate::drive::{Point, Standstill};
use crate::planar::distance;

/// Acceleration and braking of a loaded truck, m/s2.
const ACCELERATION_MPS2: f64 = 1.0;
/// What a driver lets a loaded truck feel in a bend, m/s2.
const LATERAL_MPS2: f64 = 1.5;
/// A truck that moves at all is not slower than this, m/s.
const CREEP_MPS: f64 = 0.3;
/// Corners are rounded with this radius unless the waypoint says otherwise, metres.
const RADIUS_M: f64 = 12.0;

/// A point of the route, and how it is driven to.
#[derive(Debug, Clone, Copy)]
pub struct Waypoint {
    point: Point,
    cruise_mps: f64,
    dwell_s: f64,
    radius_m: f64,
}

/// Drives through (or round the corner at) this point at `cruise_mps`.
#[must_use]
pub fn via(east: f64, north: f64, cruise_mps: f64) -> Waypoint {
    Waypoint { point: Point { east, north }, cruise_mps: cruise_mps.max(CREEP_MPS), dwell_s: 0.0, radius_m: RADIUS_M }
}

/// Drives to this point at `cruise_mps` and stands there for `dwell_s` seconds.
#[must_use]
pub fn stop(east: f64, north: f64, cruise_mps: f64, dwell_s: f64) -> Waypoint {
    Waypoint { dwell_s, ..via(east, north, cruise_mps) }
}

impl Waypoint {
    /// With a bend of this radius, metres.
    #[must_use]
    pub fn curve(self, radius_m: f64) -> Self {
        Self { radius_m, ..self }
    }
}

/// The truck at one instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct State {
    /// Where it is.
    pub point: Point,
    /// How fast, m/s.
    pub speed_mps: f64,
    /// Unit vector of its motion; kept while it stands.
    pub heading: Point,
}

/// What a piece of the way looks like on the ground.
#[derive(Debug, Clone, Copy)]
enum Line {
    Straight {
        from: Point,
        heading: Point,
    },
    /// `turn` is 1 to the left, -1 to the right; `angle` that of the first point seen from the centre, radians.
    Arc {
        centre: Point,
        radius_m: f64,
        angle: f64,
        turn: f64,
    },
}

impl Line {
    fn at(&self, along_m: f64) -> (Point, Point) {
        match *self {
            Self::Straight { from, heading } => (from.plus(heading, along_m), heading),
            Self::Arc { centre, radius_m, angle, turn } => {
                let angle = angle + turn * along_m / radius_m;
                let (sin, cos) = (libm::sin(angle), libm::cos(angle));
                let point = Point { east: centre.east + radius_m * cos, north: centre.north + radius_m * sin };
                (point, Point { east: -turn * sin, north: turn * cos })
            }
        }
    }
}

/// A part of the way with one speed limit.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    line: Line,
    length_m: f64,
    limit_mps: f64,
}

/// A span of time with constant acceleration on one stretch.
#[derive(Debug, Clone, Copy)]
struct Piece {
    from_s: f64,
    line: Line,
    along_m: f64,
    speed_mps: f64,
    acceleration_mps2: f64,
}

/// The true path.
#[derive(Debug, Clone, Default)]
pub struct Path {
    pieces: Vec<Piece>,
    end_s: f64,
    fastest_mps: f64,
    standstills: Vec<Standstill>,
}

impl Path {
    /// Drives the route. The truck is rolling when it begins and when it ends, unless the first or the last waypoint is a stop.
    #[must_use]
    pub fn drive(route: &[Waypoint]) -> Self {
        let mut path = Self::default();
        let Some(first) = route.first() else { return path };
        if first.dwell_s > 0.0 {
            path.stand(first.point, Point { east: 1.0, north: 0.0 }, first.dwell_s);
        }
        let mut run = vec![*first];
        for (index, waypoint) in route.iter().enumerate().skip(1) {
            run.push(*waypoint);
            let last = index + 1 == route.len();
            if waypoint.dwell_s > 0.0 || last {
                let heading = path.run(&run);
                if waypoint.dwell_s > 0.0 {
                    path.stand(waypoint.point, heading, waypoint.dwell_s);
                }
                run = vec![*waypoint];
            }
        }
        path
    }

    /// Seconds from the first instant to the last.
    #[must_use]
    pub fn duration_s(&self) -> f64 {
        self.end_s
    }

    /// The highest speed of the drive, m/s.
    #[must_use]
    pub fn fastest_mps(&self) -> f64 {
        self.fastest_mps
    }

    /// When and where the truck stood.
    #[must_use]
    pub fn standstills(&self) -> &[Standstill] {
        &self.standstills
    }

    /// The truck `time_s` seconds after the drive began; before and after the drive it is where that begins and ends.
    #[must_use]
    pub fn at(&self, time_s: f64) -> State {
        let time_s = time_s.clamp(0.0, self.end_s);
        let index = self.pieces.partition_point(|piece| piece.from_s <= time_s).saturating_sub(1);
        let Some(piece) = self.pieces.get(index) else {
            let heading = Point { east: 1.0, north: 0.0 };
            return State { point: Point { east: 0.0, north: 0.0 }, speed_mps: 0.0, heading };
        };
        let dt = time_s - piece.from_s;
        let along_m = piece.along_m + piece.speed_mps * dt + 0.5 * piece.acceleration_mps2 * dt * dt;
        let (point, heading) = piece.line.at(along_m);
        State { point, speed_mps: (piece.speed_mps + piece.acceleration_mps2 * dt).max(0.0), heading }
    }

    fn stand(&mut self, point: Point, heading: Point, dwell_s: f64) {
        let line = Line::Straight { from: point, heading };
        self.pieces.push(Piece { from_s: self.end_s, line, along_m: 0.0, speed_mps: 0.0, acceleration_mps2: 0.0 });
        self.standstills.push(Standstill { from_s: self.end_s, to_s: self.end_s + dwell_s, point });
        self.end_s += dwell_s;
    }

    /// Drives from one stop to the next; returns the heading at its end.
    fn run(&mut self, run: &[Waypoint]) -> Point {
        let stretches = stretches(run);
        let stops = |waypoint: Option<&Waypoint>| waypoint.is_some_and(|w| w.dwell_s > 0.0);
        let speeds = joints(&stretches, stops(run.first()), stops(run.last()));
        for (stretch, ends) in stretches.iter().zip(speeds.windows(2)) {
            if let [begin, end] = ends {
                self.cover(stretch, *begin, *end);
            }
        }
        let end = stretches.last().map(|stretch| stretch.line.at(stretch.length_m).1);
        end.unwrap_or(Point { east: 1.0, north: 0.0 })
    }

    /// One stretch: accelerate, cruise, brake.
    fn cover(&mut self, stretch: &Stretch, begin_mps: f64, end_mps: f64) {
        let a = ACCELERATION_MPS2;
        let reach2 = (2.0 * a * stretch.length_m + begin_mps * begin_mps + end_mps * end_mps) / 2.0;
        let peak = libm::sqrt(reach2).min(stretch.limit_mps).max(begin_mps).max(end_mps);
        self.fastest_mps = self.fastest_mps.max(peak);
        let speeding_up = (peak * peak - begin_mps * begin_mps) / (2.0 * a);
        let braking = (peak * peak - end_mps * end_mps) / (2.0 * a);
        let cruising = (stretch.length_m - speeding_up - braking).max(0.0);
        let parts = [
            (0.0, begin_mps, a, (peak - begin_mps) / a),
            (speeding_up, peak, 0.0, cruising / peak.max(1e-9)),
            (speeding_up + cruising, peak, -a, (peak - end_mps) / a),
        ];
        for (along_m, speed_mps, acceleration_mps2, seconds) in parts {
            if seconds > 1e-9 {
                self.pieces.push(Piece {
                    from_s: self.end_s,
                    line: stretch.line,
                    along_m,
                    speed_mps,
                    acceleration_mps2,
                });
                self.end_s += seconds;
            }
        }
    }
}

/// Speeds between the stretches that can be reached and braked to.
fn joints(stretches: &[Stretch], from_stop: bool, to_stop: bool) -> Vec<f64> {
    let limit = |index: usize| stretches.get(index).map_or(f64::INFINITY, |s| s.limit_mps);
    let before = |index: usize| index.checked_sub(1).map_or(f64::INFINITY, limit);
    let mut speeds: Vec<f64> = (0..=stretches.len()).map(|i| limit(i).min(before(i))).collect();
    if let Some(first) = speeds.first_mut().filter(|_| from_stop) {
        *first = 0.0;
    }
    if let Some(last) = speeds.last_mut().filter(|_| to_stop) {
        *last = 0.0;
    }
    let reach = |from: f64, stretch: &Stretch| libm::sqrt(from * from + 2.0 * ACCELERATION_MPS2 * stretch.length_m);
    let mut from = f64::INFINITY;
    for (index, speed) in speeds.iter_mut().enumerate() {
        *speed = speed.min(from);
        from = stretches.get(index).map_or(f64::INFINITY, |stretch| reach(*speed, stretch));
    }
    let mut from = f64::INFINITY;
    for (index, speed) in speeds.iter_mut().enumerate().rev() {
        *speed = speed.min(from);
        from = index.checked_sub(1).and_then(|i| stretches.get(i)).map_or(f64::INFINITY, |s| reach(*speed, s));
    }
    speeds
}

/// The lines between the waypoints and the bends that round the corners.
fn stretches(run: &[Waypoint]) -> Vec<Stretch> {
    let mut out = Vec::new();
    let mut begin = run.first().map_or(Point { east: 0.0, north: 0.0 }, |waypoint| waypoint.point);
    for (index, waypoint) in run.iter().enumerate().skip(1) {
        let previous = run.get(index - 1).map_or(begin, |w| w.point);
        let bend = run.get(index + 1).and_then(|next| bend(previous, waypoint, next));
        let end = bend.map_or(waypoint.point, |bend| bend.from);
        let length_m = distance(begin, end);
        if length_m > 1e-6 {
            let line = Line::Straight { from: begin, heading: begin.towards(end) };
            out.push(Stretch { line, length_m, limit_mps: waypoint.cruise_mps });
        }
        begin = end;
        if let Some(bend) = bend {
            out.push(bend.stretch);
            begin = bend.to;
        }
    }
    out
}

#[derive(Debug, Clone, Copy)]
struct Bend {
    from: Point,
    to: Point,
    stretch: Stretch,
}

/// The arc that rounds a corner; none where the way is straight on, turns back, or has no room.
fn bend(previous: Point, corner: &Waypoint, next: &Waypoint) -> Option<Bend> {
    let (into, out) = (previous.towards(corner.point), corner.point.towards(next.point));
    let (cross, dot) = (into.east * out.north - into.north * out.east, into.east * out.east + into.north * out.north);
    let angle = libm::atan2(cross, dot);
    if !(0.02..3.0).contains(&angle.abs()) {
        return None;
    }
    let tan = libm::tan(angle.abs() / 2.0);
    let room_m = 0.45 * distance(previous, corner.point).min(distance(corner.point, next.point));
    let tangent_m = (corner.radius_m * tan).min(room_m);
    let radius_m = tangent_m / tan;
    if radius_m < 0.5 {
        return None;
    }
    let turn = if angle > 0.0 { 1.0 } else { -1.0 };
    let from = corner.point.plus(into, -tangent_m);
    let left = Point { east: -into.north, north: into.east };
    let centre = from.plus(left, turn * radius_m);
    let limit_mps = libm::sqrt(LATERAL_MPS2 * radius_m).min(corner.cruise_mps).min(next.cruise_mps);
    let line =
        Line::Arc { centre, radius_m, angle: libm::atan2(from.north - centre.north, from.east - centre.east), turn };
    let stretch = Stretch { line, length_m: radius_m * angle.abs(), limit_mps };
    Some(Bend { from, to: corner.point.plus(out, tangent_m), stretch })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64, within: f64) {
        assert!((a - b).abs() < within, "{a} is not {b}");
    }

    #[test]
    fn a_rolling_truck_keeps_its_speed_and_a_stop_is_braked_to() {
        let path = Path::drive(&[via(1_000.0, 0.0, 10.0), stop(100.0, 0.0, 10.0, 60.0), via(-500.0, 0.0, 5.0)]);
        near(path.at(0.0).speed_mps, 10.0, 1e-9);
        near(path.at(40.0).point.east, 600.0, 1e-9);
        // Braking from 10 m/s takes 50 m and 10 s.
        near(path.at(85.0).point.east, 150.0, 1e-9);
        near(path.at(90.0).speed_mps, 5.0, 1e-9);
        let still = path.standstills()[0];
        near(still.from_s, 95.0, 1e-9);
        near(still.to_s, 155.0, 1e-9);
        near(path.at(120.0).point.east, 100.0, 1e-9);
        near(path.at(157.0).point.east, 98.0, 1e-9);
        near(path.duration_s(), 155.0 + 5.0 + (600.0 - 12.5) / 5.0, 1e-9);
    }

    #[test]
    fn corners_are_rounded_and_taken_slowly() {
        let path = Path::drive(&[via(0.0, 0.0, 15.0), via(200.0, 0.0, 15.0), via(200.0, 200.0, 15.0)]);
        let slowest = (0..400).map(|i| path.at(f64::from(i) * 0.1)).min_by(|a, b| a.speed_mps.total_cmp(&b.speed_mps));
        let slowest = slowest.unwrap();
        near(slowest.speed_mps, (1.5_f64 * 12.0).sqrt(), 0.01);
        // 12 m of radius: the corner is cut by 12 (sqrt 2 - 1) m.
        let cut = (0..4_000).map(|i| path.at(f64::from(i) * 0.01).point);
        let nearest = cut.map(|p| distance(p, Point { east: 200.0, north: 0.0 })).fold(f64::INFINITY, f64::min);
        near(nearest, 12.0 * (2.0_f64.sqrt() - 1.0), 0.02);
    }

    #[test]
    fn position_is_the_integral_of_speed_and_heading_everywhere() {
        let route = [
            via(0.0, 0.0, 20.0),
            via(300.0, 50.0, 8.0),
            stop(310.0, 120.0, 4.0, 20.0),
            via(200.0, 100.0, 3.0).curve(30.0),
            via(0.0, 400.0, 15.0),
        ];
        let path = Path::drive(&route);
        let dt = 0.01;
        let mut time_s = 0.0;
        while time_s + dt < path.duration_s() {
            let (a, middle, b) = (path.at(time_s), path.at(time_s + dt / 2.0), path.at(time_s + dt));
            let expected = a.point.plus(middle.heading, middle.speed_mps * dt);
            assert!(distance(expected, b.point) < 2e-3, "{time_s} {a:?} {b:?}");
            assert!((b.speed_mps - a.speed_mps).abs() <= dt * 1.001 + 1e-9, "{time_s}");
            time_s += dt;
        }
    }

    #[test]
    fn braking_begins_before_the_last_waypoint_if_it_must() {
        let path = Path::drive(&[via(0.0, 0.0, 20.0), via(1_000.0, 0.0, 20.0), stop(1_010.0, 0.0, 20.0, 5.0)]);
        // 200 m of braking: 10 m before the stop there are 20^0.5 m/s left.
        near(path.standstills()[0].from_s, 810.0 / 20.0 + 20.0, 1e-6);
        near(path.at(810.0 / 20.0 + 20.0 - 20.0_f64.sqrt()).point.east, 1_000.0, 1e-6);
    }

    #[test]
    fn a_stop_too_near_for_the_cruise_speed_is_still_met() {
        let path = Path::drive(&[stop(0.0, 0.0, 1.0, 10.0), stop(8.0, 0.0, 15.0, 10.0)]);
        let (first, second) = (path.standstills()[0], path.standstills()[1]);
        // 4 m to speed up, 4 m to brake.
        near(second.from_s - first.to_s, 2.0 * 8.0_f64.sqrt(), 1e-9);
        near(path.fastest_mps(), 8.0_f64.sqrt(), 1e-9);
    }
}
