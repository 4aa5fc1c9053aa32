//! When fixes come: slow lines (R9), buffers (R10), receivers that stand still (R11), held positions (R12), steps of UTC (R17),
//! the first fixes after a gap (R20), and that nothing here filters by distance or speed (R21).

use super::wire::{Wire, clock, line, rmc, seconds};
use gatestamp::gnss::finding::Finding;
use gatestamp::gnss::{GnssFix, Rejected};
use geofence::Span;

/// Seconds `from..to`, each arriving 300 ms after its instant.
fn punctual(wire: &mut Wire, from: u32, to: u32) {
    for second in from..to {
        wire.at(u64::from(second) * 1_000 + 300, rmc(second));
    }
}

fn late(fixes: &[GnssFix]) -> Vec<i64> {
    seconds(&fixes.iter().filter(|fix| fix.late).copied().collect::<Vec<_>>())
}

#[test]
fn r09_a_line_that_cannot_carry_what_is_said_is_told() {
    let mut wire = Wire::new();
    punctual(&mut wire, 0, 20);
    for second in 20..60 {
        wire.at(u64::from(second) * 1_100 + 300, rmc(second));
    }
    wire.end();
    assert_eq!(wire.findings(), [Finding::Lagging(true)]);
    let times: Vec<i64> = seconds(&wire.fixes());
    assert_eq!(times, (0..60).collect::<Vec<_>>(), "each is about its own second all the same");
    let mut wire = Wire::new();
    wire.at(0, line("GPTXT,01,01,01,txbuf alloc"));
    assert_eq!(wire.findings(), [Finding::LineTooSlow]);
}

#[test]
fn r10_what_lay_in_the_buffer_is_used_in_order_and_marked_late() {
    let mut wire = Wire::new();
    punctual(&mut wire, 0, 20);
    for second in 20..50 {
        wire.at(50_000, rmc(second));
    }
    punctual(&mut wire, 50, 60);
    wire.end();
    assert_eq!(seconds(&wire.fixes()), (0..60).collect::<Vec<_>>());
    assert_eq!(late(&wire.fixes()), (20..49).collect::<Vec<_>>());
}

#[test]
fn r11_a_stuck_receiver_is_told_from_a_parked_truck() {
    let mut stuck = Wire::new();
    punctual(&mut stuck, 0, 5);
    for at in 5..20 {
        stuck.at(at * 1_000, rmc(4));
    }
    assert_eq!(stuck.findings(), [Finding::Stuck(true)]);
    assert_eq!(seconds(&stuck.fixes()).last(), Some(&3).filter(|_| stuck.fixes().len() == 4).or(Some(&4)));
    punctual(&mut stuck, 20, 25);
    assert_eq!(stuck.findings(), [Finding::Stuck(true), Finding::Stuck(false)]);
    let mut parked = Wire::new();
    for second in 0..60 {
        let body = format!("GPRMC,{},A,4807.0000,N,01131.0000,E,0.0,,221126,,,A", clock(second));
        parked.at(u64::from(second) * 1_000, line(&body));
    }
    parked.end();
    assert_eq!((parked.fixes().len(), parked.findings()), (60, vec![]));
}

#[test]
fn r12_a_held_position_is_counted_until_it_is_let_go() {
    let place = |second: u32, minutes: &str| {
        line(&format!("GPRMC,{},A,{minutes},N,01131.0000,E,0.0,,221126,,,A", clock(second)))
    };
    let mut wire = Wire::new();
    for (second, minutes) in ["4807.0000", "4807.0000", "4807.0000", "4807.0500"].into_iter().enumerate() {
        wire.at(second as u64 * 1_000, place(u32::try_from(second).unwrap(), minutes));
    }
    wire.end();
    assert_eq!(wire.fixes().iter().map(|fix| fix.held).collect::<Vec<_>>(), [0, 1, 2, 0]);
}

#[test]
fn r17_a_step_of_whole_seconds_is_told_and_the_fixes_stay() {
    let mut wire = Wire::new();
    punctual(&mut wire, 0, 20);
    // The receiver learns that UTC is two seconds less than it thought.
    for second in 20..40 {
        wire.at(u64::from(second) * 1_000 + 300, rmc(second - 2));
    }
    wire.end();
    assert_eq!(wire.findings(), [Finding::UtcStepped(Span::seconds(-2))]);
    assert_eq!(wire.refused(Rejected::TimeBack), 2);
    assert_eq!(seconds(&wire.fixes()), (0..38).collect::<Vec<_>>());
}

#[test]
fn r20_the_first_fixes_after_a_gap_say_so() {
    let mut wire = Wire::new();
    punctual(&mut wire, 0, 3);
    let void = line(&format!("GPRMC,{},V,,,,,,,221126,,,N", clock(3)));
    wire.at(3_300, void);
    punctual(&mut wire, 4, 6);
    punctual(&mut wire, 100, 102);
    wire.end();
    let since: Vec<i64> = wire.fixes().iter().map(|fix| fix.since_regained.0 / 1_000).collect();
    assert_eq!(since, [0, 1, 2, 0, 1, 0, 1]);
    wire.restart();
    wire.at(0, rmc(200)).end();
    assert_eq!(wire.fixes().last().unwrap().since_regained, Span(0));
}

#[test]
fn r21_neither_distance_nor_speed_is_a_reason_to_refuse_here() {
    // 55 km in one second, at 0 knots, then at 900: whether to believe it is decided where the whole path is known.
    let at = |second: u32, minutes: &str, knots: &str| {
        line(&format!("GPRMC,{},A,{minutes},N,01131.0000,E,{knots},0.0,221126,,,A", clock(second)))
    };
    let mut wire = Wire::new();
    wire.at(0, at(0, "4807.0000", "0.0") + &at(1, "4837.0000", "0.0") + &at(2, "4837.0001", "900.0")).end();
    assert_eq!(seconds(&wire.fixes()), [0, 1, 2]);
    let speeds: Vec<f64> = wire.fixes().iter().filter_map(|fix| fix.fix.speed_mps).collect();
    assert!(speeds.len() == 3 && speeds[1] < 0.1 && speeds[2] > 460.0, "{speeds:?}");
}
