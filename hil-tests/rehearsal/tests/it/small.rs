//! Does a rehearsal find nothing where nothing is wrong, and something where one event is?

use rehearsal::options::Options;
use rehearsal::report::Report;
use rehearsal::run::{Outcome, play};
use rehearsal::tally::Blow;

use clap::Parser as _;

/// What it finds now, and what it says.
fn judged(outcome: &Outcome) -> ([usize; 4], String) {
    let (findings, faults) = outcome.judge().expect("journals and database can be read");
    let mut told = Vec::new();
    let report = Report { run: &outcome.run, findings: &findings, tally: &outcome.tally, faults: &faults };
    report.tell(&mut told).expect("memory");
    let found = [findings.missing.len(), findings.doubled.len(), findings.gaps.len(), faults.len()];
    (found, String::from_utf8_lossy(&told).into_owned())
}

#[test]
fn five_trucks_lose_and_double_nothing_whatever_dies_and_one_event_less_at_dispatch_is_found() {
    let words = ["rehearse", "--trucks", "5", "--hours", "0.2", "--speed", "40", "--chaos", "--seed", "11"];
    let mut said = Vec::new();
    let played = play(&Options::parse_from(words), &mut said, false);
    let outcome = played.unwrap_or_else(|why| panic!("{why}\n{}", String::from_utf8_lossy(&said)));
    let (found, told) = judged(&outcome);
    assert_eq!(found, [0; 4], "{told}");
    for (blow, count) in outcome.tally.blows().take(Blow::KILLS) {
        assert!(count > 0, "nothing was killed {}: {told}", blow.word());
    }

    // An arrival in the middle of a truck's history.
    let mut database = outcome.database();
    let events = database.events("t0003").expect("asked");
    let victim = events.get(events.len() / 2).expect("events");
    assert_eq!(database.delete(&victim.id).expect("deleted"), 1);
    let ([missing, _, gaps, _], told) = judged(&outcome);
    assert!(missing >= 1 && gaps == 1, "{told}");
    assert!(told.contains(&format!("t0003: event {} of its journal is not at dispatch", victim.sequence)), "{told}");
}
