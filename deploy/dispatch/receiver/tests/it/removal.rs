//! Does a removal take the rights of exactly whom it names, for good, and of nobody else?

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::installation::{good, installation, refused, share};
use crate::rig::broker::free_port;
use crate::rig::event;

/// Somebody brings back `ca` and `broker` after a loss and has no `trucks`.
#[test]
fn an_acl_that_would_lock_out_the_fleet_is_not_written() {
    let (_dir, place) = installation(free_port());
    let dir = Path::new(&place);
    let acl = || fs::read_to_string(dir.join("broker/acl")).expect("read");
    let before = acl();
    fs::remove_dir_all(dir.join("trucks/acme.t1")).expect("lost");
    let why = refused(&["add-truck", &place, event::FLEET, "t3"]);
    assert!(why.contains("rights to acme.t1, but"), "{why}");
    refused(&["remove-truck", &place, event::FLEET, "t2"]);
    assert_eq!(acl(), before);
    assert!(!dir.join("trucks/acme.t3").exists(), "a bundle without rights");
    assert!(dir.join("trucks/acme.t2").exists(), "removed, and with its rights");
    // What the message says does.
    assert!(why.contains(&format!("mkdir {place}/trucks/acme.t1, then remove-truck {place} acme t1")), "{why}");
    fs::create_dir(dir.join("trucks/acme.t1")).expect("made");
    good(&["remove-truck", &place, event::FLEET, "t1"]);
    good(&["add-truck", &place, event::FLEET, "t3"]);
    assert_eq!(users(dir), ["dispatch", "acme.t2", "acme.t3"]);
}

/// Whom the ACL knows.
fn users(dir: &Path) -> Vec<String> {
    let acl = fs::read_to_string(dir.join("broker/acl")).expect("read");
    acl.lines().filter_map(|line| line.strip_prefix("user ").map(str::to_owned)).collect()
}

#[test]
fn a_receiver_whose_folder_was_lost_keeps_its_rights_until_it_is_removed() {
    let (_dir, place) = installation(free_port());
    let dir = Path::new(&place);
    share(&dir.join("receiver/receiver.toml"), "host=localhost user=x dbname=x");
    for name in ["2", "3"] {
        good(&["add-receiver", &place, name]);
    }
    fs::remove_dir_all(dir.join("receivers/dispatch-2")).expect("lost");
    let why = refused(&["remove-receiver", &place, "3"]);
    assert!(dir.join("receivers/dispatch-3").exists(), "removed, and with its rights");
    let remedy = format!("mkdir -p {place}/receivers/dispatch-2, then remove-receiver {place} 2");
    assert!(why.contains(&remedy), "{why}");
    fs::create_dir(dir.join("receivers/dispatch-2")).expect("made");
    good(&["remove-receiver", &place, "2"]);
    assert_eq!(users(dir), ["dispatch", "dispatch-3", "acme.t1", "acme.t2"]);
}

/// Killed between the folder and the ACL.
#[test]
fn whoever_repeats_a_removal_that_was_killed_ends_it() {
    let (_dir, place) = installation(free_port());
    let dir = Path::new(&place);
    share(&dir.join("receiver/receiver.toml"), "host=localhost user=x dbname=x");
    good(&["add-receiver", &place, "2"]);
    fs::create_dir(dir.join("removed")).expect("made");
    let moved = |from: &str, to: &str| fs::rename(dir.join(from), dir.join("removed").join(to)).expect("moved");
    moved("trucks/acme.t1", "acme.t1.1");
    assert!(refused(&["remove-truck", &place, event::FLEET, "t1"]).contains("is not there"));
    assert_eq!(users(dir), ["dispatch", "dispatch-2", "acme.t2"]);
    moved("receivers/dispatch-2", "dispatch-2");
    assert!(refused(&["remove-receiver", &place, "2"]).contains("is not there"));
    assert_eq!(users(dir), ["dispatch", "acme.t2"]);
}

/// Others' names begin as his does, and they were removed: he was not.
#[test]
fn whoever_begins_as_one_that_was_removed_is_not_taken_for_him() {
    let (_dir, place) = installation(free_port());
    let dir = Path::new(&place);
    share(&dir.join("receiver/receiver.toml"), "host=localhost user=x dbname=x");
    good(&["add-receiver", &place, "eu"]);
    // A fleet of that name, and a later bundle of the first truck.
    good(&["add-truck", &place, "dispatch-eu", "t9"]);
    good(&["remove-truck", &place, "dispatch-eu", "t9"]);
    fs::create_dir(dir.join("removed/acme.t1.29924000")).expect("made");
    for lost in ["receivers/dispatch-eu", "trucks/acme.t1"] {
        let away = dir.join("away");
        fs::rename(dir.join(lost), &away).expect("lost");
        let why = refused(&["add-truck", &place, event::FLEET, "t3"]);
        assert!(why.contains("gives rights to"), "{lost}: {why}");
        fs::rename(&away, dir.join(lost)).expect("found");
    }
    assert_eq!(users(dir), ["dispatch", "dispatch-eu", "acme.t1", "acme.t2"]);
}

/// The copy is put over a folder that is there still, where one was removed since.
#[test]
fn who_was_removed_and_comes_back_with_a_copy_has_no_rights_and_is_removed_again() {
    let (_dir, place) = installation(free_port());
    let dir = Path::new(&place);
    share(&dir.join("receiver/receiver.toml"), "host=localhost user=x dbname=x");
    good(&["add-receiver", &place, "2"]);
    let copied = |from: &str, to: &str| {
        assert!(Command::new("cp").args(["-aT", from, to]).status().expect("cp runs").success());
    };
    let elsewhere = format!("{place}.copy");
    copied(&place, &elsewhere);
    good(&["remove-receiver", &place, "2"]);
    good(&["remove-truck", &place, event::FLEET, "t1"]);
    copied(&elsewhere, &place);
    assert_eq!(users(dir), ["dispatch", "dispatch-2", "acme.t1", "acme.t2"], "the copy's");
    let why = refused(&["add-receiver", &place, "2"]);
    assert!(why.contains("was removed, came back with a copy and has no rights"), "{why}");
    assert_eq!(users(dir), ["dispatch", "acme.t2"]);
    good(&["remove-receiver", &place, "2"]);
    good(&["remove-truck", &place, event::FLEET, "t1"]);
    assert!(!dir.join("receivers/dispatch-2").exists() && !dir.join("trucks/acme.t1").exists());
    assert!(dir.join("removed/dispatch-2").is_dir() && dir.join("removed/dispatch-2.2").is_dir());
    assert!(refused(&["add-receiver", &place, "2"]).contains("take another name"));
    fs::remove_dir_all(elsewhere).expect("removed");
}
