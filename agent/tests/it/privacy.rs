//! Private time: nothing of it is kept, and that it was is told, whatever is cut.

use crate::drive::{boot, engine, inputs};
use gatestamp::engine::{Effect, Engine, Input, State};
use gatestamp::event::Event;
use gatestamp::gnss::coverage::{Cause, Interval};
use gatestamp::recording::{Recorded, encode};
use gatestamp::time::Mono;
use serde_json::Value;

/// The drive with its seconds from `from` to `to` private, as the daemon would hand it to the engine: without bytes, with ticks.
fn drive(from: u64, to: u64) -> Vec<Recorded> {
    let mut out = Vec::new();
    for input in inputs() {
        let second = input.at().0 / 1_000;
        let first_half = input.at().0.is_multiple_of(1_000);
        if second == from && first_half {
            out.push(Recorded::Private(input.at(), true));
        }
        if matches!(input, Recorded::Bytes(..)) && (from..to).contains(&second) {
            out.extend(first_half.then_some(Recorded::Tick(input.at())));
        } else {
            out.push(input.clone());
        }
        if second + 1 == to && !first_half {
            out.push(Recorded::Private(Mono(to * 1_000 - 10), false));
        }
    }
    out
}

#[derive(Default)]
struct Made {
    events: Vec<Event>,
    ledger: Vec<Interval>,
    fixes: Vec<u64>,
}

impl Made {
    fn take(&mut self, engine: &mut Engine, input: &Recorded) {
        for effect in engine.handle(&Input::Recorded(input)) {
            if let Effect::Save(events) = effect {
                self.events.extend(events);
            } else if let Effect::Covered(interval) = effect {
                self.ledger.push(interval);
            } else if let Effect::Fixed(fix) = effect {
                self.fixes.push(fix.arrived.0 / 1_000);
            }
        }
    }

    fn of(inputs: &[Recorded]) -> Self {
        let (mut made, mut engine) = (Self::default(), engine(State::default()));
        inputs.iter().for_each(|input| made.take(&mut engine, input));
        made
    }

    fn bodies(&self) -> Vec<Value> {
        self.events.iter().map(|event| serde_json::from_slice(&event.body).unwrap()).collect()
    }

    fn modes(&self) -> Vec<String> {
        let modes = self.bodies().into_iter().filter(|body| body["type"] == "com.gatestamp.device.mode");
        modes
            .map(|body| format!("{} {}", body["data"]["why"][0].as_str().unwrap(), body["time"].as_str().unwrap()))
            .collect()
    }
}

#[test]
fn a_stretch_of_private_time_is_in_the_ledger_and_told_and_none_of_its_fixes_is() {
    let made = Made::of(&drive(70, 140));
    assert!(made.fixes.iter().all(|second| !(70..140).contains(second)), "{:?}", made.fixes);
    assert!(made.fixes.contains(&69), "the epoch that was open when it began was not private");
    // Dated by the last fix, whose sentence was 40 ms under way.
    assert_eq!(made.modes(), ["private 2026-11-22T12:01:09.960Z", "on_duty 2026-11-22T12:02:19.950Z"]);
    let private: Vec<_> = made.ledger.iter().filter(|interval| interval.cause == Cause::Privacy).collect();
    let seconds: f64 = private.iter().map(|interval| (interval.to - interval.from).as_seconds()).sum();
    assert!(private.len() == 1 && (69.0..=71.0).contains(&seconds), "{private:?}");
    assert!(
        made.ledger.windows(2).all(|two| two[0].to == two[1].from),
        "every second has one cause: {:?}",
        made.ledger
    );
    assert!(made.bodies().iter().all(|body| body["type"] != "com.gatestamp.gnss.lost"), "nobody lost anything");
}

#[test]
fn the_switch_said_twice_is_said_once() {
    let mut inputs = drive(70, 140);
    let at = inputs.iter().position(|input| matches!(input, Recorded::Private(..))).unwrap();
    inputs.insert(at + 1, inputs[at].clone());
    assert_eq!(Made::of(&inputs).modes().len(), 2);
}

#[test]
fn a_power_cut_anywhere_in_private_time_gives_the_same_events() {
    let inputs = drive(70, 140);
    let whole = Made::of(&inputs);
    for cut in (0..inputs.len()).step_by(7) {
        let (mut made, mut first) = (Made::default(), engine(State::default()));
        inputs[..cut].iter().for_each(|input| made.take(&mut first, input));
        let kept = serde_json::to_vec(first.state()).unwrap();
        let mut second = engine(serde_json::from_slice(&kept).unwrap());
        inputs[cut..].iter().for_each(|input| made.take(&mut second, input));
        let bodies = |made: &Made| made.events.iter().map(|event| event.body.clone()).collect::<Vec<_>>();
        assert!(bodies(&made) == bodies(&whole), "cut at {cut}");
    }
}

#[test]
fn a_start_ends_it_in_the_engine_and_the_switch_begins_it_again() {
    let mut inputs = drive(70, 140);
    let at = inputs.iter().position(|input| input.at() > Mono(100_000)).unwrap();
    inputs.splice(at..at, [boot(Mono(100_500)), Recorded::Private(Mono(100_500), true)]);
    let made = Made::of(&inputs);
    let words: Vec<_> = made.modes().iter().map(|mode| mode[..7].to_owned()).collect();
    assert_eq!(words, ["private", "private", "on_duty"]);
    // A start without the switch is on duty: the state says nothing else for ever.
    let mut engine = engine(State::default());
    for input in &drive(70, 140)[..at] {
        let _ = engine.handle(&Input::Recorded(input));
    }
    assert!(engine.state().is_private());
    let _ = engine.handle(&Input::Recorded(&boot(Mono(100_500))));
    assert!(!engine.state().is_private());
}

#[test]
fn half_a_sentence_before_and_half_a_one_after_make_none() {
    let mut engine = engine(State::default());
    let mut made = Made::default();
    let half = |input: &Recorded, which: usize| {
        let Recorded::Bytes(at, bytes) = input else { panic!("{input:?}") };
        let (head, tail) = bytes.split_at(bytes.len() / 2);
        Recorded::Bytes(*at, [head, tail][which].to_vec())
    };
    let heard: Vec<_> = inputs().into_iter().take(3).collect();
    let private = |at, on| Recorded::Private(Mono(at), on);
    for input in [heard[0].clone(), half(&heard[1], 0), private(10, true), private(20, false), half(&heard[1], 1)] {
        made.take(&mut engine, &input);
    }
    made.take(&mut engine, &Recorded::Stop(Mono(1_000)));
    assert_eq!((made.fixes.len(), engine.state().counts().sentences), (0, 0));
}

#[test]
fn private_time_is_a_record_of_its_own() {
    let bytes = |input| {
        let mut out = Vec::new();
        encode(&input, &mut out);
        out
    };
    assert_eq!(bytes(Recorded::Private(Mono(7), true)), [10, 7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1]);
}
