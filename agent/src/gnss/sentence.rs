//! One checked sentence to what it says about an epoch.
//!
//! Numbers come from `nmea::parse_str`, which is stateless and never panicked on the corpus. Time, date, position and
//! validity are read here, strictly: the crate accepts latitude 99, minutes 75 and NaN, rejects leap seconds, GLL
//! without mode and GNS with more than two mode letters, and shows dead reckoning as a plain fix.

use super::Rejected;
use geofence::Position;
use nmea::ParseResult;
use nmea::sentences::gsa::GsaMode2;
use serde::{Deserialize, Serialize};

const MPS_PER_KNOT: f64 = 1_852.0 / 3_600.0;

/// The sentence types that say something about an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Type {
    Rmc,
    Gga,
    Gll,
    Gns,
    Gst,
    Gsa,
    Vtg,
    Zda,
}

/// What a sentence says of the validity of its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Validity {
    Valid,
    DeadReckoning,
    /// Simulator or typed in.
    NotMeasured,
    Void,
}

/// Milliseconds since midnight, UTC. 86,400,000 and more: the receiver wrote 24:00:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct TimeOfDay(pub(super) i64);

/// A calendar date as the receiver writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RawDate {
    pub(super) year: i16,
    pub(super) month: i8,
    pub(super) day: i8,
}

/// What one sentence says. Everything that it does not say is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) kind: Type,
    pub(super) time: Option<TimeOfDay>,
    pub(super) date: Option<RawDate>,
    pub(super) validity: Option<Validity>,
    pub(super) position: Option<Position>,
    pub(super) speed_mps: Option<f64>,
    pub(super) track_deg: Option<f64>,
    pub(super) hdop: Option<f64>,
    pub(super) sats: Option<u32>,
    /// Per-axis standard deviation from GST, metres.
    pub(super) sigma_m: Option<f64>,
    /// The position has an altitude (3D) or is said to have none (2D).
    pub(super) three_d: Option<bool>,
}

impl Report {
    const fn new(kind: Type) -> Self {
        Self {
            kind,
            time: None,
            date: None,
            validity: None,
            position: None,
            speed_mps: None,
            track_deg: None,
            hdop: None,
            sats: None,
            sigma_m: None,
            three_d: None,
        }
    }
}

/// Reads a sentence whose checksum is good. `Ok(None)`: a type that says nothing about an epoch.
pub(super) fn read(text: &str) -> Result<Option<Report>, Rejected> {
    let Some(body) = text.strip_prefix('$').and_then(|t| t.rsplit_once('*')).map(|(b, _)| b) else {
        return Ok(None);
    };
    let fields = Fields::of(body);
    let Some(tag) = body.split(',').next().filter(|tag| tag.len() == 5) else {
        return Ok(None);
    };
    let read = match tag.get(2..) {
        Some("RMC") => rmc(text, &fields),
        Some("GGA") => gga(text, &fields),
        Some("GLL") => gll(&fields),
        Some("GNS") => gns(&fields),
        Some("GST") => gst(text, &fields),
        Some("GSA") => gsa(text),
        Some("VTG") => vtg(text),
        Some("ZDA") => zda(&fields),
        _ => return Ok(None),
    };
    read.map(Some).ok_or(Rejected::Malformed)
}

/// The fields after the tag.
struct Fields<'a>(heapless::Vec<&'a str, 32>);

impl<'a> Fields<'a> {
    fn of(body: &'a str) -> Self {
        Self(body.split(',').skip(1).take(32).collect())
    }

    /// Field `index`, counted from 0 after the tag; empty if the sentence ends before it.
    fn get(&self, index: usize) -> &'a str {
        self.0.get(index).copied().unwrap_or("")
    }
}

fn rmc(text: &str, fields: &Fields<'_>) -> Option<Report> {
    let ParseResult::RMC(numbers) = nmea::parse_str(text).ok()? else { return None };
    let validity = match (fields.get(1), fields.get(11)) {
        ("A", "E") => Validity::DeadReckoning,
        ("A", "S" | "M") => Validity::NotMeasured,
        ("A", "N") | ("V", _) => Validity::Void,
        ("A" | "D", _) => Validity::Valid,
        _ => return None,
    };
    let moving = |value: Option<f32>| value.map(f64::from).filter(|v| v.is_finite() && *v >= 0.0);
    Some(Report {
        time: time_of_day(fields.get(0))?,
        date: date(fields.get(8))?,
        validity: Some(validity),
        position: position_if(validity, fields, 2)?,
        speed_mps: moving(numbers.speed_over_ground).map(|knots| knots * MPS_PER_KNOT),
        track_deg: moving(numbers.true_course).filter(|deg| *deg <= 360.0),
        ..Report::new(Type::Rmc)
    })
}

fn gga(text: &str, fields: &Fields<'_>) -> Option<Report> {
    let ParseResult::GGA(numbers) = nmea::parse_str(text).ok()? else { return None };
    let validity = match fields.get(5) {
        "0" => Validity::Void,
        "1" | "2" | "3" | "4" | "5" => Validity::Valid,
        "6" => Validity::DeadReckoning,
        "7" | "8" => Validity::NotMeasured,
        _ => return None,
    };
    Some(Report {
        time: time_of_day(fields.get(0))?,
        validity: Some(validity),
        position: position_if(validity, fields, 1)?,
        hdop: dilution(numbers.hdop.map(f64::from)),
        sats: numbers.fix_satellites,
        three_d: numbers.altitude.map(|_| true),
        ..Report::new(Type::Gga)
    })
}

fn gll(fields: &Fields<'_>) -> Option<Report> {
    let validity = match (fields.get(5), fields.get(6)) {
        ("V", _) | (_, "N") => Validity::Void,
        ("A", "E") => Validity::DeadReckoning,
        ("A", "S" | "M") => Validity::NotMeasured,
        ("A", _) => Validity::Valid,
        _ => return None,
    };
    Some(Report {
        time: time_of_day(fields.get(4))?,
        validity: Some(validity),
        position: position_if(validity, fields, 0)?,
        ..Report::new(Type::Gll)
    })
}

fn gns(fields: &Fields<'_>) -> Option<Report> {
    let modes = fields.get(5);
    let validity = if modes.bytes().any(|m| matches!(m, b'A' | b'D' | b'P' | b'R' | b'F')) {
        Validity::Valid
    } else if modes.contains('E') {
        Validity::DeadReckoning
    } else if modes.contains(['S', 'M']) {
        Validity::NotMeasured
    } else {
        Validity::Void
    };
    Some(Report {
        time: time_of_day(fields.get(0))?,
        validity: Some(validity),
        position: position_if(validity, fields, 1)?,
        hdop: dilution(fields.get(7).parse().ok()),
        sats: fields.get(6).parse().ok(),
        three_d: (!fields.get(8).is_empty()).then_some(true),
        ..Report::new(Type::Gns)
    })
}

fn gst(text: &str, fields: &Fields<'_>) -> Option<Report> {
    let ParseResult::GST(numbers) = nmea::parse_str(text).ok()? else { return None };
    let axes = numbers.lat_sd.map(f64::from).zip(numbers.long_sd.map(f64::from));
    let sigma_m =
        axes.map(|(lat, lon)| ((lat * lat + lon * lon) / 2.0).sqrt()).filter(|sigma| sigma.is_finite() && *sigma > 0.0);
    Some(Report { time: time_of_day(fields.get(0))?, sigma_m, ..Report::new(Type::Gst) })
}

fn gsa(text: &str) -> Option<Report> {
    let ParseResult::GSA(numbers) = nmea::parse_str(text).ok()? else { return None };
    let three_d = match numbers.mode2 {
        GsaMode2::Fix2D => Some(false),
        GsaMode2::Fix3D => Some(true),
        GsaMode2::NoFix => None,
    };
    Some(Report { hdop: dilution(numbers.hdop.map(f64::from)), three_d, ..Report::new(Type::Gsa) })
}

fn vtg(text: &str) -> Option<Report> {
    let ParseResult::VTG(numbers) = nmea::parse_str(text).ok()? else { return None };
    // The crate gives the speed in knots whichever field it came from.
    let speed = numbers.speed_over_ground.map(f64::from);
    Some(Report {
        speed_mps: speed.filter(|v| v.is_finite() && *v >= 0.0).map(|knots| knots * MPS_PER_KNOT),
        ..Report::new(Type::Vtg)
    })
}

fn zda(fields: &Fields<'_>) -> Option<Report> {
    let date = match (fields.get(1), fields.get(2), fields.get(3)) {
        ("", "", "") => None,
        (day, month, year) => {
            Some(RawDate { year: year.parse().ok()?, month: month.parse().ok()?, day: day.parse().ok()? })
        }
    };
    Some(Report { time: time_of_day(fields.get(0))?, date, ..Report::new(Type::Zda) })
}

/// `Some(None)`: empty, which is allowed; `None`: malformed.
fn time_of_day(field: &str) -> Option<Option<TimeOfDay>> {
    if field.is_empty() {
        return Some(None);
    }
    let (whole, fraction) = field.split_once('.').unwrap_or((field, ""));
    if whole.len() != 6 || fraction.len() > 9 {
        return None;
    }
    let (hours, minutes, seconds) = (digits(whole.get(0..2)?)?, digits(whole.get(2..4)?)?, digits(whole.get(4..6)?)?);
    if hours > 24 || minutes > 59 || seconds > 60 || (hours == 24 && minutes + seconds > 0) {
        return None;
    }
    // A leap second repeats the last POSIX second; order is kept by arrival.
    let seconds = seconds.min(59);
    // Truncated, not rounded: 59.9999 must not become the next minute.
    let mut millis = 0;
    for (place, byte) in [100, 10, 1].into_iter().zip(fraction.bytes()) {
        millis += place * digits(core::str::from_utf8(&[byte]).ok()?)?;
    }
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(Some(TimeOfDay(((hours * 60 + minutes) * 60 + seconds) * 1_000 + millis)))
}

/// `ddmmyy`. Two digits of a year: 80 to 99 are a receiver before its first lock or in the wrong era, and stay 19yy.
fn date(field: &str) -> Option<Option<RawDate>> {
    if field.is_empty() {
        return Some(None);
    }
    if field.len() != 6 {
        return None;
    }
    let two = |at: usize| i16::try_from(digits(field.get(at..at + 2)?)?).ok();
    let (day, month, year) = (two(0)?, two(2)?, two(4)?);
    Some(Some(RawDate {
        year: if year >= 80 { 1_900 + year } else { 2_000 + year },
        month: i8::try_from(month).ok()?,
        day: i8::try_from(day).ok()?,
    }))
}

/// The position at fields `at` to `at + 3`, unless the epoch is void: then whatever stands there is not read at all.
fn position_if(validity: Validity, fields: &Fields<'_>, at: usize) -> Option<Option<Position>> {
    if matches!(validity, Validity::Void | Validity::NotMeasured) {
        return Some(None);
    }
    let [lat, ns, lon, ew] = [0, 1, 2, 3].map(|i| fields.get(at + i));
    if lat.is_empty() && lon.is_empty() {
        return Some(None);
    }
    let lat = coordinate(lat, 2, 90)? * sign(ns, "N", "S")?;
    let lon = coordinate(lon, 3, 180)? * sign(ew, "E", "W")?;
    Position::from_degrees(lat, lon).map(Some)
}

fn sign(letter: &str, positive: &str, negative: &str) -> Option<f64> {
    if letter == positive {
        Some(1.0)
    } else if letter == negative {
        Some(-1.0)
    } else {
        None
    }
}

/// `d..dmm.m..m` with `places` digits of degrees, unsigned, minutes below 60, to degrees.
fn coordinate(field: &str, places: usize, limit: i64) -> Option<f64> {
    let (whole, fraction) = field.split_once('.').unwrap_or((field, ""));
    // Some receivers leave out leading zeros of the degrees; the two digits of the minutes are always there.
    let degrees_end = whole.len().checked_sub(2)?;
    if degrees_end > places || fraction.len() > 9 {
        return None;
    }
    let degrees = match whole.get(..degrees_end)? {
        "" => 0,
        text => digits(text)?,
    };
    let minutes = digits(whole.get(degrees_end..)?)?;
    let scale = 10_i64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction = if fraction.is_empty() { 0 } else { digits(fraction)? };
    if minutes >= 60 || degrees > limit || (degrees == limit && minutes + fraction > 0) {
        return None;
    }
    #[allow(clippy::cast_precision_loss, reason = "at most 60e9, exact in f64")]
    let minutes = (minutes * scale + fraction) as f64 / scale as f64;
    #[allow(clippy::cast_precision_loss, reason = "at most 180")]
    let degrees = degrees as f64;
    Some(degrees + minutes / 60.0)
}

fn digits(text: &str) -> Option<i64> {
    let all = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

/// Receivers write 0, 50.0, 99.9 or 99.99 where they know nothing.
fn dilution(value: Option<f64>) -> Option<f64> {
    value.filter(|hdop| hdop.is_finite() && *hdop > 0.0 && *hdop < 50.0)
}
