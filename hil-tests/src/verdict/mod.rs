//! Is what dispatch holds what the truck truly did?
//!
//! Every true crossing must be there once, and nothing else. Held against the truth are the confirmed facts; how early dispatch
//! knew is measured from the first message about a fact, which may have been provisional.

mod facts;
mod row;

use facts::{Fact, crossing_of, standing_facts, take_nearest};
pub use row::{Landed, Row, Stamp};

use crate::world::Shift;
use crate::world::truth::{Crossing, Direction};

/// A claim further than this from a true crossing is about something else.
const MATCH_S: f64 = 600.0;

/// The comparison of a whole shift.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Every true crossing in order of time.
    pub rows: Vec<Row>,
    /// Confirmed arrivals, the one at a site where the shift began included.
    pub arrivals: usize,
    /// Confirmed departures.
    pub departures: usize,
    /// What should have been claimed and was not.
    pub missing: Vec<String>,
    /// What was claimed twice.
    pub doubled: Vec<String>,
    /// What was claimed and did not happen.
    pub invented: Vec<String>,
}

impl Verdict {
    /// True when every crossing is there once and nothing else is.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.missing.is_empty() && self.doubled.is_empty() && self.invented.is_empty()
    }
}

/// Compares a shift that began at `start_utc_ms` with what landed at dispatch, in any order.
#[must_use]
pub fn judge(shift: &Shift, start_utc_ms: i64, landed: &[Landed]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut facts = standing_facts(start_utc_ms, landed, &mut verdict);
    let standing = |kind: &str| facts.iter().filter(|fact| fact.kind == kind).count();
    verdict.arrivals = standing("visit.arrived");
    verdict.departures = standing("visit.departed");
    for truth in &shift.crossings {
        let stamp = take_nearest(&mut facts, truth);
        if stamp.is_none() {
            verdict.missing.push(describe(truth));
        }
        verdict.rows.push(Row { truth: truth.clone(), stamp });
    }
    take_beginnings(shift, &mut facts, &mut verdict);
    for fact in facts {
        accuse(shift, &fact, &mut verdict);
    }
    verdict
}

/// A truck that wakes up inside a site for the first time says so once, with no earlier bound.
fn take_beginnings(shift: &Shift, facts: &mut Vec<Fact>, verdict: &mut Verdict) {
    for &site in &shift.begins_inside {
        let found = facts.iter().position(|fact| {
            fact.kind == "visit.arrived"
                && fact.claim.facility == site
                && fact.claim.method == "first_inside"
                && fact.stamp.lo_s.is_none()
        });
        match found {
            Some(index) => drop(facts.swap_remove(index)),
            None => verdict.missing.push(first_presence(site)),
        }
    }
}

/// A fact that no true crossing stands behind: a second one about the same visit, or about none.
fn accuse(shift: &Shift, fact: &Fact, verdict: &mut Verdict) {
    let Some((zone, direction)) = crossing_of(fact) else {
        if fact.kind == "visit.passed" {
            verdict.invented.push(format!("a drive through {}", fact.claim.facility));
        }
        return;
    };
    let same = |row: &&Row| {
        let truth = &row.truth;
        truth.facility == fact.claim.facility && truth.zone == zone && truth.direction == direction
    };
    let near = |row: &Row| (row.truth.at_s - fact.stamp.at_s).abs() <= 3.0 * MATCH_S;
    let what = format!("{} {} of {} at {:.0} s", fact.kind, fact.claim.phase, fact.claim.facility, fact.stamp.at_s);
    let begins_there = shift.begins_inside.iter().any(|site| *site == fact.claim.facility);
    if verdict.rows.iter().filter(same).any(near) || (begins_there && fact.claim.method == "first_inside") {
        verdict.doubled.push(what);
    } else {
        verdict.invented.push(what);
    }
}

/// The first presence at a site where a shift begins, in words.
#[must_use]
pub fn first_presence(site: &str) -> String {
    format!("the first presence at {site}")
}

/// The crossing in words.
#[must_use]
pub fn describe(crossing: &Crossing) -> String {
    let direction = match crossing.direction {
        Direction::Enter => "enter",
        Direction::Leave => "leave",
    };
    format!("{direction} {} {} at {:.1} s", crossing.facility, crossing.zone.word(), crossing.at_s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Claim, Event};
    use crate::world::facility::Zone;

    /// Landed events that tell the truth about an errand, each crossing 0.5 s late.
    fn honest(shift: &Shift) -> Vec<Landed> {
        let mut landed = vec![landed(1, "depot", "visit.arrived", "enter", "site", 20.0, "first_inside")];
        for (index, crossing) in shift.crossings.iter().enumerate() {
            let (kind, phase) = match (crossing.zone, crossing.direction) {
                (Zone::Site, Direction::Enter) => ("visit.arrived", "enter"),
                (Zone::Site, Direction::Leave) => ("visit.departed", "leave"),
                (_, Direction::Enter) => ("visit.phase", "enter"),
                (_, Direction::Leave) => ("visit.phase", "leave"),
            };
            let sequence = u64::try_from(index).expect("few") + 2;
            let at_s = crossing.at_s + 0.5;
            landed.push(self::landed(
                sequence,
                crossing.facility,
                kind,
                phase,
                crossing.zone.word(),
                at_s,
                "interpolated",
            ));
        }
        landed
    }

    fn landed(sequence: u64, facility: &str, kind: &str, phase: &str, zone: &str, at_s: f64, method: &str) -> Landed {
        #[expect(clippy::cast_possible_truncation, reason = "seconds of a test")]
        let at_ms = (at_s * 1_000.0).round() as i64;
        let claim = Claim {
            facility: facility.to_owned(),
            visit: format!("{sequence}"),
            zone: zone.to_owned(),
            phase: phase.to_owned(),
            status: "confirmed".to_owned(),
            revision: 1,
            at_ms,
            lo_ms: (method != "first_inside").then_some(at_ms - 1_000),
            hi_ms: at_ms + 1_000,
            decided_ms: at_ms + 4_000,
            method: method.to_owned(),
        };
        let event = Event {
            id: format!("d-{sequence}"),
            sequence,
            kind: kind.to_owned(),
            time_ms: at_ms,
            claim: Some(claim),
            lost: Vec::new(),
        };
        Landed { at_s: at_s + 5.0, start_utc_ms: 0, event }
    }

    #[test]
    fn the_truth_is_clean() {
        let shift = Shift::errands(1, 2);
        let verdict = judge(&shift, 0, &honest(&shift));
        assert!(verdict.is_clean(), "{verdict:?}");
        assert_eq!((verdict.arrivals, verdict.departures), (5, 4));
        assert!(
            verdict.rows.iter().all(|row| row.is_covered() && (row.error_s().expect("stamped") - 0.5).abs() < 0.01)
        );
    }

    #[test]
    fn a_lost_event_is_missing() {
        let shift = Shift::errands(1, 1);
        let mut events = honest(&shift);
        events.remove(3);
        assert_eq!(judge(&shift, 0, &events).missing.len(), 1);
    }

    #[test]
    fn a_second_arrival_at_the_same_time_is_doubled_and_one_elsewhere_invented() {
        let shift = Shift::errands(1, 1);
        let arrival = shift.crossings.iter().find(|c| c.facility == "shop").expect("an arrival").at_s;
        let mut events = honest(&shift);
        events.push(landed(90, "shop", "visit.arrived", "enter", "site", arrival + 30.0, "interpolated"));
        events.push(landed(91, "roadside", "visit.arrived", "enter", "site", 60.0, "interpolated"));
        let verdict = judge(&shift, 0, &events);
        assert_eq!((verdict.doubled.len(), verdict.invented.len(), verdict.missing.len()), (1, 1, 0), "{verdict:?}");
    }
}
