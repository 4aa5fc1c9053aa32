//! The figures as lines for a terminal: per rule, per scenario of our rule, and what went wrong.

use crate::scenarios::Purpose;
use crate::score::{Cell, Figures, Scores, Tally, What};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// Incidents shown of each kind.
const SHOWN: usize = 8;

/// One line per rule and noise.
#[must_use]
pub fn by_rule(scores: &Scores) -> String {
    let mut out = heading("rule");
    for noise in scores.noises() {
        for rule in scores.rules() {
            line(&mut out, &format!("{rule} {noise}"), &scores.total(rule, |cell| cell.noise == noise));
        }
    }
    out
}

/// The last line: what other tools read.
#[must_use]
pub fn last_line(scores: &Scores) -> String {
    let counts = |cell: &Cell| cell.purpose != Purpose::Hardship;
    let mut rules = Map::new();
    for rule in scores.rules() {
        let tally = scores.total(rule, counts);
        let stamps = tally.stamps();
        let figures = json!({
            "false_per_1000h": rounded(Some(tally.false_per_1000h())),
            "missed": tally.missed,
            "err_p95_s": rounded(stamps.error_s.percentile(95)),
            "err_p99_s": rounded(stamps.error_s.percentile(99)),
            "coverage": rounded(stamps.coverage_percent()),
            "visits": tally.visits,
            "hours": rounded(Some(tally.hours)),
        });
        rules.insert(rule.to_owned(), figures);
    }
    format!("ARRIVALS {}", json!({ "seed": scores.seed, "rules": rules }))
}

fn rounded(value: Option<f64>) -> Value {
    value.map_or(Value::Null, |value| json!(libm::round(value * 100.0) / 100.0))
}

/// One line per scenario and noise of one rule.
#[must_use]
pub fn by_scenario(scores: &Scores, rule: &str) -> String {
    let mut out = heading(rule);
    for Cell { scenario, noise, tally, .. } in scores.cells.iter().filter(|cell| cell.rule == rule) {
        line(&mut out, &format!("{scenario} {noise}"), tally);
    }
    out
}

/// What went wrong with the first rule, the worst of each kind, as drives to be driven again.
#[must_use]
pub fn incidents(scores: &Scores) -> String {
    let mut out = String::new();
    let kinds = [
        What::FalseDepartureParked,
        What::FalseDeparture,
        What::FalseArrival,
        What::MissedArrival,
        What::MissedDeparture,
        What::ArrivalError,
        What::DepartureError,
    ];
    for kind in kinds {
        let all = scores.incidents.iter().filter(|(_, incident)| incident.what == kind);
        for (drive, incident) in all.take(SHOWN) {
            let _ = writeln!(
                out,
                "{kind:?} at {:.0} s (off by {:.1} s): --drive {}:{}:{}",
                incident.at_s, incident.error_s, drive.scenario, drive.noise, drive.seed
            );
        }
    }
    out
}

fn heading(first: &str) -> String {
    format!(
        "{first:<28} {:>6} {:>7} | {:>5} {:>5} {:>5} {:>8} | {:>5} {:>5} | {:>18} {:>18} | {:>15} {:>15} | {:>13} {:>13} | {:>5} {:>5} | {:>11} | {:>4}\n",
        "visits",
        "hours",
        "fdep",
        "fdpk",
        "farr",
        "/1000h",
        "marr",
        "mdep",
        "arr err 50/95/99",
        "dep err 50/95/99",
        "gap arr 50/95",
        "gap dep 50/95",
        "lat a/d p95",
        "gap lat p95",
        "cov",
        "gcov",
        "conf a/d",
        "retr"
    )
}

fn line(out: &mut String, name: &str, tally: &Tally) {
    let three = |f: &Figures| format!("{}/{}/{}", p(f, 50), p(f, 95), p(f, 99));
    let two = |f: &Figures| format!("{}/{}", p(f, 50), p(f, 95));
    let pair = |a: &Figures, b: &Figures| format!("{}/{}", p(a, 95), p(b, 95));
    let cover = |gap| tally.stamps_of(gap).coverage_percent().map_or("-".to_owned(), |c| format!("{c:.1}"));
    let _ = writeln!(
        out,
        "{name:<28} {:>6} {:>7.0} | {:>5} {:>5} {:>5} {:>8.1} | {:>5} {:>5} | {:>18} {:>18} | {:>15} {:>15} | {:>13} {:>13} | {:>5} {:>5} | {:>11} | {:>4}",
        tally.visits,
        tally.hours,
        tally.false_departures,
        tally.false_departures_parked,
        tally.false_arrivals,
        tally.false_per_1000h(),
        tally.missed_arrivals,
        tally.missed_departures,
        three(&tally.arrivals.error_s),
        three(&tally.departures.error_s),
        two(&tally.gap_arrivals.error_s),
        two(&tally.gap_departures.error_s),
        pair(&tally.arrivals.latency_s, &tally.departures.latency_s),
        pair(&tally.gap_arrivals.latency_s, &tally.gap_departures.latency_s),
        cover(false),
        cover(true),
        pair(&tally.arrivals.confirmed_s, &tally.departures.confirmed_s),
        tally.retracted,
    );
}

/// A percentile in seconds, as short as it can be told.
fn p(figures: &Figures, percent: u32) -> String {
    figures
        .percentile(percent)
        .map_or("-".to_owned(), |s| if s.abs() < 99.95 { format!("{s:.1}") } else { format!("{s:.0}") })
}

/// One rule on one drive: true crossings and decisions in order of time, then what was wrong.
#[must_use]
pub fn drive(drive: &crate::drive::Drive, purpose: Purpose, rule: &crate::rules::Entry) -> String {
    let decisions = crate::run::decide(rule, drive);
    let mut lines: Vec<(f64, String)> = Vec::new();
    for crossing in &drive.crossings {
        let (way, gap) = (if crossing.inwards { "in" } else { "out" }, if crossing.in_gap { ", in a gap" } else { "" });
        let seen = format!("fence {} truly crossed {way}{gap}, next usable fix {:.3}", crossing.fence, crossing.seen_s);
        lines.push((crossing.at_s, seen));
    }
    for still in &drive.standstills {
        lines.push((still.from_s, format!("truly stands until {:.1}", still.to_s)));
    }
    for decision in &decisions {
        let interval = decision.interval_s.map_or(String::new(), |(lo, hi)| {
            format!(" in [{}, {hi:.3}]", lo.map_or("?".to_owned(), |lo| format!("{lo:.3}")))
        });
        let text = format!("    fence {} {:?} at {:.3}{interval}", decision.fence, decision.kind, decision.at_s);
        lines.push((decision.decided_s, text));
    }
    lines.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut out = format!("{} on {}:{}:{}\n", rule.name, drive.scenario, drive.noise, drive.seed);
    for (time_s, text) in lines {
        let _ = writeln!(out, "{time_s:>10.3}  {text}");
    }
    for incident in crate::score::judge(drive, purpose, &decisions).incidents {
        let _ =
            writeln!(out, "  wrong: {:?} at {:.1} s, off by {:.1} s", incident.what, incident.at_s, incident.error_s);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Surroundings;

    #[test]
    fn the_last_line_has_every_rule_and_leaves_hardships_out() {
        let cell = |purpose, false_arrivals| {
            let mut tally =
                Tally { drives: 1, hours: 100.0, visits: 10, missed: 1, false_arrivals, ..Tally::default() };
            (1..=100).for_each(|i| tally.arrivals.error_s.add(f64::from(i)));
            (tally.arrivals.stated, tally.arrivals.covered) = (100, 95);
            let surroundings = Surroundings::Yard;
            let (rule, scenario, noise) = ("ours", "visit", "yard");
            Cell { rule, scenario, purpose, classic: true, noise, surroundings, modelled: true, tally }
        };
        let cells = vec![cell(Purpose::Visit, 2), cell(Purpose::Hardship, 70)];
        let line = last_line(&Scores { seed: 4, cells, ..Scores::default() });
        let json: Value = serde_json::from_str(line.strip_prefix("ARRIVALS ").unwrap()).unwrap();
        assert_eq!(json["seed"], 4);
        let ours = &json["rules"]["ours"];
        let expected = json!({"false_per_1000h": 20.0, "missed": 1, "err_p95_s": 95.0, "err_p99_s": 99.0, "coverage": 95.0,
            "visits": 10, "hours": 100.0});
        assert_eq!(*ours, expected);
        assert!(!line.contains('\n'));
    }
}
