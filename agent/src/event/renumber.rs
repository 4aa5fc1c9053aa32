//! The same event under another number: for a gateway that finds that dispatch has other events under its numbers.
//!
//! Only what follows from the number changes: the id, the sequence, and the sequences that a `device.lost` or a correction names. All
//! else is as it was decided, byte for byte. It works on the bytes of the journal, since nothing else has all of them any more: not the
//! recording, whose ring is shorter, nor an engine with newer facilities.

use super::{Correction, Event, named_by};
use crate::ranges::Ranges;
use serde::{Deserialize, Serialize};

/// The part of a `device.lost` that changes, as it stands there.
#[derive(Serialize)]
struct Lost<'a> {
    first: u64,
    last: u64,
    count: u64,
    ranges: &'a Ranges,
}

/// An event whose times correct others, as far as it is needed here.
#[derive(Deserialize)]
struct Correcting {
    data: CorrectingData,
}

#[derive(Deserialize)]
struct CorrectingData {
    correction: Correction,
}

/// Id and body of the event `id`, `by` numbers higher. `None` for what [`Event::new`] did not write.
#[must_use]
pub fn renumbered(id: &str, sequence: u64, body: &[u8], by: u64) -> Option<(String, Vec<u8>)> {
    let device = id.strip_suffix(&format!("-{sequence}"))?;
    let next = sequence.checked_add(by)?;
    let new_id = format!("{device}-{next}");
    let body = std::str::from_utf8(body).ok()?;
    // A quote within a string is escaped: a comma before a quote stands between members only, and these two are the envelope's.
    let body = replaced(body, &format!(r#","id":"{id}","#), &format!(r#","id":"{new_id}","#))?;
    let body = replaced(&body, &format!(r#","sequence":"{sequence}","#), &format!(r#","sequence":"{next}","#))?;
    if let Ok(Correcting { data: CorrectingData { correction } }) = serde_json::from_str(&body) {
        let body = replaced(&body, &correcting(correction)?, &correcting(correction.shifted(by))?)?;
        return Some((new_id, body.into_bytes()));
    }
    let ranges = named_by(body.as_bytes());
    if ranges.is_empty() {
        return Some((new_id, body.into_bytes()));
    }
    let body = replaced(&body, &lost(&ranges)?, &lost(&ranges.shifted(by))?)?;
    Some((new_id, body.into_bytes()))
}

fn lost(ranges: &Ranges) -> Option<String> {
    let (first, last) = ranges.span()?;
    let text = serde_json::to_string(&Lost { first, last, count: ranges.count(), ranges }).ok()?;
    Some(format!(",{},", text.strip_prefix('{')?.strip_suffix('}')?))
}

fn correcting(correction: Correction) -> Option<String> {
    Some(format!(r#","correction":{}"#, serde_json::to_string(&correction).ok()?))
}

fn replaced(text: &str, old: &str, new: &str) -> Option<String> {
    let (before, after) = text.split_once(old)?;
    Some([before, new, after].concat())
}

impl Event {
    /// Numbers it `by` higher.
    pub fn renumber(&mut self, by: u64) {
        // Events in memory are all of `Event::new`.
        let Some((id, body)) = renumbered(&self.id, self.sequence, &self.body, by) else { return };
        (self.id, self.body, self.sequence) = (id, body, self.sequence + by);
        self.evicts = self.evicts.shifted(by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Kind, Sender};
    use geofence::UnixMillis;
    use serde_json::{Value, json};

    fn event(sequence: u64, subject: &str, data: &Value) -> Event {
        let sender = Sender { source: "/fleets/f/trucks/t".to_owned(), device: "f-t".to_owned() };
        Event::new(&sender, sequence, Kind::DeviceHealth, Some(subject), UnixMillis(0), data)
    }

    #[test]
    fn only_what_follows_from_the_number_changes() {
        // A facility's name is free text; so is the subject.
        let subject = r#"","sequence":"7","id":"f-t-7","#;
        let data = json!({"why": "\"id\":\"f-t-7\",", "ranges": []});
        let mut ours = event(7, subject, &data);
        ours.evicts = [(2, 3)].into_iter().collect();
        ours.renumber(1_000);
        assert_eq!(ours.evicts.span(), Some((1_002, 1_003)));
        assert_eq!(Event { evicts: Ranges::default(), ..ours }, event(1_007, subject, &data));
    }

    #[test]
    fn a_loss_names_what_it_named() {
        let names = |first: u64, second: u64| json!({"at": 1, "first": first, "last": second, "count": 2, "ranges": [[first, first], [second, second]], "why": ["evicted"]});
        // In the order of a `device.lost`, which a map of this test would not keep.
        let text = |sequence: u64, first: u64, second: u64| {
            let data = names(first, second);
            let body = format!(
                r#"{{"specversion":"1.0","id":"f-t-{sequence}","type":"x","sequence":"{sequence}","data":{{"at":{},"first":{},"last":{},"count":{},"ranges":{},"why":["evicted"]}}}}"#,
                data["at"], data["first"], data["last"], data["count"], data["ranges"]
            );
            body.into_bytes()
        };
        let (id, body) = renumbered("f-t-9", 9, &text(9, 3, 5), 90).unwrap();
        assert_eq!((id.as_str(), body), ("f-t-99", text(99, 93, 95)));
    }

    #[test]
    fn a_correction_corrects_the_same_events() {
        let text = |sequence: u64, first: u64, last: u64| {
            let why = r#"[",\"correction\":{\"first\":3,\"last\":5,\"shift_ms\":-2000}"]"#;
            let correction = format!(r#"{{"first":{first},"last":{last},"shift_ms":-2000}}"#);
            let data = format!(r#"{{"at":1,"why":{why},"correction":{correction}}}"#);
            format!(r#"{{"specversion":"1.0","id":"f-t-{sequence}","type":"x","sequence":"{sequence}","data":{data}}}"#)
        };
        let (id, body) = renumbered("f-t-9", 9, text(9, 3, 5).as_bytes(), 90).unwrap();
        assert_eq!((id.as_str(), String::from_utf8(body).unwrap()), ("f-t-99", text(99, 93, 95)));
    }

    #[test]
    fn what_is_not_ours_is_not_made_ours() {
        let whole = event(7, "yard", &json!({"n": 1})).body;
        assert!(renumbered("f-t-7", 7, &whole, 1).is_some());
        assert_eq!(renumbered("f-t-8", 7, &whole, 1), None);
        assert_eq!(renumbered("f-t-8", 8, &whole, 1), None);
        assert_eq!(renumbered("f-t-7", 7, &whole, u64::MAX), None);
        assert_eq!(renumbered("f-t-7", 7, &whole[..20], 1), None);
        assert_eq!(renumbered("f-t-7", 7, &[0xff; 90], 1), None);
    }
}
