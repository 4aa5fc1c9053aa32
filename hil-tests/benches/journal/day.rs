//! What is there to keep on a day? The real engine over a simulated drive says it.

use gatestamp::config::{Profile, Truck};
use gatestamp::engine::{Boot, Effect, Engine, Input, Notices, State};
use gatestamp::event::Event;
use gatestamp::gnss::{Checksums, DateFloor};
use gatestamp::outbox::Outbox;
use gatestamp::recording::Recorded;
use gatestamp::time::Mono;
use hil_tests::receiver::{self, Setup};
use hil_tests::world::{Shift, facility};

/// 2026-06-01 00:00 UTC.
const START_UTC_MS: i64 = 1_780_272_000_000;
/// A day of errands between two facilities, ten and a half to twelve minutes each.
const ROUNDS: u32 = 130;

/// One commit: its events, and the state that they left the engine in.
pub(crate) struct Save {
    /// In order.
    pub(crate) events: Vec<Event>,
    /// As it is stored.
    pub(crate) state: Vec<u8>,
}

/// The commits of a day of this seed.
pub(crate) fn saves(seed: u64) -> Vec<Save> {
    let shift = Shift::errands(seed, ROUNDS);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = dir.path().join("facilities.geojson");
    facility::write_geojson(&shift.facilities, &shift.origin, &file).expect("room for the facilities");
    let facilities = gatestamp::io::facilities::load(&file).expect("good facilities");
    let truck = Truck { fleet: "bench".to_owned(), id: "journal".to_owned() };
    let (outbox, notices) = (Outbox::new(true, 0, 1, 0), Notices::new(Profile::Frugal));
    let mut engine = Engine::new(truck, facilities, State::default(), outbox, notices);
    let boot = Boot {
        kernel_boot: "bench".to_owned(),
        system_utc: None,
        date_floor: DateFloor(None),
        checksums: Checksums::Auto,
        why: Vec::new(),
    };
    let mut saves = Vec::new();
    let mut feed = |recorded: &Recorded| {
        for effect in engine.handle(&Input::Recorded(recorded)) {
            if let Effect::Save(events) = effect {
                let state = serde_json::to_vec(engine.state()).expect("plain data");
                saves.push(Save { events, state });
            }
        }
    };
    feed(&Recorded::Boot(Mono(0), boot));
    for (second, epoch) in (1..).zip(receiver::listen(&shift, START_UTC_MS, Setup::default())) {
        feed(&Recorded::Bytes(Mono(second * 1_000), epoch.bytes));
    }
    saves
}
