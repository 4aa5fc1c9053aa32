//! `gatestamp-receiver status`: is anything missing, and since when has a truck been silent?

use std::path::Path;

use super::{Failure, configuration, say};
use crate::clock::{rfc3339, wall_ms};
use crate::ledger::{int, text};
use crate::store::{self, Row, StoreError};

/// Of each truck's devices, with how many sequences were declared lost.
const DEVICES: &str = "SELECT d.fleet, d.truck, d.device, d.thru, d.complete_thru, d.last_ms,
    (SELECT count(*) FROM event e WHERE e.device_key = d.key AND e.sequence > d.thru),
    (SELECT count(*) FROM lost l WHERE l.device_key = d.key), (SELECT count(*) FROM conflict c WHERE c.device_key = d.key)
    FROM device d ORDER BY d.fleet, d.truck, d.last_ms";
const REFUSED: &str = "SELECT count(*) FROM refused";
const UNHOOKED: &str = "SELECT count(*) FROM unhooked";

pub(super) fn status(path: &Path) -> Result<(), Failure> {
    let config = configuration(path)?;
    let mut store = store::beside(&config.place)?;
    let now_ms = wall_ms();
    let rows = store.query(DEVICES, &[])?;
    if rows.is_empty() {
        say("no truck has reported yet");
    }
    for row in &rows {
        say(&line(row, now_ms)?);
    }
    for (statement, what) in [
        (REFUSED, "messages were no events of their truck (table refused)"),
        (UNHOOKED, "events were refused by the webhook's other side (table unhooked)"),
    ] {
        let count = store.query(statement, &[])?;
        let count = count.first().map_or(Ok(0), |row| int(row, 0))?;
        if count > 0 {
            say(&format!("{count} {what}"));
        }
    }
    Ok(())
}

fn line(row: &Row, now_ms: i64) -> Result<String, StoreError> {
    let (thru, complete, last_ms) = (int(row, 3)?, int(row, 4)?, int(row, 5)?);
    let (above, lost, conflicts) = (int(row, 6)?, int(row, 7)?, int(row, 8)?);
    let mut line = format!("{}/{} ({}): complete to {thru}", text(row, 0)?, text(row, 1)?, text(row, 2)?);
    if above > 0 || complete > thru {
        line.push_str(&format!(", a hole from {} on, {above} events above it", thru.saturating_add(1)));
    }
    if lost > 0 {
        line.push_str(&format!(", {lost} losses (view losses)"));
    }
    if conflicts > 0 {
        line.push_str(&format!(", {conflicts} CONFLICTS (table conflict): two devices use one name"));
    }
    let silent_min = now_ms.saturating_sub(last_ms).max(0) / 60_000;
    line.push_str(&format!(", last event {} ({silent_min} min ago)", rfc3339(last_ms)));
    Ok(line)
}
