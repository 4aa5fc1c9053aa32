//! What does the agent say to a configuration that cannot work?
//!
//! `check` and `run` end with 78 (`EX_CONFIG`), so that systemd does not start the agent over and over, and name the file, the
//! line and the remedy.

use std::fs;
use std::path::Path;
use std::process::Output;

use hil_tests::gateway;
use hil_tests::installation::Installation;
use hil_tests::world::Shift;
use tempfile::TempDir;

/// An installation that nobody drives, with one file replaced.
struct Bench {
    installation: Installation,
    dir: TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let binary = gateway::binary().expect("the agent's binary");
        let shift = Shift::errands(1, 1);
        let installation = Installation::write(binary, dir.path(), &shift, 1, 1).expect("files can be written");
        Self { installation, dir }
    }

    fn configured(from: &str, to: &str) -> Self {
        let bench = Self::new();
        let text = fs::read_to_string(bench.installation.config()).expect("readable");
        assert!(text.contains(from), "the rig's configuration has no {from:?}");
        fs::write(bench.installation.config(), text.replacen(from, to, 1)).expect("writable");
        bench
    }

    fn with_facilities(text: &str) -> Self {
        let bench = Self::new();
        fs::write(bench.facilities(), text).expect("writable");
        bench
    }

    fn facilities(&self) -> std::path::PathBuf {
        self.dir.path().join("facilities.geojson")
    }

    /// Both commands refuse, and their words contain each of `words`.
    fn refused_with(&self, words: &[&str]) {
        for command in ["check", "run"] {
            let Output { status, stderr, stdout } = self.installation.ask(command, &[]).expect("the binary runs");
            let said = String::from_utf8_lossy(&stderr).into_owned() + &String::from_utf8_lossy(&stdout);
            assert_eq!(status.code(), Some(78), "{command} said: {said}");
            for word in words {
                assert!(said.contains(word), "{command} does not say {word:?}: {said}");
            }
            assert!(!self.state_exists(), "{command} touches no state before the configuration is good");
        }
    }

    fn state_exists(&self) -> bool {
        self.dir.path().join("state/journal.db").exists()
    }
}

/// Where a text stands, as `:LINE:`.
fn line_of(file: &Path, text: &str) -> String {
    let content = fs::read_to_string(file).expect("readable");
    let line = content.lines().position(|line| line.contains(text)).expect("it is there");
    format!(":{}:", line + 1)
}

fn feature(properties: &str, ring: &str) -> String {
    format!(
        "{{\"type\": \"FeatureCollection\",\n \"features\": [\n  {{\"type\": \"Feature\", \"properties\": {properties}, \
         \"geometry\": {{\"type\": \"Polygon\", \"coordinates\": [{ring}]}}}}\n ]}}\n"
    )
}

#[test]
fn a_good_configuration_is_checked_with_zero() {
    let bench = Bench::new();
    let output = bench.installation.ask("check", &[]).expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_unknown_key_is_refused_with_its_line() {
    let bench = Bench::configured("baud = 115200", "boud = 115200");
    let line = line_of(&bench.installation.config(), "boud");
    bench.refused_with(&["gatestamp.toml", &line, "boud", "remedy"]);
}

#[test]
fn a_value_out_of_range_is_refused_with_its_range() {
    let bench = Bench::configured("keep_alive_s = 60", "keep_alive_s = 1");
    let line = line_of(&bench.installation.config(), "keep_alive_s");
    bench.refused_with(&["gatestamp.toml", &line, "keep_alive_s", "remedy"]);
}

#[test]
fn text_that_is_not_toml_is_refused_with_its_line() {
    let bench = Bench::configured("[mqtt]", "[mqtt");
    bench.refused_with(&["gatestamp.toml", &line_of(&bench.installation.config(), "[mqtt"), "remedy"]);
}

#[test]
fn a_missing_facility_file_is_refused_by_name() {
    let bench = Bench::new();
    fs::remove_file(bench.facilities()).expect("removable");
    bench.refused_with(&["facilities.geojson", "remedy"]);
}

#[test]
fn a_facility_file_that_is_not_geojson_is_refused() {
    Bench::with_facilities("id;name\n1;Depot\n").refused_with(&["facilities.geojson:1:", "GeoJSON", "remedy"]);
}

#[test]
fn a_ring_that_crosses_itself_is_refused_with_its_facility() {
    let bow = "[[13.0,52.0],[13.01,52.01],[13.01,52.0],[13.0,52.01],[13.0,52.0]]";
    Bench::with_facilities(&feature(r#"{"id": "bow-tie"}"#, bow)).refused_with(&[
        "facilities.geojson:3:",
        "bow-tie",
        "remedy",
    ]);
}

#[test]
fn latitude_99_is_refused_with_its_facility() {
    let ring = "[[13.0,99.0],[13.01,99.0],[13.01,98.0],[13.0,99.0]]";
    Bench::with_facilities(&feature(r#"{"id": "north"}"#, ring)).refused_with(&[
        "facilities.geojson:3:",
        "north",
        "99",
        "remedy",
    ]);
}
