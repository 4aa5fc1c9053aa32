//! The text of `docs/benchmark.md`: what was run, the goals, the tables, and what they do not say.

use super::Subject;
use super::table::{Table, percent, percentiles, rate, thousands};
use crate::goals::{self, OURS};
use crate::noise::Model;
use crate::scenarios::Scenario;
use crate::score::{Cell, Tally, What, float};
use std::fmt::Write as _;

/// The noise models of the tables of all rules.
const LEVELS: [&str; 3] = ["open", "yard", "canyon"];
/// The level whose stamps are shown of every rule.
const SHOWN: &str = "yard";
/// Incidents listed of each kind.
const INCIDENTS: usize = 3;

/// All of it; `pictures` are the scenarios that have one.
pub(super) fn text(subject: &Subject<'_>, pictures: &[(&str, String)]) -> String {
    let mut out = String::new();
    head(&mut out, subject);
    goal_table(&mut out, subject);
    rules(&mut out, subject);
    out.push_str(
        "![Arrival stamps by rule](benchmark/arrival-error.svg)\n\n![Departure stamps by rule](benchmark/departure-error.svg)\n\n\
         ![False events by rule](benchmark/false-events.svg)\n\n",
    );
    ours_by_noise(&mut out, subject);
    ours_by_scenario(&mut out, subject);
    incidents(&mut out, subject);
    out.push_str("## Real errors\n\n");
    out.push_str(&super::real::section());
    out.push_str("## The rules of others\n\nReadings of what is published, not runs of the products.\n\n");
    out.push_str(&super::sources::table(&subject.scores.rules()));
    caveats(&mut out);
    out.push_str("## The scenarios\n\n");
    for Scenario { name, about, .. } in &subject.plan.scenarios {
        let _ = writeln!(out, "### {name}\n\n{about}.\n");
        for (_, file) in pictures.iter().filter(|(of, _)| of == name) {
            let _ = writeln!(out, "![{name}](benchmark/{file})\n");
        }
    }
    out
}

fn head(out: &mut String, subject: &Subject<'_>) {
    let Subject { scores, plan, command } = subject;
    let ours = scores.total(first(subject), |_| true);
    let _ = write!(
        out,
        "# Arrival benchmark\n\n\
         Which rule tells best when a truck arrived at and departed from a facility? Simulated trucks drive seeded scenarios, simulated \
         receivers report them with modelled and with recorded errors, and every rule sees the same fixes in the same order. The truth \
         is known to the millisecond. This file is written by the benchmark itself; nothing in it is edited by hand.\n\n\
         ```\n{command}\n```\n\n\
         {} scenarios under {} receivers, seeds from {}: {} drives, {} hours, {} visits of two minutes or more for our rule{}. The same \
         seed gives the same figures on every machine.\n\n",
        plan.scenarios.len(),
        plan.noises.len(),
        scores.seed,
        thousands(float(ours.drives)),
        thousands(ours.hours),
        thousands(float(ours.visits)),
        if plan.baseline_runs < plan.runs { "; the others see a part of the same drives" } else { "" }
    );
    let mut table = Table::new(2, &["receiver", "what it is"]);
    for Model { name, about, .. } in &plan.noises {
        table.row(vec![format!("`{name}`"), (*about).to_owned()]);
    }
    out.push_str(&table.markdown());
}

fn first<'a>(subject: &Subject<'a>) -> &'a str {
    subject.plan.rules.first().map_or(OURS, |rule| rule.name)
}

fn goal_table(out: &mut String, subject: &Subject<'_>) {
    let goals = goals::judge(subject.scores);
    let held = goals.iter().filter(|goal| goal.held).count();
    let _ = write!(out, "## Goals\n\n{held} of {} held.\n\n", goals.len());
    let mut table = Table::new(4, &["goal", "where", "limit", "measured", ""]);
    for goal in goals {
        let (what, limit) = (goal.what.to_owned(), goal.limit.replace('<', "&lt;"));
        let verdict = if goal.held { "held" } else { "**missed**" };
        table.row(vec![what, goal.place, limit, goal.measured, verdict.to_owned()]);
    }
    out.push_str(&table.markdown());
}

fn rules(out: &mut String, subject: &Subject<'_>) {
    out.push_str(
        "## All rules\n\nFalse events: departures told while the truck is inside, arrivals told while it is outside, provisional ones \
         included, per 1,000 hours. Missed: visits of two minutes or more without an arrival / without a departure, at all levels. \
         Errors and delays are those of crossings with fixes present, between trailers (`yard`): P50 / P95 / P99 in seconds. Told: \
         from the crossing to the first message.\n\n",
    );
    if subject.scores.cells.iter().any(|cell| cell.classic) && subject.scores.cells.iter().any(|cell| !cell.classic) {
        out.push_str("All scenarios:\n\n");
        rule_table(out, subject, |_| true);
        out.push_str("The eight scenarios of the first published table (circles of 150 m, an ordinary receiver):\n\n");
        rule_table(out, subject, |cell| cell.classic);
    } else {
        rule_table(out, subject, |_| true);
    }
}

fn rule_table(out: &mut String, subject: &Subject<'_>, wanted: impl Fn(&Cell) -> bool) {
    let levels: Vec<&str> = subject.scores.noises().into_iter().filter(|noise| LEVELS.contains(noise)).collect();
    let falsely: Vec<String> = levels.iter().map(|level| format!("false, {level}")).collect();
    let mut header = vec!["rule", "hours"];
    header.extend(falsely.iter().map(String::as_str));
    let told = ["missed", "arrival error", "departure error", "arrival told", "departure told", "in interval, %"];
    let mut table = Table::new(1, &[header, told.to_vec()].concat());
    for rule in subject.scores.rules() {
        let of = |level: &str| subject.scores.total(rule, |cell| cell.noise == level && wanted(cell));
        let all = subject.scores.total(rule, |cell| levels.contains(&cell.noise) && wanted(cell));
        let shown = of(SHOWN);
        let mut row = vec![emphasised(rule), thousands(all.hours)];
        row.extend(levels.iter().map(|level| rate(of(level).false_per_1000h())));
        row.push(format!("{} / {}", thousands(float(all.missed_arrivals)), thousands(float(all.missed_departures))));
        row.push(percentiles(&shown.arrivals.error_s, &[50, 95, 99]));
        row.push(percentiles(&shown.departures.error_s, &[50, 95, 99]));
        row.push(percentiles(&shown.arrivals.latency_s, &[50, 95]));
        row.push(percentiles(&shown.departures.latency_s, &[50, 95]));
        row.push(percent(all.stamps().coverage_percent()));
        table.row(row);
    }
    out.push_str(&table.markdown());
}

fn emphasised(rule: &str) -> String {
    if rule == OURS { format!("**{rule}**") } else { rule.to_owned() }
}

/// Our rule under every receiver, the engineer's and the naive one beside it.
fn ours_by_noise(out: &mut String, subject: &Subject<'_>) {
    let ours = first(subject);
    let others: Vec<&str> =
        subject.scores.rules().into_iter().filter(|rule| ["engineer", "naive"].contains(rule)).collect();
    let falsely: Vec<String> = others.iter().map(|rule| format!("{rule}: false per 1,000 h")).collect();
    let _ = write!(
        out,
        "## {ours} under every receiver\n\nErrors in seconds, P50 / P95 / P99, with fixes present and in gaps.\n\n"
    );
    let mut header = vec!["receiver"];
    header.extend(MEASURES);
    header.extend(falsely.iter().map(String::as_str));
    let mut table = Table::new(1, &header);
    for noise in subject.scores.noises() {
        let mut row = vec![noise.to_owned()];
        row.extend(measures(&subject.scores.total(ours, |cell| cell.noise == noise)));
        let others = others.iter().map(|rule| subject.scores.total(rule, |cell| cell.noise == noise).false_per_1000h());
        row.extend(others.map(rate));
        table.row(row);
    }
    out.push_str(&table.markdown());
}

fn ours_by_scenario(out: &mut String, subject: &Subject<'_>) {
    let ours = first(subject);
    let _ = write!(out, "## {ours} by scenario\n\nUnder the modelled levels.\n\n");
    let mut header = vec!["scenario", "receiver"];
    header.extend(MEASURES);
    let mut table = Table::new(2, &header);
    for cell in subject.scores.cells.iter().filter(|cell| cell.rule == ours && LEVELS.contains(&cell.noise)) {
        let mut row = vec![cell.scenario.to_owned(), cell.noise.to_owned()];
        row.extend(measures(&cell.tally));
        table.row(row);
    }
    out.push_str(&table.markdown());
}

const MEASURES: [&str; 10] = [
    "visits",
    "hours",
    "false dep.",
    "false arr.",
    "missed arr. / dep.",
    "arrival error",
    "departure error",
    "error in gaps",
    "told, P95 arr. / dep.",
    "in interval, %",
];

fn measures(tally: &Tally) -> Vec<String> {
    let told = |figures: &crate::score::Figures| super::table::seconds(figures.percentile(95));
    vec![
        thousands(float(tally.visits)),
        thousands(tally.hours),
        tally.false_departures.to_string(),
        tally.false_arrivals.to_string(),
        format!("{} / {}", tally.missed_arrivals, tally.missed_departures),
        percentiles(&tally.arrivals.error_s, &[50, 95, 99]),
        percentiles(&tally.departures.error_s, &[50, 95, 99]),
        percentiles(&tally.stamps_of(true).error_s, &[50, 95, 99]),
        format!("{} / {}", told(&tally.arrivals.latency_s), told(&tally.departures.latency_s)),
        percent(tally.stamps().coverage_percent()),
    ]
}

fn incidents(out: &mut String, subject: &Subject<'_>) {
    let kinds = [
        (What::FalseDepartureParked, "departure told while parked"),
        (What::FalseDeparture, "departure told inside"),
        (What::FalseArrival, "arrival told outside"),
        (What::MissedArrival, "arrival missed"),
        (What::MissedDeparture, "departure missed"),
        (What::ArrivalError, "arrival stamp off"),
        (What::DepartureError, "departure stamp off"),
    ];
    let mut table = Table::new(2, &["what", "drive", "at, s", "off by, s"]);
    let mut any = false;
    for (kind, words) in kinds {
        let of_kind = subject.scores.incidents.iter().filter(|(_, incident)| incident.what == kind);
        for (drive, incident) in of_kind.take(INCIDENTS) {
            let name = format!("`{}:{}:{}`", drive.scenario, drive.noise, drive.seed);
            let off = if incident.error_s > 0.0 { format!("{:.1}", incident.error_s) } else { "-".to_owned() };
            table.row(vec![words.to_owned(), name, format!("{:.0}", incident.at_s), off]);
            any = true;
        }
    }
    out.push_str("## What went wrong\n\n");
    if any {
        let _ = write!(
            out,
            "The worst of each kind for {}; `--drive` shows any of them second by second.\n\n",
            first(subject)
        );
        out.push_str(&table.markdown());
    } else {
        out.push_str("Nothing that is listed here.\n\n");
    }
}

fn caveats(out: &mut String) {
    out.push_str(
        "## What these figures are not\n\n\
         - **Not the road.** Paths, receivers and gaps are made up; recorded errors are from one car with an RTK receiver. No figure here \
         has been measured in a truck.\n\
         - **Not blind.** The detector was tuned by people who knew these scenarios. The models that are worse than they say, have heavy \
         tails, wander, or were recorded are there to show how far that carries; they are not held against the goals.\n\
         - **Not the products.** The rules of others are readings of sources and manuals at the places named above, on fixes once a \
         second. Phones filter before they decide, servers see fewer fixes, and both change. Apple, Play services and Samsara do not \
         publish their rules; ours of them are guesses at what they say about them.\n\
         - **Not independent fences.** Where a scenario has gates and docks, only the site fence is judged, for every rule.\n\
         - **One plane.** All drives take place at 48 degrees north; other latitudes and the antimeridian are tests of `geofence`.\n\n",
    );
}
