//! Where the daemon goes on after a stop, a kill or a power cut.
//!
//! The engine's state is a function of the recording. The journal holds the state at its newest event and says where in
//! the recording that was; what was recorded after it is fed again, and so an event that was decided but not yet
//! committed is made again, the same bytes. If the journal is damaged, all of it is derived again from the recording.

use super::blackbox::segments;
use super::journal::{Journal, JournalError, Position, set_aside};
use super::keeper::Held;
use super::reserve::Reserve;
use super::systemd;
use crate::engine::{Effect, Engine, Input, State};
use crate::io::highwater::BLOCK;
use crate::recording::{End, Head, PREFACE, Recorded, Segment};
use geofence::Fences;
use std::fs;
use std::path::{Path, PathBuf};

/// An open journal and what had to be done to get it.
pub struct Opened {
    /// The journal.
    pub journal: Journal,
    /// Words for `device.started`.
    pub why: Vec<String>,
}

impl Opened {
    fn with(journal: Journal, mut why: Vec<String>) -> Self {
        if let Some(refused) = journal.refused_mark() {
            let kept = refused.kept.display();
            tracing::error!(%kept, "the high-water mark of the sequence is damaged; it was set aside and says nothing");
            why.push("high_water_refused".to_owned());
        }
        Self { journal, why }
    }
}

/// Opens the journal of `state_dir`; a damaged one is set aside under a name that says when. Where the disk has no room even for that,
/// the reserve is given up for it.
///
/// # Errors
/// What cannot be mended here.
pub fn open_journal(state_dir: &Path, quota: u64, now: geofence::UnixMillis) -> Result<Opened, JournalError> {
    let opened = open_or_set_aside(state_dir, quota, now);
    if !opened.as_ref().is_err_and(JournalError::may_be_want_of_room) || !Reserve::new(state_dir).give_up() {
        return opened;
    }
    tracing::error!("the disk has no room for the journal to be opened; the reserve is given up for it");
    let mut opened = open_or_set_aside(state_dir, quota, now)?;
    opened.why.push("disk_full_reserve_given_up".to_owned());
    Ok(opened)
}

fn open_or_set_aside(state_dir: &Path, quota: u64, now: geofence::UnixMillis) -> Result<Opened, JournalError> {
    let path = state_dir.join("journal.db");
    match Journal::open(&path, quota) {
        Ok(journal) => Ok(Opened::with(journal, Vec::new())),
        Err(JournalError::Damaged { path, why }) => {
            let kept = set_aside(&path, "damaged", now).map_err(|error| JournalError::Damaged {
                path: path.clone(),
                why: format!("{why}, and it cannot be set aside: {error}"),
            })?;
            tracing::error!(why, kept = %kept.display(), "the journal is damaged; it was set aside and a new one is derived from the recording");
            let journal = Journal::open(&path, quota)?;
            Ok(Opened::with(journal, vec!["journal_damaged_set_aside".to_owned()]))
        }
        Err(error) => Err(error),
    }
}

/// What resuming came to.
pub struct Resumed {
    /// Events for which the journal has no room now.
    pub unsaved: Held,
    /// Numbers have to go on above this.
    pub floor: Option<u64>,
}

/// Where feeding begins.
struct From {
    state: State,
    position: Position,
    /// What is recorded from there on was decided with the facilities that are in use.
    is_of_these_facilities: bool,
}

/// Brings `engine` to where the recording in `dir` ends, and journals every event that comes of it, each with the place of
/// its input in the recording: stopped half-way, the next start goes on from there. Words for `device.started` go to `why`.
///
/// # Errors
/// As the journal has them.
pub fn resume(
    engine: &mut Engine,
    journal: &mut Journal,
    dir: &Path,
    why: &mut Vec<String>,
) -> Result<Resumed, JournalError> {
    let mut unsaved = Held::default();
    let mut kept = segments(dir).unwrap_or_default();
    let preface = kept.first().filter(|(index, _)| *index == PREFACE).map(|(_, path)| path.clone());
    kept.retain(|(index, _)| *index != PREFACE);
    let is_new = journal.state()?.is_none();
    let from = begin(engine, journal, &kept, why)?;
    if is_new && let Some(path) = preface {
        number_above(engine, &path);
    }
    let Some(from) = from else {
        engine.not_below(journal.highest()?);
        journal.told_before(engine, is_new)?;
        return Ok(Resumed { unsaved, floor: floor(engine, journal, is_new, false) });
    };
    let mut is_whole = from.is_of_these_facilities;
    engine.resume(from.state);
    let mut next = from.position.segment;
    for (index, path) in kept.iter().filter(|(index, _)| *index >= from.position.segment) {
        systemd::still_starting();
        is_whole &= *index == std::mem::replace(&mut next, index + 1);
        let bytes = fs::read(path).unwrap_or_default();
        let Ok(mut segment) = Segment::open(&bytes) else {
            tracing::warn!(segment = %path.display(), "this segment of the recording cannot be read and is skipped");
            is_whole = false;
            continue;
        };
        let done = if *index == from.position.segment { from.position.records } else { 0 };
        if done == 0 && is_ours(engine, segment.head()) {
            engine.resume(segment.head().state.clone());
        }
        feed(engine, (*index, done), &mut segment, journal, is_new, &mut unsaved)?;
        is_whole &= segment.end() != End::Damaged;
    }
    // Whatever was lost, no sequence is given twice.
    engine.not_below(journal.highest()?);
    journal.told_before(engine, is_new)?;
    Ok(Resumed { unsaved, floor: floor(engine, journal, is_new, is_whole) })
}

/// Where the numbers have to go on, if not behind those that were derived. A recording that is whole knows every event that was
/// journaled, since it is synced before; otherwise the mark beside the journal is above all of them. So it is where the journal
/// itself has become an older one.
fn floor(engine: &Engine, journal: &Journal, is_new: bool, is_whole: bool) -> Option<u64> {
    let (mark, unrecorded) = journal.high_water();
    let derived = engine.state().sequence();
    let beyond = mark.saturating_sub(derived);
    (beyond > BLOCK || (beyond > 0 && is_new && (!is_whole || unrecorded))).then_some(mark)
}

impl Journal {
    /// Events that are derived into a new journal may have been sent by the one before.
    fn told_before(&mut self, engine: &Engine, is_new: bool) -> Result<(), JournalError> {
        if is_new && engine.state().sequence() > 0 { self.told(false) } else { Ok(()) }
    }
}

/// Feeds the segment that says above which number everything begins.
fn number_above(engine: &mut Engine, path: &Path) {
    let bytes = fs::read(path).unwrap_or_default();
    let Ok(segment) = Segment::open(&bytes) else {
        tracing::error!(segment = %path.display(), "this segment of the recording cannot be read and is skipped");
        return;
    };
    for recorded in segment.filter(|recorded| matches!(recorded, Recorded::Floor(..))) {
        // Without a time anchor there is no event yet.
        let _ = engine.handle(&Input::Recorded(&recorded));
    }
}

fn feed(
    engine: &mut Engine,
    (index, done): (u64, u64),
    segment: &mut impl Iterator<Item = Recorded>,
    journal: &mut Journal,
    is_new: bool,
    unsaved: &mut Held,
) -> Result<(), JournalError> {
    for (number, recorded) in (1..).zip(segment) {
        if number <= done {
            continue;
        }
        for effect in engine.handle(&Input::Recorded(&recorded)) {
            let Effect::Save(events) = effect else { continue };
            journal.told_before(engine, is_new)?;
            let state = serde_json::to_vec(engine.state()).unwrap_or_default();
            let position = Position { segment: index, records: number };
            // Nothing may be journaled past what was not: the position would skip it.
            let full = !unsaved.events.is_empty()
                || match journal.save(&events, &state, position) {
                    Err(JournalError::Full) => true,
                    // Another release made these, and they may be at dispatch already: they stay as they are.
                    Err(JournalError::Taken(sequence)) => {
                        tracing::warn!(
                            sequence,
                            "this release derives another event than the journaled one, which stays"
                        );
                        let highest = journal.highest()?;
                        let new: Vec<_> = events.iter().filter(|event| event.sequence > highest).cloned().collect();
                        journal.save(&new, &state, position)?;
                        false
                    }
                    saved => saved.map(|()| false)?,
                };
            if full {
                unsaved.events.extend(events);
                (unsaved.state, unsaved.position) = (state, position);
            }
        }
    }
    Ok(())
}

fn begin(
    engine: &Engine,
    journal: &Journal,
    kept: &[(u64, PathBuf)],
    why: &mut Vec<String>,
) -> Result<Option<From>, JournalError> {
    if let Some((bytes, position)) = journal.state()? {
        match serde_json::from_slice(&bytes) {
            Ok(state) => return Ok(Some(From { state, position, is_of_these_facilities: true })),
            Err(error) => {
                tracing::error!(%error, "the stored state cannot be read; it is derived from the recording");
                why.push("state_unreadable".to_owned());
            }
        }
    }
    // The oldest segment from which on all were made with these facilities; else only the newest state.
    let mut from = None;
    for (index, path) in kept.iter().rev() {
        // A head is torn where the power went while a segment was begun: the newest may be, and says nothing.
        let Some(head) = head(path) else { if from.is_none() { continue } else { break } };
        let same = is_ours(engine, &head);
        if same || from.is_none() {
            let position = Position { segment: *index, records: 0 };
            from = Some(From { state: head.state, position, is_of_these_facilities: same });
        }
        if !same {
            break;
        }
    }
    if from.is_some() {
        why.push("state_from_recording".to_owned());
    }
    Ok(from)
}

fn head(path: &Path) -> Option<Head> {
    let bytes = fs::read(path).ok()?;
    Segment::open(&bytes).ok().map(|segment| segment.head().clone())
}

fn is_ours(engine: &Engine, head: &Head) -> bool {
    head.facilities == engine.facilities().revision()
        && head.fleet == engine.truck().fleet
        && head.truck == engine.truck().id
}
