//! Are the fixes of a recording those that gpsd takes from it, and is a void epoch never one?

use std::collections::BTreeMap;

use serde_json::Value;

use super::agent::{fault_of, is_refused, json_lines, replay, seconds_of_day, stdout_of, text};
use super::nmea::{TimeOfDay, dead_reckoned, void_epochs};
use super::shelf::{Drive, GOOGLE, KOLOMNA, MUNICH, SILVRETTA, Shelf, bytes_of};

/// gpsd prints nine decimals of a degree and milliseconds.
const SAME_PLACE_DEG: f64 = 2e-6;
const SAME_TIME_MS: TimeOfDay = 10;

#[test]
fn mountain_view_fixes_are_those_of_gpsd() {
    check_against_gpsd(GOOGLE);
}

#[test]
fn munich_fixes_are_those_of_gpsd() {
    check_against_gpsd(MUNICH);
}

#[test]
fn kolomna_fixes_are_those_of_gpsd() {
    check_against_gpsd(KOLOMNA);
}

/// Latitude and longitude by time of day. Dates are left out: gpsd adds 1,024 weeks to those before 2017, which is its own guess.
type Track = BTreeMap<TimeOfDay, (f64, f64)>;

fn check_against_gpsd(drive: Drive) {
    let Some(shelf) = Shelf::open() else { return };
    let recording = shelf.drive(drive);
    let run = replay(["--output".as_ref(), "fixes".as_ref(), recording.as_os_str()]);
    let fixes = json_lines(&stdout_of(run, &recording.display()));
    for fix in &fixes {
        assert!(text(fix, "/time").starts_with(drive.date), "not on {}: {fix}", drive.date);
    }
    let ours = track(&fixes);
    let oracle = json_lines(&bytes_of(&shelf.oracle(drive)));
    let theirs = track(&oracle.into_iter().filter(|tpv| tpv["mode"].as_u64() >= Some(2)).collect::<Vec<_>>());
    assert!(!theirs.is_empty(), "the oracle of {} is empty", drive.folder);

    let matched = theirs.iter().filter(|(time, place)| has(&ours, **time, **place)).count();
    #[expect(clippy::cast_precision_loss, reason = "a few thousand epochs")]
    let percentage = 100.0 * matched as f64 / theirs.len() as f64;
    println!(
        "{}: {matched} of {} fixes of gpsd matched, {percentage:.2} %; ours: {}",
        drive.folder,
        theirs.len(),
        ours.len()
    );
    assert!(percentage >= 99.0, "{}: {percentage:.2} % of gpsd's fixes", drive.folder);
}

/// Objects with `time`, `lat` and `lon`; the last one of a time counts, the others are left out.
fn track(objects: &[Value]) -> Track {
    let place = |object: &Value| {
        let time = millis_of_day(object.get("time")?.as_str()?);
        Some((time, (object.get("lat")?.as_f64()?, object.get("lon")?.as_f64()?)))
    };
    objects.iter().filter_map(place).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "below 86,400,000")]
fn millis_of_day(time: &str) -> TimeOfDay {
    (seconds_of_day(time) * 1_000.0).round() as TimeOfDay
}

fn has(track: &Track, time: TimeOfDay, (lat, lon): (f64, f64)) -> bool {
    let mut candidates = track.range(time - SAME_TIME_MS..=time + SAME_TIME_MS);
    candidates.any(|(_, place)| (place.0 - lat).abs() <= SAME_PLACE_DEG && (place.1 - lon).abs() <= SAME_PLACE_DEG)
}

/// Void epochs carry the last known position in these recordings, and some an impossible one.
#[test]
fn no_fix_comes_from_a_void_epoch() {
    let Some(shelf) = Shelf::open() else { return };
    let drives = [GOOGLE, MUNICH, SILVRETTA, KOLOMNA].map(|drive| shelf.drive(drive));
    let (mut voids, mut faults) = (0, Vec::new());
    for recording in drives.into_iter().chain(shelf.logs()) {
        let epochs = void_epochs(&bytes_of(&recording));
        let run = replay(["--output".as_ref(), "fixes".as_ref(), recording.as_os_str()]);
        // Some are of other protocols altogether, and refused as such.
        if epochs.is_empty() && is_refused(&run) {
            continue;
        }
        if let Some(fault) = fault_of(&run) {
            faults.push(format!("{}: {fault}", recording.display()));
            continue;
        }
        voids += epochs.values().filter(|void| **void).count();
        for fix in json_lines(&run.stdout) {
            if epochs.get(&millis_of_day(text(&fix, "/time"))) == Some(&true) {
                faults.push(format!("{}: {fix}", recording.display()));
            }
        }
    }
    println!("{voids} void epochs with a time of day, none of them a fix");
    assert!(voids >= 20 + 839, "the recordings have lost their void epochs: {voids}");
    assert!(faults.is_empty(), "fixes out of void epochs:\n{}", faults.join("\n"));
}

/// Every RMC of it is void and every GGA valid: each of its 725 instants contradicts itself.
#[test]
fn r14_what_contradicts_itself_is_no_fix_and_counted_as_such() {
    let Some(shelf) = Shelf::open() else { return };
    let recording = shelf.drive(SILVRETTA);
    let run = replay(["--output".as_ref(), "fixes".as_ref(), recording.as_os_str()]);
    assert_eq!((fault_of(&run), run.stdout.len()), (None, 0));
    let told = String::from_utf8_lossy(&run.stderr);
    assert!(told.contains("conflicting_validity 725"), "{told}");
}

/// No recording here has a receiver that says so with a position, so two minutes of real drives are made to say it.
#[test]
fn r13_every_dead_reckoned_epoch_of_a_drive_is_marked_and_no_other() {
    let Some(shelf) = Shelf::open() else { return };
    let dir = tempfile::tempdir().expect("a temporary directory");
    for drive in [GOOGLE, KOLOMNA] {
        let recording = bytes_of(&shelf.drive(drive));
        let modes = |name: &str, bytes: &[u8]| -> BTreeMap<TimeOfDay, String> {
            let file = dir.path().join(name);
            std::fs::write(&file, bytes).expect("written");
            let run = replay(["--output".as_ref(), "fixes".as_ref(), file.as_os_str()]);
            let fixes = json_lines(&stdout_of(run, &file.display()));
            fixes.iter().map(|fix| (millis_of_day(text(fix, "/time")), text(fix, "/mode").to_owned())).collect()
        };
        let before = modes("as-it-is.nmea", &recording);
        assert!(before.values().all(|mode| mode != "dr"), "{}", drive.folder);
        let begin = *before.keys().nth(before.len() / 2).expect("fixes");
        let stretch = begin..begin + 120_000;
        let after = modes("dead-reckoned.nmea", &dead_reckoned(&recording, &stretch));
        assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "none more, none fewer");
        let marked = after.iter().filter(|(_, mode)| *mode == "dr").map(|(time, _)| *time).collect::<Vec<_>>();
        assert_eq!(marked, before.keys().copied().filter(|time| stretch.contains(time)).collect::<Vec<_>>());
        println!("{}: {} dead-reckoned epochs, all marked", drive.folder, marked.len());
        assert!(marked.len() > 60, "{}", marked.len());
        let file = dir.path().join("dead-reckoned.nmea");
        let run = replay(["--output".as_ref(), "coverage".as_ref(), file.as_os_str()]);
        let ledger = json_lines(&stdout_of(run, &file.display()));
        let reckoned = |line: &&Value| line["cause"] == "dead_reckoning";
        let seconds: f64 = ledger.iter().filter(reckoned).filter_map(|line| line["seconds"].as_f64()).sum();
        assert!((115.0..=125.0).contains(&seconds), "a cause of its own for two minutes: {seconds}");
    }
}
