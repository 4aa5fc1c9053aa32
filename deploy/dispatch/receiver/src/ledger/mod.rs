//! What does dispatch have, what may it acknowledge, and what is missing?
//!
//! **Commit first, acknowledge afterwards.** One transaction takes a batch: each event once, by device and sequence; what it declares
//! lost; and how far the device's history reaches without a hole. A copy changes nothing. The same id with other bytes is kept apart.
//! Each device is locked by its own row, so that several receivers over one `PostgreSQL` never compute a `thru` from half of what is
//! there. Trucks are always touched in the same order, and what was refused after all of them, so that receivers do not wait for each
//! other in a circle.

mod asking;
mod ranges;
mod statements;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sha2::{Digest as _, Sha256};

pub use asking::Request;

use crate::clock::rfc3339;
use crate::message::{Event, Message, Truck};
use crate::store::{Row, Store, StoreError, Value};
use statements as sql;

/// Rows read at once when a history is followed; the next ones are read when all of these went on without a hole.
const STRIDE: usize = 1_000;

/// The newest of a topic.
#[derive(Default)]
struct Notice<'a> {
    body: &'a [u8],
    complete_thru: Option<i64>,
    /// It, or one before it in this batch, came from the truck itself.
    heard: bool,
    /// The newest counter of a `replay_from` that one of them says is done.
    answered: Option<i64>,
}

/// What one truck sent in a batch: events by device, notices by topic.
#[derive(Default)]
struct Post<'a> {
    events: BTreeMap<&'a str, Vec<&'a Event>>,
    notices: BTreeMap<&'a str, Notice<'a>>,
}

/// A device's row.
pub type Key = i64;

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Committed for the first time.
    pub new: u64,
    /// Known already, byte for byte.
    pub copies: u64,
    /// Known with other bytes: always a fault.
    pub conflicts: u64,
    /// No events of the truck they came from.
    pub refused: u64,
    /// Declared lost for the first time: ranges.
    pub losses: u64,
    /// Devices that sent something: a copy too, since its sender does not know that it is one.
    pub devices: BTreeSet<Key>,
}

/// What is acknowledged to one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// To whom.
    pub truck: Truck,
    /// Whose sequence.
    pub device: String,
    /// Everything up to here is committed, or declared lost.
    pub thru: i64,
    /// The lowest ranges above, first and last.
    pub have: Vec<(i64, i64)>,
}

impl Ack {
    /// `{"device":..,"thru":N,"have":[[first,last],..],"at":..}`.
    #[must_use]
    pub fn text(&self, at_ms: i64) -> String {
        json!({"device": self.device, "thru": self.thru, "have": self.have, "at": rfc3339(at_ms)}).to_string()
    }
}

/// The ledger over a database.
pub struct Ledger {
    store: Box<dyn Store>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}

impl Ledger {
    /// A ledger over an open database.
    #[must_use]
    pub fn new(store: Box<dyn Store>) -> Self {
        Self { store }
    }

    /// Takes a batch, received at `at_ms`. When this returns, all of it may be acknowledged.
    ///
    /// # Errors
    /// When the database says so: nothing of the batch may be acknowledged then.
    pub fn take(&mut self, batch: &[Message], at_ms: i64) -> Result<Outcome, StoreError> {
        self.in_transaction(|ledger| ledger.take_all(batch, at_ms))
    }

    fn in_transaction<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.store.begin()?;
        let done = work(self).and_then(|done| self.store.commit().map(|()| done));
        if done.is_err() {
            self.store.rollback();
        }
        done
    }

    fn take_all(&mut self, batch: &[Message], at_ms: i64) -> Result<Outcome, StoreError> {
        let mut outcome = Outcome::default();
        let mut posts: BTreeMap<&Truck, Post<'_>> = BTreeMap::new();
        let mut refused = Vec::new();
        for message in batch {
            match message {
                Message::Event(event) => {
                    posts.entry(&event.truck).or_default().events.entry(&event.device).or_default().push(event);
                }
                Message::Notice { truck, leaf, complete_thru, heard, answered, body } => {
                    let newest = posts.entry(truck).or_default().notices.entry(leaf).or_default();
                    let (heard, answered) = (newest.heard || *heard, newest.answered.max(*answered));
                    *newest = Notice { body, complete_thru: *complete_thru, heard, answered };
                }
                Message::Refused { topic, why, body } => refused.push((topic, why, body)),
            }
        }
        for (truck, post) in posts {
            for (device, events) in post.events {
                self.take_device(truck, device, &events, at_ms, &mut outcome)?;
            }
            // Devices before notices, in every receiver: one that noted first and one that kept events first would wait for each other.
            self.hear(truck, &post.notices, at_ms)?;
            for complete_thru in post.notices.values().filter_map(|notice| notice.complete_thru) {
                self.complete(truck, complete_thru, at_ms)?;
            }
            for (leaf, notice) in &post.notices {
                self.note(truck, leaf, notice, at_ms)?;
            }
        }
        outcome.refused += refused.len() as u64;
        for (topic, why, body) in refused {
            self.refuse(topic, why, body, at_ms)?;
        }
        Ok(outcome)
    }

    fn take_device(
        &mut self,
        truck: &Truck,
        device: &str,
        events: &[&Event],
        at_ms: i64,
        outcome: &mut Outcome,
    ) -> Result<(), StoreError> {
        let (key, thru) = self.lock(truck, device, at_ms)?;
        for event in events {
            self.keep(key, thru, event, at_ms, outcome)?;
        }
        outcome.devices.insert(key);
        self.follow(key, thru, at_ms)
    }

    /// The device's row, made if it is new and locked until the end of the transaction.
    fn lock(&mut self, truck: &Truck, device: &str, at_ms: i64) -> Result<(Key, i64), StoreError> {
        let names = [Value::Int(at_ms), truck.fleet.as_str().into(), truck.id.as_str().into(), device.into()];
        if let Some(row) = self.store.query(sql::LOCK_DEVICE, &names)?.first() {
            return Ok((int(row, 0)?, int(row, 1)?));
        }
        self.store.execute(sql::NEW_DEVICE, &names)?;
        let rows = self.store.query(sql::LOCK_DEVICE, &names)?;
        let row = rows.first().ok_or_else(|| StoreError::Failed("a new device's row is not there".to_owned()))?;
        Ok((int(row, 0)?, int(row, 1)?))
    }

    fn keep(
        &mut self,
        key: Key,
        thru: i64,
        event: &Event,
        at_ms: i64,
        outcome: &mut Outcome,
    ) -> Result<(), StoreError> {
        if self.store.execute(sql::NEW_EVENT, &row_of(key, event, at_ms))? == 0 {
            return self.compare(key, event, at_ms, outcome);
        }
        outcome.new += 1;
        for &(first, last) in &event.lost {
            for (first, last) in self.lacking(key, thru, first, last)? {
                let range = [key.into(), first.into(), last.into(), event.sequence.into()];
                outcome.losses += self.store.execute(sql::NEW_LOSS, &range)?;
            }
        }
        Ok(())
    }

    /// What is not there of a range that is declared lost: a truck whose disk was lost knows of no event that it sent before.
    fn lacking(&mut self, key: Key, thru: i64, first: i64, last: i64) -> Result<Vec<(i64, i64)>, StoreError> {
        let (mut first, mut lacking) = (first.max(thru.saturating_add(1)), Vec::new());
        while first <= last {
            let (known, judged) = self.known_within(key, first, last)?;
            lacking.extend(ranges::lacking(first, judged, &known));
            let Some(next) = judged.checked_add(1) else { break };
            first = next;
        }
        Ok(lacking)
    }

    /// Events and losses of a range, sorted, and up to where these are all: at least `first`, at most `last`.
    fn known_within(&mut self, key: Key, first: i64, last: i64) -> Result<(Vec<(i64, i64)>, i64), StoreError> {
        let stride = i64::try_from(STRIDE).unwrap_or(i64::MAX);
        let within = [key.into(), first.into(), last.into(), stride.into()];
        let (mut known, mut judged) = (Vec::new(), last);
        for held in [sql::SEQUENCES_WITHIN, sql::LOSSES_WITHIN] {
            let rows = self.store.query(held, &within)?;
            for row in &rows {
                known.push((int(row, 0)?, int(row, 1)?));
            }
            if rows.len() == STRIDE
                && let Some(&(begin, _)) = known.last()
            {
                judged = judged.min(begin).max(first);
            }
        }
        known.sort_unstable();
        Ok((known, judged))
    }

    fn compare(&mut self, key: Key, event: &Event, at_ms: i64, outcome: &mut Outcome) -> Result<(), StoreError> {
        let known = self.store.query(sql::BODY, &[key.into(), event.sequence.into()])?;
        if known.first().and_then(|row| row.first()?.bytes()) == Some(event.body.as_slice()) {
            outcome.copies += 1;
            return Ok(());
        }
        outcome.conflicts += 1;
        let digest = Sha256::digest(&event.body);
        let row: [Value; 5] =
            [key.into(), event.sequence.into(), digest.as_slice().into(), at_ms.into(), event.body.as_slice().into()];
        self.store.execute(sql::NEW_CONFLICT, &row)?;
        Ok(())
    }

    /// Moves `thru` to the first hole.
    fn follow(&mut self, key: Key, thru: i64, at_ms: i64) -> Result<(), StoreError> {
        let mut reached = thru;
        loop {
            let (ranges, full) = self.ranges_above(key, reached)?;
            let next = ranges::advance(reached, &ranges);
            let moved = next > reached;
            reached = next;
            if !(moved && full) {
                break;
            }
        }
        if reached > thru {
            self.store.execute(sql::MOVE_THRU, &[reached.into(), at_ms.into(), key.into()])?;
        }
        Ok(())
    }

    /// Events and losses above `thru`, sorted; true when there may be more.
    fn ranges_above(&mut self, key: Key, thru: i64) -> Result<(Vec<(i64, i64)>, bool), StoreError> {
        let stride = i64::try_from(STRIDE).unwrap_or(i64::MAX);
        let asked = [key.into(), thru.into(), stride.into()];
        let events = self.store.query(sql::SEQUENCES_ABOVE, &asked)?;
        let losses = self.store.query(sql::LOSSES_ABOVE, &asked)?;
        let full = events.len() == STRIDE || losses.len() == STRIDE;
        let mut ranges = Vec::with_capacity(events.len() + losses.len());
        for row in events.iter().chain(&losses) {
            ranges.push((int(row, 0)?, int(row, 1)?));
        }
        ranges.sort_unstable();
        Ok((ranges, full))
    }

    fn complete(&mut self, truck: &Truck, thru: i64, at_ms: i64) -> Result<(), StoreError> {
        let row = [thru.into(), at_ms.into(), truck.fleet.as_str().into(), truck.id.as_str().into()];
        self.store.execute(sql::COMPLETE_THRU, &row)?;
        Ok(())
    }

    fn note(&mut self, truck: &Truck, leaf: &str, notice: &Notice<'_>, at_ms: i64) -> Result<(), StoreError> {
        let (fleet, id, heard_ms) = (truck.fleet.as_str(), truck.id.as_str(), notice.heard.then_some(at_ms));
        let row = [fleet.into(), id.into(), leaf.into(), at_ms.into(), notice.body.into(), heard_ms.into()];
        self.store.execute(sql::NOTE, &row)?;
        Ok(())
    }

    fn refuse(&mut self, topic: &[u8], why: &str, body: &[u8], at_ms: i64) -> Result<(), StoreError> {
        self.store.execute(sql::REFUSE, &[at_ms.into(), topic.into(), why.into(), body.into()])?;
        self.store.execute(sql::FORGET_REFUSED, &[])?;
        Ok(())
    }

    /// Notes that the receiver of this client id lives, since when it has its broker, and why it has none.
    ///
    /// # Errors
    /// When the database says so.
    pub fn seen(
        &mut self,
        client_id: &str,
        at_ms: i64,
        connected_ms: Option<i64>,
        why: Option<&str>,
    ) -> Result<(), StoreError> {
        self.store.execute(sql::SEEN, &[client_id.into(), at_ms.into(), connected_ms.into(), why.into()])?;
        Ok(())
    }

    /// The devices that trucks have now: of each truck the one that reported last, since a truck has one retained acknowledgement.
    ///
    /// # Errors
    /// When the database says so.
    pub fn devices(&mut self) -> Result<BTreeSet<Key>, StoreError> {
        self.store.query(sql::NEWEST_DEVICES, &[])?.iter().map(|row| int(row, 0)).collect()
    }

    /// What to acknowledge to a device; none while nothing is gap-free from 1 on. After a restore that is said too: what the broker has
    /// retained for the truck is of a database that is gone.
    ///
    /// # Errors
    /// When the database says so.
    pub fn ack(&mut self, key: Key) -> Result<Option<Ack>, StoreError> {
        let rows = self.store.query(sql::DEVICE, &[key.into()])?;
        let Some(row) = rows.first() else { return Ok(None) };
        let thru = int(row, 3)?;
        let restored = row.get(4).is_some_and(|again_ms| again_ms.int().is_some());
        if thru == 0 && !restored {
            return Ok(None);
        }
        let truck = Truck { fleet: text(row, 0)?, id: text(row, 1)? };
        let device = text(row, 2)?;
        let (ranges, _) = self.ranges_above(key, thru)?;
        Ok(Some(Ack { truck, device, thru, have: ranges::above(thru, &ranges) }))
    }
}

/// In the order of [`sql::NEW_EVENT`].
fn row_of(key: Key, event: &Event, at_ms: i64) -> [Value; 25] {
    let columns = &event.columns;
    let text = |column: &Option<String>| Value::from(column.as_deref());
    [
        key.into(),
        event.sequence.into(),
        at_ms.into(),
        event.id.as_str().into(),
        event.kind.as_str().into(),
        text(&columns.subject),
        event.time_ms.into(),
        text(&columns.visit),
        columns.revision.into(),
        text(&columns.status),
        text(&columns.facility_name),
        text(&columns.zone),
        text(&columns.phase),
        columns.at_lo_ms.into(),
        columns.at_hi_ms.into(),
        columns.decided_ms.into(),
        text(&columns.method),
        text(&columns.confidence),
        columns.latitude.map_or(Value::Null, Value::Real),
        columns.longitude.map_or(Value::Null, Value::Real),
        text(&columns.trip),
        text(&columns.stop),
        text(&columns.verdict),
        columns.by_seconds.into(),
        event.body.as_slice().into(),
    ]
}

/// A column that the table says is a number.
pub(crate) fn int(row: &Row, at: usize) -> Result<i64, StoreError> {
    let value = row.get(at).and_then(Value::int);
    value.ok_or_else(|| StoreError::Failed(format!("column {at} is no number: the database was changed by hand")))
}

/// A column that the table says is a text.
pub(crate) fn text(row: &Row, at: usize) -> Result<String, StoreError> {
    let value = row.get(at).and_then(Value::text).map(str::to_owned);
    value.ok_or_else(|| StoreError::Failed(format!("column {at} is no text: the database was changed by hand")))
}
