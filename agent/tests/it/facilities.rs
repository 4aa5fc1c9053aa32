//! Facility files through the real binary, and what the daemon makes of good and bad ones at its start.

use gatestamp::facility::{Facilities, Zone};
use gatestamp::io::atlas::take_over;
use gatestamp::io::facilities::load;
use geofence::{Fences, Position};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A square of `side_deg` with its south-west corner there.
pub(crate) fn square(properties: &str, lon: f64, lat: f64, side_deg: f64) -> String {
    let (east, north) = (lon + side_deg, lat + side_deg);
    let ring = format!("[[{lon},{lat}],[{east},{lat}],[{east},{north}],[{lon},{north}],[{lon},{lat}]]");
    polygon(properties, &ring)
}

pub(crate) fn polygon(properties: &str, rings: &str) -> String {
    format!(r#"{{"type":"Feature","properties":{properties},"geometry":{{"type":"Polygon","coordinates":[{rings}]}}}}"#)
}

pub(crate) fn collection(features: &[String]) -> String {
    format!("{{\"type\":\"FeatureCollection\",\"features\":[\n{}\n]}}\n", features.join(",\n"))
}

/// A facility in the yard of Freienbrink about which there is nothing to say.
pub(crate) fn yard() -> String {
    square(r#"{"id":"yard","name":"Yard","tz":"Europe/Berlin"}"#, 13.0, 52.0, 0.004)
}

fn dock() -> String {
    square(r#"{"id":"yard-dock","zone":"dock","parent":"yard"}"#, 13.001, 52.001, 0.0005)
}

fn depot() -> String {
    square(r#"{"id":"depot","name":"Depot","tz":"Europe/Berlin"}"#, 13.1, 52.0, 0.003)
}

const BOW_TIE: &str = "[[13,52],[13.01,52.01],[13.01,52],[13,52.01],[13,52]]";

pub(crate) struct Bench(tempfile::TempDir);

impl Bench {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn written(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.file(name), text).unwrap();
        self.file(name)
    }

    fn compiled(&self, name: &str, text: &str) -> PathBuf {
        let source = self.written("source.geojson", text);
        let output = self.file(name);
        let done = ask(&["facilities", "compile", path(&source), "-o", path(&output)]);
        assert!(done.status.success(), "{}", said(&done));
        output
    }

    fn state(&self) -> PathBuf {
        self.file("state")
    }
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(crate) fn ask(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gatestamp")).args(arguments).output().unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_compiled_file_has_the_same_bytes_each_time_and_in_any_order() {
    let bench = Bench::new();
    let one = bench.compiled("one.atlas", &collection(&[yard(), dock(), depot()]));
    let other = bench.compiled("other.atlas", &collection(&[depot(), yard(), dock()]));
    let bytes = fs::read(&one).unwrap();
    assert_eq!(bytes, fs::read(&other).unwrap());
    let facilities = load(&one).unwrap();
    assert_eq!((facilities.count(), facilities.len(), facilities.size()), (2, 3, bytes.len()));
    let zones: Vec<_> = (0..3).map(|n| facilities.of(n).map(|(f, zone)| (f.id.clone(), zone)).unwrap()).collect();
    assert!(zones.contains(&("yard".to_owned(), Zone::Dock)) && zones.contains(&("depot".to_owned(), Zone::Site)));
    let told = said(&ask(&["facilities", "compile", path(&bench.file("source.geojson")), "-o", path(&one)]));
    let revision = format!("revision {:016x}", facilities.revision());
    for word in ["2 facilities with 3 fences", &format!("{} bytes", bytes.len()), &revision] {
        assert!(told.contains(word), "{word} is not in {told}");
    }
}

#[test]
fn a_file_with_errors_is_not_compiled_and_nothing_else_is_overwritten() {
    let bench = Bench::new();
    let bad = bench.written("bad.geojson", &collection(&[yard(), polygon(r#"{"id":"bow"}"#, BOW_TIE)]));
    let output = bench.file("out.atlas");
    let refused = ask(&["facilities", "compile", path(&bad), "-o", path(&output)]);
    assert_eq!(refused.status.code(), Some(78), "{}", said(&refused));
    for word in ["bad.geojson:3:", "\"bow\"", "ring 1, vertex 1", "remedy"] {
        assert!(said(&refused).contains(word), "{word} is not in {}", said(&refused));
    }
    assert!(!output.exists() && !bench.file("out.atlas.new").exists());
    let good = bench.written("good.geojson", &collection(&[yard()]));
    let refused = ask(&["facilities", "compile", path(&good), "-o", path(&good)]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(fs::read_to_string(&good).unwrap().contains("FeatureCollection"));
}

#[test]
fn facilities_are_shown_drawn_and_found_by_position_from_either_form() {
    let bench = Bench::new();
    let atlas = bench.compiled("f.atlas", &collection(&[yard(), dock(), depot()]));
    let source = bench.file("source.geojson");
    let table = said(&ask(&["facilities", "show", path(&source)]));
    let revision = load(&atlas).unwrap().of(0).unwrap().0.revision.clone();
    assert!(table.contains(&revision) && table.contains("site, dock") && table.contains("Europe/Berlin"), "{table}");
    // 0.004 degrees are 275 m wide here: the middle is 137 m from the border.
    assert!(table.contains("137 m") && table.contains("52.00"), "{table}");
    assert!(said(&ask(&["facilities", "show", path(&atlas)])).contains(&revision));
    for file in [&source, &atlas] {
        let near = said(&ask(&["facilities", "show", path(file), "--at", "52.001,13.0001"]));
        assert!(near.starts_with("yard, site: inside, 6.8"), "{near}");
        assert!(near.contains(", dock: outside, 61.") && near.contains("depot, site: outside"), "{near}");
    }
    let svg = bench.file("f.svg");
    assert!(ask(&["facilities", "show", path(&source), "--svg", path(&svg)]).status.success());
    let drawing = fs::read_to_string(&svg).unwrap();
    assert_eq!((drawing.matches("<path").count(), drawing.matches("<svg").count()), (5, 3), "{drawing}");
    assert!(drawing.contains(">100 m</text>") && drawing.contains(">Depot</text>"), "{drawing}");
    let unknown = ask(&["facilities", "show", path(&source), "--facility", "nobody"]);
    assert!(unknown.status.code() == Some(1) && said(&unknown).contains("nobody"));
}

#[test]
fn a_replay_gives_the_same_bytes_with_both_forms() {
    let bench = Bench::new();
    let atlas = bench.compiled("f.atlas", &collection(&[yard(), dock(), depot()]));
    let nmea: Vec<u8> = crate::drive::inputs()
        .iter()
        .filter_map(|input| {
            if let gatestamp::recording::Recorded::Bytes(_, bytes) = input { Some(bytes.clone()) } else { None }
        })
        .flatten()
        .collect();
    fs::write(bench.file("drive.nmea"), nmea).unwrap();
    let replay = |facilities: &Path| {
        let done = ask(&["replay", "--facilities", path(facilities), path(&bench.file("drive.nmea"))]);
        assert!(done.status.success(), "{}", said(&done));
        done.stdout
    };
    let events = replay(&bench.file("source.geojson"));
    assert_eq!(events, replay(&atlas));
    let text = String::from_utf8(events).unwrap();
    assert!(text.contains("com.gatestamp.visit.arrived") && text.contains("com.gatestamp.visit.departed"), "{text}");
}

#[test]
fn the_first_start_needs_good_facilities_and_a_later_one_keeps_the_last_good_ones() {
    let bench = Bench::new();
    let source = bench.written("f.geojson", &collection(&[polygon(r#"{"id":"bow"}"#, BOW_TIE)]));
    let refused = take_over(&source, &bench.state()).unwrap_err();
    assert!(refused[0].what.contains("\"bow\""), "{refused:?}");
    bench.written("f.geojson", &collection(&[yard()]));
    let first = take_over(&source, &bench.state()).unwrap();
    assert!(first.refused.is_empty() && first.not_kept.is_none());
    let bow_tie = collection(&[yard(), polygon(r#"{"id":"bow"}"#, BOW_TIE)]);
    let bads = [bow_tie, collection(&[]), String::new(), "\u{0}".repeat(1000)];
    for bad in bads {
        bench.written("f.geojson", &bad);
        let kept = take_over(&source, &bench.state()).unwrap();
        assert_eq!(kept.facilities, first.facilities);
        assert!(kept.refused[0].to_string().contains("f.geojson"), "{:?}", kept.refused);
    }
    fs::remove_file(&source).unwrap();
    let kept = take_over(&source, &bench.state()).unwrap();
    assert!(kept.facilities == first.facilities && !kept.refused.is_empty());
    // Mended, and with more in it than before.
    bench.written("f.geojson", &collection(&[yard(), depot()]));
    let mended = take_over(&source, &bench.state()).unwrap();
    assert_eq!((mended.facilities.count(), mended.refused.len()), (2, 0));
}

#[test]
fn a_damaged_cut_off_or_newer_atlas_keeps_the_previous_one_in_use() {
    let bench = Bench::new();
    let first = bench.compiled("first.atlas", &collection(&[yard()]));
    let second = fs::read(bench.compiled("second.atlas", &collection(&[yard(), dock(), depot()]))).unwrap();
    let previous = take_over(&first, &bench.state()).unwrap().facilities;
    let damaged = bench.file("new.atlas");
    let refused = |bytes: &[u8], what: &str| {
        fs::write(&damaged, bytes).unwrap();
        let kept = take_over(&damaged, &bench.state()).unwrap();
        assert_eq!(kept.facilities, previous, "{what}");
        let told = kept.refused.iter().map(ToString::to_string).collect::<String>();
        assert!(told.contains("new.atlas") && told.contains("remedy"), "{what}: {told}");
    };
    let mut newer = second.clone();
    newer[8] += 1;
    refused(&newer, "a newer version");
    refused(&[], "nothing");
    for len in (0..second.len()).step_by(97) {
        refused(&second[..len], &format!("cut off at {len}"));
    }
    for at in (0..second.len()).step_by(53) {
        let mut flipped = second.clone();
        flipped[at] ^= 1 << (at % 8);
        refused(&flipped, &format!("a bit flipped at {at}"));
    }
    fs::write(&damaged, &second).unwrap();
    assert_eq!(take_over(&damaged, &bench.state()).unwrap().facilities.count(), 2);
}

#[test]
fn an_unchanged_file_is_not_compiled_again_and_a_damaged_copy_is_made_again() {
    let bench = Bench::new();
    let source = bench.written("f.geojson", &collection(&[yard()]));
    let first = take_over(&source, &bench.state()).unwrap().facilities;
    let copy = bench.state().join("atlas/current.atlas");
    let written = || fs::metadata(&copy).unwrap().modified().unwrap();
    let before = written();
    assert_eq!(take_over(&source, &bench.state()).unwrap().facilities, first);
    assert_eq!(written(), before);
    let mut bytes = fs::read(&copy).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    // A file of its own: what is written into the copy would show in the map of `first`.
    let damage = || {
        fs::remove_file(&copy).unwrap();
        fs::write(&copy, &bytes).unwrap();
    };
    damage();
    let again = take_over(&source, &bench.state()).unwrap();
    assert!(again.facilities == first && again.refused.is_empty());
    assert_eq!(again.facilities, load(&source).unwrap());
    // Damaged while the source is bad too: nothing is left to go on with, and both are named.
    damage();
    bench.written("f.geojson", "");
    let faults = take_over(&source, &bench.state()).unwrap_err();
    let told = faults.iter().map(ToString::to_string).collect::<String>();
    assert!(told.contains("f.geojson") && told.contains("current.atlas"), "{told}");
}

#[test]
fn a_state_directory_without_room_does_not_keep_good_facilities_from_use() {
    let bench = Bench::new();
    let source = bench.written("f.geojson", &collection(&[yard()]));
    // A file where the folder should be: not even root can write into it.
    fs::create_dir_all(bench.state()).unwrap();
    fs::write(bench.state().join("atlas"), "").unwrap();
    let in_use = take_over(&source, &bench.state()).unwrap();
    assert!(in_use.facilities.count() == 1 && in_use.not_kept.is_some());
}

/// Starts the daemon, and gives it back with its health once it has told that.
pub(crate) fn started(bench: &Bench) -> (std::process::Child, PathBuf, serde_json::Value) {
    let config = "[truck]\nfleet = \"f\"\nid = \"t\"\n[gnss]\ndevice = \"nothing\"\n[state]\ndir = \"state\"\n";
    let config = bench.written("g.toml", config);
    let log = fs::File::create(bench.file("log")).unwrap();
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_gatestamp"));
    let daemon = daemon.args(["run", "--config", path(&config)]).stderr(log).spawn().unwrap();
    let told = (0..600).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        serde_json::from_slice(&fs::read(bench.state().join("health.json")).ok()?).ok()
    });
    (daemon, config, told.expect("health is written"))
}

#[test]
fn a_start_that_compiles_goes_on_as_a_fresh_process_of_the_same_id() {
    let bench = Bench::new();
    bench.written("facilities.geojson", &collection(&[yard()]));
    let (mut daemon, _, health) = started(&bench);
    let environment = fs::read(format!("/proc/{}/environ", daemon.id())).unwrap();
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert_eq!(health["facilities"]["state"], "current");
    assert!(String::from_utf8_lossy(&environment).contains("GATESTAMP_STARTED_AGAIN=1"));
}

#[test]
fn the_daemon_runs_on_with_the_previous_facilities_and_says_so() {
    let bench = Bench::new();
    let source = bench.written("facilities.geojson", &collection(&[yard()]));
    take_over(&source, &bench.state()).unwrap();
    bench.written("facilities.geojson", &collection(&[yard(), polygon(r#"{"id":"bow"}"#, BOW_TIE)]));
    let (mut daemon, config, health) = started(&bench);
    let status = said(&ask(&["status", "--config", path(&config)]));
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let part = |key: &str| health["facilities"][key].as_str().unwrap_or_default();
    assert_eq!(part("state"), "previous");
    assert!(part("why").contains("facilities.geojson:3") && part("why").contains("bow"), "{health}");
    assert!(status.contains("facilities  previous") && status.contains("bow"), "{status}");
    let log = fs::read_to_string(bench.file("log")).unwrap();
    assert!(log.contains("previous facilities stay in use") && log.contains("bow"), "{log}");
}

#[test]
fn check_says_in_brief_that_there_are_warnings() {
    let bench = Bench::new();
    bench.written("facilities.geojson", &collection(&[square(r#"{"id":"yard"}"#, 13.0, 52.0, 0.004)]));
    let config = bench.written("g.toml", "[truck]\nfleet = \"f\"\nid = \"t\"\n");
    let checked = ask(&["check", "--config", path(&config)]);
    let told = said(&checked);
    assert!(checked.status.success() && told.contains("ok: f-t, 1 facility with 1 fence"), "{told}");
    assert!(told.contains("2 warnings; gatestamp facilities lint"), "{told}");
}

#[test]
fn facilities_in_use_answer_as_those_that_were_read() {
    let bench = Bench::new();
    let source = bench.written("f.geojson", &collection(&[yard(), dock(), depot()]));
    let (read, mapped) = (load(&source).unwrap(), take_over(&source, &bench.state()).unwrap().facilities);
    for n in 0..400 {
        let position = Position::from_degrees(51.999 + f64::from(n) * 1e-5, 13.0 + f64::from(n) * 3e-4).unwrap();
        let all = |facilities: &Facilities| {
            let mut near = Vec::new();
            facilities
                .around(position, 50.0, &mut |index| near.push((index, facilities.signed_distance_m(index, position))));
            near
        };
        assert_eq!(all(&read), all(&mapped));
    }
}
