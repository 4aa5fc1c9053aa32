//! Two more parsers that a Rust programmer finds, used as their own documentation shows.

use super::Seen;
use crate::compare::DAY_MS;
use nmea_parser::gnss::GgaQualityIndicator;
use nmea_parser::{NmeaParser, ParsedMessage};
use nmea0183::datetime::{Date, Time};
use nmea0183::{GPSQuality, ParseResult};

/// `nmea-parser`, a sentence at a time. It dates GGA by the computer's clock, so the date is that of the last RMC.
pub(super) fn nmea_parser<'a>(pieces: impl IntoIterator<Item = &'a str>) -> Vec<Seen> {
    let (mut parser, mut seen, mut day) = (NmeaParser::new(), Vec::new(), None);
    for piece in pieces {
        let (millis, place, dead_reckoning) = match parser.parse_sentence(piece) {
            Ok(ParsedMessage::Rmc(rmc)) => {
                let millis = rmc.timestamp.map(|time| time.timestamp_millis());
                day = millis.map(|millis| millis.div_euclid(DAY_MS)).or(day);
                (millis, rmc.latitude.zip(rmc.longitude).filter(|_| rmc.status_active != Some(false)), false)
            }
            Ok(ParsedMessage::Gga(gga)) => {
                let is_fix = gga.quality != GgaQualityIndicator::Invalid;
                let dead_reckoning = gga.quality == GgaQualityIndicator::DeadReckoning;
                let millis = gga.timestamp.map(|time| time.timestamp_millis());
                (millis, gga.latitude.zip(gga.longitude).filter(|_| is_fix), dead_reckoning)
            }
            Ok(_) | Err(_) => continue,
        };
        if let Some((millis, (lat, lon))) = millis.zip(place) {
            seen.push(Seen { time_of_day: millis.rem_euclid(DAY_MS), day, lat, lon, dead_reckoning });
        }
    }
    seen
}

/// `nmea0183`, a byte at a time: it frames by itself.
pub(super) fn nmea0183<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> Vec<Seen> {
    let (mut parser, mut seen, mut day) = (nmea0183::Parser::new(), Vec::new(), None);
    for byte in bytes {
        let found = match parser.parse_from_byte(*byte) {
            Some(Ok(ParseResult::RMC(Some(rmc)))) => {
                day = days(&rmc.datetime.date).or(day);
                rmc.mode.is_valid().then_some((rmc.datetime.time, rmc.latitude, rmc.longitude, false))
            }
            Some(Ok(ParseResult::GLL(Some(gll)))) => {
                gll.mode.is_valid().then_some((gll.time, gll.latitude, gll.longitude, false))
            }
            Some(Ok(ParseResult::GGA(Some(gga)))) => {
                let dead_reckoning = gga.gps_quality == GPSQuality::Estimated;
                (gga.gps_quality != GPSQuality::NoFix).then_some((
                    gga.time,
                    gga.latitude,
                    gga.longitude,
                    dead_reckoning,
                ))
            }
            Some(Ok(_) | Err(_)) | None => None,
        };
        seen.extend(found.map(|(time, lat, lon, dead_reckoning)| Seen {
            time_of_day: time_of_day(&time),
            day,
            lat: lat.as_f64(),
            lon: lon.as_f64(),
            dead_reckoning,
        }));
    }
    seen
}

/// It takes no sentence without CR and LF, which receivers send and half of the recordings have lost.
pub(super) fn with_line_ends(bytes: &[u8]) -> impl Iterator<Item = &u8> {
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.flat_map(|line| line.iter().chain(b"\r\n"))
}

fn days(date: &Date) -> Option<i64> {
    let midnight = format!("{:04}-{:02}-{:02}T00:00:00Z", date.year, date.month, date.day);
    gatestamp::time::parse_rfc3339(&midnight).map(|date| date.0.div_euclid(DAY_MS))
}

#[expect(clippy::cast_possible_truncation, reason = "seconds below 61")]
fn time_of_day(time: &Time) -> i64 {
    let minutes = i64::from(time.hours) * 60 + i64::from(time.minutes);
    minutes * 60_000 + (f64::from(time.seconds) * 1_000.0).round() as i64
}
