//! One stay at one facility, from the first zone entered to the last one left.

use super::Fact;
use crate::event::{Kind, Phase, Record, RecordTime, Status};
use crate::facility::{Facility, Zone};
use crate::time::{Utc, rfc3339};
use geofence::{Crossing, FenceKey, Fix, Method, Motion, Sample, Span, TimeStep, Transition, UnixMillis};
use serde::{Deserialize, Serialize};

/// An arrival is confirmed when the truck stands, or after so long inside.
const INSIDE_CONFIRMS: Span = Span::seconds(60);
/// A truck that has stood this long stands.
const STANDSTILL: Span = Span::seconds(5);
/// A truck that left the queue or the approach still belongs to the visit for so long: fences need not touch.
const ON_THE_WAY_IN: Span = Span::seconds(30 * 60);
/// Fixes at most this far apart are near.
const NEAR: Span = Span::seconds(2);
/// A standstill begins between two fixes, and the Doppler speed lags a little.
const STANDSTILL_SIGMA: Span = Span::seconds(1);

/// How far a visit has come at the site itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Site {
    /// Not entered: the truck is in another zone (approach, queue).
    Ahead,
    /// Entered; told provisionally.
    Entered { crossing: Crossing, probability: f64 },
    /// The arrival is confirmed, or was never seen because the facility is new.
    Arrived,
    /// Left.
    Departed,
    /// Its fence is gone from the facilities.
    Gone { crossing: Crossing },
}

/// A time of the record as the state keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Noted {
    at: UnixMillis,
    lo: Option<UnixMillis>,
    hi: UnixMillis,
}

impl Noted {
    fn of(crossing: &Crossing) -> Self {
        Self { at: crossing.at, lo: crossing.lo, hi: crossing.hi }
    }

    /// As it may be told of something that was not after `end`: what is dated later was on a time line that is gone, and some time before.
    fn record(self, end: UnixMillis) -> RecordTime {
        if self.at > end {
            return RecordTime { at: Utc(end), lo: None, hi: Utc(end) };
        }
        RecordTime { at: Utc(self.at), lo: self.lo.map(Utc), hi: Utc(self.hi.min(end)) }
    }

    fn redated(self, step: TimeStep) -> Self {
        Self { at: step.redate(self.at), lo: self.lo.map(|lo| step.redate(lo)), hi: step.redate(self.hi) }
    }
}

/// First time in and last time out of a zone, with the revisions told so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct ZoneTimes {
    zone: Zone,
    enter: Option<Noted>,
    leave: Option<Noted>,
    leaves: u32,
}

/// The state of one visit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Stay {
    id: String,
    facility: Facility,
    inside: Vec<FenceKey>,
    /// When the last zone was left.
    emptied: Option<UnixMillis>,
    site: Site,
    /// The fence of the site that was entered.
    site_fence: Option<FenceKey>,
    rebases: u32,
    arrival_revision: u32,
    crossed_in: Option<Noted>,
    standstill: Option<Noted>,
    zones: Vec<ZoneTimes>,
}

impl Stay {
    pub(super) fn begin(truck: &str, facility: &Facility, decided_at: UnixMillis) -> Self {
        let stamp: String = rfc3339(decided_at).chars().filter(char::is_ascii_alphanumeric).collect();
        Self {
            id: format!("{truck}-{}-{stamp}", facility.id),
            facility: facility.clone(),
            inside: Vec::new(),
            emptied: None,
            site: Site::Ahead,
            site_fence: None,
            rebases: 0,
            arrival_revision: 0,
            crossed_in: None,
            standstill: None,
            zones: Vec::new(),
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn facility(&self) -> &Facility {
        &self.facility
    }

    pub(super) fn holds(&self, fence: FenceKey) -> bool {
        self.inside.contains(&fence)
    }

    pub(super) fn at_site(&self) -> bool {
        matches!(self.site, Site::Entered { .. } | Site::Arrived)
    }

    pub(super) fn departed(&self) -> bool {
        self.site == Site::Departed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.inside.is_empty()
    }

    pub(super) fn is_over(&self, now: UnixMillis) -> bool {
        // Emptied later than now: on a time line that is gone.
        let recently = |emptied| (Span(0)..=ON_THE_WAY_IN).contains(&(now - emptied));
        let on_the_way_in = self.site == Site::Ahead && self.emptied.is_some_and(recently);
        self.inside.is_empty() && !on_the_way_in
    }

    pub(super) fn entered(&mut self, transition: &Transition, zone: Zone, out: &mut Vec<Fact>) {
        self.inside.push(transition.fence);
        if zone != Zone::Site {
            self.zone_entered(transition, zone, out);
            return;
        }
        self.site_fence = Some(transition.fence);
        let crossing = transition.crossing;
        self.crossed_in = Some(Noted::of(&crossing));
        self.site = Site::Entered { crossing, probability: transition.probability };
        let why = if crossing.method == Method::FirstInside { "first_fix_inside" } else { "crossed_in" };
        // A truck that was found inside has already stood: the next step confirms it in the same breath.
        if crossing.method != Method::FirstInside {
            out.push(self.arrival(Status::Provisional, &crossing, transition, why));
        }
    }

    pub(super) fn left(&mut self, transition: &Transition, zone: Zone, out: &mut Vec<Fact>) {
        self.inside.retain(|&fence| fence != transition.fence);
        self.emptied = Some(transition.decided_at);
        if zone != Zone::Site {
            self.zone_left(transition, zone, out);
            return;
        }
        let site = std::mem::replace(&mut self.site, Site::Departed);
        let record = self.record(&transition.crossing, transition.decided_at);
        let (kind, why) = match site {
            Site::Entered { crossing, .. } => {
                out.push(self.arrival(Status::Retracted, &crossing, transition, "left_without_standing"));
                (Kind::VisitPassed, "drive_through")
            }
            Site::Ahead | Site::Arrived | Site::Departed | Site::Gone { .. } => (Kind::VisitDeparted, "driven_out"),
        };
        let fact = self.fact(kind, Zone::Site, Phase::Leave, transition, why);
        out.push(Fact { record: Some(record), ..fact });
    }

    /// The fence that this visit rests on is gone; whether it comes back in another form shows within the same fix.
    pub(super) fn fence_gone(&mut self, transition: &Transition) {
        self.inside.retain(|&fence| fence != transition.fence);
        if self.site_fence == Some(transition.fence) && self.at_site() {
            self.site = Site::Gone { crossing: transition.crossing };
        }
    }

    /// The facility lies around the truck in a new form: the visit goes on, without a crossing.
    pub(super) fn rebased(&mut self, transition: &Transition, facility: &Facility, zone: Zone, out: &mut Vec<Fact>) {
        self.inside.push(transition.fence);
        self.facility = facility.clone();
        if zone == Zone::Site {
            self.site = Site::Arrived;
            self.site_fence = Some(transition.fence);
            self.rebases += 1;
            let fact = self.fact(Kind::VisitRebased, zone, Phase::Enter, transition, "facilities_changed");
            out.push(Fact { revision: self.rebases, ..fact });
        }
    }

    pub(super) fn close_if_gone(&mut self, out: &mut Vec<Fact>) {
        if let Site::Gone { crossing } = self.site {
            self.site = Site::Departed;
            let transition = Transition {
                fence: FenceKey(0),
                index: None,
                kind: geofence::Kind::Removed,
                crossing,
                decided_at: crossing.hi,
                probability: 0.5,
            };
            out.push(self.fact(Kind::VisitRebased, Zone::Site, Phase::Leave, &transition, "facility_removed"));
        }
    }

    /// What was noted before was dated wrongly.
    pub(super) fn redate(&mut self, step: TimeStep) {
        self.emptied = self.emptied.map(|emptied| step.redate(emptied));
        match &mut self.site {
            Site::Entered { crossing, .. } | Site::Gone { crossing } => *crossing = crossing.redated(step),
            Site::Ahead | Site::Arrived | Site::Departed => {}
        }
        let zones = self.zones.iter_mut().flat_map(|times| [&mut times.enter, &mut times.leave]);
        for noted in [&mut self.crossed_in, &mut self.standstill].into_iter().chain(zones) {
            *noted = noted.map(|noted| noted.redated(step));
        }
    }

    /// One fix later: does the truck stand, has it been inside long enough?
    pub(super) fn fix(&mut self, fix: &Fix, motion: &Motion, out: &mut Vec<Fact>) {
        if !self.at_site() {
            return;
        }
        let parked = motion.standing() >= STANDSTILL;
        if let Site::Entered { crossing, probability } = self.site {
            // Entered later than now: on a time line that is gone, however long ago.
            let long_inside = !(Span(0)..INSIDE_CONFIRMS).contains(&(fix.time - crossing.at));
            if parked || long_inside {
                self.site = Site::Arrived;
                let why = if parked { "standstill" } else { "inside_60_s" };
                let transition = decision(fix, crossing, probability);
                out.push(self.arrival(Status::Confirmed, &crossing, &transition, why));
            }
        }
        if parked && self.standstill.is_none() && self.crossed_in.is_some() {
            let crossing = standstill(fix, motion, self.crossed_in);
            self.standstill = Some(Noted::of(&crossing));
            out.push(self.fact(
                Kind::VisitPhase,
                Zone::Site,
                Phase::Standstill,
                &decision(fix, crossing, 1.0),
                "standstill",
            ));
        }
    }

    /// Only the first entry into a zone is told: backing out of a dock and in again is one stay there.
    fn zone_entered(&mut self, transition: &Transition, zone: Zone, out: &mut Vec<Fact>) {
        let times = self.times(zone);
        if times.enter.is_none() {
            times.enter = Some(Noted::of(&transition.crossing));
            out.push(self.fact(Kind::VisitPhase, zone, Phase::Enter, transition, "crossed_in"));
        }
    }

    /// The last leaving counts, so every one is a revision of the same fact.
    fn zone_left(&mut self, transition: &Transition, zone: Zone, out: &mut Vec<Fact>) {
        let times = self.times(zone);
        times.leave = Some(Noted::of(&transition.crossing));
        times.leaves += 1;
        let revision = times.leaves;
        let fact = self.fact(Kind::VisitPhase, zone, Phase::Leave, transition, "crossed_out");
        out.push(Fact { revision, ..fact });
    }

    fn times(&mut self, zone: Zone) -> &mut ZoneTimes {
        let index = self.zones.iter().position(|t| t.zone == zone).unwrap_or_else(|| {
            self.zones.push(ZoneTimes { zone, enter: None, leave: None, leaves: 0 });
            self.zones.len() - 1
        });
        #[allow(clippy::indexing_slicing, reason = "just found or pushed")]
        &mut self.zones[index]
    }

    fn record(&self, out: &Crossing, decided: UnixMillis) -> Record {
        let before = |noted: Noted| noted.record(out.at);
        let zone = |zone| self.zones.iter().find(|t| t.zone == zone);
        let enter = |z| zone(z).and_then(|t| t.enter).map(before);
        let leave = |z| zone(z).and_then(|t| t.leave).map(|noted| noted.record(decided));
        let standstill = self.standstill.map(before);
        // It came to stand after it was inside.
        let stood = standstill.map_or(out.at, |stood| stood.at.0);
        Record {
            crossed_in: self.crossed_in.map(|noted| noted.record(stood)),
            gate_in: enter(Zone::Gate),
            standstill,
            dock_in: enter(Zone::Dock),
            dock_out: leave(Zone::Dock),
            gate_out: leave(Zone::Gate),
            crossed_out: Some(Noted::of(out).record(decided)),
        }
    }

    fn arrival(&mut self, status: Status, crossing: &Crossing, transition: &Transition, why: &'static str) -> Fact {
        self.arrival_revision += 1;
        let fact = self.fact(Kind::VisitArrived, Zone::Site, Phase::Enter, transition, why);
        Fact { status, revision: self.arrival_revision, crossing: crossing.known_by(fact.decided_at), ..fact }
    }

    fn fact(&self, kind: Kind, zone: Zone, phase: Phase, transition: &Transition, why: &'static str) -> Fact {
        Fact {
            kind,
            visit: self.id.clone(),
            revision: 1,
            status: Status::Confirmed,
            facility: self.facility.clone(),
            zone,
            phase,
            crossing: transition.crossing.known_by(transition.decided_at),
            decided_at: transition.decided_at,
            probability: transition.probability,
            why,
            record: None,
        }
    }
}

/// A decision made at `fix` about something that is not a transition of its own.
fn decision(fix: &Fix, crossing: Crossing, probability: f64) -> Transition {
    Transition {
        fence: FenceKey(0),
        index: None,
        kind: geofence::Kind::Entered,
        crossing,
        decided_at: fix.time,
        probability,
    }
}

/// When the truck came to stand, not before it was inside: one that creeps in is slow long before.
fn standstill(fix: &Fix, motion: &Motion, crossed_in: Option<Noted>) -> Crossing {
    let (moved, stood) = motion.stands_since().unwrap_or((fix.time, fix.time));
    // Between far fixes it may have stopped anywhere; between near ones the speed lags by about one.
    let slow_since = if stood - moved > NEAR { moved + Span((stood - moved).0 / 2) } else { moved };
    let at = crossed_in.map_or(slow_since, |inside| slow_since.max(inside.at)).min(fix.time);
    let bound = STANDSTILL_SIGMA + STANDSTILL_SIGMA;
    let here = Sample {
        time: fix.time,
        position: fix.position,
        distance_m: 0.0,
        sigma_m: fix.sigma_m,
        speed_mps: fix.speed_mps,
    };
    Crossing {
        at,
        lo: Some(at.min(moved) - bound),
        hi: (at.max(stood) + bound).min(fix.time),
        method: Method::Interpolated,
        before: None,
        after: here,
    }
}
