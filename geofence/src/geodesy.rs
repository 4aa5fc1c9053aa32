//! Positions on the WGS 84 ellipsoid and local metres between near ones.
//!
//! Within a few kilometres the ellipsoid is replaced by a plane whose scale is taken from the radii of curvature at
//! the latitude midway between the two points (Snyder, "Map Projections: A Working Manual", USGS PP 1395, eq. 4-18 ff.).
//! The error against the geodesic is below 0.01 mm at 1 km and 0.2 mm at 5 km (latitude 0 to 70).

use serde::{Deserialize, Serialize};

/// Equatorial radius of WGS 84, metres.
const A_M: f64 = 6_378_137.0;
/// First eccentricity squared of WGS 84.
const E2: f64 = 6.694_379_990_14e-3;
/// Units of 1e-7 degree in a full circle.
const CIRCLE_E7: i64 = 3_600_000_000;
const RADIANS_PER_E7: f64 = core::f64::consts::PI / 180.0 * 1e-7;

/// A place on earth in units of 1e-7 degree (1.1 cm on a meridian).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    lat: i32,
    lon: i32,
}

impl Position {
    /// From degrees. `None` if a value is not finite, the latitude is beyond 90 or the longitude beyond 180 degrees.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "range is checked: 180e7 fits an i32")]
    pub fn from_degrees(lat: f64, lon: f64) -> Option<Self> {
        let in_range = lat.abs() <= 90.0 && lon.abs() <= 180.0;
        in_range.then(|| Self { lat: libm::round(lat * 1e7) as i32, lon: libm::round(lon * 1e7) as i32 })
    }

    /// Latitude in 1e-7 degree, -900,000,000 to 900,000,000, north positive.
    #[must_use]
    pub const fn lat_e7(self) -> i32 {
        self.lat
    }

    /// Longitude in 1e-7 degree, -1,800,000,000 to 1,800,000,000, east positive.
    #[must_use]
    pub const fn lon_e7(self) -> i32 {
        self.lon
    }

    /// Latitude in degrees.
    #[must_use]
    pub fn lat(self) -> f64 {
        f64::from(self.lat) / 1e7
    }

    /// Longitude in degrees.
    #[must_use]
    pub fn lon(self) -> f64 {
        f64::from(self.lon) / 1e7
    }

    /// This place moved by so many units of 1e-7 degree, to the nearest unit: over the antimeridian where it must, and no
    /// further than a pole. NaN does not move it.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "`as` saturates far outside, and what is inside fits an i32")]
    pub(crate) fn moved_e7(self, east: f64, north: f64) -> Self {
        let lat = i64::from(self.lat).saturating_add(libm::round(north) as i64);
        let lon = i64::from(self.lon).saturating_add(libm::round(east) as i64);
        let half = CIRCLE_E7 / 2;
        let lon = lon.saturating_add(half).rem_euclid(CIRCLE_E7) - half;
        Self { lat: lat.clamp(-CIRCLE_E7 / 4, CIRCLE_E7 / 4) as i32, lon: lon as i32 }
    }

    /// `self - origin` in 1e-7 degree as (east, north), the shorter way round the earth.
    #[must_use]
    pub fn offset_e7(self, origin: Self) -> (i64, i64) {
        let mut east = i64::from(self.lon) - i64::from(origin.lon);
        if east > CIRCLE_E7 / 2 {
            east -= CIRCLE_E7;
        } else if east < -CIRCLE_E7 / 2 {
            east += CIRCLE_E7;
        }
        (east, i64::from(self.lat) - i64::from(origin.lat))
    }
}

/// Metres per 1e-7 degree (east, north) at one latitude.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) east_m: f64,
    pub(crate) north_m: f64,
}

impl Scale {
    /// The scale for distances between points at these two latitudes (1e-7 degree).
    pub(crate) fn between(lat_a_e7: i32, lat_b_e7: i32) -> Self {
        let mid = (f64::from(lat_a_e7) + f64::from(lat_b_e7)) / 2.0 * RADIANS_PER_E7;
        let (sin, cos) = (libm::sin(mid), libm::cos(mid));
        let w2 = 1.0 - E2 * sin * sin;
        let prime_vertical_m = A_M / libm::sqrt(w2);
        let meridian_m = prime_vertical_m * (1.0 - E2) / w2;
        Self { east_m: prime_vertical_m * cos * RADIANS_PER_E7, north_m: meridian_m * RADIANS_PER_E7 }
    }

    /// `point - origin` in metres (east, north).
    #[allow(clippy::cast_precision_loss, reason = "offsets are below 2^53 units of 1e-7 degree")]
    pub(crate) fn metres(self, point: Position, origin: Position) -> (f64, f64) {
        let (east, north) = point.offset_e7(origin);
        (east as f64 * self.east_m, north as f64 * self.north_m)
    }
}

/// Distance in metres between two positions, for distances up to some tens of kilometres.
#[must_use]
pub fn distance_m(a: Position, b: Position) -> f64 {
    let (east, north) = Scale::between(a.lat, b.lat).metres(a, b);
    libm::hypot(east, north)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lat: f64, lon: f64) -> Position {
        Position::from_degrees(lat, lon).unwrap()
    }

    #[test]
    fn one_degree_of_latitude_at_45_degrees_is_known() {
        // Length of one minute of latitude at 45 degrees: 1852.24 m (Bowditch, table 7 gives 1852.2).
        let d = distance_m(at(45.0, 7.0), at(45.0 + 1.0 / 60.0, 7.0));
        assert!((d - 1852.24).abs() < 0.2, "{d}");
    }

    #[test]
    fn the_antimeridian_is_no_wall() {
        let d = distance_m(at(0.0, 179.9999), at(0.0, -179.9999));
        assert!((d - 22.264).abs() < 0.01, "{d}");
    }

    #[test]
    fn impossible_degrees_are_refused() {
        for (lat, lon) in [(99.0, 0.0), (0.0, 255.0), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert!(Position::from_degrees(lat, lon).is_none());
        }
    }
}
