//! What the ledger tells of drawn stretches of reception, and that it always adds up.

use super::*;
use proptest::prelude::*;

/// A second of the drawn reception.
struct Drawn {
    coverage: Coverage,
    ledger: Vec<Interval>,
    changes: Vec<Change>,
    /// In which second each of them was told.
    told_in: Vec<u64>,
    second: u64,
    /// In which the device booted.
    booted: u64,
    /// By so much the receiver's time is ahead of the true one.
    ahead: Span,
    /// For so many seconds the receiver has repeated one time.
    same: u64,
}

const EPOCH: i64 = 1_795_000_000_000;

impl Drawn {
    fn new() -> Self {
        let (coverage, ledger) = (Coverage::default(), Vec::new());
        let mut drawn = Self {
            coverage,
            ledger,
            changes: Vec::new(),
            told_in: Vec::new(),
            second: 0,
            booted: 0,
            ahead: Span(0),
            same: 0,
        };
        drawn.coverage.boot(Mono(0), false, &mut |interval| drawn.ledger.push(interval));
        drawn
    }

    /// One character a second: `#` fix, `~` dead reckoning, `?` void, `x` garbage, `=` the same time again, `0` refused, `.` nothing, `u` unplugged, `p` plugged
    /// in, `a` antenna open, `A` antenna fine, `j` jamming, `k` critical, `J` none, `h` private, `H` public, `v` satellites in view, the best at 45 dB-Hz, `w` at 20, `d` the agent is down, `b` it boots
    /// again, `z` the device slept. After 100 s without power the device boots: `R` without a clock, `C` with one, `W` with one that is an hour ahead.
    /// The receiver's time steps with a fix: `L` 2 s ahead, `l` 1 s back, `S` a minute ahead.
    fn draw(&mut self, picture: &str) -> &mut Self {
        for c in picture.chars() {
            self.second(c);
            self.told_in.resize(self.changes.len(), self.second);
            self.second += 1;
        }
        self
    }

    fn second(&mut self, c: char) {
        if "RCW".contains(c) {
            return self.reboot(c);
        }
        let Self { coverage, ledger, changes, second, booted, ahead, same, .. } = self;
        let at = Mono((*second - *booted) * 1_000);
        let each = &mut |interval| ledger.push(interval);
        *ahead = *ahead
            + Span::seconds(
                [("L", 2), ("l", -1), ("S", 60)].iter().map(|(s, by)| if s.contains(c) { *by } else { 0 }).sum(),
            );
        let time = true_time(*second) + *ahead;
        if c == 'b' {
            return coverage.boot(at, true, each);
        }
        if "dz".contains(c) {
            return;
        }
        changes.extend(coverage.passed(at, each));
        if "#LlS?0".contains(c) && std::mem::take(same) >= 10 {
            coverage.finding(Finding::Stuck(false), each);
        }
        match c {
            '#' | '~' | 'L' | 'l' | 'S' => {
                coverage.heard(140, 2, each);
                if c == '~' {
                    coverage.reckons();
                }
                changes.extend(coverage.fix(at, time, false, each));
            }
            '?' => {
                coverage.heard(80, 2, each);
                coverage.void(each);
            }
            'x' => coverage.heard(100, 0, each),
            '=' => {
                coverage.heard(140, 2, each);
                *same += 1;
                if *same == 10 {
                    coverage.finding(Finding::Stuck(true), each);
                }
            }
            '0' => {
                coverage.heard(140, 2, each);
                coverage.refused();
            }
            'u' => coverage.source(false, each),
            'p' => coverage.source(true, each),
            'a' => coverage.finding(Finding::Antenna(Antenna::Open), each),
            'A' => coverage.finding(Finding::Antenna(Antenna::Connected), each),
            'j' => coverage.finding(Finding::Jamming(Jamming::Suspected), each),
            'k' => coverage.finding(Finding::Jamming(Jamming::Critical), each),
            'J' => coverage.finding(Finding::Jamming(Jamming::None), each),
            'v' => coverage.finding(Finding::Signal(45), each),
            'w' => coverage.finding(Finding::Signal(20), each),
            'h' => coverage.private(true, each),
            'H' => coverage.private(false, each),
            _ => coverage.tick(),
        }
    }

    fn reboot(&mut self, c: char) {
        self.second += 100;
        (self.booted, self.same) = (self.second, 0);
        let Self { coverage, ledger, .. } = self;
        coverage.private(false, &mut |interval| ledger.push(interval));
        coverage.boot(Mono(0), false, &mut |interval| ledger.push(interval));
        let ahead = match c {
            'R' => return,
            'C' => Span(0),
            _ => Span::seconds(3_600),
        };
        coverage.system_clock(Mono(0), true_time(self.second) + self.ahead + ahead);
    }

    /// The intervals with their seconds, the open one last.
    fn told(&self) -> String {
        let seconds = |time: UnixMillis| (time.0 - EPOCH) / 1_000;
        let line = |i: &Interval| format!("{}-{} {:?}", seconds(i.from), seconds(i.to), i.cause);
        self.ledger.iter().chain(&self.coverage.open()).map(line).collect::<Vec<_>>().join(", ")
    }
}

fn true_time(second: u64) -> UnixMillis {
    UnixMillis(EPOCH + i64::try_from(second * 1_000).unwrap())
}

fn told(picture: &str) -> String {
    Drawn::new().draw(picture).told()
}

#[test]
fn a_start_is_acquiring_until_the_first_fix_and_dated_by_it() {
    assert_eq!(told("...???????##########"), "0-10 Acquiring, 10-19 Covered");
}

#[test]
fn a_tunnel_is_a_gap_from_its_last_fix_to_the_next() {
    assert_eq!(told("##########??????????####"), "0-9 Covered, 9-20 TunnelOrIndoor, 20-23 Covered");
}

#[test]
fn some_missed_epochs_are_no_gap() {
    assert_eq!(told("####....###??..####"), "0-18 Covered");
}

#[test]
fn silence_is_silence_since_the_last_byte_and_acquiring_afterwards() {
    let expected = "0-9 Covered, 9-30 SerialSilent, 30-35 Acquiring, 35-39 Covered";
    assert_eq!(told("##########....................?????#####"), expected);
}

#[test]
fn a_pulled_cable_is_silent_from_the_last_fix_on() {
    let mut drawn = Drawn::new();
    drawn.draw("##########u.........p..???###");
    assert_eq!(drawn.told(), "0-9 Covered, 9-20 SerialSilent, 20-26 Acquiring, 26-28 Covered");
    assert_eq!(drawn.ledger[1].notes.words(), ["source_gone"]);
}

#[test]
fn a_cable_pulled_in_a_tunnel_is_another_interval() {
    let expected = "0-9 Covered, 9-20 TunnelOrIndoor, 20-40 SerialSilent, 40-42 Covered";
    assert_eq!(told("##########??????????u...................###"), expected);
}

#[test]
fn garbage_is_a_storm_and_a_frozen_receiver_is_frozen() {
    assert_eq!(told("##########xxxxxxxxxxxx###"), "0-9 Covered, 9-22 ChecksumStorm, 22-24 Covered");
    assert_eq!(told("##########===============###"), "0-9 Covered, 9-25 ReceiverFrozen, 25-27 Covered");
    assert_eq!(told("##########0000000###"), "0-9 Covered, 9-17 Unknown, 17-19 Covered");
}

#[test]
fn garbage_before_a_silence_says_nothing_about_what_comes_after_it() {
    let expected = "0-9 Covered, 9-32 SerialSilent, 32-39 Acquiring, 39-40 Covered";
    assert_eq!(told("##########xx....................x??????##"), expected);
}

#[test]
fn r11_a_parked_truck_with_advancing_time_is_covered_and_a_repeated_time_is_frozen() {
    let (parked, stuck) = (Drawn::new().draw(&"#".repeat(600)).told(), "#".repeat(10) + &"=".repeat(90));
    assert_eq!(parked, "0-599 Covered");
    let mut drawn = Drawn::new();
    drawn.draw(&stuck);
    assert_eq!(drawn.told(), "0-9 Covered, 9-99 ReceiverFrozen");
    let lost = Change::Lost { since: UnixMillis(EPOCH + 9_000), cause: Cause::ReceiverFrozen };
    assert_eq!(drawn.changes, [lost]);
}

#[test]
fn what_the_receiver_says_about_antenna_and_jamming_is_believed() {
    assert_eq!(told("#####a????????A??##"), "0-4 Covered, 4-14 AntennaOpen, 14-17 TunnelOrIndoor, 17-18 Covered");
    assert_eq!(told("#####j???????????##"), "0-4 Covered, 4-17 JammingSuspected, 17-18 Covered");
    assert_eq!(told("#####a#####j####"), "0-15 Covered", "while there are fixes they say nothing");
}

#[test]
fn what_fixes_have_disproved_is_not_why_they_end() {
    let tunnel = "0-39 Covered, 39-70 TunnelOrIndoor, 70-71 Covered";
    let draw = |said: &str| told(&format!("#{said}{}{}##", "#".repeat(39 - said.len()), "?".repeat(30)));
    assert_eq!([draw("a"), draw("j"), draw("k"), draw("ajk")], [tunnel; 4]);
    // Said again and again, as by a receiver that cannot see a passive antenna.
    assert_eq!(draw("a#####a#####a#######a#######a"), tunnel);
    let again = "#".repeat(20) + &"a?".repeat(10) + "##";
    assert_eq!(told(&format!("#a{again}")), "0-21 Covered, 21-42 TunnelOrIndoor, 42-43 Covered");
    // It is fine, and open again: that is new.
    let open = format!("#a{}Aa{}##", "#".repeat(20), "?".repeat(15));
    assert_eq!(told(&open), "0-21 Covered, 21-39 AntennaOpen, 39-40 Covered");
    // What is reckoned hears no satellite, and is no reason why nothing is measured where the receiver says one.
    let mut reckoned = Drawn::new();
    reckoned.draw(&format!("{}a{}{}##", "#".repeat(21), "~".repeat(12), "?".repeat(15)));
    assert_eq!(reckoned.told(), "0-20 Covered, 20-49 AntennaOpen, 49-50 Covered");
    assert_eq!(reckoned.ledger[1].notes.words(), ["dead_reckoning"]);
    // So is interference that becomes critical.
    let critical = format!("#j{}k{}##", "#".repeat(20), "?".repeat(15));
    assert_eq!(told(&critical), "0-21 Covered, 21-38 JammingSuspected, 38-39 Covered");
}

#[test]
fn r13_dead_reckoning_covers_nothing_and_is_lost_and_restored_by_what_is_measured() {
    let mut drawn = Drawn::new();
    drawn.draw(&format!("##########{}##", "~".repeat(60)));
    assert_eq!(drawn.told(), "0-9 Covered, 9-70 DeadReckoning, 70-71 Covered");
    let since = UnixMillis(EPOCH + 9_000);
    let causes = BTreeMap::from([(Cause::DeadReckoning, Span::seconds(61))]);
    let (to, cause) = (UnixMillis(EPOCH + 70_000), Cause::DeadReckoning);
    let gap = Gap { from: since, to, cause, powered_cause: Some(cause), causes };
    assert_eq!(drawn.changes, [Change::Lost { since, cause }, Change::Restored(gap)]);
    assert_eq!(drawn.told_in, [29, 70]);
    let seconds = drawn.coverage.summary().sums.into_iter().map(|(cause, sum)| (cause, sum.0 / 1_000));
    assert_eq!(seconds.collect::<Vec<_>>(), [(Cause::Covered, 10), (Cause::DeadReckoning, 61)]);
}

#[test]
fn dead_reckoning_ends_with_its_last_position_and_begins_with_its_first() {
    let tunnel = "0-4 Covered, 4-14 DeadReckoning, 14-30 TunnelOrIndoor, 30-31 Covered";
    assert_eq!(told(&format!("#####{}{}##", "~".repeat(10), "?".repeat(15))), tunnel);
    let unplugged = "0-4 Covered, 4-14 DeadReckoning, 14-28 SerialSilent, 28-29 Covered";
    assert_eq!(told(&format!("#####{}u............##", "~".repeat(10))), unplugged);
    assert_eq!(told("???~~~~~~~~##"), "0-3 Acquiring, 3-11 DeadReckoning, 11-12 Covered");
    assert_eq!(
        told("~~~~????????##"),
        "0-3 DeadReckoning, 3-12 Acquiring, 12-13 Covered",
        "it never heard a satellite"
    );
    assert_eq!(told("#~#~~#~~~##~~~~#"), "0-15 Covered", "some seconds between fixes are no gap");
}

#[test]
fn the_release_before_opens_a_ledger_of_dead_reckoning_and_counts_it_as_covered() {
    let mut drawn = Drawn::new();
    drawn.draw(&format!("#####{}??????????????#####{}", "~".repeat(40), "~".repeat(40)));
    let stored = serde_json::to_value(&drawn.coverage).unwrap();
    assert!(!stored.to_string().contains("dead_reckoning"), "{stored}");
    assert_eq!((&stored["open"]["cause"], &stored["gap"]["covered"]), (&"covered".into(), &serde_json::Value::Null));
    let seconds = |sums: &serde_json::Value| sums["covered"].as_i64().unwrap() / 1_000;
    assert_eq!(seconds(&stored["ledger"]["sums"]), 48, "4 and 4 that were measured, 40 that were not");
    assert_eq!(serde_json::from_value::<Coverage>(stored).unwrap(), drawn.coverage);
}

#[test]
fn a_loss_is_told_twenty_seconds_after_the_last_fix_whatever_follows_it() {
    for (after, cause) in [
        (".", Cause::SerialSilent),
        ("?", Cause::TunnelOrIndoor),
        ("~", Cause::DeadReckoning),
        ("x", Cause::ChecksumStorm),
        ("0", Cause::Unknown),
    ] {
        let mut drawn = Drawn::new();
        drawn.draw("##########").draw(&after.repeat(50));
        assert_eq!(drawn.changes, [Change::Lost { since: UnixMillis(EPOCH + 9_000), cause }], "{after}");
        assert_eq!(drawn.told_in, [29], "{after}");
    }
}

#[test]
fn r22_what_was_heard_before_a_loss_is_kept_as_evidence_of_it() {
    let cn0 = |picture: &str| -> Vec<_> {
        let mut drawn = Drawn::new();
        drawn.draw(picture);
        drawn.ledger.iter().map(|interval| interval.cn0_before).collect()
    };
    assert_eq!(cn0("##v##w##??????w??####"), [None, Some(45)], "what is heard afterwards is another matter");
    assert_eq!(cn0(&format!("##v##{}w#????????####", "#".repeat(25))), [None, Some(20)]);
    assert_eq!(cn0(&format!("##v##{}????????####", "#".repeat(25))), [None, None], "too long ago");
    assert_eq!(cn0("##v##????????u...............p??##"), [None, Some(45), None, None], "the first says it");
}

#[test]
fn fixes_of_what_was_measured_before_disprove_nothing() {
    assert_eq!(told("##########a####????????##"), "0-14 Covered, 14-23 AntennaOpen, 23-24 Covered");
    assert_eq!(told("##########j####????????##"), "0-14 Covered, 14-23 JammingSuspected, 23-24 Covered");
    assert_eq!(told("##########a#######????????##"), "0-17 Covered, 17-26 TunnelOrIndoor, 26-27 Covered");
}

#[test]
fn a_port_that_is_opened_again_may_have_another_receiver_behind_it() {
    for (word, cause) in [("a", "AntennaOpen"), ("k", "JammingSuspected")] {
        let expected = format!("0-9 {cause}, 9-10 SerialSilent, 10-19 Acquiring, 19-20 Covered");
        assert_eq!(told(&format!("{word}????????up????????##")), expected);
    }
}

#[test]
fn privacy_is_told_as_such_and_nothing_is_lost_meanwhile() {
    let mut drawn = Drawn::new();
    drawn.draw("#####h......................................H#####");
    assert_eq!(drawn.told(), "0-4 Covered, 4-44 Privacy, 44-45 SerialSilent, 45-49 Covered");
    assert_eq!(drawn.changes, []);
}

#[test]
fn a_killed_agent_is_down_until_it_boots_and_a_sleeping_device_likewise() {
    let mut drawn = Drawn::new();
    drawn.draw("#####ddddddddddb???###");
    assert_eq!(drawn.told(), "0-4 Covered, 4-15 AgentDown, 15-19 Acquiring, 19-21 Covered");
    assert_eq!(drawn.ledger[1].notes.words(), ["killed"]);
    let mut drawn = Drawn::new();
    drawn.draw("..###zzzzzzzzzzzzzzz###");
    assert_eq!(drawn.told(), "0-2 Acquiring, 2-4 Covered, 4-20 AgentDown, 20-22 Covered");
    assert_eq!(drawn.ledger[2].notes.words(), ["no_ticks"]);
}

#[test]
fn a_device_that_sleeps_while_its_receiver_never_paused_is_down_too() {
    assert_eq!(told("p####zzzzzzzzzzzzzzz###"), "0-1 Acquiring, 1-4 Covered, 4-20 AgentDown, 20-22 Covered");
    // A raw file has no daemon that could have said so.
    assert_eq!(told("#####zzzzzzzzzzzzzzz###"), "0-4 Covered, 4-20 SerialSilent, 20-22 Covered");
}

#[test]
fn a_power_cut_is_bridged_by_the_two_dates_around_it() {
    let mut drawn = Drawn::new();
    drawn.draw("#####");
    // An hour later by the receiver's time; the monotonic clock begins anew.
    let Drawn { coverage, ledger, .. } = &mut drawn;
    let mut each = |interval| ledger.push(interval);
    coverage.boot(Mono(500), false, &mut each);
    coverage.passed(Mono(10_500), &mut each);
    coverage.fix(Mono(10_500), UnixMillis(EPOCH + 3_610_000), false, &mut each);
    assert_eq!(drawn.told(), "0-4 Covered, 4-3600 PowerOff, 3600-3610 Acquiring, 3610-3610 Covered");
    assert_eq!(drawn.ledger[1].notes.words(), ["killed", "new_boot"]);
}

#[test]
fn a_run_that_never_learned_the_date_keeps_its_causes_and_is_put_after_the_last_date() {
    let mut drawn = Drawn::new();
    drawn.draw(&format!("#####Ra{}R", "?".repeat(90)));
    assert_eq!((drawn.ledger.len(), drawn.coverage.summary().undated), (1, Span::seconds(91)));
    drawn.draw("???##");
    let expected = "0-4 Covered, 4-5 Acquiring, 5-95 AntennaOpen, 95-297 PowerOff, 297-301 Acquiring, 301-302 Covered";
    assert_eq!(drawn.told(), expected);
    assert_eq!(drawn.coverage.summary().undated, Span(0));
    let within = |from, to| Some(Bounds { not_before: Some(true_time(from)), not_after: true_time(to) });
    let told: Vec<_> = drawn.ledger[1..5].iter().map(|i| (i.notes.words(), i.within)).collect();
    let off = vec!["killed", "new_boot", "undated_run"];
    let expected = [(vec!["placed"], within(4, 207)), (vec!["placed"], within(5, 297)), (off, None), (vec![], None)];
    assert_eq!(told, expected);
    assert_eq!(drawn.ledger[2].seen.void_epochs, 90);
    let [Change::Lost { since, cause: Cause::AntennaOpen }, Change::Restored(gap)] = &drawn.changes[..] else {
        panic!("{:?}", drawn.changes);
    };
    assert_eq!((*since, gap.cause, gap.powered_cause), (true_time(4), Cause::PowerOff, Some(Cause::AntennaOpen)));
    assert_eq!(gap.causes[&Cause::AntennaOpen], Span::seconds(90));
}

#[test]
fn a_run_without_a_date_stands_where_the_system_clock_says_if_that_can_be() {
    let day = |boot: &str| format!("#####{boot}a{}R???##", "?".repeat(90));
    let mut drawn = Drawn::new();
    drawn.draw(&day("C"));
    let expected = "0-4 Covered, 4-105 PowerOff, 105-106 Acquiring, 106-196 AntennaOpen, 196-297 PowerOff, 297-301 \
                    Acquiring, 301-302 Covered";
    assert_eq!(drawn.told(), expected);
    assert_eq!(drawn.ledger[3].notes.words(), ["placed", "by_system_clock"]);
    assert_eq!(told(&day("W")), told(&day("R")), "an hour ahead it would end after the first fix");
}

#[test]
fn runs_without_a_date_keep_their_order_and_those_before_the_first_date_are_put_before_it() {
    let expected = "0-1 Covered, 1-2 Acquiring, 2-5 SerialSilent, 5-9 Acquiring, 9-312 PowerOff, 312-313 Acquiring, 313-313 Covered";
    assert_eq!(told("##Ru..pR????R#"), expected);
    let mut first = Drawn::new();
    first.draw("a??????R???##");
    assert_eq!(first.told(), "101-107 AntennaOpen, 107-111 Acquiring, 111-112 Covered");
    assert_eq!(first.ledger[0].within, Some(Bounds { not_before: None, not_after: true_time(107) }));
    assert_eq!(first.coverage.summary().undated, Span(0));
}

#[test]
fn however_many_there_are_they_are_bounded_and_no_second_loses_its_cause() {
    let mut drawn = Drawn::new();
    drawn.draw("#");
    for _ in 0..30 {
        // An antenna with a loose contact: more changes than can wait.
        drawn.draw("R").draw(&"a???A???".repeat(100));
        let stored = serde_json::to_value(&drawn.coverage).unwrap();
        assert!(stored["ledger"]["runs"].as_array().is_none_or(|runs| runs.len() <= 8), "{stored}");
        assert!(stored.to_string().len() < 20_000, "{stored}");
    }
    drawn.draw("R#");
    let seconds = |cause| {
        let of = drawn.ledger.iter().filter(|interval| interval.cause == cause);
        of.map(|interval| (interval.to - interval.from).0 / 1_000).sum::<i64>()
    };
    assert_eq!([Cause::AntennaOpen, Cause::Acquiring].map(seconds), [30 * 400, 30 * 400 + 1]);
    let merged = |interval: &&Interval| interval.notes.words().contains(&"merged");
    let within: Vec<_> = drawn.ledger.iter().filter(merged).filter_map(|interval| interval.within).collect();
    // After 29 runs of 800 s the last one, before the last boot; each of its causes may have been anywhere in it.
    let (after, end) = (Span::seconds(29 * 800), true_time(drawn.second - 2));
    let expected = Bounds { not_before: Some(UnixMillis(EPOCH) + after), not_after: end };
    assert_eq!(within.iter().rev().take(2).collect::<Vec<_>>(), [&expected; 2]);
    assert_eq!(drawn.coverage.summary().undated, Span(0));
}

#[test]
fn a_run_that_fits_between_no_dates_is_cut_there_and_the_rest_is_counted() {
    let (mut coverage, mut ledger) = (Coverage::default(), Vec::new());
    let each = &mut |interval| ledger.push(interval);
    coverage.boot(Mono(0), false, each);
    let _ = coverage.fix(Mono(0), UnixMillis(EPOCH), false, each);
    coverage.boot(Mono(0), false, each);
    let _ = coverage.passed(Mono(90_000), each);
    coverage.boot(Mono(0), false, each);
    // The receiver's time was ahead before, or is behind now.
    let _ = coverage.fix(Mono(0), UnixMillis(EPOCH + 60_000), false, each);
    let sum = ledger.iter().fold(Span(0), |sum, interval| sum + (interval.to - interval.from));
    assert_eq!((sum, coverage.summary().undated), (Span::seconds(60), Span::seconds(30)));
}

#[test]
fn a_jump_forward_is_told_as_unknown_and_a_time_that_was_wrong_begins_anew() {
    let mut drawn = Drawn::new();
    drawn.draw("#####");
    let Drawn { coverage, ledger, .. } = &mut drawn;
    let mut each = |interval| ledger.push(interval);
    coverage.passed(Mono(5_000), &mut each);
    coverage.fix(Mono(5_000), UnixMillis(EPOCH + 65_000), false, &mut each);
    coverage.passed(Mono(9_000), &mut each);
    coverage.fix(Mono(9_000), UnixMillis(EPOCH), true, &mut each);
    let told: Vec<_> = drawn.ledger.iter().map(|i| ((i.to - i.from).0 / 1_000, i.cause)).collect();
    assert_eq!(told, [(5, Cause::Covered), (60, Cause::Unknown), (4, Cause::Covered)]);
    assert_eq!(drawn.coverage.summary().restarts, 1);
}

#[test]
fn the_ledger_of_the_last_release_opens() {
    let old =
        r#"{"begin":1,"last":{"time":5,"at":7},"bytes":true,"sentences":true,"void":false,"down":false,"told":true}"#;
    let coverage: Coverage = serde_json::from_str(old).unwrap();
    assert!(coverage.told && coverage.last.is_some());
}

#[test]
fn a_receiver_at_a_tenth_of_a_hertz_is_covered() {
    let told = Drawn::new().draw(&"#.........".repeat(20)).told();
    assert_eq!(told, "0-10 Unknown, 10-199 Covered", "the first interval shows its pace");
}

#[test]
fn a_loss_is_told_once_within_thirty_seconds_and_restored_with_its_causes() {
    let mut drawn = Drawn::new();
    drawn.draw("#####").draw(&"?".repeat(15)).draw(&".".repeat(40)).draw("?????#");
    let [Change::Lost { since, .. }, Change::Restored(gap)] = &drawn.changes[..] else {
        panic!("{:?}", drawn.changes);
    };
    assert_eq!(*since, UnixMillis(EPOCH + 4_000));
    assert_eq!((gap.from, gap.to), (*since, UnixMillis(EPOCH + 65_000)));
    assert_eq!(gap.cause, Cause::SerialSilent);
    let seconds: Vec<_> = gap.causes.iter().map(|(cause, span)| (*cause, span.0 / 1_000)).collect();
    assert_eq!(seconds, [(Cause::Acquiring, 5), (Cause::TunnelOrIndoor, 15), (Cause::SerialSilent, 41)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn whatever_comes_the_sums_are_the_time_that_passed(picture in "[#~?x=0.upaAjkJhHdbzRCWLlSvw]{1,120}", runs in 1..4_usize) {
        let mut drawn = Drawn::new();
        // One at the begin says when that was.
        drawn.draw("#");
        for _ in 0..runs {
            drawn.draw(&picture);
        }
        // A fix at the end dates everything before it.
        drawn.draw("Hb#");
        let end = true_time(drawn.second - 1) + drawn.ahead;
        let mut edge = UnixMillis(EPOCH);
        for interval in &drawn.ledger {
            prop_assert_eq!(interval.from, edge, "{}", drawn.told());
            prop_assert!(interval.to > interval.from);
            edge = interval.to;
        }
        prop_assert_eq!(edge, end);
        let summary = drawn.coverage.summary();
        let sum: i64 = summary.sums.values().map(|span| span.0).sum();
        prop_assert_eq!(sum, (end - UnixMillis(EPOCH)).0);
        prop_assert_eq!((summary.restarts, summary.undated), (0, Span(0)));
    }

    #[test]
    fn stored_and_read_back_anywhere_it_tells_the_same(picture in "[#~?x=0.upaAjkJhHdbzRCWLlSvw]{1,60}", cut in 0..60_usize) {
        let mut whole = Drawn::new();
        whole.draw(&picture);
        let mut cut_run = Drawn::new();
        let (head, tail) = picture.split_at(cut.min(picture.len()));
        cut_run.draw(head);
        let stored = serde_json::to_vec(&cut_run.coverage).unwrap();
        cut_run.coverage = serde_json::from_slice(&stored).unwrap();
        cut_run.draw(tail);
        prop_assert_eq!(whole.told(), cut_run.told());
        prop_assert_eq!(whole.changes, cut_run.changes);
    }
}

#[test]
fn a_line_end_read_by_itself_is_no_storm_however_long_the_pause_after_it() {
    for period in [7_000, 10_000] {
        let mut drawn = Drawn::new();
        let Drawn { coverage, ledger, .. } = &mut drawn;
        let each = &mut |interval| ledger.push(interval);
        for epoch in 0..20_u64 {
            for read in 0..6 {
                let at = Mono(epoch * period + read * 20);
                let _ = coverage.passed(at, each);
                coverage.heard(if read == 5 { 2 } else { 16 }, u64::from(read == 4), each);
                assert_ne!(coverage.cause(), Cause::ChecksumStorm, "epoch {epoch} every {period} ms");
                if read == 4 {
                    coverage.void(each);
                }
            }
        }
    }
}

#[test]
fn a_storm_without_a_pause_begins_with_its_first_bytes() {
    let mut drawn = Drawn::new();
    drawn.draw("####");
    let Drawn { coverage, ledger, .. } = &mut drawn;
    let each = &mut |interval| ledger.push(interval);
    for at in (3_020..40_000).step_by(20) {
        let _ = coverage.passed(Mono(at), each);
        coverage.heard(16, 0, each);
    }
    assert_eq!(drawn.told(), "0-3 Covered, 3-39 ChecksumStorm");
}

#[test]
fn a_run_that_begins_with_a_late_fix_overlaps_nothing() {
    let day = |s: i64| UnixMillis(1_780_272_000_000 + s * 1_000);
    for (late_s, restarts) in [(0, 0), (9, 0), (60, 0), (3_600, 1)] {
        let (mut coverage, mut ledger) = (Coverage::default(), Vec::new());
        let each = &mut |interval| ledger.push(interval);
        coverage.boot(Mono(0), false, each);
        for second in 0..30 {
            let _ = coverage.passed(Mono(second * 1_000), each);
            let _ = coverage.fix(Mono(second * 1_000), day(second.cast_signed()), false, each);
        }
        coverage.boot(Mono(500), false, each);
        for second in 1..20 {
            let _ = coverage.passed(Mono(second * 1_000), each);
            // The buffer is empty after the third.
            let late_s = if second < 4 { late_s } else { 0 };
            let _ = coverage.fix(Mono(second * 1_000), day(30 + second.cast_signed() - late_s), false, each);
        }
        coverage.stop(each);
        let summary = coverage.summary();
        assert_eq!(summary.restarts > 0, restarts > 0, "{late_s} s late");
        if restarts == 0 {
            assert!(ledger.windows(2).all(|pair| pair[0].to == pair[1].from), "{late_s} s late: {ledger:?}");
            let sum = summary.sums.values().fold(Span(0), |sum, span| sum + *span);
            assert_eq!(sum, day(49) - day(0), "{late_s} s late");
        }
    }
}
