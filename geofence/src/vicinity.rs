//! The short cut between two fixes: while the truck is nearer to where it was last asked about than any boundary was then,
//! the answer stands.

use crate::geodesy::Position;
use serde::{Deserialize, Serialize};

/// Radius of curvature of WGS 84 at the poles, a^2 / b: neither radius of curvature is greater anywhere. Metres per 1e-7
/// degree.
const SCALE_MAX_M: f64 = 6_399_593.7 * RADIANS_PER_E7;
const RADIANS_PER_E7: f64 = core::f64::consts::PI / 180.0 * 1e-7;
/// Taken off the clearance, metres: more than all roundings in it together.
const SLACK_M: f64 = 0.05;

/// Where a full answer was given, and how far it reaches.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Vicinity {
    lat_e7: i32,
    lon_e7: i32,
    /// Units of longitude per unit of latitude, rounded up.
    narrowing: f64,
    /// Square of the reach in units of latitude; negative when it reaches nowhere.
    reach2: f64,
}

impl Vicinity {
    /// Holds nowhere: the next fix needs a full answer.
    pub const NOWHERE: Self = Self { lat_e7: 0, lon_e7: 0, narrowing: 1.0, reach2: -1.0 };

    /// Around `position`, from [`crate::Fences::clearance_m`] there. Whoever needs more than sides subtracts it from the
    /// clearance: "nothing within 50 m" stands while the clearance less 50 m does.
    #[must_use]
    pub fn new(position: Position, clearance_m: f64) -> Self {
        let reach = (clearance_m - SLACK_M) / SCALE_MAX_M;
        let lat = f64::from(position.lat_e7()) * RADIANS_PER_E7;
        let square = lat * lat;
        // The first three terms of the series are above the cosine, and it grows by less than the angle.
        let cos = 1.0 - square / 2.0 * (1.0 - square / 12.0) + reach * RADIANS_PER_E7;
        Self {
            lat_e7: position.lat_e7(),
            lon_e7: position.lon_e7(),
            narrowing: if cos < 1.0 { cos } else { 1.0 },
            reach2: if reach > 0.0 { reach * reach } else { -1.0 },
        }
    }

    /// Whether `position` is still within reach. Never true where a boundary may have been crossed; may be false where none
    /// was.
    #[inline]
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "differences are below 2^33")]
    pub fn holds(&self, position: Position) -> bool {
        // Over the antimeridian this is the longer way, which only makes it ask again.
        let east = (i64::from(position.lon_e7()) - i64::from(self.lon_e7)) as f64 * self.narrowing;
        let north = (i64::from(position.lat_e7()) - i64::from(self.lat_e7)) as f64;
        east * east + north * north < self.reach2
    }
}

impl Default for Vicinity {
    fn default() -> Self {
        Self::NOWHERE
    }
}
