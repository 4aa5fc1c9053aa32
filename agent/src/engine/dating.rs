//! Whose clock dates an event. The receiver's; the system clock is only compared with it.
//!
//! Monotonic time orders everything within one boot of the kernel. A fix anchors it to UTC. What happens before the
//! first anchor is remembered and dated when the anchor comes.

use super::state::State;
use crate::event::{ClockBlock, ClockSource, Correction, Kind, Loss};
use crate::gnss::GnssFix;
use crate::gnss::coverage::{Cause, Interval};
use crate::gnss::finding::{Finding, Spoofing};
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
/// An anchor is a fix and its arrival, and most of a second may pass between its instant and the end of its first sentence. So may
/// what is dated by its own arrival be off.
const BOUND_ARRIVAL_MS: i64 = 1_000;

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
    /// What a `device.lost` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) loss: Option<Loss>,
    /// The events whose times were wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) correction: Option<Correction>,
    /// No anchor was there when it happened.
    waits: bool,
}

impl Remembered {
    pub(super) fn new(kind: Kind, at: Mono, why: Vec<String>, state: &State) -> Self {
        let kernel_boot = state.run.kernel_boot.clone();
        let waits = state.anchor.as_ref().is_none_or(|anchor| anchor.kernel_boot != kernel_boot);
        Self { kernel_boot, at, kind, boot_id: state.boot_id(), why, loss: None, correction: None, waits }
    }
}

impl State {
    /// Takes what a fix says about time: a new anchor, unless it was waiting somewhere. When the truck was where the fix says, as far
    /// as gaps are concerned: its time, or, of a late one, that of its arrival.
    pub(super) fn received(&mut self, fix: &GnssFix) -> UnixMillis {
        let at = fix.arrived;
        if !matches!(self.coverage.cause(), Cause::Covered | Cause::DeadReckoning | Cause::Privacy) {
            // Steps are noticed across gaps too: what was dated before is right only if they were known by then.
            if self.anchor.as_ref().is_some_and(|anchor| self.leap_seconds_known(anchor.at)) {
                self.steps.begin();
            }
            (self.run.tracking_since, self.run.utc_resolved) = (None, None);
        }
        let known = self.leap_seconds_known(at);
        self.run.tracking_since.get_or_insert(at);
        self.steps.fix(fix.fix.time, self.sequence, known);
        self.run.utc_resolved = fix.utc_resolved.or(self.run.utc_resolved);
        // Out of a buffer: when it arrived is not when it was. An anchor of before is the better one, if it still holds.
        let ours = self.anchor.as_ref().filter(|anchor| anchor.kernel_boot == self.run.kernel_boot);
        if let Some(ours) = ours.filter(|_| fix.late && !fix.time_stepped) {
            return ours.utc(at);
        }
        self.anchor = Some(Anchor {
            kernel_boot: self.run.kernel_boot.clone(),
            at,
            time: fix.fix.time,
            repaired: fix.date_repaired,
        });
        fix.fix.time
    }

    /// What time it is at `at`, as an anchor of this boot of the kernel has it.
    pub(super) fn expected(&self, at: Mono) -> Option<UnixMillis> {
        let ours = self.anchor.as_ref().filter(|anchor| anchor.kernel_boot == self.run.kernel_boot);
        ours.map(|anchor| anchor.utc(at))
    }

    /// It may be another receiver, or one that was switched off meanwhile: what it knew of leap seconds is gone.
    pub(super) fn leap_seconds_unknown(&mut self) {
        (self.run.tracking_since, self.run.utc_resolved) = (None, None);
        self.steps.begin();
    }

    /// Takes what the receiver or the stream shows beside positions: a cause for the ledger, or something dispatch should know.
    pub(super) fn found(&mut self, at: Mono, finding: Finding, each: &mut dyn FnMut(Interval)) {
        let why = match finding {
            Finding::Lagging(true) => vec!["gps_lag".to_owned()],
            Finding::UtcStepped(step) => return self.utc_stepped(at, step),
            // Receivers say these as often as they speak; once in a run is news.
            Finding::LineTooSlow if !std::mem::replace(&mut self.run.line_told, true) => {
                vec!["gps_line_too_slow".to_owned()]
            }
            Finding::Spoofing(Spoofing::Suspected) if !std::mem::replace(&mut self.run.spoofing_told, true) => {
                vec!["spoofing_suspected".to_owned()]
            }
            Finding::Antenna(_) | Finding::Jamming(_) | Finding::Signal(_) | Finding::Stuck(_) => {
                return self.coverage.finding(finding, each);
            }
            Finding::Lagging(false) | Finding::LineTooSlow | Finding::Spoofing(_) => return,
        };
        self.remember(Kind::DeviceHealth, at, why);
    }

    /// The clock block of something that `fix` decided.
    pub(super) fn clock_of_fix(&self, fix: &GnssFix) -> ClockBlock {
        let at = fix.arrived;
        ClockBlock {
            source: source(fix.date_repaired),
            date_repaired: fix.date_repaired,
            offset_ms: self.system_utc(at).map(|system| (system - fix.fix.time).0),
            bound_ms: Some(self.bound_ms(at, BOUND_TRACKING_MS)),
        }
    }

    /// The clock block of something that happened at `at`, after an anchor.
    pub(super) fn clock_at(&self, at: Mono) -> ClockBlock {
        // Monotonic times of another boot of the kernel mean nothing here.
        let anchor = self.anchor.as_ref().filter(|anchor| anchor.kernel_boot == self.run.kernel_boot);
        let date_repaired = anchor.is_some_and(|anchor| anchor.repaired);
        ClockBlock {
            source: source(date_repaired),
            date_repaired,
            offset_ms: self.system_utc(at).zip(anchor).map(|(system, anchor)| (system - anchor.utc(at)).0),
            bound_ms: anchor.map(|_| self.bound_ms(at, BOUND_ARRIVAL_MS)),
        }
    }

    /// Takes out what can be dated now.
    pub(super) fn dated(&mut self) -> Vec<(Remembered, UnixMillis, ClockBlock)> {
        // Nothing waits at nearly every input.
        if self.remembered.is_empty() {
            return Vec::new();
        }
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

    pub(super) fn leap_seconds_known(&self, at: Mono) -> bool {
        let tracked = || self.run.tracking_since.is_some_and(|since| at - since >= LEAP_SECONDS_KNOWN_AFTER);
        self.run.utc_resolved.unwrap_or_else(tracked)
    }

    fn bound_ms(&self, at: Mono, tracking_ms: i64) -> i64 {
        let least = if self.leap_seconds_known(at) { tracking_ms } else { BOUND_BEFORE_LEAP_SECONDS_MS };
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

    const WAITING: [Kind; 5] =
        [Kind::DeviceStarted, Kind::DeviceStopped, Kind::DeviceHealth, Kind::DeviceMode, Kind::DeviceLost];

    pub(super) fn serialize<S: Serializer>(kind: &Kind, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(kind.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Kind, D::Error> {
        let name = String::deserialize(d)?;
        WAITING.into_iter().find(|kind| kind.name() == name).ok_or_else(|| D::Error::custom("not a device event"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geofence::{Fix, Mode, Position};

    fn fix(second: u64, utc_resolved: Option<bool>) -> GnssFix {
        let time = UnixMillis(1_795_348_800_000) + Span(i64::try_from(second * 1_000).unwrap());
        let position = Position::from_degrees(52.0, 13.0).unwrap();
        GnssFix {
            fix: Fix { time, position, mode: Mode::ThreeD, sigma_m: 3.0, speed_mps: None, track_deg: None },
            arrived: Mono(second * 1_000),
            sats: None,
            hdop: None,
            time_stepped: false,
            date_repaired: false,
            leap_second: false,
            late: false,
            held: 0,
            since_regained: Span(0),
            speed_sigma_mps: None,
            utc_resolved,
        }
    }

    #[test]
    fn what_the_receiver_says_last_of_leap_seconds_holds_however_long_it_tracks() {
        let mut state = State::default();
        state.coverage.boot(Mono(0), false, &mut |_| ());
        let mut bound = |second: u64, utc_resolved: Option<bool>| {
            let fix = fix(second, utc_resolved);
            let _ = state.coverage.passed(fix.arrived, &mut |_| ());
            let _ = state.received(&fix);
            let _ = state.coverage.fix(fix.arrived, fix.fix.time, false, &mut |_| ());
            state.clock_of_fix(&fix).bound_ms
        };
        assert_eq!([bound(0, None), bound(1, Some(true)), bound(2, Some(false))], [3_000, 100, 3_000].map(Some));
        assert!((3..900).all(|second| bound(second, None) == Some(3_000)));
        assert_eq!(bound(900, Some(true)), Some(100));
    }
}
