//! What `check` and `status` answer, through the real binary: what is said, to whom, and with which exit code.

use crate::facilities::{Bench, ask, collection, path, said, yard};
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
