//! The receiver's calendar: eras of 1,024 weeks (R16), leap seconds and 24:00:00 (R18), time that goes back or leaps (R19).

use super::wire::{Wire, clock, gga, lat, line, receive, rmc, seconds};
use gatestamp::gnss::{DateFloor, Rejected};
use gatestamp::time::{parse_rfc3339, rfc3339};

fn dated(second: u32, date: &str) -> String {
    line(&format!("GPRMC,{},A,{},01131.0000,E,10.0,0.0,{date},,,A", clock(second), lat(second)))
}

fn timed(time: &str, date: &str, lat: &str) -> String {
    line(&format!("GPRMC,{time},A,{lat},N,01131.0000,E,10.0,0.0,{date},,,A"))
}

fn times(wire: &Wire) -> Vec<String> {
    wire.fixes().iter().map(|fix| rfc3339(fix.fix.time)).collect()
}

fn floor(day: &str) -> DateFloor {
    DateFloor(parse_rfc3339(&format!("{day}T00:00:00Z")))
}

#[test]
fn a_time_of_day_is_of_the_day_that_it_is_by_the_arrivals() {
    const HOUR: u64 = 3_600_000;
    for hours in [1, 13, 36, 50, 24 * 40] {
        let mut wire = Wire::new();
        wire.at(300, rmc(0) + &gga(0)).at(1_300, rmc(1) + &gga(1));
        let then = u32::try_from(hours * 3_600 % 86_400).unwrap();
        wire.at(hours * HOUR + 300, gga(then)).at(hours * HOUR + 1_300, gga(then + 1)).end();
        let fixes = wire.fixes();
        let apart: Vec<i64> = fixes.iter().map(|fix| (fix.fix.time - fixes[0].fix.time).0 / 1_000).collect();
        let hours = i64::try_from(hours).unwrap() * 3_600;
        assert_eq!(apart, [0, 1, hours, hours + 1]);
    }
}

#[test]
fn a_fix_out_of_a_buffer_says_nothing_about_the_day_of_the_next() {
    let mut wire = Wire::new();
    wire.at(300, rmc(0) + &gga(0)).at(1_300, rmc(1) + &gga(1));
    // Asleep for 30 hours; what the buffer held is read first.
    wire.at(30 * 3_600_000 + 300, rmc(2) + &gga(2)).at(30 * 3_600_000 + 1_300, gga(21_601)).end();
    let fixes = wire.fixes();
    assert_eq!((fixes[3].fix.time - fixes[0].fix.time).0, 108_001_000);
}

#[test]
fn r16_an_old_era_is_repaired_only_below_the_floor_and_marked() {
    let received = |date| {
        let mut wire = Wire::with_floor(floor("2026-11-01"));
        wire.at(0, dated(1, date)).end();
        wire
    };
    // 2026-11-22 less 1,024 weeks is 2007-04-08; less 2,048 it is 1987-08-23.
    for (date, repaired) in [("221126", false), ("080407", true), ("230887", true)] {
        let wire = received(date);
        assert_eq!(times(&wire), ["2026-11-22T00:00:01.000Z"], "{date}");
        assert_eq!(wire.fixes()[0].date_repaired, repaired, "{date}");
    }
    assert_eq!(received("221176").refused(Rejected::DateOutOfRange), 1, "fifty years after the floor");
}

#[test]
fn r16_without_a_floor_no_date_is_touched() {
    assert_eq!(times(&receive(dated(1, "080407"))), ["2007-04-08T00:00:01.000Z"]);
    assert_eq!(times(&receive(dated(1, "220899"))), ["1999-08-22T00:00:01.000Z"]);
}

#[test]
fn r16_the_receivers_first_day_is_no_date() {
    let wire = receive(dated(1, "060180"));
    assert_eq!((wire.fixes().len(), wire.refused(Rejected::NoDate)), (0, 1));
    let wire = receive(dated(1, "310226") + &dated(2, "2208-1"));
    assert_eq!(
        (wire.fixes().len(), wire.refused(Rejected::DateOutOfRange), wire.refused(Rejected::Malformed)),
        (0, 1, 1)
    );
}

#[test]
fn r16_a_year_that_no_receiver_of_ours_will_see_is_no_date() {
    let zda = |year: &str| line(&format!("GPZDA,000001.00,22,11,{year},00,00")) + &rmc_without_date(1);
    assert_eq!(receive(zda("2099")).fixes().len(), 1);
    for year in ["3036", "2100", "9999"] {
        let wire = receive(zda(year));
        assert_eq!((wire.fixes().len(), wire.refused(Rejected::DateOutOfRange)), (0, 1), "{year}");
    }
}

fn rmc_without_date(second: u32) -> String {
    dated(second, "")
}

#[test]
fn r18_a_leap_second_is_an_epoch_of_its_own_in_order() {
    let stream = timed("235959.00", "311216", "4807.0000")
        + &timed("235960.00", "311216", "4807.0100")
        + &timed("000000.00", "010117", "4807.0200");
    let wire = receive(stream);
    assert_eq!(times(&wire), ["2016-12-31T23:59:59.000Z", "2016-12-31T23:59:59.990Z", "2017-01-01T00:00:00.000Z"]);
    assert_eq!(wire.fixes().iter().map(|fix| fix.leap_second).collect::<Vec<_>>(), [false, true, false]);
}

#[test]
fn r18_twenty_four_oclock_is_the_next_day_and_fractions_are_cut() {
    let wire = receive(timed("235959.9999", "221126", "4807.0000") + &timed("240000.00", "221126", "4807.0100"));
    assert_eq!(times(&wire), ["2026-11-22T23:59:59.999Z", "2026-11-23T00:00:00.000Z"]);
    for time in ["240001.00", "126000.00", "120061.00", "1200", "12000a.00", "120000.0x"] {
        assert_eq!(receive(timed(time, "221126", "4807.0000")).refused(Rejected::Malformed), 1, "{time}");
    }
}

#[test]
fn r19_a_second_said_again_is_dropped_and_time_goes_on() {
    let wire = receive([10, 11, 12, 11, 12, 13].map(rmc).concat());
    assert_eq!((seconds(&wire.fixes()), wire.refused(Rejected::TimeBack)), (vec![10, 11, 12, 13], 2));
    assert!(wire.fixes().iter().all(|fix| !fix.time_stepped));
}

#[test]
fn r19_time_that_stays_an_hour_back_is_followed_without_losing_a_fix() {
    let stream: String = (7_200..7_210).chain(3_600..3_610).map(rmc).collect();
    let wire = receive(stream);
    assert_eq!(seconds(&wire.fixes()), (7_200..7_210).chain(3_600..3_610).collect::<Vec<_>>());
    let stepped: Vec<i64> = seconds(&wire.fixes().into_iter().filter(|fix| fix.time_stepped).collect::<Vec<_>>());
    assert_eq!(stepped, [3_600]);
}

#[test]
fn r19_dates_of_a_restart_are_not_believed() {
    let restart = ["060106", "010110", "220899", "060180"].map(|date| dated(100, date)).concat();
    let wire = receive((0..10).map(rmc).collect::<String>() + &restart + &(10..20).map(rmc).collect::<String>());
    assert_eq!(seconds(&wire.fixes()), (0..20).collect::<Vec<_>>());
}

#[test]
fn r19_a_date_in_the_future_does_not_poison_what_follows() {
    let wire = receive(rmc(0) + &dated(1, "221136") + &rmc(2));
    assert_eq!((times(&wire).len(), wire.refused(Rejected::TimeAhead)), (2, 1));
    let future: String = (1..40).map(|second| dated(second, "241126")).collect();
    let wire = receive(rmc(0) + &future);
    assert_eq!(
        times(&wire).len(),
        1 + 39 - 29 + 3,
        "thirty that agree are believed, and the last three before come with them"
    );
}

#[test]
fn r19_one_damaged_hour_is_no_gap_and_no_step_of_time() {
    let mut wire = Wire::new();
    for second in 0..40_u32 {
        wire.at(u64::from(second) * 1_000 + 300, rmc(if second == 20 { second + 2 * 3_600 } else { second }));
    }
    wire.end();
    assert_eq!(seconds(&wire.fixes()), (0..20).chain(21..40).collect::<Vec<_>>());
    assert!(wire.fixes().iter().all(|fix| !fix.time_stepped && !fix.late));
    assert_eq!(wire.refused(Rejected::TimeAhead), 1);
}

#[test]
fn r19_an_hour_ahead_that_stays_is_followed_without_losing_a_fix() {
    let mut wire = Wire::new();
    for second in 0..40_u32 {
        wire.at(u64::from(second) * 1_000 + 300, rmc(if second < 20 { second } else { second + 3_600 }));
    }
    wire.end();
    assert_eq!(seconds(&wire.fixes()), (0..20).chain(3_620..3_640).collect::<Vec<_>>());
    assert!(wire.fixes().iter().all(|fix| !fix.time_stepped), "what was measured before is about its own time");
}

#[test]
fn r19_what_goes_on_days_ahead_or_behind_compares_with_nothing_before() {
    for (date, first) in [("251126", 3_626), ("191126", 3_606)] {
        let mut wire = Wire::new();
        for second in 0..60_u32 {
            let line = if second < 20 { rmc(second) } else { dated(3_580 + second, date) };
            wire.at(u64::from(second) * 1_000 + 300, line);
        }
        wire.end();
        let stepped: Vec<_> = wire.fixes().into_iter().filter(|fix| fix.time_stepped).collect();
        assert_eq!(
            seconds(&stepped).iter().map(|second| second.rem_euclid(86_400)).collect::<Vec<_>>(),
            [first],
            "{date}"
        );
    }
}

#[test]
fn r19_after_a_gap_and_after_a_buffer_nothing_is_ahead() {
    let mut wire = Wire::new();
    for second in (0..20_u32).chain(3_600..3_620) {
        wire.at(u64::from(second) * 1_000 + 300, rmc(second));
    }
    // Asleep for an hour; the first seconds of it are still in the buffer.
    for second in 3_620..3_630 {
        wire.at(7_200_300, rmc(second));
    }
    for second in 7_201..7_220_u32 {
        wire.at(u64::from(second) * 1_000 + 300, rmc(second));
    }
    wire.end();
    assert_eq!((wire.fixes().len(), wire.refused(Rejected::TimeAhead)), (20 + 20 + 10 + 19, 0));
    assert!(wire.fixes().iter().all(|fix| !fix.time_stepped));
}

#[test]
fn r19_a_stream_that_is_played_faster_than_life_is_not_ahead_after_a_hole() {
    let mut wire = Wire::new();
    for (index, second) in (0..60_u32).chain(120..180).enumerate() {
        wire.at(index as u64 * 100, rmc(second));
    }
    wire.end();
    assert_eq!((wire.fixes().len(), wire.refused(Rejected::TimeAhead)), (120, 0));
    assert!(wire.fixes().iter().all(|fix| !fix.time_stepped));
}
