//! Performs what the engine wants kept, in its order: record, then save. When the disk does not take it, holds it and
//! goes on: deciding never stops, and what is held is journaled in order as soon as there is room.

mod room;

use super::blackbox::Blackbox;
use super::journal::{Journal, JournalError, Position};
use crate::engine::State;
use crate::event::{Event, Loss};
use crate::ranges::Ranges;
use crate::recording::{Head, Recorded};
use crate::time::Mono;
use geofence::{Span, UnixMillis};
pub use room::GaveWay;

/// Held events are bounded: at 1.6 kB each this is 16 MB. What does not fit is counted, and derived from the recording by
/// the next start.
const HELD_MAX: usize = 10_000;
/// How often a disk that refused is tried again.
const RETRY: Span = Span::seconds(10);

/// Events that the journal did not take yet, with the state that they left the engine in and where in the recording that is.
#[derive(Debug)]
pub struct Held {
    /// In order.
    pub events: Vec<Event>,
    /// The engine's state, as it is stored.
    pub state: Vec<u8>,
    /// The end of the input that made the newest of them.
    pub position: Position,
    /// Above which they are counted.
    pub base: u64,
    /// Events that found no room here either. They can be derived again from the recording.
    pub dropped: u64,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            events: Vec::new(),
            state: Vec::new(),
            position: Position { segment: 0, records: 0 },
            base: 0,
            dropped: 0,
        }
    }
}

impl Held {
    /// Holds `events` too, with the state that they left the engine in. Beyond the bound they are counted only, and the state stays
    /// before them: nothing may be journaled past an event that is not. Whether they are held.
    pub fn take(&mut self, events: Vec<Event>, state: &State, position: Position) -> bool {
        // What makes room for them is not refused for want of it.
        let evicts = !events.is_empty() && events.iter().all(|event| !event.evicts.is_empty());
        if self.dropped > 0 || (self.events.len() >= HELD_MAX && !evicts) {
            self.dropped += events.len() as u64;
            return false;
        }
        self.count_above(state.base());
        self.events.extend(events);
        self.stand_at(state, position);
        true
    }

    /// What is held is counted above `base` from here on.
    pub fn count_above(&mut self, base: u64) {
        let by = base.saturating_sub(self.base);
        if by > 0 {
            self.events.iter_mut().for_each(|event| event.renumber(by));
        }
        self.base = base;
    }

    fn stand_at(&mut self, state: &State, position: Position) {
        (self.position, self.base) = (position, state.base());
        // Plain data into memory: cannot fail.
        self.state = serde_json::to_vec(state).unwrap_or_default();
    }
}

/// What the disk refuses at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trouble {
    /// Why the journal does not take events, and what to do about it.
    pub journal: Option<(String, &'static str)>,
    /// Why the recording is not written.
    pub recording: Option<String>,
    /// Inputs that were not recorded since.
    pub missed: u64,
    /// Events that wait for the journal.
    pub held: usize,
    /// Events that found no room to wait either. They can be derived again from the recording.
    pub dropped: u64,
    /// What of the recording went, so that there was room.
    pub gave_way: GaveWay,
}

/// The journal and the recording.
pub struct Keeper {
    journal: Journal,
    blackbox: Blackbox,
    held: Held,
    dirty: bool,
    damaged: bool,
    retry_at: Option<Mono>,
    /// Something was journaled since it was last asked whether the quota is nearly used up.
    grown: bool,
    gathers: bool,
    /// The journal did not take events although its disk has room.
    quota_is_full: bool,
    /// The next start derives from this segment on; 0: nobody knows, so from the first.
    derived_from: u64,
    /// When the disk is asked for its room.
    look_at: Option<Mono>,
    /// When a segment went so that the recording goes on.
    recorded_again: Option<Mono>,
    /// A segment went, and so many bytes were free as before.
    futile: Option<u64>,
    trouble: Trouble,
}

impl Keeper {
    /// Keeps with these. `held`: what was derived at the start and the journal did not take.
    #[must_use]
    pub fn new(journal: Journal, blackbox: Blackbox, held: Held) -> Self {
        let dirty = !held.events.is_empty();
        let trouble = Trouble { held: held.events.len(), dropped: held.dropped, ..Trouble::default() };
        let derived_from = derived_from(&journal);
        Self {
            journal,
            blackbox,
            held,
            dirty,
            damaged: false,
            retry_at: None,
            grown: true,
            gathers: false,
            quota_is_full: false,
            derived_from,
            look_at: None,
            recorded_again: None,
            futile: None,
            trouble,
        }
    }

    /// The journal, for reading and for acknowledgements.
    pub fn journal(&mut self) -> &mut Journal {
        &mut self.journal
    }

    /// When what the event tells happened, wherever it is kept.
    #[must_use]
    pub fn dated(&self, sequence: u64) -> Option<UnixMillis> {
        let held = self.held.events.iter().find(|event| event.sequence == sequence).map(|event| event.at);
        held.or_else(|| self.journal.dated(sequence).ok().flatten())
    }

    /// What the disk refuses.
    #[must_use]
    pub fn trouble(&self) -> &Trouble {
        &self.trouble
    }

    /// Appends an input to the recording.
    pub fn record(&mut self, at: Mono, input: &Recorded) {
        if self.trouble.recording.is_some() {
            self.trouble.missed += 1;
            return;
        }
        if let Err(error) = self.blackbox.append(at, input) {
            self.recording_failed(at, &error);
        }
    }

    /// Commits events with the state that they left the engine in. The recording is synced first.
    pub fn save(&mut self, at: Mono, events: Vec<Event>, state: &State) {
        let position = self.synced(at);
        self.dirty |= self.held.take(events, state, position);
        self.trouble.dropped = self.held.dropped;
        self.commit(at);
    }

    /// What has to go unreceived, so that there is room for what comes; each to be named by an event. Where so many are held that what goes
    /// already was not enough, more.
    #[must_use]
    pub fn evictions(&mut self) -> Vec<Loss> {
        // What makes room would find none in memory either, and be chosen again at each turn.
        if !std::mem::take(&mut self.grown) || self.held.dropped > 0 {
            return Vec::new();
        }
        let held = self.held.events.len();
        let under_way: Ranges = self.held.events.iter().flat_map(|event| event.evicts.iter()).collect();
        // Where the disk is full nothing that goes is of use now, and when it has room, what goes already may do.
        let is_enough = under_way.count() >= held as u64 && !self.quota_is_full;
        if !under_way.is_empty() && is_enough {
            return Vec::new();
        }
        self.journal.evictions(held, &under_way).unwrap_or_else(|error| {
            tracing::error!(%error, "the journal cannot say what may make room");
            self.read_failed(&error);
            Vec::new()
        })
    }

    /// From here on events are held, until [`Keeper::commit_gathered`]: those that make room for one another are of use in one transaction only.
    pub fn gather(&mut self) {
        self.gathers = true;
    }

    /// Commits what was gathered.
    pub fn commit_gathered(&mut self, at: Mono) {
        self.gathers = false;
        self.commit(at);
    }

    /// Everything that was held is journaled, and more was made that found no room: only a start that derives it from the
    /// recording can go on without a gap. Likewise if the journal got damaged under our hands.
    #[must_use]
    pub fn must_start_again(&self) -> bool {
        self.damaged || (self.trouble.dropped > 0 && self.held.events.is_empty())
    }

    /// Ends the segment that is due, and tries again what failed. Gives back what the recording missed, once it goes on:
    /// the engine is to be told, so that the hole becomes an event.
    #[must_use]
    pub fn tend(&mut self, at: Mono, head: impl FnOnce() -> Head) -> Option<Recorded> {
        let retry = self.retry_at.is_some_and(|then| at >= then);
        if retry {
            self.retry_at = None;
        }
        if retry && self.dirty {
            self.commit(at);
        }
        // What found no room is derived by the next start, from the state before it. No state after it may be stored, and the ring must not
        // lose what it is derived from.
        if self.held.dropped > 0 {
            return None;
        }
        self.tend_room(at);
        // Not before the journal has everything: the head of a segment must not know of events that a kill would lose.
        let reopen = retry && self.trouble.recording.is_some() && !self.dirty;
        if !(reopen || self.blackbox.is_due(at)) {
            return None;
        }
        let head = head();
        self.make_room_to_record();
        if let Err(error) = self.blackbox.begin(at, &head) {
            self.recording_failed(at, &error);
            return None;
        }
        let missed = std::mem::take(&mut self.trouble.missed);
        if self.trouble.recording.take().is_some() {
            tracing::info!(missed, "the recording goes on");
        }
        // The state belongs to the new segment now: a restart need not read the old one.
        if self.held.events.is_empty() {
            let position = self.synced(at);
            self.held.stand_at(&head.state, position);
            self.dirty = true;
            self.commit(at);
        }
        reopen.then_some(Recorded::Missed(at, missed))
    }

    /// Begins the first segment of this run.
    pub fn begin(&mut self, at: Mono, head: &Head) {
        self.make_room_to_record();
        if let Err(error) = self.blackbox.begin(at, head) {
            self.recording_failed(at, &error);
        }
    }

    /// Ends the recording.
    pub fn end(&mut self) {
        if let Err(error) = self.blackbox.end() {
            tracing::error!(%error, "the recording could not be ended cleanly");
        }
    }

    /// Everything that was made is journaled.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        !self.dirty && self.trouble.dropped == 0
    }

    /// The end of what was recorded so far, which is synced: what is committed next may stand there.
    fn synced(&mut self, at: Mono) -> Position {
        if self.trouble.recording.is_none()
            && let Err(error) = self.blackbox.sync(at)
        {
            self.recording_failed(at, &error);
        }
        let (segment, records) = self.blackbox.position();
        Position { segment, records }
    }

    /// The journal could not be read: if it is damaged, only a start that sets it aside mends it.
    pub fn read_failed(&mut self, error: &JournalError) {
        self.damaged |= error.is_damage();
    }

    fn commit(&mut self, at: Mono) {
        if !self.dirty || self.gathers {
            return;
        }
        (self.grown, self.quota_is_full) = (true, false);
        self.journal.is_recorded(self.trouble.recording.is_none());
        self.journal.number_above(self.held.base);
        // With the first state after all that a start derives.
        if self.held.dropped == 0 {
            self.journal.settle();
        }
        let saved = loop {
            match self.journal.save(&self.held.events, &self.held.state, self.held.position) {
                Err(error) if self.make_room_for_events(&error) => {}
                done => break done,
            }
        };
        match saved {
            Ok(()) => {
                if self.trouble.journal.take().is_some() {
                    tracing::info!(events = self.held.events.len(), "the journal takes events again");
                }
                self.held.events.clear();
                self.dirty = false;
                self.derived_from = if self.journal.is_settled() { self.held.position.segment } else { 0 };
            }
            Err(error) => {
                self.damaged |= error.is_damage();
                self.quota_is_full = self.is_quota(&error);
                let why = error.to_string();
                if self.trouble.journal.is_none() {
                    tracing::error!(why, "events cannot be journaled; they are held in memory until they can");
                }
                self.trouble.journal = Some((why, error.remedy()));
                self.retry_at.get_or_insert(at.plus(RETRY));
            }
        }
        self.trouble.held = self.held.events.len();
    }

    fn recording_failed(&mut self, at: Mono, error: &std::io::Error) {
        if self.trouble.recording.is_none() {
            tracing::error!(%error, "the recording cannot be written; deciding goes on without it");
        }
        self.trouble.recording = Some(error.to_string());
        self.trouble.missed += 1;
        self.blackbox.abandon();
        // At once where that is of use: what is not recorded meanwhile cannot be proven.
        let again = if self.makes_room_to_record(at, error) { at } else { at.plus(RETRY) };
        self.retry_at = Some(self.retry_at.map_or(again, |then| then.min(again)));
    }
}

fn derived_from(journal: &Journal) -> u64 {
    let state = if journal.is_settled() { journal.state().ok().flatten() } else { None };
    state.map_or(0, |(_, position)| position.segment)
}
