//! Whose clock dates an event. The receiver's; the system clock is only compared with it.
//!
//! Monotonic time orders everything within one boot of the kernel. A fix anchors it to UTC. What happens before the
//! first anchor is remembered and dated when the anchor comes.

use super::lag::Lag;
use super::state::State;
use crate::event::{ClockBlock, ClockSource, Kind};
use crate::gnss::GnssFix;
use crate::time::Mono;
use geofence::{Span, UnixMillis};
use serde::{Deserialize, Serialize};

/// Starts and stops that wait for a date. Twice as many as a device makes in a day without sky.
pub(super) const REMEMBERED_MAX: usize = 16;
/// Leap seconds are sent every 12.5 minutes; until then a receiver's UTC may be off by their change since it was built.
const LEAP_SECONDS_KNOWN_AFTER: Span = Span::seconds(13 * 60);
const BOUND_BEFORE_LEAP_SECONDS_MS: i64 = 3_000;
/// The monotonic clock is off by less than one part in this many: 100 ppm of a cold crystal, and the 500 ppm by which the system may
/// steer it (adjtimex(2)), make 600.
const DRIFT: i64 = 1_000_000 / 600;
/// A receiver's own resolution of time.
const BOUND_TRACKING_MS: i64 = 100;

/// A pair of times that mean the same instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Anchor {
    pub(super) kernel_boot: String,
    pub(super) at: Mono,
    pub(super) time: UnixMillis,
    pub(super) repaired: bool,
}

impl Anchor {
    fn utc(&self, at: Mono) -> UnixMillis {
        if at >= self.at { self.time + (at - self.at) } else { self.time - (self.at - at) }
    }
}

/// An event that waits for its date.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Remembered {
    kernel_boot: String,
    at: Mono,
    #[serde(with = "kind_name")]
    pub(super) kind: Kind,
    pub(super) boot_id: String,
    pub(super) why: Vec<String>,
    /// No anchor was there when it happened.
    waits: bool,
}

impl Remembered {
    pub(super) fn new(kind: Kind, at: Mono, why: Vec<String>, state: &State) -> Self {
        let kernel_boot = state.run.kernel_boot.clone();
        let waits = state.anchor.as_ref().is_none_or(|anchor| anchor.kernel_boot != kernel_boot);
        Self { kernel_boot, at, kind, boot_id: state.boot_id(), why, waits }
    }
}

impl State {
    /// Takes what a fix says about time: a new anchor, unless it was waiting somewhere. When the truck was where the fix says, as far
    /// as gaps are concerned: its time, or, of a late one, that of its arrival.
    pub(super) fn received(&mut self, fix: &GnssFix) -> UnixMillis {
        let at = fix.arrived;
        if fix.time_stepped {
            self.run.lag = Lag::default();
        }
        let leap_known = self.leap_seconds_known(at);
        let told = self.run.lag.fix(at, fix.fix.time, leap_known);
        if let Some(lag) = told.lagging {
            self.remember(Kind::DeviceHealth, at, vec!["gps_lag".to_owned(), format!("{} ms", lag.0)]);
        }
        if let Some(step) = told.step {
            self.remember(Kind::DeviceHealth, at, vec!["utc_step".to_owned(), format!("{:+} ms", step.0)]);
        }
        let ours = self.anchor.as_ref().filter(|anchor| anchor.kernel_boot == self.run.kernel_boot);
        if let (true, Some(ours)) = (told.late, ours) {
            return ours.utc(at);
        }
        self.set_anchor(fix);
        fix.fix.time
    }

    fn set_anchor(&mut self, fix: &GnssFix) {
        let at = fix.arrived;
        self.run.tracking_since.get_or_insert(at);
        self.anchor = Some(Anchor {
            kernel_boot: self.run.kernel_boot.clone(),
            at,
            time: fix.fix.time,
            repaired: fix.date_repaired,
        });
    }

    /// The clock block of something that `fix` decided.
    pub(super) fn clock_of_fix(&self, fix: &GnssFix) -> ClockBlock {
        let at = fix.arrived;
        ClockBlock {
            source: source(fix.date_repaired),
            offset_ms: self.system_utc(at).map(|system| (system - fix.fix.time).0),
            bound_ms: Some(self.bound_ms(at)),
        }
    }

    /// The clock block of something that happened at `at`, after an anchor.
    pub(super) fn clock_at(&self, at: Mono) -> ClockBlock {
        // Monotonic times of another boot of the kernel mean nothing here.
        let anchor = self.anchor.as_ref().filter(|anchor| anchor.kernel_boot == self.run.kernel_boot);
        ClockBlock {
            source: source(anchor.is_some_and(|anchor| anchor.repaired)),
            offset_ms: self.system_utc(at).zip(anchor).map(|(system, anchor)| (system - anchor.utc(at)).0),
            bound_ms: anchor.map(|_| self.bound_ms(at)),
        }
    }

    /// Takes out what can be dated now.
    pub(super) fn dated(&mut self) -> Vec<(Remembered, UnixMillis, ClockBlock)> {
        let Some(anchor) = self.anchor.clone().filter(|a| a.kernel_boot == self.run.kernel_boot) else {
            return Vec::new();
        };
        let date = |remembered: Remembered| {
            let mut clock = self.clock_at(remembered.at);
            if remembered.waits {
                clock.source = ClockSource::Backfilled;
            }
            let when = if remembered.kernel_boot == anchor.kernel_boot {
                anchor.utc(remembered.at)
            } else {
                // Of an earlier boot that never had a date: it was before this run began, and that is all there is.
                clock.bound_ms = None;
                anchor.utc(self.run.at)
            };
            (remembered, when, clock)
        };
        let waiting = self.remembered.clone();
        let dated = waiting.into_iter().map(date).collect();
        self.remembered.clear();
        dated
    }

    fn system_utc(&self, at: Mono) -> Option<UnixMillis> {
        self.run.system_utc.map(|utc| utc + (at - self.run.at))
    }

    fn leap_seconds_known(&self, at: Mono) -> bool {
        self.run.tracking_since.is_some_and(|since| at - since >= LEAP_SECONDS_KNOWN_AFTER)
    }

    fn bound_ms(&self, at: Mono) -> i64 {
        let least = if self.leap_seconds_known(at) { BOUND_TRACKING_MS } else { BOUND_BEFORE_LEAP_SECONDS_MS };
        let away = self.anchor.as_ref().map_or(0, |anchor| (at - anchor.at).0.max((anchor.at - at).0));
        least.saturating_add(away / DRIFT)
    }
}

fn source(repaired: bool) -> ClockSource {
    if repaired { ClockSource::GnssRepaired } else { ClockSource::Gnss }
}

/// Only device events wait; the state names them by their type.
mod kind_name {
    use crate::event::Kind;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    const WAITING: [Kind; 3] = [Kind::DeviceStarted, Kind::DeviceStopped, Kind::DeviceHealth];

    pub(super) fn serialize<S: Serializer>(kind: &Kind, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(kind.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Kind, D::Error> {
        let name = String::deserialize(d)?;
        WAITING.into_iter().find(|kind| kind.name() == name).ok_or_else(|| D::Error::custom("not a device event"))
    }
}
