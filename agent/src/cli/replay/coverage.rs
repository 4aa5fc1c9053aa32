//! `--output coverage`: the ledger line by line, the availability of windows, and a summary as the last line.

use crate::event::{Event, Kind};
use crate::gnss::coverage::window::{Availability, Window};
use crate::gnss::coverage::{Cause, Interval, Seen, Summary};
use crate::time::{Utc, parse_rfc3339};
use geofence::UnixMillis;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// One interval.
#[derive(Serialize)]
pub(super) struct IntervalLine {
    from: Utc,
    to: Utc,
    seconds: f64,
    cause: Cause,
    evidence: EvidenceBlock,
}

#[derive(Serialize)]
struct EvidenceBlock {
    #[serde(flatten)]
    seen: Seen,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cn0_before_dbhz: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    within: Option<BoundsBlock>,
}

/// When that is not known: where it may have been.
#[derive(Serialize)]
struct BoundsBlock {
    /// `null`: there was no date before.
    not_before: Option<Utc>,
    not_after: Utc,
}

/// The availability of one window.
#[derive(Serialize)]
pub(super) struct WindowLine {
    /// `visit`: one stay; `trip`: from 15 minutes before the first check-in to the last; `asked`: as the arguments say.
    window: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    visit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    facility: Option<String>,
    from: Utc,
    to: Utc,
    seconds: f64,
    availability_pct: Option<f64>,
    causes: BTreeMap<Cause, f64>,
    outside_recording_s: f64,
}

#[derive(Serialize)]
pub(super) struct SummaryLine {
    summary: Totals,
}

#[derive(Serialize)]
struct Totals {
    from: Option<Utc>,
    to: Option<Utc>,
    seconds: f64,
    availability_pct: Option<f64>,
    causes: BTreeMap<Cause, f64>,
    intervals: usize,
    /// Time without a date: no fix came in that run, nor in one after it.
    undated_s: f64,
    /// The receiver's time was wrong before, and the ledger went on at another one.
    restarts: u32,
}

#[derive(Default)]
struct Stay {
    facility: String,
    arrived: Option<UnixMillis>,
    departed: Option<UnixMillis>,
}

/// The ledger of a replay.
#[derive(Default)]
pub(super) struct Book {
    intervals: Vec<Interval>,
    stays: BTreeMap<String, Stay>,
}

impl Book {
    pub(super) fn interval(&mut self, interval: Interval) -> IntervalLine {
        self.intervals.push(interval);
        IntervalLine {
            from: Utc(interval.from),
            to: Utc(interval.to),
            seconds: (interval.to - interval.from).as_seconds(),
            cause: interval.cause,
            evidence: EvidenceBlock {
                seen: interval.seen,
                notes: interval.notes.words(),
                cn0_before_dbhz: interval.cn0_before,
                within: interval.within.map(|within| BoundsBlock {
                    not_before: within.not_before.map(Utc),
                    not_after: Utc(within.not_after),
                }),
            },
        }
    }

    /// Takes the check-ins and check-outs from the events; a retracted arrival was none.
    pub(super) fn event(&mut self, event: &Event) {
        if !matches!(event.kind, Kind::VisitArrived | Kind::VisitDeparted) {
            return;
        }
        let Ok(body) = serde_json::from_slice::<Value>(&event.body) else { return };
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
        let Some(visit) = text("/data/visit") else { return };
        let at = text("/data/at").and_then(parse_rfc3339).filter(|_| text("/data/status") != Some("retracted"));
        let stay = self.stays.entry(visit.to_owned()).or_default();
        text("/data/facility/id").unwrap_or_default().clone_into(&mut stay.facility);
        if event.kind == Kind::VisitArrived {
            stay.arrived = at;
        } else {
            stay.departed = at;
        }
    }

    /// One line for each visit, for the trip, and for what was `asked`.
    pub(super) fn windows(&self, asked: Option<(Option<UnixMillis>, Option<UnixMillis>)>) -> Vec<WindowLine> {
        let (begin, end) = (self.intervals.first().map(|i| i.from), self.intervals.last().map(|i| i.to));
        let mut lines = Vec::new();
        let mut check_ins: Vec<UnixMillis> = Vec::new();
        let mut stays: Vec<_> =
            self.stays.iter().filter_map(|(visit, stay)| Some((stay.arrived?, visit, stay))).collect();
        stays.sort_by_key(|(arrived, ..)| *arrived);
        for (arrived, visit, stay) in stays {
            check_ins.push(arrived);
            let to = stay.departed.or(end).unwrap_or(arrived);
            let mut line = self.line("visit", Window { from: arrived, to });
            (line.visit, line.facility) = (Some(visit.clone()), Some(stay.facility.clone()));
            lines.push(line);
        }
        if let Some((first, last)) = check_ins.first().zip(check_ins.last()) {
            lines.push(self.line("trip", Window::of_trip(*first, *last)));
        }
        if let Some((from, to)) = asked
            && let Some((from, to)) = from.or(begin).zip(to.or(end))
        {
            lines.push(self.line("asked", Window { from, to }));
        }
        lines
    }

    fn line(&self, window: &'static str, of: Window) -> WindowLine {
        let told: Availability = of.availability(&self.intervals);
        WindowLine {
            window,
            visit: None,
            facility: None,
            from: Utc(of.from),
            to: Utc(of.to),
            seconds: told.length.as_seconds(),
            availability_pct: told.percent(),
            causes: told.causes.iter().map(|(cause, span)| (*cause, span.as_seconds())).collect(),
            outside_recording_s: told.outside.as_seconds(),
        }
    }

    pub(super) fn summary(&self, summary: &Summary) -> SummaryLine {
        let mut millis: BTreeMap<Cause, i64> = BTreeMap::new();
        for interval in &self.intervals {
            *millis.entry(interval.cause).or_default() += (interval.to - interval.from).0;
        }
        let seconds = |millis: i64| geofence::Span(millis).as_seconds();
        let total: i64 = millis.values().sum();
        let covered = millis.get(&Cause::Covered).copied().unwrap_or(0);
        let percent = (seconds(covered) / seconds(total) * 10_000.0).round() / 100.0;
        let totals = Totals {
            from: self.intervals.first().map(|interval| Utc(interval.from)),
            to: self.intervals.last().map(|interval| Utc(interval.to)),
            seconds: seconds(total),
            availability_pct: (total > 0).then_some(percent),
            causes: millis.iter().map(|(cause, millis)| (*cause, seconds(*millis))).collect(),
            intervals: self.intervals.len(),
            undated_s: summary.undated.as_seconds(),
            restarts: summary.restarts,
        };
        SummaryLine { summary: totals }
    }
}
