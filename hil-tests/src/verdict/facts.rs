//! Which facts stand at the end, and which crossing does each claim?

use std::collections::{BTreeMap, BTreeSet};

use super::{Landed, MATCH_S, Stamp, Verdict};
use crate::event::Claim;
use crate::world::facility::Zone;
use crate::world::truth::{Crossing, Direction};

/// A fact that stands at the end: confirmed and not retracted.
pub(super) struct Fact {
    pub(super) kind: String,
    pub(super) claim: Claim,
    pub(super) stamp: Stamp,
}

/// Finds them, and notes in the verdict what was confirmed twice or left open.
pub(super) fn standing_facts(start_utc_ms: i64, landed: &[Landed], verdict: &mut Verdict) -> Vec<Fact> {
    let mut by_fact: BTreeMap<_, Vec<(&Landed, &Claim)>> = BTreeMap::new();
    for message in landed {
        if let Some(claim) = &message.event.claim {
            by_fact.entry(claim.fact(&message.event.kind)).or_default().push((message, claim));
        }
    }
    let mut facts = Vec::new();
    for messages in by_fact.values_mut() {
        messages.sort_by_key(|(_, claim)| claim.revision);
        let (Some((first, first_claim)), Some((last, claim))) = (messages.first(), messages.last()) else { continue };
        let what = format!("{} of {} ({})", last.event.kind, claim.facility, last.event.id);
        let confirmed = confirmations(&last.event.kind, messages);
        if confirmed > 1 {
            verdict.doubled.push(format!("{what} is confirmed {confirmed} times"));
        }
        if claim.status == "provisional" {
            verdict.missing.push(format!("{what} was left provisional"));
        }
        if claim.status == "confirmed" {
            let seconds = |utc_ms: i64| seconds_between(start_utc_ms, utc_ms);
            let stamp = Stamp {
                at_s: seconds(claim.at_ms),
                lo_s: claim.lo_ms.map(seconds),
                hi_s: seconds(claim.hi_ms),
                method: claim.method.clone(),
                decided_s: seconds(first_claim.decided_ms),
                landed_s: first.at_s,
            };
            facts.push(Fact { kind: last.event.kind.clone(), claim: (*claim).clone(), stamp });
        }
    }
    facts
}

/// How often a fact was confirmed. An arrival or departure once and for all; the end of a phase may be corrected by a higher
/// revision, as when a truck backs into the dock again, but not told twice under one.
fn confirmations(kind: &str, messages: &[(&Landed, &Claim)]) -> usize {
    let revisions = messages.iter().filter(|(_, claim)| claim.status == "confirmed").map(|(_, claim)| claim.revision);
    if kind == "visit.phase" {
        let each: Vec<u64> = revisions.collect();
        let distinct: BTreeSet<u64> = each.iter().copied().collect();
        return 1 + each.len() - distinct.len();
    }
    revisions.count()
}

/// Seconds between two instants of a shift, which are less than some days apart.
pub(super) fn seconds_between(from_ms: i64, to_ms: i64) -> f64 {
    let apart_ms = to_ms.saturating_sub(from_ms).clamp(i64::from(i32::MIN), i64::from(i32::MAX));
    f64::from(i32::try_from(apart_ms).unwrap_or(i32::MAX)) / 1_000.0
}

/// What a fact says in the words of the truth; none for standstills, which the truth does not list.
pub(super) fn crossing_of(fact: &Fact) -> Option<(Zone, Direction)> {
    match (fact.kind.as_str(), fact.claim.zone.as_str(), fact.claim.phase.as_str()) {
        ("visit.arrived", ..) => Some((Zone::Site, Direction::Enter)),
        ("visit.departed", ..) => Some((Zone::Site, Direction::Leave)),
        ("visit.phase", "queue", "enter") => Some((Zone::Queue, Direction::Enter)),
        ("visit.phase", "queue", "leave") => Some((Zone::Queue, Direction::Leave)),
        ("visit.phase", "dock", "enter") => Some((Zone::Dock, Direction::Enter)),
        ("visit.phase", "dock", "leave") => Some((Zone::Dock, Direction::Leave)),
        _ => None,
    }
}

/// Removes the fact that claims this crossing, the nearest in time if several do.
pub(super) fn take_nearest(facts: &mut Vec<Fact>, truth: &Crossing) -> Option<Stamp> {
    let apart = |fact: &Fact| (fact.stamp.at_s - truth.at_s).abs();
    let claims = |fact: &Fact| {
        fact.claim.facility == truth.facility
            && crossing_of(fact) == Some((truth.zone, truth.direction))
            && fact.claim.method != "first_inside"
            && apart(fact) <= MATCH_S
    };
    let candidates = facts.iter().enumerate().filter(|(_, fact)| claims(fact));
    let (index, _) = candidates.min_by(|(_, a), (_, b)| apart(a).total_cmp(&apart(b)))?;
    Some(facts.swap_remove(index).stamp)
}
