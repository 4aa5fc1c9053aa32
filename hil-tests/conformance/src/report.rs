//! The table, the reasons, the thresholds, the last line.

use crate::compare::{self, Score};
use crate::cost::{self, Cost};
use crate::log::{Kind, Log};
use crate::oracle::Truth;
use crate::ordeal::{self, Tally};
use crate::ways::{self, Way};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Percent of gpsd's positions that text logs must give.
const PLACE_PCT_MIN: f64 = 99.5;
/// Percent of the matched positions of text logs whose date must be right.
const DATE_PCT_MIN: f64 = 100.0;

/// Scores of every way, by the kind of stream.
#[derive(Debug, Clone, Default)]
pub struct Table {
    logs: BTreeMap<Kind, usize>,
    rows: BTreeMap<(Kind, usize), Score>,
    /// The agent on what stands in the sentences of mixed logs.
    sentences: Score,
    /// Fixes out of sentences that all say void.
    void_fixes: usize,
    /// The agent's fixes at times at which a sentence says dead reckoning, and how many of them are marked.
    dead_reckoned: (usize, usize),
}

impl Table {
    /// Adds one log with what every way made of it.
    pub fn add(&mut self, log: &Log, truths: &[Truth], results: &[crate::child::Result]) {
        *self.logs.entry(log.kind).or_default() += 1;
        for (index, result) in results.iter().enumerate() {
            let mut score = compare::score(log, truths, result.as_deref().unwrap_or_default());
            score.crashes = usize::from(result.is_none());
            self.rows.entry((log.kind, index)).or_default().add(score);
        }
        let ours = results.first().and_then(Option::as_deref).unwrap_or_default();
        if log.kind == Kind::Mixed {
            self.sentences.add(compare::score(log, &compare::in_sentences(log, truths), ours));
        }
        let reckoned = crate::scan::dead_reckoned(&log.bytes);
        for seen in ours.iter().filter(|seen| reckoned.contains(&seen.time_of_day)) {
            self.dead_reckoned.0 += 1;
            self.dead_reckoned.1 += usize::from(seen.dead_reckoning);
        }
        self.void_fixes += crate::scan::from_void(&log.bytes, ours.iter().map(|seen| seen.time_of_day));
    }

    fn score(&self, kind: Kind, way: usize) -> Score {
        self.rows.get(&(kind, way)).copied().unwrap_or_default()
    }

    /// On text logs, of the ways that are given the same bytes as the agent.
    fn best_of_others(&self) -> Score {
        let others = Way::ALL.iter().enumerate().filter(|(_, way)| !matches!(way, Way::Gatestamp | Way::Nmea0183Ended));
        others.map(|(way, _)| self.score(Kind::Text, way)).max_by_key(|score| score.place).unwrap_or_default()
    }

    fn crashes(&self) -> usize {
        [Kind::Text, Kind::Drive, Kind::Mixed, Kind::Binary].into_iter().map(|kind| self.score(kind, 0).crashes).sum()
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (kind, logs) in &self.logs {
            let want = self.score(*kind, 0).want;
            let _ = writeln!(text, "\n{} logs: {logs}, fixes of gpsd: {want}", kind.word());
            let _ = writeln!(text, "{:36} {:>17} {:>17} {:>8}", "way", "position", "of them dated", "crashes");
            for (index, way) in Way::ALL.iter().enumerate() {
                let score = self.score(*kind, index);
                let _ = writeln!(
                    text,
                    "{:36} {:>8} {:>6.2} % {:>8} {:>6.2} % {:>8}",
                    way.name(),
                    score.place,
                    score.place_pct(),
                    score.date,
                    score.date_pct(),
                    score.crashes
                );
            }
        }
        let _ = writeln!(
            text,
            "\nmixed logs, what stands in their sentences: {} of {} positions; fixes out of void sentences, all logs: {}; \
             dead-reckoned fixes marked: {} of {}",
            self.sentences.place, self.sentences.want, self.void_fixes, self.dead_reckoned.1, self.dead_reckoned.0
        );
        text
    }

    /// What is below its threshold, as sentences.
    #[must_use]
    pub fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        let ours = self.score(Kind::Text, 0);
        if ours.place_pct() < PLACE_PCT_MIN {
            missed.push(format!("text logs: {:.2} % of the positions, must be {PLACE_PCT_MIN} %", ours.place_pct()));
        }
        if ours.date_pct() < DATE_PCT_MIN {
            missed.push(format!("text logs: {:.2} % of the dates, must be {DATE_PCT_MIN} %", ours.date_pct()));
        }
        let best = self.best_of_others();
        if ours.place <= best.place && best.place > 0 {
            missed.push(format!("text logs: {} positions, and another crate gives {}", ours.place, best.place));
        }
        if self.sentences.place < self.sentences.want {
            missed.push(format!("mixed logs: {} of {} in sentences", self.sentences.place, self.sentences.want));
        }
        if self.void_fixes > 0 {
            missed.push(format!("{} fixes out of sentences that all say void", self.void_fixes));
        }
        if self.dead_reckoned.1 < self.dead_reckoned.0 {
            missed.push(format!("{} of {} dead-reckoned fixes are marked", self.dead_reckoned.1, self.dead_reckoned.0));
        }
        if self.crashes() > 0 {
            missed.push(format!("{} crashes", self.crashes()));
        }
        missed
    }

    /// The keys of the last line.
    #[must_use]
    pub fn json(&self) -> Map<String, Value> {
        let [text, drive, mixed, binary] =
            [Kind::Text, Kind::Drive, Kind::Mixed, Kind::Binary].map(|kind| self.score(kind, 0));
        let round = |percent: f64| (percent * 100.0).round() / 100.0;
        let best = self.best_of_others().place_pct();
        let keys = json!({
            "logs": self.logs.values().sum::<usize>(),
            "text_logs": self.logs.get(&Kind::Text).copied().unwrap_or(0),
            "want": text.want,
            "place": text.place,
            "place_pct": round(text.place_pct()),
            "date_pct": round(text.date_pct()),
            "best_crate_place_pct": round(best),
            "drives_want": drive.want,
            "drives_place": drive.place,
            "mixed_want": mixed.want,
            "mixed_place": mixed.place,
            "mixed_sentences_want": self.sentences.want,
            "mixed_sentences_place": self.sentences.place,
            "binary_want": binary.want,
            "binary_place": binary.place,
            "void_fixes": self.void_fixes,
            "dead_reckoned": self.dead_reckoned.0,
            "dead_reckoned_marked": self.dead_reckoned.1,
            "crashes": self.crashes(),
        });
        keys.as_object().cloned().unwrap_or_default()
    }
}

/// Every position of gpsd that the agent does not give, with what the agent refused at that time.
#[must_use]
pub fn missing(log: &Log, truths: &[Truth]) -> String {
    let mut text = String::new();
    let (seen, refusals) = ways::gatestamp(&log.bytes);
    let reachable = compare::in_sentences(log, truths);
    for truth in truths.iter().filter(|truth| !seen.iter().any(|seen| compare::same(truth, seen))) {
        let at = truth.time_of_day();
        let near = seen.iter().find(|seen| compare::close(at, seen.time_of_day));
        let mut why: Vec<&str> =
            refusals.iter().filter(|r| r.time_of_day.is_some_and(|t| compare::close(t, at))).map(|r| r.why).collect();
        why.dedup();
        let other = near.map(|seen| format!("seen at {:.7} {:.7}", seen.lat, seen.lon));
        let nothing = if reachable.contains(truth) { "no reason" } else { "not in any sentence" };
        let why = if why.is_empty() { nothing.to_owned() } else { why.join(" ") };
        let clock = gatestamp::time::rfc3339(geofence::UnixMillis(truth.time));
        let other = other.unwrap_or_default();
        let _ = writeln!(text, "  {} {clock} {:.7} {:.7}: {why} {other}", log.name, truth.lat, truth.lon);
    }
    text
}

/// What a sentence costs, for people.
#[must_use]
pub fn cost(cost: Option<Cost>) -> String {
    let Some(cost) = cost else { return "cost: not counted, valgrind is missing or did not run".to_owned() };
    let [agent, theirs] = cost.instructions;
    let [allocations, _] = cost.allocations;
    format!(
        "cost over {} sentences: {agent:.0} instructions each, nmea::parse_str {theirs:.0}: {:.3}x; allocations {allocations}",
        cost.sentences,
        cost.ratio()
    )
}

/// Whether too many fixes out of mutated pieces are none of the recordings' own.
#[must_use]
pub fn missed_false(tally: &Tally) -> Option<String> {
    let (rate, most) = (tally.false_rate() * 100.0, ordeal::FALSE_FIXES_MAX * 100.0);
    (rate > most)
        .then(|| format!("{rate:.3} % of the fixes out of mutated pieces are in no recording, at most {most:.3} %"))
}

/// The part of the fixes out of mutated pieces that no recording gives as it is, as the last line has it.
#[must_use]
pub fn false_json(tally: &Tally) -> Value {
    json!((tally.false_rate() * 1e6).round() / 1e6)
}

/// What of the cost is over its limit. What was not counted is not within it.
#[must_use]
pub fn missed_cost(cost: Option<Cost>) -> Option<String> {
    let Some(cost) = cost else { return Some("cost: not counted (install valgrind: deploy/need valgrind)".to_owned()) };
    let held = cost.ratio() <= cost::RATIO_MAX && cost.allocations[0] == 0;
    (!held).then(|| format!("cost: {:.3}x and {} allocations", cost.ratio(), cost.allocations[0]))
}

/// The cost as the last line has it.
#[must_use]
pub fn cost_json(cost: Option<Cost>) -> Value {
    let round = |value: f64| (value * 1_000.0).round() / 1_000.0;
    cost.map_or(Value::Null, |cost| {
        json!({
            "sentences": cost.sentences,
            "instructions": cost.instructions.map(f64::round),
            "ratio": round(cost.ratio()),
            "allocations": cost.allocations[0],
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_that_was_not_counted_is_none_that_holds() {
        let cost = |agent| Cost { sentences: 1, instructions: [agent, 1_000.0], allocations: [0, 0] };
        assert_eq!(missed_cost(Some(cost(300.0))), None);
        assert!(missed_cost(Some(cost(500.0))).is_some());
        assert!(missed_cost(None).is_some_and(|what| what.contains("valgrind")));
    }

    #[test]
    fn more_false_fixes_than_are_allowed_are_told() {
        let tally = |false_fixes| Tally { fixes: 100, false_fixes, ..Tally::default() };
        assert_eq!((missed_false(&Tally::default()), missed_false(&tally(0))), (None, None));
        assert!(missed_false(&tally(50)).is_some_and(|what| what.contains("50.000 %")));
        assert_eq!(false_json(&tally(3)), json!(0.03));
    }
}
