//! One drive as every rule sees it and as it really was.
//!
//! Coordinates are metres east and north of [`ORIGIN`], times are seconds since the drive began.

use geofence::Position;

/// A point in metres, east and north of [`origin`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Metres east.
    pub east: f64,
    /// Metres north.
    pub north: f64,
}

/// A fence in metres.
#[derive(Debug, Clone, PartialEq)]
pub enum Outline {
    /// Rings without the closing vertex, the outer one first, then holes.
    Polygon(Vec<Vec<Point>>),
    /// Centre and radius.
    Circle(Point, f64),
}

/// A fence of the drive. Fences without a facility of their own (zones) carry the facility's name.
#[derive(Debug, Clone, PartialEq)]
pub struct Fence {
    /// Which facility it belongs to.
    pub facility: String,
    /// Its role; rules other than ours only look at `Site`.
    pub zone: gatestamp::facility::Zone,
    /// Its outline.
    pub outline: Outline,
}

/// One epoch as the receiver reports it. `None` in [`Second::fix`] is an epoch without a valid position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observed {
    /// GNSS time, seconds since the drive began.
    pub time_s: f64,
    /// Where the receiver says it is.
    pub point: Point,
    /// The accuracy it reports, per axis, metres, as the agent's ingestion would hand it on (GST, or HDOP times its factor).
    pub sigma_m: f64,
    /// Doppler speed, m/s.
    pub speed_mps: Option<f64>,
    /// Course, degrees from north; receivers leave it out at walking pace.
    pub track_deg: Option<f64>,
}

/// What reaches the rules, in the order in which it arrives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Input {
    /// An epoch. Late, repeated and reordered ones are possible.
    Fix(Observed),
    /// The device was off between the fixes around this.
    PowerCut,
}

/// A true crossing of one fence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crossing {
    /// Index of the fence in [`Drive::fences`].
    pub fence: usize,
    /// Inwards (`true`) or outwards.
    pub inwards: bool,
    /// Seconds since the drive began.
    pub at_s: f64,
    /// No usable fix within 10 s of it: judged as a gap.
    pub in_gap: bool,
}

/// One drive.
#[derive(Debug, Clone, PartialEq)]
pub struct Drive {
    /// The scenario's name.
    pub scenario: &'static str,
    /// The noise model's name.
    pub noise: &'static str,
    /// The seed that makes it.
    pub seed: u64,
    /// All fences.
    pub fences: Vec<Fence>,
    /// The true position once a second from 0 s on.
    pub truth: Vec<Point>,
    /// True crossings in order of time.
    pub crossings: Vec<Crossing>,
    /// What the receiver said.
    pub inputs: Vec<Input>,
}

/// Where every drive takes place: mid latitude, so that east and north differ in scale.
#[must_use]
pub fn origin() -> Position {
    Position::from_degrees(48.0, 11.5).unwrap_or_else(|| unreachable!("a place on earth"))
}
