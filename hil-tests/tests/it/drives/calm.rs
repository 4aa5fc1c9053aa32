//! Does every log end with code 0, without a panic, and twice with the same bytes?
//!
//! Text, mixed, binary and marine logs alike: what is no NMEA must leave the agent calm. A log in which no receiver speaks that is listened
//! for is refused by name. A replay is asked for the same thing twice,
//! because a result that depends on the run is no evidence.

use super::agent::{fault_of, is_refused, replay};
use super::nmea::void_epochs;
use super::shelf::{GOOGLE, KOLOMNA, MUNICH, SILVRETTA, Shelf, bytes_of};

#[test]
fn every_recording_gives_the_same_events_twice() {
    replay_everything_twice("events");
}

#[test]
fn every_recording_gives_the_same_fixes_twice() {
    replay_everything_twice("fixes");
}

#[test]
fn every_recording_gives_the_same_coverage_twice() {
    replay_everything_twice("coverage");
}

fn replay_everything_twice(output: &str) {
    let Some(shelf) = Shelf::open() else { return };
    let drives = [GOOGLE, MUNICH, SILVRETTA, KOLOMNA].map(|drive| shelf.drive(drive));
    let (mut replayed, mut refused, mut faults) = (0, 0, Vec::new());
    for recording in drives.into_iter().chain(shelf.logs()) {
        let once = || replay(["--output".as_ref(), output.as_ref(), recording.as_os_str()]);
        let (first, second) = (once(), once());
        if first.stdout != second.stdout || first.status != second.status {
            faults.push(format!("{}: two runs, two results", recording.display()));
        } else if is_refused(&first) && void_epochs(&bytes_of(&recording)).is_empty() {
            refused += 1;
        } else if let Some(fault) = fault_of(&first) {
            faults.push(format!("{}: {fault}", recording.display()));
        }
        replayed += 1;
    }
    println!("{replayed} recordings replayed twice for their {output}, {refused} of them refused");
    assert!(replayed >= 4 + 88, "the recordings have lost some logs: {replayed}");
    assert!(faults.is_empty(), "{} of {replayed} recordings:\n{}", faults.len(), faults.join("\n"));
}
