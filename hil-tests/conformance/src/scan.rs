//! A second pair of eyes: reads a stream without any code of the agent, slowly and simply, to judge what the agent says of it.

use hil_tests::sentences::time_of_day_ms;
use std::collections::BTreeSet;

/// What a sentence says of the validity of its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Measured or dead-reckoned.
    Valid,
    /// No fix.
    Void,
}

/// A sentence that carries a position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Milliseconds since midnight.
    pub time_of_day: i64,
    /// Whether the sentence says that its position counts.
    pub validity: Validity,
    /// The sentence says that its position is reckoned from an older one.
    pub dead_reckoning: bool,
    /// Degrees north, if there is one.
    pub lat: Option<f64>,
    /// Degrees east, if there is one.
    pub lon: Option<f64>,
}

/// Every sentence with a good checksum, without `$` and checksum, wherever it stands; text only, as a sentence is.
pub fn sentences(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let text = |body: &&str| !body.is_empty() && body.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    hil_tests::sentences::sentences(bytes).filter(text)
}

/// What RMC, GGA, GLL and GNS of any talker say, in order.
pub fn places(bytes: &[u8]) -> impl Iterator<Item = Place> {
    sentences(bytes).filter_map(place)
}

fn place(body: &str) -> Option<Place> {
    let fields: Vec<&str> = body.split(',').collect();
    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
    let tag = field(0);
    let (time, at, valid, dead_reckoning) = match tag.get(tag.len().checked_sub(3)?..)? {
        "RMC" => (1, 3, field(2) != "V" && field(12) != "N", field(12) == "E"),
        "GGA" => (1, 2, !matches!(field(6), "0" | ""), field(6) == "6"),
        "GLL" => (5, 1, field(6) != "V" && field(7) != "N", field(7) == "E"),
        "GNS" => {
            (1, 2, field(6).bytes().any(|mode| mode != b'N'), field(6).bytes().all(|mode| matches!(mode, b'E' | b'N')))
        }
        _ => return None,
    };
    let number = |text: &str, letter: &str| -> Option<f64> {
        let value: f64 = text.parse().ok()?;
        let degrees = (value / 100.0).floor();
        let angle = degrees + (value - degrees * 100.0) / 60.0;
        Some(if matches!(letter, "S" | "W") { -angle } else { angle })
    };
    Some(Place {
        time_of_day: time_of_day_ms(field(time))?,
        validity: if valid { Validity::Valid } else { Validity::Void },
        dead_reckoning: valid && dead_reckoning,
        lat: number(field(at), field(at + 1)),
        lon: number(field(at + 2), field(at + 3)),
    })
}

/// How many of the fixes at these times of day come from sentences that all say void: no sentence of the stream with that time
/// says anything else.
pub fn from_void(bytes: &[u8], times: impl Iterator<Item = i64>) -> usize {
    let (mut valid, mut void) = (BTreeSet::new(), BTreeSet::new());
    for place in places(bytes) {
        let said = if place.validity == Validity::Valid { &mut valid } else { &mut void };
        said.insert(place.time_of_day);
    }
    times.filter(|time| void.contains(time) && !valid.contains(time)).count()
}

/// The times of day at which a sentence says that its position is dead reckoning.
#[must_use]
pub fn dead_reckoned(bytes: &[u8]) -> BTreeSet<i64> {
    places(bytes).filter(|place| place.dead_reckoning).map(|place| place.time_of_day).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_found_among_binary_and_its_place_read() {
        let stream =
            b"\xb5\x62\x00$GPGGA,172814.0,3723.46587704,N,12202.26957864,W,2,6,1.2,18.893,M,-25.669,M,2.0,0031*4F\xd3";
        let found: Vec<Place> = places(stream).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].time_of_day, 62_894_000);
        assert!((found[0].lat.unwrap() - 37.391_097_95).abs() < 1e-8 && found[0].lon.unwrap() < -122.0);
    }
}
