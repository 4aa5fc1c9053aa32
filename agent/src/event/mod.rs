//! The event contract: what is durable and delivered, as CloudEvents 1.0 in structured JSON.
//!
//! An event is made once, as bytes; the same bytes stand in the journal, on stdout and on the wire. What changes later is
//! a new event with a higher `revision`, never an edit.

mod confidence;
mod data;
mod kind;
mod loss;
mod renumber;

use crate::ranges::Ranges;
use crate::time::Utc;
use geofence::UnixMillis;
use serde::Serialize;

pub use confidence::confidence;
pub(crate) use data::centimetres;
pub use data::{
    ClockBlock, ClockSource, Correction, CoverageData, DeviceData, EngineBlock, Evidence, FacilityBlock, LossData,
    Phase, Place, Point, Record, RecordTime, Status, VisitData,
};
pub use kind::{Kind, is_about_a_visit};
pub use loss::{LOSS_RANGES_MAX, Loss, LossCause, SEQUENCE_END, named_by};
pub use renumber::renumbered;

/// A finished event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Gap-free per device.
    pub sequence: u64,
    /// `<device>-<sequence>`.
    pub id: String,
    /// What it tells.
    pub kind: Kind,
    /// When it happened.
    pub at: UnixMillis,
    /// The CloudEvent, JSON.
    pub body: Vec<u8>,
    /// The events that it names as evicted: they go in the transaction that journals this one.
    pub evicts: Ranges,
}

/// Who sends: the parts of `source` and `id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// `/fleets/<fleet>/trucks/<truck>`.
    pub source: String,
    /// `<fleet>-<truck>`.
    pub device: String,
}

/// The envelope, in the order in which it is written.
#[derive(Serialize)]
struct Envelope<'a, D> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    time: Utc,
    /// The CloudEvents sequence extension is a string.
    sequence: String,
    datacontenttype: &'static str,
    data: &'a D,
}

impl Event {
    /// Writes the event `sequence` of `sender`. `subject` is the facility, where one is meant.
    #[must_use]
    pub fn new<D: Serialize>(
        sender: &Sender,
        sequence: u64,
        kind: Kind,
        subject: Option<&str>,
        at: UnixMillis,
        data: &D,
    ) -> Self {
        let id = format!("{}-{sequence}", sender.device);
        let envelope = Envelope {
            specversion: "1.0",
            id: &id,
            source: &sender.source,
            kind: kind.name(),
            subject,
            time: Utc(at),
            sequence: sequence.to_string(),
            datacontenttype: "application/json",
            data,
        };
        // Fails only for maps with keys that are no strings, and there are no maps.
        let body = serde_json::to_vec(&envelope).unwrap_or_default();
        Self { sequence, id, kind, at, body, evicts: Ranges::default() }
    }
}
