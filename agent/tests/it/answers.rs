//! What `check` and `status` answer, through the real binary: what is said, to whom, and with which exit code.

use crate::facilities::{Bench, ask, collection, path, said, started, yard};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

const TRUCK: &str = "[truck]\nfleet = \"f\"\nid = \"t\"\n[state]\ndir = \"state\"\n";

/// A truck with good facilities and `text` as its configuration.
fn configured(text: &str) -> (Bench, PathBuf) {
    let bench = Bench::new();
    bench.written("facilities.geojson", &collection(&[yard()]));
    let config = bench.written("g.toml", text);
    (bench, config)
}

/// A state directory as a daemon that runs leaves it; as long as the file is open, it does.
fn running(bench: &Bench, health: &str) -> File {
    fs::create_dir_all(bench.file("state")).unwrap();
    bench.written("state/health.json", health);
    let lock = File::create(bench.file("state/lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    lock
}

#[test]
fn whoever_reads_may_leave_before_the_end() {
    let (bench, config) = configured(TRUCK);
    let _running = running(&bench, "{}");
    for (command, config, code) in [("status", &config, 0), ("check", &config, 0), ("check", &bench.file("none"), 78)] {
        let unread = || Stdio::from(std::io::pipe().unwrap().1);
        let mut deaf = Command::new(env!("CARGO_BIN_EXE_gatestamp"));
        deaf.args([command, "--config", path(config)]).stdout(unread());
        let output = deaf.output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{command}: {}", said(&output));
        assert_eq!(
            deaf.stderr(unread()).status().unwrap().code(),
            Some(code),
            "{command}, with nobody at stderr either"
        );
    }
}

#[test]
fn check_says_what_the_daemon_will_do() {
    let (bench, config) = configured(&format!("{TRUCK}[gnss]\ndevice = \"COM3\"\n"));
    let told = || said(&ask(&["check", "--config", path(&config)]));
    let [com3, state] = ["COM3", "state"].map(|name| bench.file(name));
    for line in [
        "ok: f-t, 1 facility with 1 fence".to_owned(),
        format!(
            "receiver: serial {}, speed auto, set up if it is a u-blox (not there now, and no port is named like this",
            com3.display()
        ),
        "broker: none, events are kept".to_owned(),
        format!("state: {}, not there yet, it will be made", state.display()),
    ] {
        assert!(told().lines().any(|said| said.starts_with(&line)), "{line} is not in\n{}", told());
    }
    assert!(!state.exists(), "to ask makes nothing");
    fs::create_dir(&state).unwrap();
    bench.written("COM3", "");
    let refused = ask(&["check", "--config", path(&config)]);
    assert_eq!(refused.status.code(), Some(78), "{}", said(&refused));
    assert!(said(&refused).contains("COM3: this is no port") && said(&refused).contains("remedy: write"), "{}", told());
    fs::remove_file(bench.file("COM3")).unwrap();
    assert!(told().contains("state, writable"), "{}", told());
    assert_eq!(fs::read_dir(&state).unwrap().count(), 0);
    bench.written(
        "g.toml",
        &format!("{TRUCK}[gnss]\ndevice = \"/dev/null\"\nbaud = 4800\n[mqtt]\nurl = \"mqtt://b\"\n"),
    );
    assert!(told().contains("receiver: serial /dev/null, speed 4800, set up if it is a u-blox (there)"), "{}", told());
    assert!(told().contains("broker: b:1883 in the clear; an event is owed until dispatch"), "{}", told());
    assert!(!told().contains("warning"), "{}", told());
    bench.written("g.toml", &format!("{TRUCK}[mqtt]\nurl = \"mqtt://b\"\nkeep_alive_s = 10\n"));
    assert!(told().lines().any(|said| said.starts_with("warning: pings every 10 s alone take")), "{}", told());
}

#[test]
fn check_refuses_what_the_daemon_could_not_do() {
    let cases = [
        ("[truck]\nfleet = \"change-me\"\nid = \"t\"\n", "`fleet` is still \"change-me\""),
        ("[truck]\nfleet = \"f\"\nid = \"t\"\n[gnss]\nsource = \"recording\"\n", "no receiver to listen to"),
        ("[truck]\nfleet = \"f\"\nid = \"t\"\n[state]\ndir = \"g.toml\"\n", "g.toml is a file"),
        ("[truck]\nfleet = \"f\"\nid = \"t\"\n[state]\ndir = \"g.toml/below\"\n", "g.toml is a file"),
        ("[truck]\nfleet = \"f\"\nid = \"t\"\n[state]\ndir = \"/dev/fd/gatestamp\"\n", "the state directory cannot be"),
    ];
    for (text, what) in cases {
        let (_bench, config) = configured(text);
        let refused = ask(&["check", "--config", path(&config)]);
        assert_eq!(refused.status.code(), Some(78), "{text}: {}", said(&refused));
        assert!(said(&refused).contains(what) && said(&refused).contains("remedy: "), "{what}: {}", said(&refused));
    }
}

#[test]
fn a_stopped_daemon_does_not_look_healthy() {
    let (bench, config) = configured(TRUCK);
    let asked = || ask(&["status", "--config", path(&config)]);
    assert!(
        asked().status.code() == Some(69) && said(&asked()).contains("systemctl start gatestamp"),
        "{}",
        said(&asked())
    );
    let lock = running(&bench, r#"{"device": "f-t"}"#);
    let health = fs::read(bench.file("state/health.json")).unwrap();
    fs::remove_file(bench.file("state/health.json")).unwrap();
    assert_eq!(asked().status.code(), Some(69));
    assert!(said(&asked()).contains("make room on the disk (df -h, df -i)"), "{}", said(&asked()));
    fs::write(bench.file("state/health.json"), health).unwrap();
    assert!(asked().status.success() && said(&asked()).starts_with("f-t runs, as of 2"), "{}", said(&asked()));
    drop(lock);
    assert_eq!(asked().status.code(), Some(69));
    assert!(said(&asked()).starts_with("f-t is stopped; what follows is as of 2"), "{}", said(&asked()));
    assert!(said(&asked()).contains("the daemon is stopped\n    remedy: "), "{}", said(&asked()));
}

#[test]
fn a_receiver_that_is_not_there_is_logged_once() {
    let (bench, _) = configured(TRUCK);
    let (mut daemon, _, health) = started(&bench);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let log = fs::read_to_string(bench.file("log")).unwrap();
    assert_eq!(health["receiver"]["state"], "unplugged", "{health}");
    assert_eq!(log.lines().filter(|line| line.contains("receiver")).count(), 1, "{log}");
}

#[test]
fn a_file_in_the_place_of_the_state_directory_is_named_as_one() {
    let (bench, config) = configured(TRUCK);
    bench.written("state", "");
    let refused = ask(&["run", "--config", path(&config)]);
    assert_eq!(refused.status.code(), Some(74), "{}", said(&refused));
    assert!(said(&refused).contains("there is a file where a directory has to be"), "{}", said(&refused));
}
