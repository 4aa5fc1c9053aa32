//! Where on Earth are the rig's metres?
//!
//! The world is drawn in metres east and north of an origin and mapped to WGS84 by one affine map: the radii of curvature at the
//! origin. Affine, so that a straight fence stays straight in degrees and the truth computed in metres is exact for the fence in
//! the file; over the 15 km of a shift the scale is off by at most a fifth of a percent, the same for road and fence.

/// A point in metres east and north of the origin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metres {
    /// East of the origin.
    pub east: f64,
    /// North of the origin.
    pub north: f64,
}

impl Metres {
    /// A point from its two coordinates.
    #[must_use]
    pub const fn new(east: f64, north: f64) -> Self {
        Self { east, north }
    }

    /// The vector from `other` to here.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self::new(self.east - other.east, self.north - other.north)
    }

    /// Distance from `other`.
    #[must_use]
    pub fn distance(self, other: Self) -> f64 {
        let d = self.minus(other);
        d.east.hypot(d.north)
    }

    /// The point `share` of the way from here to `other`.
    #[must_use]
    pub fn towards(self, other: Self, share: f64) -> Self {
        let d = other.minus(self);
        Self::new(self.east + share * d.east, self.north + share * d.north)
    }
}

/// A WGS84 position in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Degrees {
    /// Latitude, north positive.
    pub lat: f64,
    /// Longitude, east positive.
    pub lon: f64,
}

/// The point of the ellipsoid that metres are counted from.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    at: Degrees,
    metres_per_degree_north: f64,
    metres_per_degree_east: f64,
}

impl Origin {
    /// An origin at a latitude and longitude in degrees.
    #[must_use]
    pub fn new(lat: f64, lon: f64) -> Self {
        const SEMI_MAJOR_M: f64 = 6_378_137.0;
        const ECCENTRICITY_SQUARED: f64 = 6.694_379_990_14e-3;
        let (sin, cos) = lat.to_radians().sin_cos();
        let w = 1.0 - ECCENTRICITY_SQUARED * sin * sin;
        let meridian_m = SEMI_MAJOR_M * (1.0 - ECCENTRICITY_SQUARED) / (w * w.sqrt());
        let prime_vertical_m = SEMI_MAJOR_M / w.sqrt();
        Self {
            at: Degrees { lat, lon },
            metres_per_degree_north: meridian_m.to_radians(),
            metres_per_degree_east: (prime_vertical_m * cos).to_radians(),
        }
    }

    /// The WGS84 position of a point of the world.
    #[must_use]
    pub fn degrees(&self, point: Metres) -> Degrees {
        Degrees {
            lat: self.at.lat + point.north / self.metres_per_degree_north,
            lon: self.at.lon + point.east / self.metres_per_degree_east,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kilometre_north_of_berlin_is_its_share_of_a_degree() {
        let at = Origin::new(52.5, 13.4).degrees(Metres::new(1_000.0, 1_000.0));
        // 111,267 m per degree of latitude and 67,910 m per degree of longitude at 52.5 N (WGS84 tables).
        assert!((at.lat - 52.5 - 1_000.0 / 111_267.0).abs() < 1e-6);
        assert!((at.lon - 13.4 - 1_000.0 / 67_910.0).abs() < 1e-5);
    }
}
