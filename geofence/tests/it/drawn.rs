//! Drives drawn as text: one character is one second on a straight road along the equator, from 105 m west of a fence of
//! 400 m x 400 m whose western edge is at 0 m.
//!
//! ```text
//!   >  drives east at 10 m/s            -  drives on unseen: no fix     ~  stands, thrown to 30 m outside
//!   <  drives west at 10 m/s            w  drives west unseen: no fix   ^  stands, thrown to 6 m inside
//!   )  creeps east at 1 m/s             ?  stands unseen: no fix        f  stands, thrown to 150 m outside
//!   (  creeps west at 1 m/s             =  drives on, but the receiver  ,  stands, thrown to 30 m outside, with a speed of 1 m/s
//!   :  creeps east, course left blank      repeats itself, with speed      and no course
//!   s  stands                           0  drives on, but the receiver  !  stands, one position 3 km away
//!   |  the device is off for an hour       repeats itself, speed zero   x  drives on, thrown 15 m west
//!   r  stands under a roof: creeps about 30 m outside at 1 m/s
//! ```

use geofence::{Fences, Fix, Kind, Mode, Position, Shape, Tracker, Transition, UnixMillis};
use std::fmt::Write;

/// A fence of 400 m x 400 m whose western edge is at 0 m.
pub(crate) struct OneFence {
    pub(crate) vertices: Vec<Position>,
    /// Whether it tells how far it is.
    pub(crate) tells_clearance: bool,
    /// Which facilities these are, and its key.
    pub(crate) revision: u64,
    pub(crate) key: geofence::FenceKey,
}

/// Metres per degree of longitude at the equator.
const METRES_PER_DEGREE: f64 = 111_319.49;

pub(crate) fn at(east_m: f64, north_m: f64) -> Position {
    Position::from_degrees(north_m / 110_574.0, east_m / METRES_PER_DEGREE).unwrap()
}

impl OneFence {
    pub(crate) fn new() -> Self {
        Self {
            vertices: vec![at(0.0, -200.0), at(400.0, -200.0), at(400.0, 200.0), at(0.0, 200.0)],
            tells_clearance: true,
            revision: 7,
            key: geofence::FenceKey(7),
        }
    }
}

impl Fences for OneFence {
    fn len(&self) -> usize {
        1
    }
    fn key(&self, _: usize) -> Option<geofence::FenceKey> {
        Some(self.key)
    }
    fn find(&self, key: geofence::FenceKey) -> Option<usize> {
        (key == self.key).then_some(0)
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
    fn clearance_m(&self, position: Position) -> f64 {
        if self.tells_clearance { self.signed_distance_m(0, position).unwrap().abs() } else { 0.0 }
    }
    fn revision(&self) -> u64 {
        self.revision
    }
}

/// One second of a drawn drive.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Second {
    Fix(Fix),
    Nothing,
    PowerCut,
}

/// What a mark means.
struct Mark {
    /// How fast the truck moves, m/s east.
    velocity: f64,
    /// Where the receiver says it is: there, or off by so much.
    seen: Seen,
    /// The speed that it says, where that is not the truck's own.
    speed: Option<f64>,
    course: bool,
}

#[derive(Clone, Copy)]
enum Seen {
    Nowhere,
    Off(f64),
    At(f64),
    Frozen,
}

fn mark(mark: char, heading: f64) -> Mark {
    let moving = |velocity, seen| Mark { velocity, seen, speed: None, course: true };
    let standing = |seen| Mark { velocity: 0.0, seen, speed: None, course: false };
    match mark {
        '>' => moving(10.0, Seen::Off(0.0)),
        '<' => moving(-10.0, Seen::Off(0.0)),
        ')' => moving(1.0, Seen::Off(0.0)),
        '(' => moving(-1.0, Seen::Off(0.0)),
        ':' => Mark { course: false, ..moving(1.0, Seen::Off(0.0)) },
        'x' => moving(10.0 * heading, Seen::Off(-15.0)),
        '-' => moving(10.0 * heading, Seen::Nowhere),
        'w' => moving(-10.0, Seen::Nowhere),
        '=' => moving(10.0 * heading, Seen::Frozen),
        '0' => Mark { speed: Some(0.0), course: false, ..moving(10.0 * heading, Seen::Frozen) },
        's' => standing(Seen::Off(0.0)),
        '?' => standing(Seen::Nowhere),
        '~' => standing(Seen::At(-30.0)),
        '^' => standing(Seen::At(6.0)),
        'f' => standing(Seen::At(-150.0)),
        ',' => Mark { speed: Some(1.0), ..standing(Seen::At(-30.0)) },
        'r' => Mark { speed: Some(1.0), course: true, ..standing(Seen::At(-30.0)) },
        '!' => standing(Seen::Off(3_000.0)),
        other => panic!("{other:?} is not a mark of drawn drives"),
    }
}

/// The seconds of a drawing.
pub(crate) fn seconds(drawing: &str) -> Vec<Second> {
    let (mut east_m, mut heading, mut time, mut said_m) = (-105.0, 1.0, 0, -105.0);
    let mut seconds = Vec::new();
    for character in drawing.chars() {
        time += 1_000;
        if character == '|' {
            time += 3_600_000;
            seconds.push(Second::PowerCut);
            continue;
        }
        let mark = mark(character, heading);
        east_m += mark.velocity;
        heading = if mark.velocity == 0.0 { heading } else { mark.velocity.signum() };
        said_m = match mark.seen {
            Seen::Nowhere => {
                seconds.push(Second::Nothing);
                continue;
            }
            Seen::Off(by_m) => east_m + by_m,
            Seen::At(at_m) => at_m,
            Seen::Frozen => said_m,
        };
        let speed_mps = mark.speed.unwrap_or(mark.velocity.abs());
        seconds.push(Second::Fix(Fix {
            time: UnixMillis(time),
            position: at(said_m, 0.0),
            mode: Mode::ThreeD,
            sigma_m: 3.0,
            speed_mps: Some(speed_mps),
            track_deg: mark.course.then_some(if heading > 0.0 { 90.0 } else { 270.0 }),
        }));
    }
    seconds
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
    let second = (crossing.at.0 + 500).div_euclid(1_000);
    format!("{what} {second} {:?}", crossing.method)
}

/// So many of one mark.
pub(crate) fn many(mark: &str, count: usize) -> String {
    mark.repeat(count)
}
