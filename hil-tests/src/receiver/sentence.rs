//! How does a receiver spell one epoch?

use std::fmt::Write as _;

use jiff::{Timestamp, tz::TimeZone};

use crate::world::ground::Degrees;

const KNOTS_PER_MPS: f64 = 3_600.0 / 1_852.0;

/// What the receiver has at the end of one epoch.
pub(super) struct Observation {
    pub(super) utc_ms: i64,
    /// False for the first seconds of a cold start: time and date are empty then.
    pub(super) time_known: bool,
    /// None makes the epoch void.
    pub(super) solution: Option<Solution>,
}

/// A position with what the receiver believes of it.
pub(super) struct Solution {
    pub(super) at: Degrees,
    pub(super) speed_mps: f64,
    pub(super) course_deg: Option<f64>,
    pub(super) hdop: f64,
    pub(super) sigma_m: f64,
}

/// All sentences of an epoch, in the order of a u-blox receiver.
pub(super) fn epoch(observation: &Observation, gst: bool) -> String {
    let stamp = Stamp::of(observation);
    let solution = observation.solution.as_ref();
    let mut out = String::new();
    push(&mut out, &rmc(&stamp, solution));
    push(&mut out, &vtg(solution));
    push(&mut out, &gga(&stamp, solution));
    for system in [1, 2] {
        push(&mut out, &gsa(system, solution));
    }
    gsv(&mut out, "GP", &GPS, solution.is_some());
    gsv(&mut out, "GL", &GLONASS, solution.is_some());
    push(&mut out, &gll(&stamp, solution));
    if gst {
        push(&mut out, &gst_sentence(&stamp, solution));
    }
    out
}

/// Time and date as sentences write them, empty while unknown.
struct Stamp {
    time: String,
    date: String,
}

impl Stamp {
    fn of(observation: &Observation) -> Self {
        let known = Timestamp::from_millisecond(observation.utc_ms).ok().filter(|_| observation.time_known);
        let utc = known.map(|at| at.to_zoned(TimeZone::UTC));
        let write = |format: &str| utc.as_ref().map_or_else(String::new, |utc| utc.strftime(format).to_string());
        Self { time: write("%H%M%S%.2f"), date: write("%d%m%y") }
    }
}

fn push(out: &mut String, body: &str) {
    let sum = body.bytes().fold(0_u8, |sum, byte| sum ^ byte);
    // Writing to a String cannot fail.
    let _ = write!(out, "${body}*{sum:02X}\r\n");
}

fn rmc(stamp: &Stamp, solution: Option<&Solution>) -> String {
    let Stamp { time, date } = stamp;
    match solution {
        None => format!("GNRMC,{time},V,,,,,,,{date},,,N,V"),
        Some(fix) => {
            let knots = fix.speed_mps * KNOTS_PER_MPS;
            format!("GNRMC,{time},A,{},{knots:.3},{},{date},,,A,V", place(fix.at), course(fix))
        }
    }
}

fn vtg(solution: Option<&Solution>) -> String {
    match solution {
        None => "GNVTG,,,,,,,,,N".to_owned(),
        Some(fix) => {
            let (knots, kmh) = (fix.speed_mps * KNOTS_PER_MPS, fix.speed_mps * 3.6);
            format!("GNVTG,{},T,,M,{knots:.3},N,{kmh:.3},K,A", course(fix))
        }
    }
}

fn gga(stamp: &Stamp, solution: Option<&Solution>) -> String {
    let time = &stamp.time;
    match solution {
        None => format!("GNGGA,{time},,,,,0,00,99.99,,,,,,"),
        Some(fix) => format!("GNGGA,{time},{},1,12,{:.2},43.1,M,42.8,M,,", place(fix.at), fix.hdop),
    }
}

fn gsa(system: u8, solution: Option<&Solution>) -> String {
    let sky: &[Satellite] = if system == 1 { &GPS } else { &GLONASS };
    let (mode, pdop, hdop, vdop) =
        solution.map_or((1, 99.99, 99.99, 99.99), |fix| (3, fix.hdop * 1.9, fix.hdop, fix.hdop * 1.6));
    let mut used = String::new();
    for slot in 0..12 {
        if let Some(satellite) = sky.get(slot).filter(|_| solution.is_some()) {
            let _ = write!(used, "{:02}", satellite.number);
        }
        used.push(',');
    }
    format!("GNGSA,A,{mode},{used}{pdop:.2},{hdop:.2},{vdop:.2},{system}")
}

fn gll(stamp: &Stamp, solution: Option<&Solution>) -> String {
    let time = &stamp.time;
    match solution {
        None => format!("GNGLL,,,,,{time},V,N"),
        Some(fix) => format!("GNGLL,{},{time},A,A", place(fix.at)),
    }
}

fn gst_sentence(stamp: &Stamp, solution: Option<&Solution>) -> String {
    let time = &stamp.time;
    match solution {
        None => format!("GNGST,{time},,,,,,,"),
        Some(fix) => {
            let sigma = fix.sigma_m;
            format!("GNGST,{time},{:.1},,,,{sigma:.1},{sigma:.1},{:.1}", sigma * 2.0, sigma * 1.6)
        }
    }
}

fn course(fix: &Solution) -> String {
    fix.course_deg.map_or_else(String::new, |degrees| format!("{degrees:.2}"))
}

/// `ddmm.mmmmm,N,dddmm.mmmmm,E`.
fn place(at: Degrees) -> String {
    let (lat, lon) = (angle(at.lat, 2), angle(at.lon, 3));
    let (ns, ew) = (if at.lat < 0.0 { 'S' } else { 'N' }, if at.lon < 0.0 { 'W' } else { 'E' });
    format!("{lat},{ns},{lon},{ew}")
}

/// Degrees and minutes with five decimals, rounded once so that minutes never read 60.00000.
fn angle(degrees: f64, width: usize) -> String {
    const PER_MINUTE: u64 = 100_000;
    const PER_DEGREE: u64 = 60 * PER_MINUTE;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 180 degrees, without sign")]
    let units = (degrees.abs() * 6_000_000.0).round() as u64;
    let (whole, rest) = (units / PER_DEGREE, units % PER_DEGREE);
    format!("{whole:0width$}{:02}.{:05}", rest / PER_MINUTE, rest % PER_MINUTE)
}

/// A satellite as GSV lists it.
struct Satellite {
    number: u8,
    elevation: u8,
    azimuth: u16,
    strength: u8,
}

const fn satellite(number: u8, elevation: u8, azimuth: u16, strength: u8) -> Satellite {
    Satellite { number, elevation, azimuth, strength }
}

const GPS: [Satellite; 7] = [
    satellite(2, 17, 54, 35),
    satellite(5, 41, 202, 43),
    satellite(7, 64, 96, 46),
    satellite(9, 29, 151, 40),
    satellite(13, 12, 259, 31),
    satellite(20, 55, 284, 44),
    satellite(30, 71, 188, 47),
];

const GLONASS: [Satellite; 5] = [
    satellite(67, 23, 41, 33),
    satellite(68, 70, 13, 42),
    satellite(77, 38, 121, 39),
    satellite(78, 52, 215, 41),
    satellite(84, 19, 322, 30),
];

/// Satellites in view, four a sentence; without a fix they are listed but not heard.
fn gsv(out: &mut String, talker: &str, sky: &[Satellite], heard: bool) {
    let pages = sky.len().div_ceil(4);
    for (page, satellites) in sky.chunks(4).enumerate() {
        let mut body = format!("{talker}GSV,{pages},{},{:02}", page + 1, sky.len());
        for Satellite { number, elevation, azimuth, strength } in satellites {
            let _ = write!(body, ",{number:02},{elevation:02},{azimuth:03},");
            if heard {
                let _ = write!(body, "{strength:02}");
            }
        }
        push(out, &format!("{body},1"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_never_read_sixty() {
        assert_eq!(angle(51.999_999_999_9, 2), "5200.00000");
        assert_eq!(angle(13.7512, 3), "01345.07200");
    }

    #[test]
    fn a_fix_reads_as_a_receiver_writes_it() {
        let solution = Solution {
            at: Degrees { lat: 52.4361, lon: 13.7512 },
            speed_mps: 10.0,
            course_deg: Some(91.5),
            hdop: 0.8,
            sigma_m: 2.5,
        };
        let at = Observation { utc_ms: 1_795_000_000_000, time_known: true, solution: Some(solution) };
        let text = epoch(&at, true);
        assert!(text.starts_with("$GNRMC,110640.00,A,5226.16600,N,01345.07200,E,19.438,91.50,181126,,,A,V*"), "{text}");
        assert!(text.contains("$GNGGA,110640.00,5226.16600,N,01345.07200,E,1,12,0.80,43.1,M,42.8,M,,*"), "{text}");
        assert!(text.contains("$GPGSV,2,2,07,13,12,259,31,20,55,284,44,30,71,188,47,1*"), "{text}");
    }
}
