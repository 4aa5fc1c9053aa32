//! One drive as every rule sees it and as it really was.
//!
//! Coordinates are metres east and north of [`origin`], times are seconds since the drive began.

use geofence::Position;

/// A point in metres, east and north of [`origin`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Metres east.
    pub east: f64,
    /// Metres north.
    pub north: f64,
}

impl Point {
    /// `metres` further along the unit vector `heading`.
    #[must_use]
    pub fn plus(self, heading: Self, metres: f64) -> Self {
        Self { east: self.east + metres * heading.east, north: self.north + metres * heading.north }
    }

    /// The unit vector from here to `other`; east if they are the same point.
    #[must_use]
    pub fn towards(self, other: Self) -> Self {
        let (east, north) = (other.east - self.east, other.north - self.north);
        let length = libm::hypot(east, north);
        if length > 0.0 { Self { east: east / length, north: north / length } } else { Self { east: 1.0, north: 0.0 } }
    }
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

/// One epoch with a valid position, as the receiver reports it. Others never reach the rules.
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
    /// No usable fix within 10 s before it, or none within 10 s after it: judged as a gap.
    pub in_gap: bool,
    /// When the first usable fix after it came, seconds since the drive began; infinite if none did.
    pub seen_s: f64,
}

/// The truck stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standstill {
    /// Since when, seconds since the drive began.
    pub from_s: f64,
    /// Until when, seconds since the drive began.
    pub to_s: f64,
    /// Where.
    pub point: Point,
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
    /// When and where the truck stood, in order of time.
    pub standstills: Vec<Standstill>,
    /// What the receiver said.
    pub inputs: Vec<Input>,
}

/// Where every drive takes place: mid latitude, so that east and north differ in scale.
#[must_use]
pub fn origin() -> Position {
    Position::from_degrees(48.0, 11.5).unwrap_or_else(|| unreachable!("a place on earth"))
}

/// The place on earth of a point: the inverse of what `geofence` makes of positions near [`origin`], to a centimetre within 5 km.
#[must_use]
pub fn position(point: Point) -> Position {
    // Metres per degree on WGS 84 at the origin, and how that of longitude shrinks towards north: the radii of curvature midway
    // between the two latitudes, as geodesy has them.
    let origin = origin();
    let (sin, cos) = (libm::sin(origin.lat().to_radians()), libm::cos(origin.lat().to_radians()));
    let (a, e2) = (6_378_137.0, 6.694_379_990_14e-3);
    let w2 = 1.0 - e2 * sin * sin;
    let prime_vertical_m = a / libm::sqrt(w2);
    let meridian_m = prime_vertical_m * (1.0 - e2) / w2;
    let half_north = point.north / meridian_m / 2.0;
    let lat = (point.north / meridian_m).to_degrees();
    let lon = (point.east / (prime_vertical_m * (cos - sin * half_north))).to_degrees();
    Position::from_degrees(origin.lat() + lat, origin.lon() + lon).unwrap_or(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_lands_where_geofence_measures_it() {
        for (east, north) in
            [(0.0, 0.0), (150.0, 0.0), (0.0, -150.0), (120.0, 90.0), (-400.0, 700.0), (3_000.0, -4_000.0)]
        {
            let measured = geofence::distance_m(origin(), position(Point { east, north }));
            assert!((measured - libm::hypot(east, north)).abs() < 0.02, "{east} {north}: {measured}");
        }
    }
}
