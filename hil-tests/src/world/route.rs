//! How does a truck get from stop to stop?
//!
//! Straight lines between waypoints, 1 m/s2 of acceleration and braking, slow at sharp corners, a dwell at each stop. The result
//! is the true path, ten times a second.

use super::ground::Metres;

/// Acceleration and braking of a loaded truck.
const ACCELERATION_MPS2: f64 = 1.0;
/// A truck never crawls slower than this while it moves; without it a stop would never be left.
const CREEP_MPS: f64 = 0.3;
/// Speed through a corner of more than [`SHARP_DEG`].
const CORNER_MPS: f64 = 5.0;
const SHARP_DEG: f64 = 25.0;
/// Spacing of the speed profile along the way.
const NODE_M: f64 = 0.5;
/// Truth is sampled ten times a second; crossings are interpolated between samples.
pub const STEP_S: f64 = 0.1;

/// What the sky is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sky {
    /// Open road.
    Open,
    /// Between buildings and trailers: reflections.
    Yard,
    /// None at all.
    Tunnel,
}

/// A point of the route, and how it is driven to.
#[derive(Debug, Clone, Copy)]
pub struct Waypoint {
    at: Metres,
    cruise_mps: f64,
    sky: Sky,
    dwell_s: f64,
}

/// Drives through a point at `cruise_mps`, under open sky.
#[must_use]
pub fn via(east: f64, north: f64, cruise_mps: f64) -> Waypoint {
    Waypoint { at: Metres::new(east, north), cruise_mps, sky: Sky::Open, dwell_s: 0.0 }
}

impl Waypoint {
    /// Stops there for `seconds`.
    #[must_use]
    pub fn stop(self, seconds: f64) -> Self {
        Self { dwell_s: seconds, ..self }
    }

    /// The way to it, and the stop, lie under this sky.
    #[must_use]
    pub fn under(self, sky: Sky) -> Self {
        Self { sky, ..self }
    }
}

/// Where the truck is at one instant.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Position.
    pub at: Metres,
    /// Speed along the course.
    pub speed_mps: f64,
    /// Unit vector of the course; kept while standing.
    pub course: Metres,
    /// What the antenna sees.
    pub sky: Sky,
}

/// The true path.
#[derive(Debug, Clone, Default)]
pub struct Path {
    samples: Vec<Sample>,
}

impl Path {
    /// Drives the route, beginning at its first waypoint, which must be a stop.
    #[must_use]
    pub fn drive(route: &[Waypoint]) -> Self {
        let mut path = Self::default();
        let Some(first) = route.first() else { return path };
        let mut run = vec![*first];
        path.dwell(first, Metres::new(1.0, 0.0));
        for waypoint in route.iter().skip(1) {
            run.push(*waypoint);
            if waypoint.dwell_s > 0.0 {
                let course = path.run(&run);
                path.dwell(waypoint, course);
                run = vec![*waypoint];
            }
        }
        path
    }

    /// The instants in order, [`STEP_S`] apart.
    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
    }

    /// The first instant.
    #[must_use]
    pub fn first(&self) -> Option<&Sample> {
        self.samples.first()
    }

    /// Seconds from the first instant to the last.
    #[must_use]
    pub fn duration_s(&self) -> f64 {
        super::truth::seconds_of(self.samples.len().saturating_sub(1))
    }

    fn dwell(&mut self, waypoint: &Waypoint, course: Metres) {
        let standing = Sample { at: waypoint.at, speed_mps: 0.0, course, sky: waypoint.sky };
        let mut left_s = waypoint.dwell_s;
        while left_s > 0.0 {
            self.samples.push(standing);
            left_s -= STEP_S;
        }
    }

    /// Drives from standstill to standstill through `run` and returns the last course.
    fn run(&mut self, run: &[Waypoint]) -> Metres {
        let mut nodes = nodes(run);
        limit_acceleration(&mut nodes);
        let mut due_s = 0.0;
        let mut at_s = 0.0;
        let mut course = Metres::new(1.0, 0.0);
        for (node, next) in nodes.iter().zip(nodes.iter().skip(1)) {
            let (v, w) = (node.speed_mps.max(CREEP_MPS), next.speed_mps.max(CREEP_MPS));
            let length = node.at.distance(next.at);
            let takes_s = 2.0 * length / (v + w);
            course = node.course;
            while due_s < at_s + takes_s {
                let share = (due_s - at_s) / takes_s;
                self.samples.push(Sample {
                    at: node.at.towards(next.at, share),
                    speed_mps: v + share * (w - v),
                    course,
                    sky: node.sky,
                });
                due_s += STEP_S;
            }
            at_s += takes_s;
        }
        course
    }
}

/// A point of the speed profile.
struct Node {
    at: Metres,
    course: Metres,
    sky: Sky,
    speed_mps: f64,
}

/// Points every [`NODE_M`] along the run with the speed that road and corners allow.
fn nodes(run: &[Waypoint]) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for (from, to) in run.iter().zip(run.iter().skip(1)) {
        let length = from.at.distance(to.at);
        let course = Metres::new(0.0, 0.0).towards(to.at.minus(from.at), 1.0 / length);
        let sharp = nodes.last().is_some_and(|last: &Node| {
            last.course.east * course.east + last.course.north * course.north < SHARP_DEG.to_radians().cos()
        });
        let mut along = 0.0;
        while along < length {
            let speed_mps = if along <= 0.0 && sharp { CORNER_MPS } else { to.cruise_mps };
            nodes.push(Node { at: from.at.towards(to.at, along / length), course, sky: to.sky, speed_mps });
            along += NODE_M;
        }
        if let Some(last) = nodes.last() {
            nodes.push(Node { at: to.at, course, sky: to.sky, speed_mps: last.speed_mps });
        }
    }
    if let Some(start) = nodes.first_mut() {
        start.speed_mps = 0.0;
    }
    if let Some(end) = nodes.last_mut() {
        end.speed_mps = 0.0;
    }
    nodes
}

/// Lowers speeds until none needs more than [`ACCELERATION_MPS2`], forwards for starting and backwards for braking.
fn limit_acceleration(nodes: &mut [Node]) {
    let reachable = |from: &Node, to: &Node| {
        (from.speed_mps * from.speed_mps + 2.0 * ACCELERATION_MPS2 * from.at.distance(to.at)).sqrt()
    };
    for pair in 1..nodes.len() {
        if let Some([from, to]) = nodes.get_mut(pair - 1..=pair) {
            to.speed_mps = to.speed_mps.min(reachable(from, to));
        }
    }
    for pair in (1..nodes.len()).rev() {
        if let Some([from, to]) = nodes.get_mut(pair - 1..=pair) {
            from.speed_mps = from.speed_mps.min(reachable(to, from));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kilometre_from_standstill_to_standstill() {
        let path = Path::drive(&[via(0.0, 0.0, 20.0).stop(10.0), via(1_000.0, 0.0, 20.0).stop(10.0)]);
        // 20 s up to 20 m/s, 20 s down, 600 m at 20 m/s between, and the two dwells.
        assert!((path.duration_s() - 90.0).abs() < 2.0, "{}", path.duration_s());
        let fastest = path.samples().map(|s| s.speed_mps).fold(0.0, f64::max);
        assert!((fastest - 20.0).abs() < 0.1);
    }

    #[test]
    fn no_step_is_faster_than_the_truck() {
        let path =
            Path::drive(&[via(0.0, 0.0, 20.0).stop(1.0), via(500.0, 0.0, 20.0), via(500.0, 300.0, 15.0).stop(1.0)]);
        let samples: Vec<_> = path.samples().collect();
        for pair in samples.windows(2) {
            assert!(pair[0].at.distance(pair[1].at) <= 20.0 * STEP_S + 0.01);
            assert!((pair[1].speed_mps - pair[0].speed_mps).abs() <= 2.5 * STEP_S + 0.3);
        }
    }
}
