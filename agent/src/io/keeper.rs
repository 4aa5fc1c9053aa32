//! Performs what the engine wants kept, in its order: record, then save. When the disk does not take it, holds it and
//! goes on: deciding never stops, and what is held is journaled in order as soon as there is room.

use super::blackbox::Blackbox;
use super::journal::{Journal, JournalError, Position};
use crate::engine::State;
use crate::event::Event;
use crate::recording::{Head, Recorded};
use crate::time::Mono;
use geofence::Span;

/// Held events are bounded: at 1.6 kB each this is 16 MB. What does not fit is counted.
const HELD_MAX: usize = 10_000;
/// How often a disk that refused is tried again.
const RETRY: Span = Span::seconds(10);

/// What the disk refuses at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trouble {
    /// Why the journal does not take events.
    pub journal: Option<String>,
    /// Why the recording is not written.
    pub recording: Option<String>,
    /// Inputs that were not recorded since.
    pub missed: u64,
    /// Events that wait for the journal.
    pub held: usize,
    /// Events that found no room to wait either. They can be derived again from the recording.
    pub dropped: u64,
}

/// The journal and the recording.
pub struct Keeper {
    journal: Journal,
    blackbox: Blackbox,
    held: Vec<Event>,
    dirty: bool,
    retry_at: Option<Mono>,
    trouble: Trouble,
}

impl Keeper {
    /// Keeps with these. `held`: events that were made before and that the journal did not take.
    #[must_use]
    pub fn new(journal: Journal, blackbox: Blackbox, held: Vec<Event>) -> Self {
        Self { journal, blackbox, held, dirty: false, retry_at: None, trouble: Trouble::default() }
    }

    /// The journal, for reading and for acknowledgements.
    pub fn journal(&mut self) -> &mut Journal {
        &mut self.journal
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
        for event in events {
            if self.held.len() < HELD_MAX {
                self.held.push(event);
            } else {
                self.trouble.dropped += 1;
            }
        }
        self.dirty = true;
        self.commit(at, state);
    }

    /// Ends the segment that is due, and tries again what failed. Gives back what the recording missed, once it goes on:
    /// the engine is to be told, so that the hole becomes an event.
    #[must_use]
    pub fn tend(&mut self, at: Mono, head: impl FnOnce() -> Head) -> Option<Recorded> {
        let retry = self.retry_at.is_some_and(|then| at >= then);
        if retry {
            self.retry_at = None;
        }
        let reopen = retry && self.trouble.recording.is_some();
        if !(reopen || self.blackbox.is_due(at)) {
            if retry && self.dirty {
                self.commit(at, &head().state);
            }
            return None;
        }
        let head = head();
        if let Err(error) = self.blackbox.begin(at, &head) {
            self.recording_failed(at, &error);
            return None;
        }
        let missed = std::mem::take(&mut self.trouble.missed);
        if self.trouble.recording.take().is_some() {
            tracing::info!(missed, "the recording goes on");
        }
        // The state belongs to the new segment now: a restart need not read the old one.
        self.dirty = true;
        self.commit(at, &head.state);
        reopen.then_some(Recorded::Missed(at, missed))
    }

    /// Begins the first segment of this run.
    pub fn begin(&mut self, at: Mono, head: &Head) {
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

    fn commit(&mut self, at: Mono, state: &State) {
        if self.trouble.recording.is_none()
            && let Err(error) = self.blackbox.sync(at)
        {
            self.recording_failed(at, &error);
        }
        let (segment, records) = self.blackbox.position();
        let saved = serde_json::to_vec(state)
            .map_err(|error| error.to_string())
            .and_then(|engine| self.journal_save(&engine, Position { segment, records }).map_err(|e| e.to_string()));
        match saved {
            Ok(()) => {
                if self.trouble.journal.take().is_some() {
                    tracing::info!(events = self.held.len(), "the journal takes events again");
                }
                self.held.clear();
                self.dirty = false;
            }
            Err(why) => {
                if self.trouble.journal.is_none() {
                    tracing::error!(why, "events cannot be journaled; they are held in memory until they can");
                }
                self.trouble.journal = Some(why);
                self.retry_at.get_or_insert(at.plus(RETRY));
            }
        }
        self.trouble.held = self.held.len();
    }

    fn journal_save(&mut self, engine: &[u8], position: Position) -> Result<(), JournalError> {
        self.journal.save(&self.held, engine, position)
    }

    fn recording_failed(&mut self, at: Mono, error: &std::io::Error) {
        if self.trouble.recording.is_none() {
            tracing::error!(%error, "the recording cannot be written; deciding goes on without it");
        }
        self.trouble.recording = Some(error.to_string());
        self.trouble.missed += 1;
        self.blackbox.abandon();
        self.retry_at.get_or_insert(at.plus(RETRY));
    }
}
