//! Receivers say the same in many ways: whatever sentences they send, in whatever order and how often, an instant is one fix.

use super::wire::{Wire, clock, gga, gsa, lat, line, receive, rmc, seconds, ubx};
use gatestamp::gnss::Rejected;
use gatestamp::time::rfc3339;
use geofence::{Mode, Span};

/// What a receiver says at one second.
type Epoch = fn(u32) -> String;

fn zda(second: u32) -> String {
    line(&format!("GPZDA,{},22,11,2026,00,00", clock(second)))
}

fn gll(second: u32, mode: &str) -> String {
    line(&format!("GPGLL,{},01131.0000,E,{},A{mode}", lat(second), clock(second)))
}

fn gns(second: u32, modes: &str) -> String {
    line(&format!("GNGNS,{},{},01131.0000,E,{modes},12,0.8,500.0,47.0,,", clock(second), lat(second)))
}

fn all(epoch: impl Fn(u32) -> String) -> Wire {
    receive((0..12).map(epoch).collect::<String>())
}

#[test]
fn one_sentence_alone_is_enough_where_the_date_is_known() {
    let ways: [(&str, Epoch); 8] = [
        ("RMC", rmc),
        ("RMC, GGA", |s| rmc(s) + &gga(s)),
        ("GGA, RMC", |s| gga(s) + &rmc(s)),
        ("GGA, ZDA", |s| gga(s) + &zda(s)),
        ("ZDA, GGA", |s| zda(s) + &gga(s)),
        ("GLL without mode, ZDA", |s| gll(s, "") + &zda(s)),
        ("GLL, ZDA", |s| gll(s, ",A") + &zda(s)),
        ("GNS of five systems, ZDA", |s| gns(s, "AANAN") + &zda(s)),
    ];
    for (name, epoch) in ways {
        let wire = all(epoch);
        assert_eq!(seconds(&wire.fixes()), (0..12).collect::<Vec<_>>(), "{name}");
        assert_eq!(rfc3339(wire.fixes()[0].fix.time), "2026-11-22T00:00:00.000Z", "{name}");
    }
}

#[test]
fn accuracy_or_a_date_by_themselves_do_not_say_that_there_is_no_fix() {
    for (kind, rest) in [("GPZDA", "22,11,2026,00,00"), ("GPGST", "5.0,,,,3.0,4.0,6.0"), ("GPGBS", "6.0,8.0,9.0,,,,")] {
        let alone = |second| line(&format!("{kind},{}.50,{rest}", &clock(second)[..6]));
        let wire = all(|second| rmc(second) + &alone(second));
        assert_eq!(wire.outcomes.len(), 12, "{:?}", wire.outcomes);
        assert_eq!(wire.fixes().last().unwrap().since_regained, Span::seconds(11));
        assert_eq!((wire.refused(Rejected::Unplaced), wire.refused(Rejected::Void)), (12, 0), "{kind}");
    }
}

#[test]
fn a_date_that_comes_rarely_dates_what_follows() {
    let wire = all(|second| if second == 0 { zda(second) + &gga(second) } else { gga(second) });
    assert_eq!(wire.fixes().len(), 12);
}

#[test]
fn from_a_tenth_of_a_hertz_to_twenty_every_instant_is_one_fix() {
    for step_ms in [10_000_u32, 1_000, 200, 100, 50] {
        let epoch = |index: u32| {
            let millis = index * step_ms;
            let time = format!(
                "{:02}{:02}{:02}.{:02}",
                millis / 3_600_000,
                millis / 60_000 % 60,
                millis / 1_000 % 60,
                millis / 10 % 100
            );
            line(&format!("GPGGA,{time},{},01131.0000,E,1,08,0.9,500.0,M,47.0,M,,", lat(index)))
                + &line(&format!("GPRMC,{time},A,{},01131.0000,E,10.0,0.0,221126,,,A", lat(index)))
        };
        let wire = receive((0..40).map(epoch).collect::<String>());
        assert_eq!(wire.fixes().len(), 40, "{step_ms} ms");
    }
}

#[test]
fn the_receivers_own_accuracy_goes_before_what_is_reckoned() {
    let gst = line("GPGST,000001.00,5.0,,,,3.0,4.0,6.0");
    let gbs = line("GPGBS,000001.00,6.0,8.0,9.0,,,,");
    let sigma = |extra: &str| receive(rmc(0) + &gga(1) + extra).fixes()[1].fix.sigma_m;
    let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
    assert!(near(sigma(&gst), 12.5_f64.sqrt()), "GST: {}", sigma(&gst));
    assert!(near(sigma(&gbs), 50_f64.sqrt()), "GBS: {}", sigma(&gbs));
    assert!(near(sigma(&(gbs.clone() + &gst)), 12.5_f64.sqrt()), "GST before GBS");
    assert!((sigma("") - 4.5).abs() < 1e-6, "HDOP: {}", sigma(""));
}

#[test]
fn what_the_satellites_say_of_dilution_and_dimensions_counts() {
    let said = |sentences: String| {
        let fix = receive(rmc(0) + &sentences).fixes()[1];
        (fix.hdop, fix.fix.sigma_m, fix.fix.mode)
    };
    assert_eq!(said(rmc(1)), (None, 25.0, Mode::TwoD), "nothing known");
    assert_eq!(said(rmc(1) + &gsa("3", "1.6")), (Some(1.6), 8.0, Mode::ThreeD));
    assert_eq!(said(rmc(1) + &gsa("2", "99.99")), (None, 25.0, Mode::TwoD));
    // An altitude in GGA may be an old one; its dilution is of the satellites of all systems.
    assert_eq!(said(gga(1)), (Some(0.9), 4.5, Mode::ThreeD));
    assert_eq!(said(gga(1) + &gsa("2", "1.6")), (Some(0.9), 4.5, Mode::TwoD));
}

#[test]
fn binary_alone_gives_fixes_and_beside_sentences_the_same_instant_is_one() {
    let pvt = |second: u8| {
        let mut payload = [0; 92];
        payload[4..6].copy_from_slice(&2026_u16.to_le_bytes());
        payload[6..12].copy_from_slice(&[11, 22, 0, 0, second, 7]);
        payload[20..24].copy_from_slice(&[3, 1, 0, 14]);
        payload[24..28].copy_from_slice(&115_166_667_i32.to_le_bytes());
        payload[28..32].copy_from_slice(&(481_166_667 + i32::from(second) * 167).to_le_bytes());
        payload[40..44].copy_from_slice(&2_000_u32.to_le_bytes());
        ubx(0x01, 0x07, &payload)
    };
    let alone = receive((0..10).flat_map(pvt).collect::<Vec<u8>>());
    assert_eq!(seconds(&alone.fixes()), (0..10).collect::<Vec<_>>());
    let mixed = receive((0..10).flat_map(|s| [rmc(s.into()).into_bytes(), pvt(s)].concat()).collect::<Vec<u8>>());
    assert_eq!(seconds(&mixed.fixes()), (0..10).collect::<Vec<_>>());
    let fix = mixed.fixes()[3];
    assert!((fix.fix.sigma_m - 2_f64.sqrt()).abs() < 1e-3 && fix.utc_resolved == Some(true));
    assert!(fix.fix.speed_mps.is_some_and(|speed| (speed - 5.144_444).abs() < 1e-3), "the sentence's speed");
}
