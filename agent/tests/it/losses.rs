//! Nothing is lost without being named: what the engine makes of a loss, and what a year without dispatch does to a small disk.

use crate::drive::{boot, engine, events, inputs};
use crate::power_cut::{head, journaled, live};
use gatestamp::engine::{Effect, Engine, Input, State};
use gatestamp::event::{Event, Kind, Loss, LossCause, named_by};
use gatestamp::io::blackbox::Blackbox;
use gatestamp::io::journal::{Journal, JournalError, Position};
use gatestamp::io::keeper::{Held, Keeper};
use gatestamp::io::resume::resume;
use gatestamp::outbox::History;
use gatestamp::ranges::Ranges;
use gatestamp::recording::Recorded;
use gatestamp::time::Mono;
use geofence::UnixMillis;
use serde_json::{Value, json};
use std::path::Path;

const ROOMY: u64 = 64 << 20;
const NOWHERE: Position = Position { segment: 0, records: 0 };

fn lost(at: Mono, ranges: &[(u64, u64)], why: LossCause) -> Recorded {
    Recorded::Lost(at, Loss { ranges: ranges.iter().copied().collect(), why })
}

fn data(event: &Event) -> Value {
    serde_json::from_slice::<Value>(&event.body).unwrap()["data"].clone()
}

#[test]
fn a_loss_is_an_event_that_says_which_sequences_and_why() {
    let mut engine = engine(State::default());
    let drive = inputs();
    let told: usize = drive.iter().map(|input| events(&mut engine, input).len()).sum();
    let told = told as u64;
    assert!(told > 4);
    let at = drive[drive.len() - 1].at();
    // Of the future nothing can be lost: 4 to 99 ends where the numbers do.
    let named = events(&mut engine, &lost(at, &[(2, 2), (4, 99)], LossCause::Unsendable));
    let [event] = &named[..] else { panic!("{named:?}") };
    assert_eq!((event.kind, event.sequence, event.evicts.is_empty()), (Kind::DeviceLost, told + 1, true));
    let said = data(event);
    assert_eq!((&said["first"], &said["last"], &said["count"]), (&json!(2), &json!(told), &json!(told - 2)));
    assert_eq!((&said["ranges"], &said["why"]), (&json!([[2, 2], [4, told]]), &json!(["unsendable"])));
    for member in ["at", "clock", "boot_id", "engine"] {
        assert!(!said[member].is_null(), "{member}");
    }
    let everything = lost(at, &[(0, u64::MAX)], LossCause::Unsendable);
    assert_eq!(data(&events(&mut engine, &everything)[0])["ranges"], json!([[1, told + 1]]));
    assert_eq!(events(&mut engine, &Recorded::Floor(at, u64::MAX)), [], "no floor that JSON could not name");
    assert_eq!(engine.state().sequence(), told + 2);
    let nothing = lost(at, &[(told + 3, u64::MAX), (0, 0)], LossCause::Evicted);
    assert_eq!(events(&mut engine, &nothing), [], "what was never given out is not lost");
    assert!(events(&mut engine, &lost(at, &[(1, 3)], LossCause::Evicted))[0].evicts.contains(3));
}

#[test]
fn a_loss_before_the_first_fix_waits_for_its_date_through_a_power_cut() {
    let mut first = engine(State::default());
    assert_eq!(events(&mut first, &Recorded::Floor(Mono(0), 40)), []);
    assert_eq!(events(&mut first, &boot(Mono(0))), []);
    let stored: State = serde_json::from_slice(&serde_json::to_vec(first.state()).unwrap()).unwrap();
    assert_eq!(stored.losing().span(), Some((1, 40)));
    let mut engine = engine(stored);
    let told: Vec<Event> = inputs().iter().skip(1).flat_map(|input| events(&mut engine, input)).collect();
    let names: Vec<&Event> = told.iter().filter(|event| event.kind == Kind::DeviceLost).collect();
    assert_eq!((told[0].sequence, names.len()), (41, 1));
    assert_eq!((&data(names[0])["ranges"], &data(names[0])["why"]), (&json!([[1, 40]]), &json!(["numbers_skipped"])));
    assert_eq!(data(names[0])["clock"]["source"], "backfilled");
    assert!(engine.state().losing().is_empty());
}

#[test]
fn a_state_of_the_last_release_opens_and_has_lost_nothing() {
    let mut before = serde_json::to_value(State::default()).unwrap();
    for member in ["base", "renumberings", "skipped"] {
        before.as_object_mut().unwrap().remove(member).unwrap();
    }
    let state: State = serde_json::from_value(before).unwrap();
    assert_eq!(state, State::default());
}

pub(crate) fn remove_journal(dir: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(dir.join(format!("journal.db{suffix}")));
    }
}

pub(crate) fn sequence(body: &[u8]) -> u64 {
    serde_json::from_slice::<Value>(body).unwrap()["sequence"].as_str().unwrap().parse().unwrap()
}

/// What the next start finds: where numbers have to go on, and what the journal knows of dispatch.
fn found(dir: &Path) -> (Option<u64>, History) {
    let mut journal = Journal::open(&dir.join("journal.db"), ROOMY).unwrap();
    let mut engine = engine(State::default());
    let resumed = resume(&mut engine, &mut journal, &dir.join("recording"), &mut Vec::new()).unwrap();
    (resumed.floor, journal.history().unwrap())
}

#[test]
fn the_mark_counts_where_the_recording_cannot_know() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(found(dir.path()), (None, History::Untold));
    live(dir.path(), &inputs());
    assert_eq!(found(dir.path()).0, None, "the journal is there");
    remove_journal(dir.path());
    assert_eq!(found(dir.path()), (None, History::Derived), "the recording knows them all");
    remove_journal(dir.path());
    let recording = dir.path().join("recording");
    let segment = std::fs::read_dir(&recording).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&segment).unwrap();
    let mut spoilt = whole.clone();
    spoilt[whole.len() * 2 / 3] ^= 0x40;
    std::fs::write(&segment, spoilt).unwrap();
    assert_eq!(found(dir.path()), (Some(256), History::Derived));
    assert_eq!(found(dir.path()), (Some(256), History::Derived), "killed before the numbers went on");
    remove_journal(dir.path());
    std::fs::remove_dir_all(&recording).unwrap();
    assert_eq!(found(dir.path()), (Some(256), History::Derived));
    // An older copy of the journal is put back: the mark knows of more than a block beyond.
    remove_journal(dir.path());
    let mut journal = Journal::open(&dir.path().join("journal.db"), ROOMY).unwrap();
    journal.save(&[event(9, Kind::DeviceHealth)], b"{}", NOWHERE).unwrap();
    drop(journal);
    std::fs::write(dir.path().join("high-water"), mark(900)).unwrap();
    assert_eq!(found(dir.path()).0, Some(900));
}

fn mark(through: u64) -> String {
    let said = format!("GATESTAMP-SEQUENCE 1 {through} recorded");
    format!("{said} {:08x}\n", crc32fast::hash(said.as_bytes()))
}

#[test]
fn what_dispatch_knows_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let open = || Journal::open(&path, ROOMY).unwrap();
    assert_eq!(open().history().unwrap(), History::Untold);
    open().told(3).unwrap();
    open().told(2).unwrap();
    assert_eq!((open().history().unwrap(), open().sent()), (History::Unacknowledged, 3));
    let mut journal = open();
    journal.derived();
    journal.save(&[], b"{}", NOWHERE).unwrap();
    drop(journal);
    assert_eq!(open().history().unwrap(), History::Derived);
    // Killed before it is named what dispatch lacks, the next start names it.
    open().received(2).unwrap();
    assert_eq!((open().history().unwrap(), open().is_accepted()), (History::Known, false));
    open().accept().unwrap();
    assert_eq!((open().history().unwrap(), open().is_accepted()), (History::Known, true));
    // As the release before leaves it: an acknowledgement, and nothing noted beside it.
    drop(std::fs::remove_file(&path));
    open().received(7).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute_batch("DROP TABLE told").unwrap();
    assert_eq!(open().history().unwrap(), History::Known);
}

#[test]
fn what_is_noted_ahead_of_sending_is_taken_back_with_the_next_commit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let open = || Journal::open(&path, ROOMY).unwrap();
    let backlog: Vec<Event> = (1..=300).map(|sequence| event(sequence, Kind::DeviceHealth)).collect();
    let mut journal = open();
    journal.save(&backlog, b"{}", NOWHERE).unwrap();
    journal.told(20).unwrap();
    assert_eq!(journal.sent(), 20);
    assert_eq!(open().sent(), 276, "a power cut here, or after another 256 were sent");
    journal.told(276).unwrap();
    assert_eq!(open().sent(), 276, "that many need no other note");
    journal.told(277).unwrap();
    assert_eq!(open().sent(), 300, "there are no more to be sent");
    journal.save(&[], b"{}", NOWHERE).unwrap();
    assert_eq!((journal.sent(), open().sent()), (277, 277));
    journal.told(278).unwrap();
    assert_eq!(open().sent(), 300);
}

pub(crate) fn event(sequence: u64, kind: Kind) -> Event {
    let body = vec![b'x'; if kind == Kind::DeviceHealth { 600 } else { 1_300 }];
    let evicts = Ranges::default();
    Event { sequence, id: format!("fleet-truck-{sequence}"), kind, at: UnixMillis(0), body, evicts }
}

/// With nothing under way.
fn evictions(journal: &Journal, held: usize) -> Vec<Loss> {
    journal.evictions(held, &Ranges::default()).unwrap()
}

fn naming(sequence: u64, loss: Loss) -> Event {
    let body = json!({"data": {"ranges": loss.ranges}}).to_string().into_bytes();
    Event { kind: Kind::DeviceLost, body, evicts: loss.ranges, ..event(sequence, Kind::DeviceLost) }
}

#[test]
fn unreceived_events_evicted() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&dir.path().join("journal.db"), 1 << 20).unwrap();
    let kind = |sequence: u64| if sequence.is_multiple_of(4) { Kind::VisitArrived } else { Kind::DeviceHealth };
    let (mut sequence, mut visits_went, mut of_device) = (0, 0, Ranges::default());
    while sequence < 6_000 {
        // Days with visits only, so that the others are used up.
        let batch = (1..=8)
            .map(|n| event(sequence + n, if sequence > 1_500 { Kind::VisitArrived } else { kind(sequence + n) }));
        let batch: Vec<Event> = batch.collect();
        batch
            .iter()
            .filter(|event| event.kind == Kind::DeviceHealth)
            .for_each(|event| of_device.insert(event.sequence, event.sequence));
        sequence += 8;
        journal.save(&batch, b"state", NOWHERE).unwrap();
        while let Some(loss) = evictions(&journal, 0).pop() {
            let there = journal.bodies(&(1..=sequence)).unwrap();
            let goes: Vec<u64> = there.iter().map(|(n, _)| *n).filter(|n| loss.ranges.contains(*n)).collect();
            assert!(!goes.is_empty(), "an eviction makes room");
            if goes.iter().any(|n| !of_device.contains(*n)) {
                visits_went += 1;
                assert!(of_device.is_empty(), "a visit goes while a device event can: {loss:?} of {of_device:?}");
                let first = there.iter().find(|(n, _)| !goes.contains(n)).map(|(n, _)| *n);
                assert!(first.is_none_or(|first| goes.iter().all(|n| *n < first)), "the oldest first");
            }
            goes.iter().for_each(|n| of_device.remove(*n, *n));
            sequence += 1;
            journal.save(&[naming(sequence, loss)], b"state", NOWHERE).unwrap();
        }
    }
    assert!(visits_went > 0);
    // Whatever is not there is named by what is there, so dispatch can pass it.
    let mut known = journal.named_above(0).unwrap();
    let there = journal.bodies(&(1..=sequence)).unwrap();
    assert!(there.len() > 300, "{} events in a megabyte", there.len());
    there.iter().for_each(|(n, _)| known.insert(*n, *n));
    assert_eq!(known.iter().collect::<Vec<_>>(), [(1, sequence)]);
}

#[test]
fn what_dispatch_has_goes_before_anything_that_it_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&dir.path().join("journal.db"), 1 << 20).unwrap();
    let mut sequence = 0;
    while evictions(&journal, 0).is_empty() {
        sequence += 1;
        match journal.save(&[event(sequence, Kind::DeviceHealth)], b"state", NOWHERE) {
            Ok(()) => {}
            Err(JournalError::Full) => panic!("full before anything had to go"),
            Err(other) => panic!("{other}"),
        }
    }
    journal.received(100).unwrap();
    assert_eq!(evictions(&journal, 0), []);
    journal.save(&[event(sequence + 1, Kind::DeviceHealth)], b"state", NOWHERE).unwrap();
    assert_eq!(journal.lowest().unwrap(), 101);
}

/// The daemon's way with a quota, without its clocks.
fn feed(keeper: &mut Keeper, engine: &mut Engine, input: &Recorded) {
    for effect in engine.handle(&Input::Recorded(input)) {
        if effect == Effect::Record {
            keeper.record(input.at(), input);
        } else if let Effect::Save(events) = effect {
            keeper.save(input.at(), events, engine.state());
        }
    }
}

#[test]
fn what_was_evicted_is_named_in_the_same_transaction_and_derived_again_so() {
    let dir = tempfile::tempdir().unwrap();
    let recording = dir.path().join("recording");
    let journal = Journal::open(&dir.path().join("journal.db"), 1 << 20).unwrap();
    let mut keeper = Keeper::new(journal, Blackbox::new(&recording, ROOMY).unwrap(), Held::default());
    let mut engine = engine(State::default());
    keeper.begin(Mono(0), &head(&engine));
    inputs().iter().for_each(|input| feed(&mut keeper, &mut engine, input));
    let mut at = Mono(300_000);
    let mut losses = 0;
    while losses < 3 {
        at = Mono(at.0 + 600_000);
        feed(&mut keeper, &mut engine, &Recorded::Missed(at, 1));
        while let Some(loss) = keeper.evictions().pop() {
            losses += 1;
            feed(&mut keeper, &mut engine, &Recorded::Lost(at, loss));
        }
    }
    assert_eq!(keeper.trouble().journal, None);
    drop(keeper);
    let before = journaled(dir.path());
    let named: Vec<u64> = before.iter().map(|body| named_by(body).count()).filter(|count| *count > 0).collect();
    assert_eq!(named.len(), losses);
    assert_eq!(before.len() as u64 + named.iter().sum::<u64>(), sequence(&before[before.len() - 1]));
    let visits =
        |bodies: &[Vec<u8>]| bodies.iter().filter(|body| String::from_utf8_lossy(body).contains("\"visit\"")).count();
    assert!(visits(&before) >= 3, "visits stay");
    remove_journal(dir.path());
    live(dir.path(), &[]);
    assert_eq!(journaled(dir.path()), before);
}

/// A drive, and then a device that misses one input after another: an event each.
fn missed(dir: &Path, times: u64) -> Vec<Recorded> {
    let missed = (0..times).map(|n| Recorded::Missed(Mono(300_000 + n * 600_000), 1));
    let all: Vec<Recorded> = inputs().into_iter().chain(missed).collect();
    let mut blackbox = Blackbox::new(&dir.join("recording"), ROOMY).unwrap();
    blackbox.begin(Mono(0), &head(&engine(State::default()))).unwrap();
    all.iter().for_each(|input| blackbox.append(input.at(), input).unwrap());
    blackbox.end().unwrap();
    all
}

#[test]
fn a_new_journal_that_is_too_small_for_all_that_is_derived_keeps_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let all = missed(dir.path(), 2_500);
    let mut fresh = engine(State::default());
    let decided: usize = all.iter().map(|input| events(&mut fresh, input).len()).sum();
    let mut journal = Journal::open(&dir.path().join("journal.db"), 1 << 20).unwrap();
    let mut engine = engine(State::default());
    let resumed = resume(&mut engine, &mut journal, &dir.path().join("recording"), &mut Vec::new()).unwrap();
    assert_eq!((resumed.unsaved.events.len(), resumed.unsaved.dropped), (0, 0));
    assert_eq!(journal.highest().unwrap(), decided as u64);
    // What dispatch lacks below is named when it speaks.
    let lowest = journal.lowest().unwrap();
    assert!(lowest > 100 && decided as u64 - lowest > 300, "{lowest} of {decided}");
}

#[test]
fn what_waits_for_room_at_a_start_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let all = missed(dir.path(), 11_200);
    let mut journal = Journal::open(&dir.path().join("journal.db"), 1 << 20).unwrap();
    // An old journal: dispatch may yet get all of it, so nothing goes without a name.
    journal.settle();
    let before: Vec<Event> = (1..=400).map(|n| event(n, Kind::VisitArrived)).collect();
    let state = json!({"sequence": 400}).to_string();
    journal.save(&before, state.as_bytes(), Position { segment: 1, records: 0 }).unwrap();
    let mut engine = engine(State::default());
    let held = resume(&mut engine, &mut journal, &dir.path().join("recording"), &mut Vec::new()).unwrap().unsaved;
    let highest = journal.highest().unwrap();
    assert_eq!(held.events.len(), 10_000);
    assert_eq!(held.events[0].sequence, highest + 1);
    assert_eq!(highest + 10_000 + held.dropped, engine.state().sequence());
    assert!(held.dropped > 0 && held.position.records < all.len() as u64, "the next start goes on from there");
    let keeper = Keeper::new(journal, Blackbox::new(&dir.path().join("recording"), ROOMY).unwrap(), held);
    assert!(!keeper.is_clean() && keeper.trouble().dropped > 0);
}

#[test]
fn no_state_is_stored_past_events_that_found_no_room() {
    let dir = tempfile::tempdir().unwrap();
    let recording = dir.path().join("recording");
    let journal = Journal::open(&dir.path().join("journal.db"), ROOMY).unwrap();
    // What was held has found room by now, and what came after it had found none.
    let held = Held { dropped: 1, ..Held::default() };
    let mut keeper = Keeper::new(journal, Blackbox::new(&recording, ROOMY).unwrap(), held);
    let mut decided = engine(State::default());
    keeper.begin(Mono(0), &head(&decided));
    inputs().iter().for_each(|input| feed(&mut keeper, &mut decided, input));
    let due = Mono(2 * 3_600_000);
    assert_eq!(keeper.tend(due, || head(&decided)), None);
    assert!(keeper.must_start_again() && !keeper.is_clean());
    keeper.end();
    drop(keeper);
    assert_eq!(std::fs::read_dir(&recording).unwrap().count(), 1, "the ring does not turn");
    let mut journal = Journal::open(&dir.path().join("journal.db"), ROOMY).unwrap();
    assert_eq!(journal.state().unwrap(), None);
    let mut again = engine(State::default());
    resume(&mut again, &mut journal, &recording, &mut Vec::new()).unwrap();
    assert_eq!(journal.highest().unwrap(), decided.state().sequence());
    assert_eq!(journal.bodies(&(1..=u64::from(u32::MAX))).unwrap().len() as u64, decided.state().sequence());
}

#[test]
fn many_that_wait_for_room_get_it_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&dir.path().join("journal.db"), 1 << 20).unwrap();
    let mut sequence = 0;
    while evictions(&journal, 0).is_empty() {
        sequence += 1;
        journal.save(&[event(sequence, Kind::VisitArrived)], b"state", NOWHERE).unwrap();
    }
    let mut held: Vec<Event> = (1..=200).map(|n| event(sequence + n, Kind::VisitArrived)).collect();
    let loss = evictions(&journal, held.len()).remove(0);
    assert_eq!(loss.ranges.iter().collect::<Vec<_>>(), [(1, 200)]);
    held.push(naming(sequence + 201, loss));
    journal.save(&held, b"state", NOWHERE).unwrap();
    assert_eq!((journal.lowest().unwrap(), journal.highest().unwrap()), (201, sequence + 201));
}

/// As the daemon does it: what goes is named in one transaction. How many were named.
fn make_room(keeper: &mut Keeper, engine: &mut Engine, at: Mono) -> u64 {
    keeper.gather();
    let losses = keeper.evictions();
    let named = losses.iter().map(|loss| loss.ranges.count()).sum();
    losses.into_iter().for_each(|loss| feed(keeper, engine, &Recorded::Lost(at, loss)));
    keeper.commit_gathered(at);
    named
}

#[test]
fn many_that_wait_for_room_take_that_of_visits_only_where_nothing_else_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&dir.path().join("journal.db"), 4 << 20).unwrap();
    // Two of three are about the device: as many runs as there can be, and few pages that their going frees.
    let is_visit = |sequence: u64| sequence.is_multiple_of(3);
    let kind = |sequence| if is_visit(sequence) { Kind::VisitArrived } else { Kind::DeviceHealth };
    let mut sequence = 0;
    while evictions(&journal, 0).is_empty() {
        sequence += 1;
        journal.save(&[event(sequence, kind(sequence))], b"state", NOWHERE).unwrap();
    }
    let before = sequence;
    let of_device = (1..=before).filter(|n| !is_visit(*n)).count();
    let held = of_device as u64 / 6;
    for visits_may_go in [false, true] {
        let held: Vec<Event> = (1..=held).map(|n| event(sequence + n, Kind::VisitArrived)).collect();
        sequence += held.len() as u64;
        let newest = sequence;
        let held = Held { events: held, ..Held::default() };
        let path = dir.path().join("recording");
        let mut keeper = Keeper::new(journal, Blackbox::new(&path, ROOMY).unwrap(), held);
        let mut engine = engine(State::default());
        keeper.begin(Mono(0), &head(&engine));
        // The receiver has given a date; what it made of the drive is not of interest here.
        inputs().iter().for_each(|input| drop(events(&mut engine, input)));
        engine.not_below(0, sequence);
        let mut rounds = 0;
        while !keeper.is_clean() || rounds == 0 {
            let at = Mono(300_000 + rounds * 1_000);
            make_room(&mut keeper, &mut engine, at);
            let there = keeper.journal().bodies(&(1..=before)).unwrap();
            let visits = there.iter().filter(|(n, _)| is_visit(*n)).count() as u64;
            let left = there.len() as u64 - visits;
            let is_right = visits == before / 3 || (visits_may_go && left == 0 && visits > 100);
            assert!(is_right, "{visits} visits, {left} others");
            rounds += 1;
            assert!(rounds < 30, "room is made in seconds");
        }
        assert_eq!(keeper.trouble().journal, None);
        sequence = keeper.journal().highest().unwrap();
        let mut known = keeper.journal().named_above(0).unwrap();
        let there = keeper.journal().bodies(&(1..=sequence)).unwrap();
        there.iter().for_each(|(n, _)| known.insert(*n, *n));
        assert_eq!(known.iter().collect::<Vec<_>>(), [(1, sequence)], "what is not there is named");
        let kept = there.iter().filter(|(n, _)| (before + 1..=newest).contains(n)).count() as u64;
        assert!(visits_may_go || kept == newest - before, "what was held is there");
        drop(keeper);
        journal = Journal::open(&dir.path().join("journal.db"), 4 << 20).unwrap();
    }
}

#[test]
fn what_a_kill_left_of_a_segment_goes_with_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let left = ["00000007.gsr.new", "notes.gsr.new", "00000003.gsr"].map(|name| dir.path().join(name));
    left.iter().for_each(|file| std::fs::write(file, b"GATESTAMP-RECORDING 1").unwrap());
    drop(Blackbox::new(dir.path(), ROOMY).unwrap());
    assert_eq!(left.map(|file| file.exists()), [false, true, true]);
}

#[test]
fn only_segments_that_no_start_derives_from_give_way_to_a_full_disk() {
    let dir = tempfile::tempdir().unwrap();
    let segments = [3, 4, 5, 6].map(|index| dir.path().join(format!("{index:08}.gsr")));
    segments.iter().for_each(|file| std::fs::write(file, b"GATESTAMP-RECORDING 1").unwrap());
    let there = || segments.each_ref().map(|file| file.exists());
    let mut blackbox = Blackbox::new(dir.path(), ROOMY).unwrap();
    assert!(!blackbox.give_way(0).unwrap(), "nobody knows what is derived from");
    assert!(blackbox.give_way(4).unwrap() && !blackbox.give_way(4).unwrap());
    assert_eq!(there(), [false, true, true, true]);
    blackbox.begin(Mono(0), &head(&engine(State::default()))).unwrap();
    while blackbox.give_way(u64::MAX).unwrap() {}
    assert_eq!((there(), blackbox.position()), ([false; 4], (7, 0)), "not the one that is open");
    blackbox.end().unwrap();
    assert!(!blackbox.give_way(u64::MAX).unwrap(), "not the newest");
}
