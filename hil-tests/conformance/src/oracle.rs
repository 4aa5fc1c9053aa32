//! What did gpsd make of the stream? Its TPV objects with a position and a time, the last one of each time.

use gatestamp::time::parse_rfc3339;
use serde::Deserialize;
use std::collections::BTreeMap;

/// One fix of gpsd.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Truth {
    /// Milliseconds since 1970, by gpsd's date.
    pub time: i64,
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lon: f64,
}

impl Truth {
    /// Milliseconds since midnight.
    #[must_use]
    pub fn time_of_day(&self) -> i64 {
        self.time.rem_euclid(crate::compare::DAY_MS)
    }
}

#[derive(Deserialize)]
struct Tpv {
    class: String,
    #[serde(default)]
    mode: u8,
    time: Option<String>,
    lat: Option<f64>,
    lon: Option<f64>,
}

/// The fixes in a `.chk` file or a file of TPV objects; other lines in it are sentences and other classes.
#[must_use]
pub fn read(text: &[u8]) -> Vec<Truth> {
    let mut by_time = BTreeMap::new();
    for line in text.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{")) {
        let Ok(tpv) = serde_json::from_slice::<Tpv>(line) else { continue };
        let (Some(time), Some(lat), Some(lon)) = (tpv.time.as_deref().and_then(parse_rfc3339), tpv.lat, tpv.lon) else {
            continue;
        };
        if tpv.class == "TPV" && tpv.mode >= 2 {
            by_time.insert(time.0, Truth { time: time.0, lat, lon });
        }
    }
    by_time.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fixes_with_a_time_count_and_the_last_of_a_time_wins() {
        let text = b"$GPGGA,raw\r\n\
            {\"class\":\"TPV\",\"mode\":1}\n\
            {\"class\":\"TPV\",\"mode\":2,\"time\":\"2009-12-09T15:25:05.500Z\",\"lat\":1.0,\"lon\":2.0}\n\
            {\"class\":\"TPV\",\"mode\":3,\"time\":\"2009-12-09T15:25:05.500Z\",\"lat\":1.5,\"lon\":2.0}\n\
            {\"class\":\"SKY\",\"time\":\"2009-12-09T15:25:05.500Z\"}\n";
        let found = read(text);
        assert_eq!(found.len(), 1);
        assert!((found[0].lat - 1.5).abs() < 1e-9);
        assert_eq!(found[0].time_of_day(), 55_505_500);
    }
}
