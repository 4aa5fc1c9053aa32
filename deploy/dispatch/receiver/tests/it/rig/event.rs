//! Events as a truck sends them.

use serde_json::{Value, json};

pub(crate) const FLEET: &str = "acme";

/// The event `sequence` of `truck`, an arrival; the same bytes each time.
pub(crate) fn arrival(truck: &str, sequence: u64) -> Vec<u8> {
    body(
        truck,
        sequence,
        "com.gatestamp.visit.arrived",
        &json!({"visit": format!("v{sequence}"), "revision": 1,
        "status": "confirmed", "facility": {"id": "hub", "name": "Hub"}, "zone": "site", "phase": "enter",
        "at_hi": "2026-11-22T14:36:02.000Z", "position": {"lat": 48.1, "lon": 11.5}}),
    )
}

/// The event `sequence`, which declares a range lost.
pub(crate) fn lost(truck: &str, sequence: u64, first: u64, last: u64) -> Vec<u8> {
    body(
        truck,
        sequence,
        "com.gatestamp.device.lost",
        &json!({"first": first, "last": last, "count": last - first + 1}),
    )
}

fn body(truck: &str, sequence: u64, kind: &str, data: &Value) -> Vec<u8> {
    let event = json!({"specversion": "1.0", "id": format!("{FLEET}-{truck}-{sequence}"),
        "source": format!("/fleets/{FLEET}/trucks/{truck}"), "type": kind, "subject": "hub",
        "time": "2026-11-22T14:36:01.250Z", "sequence": sequence.to_string(), "datacontenttype": "application/json",
        "data": data});
    serde_json::to_vec(&event).expect("JSON")
}

/// The topic `leaf` of `truck`.
pub(crate) fn topic(truck: &str, leaf: &str) -> String {
    format!("gatestamp/v1/{FLEET}/{truck}/{leaf}")
}
