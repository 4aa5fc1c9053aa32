//! The composition: one input in, an ordered list of effects out. Pure; every clock, file and socket is outside.
//!
//! Inputs of two sorts come in. [`Recorded`] ones decide about events and stand in the recording; so the events, and
//! [`State`] with them, are a function of the recording alone. [`Link`] ones say how delivery goes; no event depends on
//! them. Effects come in the order in which they must be performed: record, save, publish.

mod dating;
mod gathered;
mod notices;
mod state;
mod steps;

use crate::budget::GivenUp;
use crate::config::Truck;
use crate::event::{
    ClockBlock, CoverageData, DeviceData, EngineBlock, Event, Evidence, FacilityBlock, Kind, Loss, LossCause, LossData,
    Phase, Place, Point, Sender, VisitData, centimetres, confidence,
};
use crate::facility::Facilities;
use crate::gnss::coverage::{Cause, Change, Coverage, Gap, Interval};
use crate::gnss::{GnssFix, Outcome, SourceState};
use crate::outbox::{Ending, Outbox, Refusal};
use crate::recording::Recorded;
use crate::time::{Mono, Utc};
use crate::version::VERSION;
use crate::visit::Fact;
use geofence::{Mode, Span, UnixMillis};
use std::ops::RangeInclusive;

pub use notices::Notices;
use notices::Seen;
pub use state::{Boot, State};

/// What the engine is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Input<'a> {
    /// Something that events depend on.
    Recorded(&'a Recorded),
    /// Something about delivery.
    Link(Mono, Link),
}

/// How delivery goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// Connected to a broker that takes so many unacknowledged messages.
    Up(u16),
    /// What dispatch retained for us comes from here on, if there is anything.
    Subscribed,
    /// The connection is gone.
    Down(Ending),
    /// The broker took this event.
    Delivered(u64),
    /// This event was not taken.
    Refused(u64, Refusal),
    /// Dispatch has committed everything up to this sequence, says a message for this device.
    Received {
        /// For whom.
        device: String,
        /// The highest contiguous sequence.
        thru: u64,
        /// Ranges above it, first and last.
        have: Vec<(u64, u64)>,
        /// The broker kept it from before: dispatch need not be there.
        retained: bool,
    },
    /// Dispatch wants everything from this sequence on again.
    Replay {
        /// The first.
        sequence: u64,
        /// The lowest that the journal holds.
        lowest: u64,
    },
    /// Time passed.
    Tick,
}

/// What the border is to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Append the input to the recording.
    Record,
    /// Commit these events and the engine's state in one transaction, after syncing the recording.
    Save(Vec<Event>),
    /// Commit that dispatch has everything up to here.
    SaveReceived(u64),
    /// Publish the journaled events of these sequences.
    Send(RangeInclusive<u64>),
    /// Publish, retained: where the truck is.
    State(Vec<u8>),
    /// Publish, not kept: the position.
    Position(Vec<u8>),
    /// A fix was accepted (`replay --output fixes`).
    Fixed(GnssFix),
    /// A stretch of the gap ledger is complete (`replay --output coverage`).
    Covered(Interval),
}

/// What one input leads to, in order. Bounded by the input: a record holds at most [`crate::recording::PAYLOAD_MAX`] bytes, an
/// epoch takes 28 of them at least, and an epoch has a fix, some intervals (those of a whole start, with the first one) and two
/// notices beside its events.
pub type Effects = Vec<Effect>;

/// The whole pipeline of one truck.
#[derive(Debug)]
pub struct Engine {
    truck: Truck,
    sender: Sender,
    config_hash: String,
    facilities: Facilities,
    state: State,
    outbox: Outbox,
    notices: Notices,
}

impl Engine {
    /// An engine that goes on from `state`.
    #[must_use]
    pub fn new(truck: Truck, facilities: Facilities, state: State, outbox: Outbox, notices: Notices) -> Self {
        let sender = Sender { source: format!("/fleets/{}/trucks/{}", truck.fleet, truck.id), device: truck.device() };
        let config_hash = truck.config_hash();
        Self { truck, sender, config_hash, facilities, state, outbox, notices }
    }

    /// What must survive a power cut.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Goes on from another state, as the head of a segment has it.
    pub fn resume(&mut self, state: State) {
        self.state = state;
    }

    /// The journal's events are counted above `base` and go up to `sequence`, whatever the recording knows of that.
    pub fn not_below(&mut self, base: u64, sequence: u64) {
        let _ = self.state.number_above(base);
        self.state.sequence = self.state.sequence.max(sequence);
    }

    /// What is owed.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Events that were not journaled after all must not be sent.
    pub fn outbox_mut(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// What is not sent from `at` on, so that the month's bytes last.
    pub fn spare(&mut self, at: Mono, given_up: Option<GivenUp>) {
        self.notices.spare(given_up >= Some(GivenUp::Positions));
        self.outbox.spare(at, given_up >= Some(GivenUp::Resends));
    }

    /// The facilities that decisions are made about.
    #[must_use]
    pub fn facilities(&self) -> &Facilities {
        &self.facilities
    }

    /// Whose events these are.
    #[must_use]
    pub fn truck(&self) -> &Truck {
        &self.truck
    }

    /// The run of the agent, as events name it.
    #[must_use]
    pub fn boot_id(&self) -> String {
        self.state.boot_id()
    }

    /// One input.
    #[must_use]
    pub fn handle(&mut self, input: &Input<'_>) -> Effects {
        let mut effects = Effects::new();
        match input {
            Input::Recorded(recorded) => {
                effects.push(Effect::Record);
                self.recorded(recorded, &mut effects);
            }
            Input::Link(at, link) => self.link(*at, link, &mut effects),
        }
        effects
    }

    fn recorded(&mut self, input: &Recorded, effects: &mut Effects) {
        let mut events = Vec::new();
        // Before a boot the monotonic time may be of another boot of the kernel.
        // And an event that is made together with new numbers would have an old one.
        if !matches!(input, Recorded::Boot(..) | Recorded::Floor(..) | Recorded::Renumbered(..)) {
            let change = self.state.coverage.passed(input.at(), &mut covered(effects));
            self.coverage_event(input.at(), change, &mut events);
        }
        let (at, always_save) = match input {
            Recorded::Boot(at, boot) => {
                let mut why = boot.why.clone();
                if self.state.boots > 0 && !self.state.stopped {
                    why.push("after_kill_or_power_cut".to_owned());
                }
                self.state.boot(*at, boot, &mut covered(effects));
                self.state.remember(Kind::DeviceStarted, *at, why);
                if let Some(skipped) = self.state.take_skipped() {
                    self.state.lose(*at, &skipped);
                }
                (*at, true)
            }
            Recorded::Bytes(at, bytes) => {
                self.bytes(*at, bytes, &mut events, effects);
                (*at, false)
            }
            Recorded::Tick(at) => {
                self.state.coverage.tick();
                (*at, false)
            }
            Recorded::Source(at, source) => {
                self.source(*source, effects);
                (*at, false)
            }
            Recorded::Private(at, on) => (*at, self.private(*at, *on, &mut events, effects)),
            Recorded::Stop(at) => {
                self.finish(*at, &mut events, effects);
                self.state.coverage.stop(&mut covered(effects));
                self.state.stopped = true;
                self.state.remember(Kind::DeviceStopped, *at, vec!["told_to_stop".to_owned()]);
                (*at, true)
            }
            Recorded::Missed(at, inputs) => {
                self.state.missed.add(i64::try_from(*inputs).unwrap_or(i64::MAX));
                (*at, false)
            }
            Recorded::Lost(at, loss) => {
                let ranges = self.state.lose(*at, loss);
                self.outbox.lost(&ranges);
                // Where it waits for a date, the journal is told at once: what led to it may not be found again.
                (*at, true)
            }
            Recorded::Floor(at, sequence) => {
                if self.state.raise(*sequence) {
                    self.outbox.skip_to(*sequence);
                }
                (*at, false)
            }
            Recorded::Renumbered(at, above) => {
                self.renumber(*at, *above);
                (*at, true)
            }
        };
        self.state.tell_missed(at);
        self.date_remembered(&mut events);
        if always_save || !events.is_empty() {
            for event in &events {
                self.outbox.journaled(at, event.sequence, event.kind.is_urgent());
            }
            effects.push(Effect::Save(events));
        }
        self.poll(at, effects);
    }

    /// Whoever saves what comes of this numbers what is journaled in the same transaction: [`State::base`] says so. Of the numbers up
    /// to `above` dispatch may lack some, which nobody will send.
    fn renumber(&mut self, at: Mono, above: u64) {
        let before = self.state.base;
        let Some(by) = self.state.number_above(above) else { return };
        self.outbox.renumbered(at, by, above);
        let others = [(before + 1, above)].into_iter().collect();
        if let Some(loss) = Loss::of(&others, LossCause::NumbersSkipped) {
            self.state.lose(at, &loss);
        }
    }

    fn bytes(&mut self, at: Mono, bytes: &[u8], events: &mut Vec<Event>, effects: &mut Effects) {
        let before = self.state.reception.counts().sentences;
        let mut outcomes: Vec<Outcome> = Vec::new();
        self.state.reception.feed(at, bytes, |outcome| outcomes.push(outcome));
        let sentences = self.state.reception.counts().sentences - before;
        self.state.coverage.heard(bytes.len() as u64, sentences, &mut covered(effects));
        for outcome in outcomes {
            self.outcome(at, outcome, events, effects);
        }
    }

    fn source(&mut self, source: SourceState, effects: &mut Effects) {
        match source {
            SourceState::Open => {
                self.state.reception.reopened();
                self.state.leap_seconds_unknown();
                self.state.coverage.source(true, &mut covered(effects));
            }
            SourceState::Gone => self.state.coverage.source(false, &mut covered(effects)),
            SourceState::Proven(speed) => self.state.line_speed = Some(speed),
        }
    }

    fn finish(&mut self, at: Mono, events: &mut Vec<Event>, effects: &mut Effects) {
        // Several where the last epoch decides about those that were held before it.
        let mut outcomes = Vec::new();
        self.state.reception.finish(|outcome| outcomes.push(outcome));
        for outcome in outcomes {
            self.outcome(at, outcome, events, effects);
        }
    }

    /// Whether it is news.
    fn private(&mut self, at: Mono, on: bool, events: &mut Vec<Event>, effects: &mut Effects) -> bool {
        if self.state.private == on {
            return false;
        }
        if on {
            // What was heard before is not private.
            self.finish(at, events, effects);
        }
        self.state.private = on;
        self.state.reception.reopened();
        self.state.coverage.private(on, &mut covered(effects));
        let word = if on { "private" } else { "on_duty" };
        self.state.remember(Kind::DeviceMode, at, vec![word.to_owned()]);
        true
    }

    fn outcome(&mut self, at: Mono, outcome: Outcome, events: &mut Vec<Event>, effects: &mut Effects) {
        match outcome {
            Outcome::Fix(fix) => self.fix(&fix, events, effects),
            Outcome::Void => self.state.coverage.void(&mut covered(effects)),
            Outcome::Refused(_) => self.state.coverage.refused(),
            Outcome::Found(finding) => self.state.found(at, finding, &mut covered(effects)),
        }
    }

    fn fix(&mut self, fix: &GnssFix, events: &mut Vec<Event>, effects: &mut Effects) {
        let at = fix.arrived;
        effects.push(Effect::Fixed(*fix));
        if fix.time_stepped {
            self.state.time_stepped(fix);
        }
        let time = self.state.received(fix);
        self.outbox.dated(time);
        if fix.fix.mode == Mode::DeadReckoning {
            self.state.coverage.reckons();
        }
        let change = self.state.coverage.fix(at, time, fix.time_stepped, &mut covered(effects));
        self.coverage_event(at, change, events);
        let transitions = self.state.tracker.step(&self.facilities, &fix.fix);
        let mut facts = Vec::new();
        let state = &mut self.state;
        // A fix that the tracker did not believe says nothing about visits either; new facilities do, with whatever fix.
        if state.tracker.last() == Some(&fix.fix) || !transitions.is_empty() {
            state.visits.step(
                &fix.fix,
                state.tracker.motion(),
                &transitions,
                &self.facilities,
                &self.truck.id,
                &mut facts,
            );
        }
        let changed = !facts.is_empty();
        for fact in facts {
            let event = self.visit_event(fix, fact);
            events.push(event);
        }
        let present = self.state.visits.present().next().map(|(f, visit)| (f.id.as_str(), visit));
        let tracker = &self.state.tracker;
        let (believed, parked) = (tracker.last(), tracker.motion().parked());
        let seen = Seen { fix: &fix.fix, late: fix.late, believed, changed, present, parked };
        effects.extend(self.notices.fix(at, seen, self.outbox.complete_thru()));
    }

    fn visit_event(&mut self, fix: &GnssFix, fact: Fact) -> Event {
        let crossing = fact.crossing;
        let evidence = evidence(&fact);
        let clock = self.state.clock_of_fix(fix);
        // The interval is one of the receiver's time, and that may itself be off, either way.
        let off = Span(2 * clock.bound_ms.unwrap_or(0));
        let within = crossing.lo.map(|lo| (crossing.hi - lo) + off);
        let data = VisitData {
            visit: fact.visit,
            revision: fact.revision,
            status: fact.status,
            facility: FacilityBlock {
                id: fact.facility.id.clone(),
                name: fact.facility.name,
                tz: fact.facility.tz,
                revision: fact.facility.revision,
            },
            zone: fact.zone.name(),
            phase: fact.phase,
            at: Utc(crossing.at),
            at_lo: crossing.lo.map(Utc),
            at_hi: Utc(crossing.hi),
            decided_at: Utc(fact.decided_at),
            method: crossing.method,
            confidence: confidence(fact.probability, within),
            probability: (fact.probability * 10_000.0).round() / 10_000.0,
            position: Some(Place {
                lat: fix.fix.position.lat(),
                lon: fix.fix.position.lon(),
                sigma_m: centimetres(fix.fix.sigma_m),
            }),
            evidence,
            clock,
            boot_id: self.state.boot_id(),
            stop: None,
            edi214: None,
            engine: self.engine_block(),
            historical: false,
            why: vec![fact.why],
            record: fact.record,
        };
        let sequence = self.state.next_sequence();
        Event::new(&self.sender, sequence, fact.kind, Some(&fact.facility.id), crossing.at, &data)
    }

    fn coverage_event(&mut self, at: Mono, change: Option<Change>, events: &mut Vec<Event>) {
        let (clock, boot_id) = (self.state.clock_at(at), self.state.boot_id());
        let (kind, when, data) = match change {
            None => return,
            Some(Change::Lost { since: when, cause }) => {
                let (at, since, duration_s, powered_cause, causes) = (Utc(when), Utc(when), None, None, None);
                let data = CoverageData { at, since, duration_s, cause, powered_cause, causes, clock, boot_id };
                (Kind::GnssLost, when, data)
            }
            Some(Change::Restored(Gap { from, to, cause, powered_cause, causes })) => {
                let (at, since, duration_s) = (Utc(to), Utc(from), Some((to - from).as_seconds()));
                let powered_cause = powered_cause.filter(|_| cause == Cause::PowerOff);
                let causes = Some(causes.into_iter().map(|(cause, span)| (cause, span.as_seconds())).collect());
                let data = CoverageData { at, since, duration_s, cause, powered_cause, causes, clock, boot_id };
                (Kind::GnssRestored, to, data)
            }
        };
        let sequence = self.state.next_sequence();
        events.push(Event::new(&self.sender, sequence, kind, None, when, &data));
    }

    /// Gives every remembered event that can be dated now its bytes and its sequence.
    fn date_remembered(&mut self, events: &mut Vec<Event>) {
        for (mut remembered, when, clock) in self.state.dated() {
            if let Some(loss) = remembered.loss.take() {
                events.push(self.loss_event(loss, when, clock, remembered.boot_id));
                continue;
            }
            let data = DeviceData {
                at: Utc(when),
                clock,
                boot_id: remembered.boot_id,
                engine: self.engine_block(),
                why: remembered.why,
                correction: remembered.correction,
            };
            let sequence = self.state.next_sequence();
            events.push(Event::new(&self.sender, sequence, remembered.kind, None, when, &data));
        }
    }

    fn loss_event(&mut self, loss: Loss, when: UnixMillis, clock: ClockBlock, boot_id: String) -> Event {
        let Loss { ranges, why } = loss;
        let (first, last) = ranges.span().unwrap_or_default();
        let data = LossData {
            at: Utc(when),
            first,
            last,
            count: ranges.count(),
            ranges: ranges.clone(),
            why: [why],
            clock,
            boot_id,
            engine: self.engine_block(),
        };
        let sequence = self.state.next_sequence();
        let event = Event::new(&self.sender, sequence, Kind::DeviceLost, None, when, &data);
        if why == LossCause::Evicted { Event { evicts: ranges, ..event } } else { event }
    }

    fn engine_block(&self) -> EngineBlock {
        EngineBlock { version: VERSION, config: self.config_hash.clone() }
    }

    fn link(&mut self, at: Mono, link: &Link, effects: &mut Effects) {
        match link {
            Link::Up(receive_max) => {
                self.outbox.link_up(at, *receive_max);
                self.notices.link_up();
            }
            Link::Subscribed => self.outbox.subscribed(at),
            Link::Down(ending) => self.outbox.link_down(at, *ending),
            Link::Delivered(sequence) => self.outbox.delivered(*sequence),
            Link::Refused(sequence, refusal) => self.outbox.refused(at, *sequence, *refusal),
            Link::Received { device, thru, have, retained } if *device == self.sender.device => {
                if *retained {
                    self.outbox.retained(at, *thru, have);
                } else {
                    self.outbox.received(at, *thru, have);
                }
            }
            Link::Received { .. } => self.outbox.foreign_ack(),
            Link::Replay { sequence, lowest } => self.outbox.replay_from(at, *sequence, *lowest),
            Link::Tick => {}
        }
        self.poll(at, effects);
    }

    fn poll(&mut self, at: Mono, effects: &mut Effects) {
        if let Some(thru) = self.outbox.moved() {
            effects.push(Effect::SaveReceived(thru));
        }
        while let Some(range) = self.outbox.poll(at) {
            effects.push(Effect::Send(range));
        }
    }

    /// Whose clock this is, how far it may be trusted, and how far the system's is off, at `at`.
    #[must_use]
    pub fn clock(&self, at: Mono) -> ClockBlock {
        self.state.clock_at(at)
    }

    /// The gap ledger: why there are fixes, or none.
    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.state.coverage
    }

    /// When the newest fix was: raw recordings, which have no arrival times, arrive by it.
    #[must_use]
    pub fn newest_fix(&self) -> Option<UnixMillis> {
        self.state.newest_fix()
    }
}

/// Intervals of the ledger go out among the other effects.
fn covered(effects: &mut Effects) -> impl FnMut(Interval) {
    |interval| effects.push(Effect::Covered(interval))
}

fn evidence(fact: &Fact) -> Evidence {
    // A fix of a time line that is gone is evidence of nothing.
    let after = Some(&fact.crossing.after).filter(|after| after.time <= fact.decided_at).map(Point::of);
    let before = fact.crossing.before.as_ref().map(Point::of);
    match fact.phase {
        Phase::Enter => Evidence { last_outside: before, first_inside: after },
        Phase::Leave => Evidence { last_outside: after, first_inside: before },
        Phase::Standstill => Evidence { last_outside: None, first_inside: None },
    }
}
