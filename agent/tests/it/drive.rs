//! A small drive as a receiver would write it: into a facility, 90 s of standing, out again.

use gatestamp::config::{Profile, Truck};
use gatestamp::engine::{Boot, Engine, Notices, State};
use gatestamp::event::Event;
use gatestamp::facility::{self, Facilities};
use gatestamp::gnss::{Checksums, DateFloor};
use gatestamp::outbox::Outbox;
use gatestamp::recording::Recorded;
use gatestamp::time::Mono;
use geofence::{Span, UnixMillis};

pub(crate) const YARD: &str = r#"{"type":"FeatureCollection","features":[{"type":"Feature",
    "properties":{"id":"yard","name":"Yard","tz":"Europe/Berlin"},
    "geometry":{"type":"Polygon","coordinates":[[[13.0,52.0],[13.004,52.0],[13.004,52.003],[13.0,52.003],[13.0,52.0]]]}}]}"#;

pub(crate) fn yard() -> Facilities {
    facility::read("yard.geojson", YARD).unwrap()
}

pub(crate) fn engine(state: State) -> Engine {
    engine_among(yard(), state)
}

pub(crate) fn engine_among(facilities: Facilities, state: State) -> Engine {
    let truck = Truck { fleet: "fleet".to_owned(), id: "truck".to_owned() };
    Engine::new(truck, facilities, state, Outbox::new(true, 0, 1, 0), Notices::new(Profile::Frugal))
}

pub(crate) fn boot(at: Mono) -> Recorded {
    let boot = Boot {
        kernel_boot: "test".to_owned(),
        system_utc: Some(UnixMillis(1_795_358_000_000)),
        date_floor: DateFloor(None),
        checksums: Checksums::Auto,
        why: vec!["started".to_owned()],
    };
    Recorded::Boot(at, boot)
}

/// The receiver's bytes, cut where a serial port might cut them, and one boot before them.
pub(crate) fn inputs() -> Vec<Recorded> {
    let mut inputs = vec![boot(Mono(0))];
    for second in 0..280_u64 {
        let text = sentences(second);
        let (head, tail) = text.as_bytes().split_at(40 + usize::try_from(second % 50).unwrap());
        let at = Mono(second * 1_000);
        inputs.push(Recorded::Bytes(at, head.to_vec()));
        inputs.push(Recorded::Bytes(at.plus(Span(40)), tail.to_vec()));
    }
    inputs.push(Recorded::Stop(Mono(281_000)));
    inputs
}

/// RMC and GGA of one second. 10 m/s to the east, except while standing.
fn sentences(second: u64) -> String {
    let driven_s = if second < 60 { second } else { 60.max(second.saturating_sub(90)) };
    let moving = !(60..=150).contains(&second);
    epoch(second, 12.994 + as_f64(driven_s) * TEN_METRES, if moving { 10.0 } else { 0.0 })
}

/// 10 m east at 52 degrees north, in degrees of longitude.
pub(crate) const TEN_METRES: f64 = 1.46e-4;

pub(crate) fn as_f64(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

/// What a receiver says so many seconds after noon.
pub(crate) fn epoch(second: u64, lon: f64, speed_mps: f64) -> String {
    let (hour, minute, whole) = (12 + second / 3_600, second / 60 % 60, second % 60);
    let time = format!("{hour:02}{minute:02}{whole:02}.00");
    let place = format!("5200.09000,N,{:03}{:08.5},E", lon.floor(), (lon - lon.floor()) * 60.0);
    let rmc = format!("GNRMC,{time},A,{place},{:.3},90.0,221126,,,A", speed_mps * 1.943_8);
    let gga = format!("GNGGA,{time},{place},1,12,0.8,40.0,M,46.0,M,,");
    [rmc, gga].map(|body| sentence(&body)).concat()
}

pub(crate) fn sentence(body: &str) -> String {
    format!("${body}*{:02X}\r\n", body.bytes().fold(0, |sum, byte| sum ^ byte))
}

/// What an engine saves for one input.
pub(crate) fn events(engine: &mut Engine, input: &Recorded) -> Vec<Event> {
    use gatestamp::engine::{Effect, Input};
    let effects = engine.handle(&Input::Recorded(input));
    effects.into_iter().flat_map(|e| if let Effect::Save(events) = e { events } else { Vec::new() }).collect()
}

pub(crate) fn all_events() -> Vec<Event> {
    let mut engine = engine(State::default());
    inputs().iter().flat_map(|input| events(&mut engine, input)).collect()
}
