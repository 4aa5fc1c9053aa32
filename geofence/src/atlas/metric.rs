//! Metres around a fence without a sine or cosine: the scale at the fence and how it changes with latitude.
//!
//! A distance is taken with the scale at the latitude midway between its ends (`geodesy.rs`). The scale is stored with
//! the fence for its own latitude, together with its change per unit of latitude; what a straight line leaves out is
//! below 0.2 mm at 1 km within [`NEAR_E7`] of it. Farther away sine and cosine are computed after all.
//!
//! Stored numbers are integers, so that a circle can be decided in integers: metres per 1e-7 degree in units of 2^-38 m,
//! and their change per 1e-7 degree of latitude in units of 2^-58 m.

use crate::geodesy::Scale;

/// Latitude, 1e-7 degree, within which the stored scale is used: 0.1 degree, 11 km.
const NEAR_E7: i64 = 1_000_000;
/// First eccentricity squared of WGS 84.
const E2: f64 = 6.694_379_990_14e-3;
/// One unit of 1e-7 degree in radians.
pub(super) const RADIANS_PER_E7: f64 = core::f64::consts::PI / 180.0 * 1e-7;
/// No meridian is shorter, metres per 1e-7 degree: its radius at the equator, a (1 - e^2).
pub(super) const NORTH_MIN_M: f64 = 6_335_439.3 * RADIANS_PER_E7;
/// No parallel is shorter, metres per 1e-7 degree and cosine of its latitude: a.
pub(super) const EAST_MIN_M: f64 = 6_378_137.0 * RADIANS_PER_E7;
/// 2^-38: one stored unit of scale, metres.
pub(super) const SCALE_UNIT_M: f64 = 1.0 / 274_877_906_944.0;
/// 2^-58: one stored unit of the scale's slope, metres.
pub(super) const SLOPE_UNIT_M: f64 = SCALE_UNIT_M / 1_048_576.0;

/// The scale at one latitude as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoredScale {
    /// Metres per 1e-7 degree of longitude, 2^-38 m.
    pub(super) east: u32,
    /// Metres per 1e-7 degree of latitude, 2^-38 m.
    pub(super) north: u32,
    /// Change of `east` per 1e-7 degree of latitude, 2^-58 m. Fits 24 bits.
    pub(super) slope: i32,
}

impl StoredScale {
    /// The scale at this latitude, 1e-7 degree.
    #[cfg(feature = "alloc")]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "below 0.0112 m, 2^38 of which fit 32 bits; slope below 2^-35 m"
    )]
    pub(super) fn at(lat_e7: i32) -> Self {
        let scale = Scale::between(lat_e7, lat_e7);
        let metric = Metric::computed(lat_e7);
        Self {
            east: libm::round(scale.east_m / SCALE_UNIT_M) as u32,
            north: libm::round(scale.north_m / SCALE_UNIT_M) as u32,
            slope: libm::round(metric.east_per_lat * 2.0 / SLOPE_UNIT_M) as i32,
        }
    }

    /// Scale for distances between a point at the stored latitude and one `north_e7` north of it, 2^-38 m (east, north).
    pub(super) fn midway(self, north_e7: i64) -> (i64, i64) {
        let step = |slope: i64| slope.wrapping_mul(north_e7) >> 21;
        (i64::from(self.east) + step(i64::from(self.slope)), i64::from(self.north) + step(self.north_slope()))
    }

    /// Change of `north` per 1e-7 degree of latitude, 2^-58 m: 3 e^2 sin(lat) cos(lat) M, whose sine and cosine are in
    /// the slope and the scale to the east. Leaves out a 300th of itself.
    fn north_slope(self) -> i64 {
        // 3 e^2 / (a in metres per unit), and 2^-38 for the unit of the scale, times 2^54.
        const FACTOR: i64 = 118_233;
        -((((i64::from(self.east) * i64::from(self.slope)) >> 32) * FACTOR) >> 22)
    }
}

/// Metres per 1e-7 degree at the latitude of a query, and half of their change per unit of latitude: the scale between
/// the query and a point `n` units north of it is `east + n * east_per_lat`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metric {
    east: f64,
    north: f64,
    east_per_lat: f64,
    north_per_lat: f64,
    lat_e7: i32,
}

impl Metric {
    /// At latitude `lat_e7`, from the scale stored for `stored_e7`.
    pub(super) fn new(stored: StoredScale, stored_e7: i64, lat_e7: i32) -> Self {
        let away = i64::from(lat_e7) - stored_e7;
        if away.abs() > NEAR_E7 {
            return Self::computed(lat_e7);
        }
        #[allow(clippy::cast_precision_loss, reason = "below 2^20")]
        let away = away as f64;
        let east_per_lat = f64::from(stored.slope) * (SLOPE_UNIT_M / 2.0);
        #[allow(clippy::cast_precision_loss, reason = "below 2^17")]
        let north_per_lat = stored.north_slope() as f64 * (SLOPE_UNIT_M / 2.0);
        Self {
            east: f64::from(stored.east) * SCALE_UNIT_M + 2.0 * away * east_per_lat,
            north: f64::from(stored.north) * SCALE_UNIT_M + 2.0 * away * north_per_lat,
            east_per_lat,
            north_per_lat,
            lat_e7,
        }
    }

    /// With sine and cosine. The slopes are the derivatives of N cos(lat) and M by latitude.
    fn computed(lat_e7: i32) -> Self {
        let scale = Scale::between(lat_e7, lat_e7);
        let lat = f64::from(lat_e7) * RADIANS_PER_E7;
        let (sin, cos) = (libm::sin(lat), libm::cos(lat));
        let curvature = 3.0 * E2 * sin * cos / (1.0 - E2 * sin * sin);
        Self {
            east: scale.east_m,
            north: scale.north_m,
            east_per_lat: -scale.north_m * sin * RADIANS_PER_E7 / 2.0,
            north_per_lat: scale.north_m * curvature * RADIANS_PER_E7 / 2.0,
            lat_e7,
        }
    }

    /// Metres (east, north) to a point that lies so many units east and north. Exact to the second order in latitude;
    /// for a point at another end of the world only its direction is right.
    pub(super) fn metres(&self, east_e7: f64, north_e7: f64) -> (f64, f64) {
        let (east_m, north_m) = self.scale(north_e7);
        (east_e7 * east_m, north_e7 * north_m)
    }

    /// Metres per 1e-7 degree (east, north) to what lies so many units north.
    pub(super) fn scale(&self, north_e7: f64) -> (f64, f64) {
        let east_m = self.east + north_e7 * self.east_per_lat;
        (if east_m > 0.0 { east_m } else { 0.0 }, self.north + north_e7 * self.north_per_lat)
    }

    /// A line that is straight in degrees comes to lie beside its chord in metres: by how much in its middle, for each metre
    /// of its length to the east and to the north, metres.
    pub(super) fn bend_per_m2(&self) -> f64 {
        (self.east_per_lat / (4.0 * self.east * self.north)).abs()
    }

    /// Distance to a point that lies so many units east and north, metres; right for far ones too.
    pub(super) fn distance_m(&self, east_e7: f64, north_e7: f64) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a constant below 2^20")]
        let far = NEAR_E7 as f64;
        let (east_m, north_m) = if north_e7 > -far && north_e7 < far {
            self.metres(east_e7, north_e7)
        } else {
            #[allow(clippy::cast_possible_truncation, reason = "latitudes of 1e-7 degree")]
            let scale = Scale::between(self.lat_e7, (f64::from(self.lat_e7) + north_e7) as i32);
            (east_e7 * scale.east_m, north_e7 * scale.north_m)
        };
        libm::sqrt(east_m * east_m + north_m * north_m)
    }

    /// A lower bound of the distance to a box whose nearest point in degrees lies so many units east and north, metres.
    ///
    /// Towards the pole meridians come together, so another point of the box may be nearer: by the second order of the
    /// distance over the radius of its parallel's curve, 1 cm at 5 km and 70 degrees.
    pub(super) fn box_distance_m(&self, east_e7: f64, north_e7: f64) -> f64 {
        let distance_m = self.distance_m(east_e7, north_e7);
        let bend = 2.0 * distance_m * self.east_per_lat / (self.east * self.north);
        (distance_m * (1.0 - bend * bend)).max(0.0)
    }
}
