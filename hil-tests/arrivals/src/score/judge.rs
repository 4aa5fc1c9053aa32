//! One rule on one drive against the truth.
//!
//! An arrival belongs to a visit if it is the first that was told between 20 minutes before the crossing and 30 s after the true
//! departure; a departure if it is the last that was told between the arrival and 15 minutes after the true departure, and not
//! earlier than a minute before it. What belongs to no visit is false: a departure told while the truck is inside, an arrival told
//! while it is outside; and an arrival that belongs to a visit but was told 20 s or more too early is false as well.

use super::telling::{Telling, tellings};
use super::{Stamps, Tally};
use crate::drive::{Crossing, Drive, Fence};
use crate::planar::signed_distance;
use crate::rules::Decision;
use crate::scenarios::Purpose;
use gatestamp::facility::Zone;

/// An arrival may be told so much before the crossing and still be meant for it, seconds.
const EARLY_S: f64 = 1_200.0;
/// Told so much before the crossing it is false although it is meant for it, seconds.
const TOO_EARLY_S: f64 = 20.0;
/// And so much after the true departure, seconds.
const LATE_S: f64 = 30.0;
/// A departure may be told so much after the crossing, seconds ...
const DEPARTURE_LATE_S: f64 = 900.0;
/// ... and so much before it.
const DEPARTURE_EARLY_S: f64 = 60.0;
/// A stay of so long is a visit, seconds.
const VISIT_S: f64 = 120.0;
/// A shorter clip of a corner may stay silent, seconds.
const CLIP_S: f64 = 3.0;
/// Parked so deep inside nothing may happen, metres.
const DEEP_M: f64 = 10.0;
/// An arrival is to be sure once the truck stands, or after so long inside, seconds.
const SURE_S: f64 = 60.0;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A departure while the truck stood 10 m or more inside.
    FalseDepartureParked,
    /// Another departure while it was inside.
    FalseDeparture,
    /// An arrival while it was outside.
    FalseArrival,
    /// A visit without an arrival.
    MissedArrival,
    /// A visit without a departure.
    MissedDeparture,
    /// An arrival stamp is far off.
    ArrivalError,
    /// A departure stamp is far off.
    DepartureError,
}

/// Something that went wrong on a drive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Incident {
    /// What.
    pub what: What,
    /// When it was told or should have been, seconds since the drive began.
    pub at_s: f64,
    /// How bad: seconds of error; zero for what is counted.
    pub error_s: f64,
}

/// What is found on one drive.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judgement {
    /// To be added up.
    pub tally: Tally,
    /// What went wrong, stamp errors of more than 5 s included.
    pub incidents: Vec<Incident>,
}

/// Judges all decisions of one rule on one drive.
#[must_use]
pub fn judge(drive: &Drive, purpose: Purpose, decisions: &[Decision]) -> Judgement {
    let mut judgement = Judgement::default();
    judgement.tally.drives = 1;
    judgement.tally.hours = super::float(u64::try_from(drive.truth.len()).unwrap_or(0)) / 3_600.0;
    judgement.tally.near_misses = u64::from(purpose == Purpose::NearMiss);
    for (index, fence) in drive.fences.iter().enumerate() {
        if fence.zone == Zone::Site {
            let told = tellings(decisions, index);
            let fence = AtFence { drive, fence, visits: visits(drive, index, fence), told, used: Vec::new() };
            fence.judge(&mut judgement);
        }
    }
    judgement
}

/// One true stay.
#[derive(Debug, Clone, Copy)]
struct Visit {
    into: Option<Crossing>,
    out: Option<Crossing>,
}

impl Visit {
    fn since_s(&self) -> f64 {
        self.into.map_or(f64::NEG_INFINITY, |crossing| crossing.at_s)
    }

    fn until_s(&self) -> f64 {
        self.out.map_or(f64::INFINITY, |crossing| crossing.at_s)
    }
}

fn visits(drive: &Drive, index: usize, fence: &Fence) -> Vec<Visit> {
    let mut visits = Vec::new();
    let begins_inside = drive.truth.first().is_some_and(|&point| signed_distance(&fence.outline, point) <= 0.0);
    let mut open = begins_inside.then_some(Visit { into: None, out: None });
    for crossing in drive.crossings.iter().filter(|crossing| crossing.fence == index) {
        if crossing.inwards {
            open = Some(Visit { into: Some(*crossing), out: None });
        } else if let Some(visit) = open.take() {
            visits.push(Visit { out: Some(*crossing), ..visit });
        }
    }
    visits.extend(open);
    visits
}

struct AtFence<'a> {
    drive: &'a Drive,
    fence: &'a Fence,
    visits: Vec<Visit>,
    told: Vec<Telling>,
    used: Vec<usize>,
}

impl AtFence<'_> {
    fn judge(mut self, out: &mut Judgement) {
        out.tally.parked_hours += self.parked_s() / 3_600.0;
        for index in 0..self.visits.len() {
            self.visit(index, out);
        }
        for (index, telling) in self.told.iter().enumerate() {
            out.tally.entered += u64::from(telling.inwards);
            out.tally.retracted += u64::from(telling.inwards && telling.retracted);
            if !self.used.contains(&index) {
                self.unmatched(telling, out);
            }
        }
    }

    fn parked_s(&self) -> f64 {
        let standing = self.drive.standstills.iter();
        let deep = standing.filter(|still| signed_distance(&self.fence.outline, still.point) <= -DEEP_M);
        deep.map(|still| still.to_s - still.from_s).sum()
    }

    fn inside(&self, time_s: f64) -> bool {
        self.visits.iter().any(|visit| visit.since_s() <= time_s && time_s < visit.until_s())
    }

    fn parked_deep(&self, time_s: f64) -> bool {
        let standing = |still: &&crate::drive::Standstill| still.from_s <= time_s && time_s <= still.to_s;
        let still = self.drive.standstills.iter().find(standing);
        still.is_some_and(|still| signed_distance(&self.fence.outline, still.point) <= -DEEP_M)
    }

    fn visit(&mut self, index: usize, out: &mut Judgement) {
        let Some(visit) = self.visits.get(index).copied() else { return };
        let before_s = index.checked_sub(1).and_then(|i| self.visits.get(i)).map_or(f64::NEG_INFINITY, Visit::until_s);
        let after_s = self.visits.get(index + 1).map_or(f64::INFINITY, Visit::since_s);
        let arrival = self.arrival_of(&visit, before_s);
        let departure = self.departure_of(&visit, after_s);
        self.used.extend(arrival);
        self.used.extend(departure);
        let telling = |index: Option<usize>| index.and_then(|i| self.told.get(i)).copied();
        let (arrival, departure) = (telling(arrival), telling(departure));
        if let (Some(telling), Some(crossing)) = (arrival, visit.into) {
            self.arrived(&visit, &telling, &crossing, out);
        }
        if let (Some(telling), Some(crossing)) = (departure, visit.out) {
            Self::departed(&telling, &crossing, out);
        }
        count(&visit, arrival, departure, out);
    }

    /// The first arrival that is meant for the visit. A drive-through is taken for a stay of two minutes only if nothing better was told.
    fn arrival_of(&self, visit: &Visit, before_s: f64) -> Option<usize> {
        let from_s = (visit.since_s() - EARLY_S).max(before_s);
        let meant = |(index, telling): &(usize, &Telling)| {
            let late_s = if telling.passed { DEPARTURE_LATE_S } else { LATE_S };
            let meant = (from_s..=visit.until_s() + late_s).contains(&telling.told_s);
            telling.inwards && !telling.retracted && meant && !self.used.contains(index)
        };
        let mut candidates = self.told.iter().enumerate().filter(meant);
        let stay = visit.until_s() - visit.since_s() >= VISIT_S;
        let better = candidates.clone().find(|(_, telling)| stay && !telling.passed);
        better.or_else(|| candidates.next()).map(|(index, _)| index)
    }

    fn departure_of(&self, visit: &Visit, after_s: f64) -> Option<usize> {
        let crossing = visit.out?;
        let from_s = visit.since_s().max(crossing.at_s - DEPARTURE_EARLY_S);
        let to_s = (crossing.at_s + DEPARTURE_LATE_S).min(after_s);
        self.told
            .iter()
            .enumerate()
            .rev()
            .position(|(index, telling)| {
                let meant = (from_s..=to_s).contains(&telling.told_s);
                !telling.inwards && !telling.retracted && meant && !self.used.contains(&index)
            })
            .map(|from_end| self.told.len() - 1 - from_end)
    }

    fn arrived(&self, visit: &Visit, telling: &Telling, crossing: &Crossing, out: &mut Judgement) {
        if telling.told_s < crossing.at_s - TOO_EARLY_S {
            out.tally.false_arrivals += 1;
            out.incidents.push(Incident { what: What::FalseArrival, at_s: telling.told_s, error_s: 0.0 });
        }
        let seen_s = if crossing.in_gap && crossing.seen_s.is_finite() { crossing.seen_s } else { crossing.at_s };
        let stamps = if crossing.in_gap { &mut out.tally.gap_arrivals } else { &mut out.tally.arrivals };
        stamp(stamps, telling, crossing, seen_s);
        let error_s = (telling.claim.at_s - crossing.at_s).abs();
        if error_s > 5.0 {
            out.incidents.push(Incident { what: What::ArrivalError, at_s: crossing.at_s, error_s });
        }
        if let Some(confirmed_s) = telling.confirmed_s.filter(|_| visit.until_s() - visit.since_s() >= VISIT_S) {
            let due_s = self.stands_from(visit).min(crossing.at_s + SURE_S).max(seen_s);
            stamps.confirmed_s.add(confirmed_s - due_s);
        }
    }

    /// When the truck first stood inside, or never.
    fn stands_from(&self, visit: &Visit) -> f64 {
        let mut during =
            self.drive.standstills.iter().filter(|s| s.to_s > visit.since_s() && s.from_s < visit.until_s());
        during.next().map_or(f64::INFINITY, |still| still.from_s.max(visit.since_s()))
    }

    fn departed(telling: &Telling, crossing: &Crossing, out: &mut Judgement) {
        if telling.passed {
            return;
        }
        let seen_s = if crossing.in_gap && crossing.seen_s.is_finite() { crossing.seen_s } else { crossing.at_s };
        let stamps = if crossing.in_gap { &mut out.tally.gap_departures } else { &mut out.tally.departures };
        stamp(stamps, telling, crossing, seen_s);
        if let Some(confirmed_s) = telling.confirmed_s {
            stamps.confirmed_s.add(confirmed_s - seen_s);
        }
        let error_s = (telling.claim.at_s - crossing.at_s).abs();
        if error_s > 5.0 {
            out.incidents.push(Incident { what: What::DepartureError, at_s: crossing.at_s, error_s });
        }
    }

    fn unmatched(&self, telling: &Telling, out: &mut Judgement) {
        let inside = self.inside(telling.told_s);
        let what = if telling.inwards && !inside {
            out.tally.false_arrivals += 1;
            What::FalseArrival
        } else if !telling.inwards && inside {
            out.tally.false_departures += 1;
            let parked = self.parked_deep(telling.told_s);
            out.tally.false_departures_parked += u64::from(parked);
            if parked { What::FalseDepartureParked } else { What::FalseDeparture }
        } else {
            return;
        };
        out.incidents.push(Incident { what, at_s: telling.told_s, error_s: 0.0 });
    }
}

fn stamp(stamps: &mut Stamps, telling: &Telling, crossing: &Crossing, seen_s: f64) {
    stamps.error_s.add((telling.claim.at_s - crossing.at_s).abs());
    stamps.latency_s.add(telling.told_s - seen_s);
    if let Some((lo_s, hi_s)) = telling.claim.interval_s {
        // Stamps are whole milliseconds.
        let within = lo_s.is_none_or(|lo_s| lo_s - 0.001 <= crossing.at_s) && crossing.at_s <= hi_s + 0.001;
        stamps.stated += 1;
        stamps.covered += u64::from(within);
    }
}

/// Visits and drive-throughs, and whether they were told at all.
fn count(visit: &Visit, arrival: Option<Telling>, departure: Option<Telling>, out: &mut Judgement) {
    let Some(left) = visit.out else { return };
    let tally = &mut out.tally;
    let departure_missed = departure.is_none_or(|telling| telling.passed);
    let Some(into) = visit.into else {
        // The truck was there when the drive began: only its departure can be missed.
        tally.visits += 1;
        tally.missed_departures += u64::from(departure_missed);
        tally.missed += u64::from(departure_missed);
        return;
    };
    let inside_s = left.at_s - into.at_s;
    if inside_s < VISIT_S {
        if inside_s >= CLIP_S {
            tally.through += 1;
            tally.through_missed += u64::from(arrival.is_none());
            tally.through_passed += u64::from(arrival.is_some_and(|telling| telling.passed));
        }
        return;
    }
    let arrival_missed = arrival.is_none_or(|telling| telling.passed);
    tally.visits += 1;
    tally.missed_arrivals += u64::from(arrival_missed);
    tally.missed_departures += u64::from(departure_missed);
    tally.missed += u64::from(arrival_missed || departure_missed);
    let missed = [(arrival_missed, What::MissedArrival, into), (departure_missed, What::MissedDeparture, left)];
    for (_, what, crossing) in missed.into_iter().filter(|(missed, ..)| *missed) {
        out.incidents.push(Incident { what, at_s: crossing.at_s, error_s: 0.0 });
    }
}
