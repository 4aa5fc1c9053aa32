//! Ends: what was said before the word to stop counts, or before the fault that takes another start, whether it was decided by then or not.

use crate::drive::{YARD, boot, engine, epoch, sentence};
use gatestamp::config::{self, Config};
use gatestamp::engine::{Effect, Input, State};
use gatestamp::io::blackbox::segments;
use gatestamp::io::clock::Clock;
use gatestamp::io::run::{RunError, rehearse};
use gatestamp::recording::{Recorded, Segment};
use gatestamp::time::Mono;
use rusqlite::Connection;
use std::path::Path;
use std::time::Duration;

#[test]
fn what_the_last_epoch_decides_about_those_before_it_is_handed_on_whole() {
    let mut engine = engine(State::default());
    let times = ["120000", "110000", "110001", "110002", "110003"];
    let lines = (1..).zip(times).map(|(second, time)| {
        let line = sentence(&format!("GNRMC,{time}.00,A,5200.09000,N,01300.00000,E,0.0,90.0,221126,,,A"));
        Recorded::Bytes(Mono(second * 1_000), line.into_bytes())
    });
    let mut fixes = Vec::new();
    for input in [boot(Mono(0))].into_iter().chain(lines).chain([Recorded::Stop(Mono(6_000))]) {
        let effects = engine.handle(&Input::Recorded(&input));
        fixes.extend(
            effects.iter().filter_map(
                |effect| {
                    if let Effect::Fixed(fix) = effect { Some(fix.time_stepped) } else { None }
                },
            ),
        );
    }
    assert_eq!(fixes, [false, true, false, false, false]);
    assert_eq!(engine.state().counts().fixes, 5);
}

const EPOCHS: u64 = 10;

fn simulated(dir: &Path) -> Config {
    std::fs::write(dir.join("yard.geojson"), YARD).unwrap();
    let file = dir.join("gatestamp.toml");
    let [yard, state] = ["yard.geojson", "state"].map(|name| dir.join(name));
    let text = format!(
        "simulation = true\n[truck]\nfleet = \"fleet\"\nid = \"truck\"\n[gnss]\nsource = \"serial\"\ndevice = \"/dev/null\"\n\
                [facilities]\npath = {yard:?}\n[state]\ndir = {state:?}\n"
    );
    config::read(&file.display().to_string(), &text).unwrap()
}

/// What the newest segment holds, up to its last seal.
fn recorded(recording: &Path) -> Vec<Recorded> {
    let (_, segment) = segments(recording).unwrap().pop().unwrap();
    let bytes = std::fs::read(segment).unwrap();
    Segment::open(&bytes).unwrap().collect()
}

fn epochs(recorded: &[Recorded]) -> u64 {
    recorded.iter().filter(|input| matches!(input, Recorded::Bytes(..))).count() as u64
}

#[test]
fn what_was_read_before_the_word_to_stop_is_recorded_before_the_stop() {
    let dir = tempfile::tempdir().unwrap();
    let config = simulated(dir.path());
    let recording = config.state_dir.join("recording");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (to_agent, receiver) = tokio::sync::mpsc::channel(16);
        for second in 0..EPOCHS {
            to_agent.send(epoch(second, 13.0, 0.0).into_bytes()).await.unwrap();
        }
        // The word is there from the first: while a slow disk commits, both come.
        rehearse(config, Clock::new(1), receiver, std::future::ready(())).await.unwrap();
    });
    let recorded = recorded(&recording);
    assert_eq!(epochs(&recorded), EPOCHS, "{recorded:?}");
    assert!(matches!(recorded.last(), Some(Recorded::Stop(_))), "{recorded:?}");
}

/// As a dying flash does it to a file that is open.
fn damage(journal: &Path) {
    let journal = Connection::open(journal).unwrap();
    let version: i64 = journal.query_row("PRAGMA schema_version", [], |row| row.get(0)).unwrap();
    let spoil = "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = 'spoiled' WHERE name = 'event'";
    journal.execute_batch(&format!("{spoil}; PRAGMA schema_version = {};", version + 1)).unwrap();
}

#[test]
fn what_was_read_before_a_fault_that_takes_another_start_is_recorded_too() {
    let dir = tempfile::tempdir().unwrap();
    let config = simulated(dir.path());
    let state = config.state_dir.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = runtime.block_on(async {
        let (to_agent, receiver) = tokio::sync::mpsc::channel(16);
        let drive = async {
            while !state.join("health.json").exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            damage(&state.join("journal.db"));
            // The first of them dates the start, and that event finds the journal damaged.
            for second in 0..EPOCHS {
                to_agent.try_send(epoch(second, 13.0, 0.0).into_bytes()).unwrap();
            }
        };
        tokio::join!(rehearse(config, Clock::new(1), receiver, std::future::pending()), drive).0
    });
    assert!(matches!(ended, Err(RunError::StartAgain)), "{ended:?}");
    let recorded = recorded(&state.join("recording"));
    assert_eq!(epochs(&recorded), EPOCHS, "{recorded:?}");
}
