//! Does a lost computer come back from `backup --everything`, with every truck that it had?

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use gatestamp_receiver::store::{self, Place};
use hil_tests::clock::await_condition;
use hil_tests::running;
use rumqttc::v5::mqttbytes::v5::{Packet, PubAckReason};

use crate::installation::{good, installation, truck};
use crate::rig::broker::{PATIENCE, Secured, free_port};
use crate::rig::process::{PROGRAM, start};
use crate::rig::{block_on, event};

/// The truck delivers an event; gives the acknowledgement that covers it.
fn deliver(port: u16, place: &str, name: &str, sequence: u64) -> Result<(), String> {
    block_on(async {
        let mut truck = truck(port, place, name).await?;
        truck.subscribe(&event::topic(name, "down/ack")).await?;
        let events = event::topic(name, "events");
        while truck.publish(&events, event::arrival(name, sequence)).await? != PubAckReason::Success {}
        let covers = |packet: &Packet| {
            let Packet::Publish(ack) = packet else { return None };
            let ack: serde_json::Value = serde_json::from_slice(&ack.payload).ok()?;
            (ack.get("thru")?.as_u64()? >= sequence).then_some(())
        };
        truck.until(covers).await
    })
}

fn fails(arguments: &[&str]) -> String {
    let done = Command::new(PROGRAM).args(arguments).output().expect("the program runs");
    assert!(!done.status.success(), "{arguments:?}");
    String::from_utf8(done.stderr).expect("UTF-8")
}

#[test]
fn a_lost_computer_comes_back_with_every_truck() {
    let port = free_port();
    let (dir, place) = installation(port);
    let config = format!("{place}/receiver/receiver.toml");
    let copy = dir.path().join("copy").display().to_string();
    {
        let _broker = Secured::start(Path::new(&place), port).expect("a broker");
        let receiver = start(Path::new(&config));
        deliver(port, &place, "t1", 1).unwrap_or_else(|why| panic!("{why}: {}", receiver.log()));
        good(&["backup", "--config", &config, "--everything", &copy]);
        assert!(fails(&["backup", "--config", &config, "--everything", &copy]).contains("is there already"));
        let inside = format!("{place}/broker/copy");
        assert!(fails(&["backup", "--config", &config, "--everything", &inside]).contains("name another disk"));
    }
    let mode = |name: &str| fs::metadata(Path::new(&copy).join(name)).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("installation/ca/ca.key"), mode("installation/trucks")), (0o700, 0o600, 0o700));
    assert_eq!(fs::read_dir(format!("{copy}/installation/broker/data")).expect("there").count(), 0);
    assert!(!Path::new(&copy).join("installation/receiver/dispatch.db").exists());

    fs::remove_dir_all(&place).expect("the computer burns");
    let copied = Command::new("cp").arg("-aT").arg(format!("{copy}/installation")).arg(&place).status();
    assert!(copied.expect("cp runs").success());
    good(&["restore", "--config", &config, &format!("{copy}/database")]);
    good(&["add-truck", &place, event::FLEET, "t3"]);
    let _broker = Secured::start(Path::new(&place), port).expect("a broker");
    let receiver = start(Path::new(&config));
    // The acknowledgement of 2 says that 1 is there: it came back with the database.
    for (name, sequence) in [("t1", 2), ("t2", 1), ("t3", 1)] {
        deliver(port, &place, name, sequence).unwrap_or_else(|why| panic!("{name}: {why}: {}", receiver.log()));
    }
}

#[test]
fn a_database_that_is_called_as_the_key_begins_takes_no_key_out_of_the_copy() {
    let (dir, place) = installation(free_port());
    let config = format!("{place}/receiver/receiver.toml");
    let text = fs::read_to_string(&config).expect("read");
    fs::write(&config, text.replace("path = \"dispatch.db\"", "path = \"dispatch\"")).expect("written");
    // Behind a link, on another disk perhaps.
    let (database, link) = (format!("{place}/receiver/elsewhere"), format!("{place}/receiver/dispatch"));
    let _held = store::open(&Place::Sqlite(database.clone().into())).expect("made");
    symlink(&database, &link).expect("linked");
    let beside = ["-wal", "-shm", ".lock", ".new", ".partial"]
        .map(|ending| [&link, &database].map(|file| format!("{file}{ending}")));
    for file in beside.as_flattened().iter().filter(|file| !Path::new(file).exists()) {
        fs::write(file, "").expect("written");
    }
    let copy = dir.path().join("copy");
    good(&["backup", "--config", &config, "--everything", &copy.display().to_string()]);
    let mut found: Vec<_> = fs::read_dir(copy.join("installation/receiver"))
        .expect("there")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    found.sort();
    let wanted = ["ca.crt", "dispatch.key", "dispatch.pub", "receiver.crt", "receiver.key", "receiver.toml"];
    assert_eq!(found, wanted);
}

/// The services own their folders, and root copies.
#[test]
fn a_link_brings_nothing_into_the_copy() {
    let (dir, place) = installation(free_port());
    let config = format!("{place}/receiver/receiver.toml");
    drop(store::open(&Place::Sqlite(Path::new(&place).join("receiver/dispatch.db"))).expect("made"));
    let (copy, link) = (dir.path().join("copy"), format!("{place}/broker/acl.old"));
    for target in [format!("{place}/ca/ca.key"), format!("{place}/ca"), "/nowhere".to_owned()] {
        symlink(&target, &link).expect("linked");
        let why = fails(&["backup", "--config", &config, "--everything", &copy.display().to_string()]);
        assert!(why.contains(&format!("{link} is a link")), "{why}");
        fs::remove_file(&link).expect("removed");
    }
    assert_eq!(fs::read_dir(dir.path()).expect("read").count(), 1, "nothing is left of the copies");
}

#[test]
fn where_there_is_no_installation_nothing_is_called_everything() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let config = dir.path().join("receiver.toml");
    fs::write(&config, "[broker]\nurl = \"mqtt://127.0.0.1\"\n").expect("written");
    let (config, copy) = (config.display().to_string(), dir.path().join("copy"));
    let why = fails(&["backup", "--config", &config, "--everything", &copy.display().to_string()]);
    assert!(why.contains("leave --everything out"), "{why}");
    assert!(!copy.exists());
}

#[test]
fn a_copy_has_all_of_a_truck_that_is_being_added_or_nothing() {
    let (dir, place) = installation(free_port());
    let config = format!("{place}/receiver/receiver.toml");
    drop(store::open(&Place::Sqlite(Path::new(&place).join("receiver/dispatch.db"))).expect("made"));
    let adding = gatestamp_receiver::installation::alone(Path::new(&place)).expect("nobody else");
    let copy = dir.path().join("copy");
    let mut backup = running::start(PROGRAM, |command| {
        command.args(["backup", "--config", &config, "--everything"]).arg(&copy);
    })
    .expect("it starts");
    let pid = format!(" {} ", backup.pid().expect("it runs"));
    // The kernel marks who waits for a lock with an arrow.
    let waits = |line: &str| line.contains("->") && line.contains(&pid);
    let told = || fs::read_to_string("/proc/locks").unwrap_or_default();
    assert!(await_condition(PATIENCE, || told().lines().any(waits)), "it does not wait");
    fs::create_dir(format!("{place}/trucks/acme.t3")).expect("made");
    drop(adding);
    assert!(await_condition(PATIENCE, || backup.ended().is_some_and(|end| end.success())));
    assert!(copy.join("installation/trucks/acme.t3").is_dir());
}
