//! What the user asks of the benchmark: command line to plan.

use crate::run::Plan;
use crate::{noise, rules, scenarios};
use clap::Parser;
use std::path::PathBuf;

/// Drives of an ordinary scenario under each noise, for a minute of two cores ...
const SHORT: u64 = 12;
/// ... some minutes ...
const MEDIUM: u64 = 60;
/// ... and for 10,000 parked hours, ...
const LONG: u64 = 300;
/// ... of which the other rules see so many.
const LONG_BASELINES: u64 = 60;
/// The noise models that goals are set for.
const WITH_GOALS: [&str; 6] = ["open", "yard", "canyon", "open-under", "yard-under", "canyon-under"];

/// Compares rules that tell when a truck arrived and departed, on seeded drives.
#[derive(Debug, Clone, Parser)]
#[command(name = "arrivals", max_term_width = 100)]
pub struct Options {
    /// Seeds of the drives count up from here.
    #[arg(long, default_value_t = 20_260_601)]
    pub seed: u64,
    /// As in continuous integration: about a minute.
    #[arg(long, conflicts_with = "long")]
    pub short: bool,
    /// 10,000 parked hours per level for our rule; the others see a part of it.
    #[arg(long)]
    pub long: bool,
    /// Only these rules, comma-separated; the first is the one whose failures are listed.
    #[arg(long, value_delimiter = ',')]
    pub rules: Vec<String>,
    /// Only these scenarios; `classic` are the eight of the published table.
    #[arg(long, value_delimiter = ',')]
    pub scenarios: Vec<String>,
    /// Only these noise models; `all` for every one.
    #[arg(long, value_delimiter = ',')]
    pub noise: Vec<String>,
    /// Drives of an ordinary scenario under each noise.
    #[arg(long)]
    pub runs: Option<u64>,
    /// Where the report and its pictures go (a repository's docs/); without it none is written.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Exits with 1 if a goal is missed, or one that is out of reach by more than is known.
    #[arg(long)]
    pub check: bool,
    /// Drives one drive, SCENARIO:NOISE:SEED, and shows every decision beside the truth.
    #[arg(long, value_name = "SCENARIO:NOISE:SEED")]
    pub drive: Option<String>,
    /// Threads; all cores by default.
    #[arg(long)]
    pub threads: Option<usize>,
}

impl Options {
    /// The plan that these options ask for.
    ///
    /// # Errors
    /// A name that does not exist, with those that do.
    pub fn plan(&self) -> Result<Plan, String> {
        let (runs, baseline_runs) = match (self.short, self.long) {
            (true, _) => (SHORT, SHORT),
            (_, true) => (LONG, LONG_BASELINES),
            _ => (MEDIUM, MEDIUM),
        };
        let (runs, baseline_runs) = self.runs.map_or((runs, baseline_runs), |runs| (runs, runs));
        let with_goals = WITH_GOALS.map(str::to_owned);
        let noises = match self.noise.first().map(String::as_str) {
            None => pick(noise::all(), &with_goals, |m| m.name, |_| false, "noise")?,
            Some("all") => noise::all(),
            Some(_) => pick(noise::all(), &self.noise, |m| m.name, |_| false, "noise")?,
        };
        Ok(Plan {
            seed: self.seed,
            runs,
            baseline_runs,
            rules: pick(rules::all(), &self.rules, |r| r.name, |_| false, "rule")?,
            scenarios: pick(scenarios::all(), &self.scenarios, |s| s.name, |s| s.classic, "scenario")?,
            noises,
            threads: self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
        })
    }
}

/// The wanted ones of `all` in the order wanted; all of them if none is named.
fn pick<T: Copy>(
    all: Vec<T>,
    wanted: &[String],
    name: impl Fn(&T) -> &'static str,
    classic: impl Fn(&T) -> bool,
    kind: &str,
) -> Result<Vec<T>, String> {
    if wanted.is_empty() {
        return Ok(all);
    }
    let mut picked = Vec::new();
    for word in wanted {
        let before = picked.len();
        picked.extend(all.iter().filter(|one| name(one) == word || (word == "classic" && classic(one))).copied());
        if picked.len() == before {
            let known: Vec<_> = all.iter().map(name).collect();
            return Err(format!("no {kind} \"{word}\"; there are: {}", known.join(", ")));
        }
    }
    Ok(picked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &[&str]) -> Result<Plan, String> {
        Options::parse_from([&["arrivals"], arguments].concat()).plan()
    }

    #[test]
    fn without_options_everything_runs_under_the_noise_that_has_goals() {
        let plan = plan(&[]).ok().unwrap();
        assert_eq!(plan.rules.len(), rules::all().len());
        assert_eq!(plan.scenarios.len(), scenarios::all().len());
        assert_eq!(plan.noises.iter().map(|model| model.name).collect::<Vec<_>>(), WITH_GOALS);
    }

    #[test]
    fn the_long_run_parks_our_rule_for_ten_thousand_hours() {
        let plan = plan(&["--long"]).ok().unwrap();
        let parked = plan.scenarios.iter().find(|scenario| scenario.name == "parked").unwrap();
        assert!(plan.drives(parked) * 8 >= 10_000 && plan.baseline_runs < plan.runs);
        assert!(plan.remark().contains("rules other than gatestamp"));
    }

    #[test]
    fn what_is_named_is_run_and_what_does_not_exist_is_refused_with_what_does() {
        let plan_of =
            plan(&["--rules", "naive,gatestamp", "--scenarios", "classic,thin", "--noise", "yard", "--runs", "3"]);
        let plan_of = plan_of.ok().unwrap();
        assert_eq!(plan_of.rules.iter().map(|rule| rule.name).collect::<Vec<_>>(), ["naive", "gatestamp"]);
        assert_eq!((plan_of.scenarios.len(), plan_of.noises.len(), plan_of.runs), (9, 1, 3));
        let error = plan(&["--noise", "fog"]).err().unwrap();
        assert!(error.contains("fog") && error.contains("canyon"), "{error}");
    }
}
