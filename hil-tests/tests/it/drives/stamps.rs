//! Are the arrivals and departures of a replayed drive those of the recording, to the second?

use std::fs;

use super::agent::{json_lines, replay, stdout_of};
use super::places::{KOLOMNA_TOWN, MOUNTAIN_VIEW, MUNICH_CITY, SILVRETTA_PASS, Scene};
use super::shelf::Shelf;
use super::visits::faults;

#[test]
fn mountain_view_stops_against_the_inertial_reference() {
    check(&MOUNTAIN_VIEW);
}

#[test]
fn munich_stops_in_street_canyons() {
    check(&MUNICH_CITY);
}

#[test]
fn kolomna_stops_after_a_cold_start() {
    check(&KOLOMNA_TOWN);
}

#[test]
fn silvretta_claims_give_neither_fixes_nor_visits() {
    check(&SILVRETTA_PASS);
    let Some(shelf) = Shelf::open() else { return };
    let drive = shelf.drive(SILVRETTA_PASS.drive);
    let run = replay(["--output".as_ref(), "fixes".as_ref(), drive.as_os_str()]);
    assert_eq!(String::from_utf8(stdout_of(run, &drive.display())).unwrap(), "", "fixes out of nothing");
}

fn check(scene: &Scene) {
    let Some(shelf) = Shelf::open() else { return };
    let folder = tempfile::tempdir().unwrap();
    let facilities = folder.path().join("facilities.geojson");
    fs::write(&facilities, scene.geojson()).unwrap();
    let drive = shelf.drive(scene.drive);
    let run = replay([
        "--facilities".as_ref(),
        facilities.as_os_str(),
        "--output".as_ref(),
        "events".as_ref(),
        drive.as_os_str(),
    ]);
    let events = json_lines(&stdout_of(run, &drive.display()));
    let faults = faults(&events, scene);
    assert!(faults.is_empty(), "{}:\n{}", scene.drive.folder, faults.join("\n"));
}
