//! What came in, and can it be believed?
//!
//! An event is taken when it names itself (`sequence`), its kind and time, and when its `id` and `source` are of the truck of the topic that
//! it came on: the broker's ACL lets a truck write on its own topics only, so the topic is what is known about the sender. What is
//! refused is kept with its reason and is not asked for again.
//!
//! Columns for SQL are read leniently, here and not in the database: a member of the wrong type is an empty column there, never an
//! error in everybody's query.

use serde_json::Value as Json;

/// Largest event: the trucks' own cap.
pub const EVENT_MAX: usize = 16 * 1024;
/// Ranges that one event declares lost; trucks name 16.
const LOST_RANGES_MAX: usize = 256;
/// Longest text in a column, in bytes; names of facilities are shorter.
const COLUMN_MAX: usize = 256;
/// Longest status, in bytes: room for two words.
const STATUS_MAX: usize = 16;
/// What a truck's last will says in place of its status.
pub const OFFLINE: &str = "offline";
/// The beginning of the ids of commands to send again.
const REPLAY: &str = "replay-";
/// The common beginning of all topics.
pub const PREFIX: &str = "gatestamp/v1/";

/// Whose topic it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Truck {
    /// The fleet.
    pub fleet: String,
    /// The truck, unique within it.
    pub id: String,
}

impl Truck {
    /// The device id that the truck's agent makes of its configuration, the prefix of its event ids.
    #[must_use]
    pub fn device(&self) -> String {
        format!("{}-{}", self.fleet, self.id)
    }

    /// The topic `leaf` of this truck.
    #[must_use]
    pub fn topic(&self, leaf: &str) -> String {
        format!("{PREFIX}{}/{}/{leaf}", self.fleet, self.id)
    }
}

/// An event that may be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Who sent it, by topic.
    pub truck: Truck,
    /// Whose sequence it is.
    pub device: String,
    /// From 1, gap-free per device.
    pub sequence: i64,
    /// `<device>-<sequence>`.
    pub id: String,
    /// The CloudEvents type.
    pub kind: String,
    /// Milliseconds since 1970.
    pub time_ms: i64,
    /// The sequences that it declares lost: first and last of each range, all below its own.
    pub lost: Vec<(i64, i64)>,
    /// What SQL sees of it.
    pub columns: Columns,
    /// As it came.
    pub body: Vec<u8>,
}

/// The typed columns of the view `events`; names as in the contract.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "the contract of the event describes each, and the view names them alike")]
pub struct Columns {
    pub subject: Option<String>,
    pub visit: Option<String>,
    pub revision: Option<i64>,
    pub status: Option<String>,
    pub facility_name: Option<String>,
    pub zone: Option<String>,
    pub phase: Option<String>,
    pub at_lo_ms: Option<i64>,
    pub at_hi_ms: Option<i64>,
    pub decided_ms: Option<i64>,
    pub method: Option<String>,
    pub confidence: Option<String>,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub trip: Option<String>,
    pub stop: Option<String>,
    pub verdict: Option<String>,
    pub by_seconds: Option<i64>,
}

/// A message of a truck.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// An event.
    Event(Box<Event>),
    /// `state`, `health` or `reply`: the newest counts.
    Notice {
        /// Whose.
        truck: Truck,
        /// Which of the three.
        leaf: &'static str,
        /// What a `state` says that the broker has.
        complete_thru: Option<i64>,
        /// The truck itself said it now. Its last will says the broker, and so what it had retained.
        heard: bool,
        /// What a `reply` says is done: the counter of a `replay_from`.
        answered: Option<i64>,
        /// As it came.
        body: Vec<u8>,
    },
    /// Nothing that can be used.
    Refused {
        /// Where it came.
        topic: Vec<u8>,
        /// Why, for people.
        why: String,
        /// As it came, cut off at [`EVENT_MAX`].
        body: Vec<u8>,
    },
}

/// Judges a message.
#[must_use]
pub fn read(topic: &[u8], body: &[u8]) -> Message {
    let refused = |why: String| {
        let body = body.get(..EVENT_MAX).unwrap_or(body).to_vec();
        Message::Refused { topic: topic.get(..COLUMN_MAX).unwrap_or(topic).to_vec(), why, body }
    };
    let Some((truck, leaf)) = address(topic) else { return refused("not a topic of a truck".to_owned()) };
    match leaf {
        "events" => event(truck, body).map_or_else(refused, |event| Message::Event(Box::new(event))),
        "state" | "health" | "reply" if body.len() > EVENT_MAX => {
            refused(format!("{} bytes, at most {EVENT_MAX}", body.len()))
        }
        "state" => {
            let json: Option<Json> = serde_json::from_slice(body).ok();
            let complete_thru = json.and_then(|json| json.get("complete_thru")?.as_i64()).filter(|thru| *thru >= 0);
            Message::Notice { truck, leaf: "state", complete_thru, heard: true, answered: None, body: body.to_vec() }
        }
        "health" => {
            let heard = status(body).as_deref() != Some(OFFLINE);
            Message::Notice { truck, leaf: "health", complete_thru: None, heard, answered: None, body: body.to_vec() }
        }
        "reply" => {
            let answered = answered(body);
            Message::Notice { truck, leaf: "reply", complete_thru: None, heard: true, answered, body: body.to_vec() }
        }
        _ => refused("a topic that trucks do not have".to_owned()),
    }
}

/// The id of a `replay_from` with this counter; `answered` reads it.
#[must_use]
pub fn replay_id(counter: i64) -> String {
    format!("{REPLAY}{counter}")
}

/// The counter of the `replay_from` that a `reply` says is done.
fn answered(reply: &[u8]) -> Option<i64> {
    let json: Json = serde_json::from_slice(reply).ok()?;
    let done = json.get("result").and_then(Json::as_str) == Some("done");
    json.get("id")?.as_str().filter(|_| done)?.strip_prefix(REPLAY)?.parse().ok()
}

/// What a `health` says of its truck: `online`, or [`OFFLINE`]. A word of a later agent is taken too, if it is one: it is shown to people, and
/// a truck that says something else must not write into their terminal.
#[must_use]
pub fn status(health: &[u8]) -> Option<String> {
    let json: Json = serde_json::from_slice(health).ok()?;
    let word = |text: &&str| {
        (1..=STATUS_MAX).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_lowercase() || c == b'_')
    };
    json.get("status")?.as_str().filter(word).map(str::to_owned)
}

/// `gatestamp/v1/<fleet>/<truck>/<leaf>`.
fn address(topic: &[u8]) -> Option<(Truck, &str)> {
    let rest = std::str::from_utf8(topic).ok()?.strip_prefix(PREFIX)?;
    let mut parts = rest.split('/');
    let (fleet, id, leaf) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = is_name(fleet) && is_name(id) && parts.next().is_none();
    whole.then(|| (Truck { fleet: fleet.to_owned(), id: id.to_owned() }, leaf))
}

/// What may name a fleet or a truck: 1 to 32 of `A-Z a-z 0-9 - _`, as in the trucks' own configuration.
#[must_use]
pub fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
}

fn event(truck: Truck, body: &[u8]) -> Result<Event, String> {
    if body.len() > EVENT_MAX {
        return Err(format!("{} bytes, at most {EVENT_MAX}", body.len()));
    }
    let json: Json = serde_json::from_slice(body).map_err(|fault| format!("not JSON: {fault}"))?;
    let member = |name: &str| {
        let text = json.get(name).and_then(Json::as_str).filter(|text| storable(text));
        text.ok_or_else(|| format!("`{name}` is missing, no text, empty, or longer than {COLUMN_MAX} bytes"))
    };
    if member("specversion")? != "1.0" {
        return Err("`specversion` is not 1.0".to_owned());
    }
    let source = format!("/fleets/{}/trucks/{}", truck.fleet, truck.id);
    if member("source")? != source {
        return Err(format!("`source` is not {source}, whose topic this is"));
    }
    let sequence = canonical(member("sequence")?).ok_or("`sequence` is no number from 1 on")?;
    let (id, kind) = (member("id")?, member("type")?);
    let device = truck.device();
    // Another device's id would pass for its event where somebody looks at the id alone.
    if id != format!("{device}-{sequence}") {
        return Err(format!("`id` is not {device}-{sequence}, of the truck whose topic this is"));
    }
    let time_ms = moment(&json, "/time").ok_or("`time` is no time between 1970 and 9999")?;
    let lost = if kind == "com.gatestamp.device.lost" { lost(&json, sequence)? } else { Vec::new() };
    let (id, kind) = (id.to_owned(), kind.to_owned());
    Ok(Event { truck, device, sequence, id, kind, time_ms, lost, columns: columns(&json), body: body.to_vec() })
}

/// A sequence as the agent writes it: two spellings of one number would be two ids of one event.
fn canonical(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    (number >= 1 && number.to_string() == text).then_some(number)
}

/// An event may give up what came before it and nothing else: a claim on the future would swallow events that are still to come.
/// Losses of records that have no sequence name no range. `ranges` says which of the sequences between `first` and `last` it is.
fn lost(json: &Json, sequence: i64) -> Result<Vec<(i64, i64)>, String> {
    let number = |value: Option<&Json>| value.and_then(|value| value.as_i64().or_else(|| canonical(value.as_str()?)));
    let member = |name: &str| json.get("data").and_then(|data| data.get(name));
    let range = |first: Option<&Json>, last: Option<&Json>| match (number(first), number(last)) {
        (Some(first), Some(last)) if 1 <= first && first <= last && last < sequence => Ok((first, last)),
        (first, last) => {
            let said = |number: Option<i64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
            Err(format!("declares {} to {} lost, which is no range below {sequence}", said(first), said(last)))
        }
    };
    match member("ranges").and_then(Json::as_array) {
        Some(ranges) if ranges.len() > LOST_RANGES_MAX => {
            Err(format!("declares {} ranges lost, at most {LOST_RANGES_MAX}", ranges.len()))
        }
        Some(ranges) => ranges.iter().map(|pair| range(pair.get(0), pair.get(1))).collect(),
        None if number(member("first")).is_none() || number(member("last")).is_none() => Ok(Vec::new()),
        None => Ok(vec![range(member("first"), member("last"))?]),
    }
}

fn columns(json: &Json) -> Columns {
    let text =
        |pointer: &str| json.pointer(pointer).and_then(Json::as_str).filter(|text| storable(text)).map(str::to_owned);
    let number = |pointer: &str| json.pointer(pointer).and_then(Json::as_i64);
    let real = |pointer: &str| json.pointer(pointer).and_then(Json::as_f64);
    Columns {
        subject: text("/subject"),
        visit: text("/data/visit"),
        revision: number("/data/revision"),
        status: text("/data/status"),
        facility_name: text("/data/facility/name"),
        zone: text("/data/zone"),
        phase: text("/data/phase"),
        at_lo_ms: moment(json, "/data/at_lo"),
        at_hi_ms: moment(json, "/data/at_hi"),
        decided_ms: moment(json, "/data/decided_at"),
        method: text("/data/method"),
        confidence: text("/data/confidence"),
        latitude: real("/data/position/lat"),
        longitude: real("/data/position/lon"),
        trip: text("/data/stop/trip"),
        stop: text("/data/stop/stop"),
        verdict: text("/data/stop/verdict"),
        by_seconds: number("/data/stop/by_seconds"),
    }
}

/// `PostgreSQL` takes no NUL in a text.
fn storable(text: &str) -> bool {
    !text.is_empty() && text.len() <= COLUMN_MAX && !text.contains('\0')
}

fn moment(json: &Json, pointer: &str) -> Option<i64> {
    let at: jiff::Timestamp = json.pointer(pointer)?.as_str()?.parse().ok()?;
    Some(at.as_millisecond()).filter(|ms| *ms >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TOPIC: &[u8] = b"gatestamp/v1/acme/t7/events";

    fn body(change: impl Fn(&mut Json)) -> Vec<u8> {
        let mut json = json!({
            "specversion": "1.0", "id": "acme-t7-12", "source": "/fleets/acme/trucks/t7", "sequence": "12",
            "type": "com.gatestamp.visit.arrived", "subject": "warehouse", "time": "2026-11-22T14:36:01.250Z",
            "data": {"visit": "v1", "revision": 2, "at_lo": null, "at_hi": "2026-11-22T14:36:02.000Z",
                     "position": {"lat": 48.1, "lon": 11.5}}
        });
        change(&mut json);
        serde_json::to_vec(&json).expect("JSON")
    }

    fn why(topic: &[u8], body: &[u8]) -> String {
        match read(topic, body) {
            Message::Refused { why, .. } => why,
            taken @ (Message::Event(_) | Message::Notice { .. }) => panic!("taken: {taken:?}"),
        }
    }

    fn taken(body: &[u8]) -> Event {
        match read(TOPIC, body) {
            Message::Event(event) => *event,
            other @ (Message::Notice { .. } | Message::Refused { .. }) => panic!("not taken: {other:?}"),
        }
    }

    #[test]
    fn an_event_is_taken_with_its_bytes_and_columns() {
        let bytes = body(|_| {});
        let event = taken(&bytes);
        assert_eq!((event.device.as_str(), event.sequence, event.time_ms), ("acme-t7", 12, 1_795_358_161_250));
        assert_eq!(
            (event.columns.revision, event.columns.at_lo_ms, event.columns.latitude),
            (Some(2), None, Some(48.1))
        );
        assert_eq!(event.body, bytes);
    }

    #[test]
    fn what_is_no_event_of_this_truck_is_refused_with_its_reason() {
        let cases: [(&str, Vec<u8>); 12] = [
            ("not JSON", b"{\"id\":".to_vec()),
            ("not JSON", Vec::new()),
            ("bytes, at most", vec![b' '; EVENT_MAX + 1]),
            ("specversion", body(|json| json["specversion"] = json!("2.0"))),
            ("source", body(|json| json["source"] = json!("/fleets/acme/trucks/t8"))),
            ("sequence", body(|json| json["sequence"] = json!("012"))),
            ("id", body(|json| json["id"] = json!("acme-t7-13"))),
            ("`id`", body(|json| json["id"] = json!("acme-t8-12"))),
            ("`id`", body(|json| json["id"] = json!("gateway-12"))),
            ("`id`", body(|json| json["id"] = json!("-12"))),
            ("time", body(|json| json["time"] = json!("yesterday"))),
            ("type", body(|json| json["type"] = json!("a\0b"))),
        ];
        for (reason, bytes) in cases {
            assert!(why(TOPIC, &bytes).contains(reason), "{reason}: {}", why(TOPIC, &bytes));
        }
        assert!(why(b"gatestamp/v1/acme/t7/down/ack", b"{}").contains("topic"));
        assert!(why(b"gatestamp/v1/a b/t7/events", b"{}").contains("topic"));
        assert!(why(b"\xff", b"{}").contains("topic"));
    }

    #[test]
    fn a_status_is_one_short_word_or_none() {
        let of = |status: Json| super::status(&serde_json::to_vec(&json!({ "status": status })).expect("JSON"));
        for word in ["online", OFFLINE, "on_battery", &"x".repeat(16)] {
            assert_eq!(of(json!(word)).as_deref(), Some(word));
        }
        for wrong in ["", "\u{1b}[2J", "online\nacme/t2: OFFLINE", "Online", "t 1", "\u{e4}", &"x".repeat(17)] {
            assert_eq!(of(json!(wrong)), None, "{wrong:?}");
        }
        assert_eq!((of(json!(7)), super::status(b"{"), super::status(b"")), (None, None, None));
    }

    #[test]
    fn a_reply_answers_what_it_says_is_done() {
        let reply = |id: &str, result: &str| {
            super::answered(&serde_json::to_vec(&json!({"id": id, "result": result, "why": ""})).expect("JSON"))
        };
        assert_eq!(reply(&replay_id(41), "done"), Some(41));
        assert_eq!([reply(&replay_id(41), "refused"), reply("keys-41", "done"), reply("replay-", "done")], [None; 3]);
        assert_eq!([super::answered(b"{"), super::answered(b"")], [None; 2]);
    }

    #[test]
    fn a_column_of_another_type_is_empty_and_the_event_is_taken() {
        let event = taken(&body(|json| json["data"] = json!({"revision": "two", "at_hi": 7, "position": []})));
        assert_eq!(event.columns, Columns { subject: Some("warehouse".to_owned()), ..Columns::default() });
    }

    #[test]
    fn a_loss_lies_below_the_event_that_names_it() {
        let lost = |first: i64, last: i64| {
            body(move |json| {
                json["type"] = json!("com.gatestamp.device.lost");
                json["data"] = json!({"first": first, "last": last});
            })
        };
        assert_eq!(taken(&lost(3, 11)).lost, [(3, 11)]);
        let ranges = |ranges: Json| {
            body(move |json| {
                json["type"] = json!("com.gatestamp.device.lost");
                json["data"] = json!({"first": 3, "last": 11, "ranges": ranges});
            })
        };
        assert_eq!(taken(&ranges(json!([[3, 4], [11, 11]]))).lost, [(3, 4), (11, 11)], "what lies between is not lost");
        for wrong in [json!([[3, 4], [11, 12]]), json!([[3]]), json!([3, 4]), json!([[4, 3]]), json!(vec![[3, 4]; 300])]
        {
            assert!(why(TOPIC, &ranges(wrong)).contains("lost"));
        }
        assert!(why(TOPIC, &lost(3, 12)).contains("lost"));
        assert!(why(TOPIC, &lost(0, 5)).contains("lost"));
        assert!(why(TOPIC, &lost(5, 4)).contains("lost"));
    }
}
