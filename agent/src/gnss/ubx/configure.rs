//! Asks a u-blox receiver for what this product needs, and goes on without what it refuses.
//!
//! ```text
//!   Listening --10 s, proven speed--> Asking version, rate, wishes --> Settled
//!       ^                                                                 |
//!       +---- another speed, the receiver started anew, NAV-PVT ended ----+
//! ```
//!
//! Invariants: a frame goes out only right behind something with a good checksum at the very speed the port has; to a receiver that
//! has not shown that it is u-blox's there goes one poll of MON-VER, and nothing else (gpsd sends the same to every receiver of
//! sentences, `driver_nmea0183.c`); each thing is asked at most three times; one round a minute. What comes of it decides
//! nothing: the receiver's bytes do, and they are recorded.

use super::Hunter;
use super::frame::AROUND;
use super::request::{Generation, MON_VER, Name, PERIOD_MS, Port, Rate};
pub use super::request::{Request, Wish};
use super::{frame::starts, request};
use crate::time::Mono;
use geofence::Span;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Listened to before anything is asked: how full the line is, and whether UBX is on it already.
const LISTEN: Span = Span::seconds(10);
/// So many reads with something good prove that it is a receiver at this speed: as many as prove the speed.
const PROOF: u8 = 3;
/// A receiver answers within one second (UBX-13003221, "Acknowledgement"); on a full line its answer waits for what is ahead of it.
const ANSWER_WITHIN: Span = Span::seconds(2);
/// NAV-PVT that was granted comes with the next solution, or it is another port's.
const HEARD_WITHIN: Span = Span::seconds(3);
/// Without NAV-PVT for so long, and three solutions more, the receiver has forgotten what it was told.
const FORGOTTEN_AFTER: Span = Span::seconds(10);
/// Each thing is asked so often.
const TRIES: u8 = 3;
/// From the start of one round to the next: 300 bytes a minute at most, to a receiver that forgets at once.
const ROUND_EVERY: Span = Span::seconds(60);
/// Of the line's bytes a second (ten bits each) so many percent may be full: a satellite more in view makes GSV longer.
const LINE_SHARE: u32 = 80;
/// MON-VER: 40 bytes and 30 for each extension; receivers have up to ten.
const ANSWER_MAX: usize = 40 + 30 * 16;
/// From this protocol on, series 9, there are keys; messages are "deprecated in protocol versions greater than 23.01"
/// (UBX-18010854), and gone in later series.
const KEYS_FROM: u16 = 27;
/// In the text with which a u-blox receiver starts.
const BANNER: &[u8] = b"u-blox AG";

/// What came of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Granted, and where it can be heard, heard.
    Yes,
    /// UBX-ACK-NAK: this receiver cannot do it.
    Refused,
    /// Asked three times without an answer.
    NoAnswer,
    /// Granted, and nothing of it came: it is another port's.
    NotHeard,
    /// The line is too slow for it.
    NoRoom,
    /// Receivers of this series do not have it.
    NotOffered,
}

/// What configuration came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setup {
    /// It answers as a u-blox receiver does; nothing was asked of another one.
    pub u_blox: bool,
    /// Its protocol version, where it says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Each wish and its answer.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub wishes: BTreeMap<Wish, Answer>,
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = self.protocol.as_deref().unwrap_or("unknown");
        match self.u_blox {
            true => write!(f, "u-blox, protocol {protocol}: {:?}", self.wishes),
            false => f.write_str("it does not answer as a u-blox receiver does, and stays as it is"),
        }
    }
}

/// What is to be done, and what has become known.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// To be written to the port; lost, it is asked again.
    pub request: Option<Request>,
    /// A round is over.
    pub setup: Option<Setup>,
}

/// What the receiver said to us.
#[derive(Debug, Clone, Copy)]
enum Heard {
    Ack(Name),
    Nak(Name),
    Version,
    Rate,
    Values,
    NavPvt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Version,
    Rate,
    Wish(Wish),
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Since then; so many bytes came, and so many reads had something good among them.
    Listening { since: Option<Mono>, bytes: u32, good: u8 },
    /// The place in the order of what is asked, how often it was, what the answer will name and since when it is waited for.
    Asking { place: usize, tries: u8, sent: Option<(Name, Mono)> },
    /// NAV-PVT was granted then, and is waited for.
    Awaiting { place: usize, since: Mono },
    /// Nothing more to ask.
    Settled,
}

const BEGIN: Phase = Phase::Listening { since: None, bytes: 0, good: 0 };

/// Configures the receiver behind one open port.
#[derive(Debug)]
pub struct Configurator {
    hunter: Hunter<{ ANSWER_MAX + AROUND }>,
    rounds: Rounds,
}

/// What is asked, and what is known by now.
#[derive(Debug)]
struct Rounds {
    phase: Phase,
    /// The receiver's own ports, the likeliest first; which of them is believed to be ours.
    ports: [Port; 3],
    port: usize,
    /// Bytes of [`BANNER`] that came one after the other.
    banner: usize,
    /// It has shown that it is u-blox's.
    known: bool,
    /// It has answered.
    answered: bool,
    protocol: Option<(u16, u8)>,
    rate: Option<Rate>,
    /// Bytes a second on the line, as far as is known.
    load: u32,
    wishes: BTreeMap<Wish, Answer>,
    /// The last NAV-PVT at this speed.
    nav_pvt: Option<Mono>,
    began: Option<Mono>,
}

impl Configurator {
    /// For a port that was just opened; `usb`: it is the receiver's own USB port, where the line's speed is only a word.
    #[must_use]
    pub fn new(usb: bool) -> Self {
        let rounds = Rounds {
            phase: BEGIN,
            ports: if usb { [Port::Usb, Port::Uart1, Port::Uart2] } else { [Port::Uart1, Port::Uart2, Port::Usb] },
            port: 0,
            banner: 0,
            known: false,
            answered: false,
            protocol: None,
            rate: None,
            load: 0,
            wishes: BTreeMap::new(),
            nav_pvt: None,
            began: None,
        };
        Self { hunter: Hunter::default(), rounds }
    }

    /// The port has another speed from now on: whoever talks there, it is not proven who.
    pub fn speed_changed(&mut self) {
        self.hunter = Hunter::default();
        (self.rounds.phase, self.rounds.nav_pvt) = (BEGIN, None);
    }

    /// Bytes came. `speed` is the port's, bit/s, where something with a good checksum was among them and the speed is proven.
    #[must_use]
    pub fn heard(&mut self, at: Mono, bytes: &[u8], speed: Option<u32>) -> Told {
        let Self { hunter, rounds } = self;
        let mut started = false;
        for byte in bytes {
            started |= rounds.is_banner(*byte);
            if !hunter.idle() || starts(*byte) {
                hunter.take(*byte, answer, |found| {
                    if let Ok(message) = found {
                        rounds.known = true;
                        rounds.answer(at, named(message.kind, message.payload), message.payload);
                    }
                });
            }
        }
        rounds.heard(at, bytes.len(), started, speed)
    }
}

impl Rounds {
    /// So many bytes came; `started`: the receiver's start-up text ended among them.
    fn heard(&mut self, at: Mono, bytes: usize, started: bool, speed: Option<u32>) -> Told {
        self.known |= started;
        let settled = matches!(self.phase, Phase::Settled);
        if settled && (started || self.has_forgotten(at)) {
            (self.phase, self.nav_pvt) = (BEGIN, None);
        }
        if let Phase::Listening { bytes: count, good, .. } = &mut self.phase {
            *count = count.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
            *good = good.saturating_add(speed.is_some().into());
        }
        let request = speed.and_then(|speed| self.next(at, speed));
        let over = !settled && matches!(self.phase, Phase::Settled);
        Told { request, setup: over.then(|| self.setup()) }
    }

    fn setup(&self) -> Setup {
        Setup {
            u_blox: self.answered,
            protocol: self.protocol.map(|(major, minor)| format!("{major}.{minor:02}")),
            wishes: self.wishes.clone(),
        }
    }

    /// NAV-PVT came and comes no more, while there is something to be heard.
    fn has_forgotten(&self, at: Mono) -> bool {
        let granted = self.wishes.get(&Wish::NavPvt) == Some(&Answer::Yes);
        let patience = Span(FORGOTTEN_AFTER.0 + 3 * i64::from(self.period_ms()));
        granted && self.nav_pvt.is_some_and(|last| at - last > patience)
    }

    fn is_banner(&mut self, byte: u8) -> bool {
        let matching = BANNER.get(self.banner) == Some(&byte);
        // Its first character is in it only once, so nothing but a whole new beginning can be under way.
        self.banner = if matching { self.banner + 1 } else { usize::from(BANNER.first() == Some(&byte)) };
        let whole = self.banner == BANNER.len();
        if whole {
            self.banner = 0;
        }
        whole
    }

    fn answer(&mut self, at: Mono, heard: Heard, payload: &[u8]) {
        match (heard, self.phase) {
            (Heard::NavPvt, phase) => {
                self.nav_pvt = Some(at);
                if let Phase::Awaiting { place, .. } = phase {
                    self.wishes.insert(Wish::NavPvt, Answer::Yes);
                    self.phase = asking(place + 1);
                }
            }
            (Heard::Version, Phase::Asking { place, .. }) if step(place) == Some(Step::Version) => {
                self.answered = true;
                self.protocol = protocol(payload);
                self.phase = asking(place + 1);
            }
            (Heard::Rate | Heard::Values, Phase::Asking { place, .. }) if step(place) == Some(Step::Rate) => {
                self.rate = rate(payload);
                self.phase = asking(place + 1);
            }
            (Heard::Ack(name), Phase::Asking { place, sent: Some((waited, _)), .. }) if name == waited => {
                if let Some(Step::Wish(wish)) = step(place) {
                    self.granted(wish, place, at);
                }
            }
            (Heard::Nak(name), Phase::Asking { place, sent: Some((waited, _)), .. }) if name == waited => {
                self.failed(place, Answer::Refused);
            }
            (Heard::Version | Heard::Rate | Heard::Values | Heard::Ack(_) | Heard::Nak(_), _) => {}
        }
    }

    fn granted(&mut self, wish: Wish, place: usize, at: Mono) {
        self.load = self.load.saturating_add(self.more(wish));
        self.phase = asking(place + 1);
        match wish {
            Wish::NavPvt => self.phase = Phase::Awaiting { place, since: at },
            Wish::Rate => {
                self.load = self.load_at_once_a_second();
                self.rate = self.rate.map(|rate| Rate { measure_ms: 1_000, each: 1, ..rate });
                self.wishes.insert(wish, Answer::Yes);
            }
            Wish::StaticHoldOff | Wish::Automotive | Wish::Antenna | Wish::Interference | Wish::SecSig => {
                self.wishes.insert(wish, Answer::Yes);
            }
        }
    }

    /// What was asked at this place does not come about.
    fn failed(&mut self, place: usize, why: Answer) {
        let mut next = place + 1;
        match step(place) {
            // A key of a port that this receiver does not have is unknown to it, and the next one may be the one.
            Some(Step::Wish(Wish::NavPvt)) if self.may_be_another_port(why) => {
                self.port += 1;
                next = place;
            }
            Some(Step::Wish(wish)) => {
                self.wishes.insert(wish, why);
            }
            Some(Step::Rate) | None => {}
            // Nothing is asked of a receiver that does not answer.
            Some(Step::Version) => next = usize::MAX,
        }
        self.phase = asking(next);
    }

    fn may_be_another_port(&self, why: Answer) -> bool {
        let another = matches!(why, Answer::Refused | Answer::NotHeard);
        another && self.generation() == Generation::Keys && self.port + 1 < self.ports.len()
    }

    /// What is sent now, if anything.
    fn next(&mut self, at: Mono, speed: u32) -> Option<Request> {
        match self.phase {
            Phase::Settled => return None,
            Phase::Listening { since: None, bytes, good } => {
                self.phase = Phase::Listening { since: Some(at), bytes, good };
                return None;
            }
            Phase::Listening { since: Some(since), bytes, good } => {
                let early = at - since < LISTEN || self.began.is_some_and(|began| at - began < ROUND_EVERY);
                if early || good < PROOF {
                    return None;
                }
                self.begin(at, Span((at - since).0), bytes);
            }
            Phase::Awaiting { place, since } => {
                let patience = Span(HEARD_WITHIN.0 + 2 * i64::from(self.period_ms()));
                if at - since < patience {
                    return None;
                }
                self.failed(place, Answer::NotHeard);
            }
            Phase::Asking { sent: Some((_, then)), .. } if at - then < ANSWER_WITHIN => return None,
            Phase::Asking { place, tries, .. } => {
                if tries >= self.tries(place) {
                    self.failed(place, Answer::NoAnswer);
                }
            }
        }
        self.ask(at, speed)
    }

    fn begin(&mut self, at: Mono, listened: Span, bytes: u32) {
        let per_second = i64::from(bytes) * 1_000 / listened.0.max(1);
        self.load = u32::try_from(per_second).unwrap_or(u32::MAX);
        (self.began, self.port, self.answered, self.protocol, self.rate) = (Some(at), 0, false, None, None);
        self.wishes.clear();
        self.phase = asking(0);
    }

    /// One poll to a receiver that may be anybody's.
    fn tries(&self, place: usize) -> u8 {
        if step(place) == Some(Step::Version) && !self.known { 1 } else { TRIES }
    }

    /// Goes on to the next thing that there is something to send for.
    fn ask(&mut self, at: Mono, speed: u32) -> Option<Request> {
        while let Phase::Asking { place, tries, .. } = self.phase {
            let asked = match step(place) {
                None => {
                    self.phase = Phase::Settled;
                    return None;
                }
                Some(Step::Version) => Ok((MON_VER, request::version())),
                Some(Step::Rate) => Ok(request::rate(self.generation())),
                Some(Step::Wish(wish)) => self.wish(wish, speed),
            };
            match asked {
                Ok((name, request)) => {
                    self.phase = Phase::Asking { place, tries: tries + 1, sent: Some((name, at)) };
                    return Some(request);
                }
                Err(answer) => {
                    if let Some(Step::Wish(wish)) = step(place) {
                        self.wishes.insert(wish, answer);
                    }
                    self.phase = asking(place + 1);
                }
            }
        }
        None
    }

    /// What is sent for a wish, or what becomes of it without.
    fn wish(&self, wish: Wish, speed: u32) -> Result<(Name, Request), Answer> {
        let more = match (wish, self.rate) {
            (Wish::Rate, None) => return Err(Answer::NoAnswer),
            (Wish::Rate, Some(rate)) if rate.period_ms() <= PERIOD_MS => return Err(Answer::Yes),
            (Wish::Rate, Some(_)) => self.load_at_once_a_second().saturating_sub(self.load),
            _ => self.more(wish),
        };
        let line = if self.ports.first() == Some(&Port::Usb) { u32::MAX } else { speed / 10 * LINE_SHARE / 100 };
        let fits = more == 0 || self.load.saturating_add(more) <= line;
        let port = self.ports.get(self.port).copied().unwrap_or(Port::Uart1);
        let reference = self.rate.map_or(1, |rate| rate.reference);
        let (name, request) = request::wish(wish, self.generation(), port, reference).ok_or(Answer::NotOffered)?;
        if fits { Ok((name, request)) } else { Err(Answer::NoRoom) }
    }

    /// What a wish adds to the line, bytes a second. What is on it already costs nothing more.
    fn more(&self, wish: Wish) -> u32 {
        let heard = wish == Wish::NavPvt && self.nav_pvt.is_some();
        if heard { 0 } else { wish.load(self.period_ms()) }
    }

    fn generation(&self) -> Generation {
        match self.protocol {
            Some((major, _)) if major >= KEYS_FROM => Generation::Keys,
            _ => Generation::Messages,
        }
    }

    fn period_ms(&self) -> u32 {
        self.rate.map_or(PERIOD_MS, Rate::period_ms)
    }

    fn load_at_once_a_second(&self) -> u32 {
        let per_period = u64::from(self.load) * u64::from(self.period_ms()) / u64::from(PERIOD_MS);
        u32::try_from(per_period).unwrap_or(u32::MAX)
    }
}

const fn asking(place: usize) -> Phase {
    Phase::Asking { place, tries: 0, sent: None }
}

fn step(place: usize) -> Option<Step> {
    match place {
        0 => Some(Step::Version),
        1 => Some(Step::Rate),
        _ => Wish::ALL.get(place - 2).map(|wish| Step::Wish(*wish)),
    }
}

/// Messages that are listened for here, by class, number and length.
fn answer(class: u8, id: u8, length: usize) -> Option<Heard> {
    match (class, id, length) {
        (0x05, 0x01, 2) => Some(Heard::Ack([0; 2])),
        (0x05, 0x00, 2) => Some(Heard::Nak([0; 2])),
        (0x0a, 0x04, 40..=ANSWER_MAX) if (length - 40).is_multiple_of(30) => Some(Heard::Version),
        (0x06, 0x08, 6) => Some(Heard::Rate),
        // Both keys with their values.
        (0x06, 0x8b, 16) => Some(Heard::Values),
        (0x01, 0x07, 84 | 92) => Some(Heard::NavPvt),
        _ => None,
    }
}

/// An acknowledgement names what it is about.
fn named(heard: Heard, payload: &[u8]) -> Heard {
    match (heard, payload) {
        (Heard::Ack(_), &[class, id]) => Heard::Ack([class, id]),
        (Heard::Nak(_), &[class, id]) => Heard::Nak([class, id]),
        (other, _) => other,
    }
}

/// `PROTVER=18.00` or, in series 7, `PROTVER 14.00`, among the texts of 30 characters; receivers before that do not say.
fn protocol(payload: &[u8]) -> Option<(u16, u8)> {
    let texts = payload.get(40..)?.chunks(30);
    texts.filter_map(|text| core::str::from_utf8(text).ok()).find_map(|text| {
        let number = text.strip_prefix("PROTVER")?.trim_matches(|c: char| !c.is_ascii_digit());
        let (major, minor) = number.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    })
}

fn rate(payload: &[u8]) -> Option<Rate> {
    let number = |bytes: &[u8], at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    if payload.len() == 6 {
        let [measure_ms, each, reference] = [number(payload, 0)?, number(payload, 2)?, number(payload, 4)?];
        return Some(Rate { measure_ms, each, reference });
    }
    // Four bytes of head, then keys with their values.
    let value = |key: u32| {
        let pair = payload.get(4..)?.chunks(6).find(|pair| pair.starts_with(&key.to_le_bytes()))?;
        number(pair, 4)
    };
    Some(Rate { measure_ms: value(request::RATE_MEAS)?, each: value(request::RATE_NAV)?, reference: 1 })
}

#[cfg(test)]
mod tests;
