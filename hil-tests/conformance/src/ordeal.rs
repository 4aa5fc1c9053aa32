//! What no input may bring about: a panic, a fix out of range or out of a void epoch, a state without a limit, or another result
//! for another split into reads.

use crate::log::Log;
use crate::mutate::{self, Case};
use crate::scan;
use gatestamp::gnss::{DateFloor, GnssFix, Outcome, Reception};
use gatestamp::time::Mono;
use geofence::Position;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;

/// The reception's state as it is stored, at most: a sentence of 255 bytes and a frame of 108, each byte as up to four
/// characters; three fixes of 450; the open epoch of 700; counters.
const STATE_BYTES_MAX: usize = 6_000;
/// The state is written out and measured in one case of so many: it costs more than the case.
const STATE_EVERY: u64 = 16;
/// 1981-01-01 and 2100-01-01: a receiver's calendar.
const TIMES: Range<i64> = 347_155_200_000..4_102_444_800_000;
/// The same position, 1e-7 degrees.
const SAME_PLACE_E7: u32 = 20;
/// This part of the fixes out of mutated pieces, at most, may be in no recording: measured 0.47 %, and headroom for other seeds. What they are
/// is told in docs/receivers.md.
pub const FALSE_FIXES_MAX: f64 = 0.006;
/// Failures told one by one.
const TOLD_MAX: usize = 20;

/// The result of a series.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Mutated pieces received.
    pub cases: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Fixes that came out of them.
    pub fixes: u64,
    /// Of these, at a time of day and place that no recording gives as it is.
    #[serde(default)]
    pub false_fixes: u64,
    /// Cases in which the agent would have crashed.
    pub panics: u64,
    /// Fixes that no receiver can have meant.
    pub out_of_range: u64,
    /// Fixes at times at which every sentence says void.
    pub void_fixes: u64,
    /// Cases whose result hangs on how the bytes came.
    pub splits: u64,
    /// Cases whose state is larger than it may be.
    pub unbounded: u64,
    /// The largest state that was measured, bytes as stored.
    pub state_bytes_max: usize,
    /// The first failures: case number, recording, what.
    pub told: Vec<String>,
}

impl Tally {
    /// Adds another part of the series.
    pub fn add(&mut self, other: Self) {
        self.cases += other.cases;
        self.bytes += other.bytes;
        self.fixes += other.fixes;
        self.false_fixes += other.false_fixes;
        self.panics += other.panics;
        self.out_of_range += other.out_of_range;
        self.void_fixes += other.void_fixes;
        self.splits += other.splits;
        self.unbounded += other.unbounded;
        self.state_bytes_max = self.state_bytes_max.max(other.state_bytes_max);
        let room = TOLD_MAX.saturating_sub(self.told.len());
        self.told.extend(other.told.into_iter().take(room));
    }

    /// How many cases failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.panics + self.out_of_range + self.void_fixes + self.splits + self.unbounded
    }

    /// Which part of the fixes no recording gives as it is; 0 of none.
    #[must_use]
    pub fn false_rate(&self) -> f64 {
        crate::compare::percent(
            usize::try_from(self.false_fixes).unwrap_or(usize::MAX),
            usize::try_from(self.fixes.max(1)).unwrap_or(usize::MAX),
        ) / 100.0
    }

    fn tell(&mut self, number: u64, log: &str, what: &str) {
        if self.told.len() < TOLD_MAX {
            self.told.push(format!("case {number}, {log}: {what}"));
        }
    }
}

/// The fixes of the recordings as they are: a mutated piece may hold some of another one.
#[derive(Debug, Clone, Default)]
pub struct Clean(BTreeMap<i64, Vec<Position>>);

impl Clean {
    /// Receives every stream whole.
    #[must_use]
    pub fn of(streams: &[&[u8]]) -> Self {
        let mut clean = Self::default();
        for stream in streams {
            for fix in fixes(&receive(std::iter::once(*stream)).1) {
                clean.0.entry(time_of_day(fix)).or_default().push(fix.fix.position);
            }
        }
        clean
    }

    /// Whether some recording gives this fix: the date apart, which a piece may lack.
    fn has(&self, fix: &GnssFix) -> bool {
        let place = fix.fix.position;
        let near = |a: i32, b: i32| a.abs_diff(b) <= SAME_PLACE_E7;
        self.0.get(&time_of_day(fix)).is_some_and(|places| {
            places.iter().any(|there| near(there.lat_e7(), place.lat_e7()) && near(there.lon_e7(), place.lon_e7()))
        })
    }
}

fn time_of_day(fix: &GnssFix) -> i64 {
    fix.fix.time.0.rem_euclid(crate::compare::DAY_MS)
}

fn fixes(outcomes: &[Outcome]) -> impl Iterator<Item = &GnssFix> {
    outcomes.iter().filter_map(|outcome| if let Outcome::Fix(fix) = outcome { Some(fix) } else { None })
}

/// Receives case `number` and judges what comes out.
pub fn run(logs: &[Log], streams: &[&[u8]], clean: &Clean, seed: u64, number: u64, tally: &mut Tally) {
    let case = mutate::case(streams, seed, number);
    let name = logs.get(case.log).map_or("", |log| log.name.as_str());
    tally.cases += 1;
    tally.bytes += case.bytes.len() as u64;
    let (whole, at_once) = receive(std::iter::once(case.bytes.as_slice()));
    let (split, in_reads) = receive(reads(&case));
    if at_once != in_reads || whole.counts() != split.counts() {
        tally.splits += 1;
        tally.tell(number, name, "another split into reads gives another result");
    }
    let fixes: Vec<&GnssFix> = fixes(&at_once).collect();
    tally.fixes += fixes.len() as u64;
    tally.false_fixes += fixes.iter().filter(|fix| !clean.has(fix)).count() as u64;
    for fix in fixes.iter().filter(|fix| !plausible(fix)) {
        tally.out_of_range += 1;
        tally.tell(number, name, &format!("out of range: {fix:?}"));
    }
    let void = scan::from_void(&case.bytes, fixes.iter().map(|fix| time_of_day(fix)));
    if void > 0 {
        tally.void_fixes += void as u64;
        tally.tell(number, name, "a fix out of a void epoch");
    }
    if number.is_multiple_of(STATE_EVERY) {
        let size = serde_json::to_vec(&split).map_or(usize::MAX, |stored| stored.len());
        tally.state_bytes_max = tally.state_bytes_max.max(size);
        if size > STATE_BYTES_MAX {
            tally.unbounded += 1;
            tally.tell(number, name, &format!("a state of {size} bytes"));
        }
    }
}

fn receive<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (Reception, Vec<Outcome>) {
    let mut reception = Reception::new(DateFloor(None));
    let mut outcomes = Vec::new();
    for chunk in chunks {
        reception.feed(Mono(0), chunk, |outcome| outcomes.push(outcome));
    }
    reception.finish(|outcome| outcomes.push(outcome));
    (reception, outcomes)
}

fn reads(case: &Case) -> impl Iterator<Item = &[u8]> {
    let mut rest = case.bytes.as_slice();
    let mut sizes = case.reads.iter().cycle();
    std::iter::from_fn(move || {
        let size = sizes.next().copied().unwrap_or(1).min(rest.len());
        let (chunk, after) = rest.split_at_checked(size)?;
        rest = after;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// What every fix must be, whatever was received.
fn plausible(fix: &GnssFix) -> bool {
    let position = fix.fix.position;
    let (lat, lon) = (position.lat(), position.lon());
    let moves = fix.fix.speed_mps.is_none_or(|speed| speed.is_finite() && speed >= 0.0)
        && fix.fix.track_deg.is_none_or(|track| (0.0..=360.0).contains(&track));
    (-90.0..=90.0).contains(&lat)
        && (-180.0..=180.0).contains(&lon)
        && (position.lat_e7() != 0 || position.lon_e7() != 0)
        && fix.fix.sigma_m.is_finite()
        && fix.fix.sigma_m > 0.0
        && moves
        && TIMES.contains(&fix.fix.time.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(text: &str) -> Log {
        Log {
            name: "x.log".to_owned(),
            bytes: text.as_bytes().to_vec(),
            kind: crate::log::Kind::Text,
            header_dates: Vec::new(),
            oracle: None,
        }
    }

    #[test]
    fn a_hundred_cases_of_a_plain_stream_hold_and_give_fixes() {
        let line = |body: String| format!("${body}*{:02X}\r\n", body.bytes().fold(0, |sum, byte| sum ^ byte));
        let stream: String = (10..60)
            .map(|second| line(format!("GPRMC,1200{second}.00,A,4807.038,N,01131.000,E,10.0,90.0,221126,,,A")))
            .collect();
        let logs = [log(&stream)];
        let streams: Vec<&[u8]> = logs.iter().map(|log| log.bytes.as_slice()).collect();
        let mut tally = Tally::default();
        let clean = Clean::of(&streams);
        for number in 0..100 {
            run(&logs, &streams, &clean, 1, number, &mut tally);
        }
        assert_eq!((tally.cases, tally.failures()), (100, 0), "{:?}", tally.told);
        assert!(tally.fixes > 100);
        assert!(tally.false_rate() < 0.02, "{} of {}", tally.false_fixes, tally.fixes);
        // The same pieces are all false where the recording was of another place.
        let elsewhere = stream.replace("4807", "4808");
        let elsewhere: String = elsewhere.lines().map(|l| line(l[1..l.len() - 3].to_owned())).collect();
        let (clean, mut other) = (Clean::of(&[elsewhere.as_bytes()]), Tally::default());
        for number in 0..100 {
            run(&logs, &streams, &clean, 1, number, &mut other);
        }
        assert_eq!((other.fixes, other.false_fixes), (tally.fixes, tally.fixes));
    }

    #[test]
    fn reads_are_the_stream() {
        let case = Case { log: 0, bytes: (0..200).collect(), reads: vec![3, 50] };
        assert_eq!(reads(&case).flatten().copied().collect::<Vec<u8>>(), case.bytes);
    }
}
