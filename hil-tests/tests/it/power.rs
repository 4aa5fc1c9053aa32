//! The power goes: the journal on every disk that a power cut may leave behind.

use gatestamp::io::journal::Journal;
use hil_tests::disk::{Call, Cut, Disk, trace};
use hil_tests::gateway::binary;
use hil_tests::receiver::{self, Setup};
use hil_tests::world::random::Random;
use hil_tests::world::{Shift, facility};
use std::collections::BTreeMap;
use std::path::Path;

const SEED: u64 = 20_261_122;
const QUOTA: u64 = 16 << 20;

/// What the real binary asks of the disk while it journals a drive, and the events in the order in which it told them.
struct Journaled {
    calls: Vec<Call>,
    told: BTreeMap<u64, Vec<u8>>,
}

fn journaled(folder: &Path) -> Journaled {
    let shift = Shift::errands(SEED, 4);
    let epochs = receiver::listen(&shift, 1_795_000_000_000, Setup::default());
    let (recording, facilities, state) =
        (folder.join("drive.nmea"), folder.join("facilities.geojson"), folder.join("state"));
    std::fs::write(&recording, epochs.into_iter().flat_map(|epoch| epoch.bytes).collect::<Vec<_>>())
        .expect("room for the drive");
    facility::write_geojson(&shift.facilities, &shift.origin, &facilities).expect("room for the facilities");
    let arguments =
        [Path::new("replay"), Path::new("--facilities"), &facilities, Path::new("--state"), &state, &recording];
    let calls = trace(&binary().expect("the agent"), &arguments, &state).expect("its calls");
    let said: Vec<u8> =
        calls.iter().flat_map(|call| if let Call::Said(text) = call { &text[..] } else { &[] }).copied().collect();
    let lines = said.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    Journaled { told: (1..).zip(lines.map(<[u8]>::to_vec)).collect(), calls }
}

/// How many whole lines were told by then.
fn published(said: &[u8]) -> u64 {
    said.iter().map(|&byte| u64::from(byte == b'\n')).sum()
}

/// The journal opens, has every event that was published, and no other; the stored state is that of its newest event.
fn assert_whole(disk: &Disk, cut: Cut, random: &mut Random, published: u64, told: &BTreeMap<u64, Vec<u8>>, when: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    disk.cut(cut, random, folder.path()).expect("room for the disk");
    let _ = std::fs::remove_file(folder.path().join("journal.db-shm")); // rebuilt by whoever opens the journal first
    let journal =
        Journal::open(&folder.path().join("journal.db"), QUOTA).unwrap_or_else(|fault| panic!("{when}: {fault}"));
    let highest = journal.highest().expect("a number");
    assert!(highest >= published, "{when}: {published} events were published, {highest} are there");
    let bodies = journal.bodies(&(1..=highest)).expect("bodies");
    assert_eq!(bodies.len() as u64, highest, "{when}: a gap in the sequence");
    assert!(bodies.iter().all(|(sequence, body)| told.get(sequence) == Some(body)), "{when}: another body");
    let stored = journal.state().expect("a state or none").map_or(0, |(state, _)| sequence(&state));
    assert_eq!(stored, highest, "{when}: the state is not that of the newest event");
}

/// The last sequence that this state of the engine has given out.
fn sequence(state: &[u8]) -> u64 {
    let state: serde_json::Value = serde_json::from_slice(state).expect("JSON");
    state.get("sequence").and_then(serde_json::Value::as_u64).expect("a sequence")
}

#[test]
fn power_cut_at_each_write() {
    let folder = tempfile::tempdir().unwrap();
    let Journaled { calls, told } = journaled(folder.path());
    assert!(told.len() > 30, "{} events", told.len());
    let (mut disk, mut random, mut said) = (Disk::default(), Random::stream(SEED, "cut"), Vec::new());
    let mut cuts = 0;
    for (number, call) in calls.iter().enumerate() {
        if let Call::Said(text) = call {
            said.extend_from_slice(text);
        }
        if !disk.perform(call) {
            continue;
        }
        for cut in [Cut::Nothing, Cut::Everything, Cut::Torn, Cut::Torn] {
            let when = format!("seed {SEED}, {cut:?} after call {number}");
            assert_whole(&disk, cut, &mut random, published(&said), &told, &when);
            cuts += 1;
        }
    }
    println!("{} events, {} calls, {cuts} power cuts", told.len(), calls.len());
}
