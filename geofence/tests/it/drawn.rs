//! Drives drawn as text: one character is one second on a straight road, east along the equator, through a square fence.
//!
//! ```text
//!   .  outside, driving, 25 m from the western edge and more     #  inside, driving up and down the first 45 m
//!   s  standing where it is                                     ?  no fix
//!   ~  standing, but the position is thrown to 30 m outside     !  one position 3 km away
//!   ^  standing, but the position is thrown to 6 m inside       f  the same, thrown to 150 m outside
//!   ,  creeping at 1 m/s, thrown to 30 m outside                o  driving, thrown to 12 m outside
//!   _  driving up to 2 m outside                                d  standing 3 m inside
//!   |  the device is off for an hour
//! ```

use geofence::{Fences, Fix, Kind, Mode, Position, Shape, Tracker, Transition, UnixMillis};
use std::fmt::Write;

/// A fence of 400 m x 400 m whose western edge is at 0 m.
pub(crate) struct OneFence {
    vertices: Vec<Position>,
}

/// Metres per degree of longitude at the equator.
const METRES_PER_DEGREE: f64 = 111_319.49;

pub(crate) fn at(east_m: f64, north_m: f64) -> Position {
    Position::from_degrees(north_m / 110_574.0, east_m / METRES_PER_DEGREE).unwrap()
}

impl OneFence {
    pub(crate) fn new() -> Self {
        Self { vertices: vec![at(0.0, -200.0), at(400.0, -200.0), at(400.0, 200.0), at(0.0, 200.0)] }
    }
}

impl Fences for OneFence {
    fn len(&self) -> usize {
        1
    }
    fn key(&self, _: usize) -> Option<geofence::FenceKey> {
        Some(geofence::FenceKey(7))
    }
    fn find(&self, key: geofence::FenceKey) -> Option<usize> {
        (key.0 == 7).then_some(0)
    }
    fn signed_distance_m(&self, _: usize, position: Position) -> Option<f64> {
        Some(Shape::Polygon { vertices: &self.vertices, ring_ends: &[4] }.signed_distance_m(position))
    }
    fn depth_m(&self, _: usize) -> Option<f64> {
        Some(Shape::Polygon { vertices: &self.vertices, ring_ends: &[4] }.depth_m())
    }
    fn around(&self, _: Position, _: f64, visit: &mut dyn FnMut(usize)) {
        visit(0);
    }
    fn revision(&self) -> u64 {
        7
    }
}

/// One second of a drawn drive.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Second {
    Fix(Fix),
    Nothing,
    PowerCut,
}

/// The seconds of a drawing.
pub(crate) fn seconds(drawing: &str) -> Vec<Second> {
    let marks: Vec<char> = drawing.chars().collect();
    let (mut east_m, mut step_m, mut time) = (-25.0, 10.0, 0);
    let mut seconds = Vec::new();
    for (index, mark) in marks.iter().enumerate() {
        time += 1_000;
        let mut thrown_m = 0.0;
        let mut speed_mps = 0.0;
        match mark {
            '.' => {
                east_m = -25.0 - 40.0 * as_f64(steps_away(&marks, index));
                speed_mps = 40.0;
            }
            '#' => {
                step_m = if east_m <= 5.0 {
                    10.0
                } else if east_m >= 45.0 {
                    -10.0
                } else {
                    step_m
                };
                east_m = if east_m < 0.0 { 5.0 } else { east_m + step_m };
                speed_mps = 10.0;
            }
            's' => {}
            'd' => east_m = 3.0,
            '~' => thrown_m = -30.0 - east_m,
            '^' => thrown_m = 6.0 - east_m,
            'f' => thrown_m = -150.0 - east_m,
            ',' => (thrown_m, speed_mps) = (-30.0 - east_m, 1.0),
            'o' => (thrown_m, speed_mps) = (-12.0 - east_m, 20.0),
            '_' => (east_m, speed_mps) = (-2.0, 3.0),
            '!' => thrown_m = 3_000.0,
            '?' => {
                seconds.push(Second::Nothing);
                continue;
            }
            '|' => {
                time += 3_600_000;
                seconds.push(Second::PowerCut);
                continue;
            }
            other => panic!("{other:?} is not a mark of drawn drives"),
        }
        seconds.push(Second::Fix(fix(time, east_m + thrown_m, speed_mps)));
    }
    seconds
}

/// How many steps of driving lie between a dot and the nearest stay inside, before or after it.
fn steps_away(marks: &[char], index: usize) -> usize {
    let dots = |run: &mut dyn Iterator<Item = &char>| {
        let outside: Vec<_> = run.take_while(|&&mark| mark != '#').collect();
        outside.into_iter().filter(|&&mark| mark == '.').count()
    };
    let (before, after) = marks.split_at(index);
    let since = if before.contains(&'#') { dots(&mut before.iter().rev()) } else { usize::MAX };
    let until = if after.contains(&'#') { dots(&mut after.iter().skip(1)) } else { usize::MAX };
    match since.min(until) {
        usize::MAX => 0,
        steps => steps,
    }
}

fn fix(time: i64, east_m: f64, speed_mps: f64) -> Fix {
    Fix {
        time: UnixMillis(time),
        position: at(east_m, 0.0),
        mode: Mode::ThreeD,
        sigma_m: 3.0,
        speed_mps: Some(speed_mps),
        track_deg: None,
    }
}

fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

/// One second later.
pub(crate) fn advance(tracker: &mut Tracker, fence: &OneFence, second: Second) -> Vec<Transition> {
    match second {
        Second::Fix(fix) => tracker.step(fence, &fix).to_vec(),
        Second::Nothing => Vec::new(),
        Second::PowerCut => {
            tracker.power_cut();
            Vec::new()
        }
    }
}

/// What a drawing leads to, one line per transition: what, the second of the crossing, how it is known.
pub(crate) fn drive(drawing: &str) -> String {
    let (mut tracker, fence, mut told) = (Tracker::default(), OneFence::new(), String::new());
    for second in seconds(drawing) {
        for transition in advance(&mut tracker, &fence, second) {
            writeln!(told, "{}", tell(&transition)).unwrap();
        }
    }
    told
}

pub(crate) fn tell(transition: &Transition) -> String {
    let what = match transition.kind {
        Kind::Entered => "entered",
        Kind::Left => "left",
        Kind::Rebased => "rebased",
        Kind::Removed => "removed",
    };
    let crossing = &transition.crossing;
    let second = (crossing.at.0 + 500).div_euclid(1_000) % 3_600;
    format!("{what} {second} {:?}", crossing.method)
}
