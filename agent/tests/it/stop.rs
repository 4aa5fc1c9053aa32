//! Stops: what was said before the word to stop counts, whether it was decided by then or not.

use crate::drive::{YARD, boot, engine, epoch, sentence};
use gatestamp::config;
use gatestamp::engine::{Effect, Input, State};
use gatestamp::io::blackbox::segments;
use gatestamp::io::clock::Clock;
use gatestamp::io::run::rehearse;
use gatestamp::recording::{Recorded, Segment};
use gatestamp::time::Mono;

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

#[test]
fn what_was_read_before_the_word_to_stop_is_recorded_before_the_stop() {
    const EPOCHS: u64 = 10;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("yard.geojson"), YARD).unwrap();
    let file = dir.path().join("gatestamp.toml");
    let [yard, state] = ["yard.geojson", "state"].map(|name| dir.path().join(name));
    let text = format!(
        "simulation = true\n[truck]\nfleet = \"fleet\"\nid = \"truck\"\n[gnss]\nsource = \"serial\"\ndevice = \"/dev/null\"\n\
                [facilities]\npath = {yard:?}\n[state]\ndir = {state:?}\n"
    );
    let config = config::read(&file.display().to_string(), &text).unwrap();
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
    let (_, segment) = segments(&recording).unwrap().pop().unwrap();
    let bytes = std::fs::read(segment).unwrap();
    let recorded: Vec<Recorded> = Segment::open(&bytes).unwrap().collect();
    let epochs = recorded.iter().filter(|input| matches!(input, Recorded::Bytes(..))).count();
    assert_eq!(epochs as u64, EPOCHS, "{recorded:?}");
    assert!(matches!(recorded.last(), Some(Recorded::Stop(_))), "{recorded:?}");
}
