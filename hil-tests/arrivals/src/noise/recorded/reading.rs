//! What a recording says, epoch by epoch: read here without any code of the agent.

use crate::drive::Point;
use hil_tests::sentences::{sentences, time_of_day_ms};
use std::collections::BTreeMap;

/// Horizontal accuracy per axis for an HDOP of 1 where no GST tells it, metres: what the agent assumes.
const HDOP_M: f64 = 5.0;
/// Metres per second in a knot.
const KNOT_MPS: f64 = 1_852.0 / 3_600.0;

/// One epoch with a valid position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Said {
    pub(super) place: Place,
    /// Reported accuracy per axis, metres: GST, else HDOP times 5 m.
    pub(super) sigma_m: f64,
    /// From Doppler speed and course; a course that is left out below 1 m/s means no motion.
    pub(super) velocity_mps: Option<Point>,
}

/// Latitude and longitude in degrees, undimmed by the 1e-7 of `geofence::Position`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    lat: f64,
    lon: f64,
}

impl Place {
    /// From `other` to here in metres: radii of curvature of WGS 84 (Snyder, USGS PP 1395, eq. 4-18 and 4-20).
    pub(super) fn minus(self, other: Self) -> Point {
        let (a, e2) = (6_378_137.0, 6.694_379_990_14e-3);
        let mid = ((self.lat + other.lat) / 2.0).to_radians();
        let w2 = 1.0 - e2 * libm::sin(mid) * libm::sin(mid);
        let prime_vertical_m = a / libm::sqrt(w2);
        Point {
            east: (self.lon - other.lon).to_radians() * prime_vertical_m * libm::cos(mid),
            north: (self.lat - other.lat).to_radians() * prime_vertical_m * (1.0 - e2) / w2,
        }
    }
}

/// The epochs by time of day in milliseconds. An epoch counts if its GGA has a quality above 0 and no RMC of it is void.
pub(super) fn epochs(recording: &[u8]) -> BTreeMap<i64, Said> {
    let mut drafts: BTreeMap<i64, Draft> = BTreeMap::new();
    for fields in sentences(recording).map(|sentence| sentence.split(',').collect::<Vec<_>>()) {
        let Some(time) = fields.get(1).and_then(|field| time_of_day_ms(field)) else { continue };
        let kind = fields.first().and_then(|talker| talker.get(2..)).unwrap_or_default();
        let draft = drafts.entry(time).or_default();
        match kind {
            "GGA" => draft.gga(&fields),
            "RMC" => draft.rmc(&fields),
            "GST" => draft.gst(&fields),
            _ => {}
        }
    }
    drafts.into_iter().filter_map(|(time, draft)| Some((time, draft.said()?))).collect()
}

#[derive(Default)]
struct Draft {
    place: Option<Place>,
    hdop: Option<f64>,
    gst_m: Option<f64>,
    speed_mps: Option<f64>,
    track_deg: Option<f64>,
    void: bool,
}

impl Draft {
    fn gga(&mut self, fields: &[&str]) {
        let quality: u8 = number(fields, 6).unwrap_or(0);
        let lat = degrees(fields, 2, 2, "S");
        let lon = degrees(fields, 4, 3, "W");
        self.place = lat.zip(lon).filter(|_| quality > 0).map(|(lat, lon)| Place { lat, lon });
        self.hdop = number(fields, 8);
    }

    fn rmc(&mut self, fields: &[&str]) {
        self.void |= fields.get(2) != Some(&"A");
        self.speed_mps = number(fields, 7).map(|knots: f64| knots * KNOT_MPS);
        self.track_deg = number(fields, 8);
    }

    fn gst(&mut self, fields: &[&str]) {
        let axes = number(fields, 6).zip(number(fields, 7));
        self.gst_m = axes.map(|(lat, lon): (f64, f64)| libm::sqrt((lat * lat + lon * lon) / 2.0));
    }

    fn said(self) -> Option<Said> {
        let place = self.place.filter(|_| !self.void)?;
        let sigma_m = self.gst_m.or(self.hdop.map(|hdop| hdop * HDOP_M))?;
        Some(Said { place, sigma_m, velocity_mps: velocity(self.speed_mps, self.track_deg) })
    }
}

fn velocity(speed_mps: Option<f64>, track_deg: Option<f64>) -> Option<Point> {
    let speed_mps = speed_mps?;
    let Some(track) = track_deg.map(f64::to_radians) else {
        return (speed_mps < 1.0).then_some(Point { east: 0.0, north: 0.0 });
    };
    Some(Point { east: speed_mps * libm::sin(track), north: speed_mps * libm::cos(track) })
}

fn number<T: std::str::FromStr>(fields: &[&str], index: usize) -> Option<T> {
    fields.get(index)?.parse().ok()
}

/// `ddmm.mmm` with so many digits of degrees; the next field is the hemisphere.
fn degrees(fields: &[&str], index: usize, digits: usize, negative: &str) -> Option<f64> {
    let (whole, minutes) = fields.get(index)?.split_at_checked(digits)?;
    let degrees = whole.parse::<f64>().ok()? + minutes.parse::<f64>().ok()? / 60.0;
    Some(if fields.get(index + 1) == Some(&negative) { -degrees } else { degrees })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(body: &str) -> String {
        format!("${body}*{:02X}\r\n", body.bytes().fold(0, |sum, byte| sum ^ byte))
    }

    fn read(bodies: &[&str]) -> BTreeMap<i64, Said> {
        epochs(bodies.iter().map(|body| sentence(body)).collect::<String>().as_bytes())
    }

    #[test]
    fn an_epoch_is_put_together_from_its_sentences() {
        let said = read(&[
            "GNRMC,021417.00,A,3725.5,N,12205.6,W,10.0,90.0,070220,,,F,V",
            "GNGGA,021417.00,3730.00000,N,12215.00000,W,5,12,0.76,4.4,M,-30.0,M,,",
            "GNGST,021417.00,9,9,9,9,3.0,4.0,9",
        ]);
        let (&time, said) = said.first_key_value().unwrap();
        assert_eq!((time, said.place), (8_057_000, Place { lat: 37.5, lon: -122.25 }));
        assert!((said.sigma_m - 12.5_f64.sqrt()).abs() < 1e-9);
        let velocity = said.velocity_mps.unwrap();
        assert!((velocity.east - 5.1444).abs() < 1e-3 && velocity.north.abs() < 1e-9);
    }

    #[test]
    fn hdop_stands_in_for_gst_and_no_course_at_a_standstill_is_no_motion() {
        let said = read(&["GPRMC,000001,A,,,,,0.1,,,,,A", "GPGGA,000001,4800.0,S,01130.0,E,1,5,1.2,,,,,,"]);
        let said = said[&1_000];
        assert!((said.sigma_m - 6.0).abs() < 1e-9 && said.place.lat < 0.0);
        assert_eq!(said.velocity_mps, Some(Point { east: 0.0, north: 0.0 }));
        let fast = read(&["GPRMC,000001,A,,,,,9.0,,,,,A", "GPGGA,000001,4800.0,S,01130.0,E,1,5,1.2,,,,,,"]);
        assert_eq!(fast[&1_000].velocity_mps, None);
    }

    #[test]
    fn void_unfixed_and_damaged_epochs_are_left_out() {
        let gga = "GPGGA,000001,4800.0,N,01130.0,E,1,5,1.2,,,,,,";
        assert!(read(&["GPRMC,000001,V,,,,,0.1,,,,,N", gga]).is_empty());
        assert!(read(&["GPGGA,000001,4800.0,N,01130.0,E,0,5,1.2,,,,,,"]).is_empty());
        assert!(epochs(sentence(gga).replace("1.2", "1.3").as_bytes()).is_empty());
        assert_eq!(read(&[gga]).len(), 1);
    }

    #[test]
    fn metres_between_places_are_those_of_the_ellipsoid() {
        // One minute of latitude at 45 degrees is 1,852.2 m, of longitude 1,314.2 m (Bowditch, table 7).
        let (here, there) = (Place { lat: 45.0, lon: 7.0 }, Place { lat: 45.0 + 1.0 / 60.0, lon: 7.0 });
        assert!((there.minus(here).north - 1_852.24).abs() < 0.1);
        let east = Place { lat: 45.0, lon: 7.0 + 1.0 / 60.0 };
        assert!((east.minus(here).east - 1_314.2).abs() < 0.2);
    }
}
