//! What is a truck asked to send again, and until when?
//!
//! Two reasons: a hole below what the truck says the broker has; and a restore, after which nobody knows what is missing above `thru`
//! (`store::restored`). A restored device is asked whether anything shows or not, and as long as it has not answered; then its holes are
//! holes as any other.

use std::collections::BTreeMap;

use super::{Ack, Key, Ledger, Notice, int, sql, text};
use crate::message::Truck;
use crate::store::{Row, StoreError};

/// The longest wait between two requests for the same is the first, doubled this often: 5 min becomes 85 min.
const DOUBLINGS_MAX: i64 = 4;

/// What a truck is to send again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who.
    pub truck: Truck,
    /// Whose sequence.
    pub device: String,
    /// From here on.
    pub from: i64,
    /// Rises with each command to this device, past a restored backup too: it is never below the clock's milliseconds.
    pub counter: i64,
    /// After a restore, what has to be said before it: a truck that did what it is asked, and connects again to find the acknowledgement
    /// that the lost database had retained, would count as received what it was asked for.
    pub first: Option<Ack>,
}

/// A device whose turn it is.
struct Due {
    truck: Truck,
    device: String,
    key: Key,
    thru: i64,
    asked: i64,
    counter: i64,
    restored: bool,
}

impl Due {
    fn of(row: &Row, restored: bool) -> Result<Self, StoreError> {
        Ok(Self {
            key: int(row, 0)?,
            truck: Truck { fleet: text(row, 1)?, id: text(row, 2)? },
            device: text(row, 3)?,
            thru: int(row, 4)?,
            asked: int(row, 6)?,
            counter: int(row, 7)?,
            restored,
        })
    }
}

impl Ledger {
    /// The trucks to ask, each again after twice the time: restored ones at once; holes that the broker was said to have been given when
    /// they have not moved for `patience_ms`. At most `limit`, those that wait longest. A receiver beside this one does not ask for the
    /// same.
    ///
    /// # Errors
    /// When the database says so.
    pub fn requests(&mut self, at_ms: i64, patience_ms: i64, limit: usize) -> Result<Vec<Request>, StoreError> {
        self.in_transaction(|ledger| {
            let mut due = Vec::new();
            for (asking, restored) in [(sql::RESTORED, true), (sql::HOLES, false)] {
                for row in ledger.store.query(asking, &[])? {
                    if due.len() >= limit {
                        break;
                    }
                    let (since, asked) = (int(&row, 5)?, int(&row, 6)?);
                    // A hole's first request has waited once; a restored device's is not to wait.
                    let waits = if restored { asked.saturating_sub(1) } else { asked };
                    let doublings = u32::try_from(waits.clamp(0, DOUBLINGS_MAX)).unwrap_or(0);
                    if (restored && asked == 0) || at_ms >= since.saturating_add(patience_ms << doublings) {
                        due.push(Due::of(&row, restored)?);
                    }
                }
            }
            // Those that wait longest, but in the order in which `take` locks the same rows.
            due.sort_by(|one, other| (&one.truck, &one.device).cmp(&(&other.truck, &other.device)));
            let mut requests = Vec::new();
            for due in due {
                requests.extend(ledger.ask(due, at_ms)?);
            }
            Ok(requests)
        })
    }

    /// None if a receiver beside this one has just asked.
    fn ask(&mut self, due: Due, at_ms: i64) -> Result<Option<Request>, StoreError> {
        let counter = at_ms.max(due.counter.saturating_add(1));
        let note = if due.restored { sql::ASK_RESTORED } else { sql::ASK };
        if self.store.execute(note, &[at_ms.into(), counter.into(), due.key.into(), due.asked.into()])? != 1 {
            return Ok(None);
        }
        let first = if due.restored { self.ack(due.key)? } else { None };
        let from = due.thru.saturating_add(1);
        Ok(Some(Request { truck: due.truck, device: due.device, from, counter, first }))
    }

    /// What a truck's notices mean for what it is asked.
    pub(super) fn hear(
        &mut self,
        truck: &Truck,
        notices: &BTreeMap<&str, Notice<'_>>,
        at_ms: i64,
    ) -> Result<(), StoreError> {
        if notices.is_empty() {
            return Ok(());
        }
        let (fleet, id, device) = (truck.fleet.as_str(), truck.id.as_str(), truck.device());
        // What the restored database knows nothing of may have delivered much to the lost one, and may say nothing but its health.
        self.store.execute(sql::NEW_RESTORED, &[at_ms.into(), fleet.into(), id.into(), device.as_str().into()])?;
        if let Some(counter) = notices.values().filter_map(|notice| notice.answered).max() {
            self.store.execute(sql::ANSWERED, &[at_ms.into(), fleet.into(), id.into(), counter.into()])?;
        }
        // Who is back after a week is not to wait for the longest time between two requests.
        if notices.get("health").is_some_and(|health| health.heard) {
            self.store.execute(sql::BACK, &[fleet.into(), id.into()])?;
        }
        Ok(())
    }

    /// How many restored devices have not answered yet.
    ///
    /// # Errors
    /// When the database says so.
    pub fn unanswered(&mut self) -> Result<i64, StoreError> {
        self.store.query(sql::UNANSWERED, &[])?.first().map_or(Ok(0), |row| int(row, 0))
    }
}
