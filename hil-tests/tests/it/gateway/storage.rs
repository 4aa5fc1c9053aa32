//! What if the disk is full, or the journal is no longer a database?

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use hil_tests::clock::await_condition;
use hil_tests::event::Event;
use hil_tests::gateway::Gateway;
use hil_tests::small_disk::{SmallDisk, fill};
use hil_tests::world::Shift;
use hil_tests::world::facility::Zone;
use hil_tests::world::truth::Direction;

use super::rig::{Garage, PATIENCE, Rig, SCALE};

#[test]
fn a_corrupt_journal_is_set_aside_and_reported_and_a_new_one_goes_on_without_a_gap() {
    let mut rig = Rig::set_off(Shift::errands(51, 1), SCALE);
    let on_the_road_s = rig.crossing("depot", Zone::Site, Direction::Leave, 0) + 30.0;
    rig.until(on_the_road_s);
    assert!(await_condition(PATIENCE, || rig.owed() == 0), "dispatch has what happened so far");
    assert!(rig.stop_agent().success(), "{}", rig.log_tail());
    spoil(&rig.installation.state().join("journal.db"));
    rig.start_agent();
    let told = || fs::read_to_string(rig.installation.log()).is_ok_and(|log| log.contains("damaged"));
    assert!(await_condition(PATIENCE, told), "the log says so: {}", rig.log_tail());
    assert!(!set_aside(&rig.installation.state()).is_empty(), "the damaged file is kept under another name");
    rig.finish();
}

/// Overwrites the pages after the first, as a dying flash does: the header still promises a database.
fn spoil(file: &Path) {
    let mut bytes = fs::read(file).expect("a journal");
    assert!(bytes.len() > 4_096);
    for byte in bytes.iter_mut().skip(100) {
        *byte ^= 0xa5;
    }
    fs::write(file, bytes).expect("writable");
}

/// Files beside the journal that are neither it nor its companions.
fn set_aside(state: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![state.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("readable").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if name.contains("journal")
                && !["journal.db", "journal.db-wal", "journal.db-shm"].contains(&name.as_str())
            {
                found.push(entry.path());
            }
        }
    }
    found
}

#[test]
fn a_disk_filled_by_others_makes_events_late_and_loses_none() {
    let garage = Garage::open(Shift::errands(52, 1), SCALE);
    let Some(disk) = SmallDisk::mount(&garage.installation.state(), c"size=2m") else {
        let why = "no permission to mount a small file system: the full disk was not tested";
        let _ = writeln!(std::io::stderr(), "{why}");
        return;
    };
    let mut rig = garage.drive(None);
    rig.until(rig.crossing("depot", Zone::Site, Direction::Leave, 0) + 30.0);
    let filler = rig.installation.state().join("filler");
    fill(&filler, 0).expect("creatable");
    let told = || rig.installation.health().is_some_and(|health| health["recording"]["state"] == "refused");
    assert!(await_condition(PATIENCE, told), "the full disk is told while it is full: {:?}", rig.installation.health());
    rig.until(rig.crossing("shop", Zone::Dock, Direction::Enter, 0) + 40.0);
    fs::remove_file(&filler).expect("removable");
    rig.settle();
    rig.assert_crossings();
    // No replay here: what the full disk did not take is not in the recording.
    rig.assert_same_events(&rig.journal());
    // Before the rig removes the directory under it.
    drop(disk);
}

#[test]
fn on_a_full_disk_old_segments_give_way_and_dispatch_gets_what_happens_meanwhile() {
    let garage = Garage::open(Shift::errands(57, 1), SCALE);
    let state = garage.installation.state();
    let Some(disk) = SmallDisk::mount(&state, c"size=6m") else {
        let why = "no permission to mount a small file system: the full disk was not tested";
        let _ = writeln!(std::io::stderr(), "{why}");
        return;
    };
    let mut rig = garage.drive(None);
    rig.until(rig.crossing("depot", Zone::Site, Direction::Leave, 0) + 30.0);
    let segment = |nth: u64| state.join(format!("recording/{nth:08}.gsr"));
    for nth in 1..=2 {
        assert!(await_condition(PATIENCE, || rig.owed() == 0), "{}", rig.log_tail());
        assert!(rig.stop_agent().success(), "{}", rig.log_tail());
        // As long as an hour of the drive: what follows the last seal is not read.
        let mut file = fs::OpenOptions::new().append(true).open(segment(nth)).expect("a segment");
        file.write_all(&[0x5a; 1 << 20]).expect("room");
        rig.start_agent();
        assert!(await_condition(PATIENCE, || segment(nth + 1).exists()), "{}", rig.log_tail());
    }
    assert!(await_condition(PATIENCE, || rig.owed() == 0), "{}", rig.log_tail());
    let others = |nth: u32| state.join(format!("others-{nth}"));
    fill(&others(0), 0).expect("creatable");
    // The gate and no more: what follows is for the next start.
    rig.until(rig.crossing("shop", Zone::Site, Direction::Enter, 0) + 20.0);
    let arrived = || {
        let at_the_shop = |event: &Event| event.claim.as_ref().is_some_and(|claim| claim.facility == "shop");
        rig.dispatch_events().iter().any(|event| event.kind == "visit.arrived" && at_the_shop(event))
    };
    assert!(await_condition(PATIENCE, arrived), "dispatch knows while the disk is full: {}", rig.log_tail());
    let gave_way = || latest(&rig, "/segments_gave_way").as_u64();
    assert!(await_condition(PATIENCE, || gave_way() == Some(1)), "{:?}", rig.installation.health());
    assert!(
        !segment(1).exists() && segment(2).exists() && segment(3).exists(),
        "the oldest, and no more than it takes"
    );
    rig.kill_agent();
    fill(&others(1), 0).expect("creatable");
    rig.start_agent();
    rig.until(rig.crossing("shop", Zone::Dock, Direction::Enter, 0) + 40.0);
    assert!(await_condition(PATIENCE, || rig.owed() == 0), "{}", rig.log_tail());
    assert!(!segment(2).exists() && segment(3).exists(), "what the start derives from stays");
    fill(&others(2), 0).expect("creatable");
    assert!(rig.stop_agent().success(), "{}", rig.log_tail());
    rig.start_agent();
    (0..3).for_each(|nth| fs::remove_file(others(nth)).expect("removable"));
    rig.settle();
    rig.assert_crossings();
    rig.assert_same_events(&rig.journal());
    drop(disk);
}

#[test]
fn where_no_segment_can_give_way_the_reserve_does_for_what_happens() {
    let garage = Garage::open(Shift::errands(59, 1), SCALE);
    let state = garage.installation.state();
    let Some(disk) = SmallDisk::mount(&state, c"size=16m") else {
        let why = "no permission to mount a small file system: the full disk was not tested";
        let _ = writeln!(std::io::stderr(), "{why}");
        return;
    };
    let mut rig = garage.drive(None);
    rig.until(rig.crossing("depot", Zone::Site, Direction::Leave, 0) + 30.0);
    assert!(await_condition(PATIENCE, || rig.owed() == 0 && state.join("reserve").exists()), "{}", rig.log_tail());
    let filler = state.join("filler");
    fill(&filler, 0).expect("creatable");
    rig.until(rig.crossing("shop", Zone::Dock, Direction::Enter, 0) + 40.0);
    let arrived = || {
        let at_the_shop = |event: &Event| event.claim.as_ref().is_some_and(|claim| claim.facility == "shop");
        rig.dispatch_events().iter().any(|event| event.kind == "visit.arrived" && at_the_shop(event))
    };
    assert!(await_condition(PATIENCE, arrived), "dispatch knows while the disk is full: {}", rig.log_tail());
    assert!(!state.join("reserve").exists() && filler.exists(), "it was given up");
    rig.settle();
    rig.assert_crossings();
    rig.assert_same_events(&rig.journal());
    drop(disk);
}

#[test]
fn what_was_in_memory_alone_when_the_power_went_is_told_by_the_next_start() {
    let garage = Garage::open(Shift::errands(58, 1), SCALE);
    let state = garage.installation.state();
    // Of its recording nothing may give way, and there is no reserve.
    let Some(disk) = SmallDisk::mount(&state, c"size=4m") else {
        let why = "no permission to mount a small file system: the full disk was not tested";
        let _ = writeln!(std::io::stderr(), "{why}");
        return;
    };
    let mut rig = garage.drive(None);
    rig.until(rig.crossing("depot", Zone::Site, Direction::Leave, 0) + 30.0);
    assert!(await_condition(PATIENCE, || rig.owed() == 0), "{}", rig.log_tail());
    let filler = state.join("filler");
    fill(&filler, 0).expect("creatable");
    rig.until(rig.crossing("shop", Zone::Dock, Direction::Enter, 0) + 40.0);
    let held = || rig.installation.health().and_then(|health| health["held"].as_u64()).filter(|held| *held > 0);
    assert!(await_condition(PATIENCE, || held().is_some()), "{:?}", rig.installation.health());
    let held = held().expect("as before");
    rig.kill_agent();
    fs::remove_file(&filler).expect("removable");
    rig.start_agent();
    rig.settle();
    let journal = rig.journal();
    rig.assert_same_events(&journal);
    let whys: Vec<serde_json::Value> = journal
        .events
        .iter()
        .filter_map(|(_, body)| serde_json::from_slice::<serde_json::Value>(body).ok())
        .filter(|event| event["type"] == "com.gatestamp.device.started")
        .map(|event| event["data"]["why"].clone())
        .collect();
    let told = whys.last().and_then(|why| Some((why.get(0)?.as_str()?, why.get(1)?.as_str()?.parse::<u64>().ok()?)));
    assert!(
        told.is_some_and(|(word, count)| word == "events_lost_in_memory" && count >= held),
        "{held} held, {whys:?}"
    );
    assert_eq!(whys.first(), Some(&serde_json::json!(["started"])));
    drop(disk);
}

#[test]
fn a_full_disk_does_not_keep_the_agent_from_starting() {
    let garage = Garage::open(Shift::errands(53, 1), SCALE);
    let Some(disk) = SmallDisk::mount(&garage.installation.state(), c"size=16m") else {
        let why = "no permission to mount a small file system: the full disk was not tested";
        let _ = writeln!(std::io::stderr(), "{why}");
        return;
    };
    let mut rig = garage.drive(None);
    let state = rig.installation.state();
    rig.until(rig.crossing("depot", Zone::Site, Direction::Leave, 0) + 30.0);
    assert!(await_condition(PATIENCE, || rig.owed() == 0 && state.join("reserve").exists()), "{}", rig.log_tail());
    assert!(rig.stop_agent().success(), "{}", rig.log_tail());
    let filler = state.join("filler");
    fill(&filler, 0).expect("creatable");
    rig.start_agent();
    rig.until(rig.crossing("shop", Zone::Dock, Direction::Enter, 0) + 40.0);
    assert!(!state.join("reserve").exists(), "it was given up");
    fs::remove_file(&filler).expect("removable");
    rig.settle();
    rig.assert_crossings();
    let journal = rig.journal();
    rig.assert_same_events(&journal);
    let told =
        journal.events.iter().any(|(_, body)| String::from_utf8_lossy(body).contains("disk_full_reserve_given_up"));
    assert!(told, "the start says what it took");
    drop(disk);
}

#[test]
fn a_disk_without_any_room_does_not_keep_the_agent_from_deciding() {
    decides_without_room(true);
}

#[test]
fn a_journal_that_cannot_even_be_made_does_not_keep_the_agent_from_deciding() {
    decides_without_room(false);
}

fn decides_without_room(has_journal: bool) {
    let garage = Garage::open(Shift::errands(54, 1), SCALE);
    // Less than a reserve asks for.
    let Some(disk) = SmallDisk::mount(&garage.installation.state(), c"size=4m") else {
        let why = "no permission to mount a small file system: the full disk was not tested";
        let _ = writeln!(std::io::stderr(), "{why}");
        return;
    };
    let mut rig = garage.drive(None);
    let state = rig.installation.state();
    rig.until(rig.crossing("depot", Zone::Site, Direction::Leave, 0) + 30.0);
    assert!(await_condition(PATIENCE, || rig.owed() == 0), "{}", rig.log_tail());
    assert!(rig.stop_agent().success(), "{}", rig.log_tail());
    if !has_journal {
        fs::remove_file(state.join("journal.db")).expect("removable");
    }
    let filler = state.join("filler");
    fill(&filler, 0).expect("creatable");
    rig.start_agent();
    rig.until(rig.crossing("shop", Zone::Dock, Direction::Enter, 0) + 40.0);
    let log = fs::read_to_string(rig.installation.log()).expect("readable");
    assert!(log.contains("no room for the journal; events are held in memory"), "{}", rig.log_tail());
    assert_eq!(fs::metadata(state.join("journal.db")).map_or(0, |meta| meta.len()) > 0, has_journal);
    assert_eq!(refused(&rig), ["refused", "refused"], "{}", rig.log_tail());
    fs::remove_file(&filler).expect("removable");
    rig.settle();
    rig.assert_crossings();
    let journal = rig.journal();
    rig.assert_same_events(&journal);
    let told = journal.events.iter().any(|(_, body)| String::from_utf8_lossy(body).contains("disk_full_no_reserve"));
    assert!(told, "the start says what it found");
    drop(disk);
}

#[test]
fn a_journal_that_is_damaged_on_a_full_disk_is_salvaged_when_there_is_room() {
    let garage = Garage::open(Shift::errands(56, 1), SCALE);
    let state = garage.installation.state();
    let Some(disk) = SmallDisk::mount(&state, c"size=4m") else {
        let why = "no permission to mount a small file system: the full disk was not tested";
        let _ = writeln!(std::io::stderr(), "{why}");
        return;
    };
    let mut rig = garage.drive(None);
    rig.until(rig.crossing("depot", Zone::Site, Direction::Leave, 0) + 30.0);
    assert!(await_condition(PATIENCE, || rig.owed() == 0), "{}", rig.log_tail());
    assert!(rig.stop_agent().success(), "{}", rig.log_tail());
    spoil(&state.join("journal.db"));
    let filler = state.join("filler");
    fill(&filler, 0).expect("creatable");
    rig.start_agent();
    let log = rig.installation.log();
    let told = |what| fs::read_to_string(&log).is_ok_and(|log| log.contains(what));
    assert!(await_condition(PATIENCE, || refused(&rig) == ["refused", "refused"]), "{}", rig.log_tail());
    assert!(told("it is set aside when there is room again") && set_aside(&state).is_empty(), "{}", rig.log_tail());
    fs::remove_file(&filler).expect("removable");
    // As systemd does it.
    let ended = await_condition(PATIENCE, || rig.gateway.as_mut().and_then(Gateway::ended).is_some());
    assert!(ended, "{}", rig.log_tail());
    rig.gateway = None;
    rig.cab.port().forget_last_reader();
    rig.start_agent();
    rig.settle();
    rig.assert_crossings();
    rig.assert_same_events(&rig.journal());
    assert!(!set_aside(&state).is_empty() && told("the journal is damaged; it was set aside"), "{}", rig.log_tail());
    drop(disk);
}

#[test]
fn a_disk_that_takes_neither_bytes_nor_files_at_the_first_start_does_not_keep_the_agent_from_deciding() {
    let garage = Garage::open(Shift::errands(55, 1), SCALE);
    let state = garage.installation.state();
    // As much as each of the two tests above has, and so few files that all can be taken.
    let Some(disk) = SmallDisk::mount(&state, c"size=4m,nr_inodes=64") else {
        let why = "no permission to mount a small file system: the full disk was not tested";
        let _ = writeln!(std::io::stderr(), "{why}");
        return;
    };
    let filler = state.join("filler");
    fill(&filler, 0).expect("creatable");
    let taken: Vec<PathBuf> = (0..64).map(|n| state.join(n.to_string())).collect();
    let taken: Vec<&PathBuf> = taken.iter().take_while(|path| fs::File::create(path).is_ok()).collect();
    // The lock of the state directory is one.
    fs::remove_file(taken[0]).expect("removable");
    let mut rig = garage.drive(None);
    rig.until(rig.crossing("depot", Zone::Site, Direction::Leave, 0) + 30.0);
    assert_eq!(refused(&rig), ["refused", "refused"], "{}", rig.log_tail());
    let told = rig.installation.ask("status", &[]).expect("the binary runs");
    let told = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(told.contains("the daemon runs") && told.contains("cannot write it: make room on the disk"), "{told}");
    assert!(!state.join("journal.db").exists() && !state.join("recording").exists());
    fs::remove_file(&filler).expect("removable");
    taken.iter().skip(1).for_each(|path| fs::remove_file(path).expect("removable"));
    rig.settle();
    rig.assert_crossings();
    rig.assert_same_events(&rig.journal());
    assert!(state.join("recording").is_dir(), "it is recorded again");
    drop(disk);
}

/// What dispatch was told last of the journal and of the recording.
fn refused(rig: &Rig) -> [String; 2] {
    ["/journal/state", "/recording/state"].map(|of| latest(rig, of).as_str().unwrap_or_default().to_owned())
}

/// What dispatch was told last of the agent's health.
fn latest(rig: &Rig, of: &str) -> serde_json::Value {
    let health = rig.dispatch.as_ref().and_then(|dispatch| dispatch.latest("health")).unwrap_or_default();
    let health: serde_json::Value = serde_json::from_slice(&health).unwrap_or_default();
    health.pointer(of).cloned().unwrap_or_default()
}
