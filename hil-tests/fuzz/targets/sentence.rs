//! Any text as a sentence with a good checksum, once on a fresh reception and once after a plain fix: no panic, no fix out of range.
#![no_main]

use gatestamp::gnss::{DateFloor, Outcome, Reception};
use gatestamp::time::Mono;
use libfuzzer_sys::fuzz_target;

const BEFORE: &str = "GPRMC,120000.00,A,4807.0380,N,01131.0000,E,10.0,90.0,221126,,,A";

fuzz_target!(|body: &str| {
    let mut reception = Reception::new(DateFloor(None));
    for body in [body, BEFORE, body] {
        reception.feed(Mono(0), line(body).as_bytes(), judge);
    }
    reception.finish(judge);
});

fn line(body: &str) -> String {
    format!("${body}*{:02X}\r\n", body.bytes().fold(0, |sum, byte| sum ^ byte))
}

fn judge(outcome: Outcome) {
    let Outcome::Fix(fix) = outcome else { return };
    let fix = fix.fix;
    assert!((-90.0..=90.0).contains(&fix.position.lat()) && (-180.0..=180.0).contains(&fix.position.lon()));
    assert!(fix.position.lat_e7() != 0 || fix.position.lon_e7() != 0);
    assert!(fix.sigma_m.is_finite() && fix.sigma_m > 0.0);
    assert!(fix.speed_mps.is_none_or(|speed| speed.is_finite() && speed >= 0.0));
    assert!(fix.track_deg.is_none_or(|track| (0.0..=360.0).contains(&track)));
}
