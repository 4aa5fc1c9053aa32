//! What does an event say, as far as the rig has to understand it?
//!
//! Read leniently and from the bytes that dispatch received: the rig judges what the agent claims, it does not share its types.

use jiff::Timestamp;
use serde::Deserialize as _;
use serde_json::Value;

/// The common prefix of every event type.
const TYPE_PREFIX: &str = "com.gatestamp.";

/// One CloudEvent.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `<device>-<sequence>`.
    pub id: String,
    /// Gap-free per device, from 1.
    pub sequence: u64,
    /// The type without its prefix, such as `visit.arrived`.
    pub kind: String,
    /// Milliseconds since 1970 of the CloudEvents `time`.
    pub time_ms: i64,
    /// What a visit event claims; none for events of the device.
    pub claim: Option<Claim>,
    /// The sequences that a `device.lost` event declares lost: first and last of each range.
    pub lost: Vec<(u64, u64)>,
}

/// The part of a visit event that can be held against the truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The facility's id.
    pub facility: String,
    /// The visit's id.
    pub visit: String,
    /// The fence's role; `site` for arrivals and departures.
    pub zone: String,
    /// `enter`, `leave` or `standstill`.
    pub phase: String,
    /// `provisional`, `confirmed` or `retracted`.
    pub status: String,
    /// Counts the events of one fact.
    pub revision: u64,
    /// The stamp.
    pub at_ms: i64,
    /// The earliest the crossing can have been, if there is a bound.
    pub lo_ms: Option<i64>,
    /// The latest it can have been.
    pub hi_ms: i64,
    /// When the agent decided.
    pub decided_ms: i64,
    /// How the stamp was found.
    pub method: String,
}

impl Claim {
    /// What makes two events speak about the same fact, beside their type.
    #[must_use]
    pub fn fact(&self, kind: &str) -> (String, String, String, String) {
        (self.visit.clone(), kind.to_owned(), self.zone.clone(), self.phase.clone())
    }
}

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// With the name of the member that is missing or wrong.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        let json: Value = serde_json::from_slice(body).map_err(|fault| format!("not JSON: {fault}"))?;
        let id = text(&json, "/id")?;
        let kind = text(&json, "/type")?;
        let kind = kind.strip_prefix(TYPE_PREFIX).map_or(kind.clone(), str::to_owned);
        let claim = if kind.starts_with("visit.") && kind != "visit.rebased" { Some(claim(&json)?) } else { None };
        let ranges = json.pointer("/data/ranges").filter(|_| kind == "device.lost");
        let lost = ranges.map_or_else(|| Ok(Vec::new()), Vec::deserialize);
        let lost = lost.map_err(|fault| format!("/data/ranges: {fault}"))?;
        Ok(Self { id, sequence: number(&json, "/sequence")?, kind, time_ms: time(&json, "/time")?, claim, lost })
    }
}

fn claim(json: &Value) -> Result<Claim, String> {
    Ok(Claim {
        facility: text(json, "/subject")?,
        visit: text(json, "/data/visit")?,
        zone: text(json, "/data/zone").unwrap_or_else(|_| "site".to_owned()),
        phase: text(json, "/data/phase").unwrap_or_default(),
        status: text(json, "/data/status")?,
        revision: number(json, "/data/revision")?,
        at_ms: time(json, "/data/at")?,
        lo_ms: time(json, "/data/at_lo").ok(),
        hi_ms: time(json, "/data/at_hi")?,
        decided_ms: time(json, "/data/decided_at")?,
        method: text(json, "/data/method")?,
    })
}

fn text(json: &Value, pointer: &str) -> Result<String, String> {
    let value = json.pointer(pointer).and_then(Value::as_str);
    value.map(str::to_owned).ok_or_else(|| format!("{pointer} is missing or no text"))
}

/// A number, or the text of one: CloudEvents has its sequence as text.
fn number(json: &Value, pointer: &str) -> Result<u64, String> {
    let value = json.pointer(pointer);
    let number = value.and_then(Value::as_u64).or_else(|| value.and_then(Value::as_str)?.parse().ok());
    number.ok_or_else(|| format!("{pointer} is missing or no number"))
}

fn time(json: &Value, pointer: &str) -> Result<i64, String> {
    let at: Timestamp = text(json, pointer)?.parse().map_err(|fault| format!("{pointer}: {fault}"))?;
    Ok(at.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrival_is_understood() {
        let body = br#"{"specversion":"1.0","id":"demo-truck-7-12","sequence":"12","type":"com.gatestamp.visit.arrived",
            "subject":"warehouse","time":"2026-11-22T14:36:01.250Z","data":{"visit":"v1","revision":2,"status":"confirmed",
            "zone":"site","phase":"enter","at":"2026-11-22T14:36:01.250Z","at_lo":null,"at_hi":"2026-11-22T14:36:02.000Z",
            "decided_at":"2026-11-22T14:36:09.000Z","method":"interpolated"}}"#;
        let event = Event::parse(body).expect("valid");
        let claim = event.claim.expect("a visit event");
        assert_eq!((event.sequence, event.kind.as_str()), (12, "visit.arrived"));
        assert_eq!((claim.hi_ms - claim.at_ms, claim.lo_ms), (750, None));
    }
}
