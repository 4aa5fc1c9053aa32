//! `gatestamp-receiver status`: is anything missing, since when has a truck been silent, and does the receiver itself run?
//!
//! The trucks come first and what concerns all of them last, where a terminal shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use super::{Failure, configuration, say};
use crate::clock::{rfc3339, wall_ms};
use crate::config::Webhook;
use crate::ledger::{int, text};
use crate::message::{self, OFFLINE, PREFIX, Truck};
use crate::session::{SEEN_EVERY, cannot_ask};
use crate::store::{self, Place, Row, Store, StoreError, Value};
use crate::webhook;

/// Of each truck's devices, with how many sequences were declared lost.
const DEVICES: &str = "SELECT d.fleet, d.truck, d.device, d.thru, d.complete_thru, d.last_ms,
    (SELECT count(*) FROM event e WHERE e.device_key = d.key AND e.sequence > d.thru),
    (SELECT count(*) FROM lost l WHERE l.device_key = d.key), (SELECT count(*) FROM conflict c WHERE c.device_key = d.key),
    d.again_ms, d.again_asked
    FROM device d ORDER BY d.fleet, d.truck, d.last_ms";
const NOTICES: &str = "SELECT fleet, truck, topic, heard_ms, body FROM notice";
const RECEIVERS: &str = "SELECT client_id, seen_ms, connected_ms, why FROM receiver ORDER BY client_id";
const REFUSED: &str = "SELECT count(*) FROM refused";
const UNANSWERED: &str = "SELECT count(*) FROM device WHERE again_ms IS NOT NULL";
const UNHOOKED: &str = "SELECT count(*) FROM unhooked";

const WAITING: &str = "SELECT count(*), min(e.received_ms) FROM event e JOIN device d ON d.key = e.device_key
    WHERE e.arrival > d.hooked";
const NOT_TAKEN: &str =
    "SELECT fleet, truck, hook_ms, hook_why FROM device WHERE hook_why IS NOT NULL ORDER BY hook_ms DESC LIMIT 1";

/// For a server that is gone or stands still; one in the next continent answers within a second.
const OPEN_PATIENCE: Duration = Duration::from_secs(5);
/// A receiver that has given no sign for as long as three: one may be late behind a slow disk.
const SILENT_AFTER: Duration = SEEN_EVERY.saturating_mul(3);
/// A client id that was used long ago is of nobody any more.
const FORGOTTEN_AFTER_MS: i64 = 7 * 86_400_000;

/// What a truck said beside its events.
#[derive(Default)]
struct Said {
    heard_ms: Option<i64>,
    status: Option<String>,
}

pub(super) fn status(path: &Path) -> Result<(), Failure> {
    let config = configuration(path)?;
    let mut store = opened(&config.place)?;
    let now_ms = wall_ms();
    for line in trucks(store.as_mut(), rights(path).as_ref(), now_ms)? {
        say(&line);
    }
    for (statement, words, table) in [
        (REFUSED, ["message was no event of its truck", "messages were no events of their truck"], "refused"),
        (
            UNHOOKED,
            ["event was refused by the webhook's other side", "events were refused by the webhook's other side"],
            "unhooked",
        ),
    ] {
        let count = store.query(statement, &[])?;
        let count = count.first().map_or(Ok(0), |row| int(row, 0))?;
        if count > 0 {
            say(&format!("{} (table {table})", counted(count, words)));
        }
    }
    let unanswered = store.query(UNANSWERED, &[])?;
    let unanswered = unanswered.first().map_or(Ok(0), |row| int(row, 0))?;
    if unanswered > 0 && config.command_key.is_none() {
        say(&cannot_ask(unanswered));
    }
    if let Some(hook) = &config.webhook {
        say(&webhook(store.as_mut(), hook, now_ms)?);
    }
    for line in receivers(store.as_mut(), now_ms)? {
        say(&line);
    }
    Ok(())
}

/// The database, if it answers soon: its own patience is that of a service, which has nobody waiting at a terminal.
fn opened(place: &Place) -> Result<Box<dyn Store>, StoreError> {
    let (answer, answered) = mpsc::sync_channel(1);
    let (place, thread) = (place.clone(), std::thread::Builder::new().name("open".to_owned()));
    // Still waiting, it ends with the process.
    let spawned = thread.spawn(move || drop(answer.send(store::beside(&place))));
    spawned.map_err(|fault| StoreError::Failed(format!("no thread for the database: {fault}")))?;
    answered.recv_timeout(OPEN_PATIENCE).unwrap_or_else(|_| {
        Err(StoreError::Failed(format!(
            "the database has not answered within {} s: see that what [store] names runs and can be reached from here",
            OPEN_PATIENCE.as_secs()
        )))
    })
}

fn trucks(store: &mut dyn Store, rights: Option<&BTreeSet<Truck>>, now_ms: i64) -> Result<Vec<String>, StoreError> {
    let mut said: BTreeMap<Truck, Said> = BTreeMap::new();
    for row in store.query(NOTICES, &[])? {
        let one = said.entry(Truck { fleet: text(&row, 0)?, id: text(&row, 1)? }).or_default();
        one.heard_ms = one.heard_ms.max(row.get(3).and_then(Value::int));
        if row.get(2).and_then(Value::text) == Some("health") {
            one.status = row.get(4).and_then(Value::bytes).and_then(message::status);
        }
    }
    // Of several devices the last one is what the truck has now.
    let mut devices: BTreeMap<Truck, Vec<Row>> = BTreeMap::new();
    for row in store.query(DEVICES, &[])? {
        devices.entry(Truck { fleet: text(&row, 0)?, id: text(&row, 1)? }).or_default().push(row);
    }
    let all: BTreeSet<Truck> = said.keys().chain(devices.keys()).chain(rights.into_iter().flatten()).cloned().collect();
    let mut lines = Vec::new();
    for truck in &all {
        let rows = devices.remove(truck).unwrap_or_default();
        let mut own = rows.iter().map(|row| device(row, now_ms)).collect::<Result<Vec<_>, _>>()?;
        let mut last = own.pop().unwrap_or_else(|| format!("{}/{}: no event yet", truck.fleet, truck.id));
        let last_ms = rows.last().map(|row| int(row, 5)).transpose()?.filter(|ms| *ms > 0);
        let Said { heard_ms, status } = said.remove(truck).unwrap_or_default();
        match heard_ms.max(last_ms) {
            Some(heard_ms) => last.push_str(&format!(", heard last {}", ago(heard_ms, now_ms))),
            None => last.push_str(", never heard"),
        }
        match status.as_deref() {
            Some(OFFLINE) => last.push_str(", OFFLINE"),
            Some(status) => last.push_str(&format!(", {status}")),
            None => {}
        }
        if rights.is_some_and(|rights| !rights.contains(truck)) {
            last.push_str(", REMOVED: it has no rights at the broker");
        }
        own.push(last);
        lines.append(&mut own);
    }
    if lines.is_empty() {
        lines.push("no truck has reported yet".to_owned());
    }
    Ok(lines)
}

/// The trucks that the ACL beside the configuration lets in; none where the broker is somebody else's.
fn rights(config: &Path) -> Option<BTreeSet<Truck>> {
    let folder = config.canonicalize().ok()?;
    let acl = std::fs::read_to_string(folder.parent()?.parent()?.join("broker/acl")).ok()?;
    let truck = |line: &str| {
        let topic = line.strip_prefix("topic write ")?.strip_prefix(PREFIX)?.strip_suffix("/events")?;
        let (fleet, id) = topic.split_once('/')?;
        Some(Truck { fleet: fleet.to_owned(), id: id.to_owned() })
    };
    Some(acl.lines().filter_map(truck).collect())
}

fn device(row: &Row, now_ms: i64) -> Result<String, StoreError> {
    let (thru, complete, last_ms) = (int(row, 3)?, int(row, 4)?, int(row, 5)?);
    let (above, lost, conflicts) = (int(row, 6)?, int(row, 7)?, int(row, 8)?);
    let mut line = format!("{}/{} ({}): complete to {thru}", text(row, 0)?, text(row, 1)?, text(row, 2)?);
    if above > 0 || complete > thru {
        let above = counted(above, ["event", "events"]);
        line.push_str(&format!(", a hole from {} on, {above} above it", thru.saturating_add(1)));
    }
    if lost > 0 {
        line.push_str(&format!(", {} (view losses)", counted(lost, ["loss", "losses"])));
    }
    if conflicts > 0 {
        let conflicts = counted(conflicts, ["CONFLICT", "CONFLICTS"]);
        line.push_str(&format!(
            ", {conflicts} (table conflict): two gateways use one name, or one that was exchanged was put back"
        ));
    }
    if row.get(9).is_some_and(|again_ms| again_ms.int().is_some()) {
        let asked = if int(row, 10)? == 0 { "not asked yet" } else { "asked, no answer yet" };
        line.push_str(&format!(", RESTORED: {asked} for what came after the copy"));
    }
    if last_ms == 0 {
        line.push_str(", no event yet");
    } else {
        line.push_str(&format!(", last event {}", ago(last_ms, now_ms)));
    }
    Ok(line)
}

/// What the other side has not been given yet, and why not.
fn webhook(store: &mut dyn Store, hook: &Webhook, now_ms: i64) -> Result<String, StoreError> {
    if let Err(why) = webhook::check(hook) {
        return Ok(format!("webhook: CANNOT POST: {why}"));
    }
    let waiting = store.query(WAITING, &[])?;
    let waiting = waiting.first().map(Vec::as_slice).unwrap_or_default();
    let [Value::Int(count), Value::Int(since)] = waiting else {
        return Ok("webhook: nothing waits".to_owned());
    };
    let waiting = counted(*count, ["event waits", "events wait"]);
    let mut line = format!("webhook: {waiting} since {}", ago(*since, now_ms));
    if let Some(row) = store.query(NOT_TAKEN, &[])?.first() {
        let (at_ms, why) = (int(row, 2)?, text(row, 3)?);
        line.push_str(&format!(", last answer {} to {}/{}: {why}", ago(at_ms, now_ms), text(row, 0)?, text(row, 1)?));
    }
    Ok(line)
}

fn receivers(store: &mut dyn Store, now_ms: i64) -> Result<Vec<String>, StoreError> {
    let mut lines = Vec::new();
    for row in store.query(RECEIVERS, &[])? {
        let (name, seen_ms) = (text(&row, 0)?, int(&row, 1)?);
        let silent_ms = now_ms.saturating_sub(seen_ms);
        if silent_ms > FORGOTTEN_AFTER_MS {
            continue;
        }
        let (since, why) = (row.get(2).and_then(Value::int), row.get(3).and_then(Value::text));
        let state = match (since, why) {
            _ if u128::from(silent_ms.max(0).unsigned_abs()) > SILENT_AFTER.as_millis() => {
                "DOES NOT RUN: systemctl status gatestamp-receiver".to_owned()
            }
            (Some(since), _) => format!("runs, connected to the broker since {}", rfc3339(since)),
            (None, Some(why)) => format!("runs, NOT CONNECTED to the broker: {why}"),
            (None, None) => "runs, not yet connected to the broker".to_owned(),
        };
        lines.push(format!("receiver {name}: {state}; last sign {}", ago(seen_ms, now_ms)));
    }
    if lines.is_empty() {
        lines.push("NO RECEIVER has run within a week: systemctl start gatestamp-receiver".to_owned());
    }
    Ok(lines)
}

/// So many, in the words for one and for several.
fn counted(count: i64, [one, several]: [&str; 2]) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// A moment, and how long ago it was.
fn ago(ms: i64, now_ms: i64) -> String {
    let seconds = now_ms.saturating_sub(ms).max(0) / 1_000;
    let since = if seconds < 120 { format!("{seconds} s") } else { format!("{} min", seconds / 60) };
    format!("{} ({since} ago)", rfc3339(ms))
}
