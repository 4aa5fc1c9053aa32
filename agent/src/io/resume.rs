//! Where the daemon goes on after a stop, a kill or a power cut.
//!
//! The engine's state is a function of the recording. The journal holds the state at its newest event and says where in
//! the recording that was; what was recorded after it is fed again, and so an event that was decided but not yet
//! committed is made again, the same bytes. If the journal is damaged, all of it is derived again from the recording.

use super::blackbox::segments;
use super::journal::{Journal, JournalError, Position, Unsalvaged, name_aside, set_aside};
use super::keeper::Held;
use super::reserve::{self, Reserve};
use super::systemd;
use crate::engine::{Effect, Engine, Input, State};
use crate::event::Event;
use crate::io::highwater::BLOCK;
use crate::recording::{End, Head, Recorded, Segment};
use geofence::Fences;
use std::fs;
use std::path::{Path, PathBuf};

/// An open journal and what had to be done to get it.
pub struct Opened {
    /// The journal.
    pub journal: Journal,
    /// Words for `device.started`.
    pub why: Vec<String>,
    /// There was no room for all that could be read of the damaged journal before.
    is_cut_short: bool,
}

impl Opened {
    fn with(journal: Journal, mut why: Vec<String>, is_cut_short: bool) -> Self {
        if let Some(refused) = journal.refused_mark() {
            let kept = refused.kept.display();
            tracing::error!(%kept, "the high-water mark of the sequence is damaged; it was set aside and says nothing");
            why.push("high_water_refused".to_owned());
        }
        Self { journal, why, is_cut_short }
    }
}

/// Opens the journal of `state_dir`; a damaged one is set aside under a name that says when. Where the disk has no room even for that,
/// the reserve is given up for it; without one, events are held in memory until it has.
///
/// # Errors
/// What cannot be mended here.
pub fn open_journal(state_dir: &Path, quota: u64, now: geofence::UnixMillis) -> Result<Opened, JournalError> {
    let mut unsalvaged = Unsalvaged::open(&state_dir.join("journal.db"));
    let opened = open_or_set_aside(state_dir, quota, now, &mut unsalvaged);
    let wants_room = match &opened {
        Ok(opened) => opened.is_cut_short,
        Err(error) => error.may_be_want_of_room(),
    };
    if !wants_room {
        return opened;
    }
    if !Reserve::new(state_dir).give_up() {
        return without_room(state_dir, quota, &unsalvaged, opened);
    }
    tracing::error!("the disk has no room for the journal to be opened; the reserve is given up for it");
    drop(opened);
    let opened = open_or_set_aside(state_dir, quota, now, &mut unsalvaged);
    let mut opened = without_room(state_dir, quota, &unsalvaged, opened)?;
    opened.why.push("disk_full_reserve_given_up".to_owned());
    Ok(opened)
}

/// `opened`, or where a full disk does not let it be: what decides without it until there is room.
fn without_room(
    state_dir: &Path,
    quota: u64,
    unsalvaged: &Unsalvaged,
    opened: Result<Opened, JournalError>,
) -> Result<Opened, JournalError> {
    let wants_room = opened.as_ref().err().is_some_and(JournalError::may_be_want_of_room);
    if !wants_room || !reserve::is_full(state_dir) {
        return opened;
    }
    let journal = Journal::open_without_room(&state_dir.join("journal.db"), quota, !unsalvaged.kept().is_empty())?;
    tracing::error!("the disk has no room for the journal; events are held in memory until it has");
    Ok(Opened::with(journal, vec!["disk_full_no_reserve".to_owned()], false))
}

/// `unsalvaged`: what this attempt sets aside, and what starts before it could not salvage.
fn open_or_set_aside(
    state_dir: &Path,
    quota: u64,
    now: geofence::UnixMillis,
    unsalvaged: &mut Unsalvaged,
) -> Result<Opened, JournalError> {
    let path = state_dir.join("journal.db");
    let journal = match Journal::open(&path, quota) {
        Ok(journal) => journal,
        Err(JournalError::Damaged { path, why }) => {
            if !unsalvaged.add(name_aside(&path, "damaged", now)) && reserve::is_full(state_dir) {
                unsalvaged.take_back();
                return Err(JournalError::Full);
            }
            let kept = set_aside(&path, "damaged", now).map_err(|error| JournalError::Damaged {
                path: path.clone(),
                why: format!("{why}, and it cannot be set aside: {error}"),
            })?;
            tracing::error!(why, kept = %kept.display(), "the journal is damaged; it was set aside and a new one is derived from the recording");
            Journal::open(&path, quota)?
        }
        Err(error) => return Err(error),
    };
    if unsalvaged.kept().is_empty() {
        return Ok(Opened::with(journal, Vec::new(), false));
    }
    if journal.is_settled() {
        // The power went before it was noted.
        unsalvaged.close();
        return Ok(Opened::with(journal, Vec::new(), false));
    }
    salvage(journal, unsalvaged, &state_dir.join("recording"))
}

/// Into a new journal that is not settled. `unsalvaged` is not empty.
fn salvage(mut journal: Journal, unsalvaged: &mut Unsalvaged, recording: &Path) -> Result<Opened, JournalError> {
    let mut words = vec!["journal_damaged_set_aside".to_owned()];
    // Whatever is derived comes after it. Numbered anew since, a row would come back under its old number.
    if journal.state()?.is_some() {
        unsalvaged.kept().first().map_or(Ok(()), |kept| journal.was_salvaged(kept))?;
        return Ok(Opened::with(journal, words, false));
    }
    // A disk without room is no reason to give it up, and the number of attempts may not find room to go back.
    if !reserve::is_full(recording.parent().unwrap_or(recording)) && !unsalvaged.begin() {
        tracing::error!("salvaging the damaged journal never came to an end and is given up; the file stays");
        if journal.base() == 0 {
            journal.counts_above(base(recording))?;
        }
        return Ok(Opened::with(journal, words, false));
    }
    let salvaged = take_over(&mut journal, unsalvaged.kept(), recording);
    // Whoever reads it lived, whatever came of it.
    unsalvaged.came_through();
    let (events, is_cut_short) = salvaged?;
    if events > 0 {
        tracing::warn!(events, "what could be read of the damaged journal goes on in the new one");
        words.push("journal_events_salvaged".to_owned());
    }
    if is_cut_short {
        tracing::error!(
            "there is no room for all that can be read of the damaged journal; the rest stays in the file that was set aside"
        );
        words.push("journal_salvage_cut_short".to_owned());
    }
    Ok(Opened::with(journal, words, is_cut_short))
}

/// How many events came over, and whether there was no room for more.
fn take_over(journal: &mut Journal, kept: &[PathBuf], recording: &Path) -> Result<(u64, bool), JournalError> {
    let (mut events, mut is_cut_short) = (0, false);
    for (nth, kept) in kept.iter().enumerate() {
        let salvaged = journal.salvage(kept, nth == 0)?;
        if nth == 0 && !salvaged.base_known {
            journal.counts_above(base(recording))?;
        }
        events += salvaged.events;
        is_cut_short |= salvaged.is_cut_short;
    }
    Ok((events, is_cut_short))
}

/// Above which number the newest segment that can be read counts.
fn base(dir: &Path) -> u64 {
    for (_, path) in segments(dir).unwrap_or_default().iter().rev() {
        let bytes = fs::read(path).unwrap_or_default();
        if let Ok(segment) = Segment::open(&bytes) {
            return segment.base();
        }
    }
    0
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
    let kept = segments(dir).unwrap_or_default();
    let was_empty = journal.state()?.is_none();
    let from = begin(engine, journal, &kept, why)?;
    let mut is_whole = false;
    if let Some(from) = from {
        // Stopped half-way, what was found on the first half is not known any more.
        is_whole = from.is_of_these_facilities && (was_empty || journal.is_settled());
        engine.resume(from.state);
        is_whole &= walk(engine, from.position, &kept, journal, &mut unsaved)?;
    }
    // Whatever was lost, no sequence is given twice.
    engine.not_below(journal.base(), journal.highest()?);
    unsaved.count_above(engine.state().base());
    told_before(engine, journal);
    let floor = floor(engine, journal, is_whole);
    Ok(Resumed { unsaved, floor })
}

/// Feeds what was recorded from `from` on. Whether all of it could be read.
fn walk(
    engine: &mut Engine,
    from: Position,
    kept: &[(u64, PathBuf)],
    journal: &mut Journal,
    unsaved: &mut Held,
) -> Result<bool, JournalError> {
    let mut is_whole = true;
    let mut next = from.segment;
    for (index, path) in kept.iter().filter(|(index, _)| *index >= from.segment) {
        systemd::still_starting();
        is_whole &= *index == std::mem::replace(&mut next, index + 1);
        let bytes = fs::read(path).unwrap_or_default();
        let Ok(mut segment) = Segment::open(&bytes) else {
            tracing::warn!(segment = %path.display(), "this segment of the recording cannot be read and is skipped");
            is_whole = false;
            continue;
        };
        let done = if *index == from.segment { from.records } else { 0 };
        if done == 0 && is_ours(engine, segment.head()) {
            engine.resume(segment.head().state.clone());
        }
        feed(engine, (*index, done), &mut segment, journal, unsaved)?;
        is_whole &= segment.end() != End::Damaged;
    }
    Ok(is_whole)
}

/// Where the numbers have to go on, if not behind those that were derived. A recording that is whole knows every event that was
/// journaled, since it is synced before; otherwise the mark beside the journal is above all of them. So it is where the journal
/// itself has become an older one.
fn floor(engine: &Engine, journal: &Journal, is_whole: bool) -> Option<u64> {
    let (mark, unrecorded) = journal.high_water();
    let derived = engine.state().sequence();
    let beyond = mark.saturating_sub(derived);
    (beyond > BLOCK || (beyond > 0 && !journal.is_settled() && (!is_whole || unrecorded))).then_some(mark)
}

/// Events that are derived into a new journal may have been sent by the one before.
fn told_before(engine: &Engine, journal: &mut Journal) {
    if !journal.is_settled() && engine.state().sequence() > 0 {
        journal.derived();
    }
}

fn feed(
    engine: &mut Engine,
    (index, done): (u64, u64),
    segment: &mut impl Iterator<Item = Recorded>,
    journal: &mut Journal,
    unsaved: &mut Held,
) -> Result<(), JournalError> {
    for (number, recorded) in (1..).zip(segment) {
        if number <= done {
            continue;
        }
        for effect in engine.handle(&Input::Recorded(&recorded)) {
            let Effect::Save(events) = effect else { continue };
            told_before(engine, journal);
            let position = Position { segment: index, records: number };
            // Nothing may be journaled past what was not: the position would skip it.
            let waits = !unsaved.events.is_empty() || unsaved.dropped > 0;
            let left = if waits { Some(events) } else { save(engine.state(), events, position, journal)? };
            if let Some(events) = left {
                unsaved.take(events, engine.state(), position);
            }
        }
    }
    Ok(())
}

/// Journals what was derived. Gives back those for which there is no room now.
fn save(
    state: &State,
    mut events: Vec<Event>,
    position: Position,
    journal: &mut Journal,
) -> Result<Option<Vec<Event>>, JournalError> {
    let stored = serde_json::to_vec(state).unwrap_or_default();
    journal.number_above(state.base());
    loop {
        match journal.save(&events, &stored, position) {
            Ok(()) => return Ok(None),
            // What of a journal that was lost dispatch has, nobody knows yet. What it lacks is named when it speaks.
            // Where the disk itself is full not even deleting works.
            Err(JournalError::Full) if !journal.is_settled() && journal.forget_oldest().unwrap_or(false) => {}
            Err(JournalError::Full) => return Ok(Some(events)),
            // Another release made these, and they may be at dispatch already: they stay as they are.
            Err(JournalError::Taken(sequence)) => {
                tracing::warn!(sequence, "this release derives another event than the journaled one, which stays");
                events = journal.lacking(events)?;
            }
            Err(other) => return Err(other),
        }
    }
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
    } else if let Some(state) = journal.salvaged_state().and_then(|state| serde_json::from_slice(state).ok()) {
        let position = Position { segment: 0, records: 0 };
        from = Some(From { state, position, is_of_these_facilities: false });
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
