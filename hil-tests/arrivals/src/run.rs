//! Drives all drives with all rules, on all cores, and adds up what was found: the same for any number of threads.

use crate::noise::Model;
use crate::rules::{Decision, Entry};
use crate::scenarios::{self, Scenario};
use crate::score::{Cell, Drive, Incident, Judgement, Scores, Tally, judge};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Incidents kept per cell: the first of it, in the order of seeds.
const INCIDENTS_MAX: usize = 50;

/// What to run.
pub struct Plan {
    /// Seeds count up from here.
    pub seed: u64,
    /// Drives of an ordinary scenario under each noise.
    pub runs: u64,
    /// Rules other than the first see only so many of them.
    pub baseline_runs: u64,
    /// The rules, the one whose incidents are wanted first.
    pub rules: Vec<Entry>,
    /// The scenarios.
    pub scenarios: Vec<Scenario>,
    /// The noise models.
    pub noises: Vec<Model>,
    /// How many threads share the work.
    pub threads: usize,
}

impl Plan {
    /// Drives of `scenario` under each noise.
    #[must_use]
    pub fn drives(&self, scenario: &Scenario) -> u64 {
        (self.runs * u64::from(scenario.thirds)).div_ceil(3).max(1)
    }

    /// What a reader of the figures has to know about how they came about.
    #[must_use]
    pub fn remark(&self) -> String {
        let part = if self.baseline_runs < self.runs {
            let first = self.rules.first().map_or("", |rule| rule.name);
            format!("; rules other than {first} saw the first {} of them", self.baseline_runs)
        } else {
            String::new()
        };
        format!("{} drives of an ordinary scenario under each noise, seeds from {}{part}\n", self.runs, self.seed)
    }

    fn baseline_drives(&self, scenario: &Scenario) -> u64 {
        (self.baseline_runs * u64::from(scenario.thirds)).div_ceil(3).max(1)
    }
}

/// All decisions of one rule on one drive.
#[must_use]
pub fn decide(rule: &Entry, drive: &crate::drive::Drive) -> Vec<Decision> {
    let mut running = (rule.start)(&drive.fences);
    let mut decisions = Vec::new();
    for input in &drive.inputs {
        running.observe(input, &mut decisions);
    }
    decisions
}

/// Runs the plan. `progress` hears of each cell that is done.
#[must_use]
pub fn run(plan: &Plan, progress: &mut dyn FnMut(&str)) -> Scores {
    let mut scores = Scores { seed: plan.seed, ..Scores::default() };
    for scenario in &plan.scenarios {
        for model in &plan.noises {
            cell(plan, scenario, model, &mut scores);
            progress(&format!("{} under {}", scenario.name, model.name));
        }
    }
    scores.incidents.sort_by(|(a_drive, a), (b_drive, b)| {
        a.what.cmp(&b.what).then(b.error_s.total_cmp(&a.error_s)).then(a_drive.cmp(b_drive))
    });
    scores
}

fn cell(plan: &Plan, scenario: &Scenario, model: &Model, scores: &mut Scores) {
    let drives = plan.drives(scenario);
    let found = judge_all(plan, scenario, model, drives);
    let mut tallies = vec![Tally::default(); plan.rules.len()];
    let mut incidents: Vec<(Drive, Incident)> = Vec::new();
    for (seed, judgements) in (plan.seed..).zip(&found) {
        for (tally, judgement) in tallies.iter_mut().zip(judgements) {
            tally.merge(&judgement.tally);
        }
        let drive = Drive { scenario: scenario.name, noise: model.name, seed };
        let ours = judgements.first().into_iter().flat_map(|judgement| &judgement.incidents);
        incidents.extend(ours.map(|incident| (drive, *incident)));
    }
    incidents.sort_by(|(_, a), (_, b)| a.what.cmp(&b.what).then(b.error_s.total_cmp(&a.error_s)));
    scores.incidents.extend(incidents.into_iter().take(INCIDENTS_MAX));
    for (rule, tally) in plan.rules.iter().zip(tallies) {
        scores.cells.push(Cell {
            rule: rule.name,
            scenario: scenario.name,
            purpose: scenario.purpose,
            classic: scenario.classic,
            noise: model.name,
            surroundings: model.surroundings,
            modelled: model.modelled,
            tally,
        });
    }
}

/// The judgements of every rule (inner) on every drive (outer), in order of seeds.
fn judge_all(plan: &Plan, scenario: &Scenario, model: &Model, drives: u64) -> Vec<Vec<Judgement>> {
    let next = AtomicU64::new(0);
    let done: Mutex<Vec<(u64, Vec<Judgement>)>> = Mutex::new(Vec::new());
    let baselines = plan.baseline_drives(scenario);
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= drives {
                return;
            }
            let rules = if index < baselines { plan.rules.len() } else { 1 };
            let drive = scenarios::drive(scenario, model, plan.seed + index);
            let judgements = plan.rules.iter().take(rules);
            let judgements = judgements.map(|rule| judge(&drive, scenario.purpose, &decide(rule, &drive))).collect();
            if let Ok(mut done) = done.lock() {
                done.push((index, judgements));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..plan.threads.max(1) {
            scope.spawn(work);
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, judgements)| judgements).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{noise, rules};

    fn plan(threads: usize) -> Plan {
        let rule = |name: &str| rules::all().into_iter().find(|rule| rule.name == name).unwrap();
        let named = |name: &str| scenarios::all().into_iter().find(|s| s.name == name).unwrap();
        Plan {
            seed: 5,
            runs: 5,
            baseline_runs: 2,
            // A rule that goes wrong often enough comes first.
            rules: ["naive", "gatestamp"].map(rule).to_vec(),
            scenarios: ["queue", "passby", "tunnel"].map(named).to_vec(),
            noises: noise::all().into_iter().take(3).collect(),
            threads,
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_scores() {
        let alone = run(&plan(1), &mut |_| {});
        assert_eq!(alone, run(&plan(3), &mut |_| {}));
        assert!(!alone.incidents.is_empty());
    }

    #[test]
    fn an_incident_names_the_drive_on_which_it_happened() {
        let plan = plan(2);
        let scores = run(&plan, &mut |_| {});
        for (name, incident) in &scores.incidents {
            let scenario = plan.scenarios.iter().find(|scenario| scenario.name == name.scenario).unwrap();
            let model = plan.noises.iter().find(|model| model.name == name.noise).unwrap();
            let drive = scenarios::drive(scenario, model, name.seed);
            let again = judge(&drive, scenario.purpose, &decide(&plan.rules[0], &drive));
            assert!(again.incidents.contains(incident), "{name:?} {incident:?}");
        }
    }

    #[test]
    fn every_cell_is_there_and_baselines_see_their_part() {
        let mut told = 0;
        let scores = run(&plan(2), &mut |_| told += 1);
        assert_eq!((scores.cells.len(), told), (3 * 3 * 2, 9));
        let (ours, baseline) = (scores.rules()[0], scores.rules()[1]);
        assert!(scores.cells.iter().all(|cell| cell.tally.drives == if cell.rule == ours { 5 } else { 2 }));
        assert_eq!(scores.total(baseline, |cell| cell.scenario == "tunnel").visits, 6);
    }
}
