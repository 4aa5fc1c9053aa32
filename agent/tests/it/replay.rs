//! `gatestamp replay` of raw NMEA through the real binary, where arrival times are the file's own.

use crate::drive::{inputs, sentence};
use crate::facilities::{Bench, ask, collection, path, said, started, yard};
use crate::power_cut::{journaled, live};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A parked truck's RMC and GGA of each of these seconds of a day.
fn parked(date: &str, seconds: impl IntoIterator<Item = u32>) -> String {
    let epoch = |second: u32| {
        let time = format!("{:02}{:02}{:02}.00", second / 3_600, second / 60 % 60, second % 60);
        let gga = format!("GNGGA,{time},5200.09000,N,01254.00000,E,1,12,0.8,40.0,M,46.0,M,,");
        let rmc = format!("GNRMC,{time},A,5200.09000,N,01254.00000,E,0.0,90.0,{date},,,A");
        [gga, rmc].map(|body| sentence(&body)).concat()
    };
    seconds.into_iter().map(epoch).collect()
}

/// Type and time of each event that a replay tells.
fn told(arguments: &[&str]) -> Vec<(String, String)> {
    let done = ask(arguments);
    assert!(done.status.success(), "{}", said(&done));
    let text = String::from_utf8(done.stdout).unwrap();
    let word = |event: &Value, key: &str| event[key].as_str().unwrap().trim_start_matches("com.gatestamp.").to_owned();
    let event = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        (word(&event, "type"), word(&event, "time"))
    };
    text.lines().map(event).collect()
}

fn named(events: &[(String, String)], kind: &str) -> Vec<String> {
    events.iter().filter(|(is, _)| is == kind).map(|(_, time)| time.clone()).collect()
}

#[test]
fn a_second_replay_into_the_same_state_is_a_boot_of_its_own() {
    let bench = Bench::new();
    let first = bench.written("first.nmea", &parked("221126", 36_000..37_800));
    let second = bench.written("second.nmea", &parked("231126", 32_400..32_700));
    let state = bench.file("state");
    let day = |file| told(&["replay", "--state", path(&state), path(file)]);
    assert_eq!(named(&day(&first), "device.started"), ["2026-11-22T10:00:00.000Z"]);
    let told = day(&second);
    assert_eq!(named(&told, "device.started"), ["2026-11-23T09:00:00.000Z"]);
    assert!(named(&told, "gnss.lost").len() <= 1 && named(&told, "gnss.restored").len() <= 1, "{told:?}");
    assert_eq!(named(&told, "device.stopped"), ["2026-11-23T09:04:59.000Z"]);
}

#[test]
fn days_between_two_files_are_known_by_their_dates_and_no_fix_is_held() {
    let bench = Bench::new();
    let first = bench.written("first.nmea", &parked("221126", 36_000..36_300));
    let second = bench.written("second.nmea", &parked("241126", 32_400..32_700));
    let arguments = ["replay", path(&first), path(&second), "--output"];
    let told = told(&[&arguments[..], &["events"]].concat());
    assert_eq!(named(&told, "gnss.lost"), ["2026-11-22T10:04:59.000Z"]);
    assert_eq!(named(&told, "gnss.restored"), ["2026-11-24T09:00:00.000Z"]);
    let fixes = ask(&[&arguments[..], &["fixes"]].concat()).stdout;
    assert_eq!(String::from_utf8(fixes).unwrap().lines().count(), 600);
}

#[test]
fn a_file_that_is_no_recording_is_named_as_such() {
    let bench = Bench::new();
    let letter = bench.written("letter.txt", "Dear driver,\n$we are sorry*00\n");
    let told = said(&ask(&["replay", path(&letter)]));
    assert!(told.contains("no NMEA in it") && told.contains("remedy: "), "{told}");
    let noise = bench.file("noise.bin");
    std::fs::write(&noise, [0xff; 200_000]).unwrap();
    let cases = [
        (letter, "bytes of text"),
        (noise, "in 200000 bytes\n"),
        (bench.written("empty.nmea", ""), "is empty"),
        (bench.written("empty.gsr", ""), "is damaged at its beginning"),
        (bench.written("torn", "GATESTAMP-REC"), "bytes of text"),
        (bench.file("nowhere"), "No such file"),
        (bench.file(""), "no segments of a recording in this folder"),
    ];
    for (file, what) in cases {
        let good = bench.written("good.nmea", &parked("221126", 36_000..36_010));
        for arguments in [vec!["replay", path(&file)], vec!["replay", path(&good), path(&file)]] {
            let done = ask(&arguments);
            let told = said(&done);
            assert_eq!(done.status.code(), Some(74), "{told}");
            assert!(done.stdout.is_empty(), "nothing is told of what is no recording");
            assert!(told.contains(path(&file)) && told.contains(what) && told.contains("remedy: "), "{told}");
        }
    }
}

#[test]
fn one_sentence_wherever_it_stands_makes_a_file_a_recording() {
    let bench = Bench::new();
    for before in [0, (1 << 16) - 5] {
        let file = bench.written("one.nmea", &(" ".repeat(before) + &sentence("GPTXT,01,01,02,ANTSTATUS=OK")));
        let done = ask(&["replay", path(&file)]);
        assert!(done.status.success(), "{}", said(&done));
    }
}

/// Cut off behind records that are whole, as a power cut leaves it, it is one.
#[test]
fn a_recording_that_was_cut_off_is_replayed_as_far_as_it_goes() {
    let dir = tempfile::tempdir().unwrap();
    live(dir.path(), &inputs());
    let whole = std::fs::read_dir(dir.path().join("recording")).unwrap().next().unwrap().unwrap().path();
    let bytes = std::fs::read(whole).unwrap();
    let cut = dir.path().join("cut.gsr");
    let codes = [bytes.len() - 9, 40, 5].map(|length| {
        std::fs::write(&cut, &bytes[..length]).unwrap();
        let done = ask(&["replay", path(&cut)]);
        let told = String::from_utf8(done.stderr).unwrap();
        assert!(told.contains(path(&cut)), "{told}");
        done.status.code()
    });
    assert_eq!(codes, [Some(0), Some(74), Some(74)]);
}

/// Everything in a directory but what a running daemon writes over all the time, with the bytes.
fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.is_file() && !path.ends_with("health.json")).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

#[test]
fn a_gateways_own_state_is_never_replayed_into_while_it_runs_or_after() {
    let bench = Bench::new();
    bench.written("facilities.geojson", &collection(&[yard()]));
    let drive = bench.written("drive.nmea", &parked("221126", 36_000..36_300));
    let (mut daemon, ..) = started(&bench);
    let state = bench.file("state");
    let refused = |dir: &Path| {
        let before = contents(dir);
        let done = ask(&["replay", "--state", path(dir), path(&drive)]);
        let told = said(&done);
        assert_eq!(done.status.code(), Some(2), "{told}");
        for word in ["is the state of a gateway", "remedy: name another, empty directory", "/recording`"] {
            assert!(told.contains(word), "{word} is not in {told}");
        }
        assert!(done.stdout.is_empty() && contents(dir) == before, "{told}");
    };
    refused(&state);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    refused(&state);
}

#[test]
fn a_copy_of_a_gateways_journal_is_known_by_what_it_says() {
    let bench = Bench::new();
    let drive = bench.written("drive.nmea", &parked("221126", 36_000..36_300));
    live(&bench.file(""), &inputs());
    let before = journaled(&bench.file(""));
    fs::remove_dir_all(bench.file("recording")).unwrap();
    let done = ask(&["replay", "--state", path(&bench.file("")), path(&drive)]);
    assert!(done.status.code() == Some(2) && said(&done).contains("is the state of a gateway"), "{}", said(&done));
    assert!(journaled(&bench.file("")) == before && !bench.file("lock").exists());
}

#[test]
fn two_replays_do_not_write_to_one_directory_at_once() {
    let bench = Bench::new();
    let drive = bench.written("drive.nmea", &parked("221126", 36_000..36_300));
    let state = bench.file("state");
    let lock = gatestamp::io::lock::take(&state).unwrap();
    let replay = || ask(&["replay", "--state", path(&state), path(&drive)]);
    let refused = replay();
    assert!(refused.status.code() == Some(69) && said(&refused).contains("another gatestamp"), "{}", said(&refused));
    drop(lock);
    assert!(replay().status.success());
}

#[test]
fn a_window_that_ends_before_it_begins_is_refused() {
    let bench = Bench::new();
    let drive = bench.written("drive.nmea", &parked("221126", 36_000..36_010));
    let asked = |from: &str, to: &str| {
        ask(&["replay", "--output", "coverage", "--from", from, "--to", to, path(&drive)]).status.code()
    };
    let (early, late) = ("2026-11-22T10:00:00Z", "2026-11-22T10:00:05Z");
    assert_eq!([asked(late, early), asked(early, early), asked(early, late)], [Some(2), Some(2), Some(0)]);
}
