//! What came of it?

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::audit::Findings;
use crate::options::Kind;
use crate::tally::{Blow, Tally};

/// Findings of one sort that are told in words; the rest is counted.
const TOLD_MAX: usize = 20;
/// A month of driving, hours.
const MONTH_HOURS: f64 = 30.0 * 24.0;

/// What was asked for, and what was measured beside the findings.
#[derive(Debug, Clone)]
pub struct Run {
    /// `--database`
    pub database: Kind,
    /// `--seed`
    pub seed: u64,
    /// `--trucks`
    pub trucks: u32,
    /// `--hours`
    pub hours: f64,
    /// `--speed`
    pub speed: u32,
    /// The hours that were driven.
    pub driven_hours: f64,
    /// When the drive began, in its own time and by the machine's clock, milliseconds since 1970.
    pub began_ms: (i64, i64),
    /// Bytes on all links, both ways.
    pub bytes: u64,
}

/// Everything that is told at the end.
#[derive(Debug)]
pub struct Report<'a> {
    /// What was asked for.
    pub run: &'a Run,
    /// What does not fit.
    pub findings: &'a Findings,
    /// What was done to it.
    pub tally: &'a Tally,
    /// What should not have happened besides: a process that ended by itself, a journal that fails its check.
    pub faults: &'a [String],
}

impl Report<'_> {
    /// Nothing is missing, doubled or out of order, and nothing else went wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let Findings { missing, doubled, gaps, disordered, .. } = self.findings;
        [missing, doubled, gaps, disordered].iter().all(|found| found.is_empty()) && self.faults.is_empty()
    }

    /// The findings in words, and last `REHEARSAL {json}`.
    ///
    /// # Errors
    /// As the output has them.
    pub fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let Findings { missing, doubled, gaps, disordered, .. } = self.findings;
        for (sort, found) in [("missing", missing), ("doubled", doubled), ("gap", gaps), ("out of order", disordered)] {
            tell(out, sort, found)?;
        }
        tell(out, "fault", self.faults)?;
        writeln!(out, "REHEARSAL {}", self.json())
    }

    fn json(&self) -> Value {
        let Self { run, findings, tally, faults } = self;
        let counts = |from: usize, count: usize| -> Value {
            tally.blows().skip(from).take(count).map(|(blow, count)| (blow.word().to_owned(), json!(count))).collect()
        };
        let [p50, p95, p99] = [50, 95, 99].map(|percent| percentile(&self.latencies_ms(), percent));
        let [first_p50, first_p99] = [50, 99].map(|percent| percentile(&self.first_words_ms(), percent));
        let jumps = tally.blows().find(|(blow, _)| *blow == Blow::ClockJump).map_or(0, |(_, count)| count);
        let behind_s = f64::from(u32::try_from(tally.most_behind_ms()).unwrap_or(u32::MAX)) / 1_000.0;
        json!({
            "events": findings.events, "missing": findings.missing.len(), "doubled": findings.doubled.len(),
            "gaps": findings.gaps.len(), "out_of_order": findings.disordered.len(), "kills": counts(0, Blow::KILLS),
            "links": counts(Blow::KILLS, Blow::LINKS), "clock_jumps": jumps,
            "latency_p50_ms": p50, "latency_p95_ms": p95, "latency_p99_ms": p99,
            "provisional_p50_ms": first_p50, "provisional_p99_ms": first_p99,
            "bytes_per_truck_month": self.bytes_per_truck_month(), "database": run.database.word(),
            "seed": run.seed, "trucks": run.trucks,
            "hours": run.hours, "speed": run.speed, "crossings": findings.crossings, "unseen": findings.unseen,
            "behind_s": behind_s, "faults": faults.len(),
        })
    }

    /// From the decision to the commit, in real milliseconds, ascending. The drive's time runs `speed` times faster.
    fn latencies_ms(&self) -> Vec<i64> {
        let mut latencies: Vec<i64> = self.findings.delays.iter().map(|delay| self.real_ms(*delay)).collect();
        latencies.sort_unstable();
        latencies
    }

    /// From the true crossing to the commit of the first word of it, ascending: until the decision as in life, from there on real milliseconds.
    fn first_words_ms(&self) -> Vec<i64> {
        let words = self.findings.first_words.iter();
        let mut waits: Vec<i64> = words.map(|(decision_ms, delay)| decision_ms + self.real_ms(*delay)).collect();
        waits.sort_unstable();
        waits
    }

    fn real_ms(&self, (decided_ms, received_ms): (i64, i64)) -> i64 {
        let (drive_ms, real_ms) = self.run.began_ms;
        received_ms - (real_ms + (decided_ms - drive_ms) / i64::from(self.run.speed.max(1)))
    }

    fn bytes_per_truck_month(&self) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "bytes of a run, below 2^53")]
        let bytes = self.run.bytes as f64;
        let per_hour = bytes / f64::from(self.run.trucks.max(1)) / self.run.driven_hours.max(f64::EPSILON);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, and not below zero")]
        let month = (per_hour * MONTH_HOURS).round() as u64;
        month
    }
}

/// The nearest rank; `None` of nothing.
fn percentile(ascending: &[i64], percent: usize) -> Option<i64> {
    let rank = (ascending.len() * percent).div_ceil(100).max(1);
    ascending.get(rank - 1).copied()
}

fn tell(out: &mut dyn Write, sort: &str, found: &[String]) -> io::Result<()> {
    for what in found.iter().take(TOLD_MAX) {
        writeln!(out, "{sort}: {what}")?;
    }
    if found.len() > TOLD_MAX {
        writeln!(out, "{sort}: and {} more", found.len() - TOLD_MAX)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        Run {
            database: Kind::Postgres,
            seed: 7,
            trucks: 2,
            hours: 1.0,
            speed: 60,
            driven_hours: 0.5,
            began_ms: (1_000_000, 50_000),
            bytes: 1_000,
        }
    }

    #[test]
    fn the_last_line_has_what_the_contract_names() {
        let delays = vec![(1_060_000, 51_500), (1_000_000, 50_010)];
        let first_words = vec![(2_000, (1_060_000, 51_500))];
        let findings = Findings { events: 3, delays, first_words, ..Findings::default() };
        let (run, tally) = (run(), Tally::default());
        tally.count(Blow::Broker);
        tally.count(Blow::HalfOpen);
        let report = Report { run: &run, findings: &findings, tally: &tally, faults: &[] };
        let mut out = Vec::new();
        report.tell(&mut out).expect("memory");
        let told = String::from_utf8(out).expect("UTF-8");
        let json: Value = serde_json::from_str(told.strip_prefix("REHEARSAL ").expect("the last line")).expect("JSON");
        assert_eq!(
            (json["events"].as_u64(), json["missing"].as_u64(), json["gaps"].as_u64()),
            (Some(3), Some(0), Some(0))
        );
        assert_eq!((json["kills"]["broker"].as_u64(), json["links"]["half_open"].as_u64()), (Some(1), Some(1)));
        assert_eq!(json["kills"].as_object().map(serde_json::Map::len), Some(Blow::KILLS));
        // A minute of the drive is a second; 1,000 bytes of two trucks in half an hour are 1,000 per truck and hour.
        assert_eq!((json["latency_p50_ms"].as_i64(), json["latency_p99_ms"].as_i64()), (Some(10), Some(500)));
        assert_eq!(json["provisional_p99_ms"].as_i64(), Some(2_500));
        assert_eq!(json["bytes_per_truck_month"].as_u64(), Some(720_000));
        assert!(report.is_clean());
    }

    #[test]
    fn what_is_found_is_told_and_counted_and_too_much_of_it_only_counted() {
        let missing = (0..30).map(|number| format!("t{number}")).collect();
        let findings = Findings { missing, ..Findings::default() };
        let (run, tally) = (run(), Tally::default());
        let report = Report { run: &run, findings: &findings, tally: &tally, faults: &[] };
        let mut out = Vec::new();
        report.tell(&mut out).expect("memory");
        let told = String::from_utf8(out).expect("UTF-8");
        assert!(
            told.contains("missing: t19\nmissing: and 10 more\nREHEARSAL ") && told.contains("\"missing\":30"),
            "{told}"
        );
        assert!(!report.is_clean());
    }
}
