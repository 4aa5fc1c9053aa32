//! The `data` of events, field by field in the order of the wire.

use super::loss::LossCause;
use crate::gnss::coverage::Cause;
use crate::ranges::Ranges;
use crate::time::Utc;
use geofence::{Method, Sample};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How sure a fact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// First news; may be confirmed or retracted.
    Provisional,
    /// Stays.
    Confirmed,
    /// Did not happen after all.
    Retracted,
}

/// Which way a zone was crossed, or that the truck came to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Inwards.
    Enter,
    /// Outwards.
    Leave,
    /// First standstill.
    Standstill,
}

/// The facility of an event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FacilityBlock {
    /// As in the facility file.
    pub id: String,
    /// For people.
    pub name: String,
    /// IANA time zone.
    pub tz: Option<String>,
    /// Hash of its geometry.
    pub revision: String,
}

/// Where the truck was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Place {
    /// Degrees.
    pub lat: f64,
    /// Degrees.
    pub lon: f64,
    /// Per-axis accuracy as reported, metres (1 sigma).
    pub sigma_m: f64,
}

/// One fix that a crossing rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// GNSS time.
    pub time: Utc,
    /// Degrees.
    pub lat: f64,
    /// Degrees.
    pub lon: f64,
    /// Signed distance to the fence, metres, negative inside.
    pub distance_m: f64,
    /// Per-axis accuracy as reported, metres (1 sigma).
    pub sigma_m: f64,
}

/// The fixes on both sides of a crossing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// Nearest fix outside.
    pub last_outside: Option<Point>,
    /// Nearest fix inside.
    pub first_inside: Option<Point>,
}

/// How UTC is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockSource {
    /// From the receiver's own time.
    Gnss,
    /// From the receiver, its date moved by whole 1,024-week eras.
    GnssRepaired,
    /// Dated afterwards, from a later anchor.
    Backfilled,
}

/// How far the clock may be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ClockBlock {
    /// Whose clock dated this.
    pub source: ClockSource,
    /// The receiver's date was moved by whole 1,024-week eras: said beside any source.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub date_repaired: bool,
    /// System clock minus GNSS time, milliseconds, where the system clock is known.
    pub offset_ms: Option<i64>,
    /// The time is right within this, milliseconds; `None`: unknown.
    pub bound_ms: Option<i64>,
}

/// What decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EngineBlock {
    /// Version of the agent.
    pub version: &'static str,
    /// Hash of the configuration that events depend on.
    pub config: String,
}

/// One time of a visit's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RecordTime {
    /// Best estimate.
    pub at: Utc,
    /// Not earlier (95 %).
    pub lo: Option<Utc>,
    /// Not later (95 %).
    pub hi: Utc,
}

/// All times of a visit that contracts choose from; `None` where unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
pub struct Record {
    /// Boundary of the site, inwards.
    pub crossed_in: Option<RecordTime>,
    /// Gate, inwards.
    pub gate_in: Option<RecordTime>,
    /// First standstill inside.
    pub standstill: Option<RecordTime>,
    /// Dock, inwards.
    pub dock_in: Option<RecordTime>,
    /// Dock, outwards.
    pub dock_out: Option<RecordTime>,
    /// Gate, outwards.
    pub gate_out: Option<RecordTime>,
    /// Boundary of the site, outwards.
    pub crossed_out: Option<RecordTime>,
}

/// The `data` of every `visit.*` event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VisitData {
    /// The stay that this belongs to.
    pub visit: String,
    /// Counts up per fact: visit, type, zone, phase.
    pub revision: u32,
    /// How sure.
    pub status: Status,
    /// Where.
    pub facility: FacilityBlock,
    /// Which fence of it.
    pub zone: &'static str,
    /// Which way.
    pub phase: Phase,
    /// When, best estimate.
    pub at: Utc,
    /// Not earlier (95 %); `null`: no earlier bound.
    pub at_lo: Option<Utc>,
    /// Not later (95 %).
    pub at_hi: Utc,
    /// GNSS time of the fix that decided.
    pub decided_at: Utc,
    /// How `at` is known.
    pub method: Method,
    /// In a word, of whether and when: [`confidence`](super::confidence()).
    pub confidence: &'static str,
    /// Probability of being on the decided side, at the decision.
    pub probability: f64,
    /// Where the truck was at the decision.
    pub position: Option<Place>,
    /// The fixes that `at` rests on.
    pub evidence: Evidence,
    /// How UTC is known.
    pub clock: ClockBlock,
    /// Which run of the agent.
    pub boot_id: String,
    /// The planned stop; none before trips are known.
    pub stop: Option<()>,
    /// Suggested EDI 214 codes; none without a trip.
    pub edi214: Option<()>,
    /// What decided.
    pub engine: EngineBlock,
    /// Dated afterwards.
    pub historical: bool,
    /// Short machine words.
    pub why: Vec<&'static str>,
    /// All times of the visit; `departed` and `passed` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Record>,
}

/// The `data` of `gnss.lost` and `gnss.restored`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CoverageData {
    /// When.
    pub at: Utc,
    /// The last measured fix before.
    pub since: Utc,
    /// How long, seconds; `restored` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<f64>,
    /// Why there was none; of several causes the one that took longest.
    pub cause: Cause,
    /// Where the device was off for most of it: the cause that took longest while it had power; `restored` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub powered_cause: Option<Cause>,
    /// Seconds by cause; `restored` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causes: Option<BTreeMap<Cause, f64>>,
    /// How UTC is known.
    pub clock: ClockBlock,
    /// Which run of the agent.
    pub boot_id: String,
}

/// The `data` of `device.*` events.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeviceData {
    /// When.
    pub at: Utc,
    /// How UTC is known.
    pub clock: ClockBlock,
    /// Which run of the agent.
    pub boot_id: String,
    /// What decided.
    pub engine: EngineBlock,
    /// Short machine words.
    pub why: Vec<String>,
    /// Earlier events of which the times were wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
}

/// Events that were dated while the receiver did not know the leap seconds: every time in them that this run measured comes right
/// by adding `shift_ms`. Later corrections of the same events add to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// The lowest sequence.
    pub first: u64,
    /// The highest.
    pub last: u64,
    /// What to add, milliseconds.
    pub shift_ms: i64,
}

impl Correction {
    /// The same of the same events, which are numbered `by` higher.
    #[must_use]
    pub fn shifted(self, by: u64) -> Self {
        Self { first: self.first.saturating_add(by), last: self.last.saturating_add(by), ..self }
    }
}

/// The `data` of `device.lost`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LossData {
    /// When it was known.
    pub at: Utc,
    /// The lowest sequence that is lost.
    pub first: u64,
    /// The highest.
    pub last: u64,
    /// How many; fewer than from first to last where there are several ranges.
    pub count: u64,
    /// Which, first and last of each range.
    pub ranges: Ranges,
    /// Why.
    pub why: [LossCause; 1],
    /// How UTC is known.
    pub clock: ClockBlock,
    /// Which run of the agent.
    pub boot_id: String,
    /// What decided.
    pub engine: EngineBlock,
}

/// Metres to the centimetre, in a form that is the same text everywhere.
#[must_use]
pub(crate) fn centimetres(metres: f64) -> f64 {
    (metres * 100.0).round() / 100.0
}

impl Point {
    /// The fix of a crossing as evidence.
    #[must_use]
    pub fn of(sample: &Sample) -> Self {
        Self {
            time: Utc(sample.time),
            lat: sample.position.lat(),
            lon: sample.position.lon(),
            distance_m: centimetres(sample.distance_m),
            sigma_m: centimetres(sample.sigma_m),
        }
    }
}
