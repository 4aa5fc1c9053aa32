//! What came of it?

use std::io::{self, Write};

use serde::Serialize;

use super::local_clock::LocalClock;
use super::outage::Outage;
use crate::verdict::{Row, Verdict, describe};

/// The last line; `--help` says what each member means.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    arrivals: usize,
    departures: usize,
    missing: usize,
    doubled: u64,
    worst_stamp_error_s: f64,
    p99_delay_s: f64,
    invented: usize,
    crossings: usize,
    covered: usize,
    held_by_outage: usize,
    worst_held_s: f64,
    events: usize,
    copies: u64,
    seed: u64,
}

/// Everything that the last page is written from.
pub(super) struct Report<'a> {
    pub(super) seed: u64,
    pub(super) verdict: &'a Verdict,
    pub(super) outage: Outage,
    pub(super) clock: &'a LocalClock,
    pub(super) events: usize,
    pub(super) copies: u64,
    /// Ids that came with two contents.
    pub(super) conflicting: u64,
}

impl Report<'_> {
    /// Each crossing: true, stamped, error, interval.
    pub(super) fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "\n{:<34} {:>12} {:>12} {:>8}  {:<18} {:<9} by",
            "true crossing", "true", "stamped", "error", "interval", "truth is"
        )?;
        for row in &self.verdict.rows {
            writeln!(out, "{}", self.line(row))?;
        }
        for (word, list) in [
            ("missing", &self.verdict.missing),
            ("doubled", &self.verdict.doubled),
            ("invented", &self.verdict.invented),
        ] {
            for what in list {
                writeln!(out, "{word}: {what}")?;
            }
        }
        Ok(())
    }

    fn line(&self, row: &Row) -> String {
        let what = describe(&row.truth);
        let what = what.split(" at ").next().unwrap_or_default();
        let truth = self.clock.tenths(row.truth.at_s);
        let Some(stamp) = &row.stamp else { return format!("{what:<34} {truth:>12} {:>12}", "none") };
        let lo = stamp.lo_s.map_or_else(|| "open".to_owned(), |lo| format!("-{:.1}", stamp.at_s - lo));
        let interval = format!("{lo} +{:.1} s", stamp.hi_s - stamp.at_s);
        let covered = if row.is_covered() { "inside" } else { "OUTSIDE" };
        let error = row.error_s().unwrap_or(0.0);
        let at = self.clock.tenths(stamp.at_s);
        format!("{what:<34} {truth:>12} {at:>12} {error:>+6.1} s  {interval:<18} {covered:<9} {}", stamp.method)
    }

    /// The object of the last line.
    pub(super) fn summary(&self) -> Summary {
        let stamped = || self.verdict.rows.iter().filter_map(|row| row.stamp.as_ref().map(|stamp| (row, stamp)));
        let waits = |held: bool| {
            let mut waits: Vec<f64> = stamped()
                .filter(|(_, stamp)| self.outage.held(stamp) == held)
                .map(|(row, stamp)| stamp.landed_s - row.truth.at_s)
                .collect();
            waits.sort_by(f64::total_cmp);
            waits
        };
        let (prompt, held) = (waits(false), waits(true));
        let worst =
            self.verdict.rows.iter().filter_map(Row::error_s).fold(0.0, |worst: f64, error| worst.max(error.abs()));
        Summary {
            arrivals: self.verdict.arrivals,
            departures: self.verdict.departures,
            missing: self.verdict.missing.len(),
            doubled: self.doubled(),
            worst_stamp_error_s: tenths(worst),
            p99_delay_s: tenths(percentile_99(&prompt)),
            invented: self.verdict.invented.len(),
            crossings: self.verdict.rows.len(),
            covered: self.verdict.rows.iter().filter(|row| row.is_covered()).count(),
            held_by_outage: held.len(),
            worst_held_s: tenths(held.last().copied().unwrap_or(0.0)),
            events: self.events,
            copies: self.copies,
            seed: self.seed,
        }
    }

    fn doubled(&self) -> u64 {
        u64::try_from(self.verdict.doubled.len()).unwrap_or(u64::MAX).saturating_add(self.conflicting)
    }
}

/// By nearest rank; of fewer than a hundred values it is the largest.
fn percentile_99(sorted: &[f64]) -> f64 {
    let rank = (sorted.len() * 99).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

fn tenths(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}
