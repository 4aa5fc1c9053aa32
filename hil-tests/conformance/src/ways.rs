//! The ways from bytes to fixes that are compared: the agent's reception, and the crates that others would take, as people use them.

mod others;

use gatestamp::gnss::{DateFloor, Outcome, Reception};
use gatestamp::recording::raw;
use gatestamp::time::parse_rfc3339;
use nmea::{Nmea, SentenceType};
use serde::{Deserialize, Serialize};

/// How the crate is given its sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Lines, as they are.
    Naive,
    /// Cut at every `$`; what follows the checksum is dropped.
    Resync,
}

/// One way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `gatestamp::gnss::Reception`, fed as `gatestamp replay` feeds it.
    Gatestamp,
    /// `Nmea::parse`, a snapshot after each sentence with a position.
    Parse(Framing),
    /// `Nmea::parse_for_fix` with RMC required.
    FixRmc(Framing),
    /// `Nmea::parse_for_fix` with RMC and GGA required, as its README shows.
    FixRmcGga(Framing),
    /// `nmea_parser::NmeaParser`: its RMC and GGA.
    NmeaParser(Framing),
    /// `nmea0183::Parser`, which frames by itself: its RMC, GGA and GLL.
    Nmea0183,
    /// The same, with CR and LF at the end of each line, as it needs them. No other way is given other bytes than were recorded, so this one
    /// is no measure for them.
    Nmea0183Ended,
}

impl Way {
    /// Every way; the agent's first.
    pub const ALL: [Self; 11] = [
        Self::Gatestamp,
        Self::Parse(Framing::Naive),
        Self::FixRmc(Framing::Naive),
        Self::FixRmcGga(Framing::Naive),
        Self::Parse(Framing::Resync),
        Self::FixRmc(Framing::Resync),
        Self::FixRmcGga(Framing::Resync),
        Self::NmeaParser(Framing::Naive),
        Self::NmeaParser(Framing::Resync),
        Self::Nmea0183,
        Self::Nmea0183Ended,
    ];

    /// What it is called in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gatestamp => "gatestamp",
            Self::Parse(Framing::Naive) => "Nmea::parse, by lines",
            Self::FixRmc(Framing::Naive) => "parse_for_fix [RMC], by lines",
            Self::FixRmcGga(Framing::Naive) => "parse_for_fix [RMC, GGA], by lines",
            Self::Parse(Framing::Resync) => "Nmea::parse, cut at $",
            Self::FixRmc(Framing::Resync) => "parse_for_fix [RMC], cut at $",
            Self::FixRmcGga(Framing::Resync) => "parse_for_fix [RMC, GGA], cut at $",
            Self::NmeaParser(Framing::Naive) => "nmea-parser, by lines",
            Self::NmeaParser(Framing::Resync) => "nmea-parser, cut at $",
            Self::Nmea0183 => "nmea0183, by bytes",
            Self::Nmea0183Ended => "nmea0183, by bytes, line ends mended",
        }
    }

    /// Everything that this way takes for a fix.
    #[must_use]
    pub fn run(self, bytes: &[u8]) -> Vec<Seen> {
        match self {
            Self::Gatestamp => gatestamp(bytes).0,
            Self::Parse(framing) => snapshots(bytes, framing),
            Self::FixRmc(framing) => for_fix(bytes, framing, &[SentenceType::RMC]),
            Self::FixRmcGga(framing) => for_fix(bytes, framing, &[SentenceType::RMC, SentenceType::GGA]),
            Self::NmeaParser(framing) => others::nmea_parser(pieces(bytes, framing)),
            Self::Nmea0183 => others::nmea0183(bytes),
            Self::Nmea0183Ended => others::nmea0183(others::with_line_ends(bytes)),
        }
    }
}

/// A position at a time of day, and the date if it is known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Milliseconds since midnight.
    pub time_of_day: i64,
    /// Days since 1970.
    pub day: Option<i64>,
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lon: f64,
    /// Said to be dead reckoning.
    pub dead_reckoning: bool,
}

/// Why the agent did not use something, and when of the day it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The time of day that had been heard last, in milliseconds.
    pub time_of_day: Option<i64>,
    /// The word of `gatestamp::gnss::Rejected`.
    pub why: &'static str,
}

/// The agent's reception: its fixes, and what it refused.
#[must_use]
pub fn gatestamp(bytes: &[u8]) -> (Vec<Seen>, Vec<Refusal>) {
    let (mut seen, mut refusals) = (Vec::new(), Vec::new());
    let mut reception = Reception::new(DateFloor(None));
    let mut arrival = raw::Arrival::default();
    let mut now = None;
    let mut counted = reception.counts().clone();
    for (at, chunk) in arrival.chunks(bytes) {
        now = gatestamp::gnss::time_of_day(chunk).map(|time| time.0).or(now);
        reception.feed(at, chunk, |outcome| take(outcome, &mut seen));
        for (reason, count) in &reception.counts().rejected {
            for _ in counted.rejected.get(reason).copied().unwrap_or(0)..*count {
                refusals.push(Refusal { time_of_day: now, why: reason.word() });
            }
        }
        counted.clone_from(reception.counts());
    }
    reception.finish(|outcome| take(outcome, &mut seen));
    (seen, refusals)
}

fn take(outcome: Outcome, seen: &mut Vec<Seen>) {
    if let Outcome::Fix(fix) = outcome {
        let time = fix.fix.time.0;
        seen.push(Seen {
            time_of_day: time.rem_euclid(crate::compare::DAY_MS),
            day: Some(time.div_euclid(crate::compare::DAY_MS)),
            lat: fix.fix.position.lat(),
            lon: fix.fix.position.lon(),
            dead_reckoning: fix.fix.mode == geofence::Mode::DeadReckoning,
        });
    }
}

/// The crate takes the header and the line end away itself, but wants valid UTF-8.
fn pieces(bytes: &[u8], framing: Framing) -> Vec<&str> {
    let text = |piece| std::str::from_utf8(piece).ok();
    match framing {
        Framing::Naive => bytes.split(|byte| *byte == b'\n').filter_map(text).map(str::trim_end).collect(),
        Framing::Resync => {
            let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'$').map(|(at, _)| at);
            starts.filter_map(|at| resync(bytes.get(at..)?)).filter_map(text).collect()
        }
    }
}

fn resync(from: &[u8]) -> Option<&[u8]> {
    let end = from.iter().skip(1).position(|byte| *byte == b'$').map_or(from.len(), |at| at + 1);
    let piece = from.get(..end)?;
    let star = piece.iter().position(|byte| *byte == b'*')?;
    piece.get(..star + 3)
}

fn snapshots(bytes: &[u8], framing: Framing) -> Vec<Seen> {
    let mut parser = Nmea::default();
    let mut seen = Vec::new();
    for piece in pieces(bytes, framing) {
        let kind = parser.parse(piece);
        if matches!(kind, Ok(SentenceType::RMC | SentenceType::GGA | SentenceType::GLL | SentenceType::GNS)) {
            seen.extend(snapshot(&parser));
        }
    }
    seen
}

fn for_fix(bytes: &[u8], framing: Framing, required: &[SentenceType]) -> Vec<Seen> {
    let Ok(mut parser) = Nmea::create_for_navigation(required) else { return Vec::new() };
    let mut seen = Vec::new();
    for piece in pieces(bytes, framing) {
        let valid = parser.parse_for_fix(piece).is_ok_and(|fix| fix.is_valid());
        if valid {
            seen.extend(snapshot(&parser));
        }
    }
    seen
}

fn snapshot(parser: &Nmea) -> Option<Seen> {
    let time = parser.fix_time?;
    let date = parser.fix_date.and_then(|date| parse_rfc3339(&format!("{date}T00:00:00Z")));
    Some(Seen {
        time_of_day: parse_rfc3339(&format!("1970-01-01T{time}Z"))?.0,
        day: date.map(|date| date.0.div_euclid(crate::compare::DAY_MS)),
        lat: parser.latitude?,
        lon: parser.longitude?,
        dead_reckoning: parser.fix_type == Some(nmea::sentences::FixType::Estimated),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RMC: &str = "$GPRMC,225446.33,A,4916.45,N,12311.12,W,000.5,054.7,191194,020.3,E,A*2B";

    #[test]
    fn every_way_sees_a_plain_stream() {
        let line = |body: String| {
            let sum = body.bytes().fold(0, |sum, byte| sum ^ byte);
            format!("${body}*{sum:02X}\r\n")
        };
        let mut stream = String::new();
        for second in 10..20 {
            stream += &line(format!("GPRMC,1200{second}.00,A,4807.038,N,01131.000,E,10.0,90.0,221126,,,A"));
            stream += &line(format!("GPGGA,1200{second}.00,4807.038,N,01131.000,E,1,08,0.9,500.0,M,47.0,M,,"));
        }
        for way in Way::ALL {
            let times: std::collections::BTreeSet<i64> =
                way.run(stream.as_bytes()).iter().map(|seen| seen.time_of_day).collect();
            assert_eq!(times.len(), 10, "{}", way.name());
        }
    }

    #[test]
    fn cutting_at_the_dollar_finds_a_glued_sentence() {
        let glued = format!("45,N*{RMC}junk");
        assert_eq!(pieces(glued.as_bytes(), Framing::Resync), [RMC]);
    }
}
