//! What a rule told about one fence, with later revisions folded into what they revise.

use crate::rules::{Decision, Kind};

/// One arrival or departure as it was told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Telling {
    /// An arrival (or the crossing in of a drive-through), or a departure.
    pub(super) inwards: bool,
    /// When it was told first.
    pub(super) told_s: f64,
    /// The claim of its last revision.
    pub(super) claim: Decision,
    /// When it was told for sure.
    pub(super) confirmed_s: Option<f64>,
    /// It was taken back.
    pub(super) retracted: bool,
    /// Half of a drive-through that was told as such; the outward half claims no time.
    pub(super) passed: bool,
}

impl Telling {
    fn new(inwards: bool, decision: Decision) -> Self {
        Self {
            inwards,
            told_s: decision.decided_s,
            claim: decision,
            confirmed_s: None,
            retracted: false,
            passed: false,
        }
    }
}

/// The decisions about fence `fence`, in their order, as tellings.
pub(super) fn tellings(decisions: &[Decision], fence: usize) -> Vec<Telling> {
    let mut told: Vec<Telling> = Vec::new();
    for decision in decisions.iter().filter(|decision| decision.fence == fence) {
        match decision.kind {
            Kind::Entered => told.push(Telling::new(true, *decision)),
            Kind::Left => told.push(Telling::new(false, *decision)),
            Kind::Confirmed => confirm(&mut told, true, decision),
            Kind::DepartureConfirmed => confirm(&mut told, false, decision),
            Kind::Retracted => retract(&mut told, true),
            Kind::DepartureRetracted => retract(&mut told, false),
            Kind::Passed => pass(&mut told, decision),
        }
    }
    told
}

fn latest(told: &mut [Telling], inwards: bool) -> Option<&mut Telling> {
    told.iter_mut().rev().find(|telling| telling.inwards == inwards && !telling.retracted)
}

fn confirm(told: &mut Vec<Telling>, inwards: bool, decision: &Decision) {
    if latest(told, inwards).is_none() {
        told.push(Telling::new(inwards, *decision));
    }
    if let Some(telling) = latest(told, inwards) {
        telling.confirmed_s = telling.confirmed_s.or(Some(decision.decided_s));
        telling.claim = *decision;
    }
}

fn retract(told: &mut [Telling], inwards: bool) {
    if let Some(telling) = latest(told, inwards) {
        telling.retracted = true;
    }
}

/// A drive-through. The arrival that was taken back in its favour was right after all.
fn pass(told: &mut Vec<Telling>, decision: &Decision) {
    let last_in = told.iter_mut().rev().find(|telling| telling.inwards);
    let same = |telling: &&mut Telling| telling.retracted && (telling.claim.at_s - decision.at_s).abs() < 1e-6;
    match last_in.filter(same) {
        Some(arrival) => {
            arrival.retracted = false;
            arrival.passed = true;
            arrival.claim = *decision;
        }
        None => told.push(Telling { passed: true, ..Telling::new(true, *decision) }),
    }
    told.push(Telling { passed: true, ..Telling::new(false, *decision) });
}
