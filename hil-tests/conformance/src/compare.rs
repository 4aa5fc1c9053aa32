//! How much of gpsd's answer does a way give?

use crate::log::Log;
use crate::oracle::Truth;
use crate::scan::{self, Validity};
use crate::ways::Seen;
use gatestamp::time::parse_rfc3339;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;
/// The same instant: receivers round to hundredths.
const SAME_TIME_MS: i64 = 10;
/// The same position, degrees: gpsd's own output has seven to nine decimals.
const SAME_PLACE_DEG: f64 = 2e-6;
/// gpsd adds 1,024 weeks to dates before 2017 once leap seconds are past 17 (`gpsd/timebase.c`).
const GPSD_SHIFT_DAYS: i64 = 1_024 * 7;
/// A header names the submitter's day, in the submitter's zone.
const HEADER_DAYS: i64 = 1;

/// The score of one way on one log or many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Score {
    /// Fixes of gpsd.
    pub want: usize,
    /// Of these, seen with the same time of day and position.
    pub place: usize,
    /// Of these, seen with the right date too.
    pub date: usize,
    /// Logs on which this way crashed.
    pub crashes: usize,
}

impl Score {
    /// Adds another log's score.
    pub fn add(&mut self, other: Self) {
        self.want += other.want;
        self.place += other.place;
        self.date += other.date;
        self.crashes += other.crashes;
    }

    /// Percent of gpsd's positions; 100 of nothing.
    #[must_use]
    pub fn place_pct(&self) -> f64 {
        percent(self.place, self.want)
    }

    /// Percent of the matched positions that have the right date.
    #[must_use]
    pub fn date_pct(&self) -> f64 {
        percent(self.date, self.place)
    }
}

/// Percent; 100 of nothing.
#[must_use]
pub fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        return 100.0;
    }
    #[allow(clippy::cast_precision_loss, reason = "counts of fixes")]
    let percent = part as f64 * 100.0 / whole as f64;
    percent
}

/// Compares what was seen with gpsd's answer.
#[must_use]
pub fn score(log: &Log, truths: &[Truth], seen: &[Seen]) -> Score {
    let mut score = Score { want: truths.len(), ..Score::default() };
    for truth in truths {
        let matching: Vec<&Seen> = seen.iter().filter(|seen| same(truth, seen)).collect();
        score.place += usize::from(!matching.is_empty());
        score.date += usize::from(matching.iter().any(|seen| right_date(log, truth, seen)));
    }
    score
}

/// Whether `seen` is gpsd's fix: time of day and position.
#[must_use]
pub fn same(truth: &Truth, seen: &Seen) -> bool {
    close(truth.time_of_day(), seen.time_of_day)
        && (truth.lat - seen.lat).abs() <= SAME_PLACE_DEG
        && (truth.lon - seen.lon).abs() <= SAME_PLACE_DEG
}

/// Whether two times of day are the same within the tolerance, midnight included.
#[must_use]
pub fn close(a: i64, b: i64) -> bool {
    let apart = (a - b).rem_euclid(DAY_MS);
    apart.min(DAY_MS - apart) <= SAME_TIME_MS
}

/// A date is right where the recording's header says so, or gpsd, with or without its own shift.
fn right_date(log: &Log, truth: &Truth, seen: &Seen) -> bool {
    let Some(day) = seen.day else { return false };
    let gpsd = truth.time.div_euclid(DAY_MS);
    let header = log.header_dates.iter().filter_map(|date| parse_rfc3339(&format!("{date}T00:00:00Z")));
    let mut header = header.map(|time| time.0.div_euclid(DAY_MS));
    day == gpsd || day == gpsd - GPSD_SHIFT_DAYS || header.any(|date| (date - day).abs() <= HEADER_DAYS)
}

/// The fixes of gpsd that stand in the log's sentences: same time, same position, said to be valid. What else gpsd knows, it
/// took from binary frames.
#[must_use]
pub fn in_sentences(log: &Log, truths: &[Truth]) -> Vec<Truth> {
    let places: Vec<scan::Place> = scan::places(&log.bytes).filter(|place| place.validity == Validity::Valid).collect();
    let there = |truth: &Truth| {
        places.iter().any(|place| {
            let at = |a: Option<f64>, b: f64| a.is_some_and(|a| (a - b).abs() <= SAME_PLACE_DEG);
            close(place.time_of_day, truth.time_of_day()) && at(place.lat, truth.lat) && at(place.lon, truth.lon)
        })
    };
    truths.iter().copied().filter(there).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(header: &str) -> Log {
        Log {
            name: "x.log".to_owned(),
            bytes: Vec::new(),
            kind: crate::log::Kind::Text,
            header_dates: vec![header.to_owned()],
            oracle: None,
        }
    }

    fn seen(day: Option<i64>) -> Seen {
        Seen { time_of_day: 1_005, day, lat: 48.0, lon: 11.000_001, dead_reckoning: false }
    }

    #[test]
    fn position_and_date_are_scored_apart_and_the_shift_of_gpsd_is_forgiven() {
        let truth = Truth { time: (14_321 + GPSD_SHIFT_DAYS) * DAY_MS + 1_000, lat: 48.0, lon: 11.0 };
        let scored = |header: &str, day| score(&log(header), &[truth], &[seen(day)]);
        assert_eq!((scored("2001-01-01", Some(14_321)).place, scored("2001-01-01", Some(14_321)).date), (1, 1));
        assert_eq!((scored("2001-01-01", Some(14_322)).place, scored("2001-01-01", Some(14_322)).date), (1, 0));
        assert_eq!((scored("2001-01-01", None).place, scored("2001-01-01", None).date), (1, 0));
    }

    #[test]
    fn another_place_or_time_is_no_match() {
        let truth = Truth { time: 1_000, lat: 48.0, lon: 11.000_01 };
        assert_eq!(score(&log("2001-01-01"), &[truth], &[seen(None)]).place, 0);
        assert!(close(DAY_MS - 3, 2) && !close(0, 20));
    }
}
