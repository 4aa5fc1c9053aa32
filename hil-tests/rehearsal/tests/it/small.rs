//! Does a rehearsal find nothing where nothing is wrong, and something where one event is?

use rehearsal::options::{Kind, Options};
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

/// Five trucks on one errand, with everything that `database` has dying at least once.
fn survived(database: &str) -> Outcome {
    let words = ["rehearse", "--trucks", "5", "--hours", "0.2", "--speed", "40", "--chaos", "--seed", "11"];
    let mut said = Vec::new();
    let options = Options::parse_from(words.iter().chain(&["--database", database]));
    let played = play(&options, &mut said, false);
    let outcome = played.unwrap_or_else(|why| panic!("{why}\n{}", String::from_utf8_lossy(&said)));
    let (found, told) = judged(&outcome);
    assert_eq!(found, [0; 4], "{told}");
    for (blow, count) in outcome.tally.blows().take(Blow::KILLS) {
        // A file has no server that could be killed.
        let dies = blow != Blow::Database || options.database == Kind::Postgres;
        assert_eq!(count > 0, dies, "killed {}: {told}", blow.word());
    }
    outcome
}

#[test]
fn over_one_file_five_trucks_lose_and_double_nothing_whatever_dies() {
    survived("sqlite");
}

#[test]
fn over_a_server_they_do_neither_and_one_event_less_at_dispatch_is_found() {
    let outcome = survived("postgres");

    // An arrival in the middle of a truck's history.
    let mut database = outcome.database();
    let events = database.events("t0003").expect("asked");
    let victim = events.get(events.len() / 2).expect("events");
    assert_eq!(database.delete(&victim.id).expect("deleted"), 1);
    let ([missing, _, gaps, _], told) = judged(&outcome);
    assert!(missing >= 1 && gaps == 1, "{told}");
    assert!(told.contains(&format!("t0003: event {} of its journal is not at dispatch", victim.sequence)), "{told}");
}
