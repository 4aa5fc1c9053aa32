//! One checked sentence to what it says about an epoch, or about antenna and jamming.
//!
//! The type decides first: what says nothing costs nothing. What decides about time, place and validity is read here, strictly:
//! the `nmea` crate accepts latitude 99, minutes 75 and NaN, rejects leap seconds, GBS, ZDA, GLL without mode and GNS with more than
//! two mode letters, and shows dead reckoning as a plain fix. GST, which a receiver sends rarely or once an epoch, comes from its
//! `parse_str`, which is stateless and never panicked on the corpus.
//!
//! A checksum is weak against two sentences run into one, so each type must have as many fields as it can have.

mod field;
mod gsv;
mod text;

use super::Rejected;
use super::finding::Finding;
use field::Fields;
use geofence::Position;
use nmea::ParseResult;
use serde::{Deserialize, Serialize};

const MPS_PER_KNOT: f64 = 1_852.0 / 3_600.0;
const MPS_PER_KMH: f64 = 1.0 / 3.6;

/// What says something about an epoch.
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
    Gbs,
    /// u-blox's own sentence with position and accuracy.
    Pubx,
    /// u-blox's binary message with everything.
    NavPvt,
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

impl TimeOfDay {
    /// Of hours, minutes, seconds and milliseconds; `true`: it is a leap second. POSIX time has none, so it is squeezed into the
    /// last hundredth of the second before: order is kept, and an epoch is its own.
    pub(super) fn new(hours: i64, minutes: i64, seconds: i64, millis: i64) -> Option<(Self, bool)> {
        if hours > 24 || minutes > 59 || seconds > 60 || (hours == 24 && minutes + seconds + millis > 0) {
            return None;
        }
        let leap = seconds == 60;
        let millis = if leap { 59_990 + millis / 100 } else { seconds * 1_000 + millis };
        Some((Self((hours * 60 + minutes) * 60_000 + millis), leap))
    }
}

/// A calendar date as the receiver writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RawDate {
    pub(super) year: i16,
    pub(super) month: i8,
    pub(super) day: i8,
}

/// What one sentence says of an instant. Everything that it does not say is `None`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Report {
    pub(super) kind: Type,
    pub(super) time: Option<TimeOfDay>,
    /// The time is that of a leap second.
    pub(super) leap_second: bool,
    pub(super) date: Option<RawDate>,
    pub(super) validity: Option<Validity>,
    pub(super) position: Option<Position>,
    pub(super) speed_mps: Option<f64>,
    /// Standard deviation of the speed, m/s.
    pub(super) speed_sigma_mps: Option<f64>,
    pub(super) track_deg: Option<f64>,
    pub(super) hdop: Option<f64>,
    pub(super) sats: Option<u32>,
    /// Per-axis standard deviation of the position as the receiver reckons it, metres.
    pub(super) sigma_m: Option<f64>,
    /// Per-axis error of the position that GBS expects, metres.
    pub(super) expected_error_m: Option<f64>,
    /// The position has an altitude (3D) or is said to have none (2D).
    pub(super) three_d: Option<bool>,
    /// Whether the satellites that GSA is about give a fix: those of one system, where a receiver sends one for each.
    pub(super) satellites_fix: Option<bool>,
    /// Whether the receiver knows the leap seconds, where it says so.
    pub(super) utc_resolved: Option<bool>,
}

impl Report {
    pub(super) const fn new(kind: Type) -> Self {
        Self {
            kind,
            time: None,
            leap_second: false,
            date: None,
            validity: None,
            position: None,
            speed_mps: None,
            speed_sigma_mps: None,
            track_deg: None,
            hdop: None,
            sats: None,
            sigma_m: None,
            expected_error_m: None,
            three_d: None,
            satellites_fix: None,
            utc_resolved: None,
        }
    }

    fn at(kind: Type, (time, leap_second): (Option<TimeOfDay>, bool)) -> Self {
        Self { time, leap_second, ..Self::new(kind) }
    }
}

/// What a sentence or a binary message says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Said {
    /// Something of an instant.
    Report(Report),
    /// Something of antenna, interference or line.
    Finding(Finding),
}

/// Reads a sentence whose checksum is good. `Ok(None)`: a type that says nothing that matters.
pub(super) fn read(sentence: &str) -> Result<Option<Said>, Rejected> {
    let Some(body) = sentence.strip_prefix('$') else { return Ok(None) };
    let end = body.len().checked_sub(3).filter(|&star| body.as_bytes().get(star) == Some(&b'*')).unwrap_or(body.len());
    // PQ is a talker, QZSS as Quectel writes it; every other P is a manufacturer, whose PGRMC is no RMC.
    if body.starts_with('P') && !body.starts_with("PQ") {
        return private(body.get(..end).unwrap_or(body));
    }
    let Some(&[_, _, a, b, c, b',']) = body.as_bytes().first_chunk() else { return Ok(None) };
    let fields = || Fields::of(body.get(6..end).unwrap_or(""));
    let report = match &[a, b, c] {
        b"RMC" => rmc(&fields()),
        b"GGA" => gga(&fields()),
        b"GLL" => gll(&fields()),
        b"GNS" => gns(&fields()),
        b"GST" => gst(sentence, &fields()),
        b"GSA" => gsa(&fields()),
        b"VTG" => vtg(&fields()),
        b"ZDA" => zda(&fields()),
        b"GBS" => gbs(&fields()),
        b"GSV" => return Ok(body.get(6..end).and_then(gsv::gsv).map(Said::Finding)),
        b"TXT" => return Ok(body.get(6..end).and_then(text::txt).map(Said::Finding)),
        _ => return Ok(None),
    };
    report.map(|report| Some(Said::Report(report))).ok_or(Rejected::Malformed)
}

/// Talkers of satellite receivers, all systems and each of them.
const TALKERS: [&[u8; 2]; 9] = [b"GP", b"GN", b"GL", b"GA", b"GB", b"BD", b"QZ", b"GQ", b"GI"];

/// Whether this is a sentence of a satellite receiver without its checksum: talker and type known, and as many fields as the type may have.
/// Noise is that in one of 2^48 cases.
pub(super) fn is_plain(line: &[u8]) -> bool {
    let Some((&[b'$', a, b, x, y, z, b','], fields)) = line.split_first_chunk() else { return false };
    let count = 1 + fields.iter().filter(|byte| **byte == b',').count();
    let expected = match &[x, y, z] {
        b"RMC" => 11..=13,
        b"GGA" => 14..=15,
        b"GLL" => 6..=7,
        b"GNS" => 12..=13,
        b"GST" => 8..=8,
        b"GSA" => 17..=18,
        b"VTG" => 8..=9,
        b"ZDA" => 4..=6,
        b"GSV" => 3..=20,
        _ => return false,
    };
    TALKERS.contains(&&[a, b]) && expected.contains(&count)
}

/// Manufacturers' own sentences.
fn private(body: &str) -> Result<Option<Said>, Rejected> {
    match body.split_once(',') {
        None => Ok(None),
        Some(("PUBX", rest)) => match rest.strip_prefix("00,") {
            Some(rest) => pubx(&Fields::of(rest)).map(|report| Some(Said::Report(report))).ok_or(Rejected::Malformed),
            None => Ok(None),
        },
        Some((tag, rest)) => Ok(text::private(tag, rest).map(Said::Finding)),
    }
}

fn rmc(fields: &Fields<'_>) -> Option<Report> {
    // Without mode, with it, with the navigational status of NMEA 4.10.
    fields.count(11..=13)?;
    let validity = match (fields.get(1), fields.get(11)) {
        // Some receivers write `D` for a differential fix where the standard knows `A` alone; the mode says more.
        ("A" | "D", "E") => Validity::DeadReckoning,
        ("A" | "D", "S" | "M") => Validity::NotMeasured,
        ("A" | "D", "N") | ("V", _) => Validity::Void,
        ("A" | "D", _) => Validity::Valid,
        _ => return None,
    };
    Some(Report {
        date: field::date(fields.get(8))?,
        validity: Some(validity),
        position: position_if(validity, fields, 2)?,
        // A number that cannot be read is no reason to lose the position.
        speed_mps: field::number(fields.get(6)).map(|knots| knots * MPS_PER_KNOT),
        track_deg: field::number(fields.get(7)).filter(|deg| *deg <= 360.0),
        ..Report::at(Type::Rmc, field::time_of_day(fields.get(0))?)
    })
}

fn gga(fields: &Fields<'_>) -> Option<Report> {
    // A converter of logs adds an empty one.
    fields.count(14..=15)?;
    let validity = match fields.get(5) {
        "0" => Validity::Void,
        "1" | "2" | "3" | "4" | "5" => Validity::Valid,
        "6" => Validity::DeadReckoning,
        "7" | "8" => Validity::NotMeasured,
        _ => return None,
    };
    let altitude = fields.get(8);
    let altitude = field::number(altitude.strip_prefix('-').unwrap_or(altitude));
    Some(Report {
        validity: Some(validity),
        position: position_if(validity, fields, 1)?,
        hdop: dilution(field::number(fields.get(7))),
        sats: field::digits(fields.get(6)).and_then(|sats| u32::try_from(sats).ok()),
        three_d: altitude.map(|_| true),
        ..Report::at(Type::Gga, field::time_of_day(fields.get(0))?)
    })
}

fn gll(fields: &Fields<'_>) -> Option<Report> {
    fields.count(6..=7)?;
    let validity = match (fields.get(5), fields.get(6)) {
        ("V", _) | (_, "N") => Validity::Void,
        ("A", "E") => Validity::DeadReckoning,
        ("A", "S" | "M") => Validity::NotMeasured,
        ("A", _) => Validity::Valid,
        _ => return None,
    };
    Some(Report {
        validity: Some(validity),
        position: position_if(validity, fields, 0)?,
        ..Report::at(Type::Gll, field::time_of_day(fields.get(4))?)
    })
}

fn gns(fields: &Fields<'_>) -> Option<Report> {
    // Without and with the navigational status of NMEA 4.10.
    fields.count(12..=13)?;
    // One letter for each system, as many as the receiver knows.
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
        validity: Some(validity),
        position: position_if(validity, fields, 1)?,
        hdop: dilution(field::number(fields.get(7))),
        sats: fields.get(6).parse().ok(),
        three_d: (!fields.get(8).is_empty()).then_some(true),
        ..Report::at(Type::Gns, field::time_of_day(fields.get(0))?)
    })
}

fn gst(sentence: &str, fields: &Fields<'_>) -> Option<Report> {
    fields.count(8..=8)?;
    let mut report = Report::at(Type::Gst, field::time_of_day(fields.get(0))?);
    if let Ok(ParseResult::GST(numbers)) = nmea::parse_str(sentence) {
        report.sigma_m = per_axis(numbers.lat_sd.map(f64::from), numbers.long_sd.map(f64::from));
    }
    Some(report)
}

/// Fault detection (NMEA 0183, RAIM): the errors that the receiver expects along both axes.
fn gbs(fields: &Fields<'_>) -> Option<Report> {
    // Without and with the system and signal of NMEA 4.10.
    if !matches!(fields.len(), 8 | 10) {
        return None;
    }
    let expected_error_m = per_axis(field::number(fields.get(1)), field::number(fields.get(2)));
    Some(Report { expected_error_m, ..Report::at(Type::Gbs, field::time_of_day(fields.get(0))?) })
}

fn gsa(fields: &Fields<'_>) -> Option<Report> {
    // Without and with the system of NMEA 4.10.
    fields.count(17..=18)?;
    let (satellites_fix, three_d) = match fields.get(1) {
        "" => (None, None),
        "1" => (Some(false), None),
        "2" => (Some(true), Some(false)),
        "3" => (Some(true), Some(true)),
        _ => return None,
    };
    let hdop = dilution(field::number(fields.get(15)));
    Some(Report { hdop, three_d, satellites_fix, ..Report::new(Type::Gsa) })
}

fn vtg(fields: &Fields<'_>) -> Option<Report> {
    // Without and with mode; the oldest form has no letters between the numbers and is not read.
    fields.count(8..=9)?;
    let knots = field::number(fields.get(4)).map(|knots| knots * MPS_PER_KNOT);
    let kmh = field::number(fields.get(6)).map(|kmh| kmh * MPS_PER_KMH);
    // What makes no fix or a weaker one counts. A speed that is measured does not say that a position is.
    let validity = match fields.get(8) {
        "N" => Some(Validity::Void),
        "E" => Some(Validity::DeadReckoning),
        "S" | "M" => Some(Validity::NotMeasured),
        _ => None,
    };
    Some(Report { validity, speed_mps: knots.or(kmh), ..Report::new(Type::Vtg) })
}

fn zda(fields: &Fields<'_>) -> Option<Report> {
    fields.count(4..=6)?;
    let date = match (fields.get(1), fields.get(2), fields.get(3)) {
        ("", "", "") => None,
        (day, month, year) => Some(RawDate {
            year: i16::try_from(field::digits(year)?).ok()?,
            month: i8::try_from(field::digits(month)?).ok()?,
            day: i8::try_from(field::digits(day)?).ok()?,
        }),
    };
    Some(Report { date, ..Report::at(Type::Zda, field::time_of_day(fields.get(0))?) })
}

/// `PUBX,00` after u-blox, "M8 Receiver Description" (UBX-13003221): position with its accuracy.
fn pubx(fields: &Fields<'_>) -> Option<Report> {
    fields.count(19..=19)?;
    let validity = match fields.get(6) {
        "G2" | "G3" | "D2" | "D3" | "RK" => Validity::Valid,
        "DR" => Validity::DeadReckoning,
        "NF" | "TT" => Validity::Void,
        _ => return None,
    };
    // Both axes together, as in NAV-PVT.
    let radius_m = field::number(fields.get(7)).filter(|radius| *radius > 0.0);
    Some(Report {
        validity: Some(validity),
        position: position_if(validity, fields, 1)?,
        sigma_m: radius_m.map(|radius| radius / core::f64::consts::SQRT_2),
        speed_mps: field::number(fields.get(9)).map(|kmh| kmh * MPS_PER_KMH),
        hdop: dilution(field::number(fields.get(13))),
        ..Report::at(Type::Pubx, field::time_of_day(fields.get(0))?)
    })
}

fn per_axis(lat: Option<f64>, lon: Option<f64>) -> Option<f64> {
    let sigma_m = lat.zip(lon).map(|(lat, lon)| ((lat * lat + lon * lon) / 2.0).sqrt());
    sigma_m.filter(|sigma| sigma.is_finite() && *sigma > 0.0)
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
    let lat = field::coordinate(lat, 2, 90)? * field::sign(ns, "N", "S")?;
    let lon = field::coordinate(lon, 3, 180)? * field::sign(ew, "E", "W")?;
    Position::from_degrees(lat, lon).map(Some)
}

/// Receivers write 0, 50.0, 99.9 or 99.99 where they know nothing.
fn dilution(value: Option<f64>) -> Option<f64> {
    value.filter(|hdop| hdop.is_finite() && *hdop > 0.0 && *hdop < 50.0)
}
