//! What is left of private time on the disk?

use std::path::Path;

use super::bench::Bench;

#[test]
fn what_the_receiver_says_in_private_time_is_nowhere_and_that_it_was_private_is() {
    let mut bench = Bench::new();
    // Not beside the configuration: the agent refuses a switch in /tmp.
    let folder = tempfile::tempdir_in("/dev/shm").expect("a temporary directory");
    let [place, aside] = ["place", "aside"].map(|name| folder.path().join(name));
    std::fs::create_dir(&place).expect("a folder");
    let switch = place.join("private");
    let section = format!("[privacy]\nswitch = \"{}\"\n\n[facilities]", switch.display());
    bench.installation.configure("[facilities]", &section).expect("configured");
    bench.start();
    bench.talk_until(|bench| bench.state() == "receiving");
    std::fs::write(&switch, "").expect("switched on");
    bench.talk_until(|bench| bench.state() == "private");
    let fixes = |bench: &Bench| bench.health("/gnss/fixes").as_u64();
    let before = fixes(&bench);
    let from = bench.epochs.as_slice().first().expect("an epoch").at_s;
    for _ in 0..200 {
        bench.talk();
    }
    let to = bench.epochs.as_slice().first().expect("an epoch").at_s;
    assert_eq!((bench.state().as_str(), fixes(&bench)), ("private", before));

    // A kill in the middle, and a next start that cannot look for the switch: what was private stays so.
    bench.agent.take().expect("running").kill();
    bench.port.forget_last_reader();
    std::fs::rename(&place, &aside).expect("moved");
    std::fs::write(&place, "").expect("a file in the place of its folder");
    let started = bench.health("/boot_id");
    bench.start();
    bench.wait_until(|bench| bench.health("/boot_id") != started);
    bench.talk_until(|bench| bench.state() == "private");
    for _ in 0..20 {
        bench.talk();
    }
    std::fs::remove_file(&place).expect("removed");
    std::fs::rename(&aside, &place).expect("moved back");
    for _ in 0..20 {
        bench.talk();
    }
    let still = bench.epochs.as_slice().first().expect("an epoch").at_s;
    std::fs::remove_file(&switch).expect("switched off");
    bench.talk_until(|bench| bench.state() == "receiving" && bench.health("/coverage/seconds/privacy").is_number());
    bench.agent.take().expect("running").terminate().expect("it ends");

    let recording = bench.installation.state().join("recording");
    let replay = |what: &str| {
        let arguments = [Path::new("--output"), Path::new(what), &recording];
        let lines = bench.installation.ask("replay", &arguments).expect("it is replayed").stdout;
        String::from_utf8(lines).expect("text")
    };
    let seconds: Vec<f64> = replay("fixes").lines().map(second_of_the_shift).collect();
    assert!(seconds.iter().any(|second| *second < from) && seconds.iter().any(|second| *second > still), "{seconds:?}");
    assert!(!seconds.iter().any(|second| (from..to).contains(second)), "{from} to {to}: {seconds:?}");
    assert!(!seconds.iter().any(|second| (to + 1.0..still).contains(second)), "{to} to {still}: {seconds:?}");
    let modes = replay("events").matches("com.gatestamp.device.mode").count();
    assert_eq!(modes, 3, "private, private after the start, on duty");
    assert!(replay("coverage").contains("\"privacy\""));
}

/// When a fix of the replay was, in seconds since the shift began.
fn second_of_the_shift(line: &str) -> f64 {
    let fix: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let time: jiff::Timestamp =
        fix.get("time").and_then(serde_json::Value::as_str).and_then(|time| time.parse().ok()).expect("a time");
    f64::from(i32::try_from(time.as_millisecond() - 1_795_000_000_000).expect("within the shift")) / 1_000.0
}
