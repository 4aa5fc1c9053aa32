//! Positions that are none: dead reckoning (R13), void (R14), zeros and nonsense (R15), placeholders (R23), hemispheres (R24).

use super::wire::{Wire, clock, gga, gsa, lat, line, receive, rmc, seconds, vtg};
use gatestamp::gnss::Rejected;
use geofence::Mode;

fn rmc_with(second: u32, status: &str, mode: &str) -> String {
    line(&format!("GPRMC,{},{status},{},01131.0000,E,10.0,0.0,221126,,,{mode}", clock(second), lat(second)))
}

fn gga_with(second: u32, quality: &str) -> String {
    line(&format!("GPGGA,{},{},01131.0000,E,{quality},08,0.9,500.0,M,47.0,M,,", clock(second), lat(second)))
}

/// A position as RMC gives it.
fn at(position: &str) -> Wire {
    receive(line(&format!("GPRMC,120000.00,A,{position},10.0,0.0,221126,,,A")))
}

#[test]
fn r13_dead_reckoning_is_marked_in_every_sentence_that_can_say_it() {
    let gll = |mode| line(&format!("GPGLL,4807.0000,N,01131.0000,E,000001.00,A,{mode}"));
    let gns = |modes| line(&format!("GNGNS,000001.00,4807.0000,N,01131.0000,E,{modes},08,0.9,500.0,47.0,,"));
    for sentences in [
        rmc_with(1, "A", "E"),
        gga_with(1, "6"),
        gll("E"),
        gns("EE"),
        rmc_with(1, "A", "A") + &gga_with(1, "6"),
        gga(1) + &vtg("E"),
        // It has no fix of the satellites', and says so too.
        rmc_with(1, "A", "E") + &gga_with(1, "6") + &gsa("1", ""),
    ] {
        let wire = receive(rmc(0) + &sentences + &rmc(2));
        let modes: Vec<Mode> = wire.fixes().iter().map(|fix| fix.fix.mode).collect();
        assert_eq!(modes.len(), 3, "{sentences}");
        assert!(modes[1] == Mode::DeadReckoning && modes[0] != Mode::DeadReckoning, "{sentences}");
    }
}

#[test]
fn r13_what_is_simulated_or_typed_in_is_no_fix() {
    let typed_in = gga(1) + &vtg("M");
    for sentence in [rmc_with(1, "A", "S"), rmc_with(1, "A", "M"), gga_with(1, "7"), gga_with(1, "8"), typed_in] {
        let wire = receive(rmc(0) + &sentence + &rmc(2));
        assert_eq!((seconds(&wire.fixes()), wire.refused(Rejected::NotMeasured)), (vec![0, 2], 1), "{sentence}");
    }
}

#[test]
fn r14_void_with_a_position_is_no_fix() {
    let gll = line("GPGLL,4807.0000,N,01131.0000,E,000001.00,V,N");
    let gns = line("GNGNS,000001.00,4807.0000,N,01131.0000,E,NN,08,0.9,500.0,47.0,,");
    let wild = line("GPRMC,000001.00,V,36000.0000,N,72000.0000,E,,,221126,,");
    for sentence in
        [rmc_with(1, "V", "N"), rmc_with(1, "V", "A"), rmc_with(1, "A", "N"), gga_with(1, "0"), gll, gns, wild]
    {
        let wire = receive(rmc(0) + &sentence + &rmc(2));
        assert_eq!((seconds(&wire.fixes()), wire.refused(Rejected::Void)), (vec![0, 2], 1), "{sentence}");
    }
}

#[test]
fn r14_one_sentence_that_says_void_makes_the_epoch_no_fix() {
    let wire = receive(rmc(0) + &gga(0) + &rmc_with(1, "V", "N") + &gga(1) + &rmc(2) + &gga_with(2, "0") + &rmc(3));
    assert_eq!(seconds(&wire.fixes()), [0, 3]);
    assert_eq!(wire.refused(Rejected::ConflictingValidity), 2);
}

#[test]
fn r14_the_satellites_and_the_speed_that_have_no_fix_say_void_too() {
    let zda = line("GPZDA,000001.00,22,11,2026,00,00");
    for (sentences, reason) in [
        (gga(1) + &gsa("1", "") + &vtg("N") + &zda, Rejected::ConflictingValidity),
        (gga(1) + &gsa("1", ""), Rejected::ConflictingValidity),
        (gga(1) + &gsa("1", "") + &gsa("1", ""), Rejected::ConflictingValidity),
        (rmc(1) + &vtg("N"), Rejected::ConflictingValidity),
        (zda.clone() + &gsa("1", ""), Rejected::Void),
        (zda + &vtg("N"), Rejected::Void),
    ] {
        let wire = receive(rmc(0) + &sentences + &rmc(2));
        assert_eq!((seconds(&wire.fixes()), wire.refused(reason)), (vec![0, 2], 1), "{sentences}");
    }
}

#[test]
fn r14_a_system_without_satellites_takes_no_fix_from_the_others() {
    for sentences in [
        gsa("1", "") + &gsa("3", "0.9"),
        gsa("3", "0.9") + &gsa("1", ""),
        gsa("1", "") + &gsa("2", "2.1") + &gsa("1", ""),
        gsa("", ""),
        vtg("A"),
        vtg("D"),
        vtg(""),
        line("GPVTG,0.0,T,,M,10.0,N,18.5,K"),
        // Who stands may have no course.
        gsa("3", "0.9") + &vtg("N"),
    ] {
        let wire = receive(rmc(0) + &gga(1) + &sentences + &rmc(2));
        assert_eq!(seconds(&wire.fixes()), [0, 1, 2], "{sentences}");
    }
}

#[test]
fn r14_a_receiver_that_says_it_without_a_time_before_or_behind_loses_no_fix_by_it() {
    let nothing = line("GPRMC,,V,,,,,,,,,,N") + &line("GPGGA,,,,,,0,,,,,,,,");
    let before =
        |fix: bool, said: String| if fix { gsa("3", "0.9") + &vtg("A") } else { gsa("1", "") + &vtg("N") } + &said;
    let behind = |fix: bool, said: String| said + &if fix { gsa("3", "0.9") } else { gsa("1", "") };
    let gap = 20..30;
    let stream = |epoch: &dyn Fn(bool, String) -> String| -> String {
        (0..40)
            .map(|s| if gap.contains(&s) { epoch(false, nothing.clone()) } else { epoch(true, rmc(s) + &gga(s)) })
            .collect()
    };
    for (order, stream) in [("before", stream(&before)), ("behind", stream(&behind))] {
        assert_eq!(seconds(&receive(stream).fixes()), (0..20).chain(30..40).collect::<Vec<_>>(), "{order}");
    }
}

#[test]
fn r14_a_receiver_that_goes_on_claiming_fixes_without_satellites_is_not_believed_for_long() {
    // The last that is learned is VTG, or GGA: then the first lie was closed before it was told.
    for (honest, lie, believed) in
        [(gsa("3", "0.9") + &vtg("A"), gsa("1", "") + &vtg("N"), 20), (gsa("3", "0.9"), gsa("1", ""), 21)]
    {
        let told = |second: u32| if second < 20 { &honest } else { &lie };
        let wire = receive((0..40).map(|second| rmc(second) + &gga(second) + told(second)).collect::<String>());
        assert_eq!(seconds(&wire.fixes()), (0..believed).collect::<Vec<_>>(), "{lie}");
    }
}

#[test]
fn r15_zero_half_zero_and_impossible_places_are_refused() {
    for zero in ["0000.0000,N,00000.0000,E", "0000.0000,N,01131.0000,E", "4807.0000,N,00000.0000,E"] {
        let wire = at(zero);
        assert_eq!((wire.fixes().len(), wire.refused(Rejected::ZeroPosition)), (0, 1), "{zero}");
    }
    for impossible in [
        "9900.0000,N,01131.0000,E",
        "9000.0001,N,01131.0000,E",
        "4807.0000,N,25500.0000,E",
        "4875.0000,N,01131.0000,E",
        "nan,N,01131.0000,E",
        "48nan,N,01131.0000,E",
        "inf,N,01131.0000,E",
        "-4807.0000,N,01131.0000,E",
        "4807.0000,N,,",
        "1e3,N,01131.0000,E",
    ] {
        let wire = at(impossible);
        assert_eq!((wire.fixes().len(), wire.refused(Rejected::Malformed)), (0, 1), "{impossible}");
    }
}

#[test]
fn r15_the_equator_is_crossed_by_those_who_were_near_it() {
    let place =
        |second: u32, lat: &str| line(&format!("GPRMC,{},A,{lat},07830.0000,W,40.0,180.0,221126,,,A", clock(second)));
    let wire = receive(place(0, "0000.0100,N") + &place(1, "0000.0000,N") + &place(2, "0000.0100,S"));
    assert_eq!(seconds(&wire.fixes()), [0, 1, 2]);
}

#[test]
fn r15_a_place_between_zeros_is_the_only_one_left() {
    // SIM modules lose one half, then both, then have both again: nothing of it may look like a theft.
    let place = |second: u32, what: &str| line(&format!("GPRMC,{},A,{what},0.0,0.0,221126,,,A", clock(second)));
    let (good, half, none) = ("4807.0000,N,01131.0000,E", "0000.0000,N,01131.0000,E", "0000.0000,N,00000.0000,E");
    let wire = receive(place(0, good) + &place(1, half) + &place(2, none) + &place(3, half) + &place(4, good));
    assert_eq!((seconds(&wire.fixes()), wire.refused(Rejected::ZeroPosition)), (vec![0, 4], 3));
}

#[test]
fn r23_placeholders_are_unknown_and_never_a_reason_to_refuse() {
    for (hdop, known) in [("99.99", false), ("50.0", false), ("0.0", false), ("", false), ("1.2", true)] {
        let body = format!("GPGGA,000001.00,4807.0000,N,01131.0000,E,1,00,{hdop},500.0,M,47.0,M,,");
        let wire = receive(rmc(0) + &line(&body));
        let fix = wire.fixes()[1];
        assert_eq!((fix.hdop.is_some(), fix.sats), (known, Some(0)), "{hdop}");
    }
}

#[test]
fn r23_a_speed_that_is_no_number_is_dropped_and_the_position_kept() {
    for speed in ["nan", "-3.0", "inf", "1e99", "abc"] {
        let wire = receive(line(&format!("GPRMC,120000.00,A,4807.0000,N,01131.0000,E,{speed},0.0,221126,,,A")));
        assert_eq!(wire.fixes().iter().map(|fix| fix.fix.speed_mps).collect::<Vec<_>>(), [None], "{speed}");
    }
}

#[test]
fn r24_a_hemisphere_is_a_letter_in_its_place() {
    for wrong in
        ["4807.0000,,01131.0000,E", "4807.0000,E,01131.0000,N", "4807.0000,n,01131.0000,E", "4807.0000,N,01131.0000,X"]
    {
        assert_eq!(at(wrong).fixes().len(), 0, "{wrong}");
    }
    let fix = at("3356.0000,S,15112.0000,W").fixes()[0].fix.position;
    assert!(fix.lat() < -33.0 && fix.lon() < -151.0);
}

#[test]
fn r24_an_altitude_that_is_garbage_neither_admits_nor_refuses() {
    let altitude = |alt: &str| line(&format!("GPGGA,000001.00,4807.0000,N,01131.0000,E,1,08,0.9,{alt},M,47.0,M,,"));
    for alt in ["99999999.9", "-9999.9", "", "xyz"] {
        assert_eq!(receive(rmc(0) + &altitude(alt)).fixes().len(), 2, "{alt}");
    }
}

#[test]
fn r13_a_differential_status_hides_neither_dead_reckoning_nor_simulation() {
    let said = |mode: &str| receive(rmc_with(1, "D", mode));
    assert_eq!(said("D").fixes()[0].fix.mode, Mode::TwoD);
    assert_eq!(said("E").fixes()[0].fix.mode, Mode::DeadReckoning);
    for (mode, reason) in [("S", Rejected::NotMeasured), ("M", Rejected::NotMeasured), ("N", Rejected::Void)] {
        let wire = said(mode);
        assert_eq!((wire.fixes().len(), wire.refused(reason)), (0, 1), "{mode}");
    }
}
