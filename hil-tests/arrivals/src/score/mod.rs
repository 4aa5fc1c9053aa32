//! How good is a rule? What [`judge()`] found on each drive, added up per rule, scenario and noise.

mod judge;
mod telling;
#[cfg(test)]
mod tests;

use crate::noise::Surroundings;
use crate::scenarios::Purpose;

pub use judge::{Incident, Judgement, What, judge};

/// A list of figures that percentiles are asked of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    values: Vec<f64>,
}

impl Figures {
    /// One more.
    pub fn add(&mut self, value: f64) {
        self.values.push(value);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The smallest value that `percent` per cent of all do not exceed (nearest rank); `None` without values.
    #[must_use]
    pub fn percentile(&self, percent: u32) -> Option<f64> {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let percent = usize::try_from(percent.min(100)).unwrap_or(100);
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied()
    }

    /// The values, unsorted.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    fn merge(&mut self, other: &Self) {
        self.values.extend_from_slice(&other.values);
    }
}

/// What was measured at crossings in one direction, under one condition (fixes present, or in a gap).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stamps {
    /// |claimed - true|, seconds, of the last revision.
    pub error_s: Figures,
    /// First told - true, seconds; in a gap: since fixes returned.
    pub latency_s: Figures,
    /// Told for sure, seconds: an arrival since the truck stood or was inside for 60 s, whichever came first; a departure since the
    /// crossing; in a gap not before fixes returned. Only for rules that confirm.
    pub confirmed_s: Figures,
    /// Stamps with an interval.
    pub stated: u64,
    /// Of those, the truth lies within.
    pub covered: u64,
}

impl Stamps {
    /// Share of stated intervals that hold the truth, per cent; `None` if none was stated.
    #[must_use]
    pub fn coverage_percent(&self) -> Option<f64> {
        (self.stated > 0).then(|| 100.0 * float(self.covered) / float(self.stated))
    }

    fn merge(&mut self, other: &Self) {
        self.error_s.merge(&other.error_s);
        self.latency_s.merge(&other.latency_s);
        self.confirmed_s.merge(&other.confirmed_s);
        self.stated += other.stated;
        self.covered += other.covered;
    }
}

/// Everything counted for one rule on some drives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Drives.
    pub drives: u64,
    /// Hours of all of it.
    pub hours: f64,
    /// Hours in which the truck truly stood 10 m or more inside a site.
    pub parked_hours: f64,
    /// Drives that pass by or queue outside (`Purpose::NearMiss`).
    pub near_misses: u64,
    /// True visits of 2 minutes or more that ended within the drive; those that the drive began in included.
    pub visits: u64,
    /// Of those, never told as an arrival.
    pub missed_arrivals: u64,
    /// Of those, never told as a departure.
    pub missed_departures: u64,
    /// Of those, either missed.
    pub missed: u64,
    /// True crossings of 3 s to 2 minutes.
    pub through: u64,
    /// Of those, not told at all.
    pub through_missed: u64,
    /// Of those, told as passed.
    pub through_passed: u64,
    /// Departures told while the truck was inside.
    pub false_departures: u64,
    /// Of those, while it stood 10 m or more inside.
    pub false_departures_parked: u64,
    /// Arrivals told while the truck was outside, provisional ones included.
    pub false_arrivals: u64,
    /// Arrivals told first as provisional or at once.
    pub entered: u64,
    /// Of those, taken back.
    pub retracted: u64,
    /// Arrivals with fixes present.
    pub arrivals: Stamps,
    /// Departures with fixes present.
    pub departures: Stamps,
    /// Arrivals in a gap.
    pub gap_arrivals: Stamps,
    /// Departures in a gap.
    pub gap_departures: Stamps,
}

impl Tally {
    /// False arrivals and departures.
    #[must_use]
    pub fn false_events(&self) -> u64 {
        self.false_arrivals + self.false_departures
    }

    /// False arrivals and departures per 1,000 hours of everything.
    #[must_use]
    pub fn false_per_1000h(&self) -> f64 {
        per_thousand(self.false_events(), self.hours)
    }

    /// False departures of parked trucks per 1,000 hours parked 10 m or more inside.
    #[must_use]
    pub fn parked_false_per_1000h(&self) -> f64 {
        per_thousand(self.false_departures_parked, self.parked_hours)
    }

    /// All stamps together.
    #[must_use]
    pub fn stamps(&self) -> Stamps {
        let mut all = Stamps::default();
        for part in [&self.arrivals, &self.departures, &self.gap_arrivals, &self.gap_departures] {
            all.merge(part);
        }
        all
    }

    /// Stamps with fixes present, or those in a gap.
    #[must_use]
    pub fn stamps_of(&self, in_gap: bool) -> Stamps {
        let (arrivals, departures) =
            if in_gap { (&self.gap_arrivals, &self.gap_departures) } else { (&self.arrivals, &self.departures) };
        let mut all = arrivals.clone();
        all.merge(departures);
        all
    }

    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.drives += other.drives;
        self.hours += other.hours;
        self.parked_hours += other.parked_hours;
        self.near_misses += other.near_misses;
        self.visits += other.visits;
        self.missed_arrivals += other.missed_arrivals;
        self.missed_departures += other.missed_departures;
        self.missed += other.missed;
        self.through += other.through;
        self.through_missed += other.through_missed;
        self.through_passed += other.through_passed;
        self.false_departures += other.false_departures;
        self.false_departures_parked += other.false_departures_parked;
        self.false_arrivals += other.false_arrivals;
        self.entered += other.entered;
        self.retracted += other.retracted;
        self.arrivals.merge(&other.arrivals);
        self.departures.merge(&other.departures);
        self.gap_arrivals.merge(&other.gap_arrivals);
        self.gap_departures.merge(&other.gap_departures);
    }
}

/// The tally of one rule in one scenario under one noise.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The rule's name.
    pub rule: &'static str,
    /// The scenario's name.
    pub scenario: &'static str,
    /// What the scenario is there to show.
    pub purpose: Purpose,
    /// One of the published eight.
    pub classic: bool,
    /// The noise model's name.
    pub noise: &'static str,
    /// Which goals apply under it.
    pub surroundings: Surroundings,
    /// Whether they apply at all: the model is what the goals were set for.
    pub modelled: bool,
    /// What was counted.
    pub tally: Tally,
}

/// Everything that a run of the benchmark found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scores {
    /// The seed that the drives' seeds count up from.
    pub seed: u64,
    /// One per rule, scenario and noise, in the order of the lists.
    pub cells: Vec<Cell>,
    /// What went wrong with our rule: the worst first.
    pub incidents: Vec<(Drive, Incident)>,
}

/// Names one drive, so that it can be driven again: `scenario:noise:seed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Drive {
    /// The scenario's name.
    pub scenario: &'static str,
    /// The noise model's name.
    pub noise: &'static str,
    /// Its seed.
    pub seed: u64,
}

impl Scores {
    /// The cells that `wanted` holds for, added up.
    #[must_use]
    pub fn total(&self, rule: &str, wanted: impl Fn(&Cell) -> bool) -> Tally {
        let mut total = Tally::default();
        for cell in self.cells.iter().filter(|cell| cell.rule == rule && wanted(cell)) {
            total.merge(&cell.tally);
        }
        total
    }

    /// The rules that ran, in order.
    #[must_use]
    pub fn rules(&self) -> Vec<&'static str> {
        self.distinct(|cell| cell.rule)
    }

    /// The scenarios that were driven, in order.
    #[must_use]
    pub fn scenarios(&self) -> Vec<&'static str> {
        self.distinct(|cell| cell.scenario)
    }

    /// The noise models that were used, in order.
    #[must_use]
    pub fn noises(&self) -> Vec<&'static str> {
        self.distinct(|cell| cell.noise)
    }

    fn distinct(&self, name: impl Fn(&Cell) -> &'static str) -> Vec<&'static str> {
        let mut names = Vec::new();
        for cell in &self.cells {
            if !names.contains(&name(cell)) {
                names.push(name(cell));
            }
        }
        names
    }
}

fn per_thousand(count: u64, hours: f64) -> f64 {
    if hours > 0.0 { 1_000.0 * float(count) / hours } else { 0.0 }
}

#[allow(clippy::cast_precision_loss, reason = "counts are below 2^53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}
