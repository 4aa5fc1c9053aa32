//! `gatestamp replay --output coverage` of a made drive with everything that can be between two fixes, line by line.

use crate::drive::{TEN_METRES, YARD, epoch, sentence};
use crate::facilities::{Bench, ask, path, said};
use crate::power_cut::live;
use gatestamp::engine::Boot;
use gatestamp::gnss::coverage::Cause;
use gatestamp::gnss::{Checksums, DateFloor, SourceState};
use gatestamp::recording::Recorded;
use gatestamp::time::{Mono, parse_rfc3339};
use geofence::{Span, UnixMillis};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Noon of the drive's day.
const NOON: &str = "2026-11-22T12:00:00Z";

/// A drive along the road through the yard, a second at a time.
struct Drive {
    inputs: Vec<Recorded>,
    /// Since noon.
    second: u64,
    /// In which the device booted.
    booted: u64,
    /// In which the newest fix was measured.
    fixed: u64,
    lon: f64,
}

impl Drive {
    /// One character a second: `>` east and `<` west at 10 m/s, `#` stands, `~` stands and reckons, `?` void, `0` a place that cannot
    /// be, `x` garbage, `=` the last fix again, `.` nothing, `u` unplugged, `p` plugged in, `a` antenna open, `s` shorted, `A` fine, `v` a satellite at 41 dB-Hz, `j` jamming, `J`
    /// none, `h` private, `H` public, `d` the agent is down, `b` it boots again, `!` it is told to stop. `R` and `C`: 100 s without power,
    /// then a boot without and with a clock.
    fn new(drawing: &[(&str, usize)]) -> Self {
        let mut drive = Self { inputs: Vec::new(), second: 0, booted: 0, fixed: 0, lon: 12.994 };
        drive.boot(None);
        for (marks, times) in drawing {
            for mark in marks.repeat(*times).chars() {
                drive.mark(mark);
                drive.second += 1;
            }
        }
        drive
    }

    fn at(&self) -> Mono {
        Mono((self.second - self.booted) * 1_000)
    }

    fn boot(&mut self, system_utc: Option<UnixMillis>) {
        let kernel_boot = format!("boot {}", self.booted);
        let (date_floor, checksums, why) = (DateFloor(None), Checksums::Auto, vec!["started".to_owned()]);
        let boot = Boot { kernel_boot, system_utc, date_floor, checksums, why };
        self.inputs.push(Recorded::Boot(self.at(), boot));
    }

    fn mark(&mut self, mark: char) {
        let (at, second) = (self.at(), self.second);
        let said = |body: &str| Recorded::Bytes(at, sentence(body).into_bytes());
        let here = |lon, speed| Recorded::Bytes(at, epoch(second, lon, speed).into_bytes());
        if "><#".contains(mark) {
            self.fixed = second;
        }
        let time = format!("{:02}{:02}{:02}.00", 12 + second / 3_600, second / 60 % 60, second % 60);
        self.inputs.push(match mark {
            '>' | '<' => {
                self.lon += if mark == '>' { TEN_METRES } else { -TEN_METRES };
                here(self.lon, 10.0)
            }
            '#' => here(self.lon, 0.0),
            '~' => {
                let east = format!("{:03}{:08.5}", self.lon.floor(), self.lon.fract() * 60.0);
                said(&format!("GNGGA,{time},5200.09000,N,{east},E,6,00,99.9,40.0,M,46.0,M,,"))
            }
            '?' => said(&format!("GNRMC,{time},V,,,,,,,221126,,,N")),
            '0' => said(&format!("GNRMC,{time},A,0000.00000,N,00000.00000,E,0.0,90.0,221126,,,A")),
            'x' => Recorded::Bytes(at, vec![0x55; 60]),
            '=' => Recorded::Bytes(at, epoch(self.fixed, self.lon, 0.0).into_bytes()),
            'a' => said("GPTXT,01,01,02,ANTSTATUS=OPEN"),
            's' => said("GPTXT,01,01,02,ANTSTATUS=SHORT"),
            'A' => said("GPTXT,01,01,02,ANTSTATUS=OK"),
            'v' => said("GPGSV,1,1,01,27,10,100,41"),
            'j' => said("PMTKSPF,3"),
            'J' => said("PMTKSPF,1"),
            'u' => Recorded::Source(at, SourceState::Gone),
            'p' => Recorded::Source(at, SourceState::Open),
            'h' => Recorded::Private(at, true),
            'H' => Recorded::Private(at, false),
            '!' => Recorded::Stop(at),
            'b' => return self.boot(None),
            'R' | 'C' => {
                self.second += 100;
                self.booted = self.second;
                return self.boot((mark == 'C').then(|| time_of(self.second)));
            }
            'd' => return,
            _ => Recorded::Tick(at),
        });
    }
}

fn time_of(second: u64) -> UnixMillis {
    UnixMillis(parse_rfc3339(NOON).unwrap().0 + i64::try_from(second * 1_000).unwrap())
}

/// What a replay of the drive prints.
fn replayed(drive: &Drive, output: &str, more: &[&str]) -> Vec<Value> {
    let bench = Bench::new();
    let facilities = bench.written("yard.geojson", YARD);
    live(&bench.file(""), &drive.inputs);
    let recording = bench.file("recording");
    let arguments = ["replay", "--output", output, "--facilities", path(&facilities), path(&recording)];
    let done = ask(&[&arguments[..], more].concat());
    assert!(done.status.success(), "{}", said(&done));
    let text = String::from_utf8(done.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ledger(drive: &Drive) -> Vec<Value> {
    replayed(drive, "coverage", &[])
}

fn millis(line: &Value, key: &str) -> i64 {
    parse_rfc3339(line[key].as_str().unwrap()).unwrap().0
}

/// Of a number of seconds, milliseconds.
fn length(seconds: &Value) -> i64 {
    Span::from_seconds(seconds.as_f64().unwrap()).0
}

/// The intervals among the lines.
fn stretches(lines: &[Value]) -> Vec<&Value> {
    lines.iter().filter(|line| line["evidence"].is_object()).collect()
}

/// As `cause from-to notes`, in seconds since noon.
fn drawn(lines: &[Value]) -> Vec<String> {
    let seconds = |line: &Value, key| (millis(line, key) - time_of(0).0) / 1_000;
    let line = |line: &&Value| {
        let notes: Vec<_> = line["evidence"]["notes"].as_array().into_iter().flatten().collect();
        let notes: Vec<_> = notes.iter().map(|note| note.as_str().unwrap()).collect();
        let text = format!(
            "{} {}-{} {}",
            line["cause"].as_str().unwrap(),
            seconds(line, "from"),
            seconds(line, "to"),
            notes.join(" ")
        );
        text.trim_end().to_owned()
    };
    stretches(lines).iter().map(line).collect()
}

/// Milliseconds by cause of a line, which must be as long as it says.
fn causes(line: &Value) -> BTreeMap<String, i64> {
    let causes: BTreeMap<_, _> =
        line["causes"].as_object().unwrap().iter().map(|(cause, seconds)| (cause.clone(), length(seconds))).collect();
    assert_eq!(causes.values().sum::<i64>(), length(&line["seconds"]), "{line}");
    causes
}

/// Twenty-two minutes: into the yard, everything that can be there, out, in again from the other side, out, and through without a stop.
fn day() -> Drive {
    Drive::new(&[
        ("?", 5),
        (">", 60),
        ("#", 90),
        ("~", 30),
        ("#####????????????????????#####", 1),
        ("a????????????????????A#####", 1),
        ("s????????????????????A#####", 1),
        ("j????????????????????J#####", 1),
        ("..............................#####", 1),
        ("u....................p?????#####", 1),
        ("x", 30),
        ("#", 5),
        ("=", 30),
        ("#", 5),
        ("0", 30),
        ("#", 5),
        ("h..............................H#####", 1),
        ("ddddddddddddddddddddb?????#####", 1),
        (".dddddddddddddddddddddddddddddddddddddddd#####", 1),
        ("Ca", 1),
        ("?", 60),
        ("R?????", 1),
        ("#", 30),
        (">", 60),
        ("<", 60),
        ("#", 90),
        (">", 60),
        ("<", 140),
        ("#", 30),
        ("!", 1),
    ])
}

/// What its ledger says. A cause begins with the last fix before it and ends with the first after.
const DAY: [&str; 40] = [
    "acquiring 0-5",
    "covered 5-154",
    "dead_reckoning 154-185",
    "covered 185-189",
    "tunnel_or_indoor 189-210",
    "covered 210-214",
    "antenna_open 214-236",
    "tunnel_or_indoor 236-237",
    "covered 237-241",
    "antenna_short 241-263",
    "tunnel_or_indoor 263-264",
    "covered 264-268",
    "jamming_suspected 268-290",
    "tunnel_or_indoor 290-291",
    "covered 291-295",
    "serial_silent 295-326",
    "covered 326-330",
    "serial_silent 330-352 source_gone",
    "acquiring 352-358",
    "covered 358-362",
    "checksum_storm 362-393",
    "covered 393-397",
    "receiver_frozen 397-428 time_stands_still",
    "covered 428-432",
    "unknown 432-463",
    "covered 463-467",
    "privacy 467-499",
    "serial_silent 499-500",
    "covered 500-504",
    "agent_down 504-525 killed",
    "acquiring 525-531",
    "covered 531-536",
    "agent_down 536-577 no_ticks",
    "covered 577-581",
    "power_off 581-682 killed new_boot undated_run",
    "acquiring 682-683 placed by_system_clock",
    "antenna_open 683-743 placed by_system_clock",
    "power_off 743-844 killed new_boot undated_run",
    "acquiring 844-850",
    "covered 850-1320",
];

#[test]
fn every_cause_has_its_line_and_each_begins_where_the_one_before_ended() {
    let lines = ledger(&day());
    assert_eq!(drawn(&lines), DAY);
    let stretches = stretches(&lines);
    for two in stretches.windows(2) {
        assert_eq!(two[0]["to"], two[1]["from"]);
    }
    for line in &stretches {
        assert_eq!(length(&line["seconds"]), millis(line, "to") - millis(line, "from"));
    }
    let named: BTreeSet<_> = stretches.iter().map(|line| line["cause"].as_str().unwrap().to_owned()).collect();
    let all: BTreeSet<_> = Cause::ALL.iter().map(|cause| json!(cause).as_str().unwrap().to_owned()).collect();
    assert_eq!(named, all);
}

#[test]
fn a_line_has_its_evidence_and_what_was_placed_has_its_bounds() {
    let lines = ledger(&day());
    let dead_reckoning = json!({
        "from": "2026-11-22T12:02:34.000Z", "to": "2026-11-22T12:03:05.000Z", "seconds": 31.0, "cause": "dead_reckoning",
        "evidence": {"bytes": 2_365, "sentences": 32, "void_epochs": 0, "refused_epochs": 0, "fixes": 31},
    });
    assert!(lines.contains(&dead_reckoning), "{lines:?}");
    let placed = json!({
        "from": "2026-11-22T12:11:23.000Z", "to": "2026-11-22T12:12:23.000Z", "seconds": 60.0, "cause": "antenna_open",
        "evidence": {
            "bytes": 2_400, "sentences": 60, "void_epochs": 59, "refused_epochs": 0, "fixes": 0,
            "notes": ["placed", "by_system_clock"],
            "within": {"not_before": "2026-11-22T12:09:42.000Z", "not_after": "2026-11-22T12:14:04.000Z"},
        },
    });
    assert!(lines.contains(&placed), "{lines:?}");
}

#[test]
fn r22_what_was_heard_before_a_loss_stands_with_it() {
    let lines = ledger(&Drive::new(&[(">", 20), ("v", 1), ("#", 3), ("?", 30), ("#", 5), ("!", 1)]));
    let tunnel: Vec<_> = stretches(&lines).into_iter().filter(|line| line["cause"] == "tunnel_or_indoor").collect();
    assert_eq!(tunnel.iter().map(|line| &line["evidence"]["cn0_before_dbhz"]).collect::<Vec<_>>(), [&json!(41)]);
}

#[test]
fn the_last_line_has_all_time_by_cause() {
    let lines = ledger(&day());
    let summary = &lines.last().unwrap()["summary"];
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for line in stretches(&lines) {
        *sums.entry(line["cause"].as_str().unwrap().to_owned()).or_default() +=
            millis(line, "to") - millis(line, "from");
    }
    assert_eq!(causes(summary), sums);
    assert_eq!([millis(summary, "from"), millis(summary, "to")], [0, 1_320].map(|second| time_of(second).0));
    assert_eq!(sums.values().sum::<i64>(), 1_320_000, "wall time, to the millisecond");
    let percent = (sums["covered"] as f64 / sums.values().sum::<i64>() as f64 * 10_000.0).round() / 100.0;
    assert_eq!(summary["availability_pct"].as_f64(), Some(percent), "dead reckoning is not availability");
    assert_eq!(
        [&summary["intervals"], &summary["restarts"], &summary["undated_s"]],
        [&json!(DAY.len()), &json!(0), &json!(0.0)]
    );
}

/// Visit, arrival and departure as the newest revisions say; no arrival: it was retracted.
fn stays(events: &[Value]) -> BTreeMap<String, (Option<i64>, Option<i64>)> {
    let mut stays: BTreeMap<String, (Option<i64>, Option<i64>)> = BTreeMap::new();
    for event in events {
        let data = &event["data"];
        let at = (data["status"] != "retracted").then(|| data["at"].as_str().map(|at| parse_rfc3339(at).unwrap().0));
        let stay = stays.entry(data["visit"].as_str().unwrap_or_default().to_owned()).or_default();
        match event["type"].as_str().unwrap() {
            "com.gatestamp.visit.arrived" => stay.0 = at.flatten(),
            "com.gatestamp.visit.departed" => stay.1 = at.flatten(),
            _ => {}
        }
    }
    stays
}

#[test]
fn each_visit_and_the_trip_have_their_window_and_a_retracted_arrival_has_none() {
    let (drive, day) = (day(), |lines: &[Value], window: &str| -> Vec<Value> {
        lines.iter().filter(|line| line["window"] == window).cloned().collect()
    });
    let events = replayed(&drive, "events", &[]);
    let retracted = events.iter().any(|event| event["data"]["status"] == "retracted");
    assert!(retracted, "the drive through the yard was told as an arrival first");
    let stays = stays(&events);
    let lines = ledger(&drive);
    let mut told = Vec::new();
    for line in day(&lines, "visit") {
        assert_eq!(line["facility"], "yard");
        causes(&line);
        let (arrived, departed) = stays[line["visit"].as_str().unwrap()];
        assert_eq!((Some(millis(&line, "from")), Some(millis(&line, "to"))), (arrived, departed));
        told.push(millis(&line, "from"));
    }
    assert_eq!(told.len(), 2, "in from the west and from the east");
    let [trip] = &day(&lines, "trip")[..] else { panic!("one trip") };
    assert_eq!([millis(trip, "from"), millis(trip, "to")], [told[0] - 15 * 60_000, told[1]]);
    let before = time_of(0).0 - millis(trip, "from");
    assert_eq!(trip["outside_recording_s"].as_f64(), Some(before as f64 / 1_000.0));
    let by_cause = causes(trip);
    assert_eq!(by_cause["unknown"], before + 31_000, "what is not in the recording is unknown");
    let percent = by_cause["covered"] as f64 / by_cause.values().sum::<i64>() as f64 * 100.0;
    assert!((trip["availability_pct"].as_f64().unwrap() - percent).abs() < 0.01, "{trip}");
    assert!(day(&lines, "asked").is_empty());
}

#[test]
fn what_is_asked_for_is_a_window_and_what_is_left_out_is_that_of_the_recording() {
    let drive = day();
    let asked = |more: &[&str]| {
        let lines = replayed(&drive, "coverage", more);
        let asked: Vec<_> = lines.iter().filter(|line| line["window"] == "asked").cloned().collect();
        let [line] = &asked[..] else { panic!("{lines:?}") };
        (line["from"].clone(), line["to"].clone(), causes(line), line["availability_pct"].clone())
    };
    let (begin, end) = ("2026-11-22T12:00:00.000Z", "2026-11-22T12:22:00.000Z");
    let (from, to) = ("2026-11-22T12:02:30.500Z", "2026-11-22T12:03:04.250Z");
    let of = |causes: &[(&str, i64)]| causes.iter().map(|(cause, ms)| ((*cause).to_owned(), *ms)).collect();
    let both = of(&[("covered", 3_500), ("dead_reckoning", 30_250)]);
    assert_eq!(asked(&["--from", from, "--to", to]), (from.into(), to.into(), both, 10.37.into()));
    let head = of(&[("acquiring", 5_000), ("covered", 145_500)]);
    assert_eq!(asked(&["--to", from]), (begin.into(), from.into(), head, 96.68.into()));
    let (from, to, tail, _) = asked(&["--from", "2026-11-22T12:21:30Z"]);
    assert_eq!((from, to, tail), ("2026-11-22T12:21:30.000Z".into(), end.into(), of(&[("covered", 30_000)])));
    // Before the recording nothing is known.
    let (.., early, percent) = asked(&["--from", "2026-11-22T11:59:00Z", "--to", "2026-11-22T12:00:05Z"]);
    assert_eq!((early, percent), (of(&[("acquiring", 5_000), ("unknown", 60_000)]), 0.0.into()));
}

/// Type, time and data of the coverage events.
fn told(drive: &Drive) -> Vec<Value> {
    let events = replayed(drive, "events", &[]);
    events.into_iter().filter(|event| event["type"].as_str().unwrap().contains("gnss")).collect()
}

#[test]
fn a_day_without_an_antenna_is_told_as_that_and_not_as_power_off() {
    let unplugged = Drive::new(&[(">", 30), ("R", 1), ("a", 1), ("?", 600), ("RRRRRRRRRR??", 1), ("#", 10), ("!", 1)]);
    let lines = ledger(&unplugged);
    let sums = causes(&lines.last().unwrap()["summary"]);
    assert_eq!((sums["antenna_open"], lines.last().unwrap()["summary"]["undated_s"].as_f64()), (600_000, Some(0.0)));
    let told = told(&unplugged);
    let kinds: Vec<_> = told.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["com.gatestamp.gnss.lost", "com.gatestamp.gnss.restored"]);
    assert_eq!(told[0]["data"]["cause"], "antenna_open");
    let data = &told[1]["data"];
    assert_eq!([&data["cause"], &data["powered_cause"]], ["power_off", "antenna_open"]);
    assert_eq!(data["causes"]["antenna_open"], 600.0);
}
