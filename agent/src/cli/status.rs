//! `gatestamp status`: how is the daemon of this gateway?

use super::say::print;
use super::{Failure, configuration, exit};
use crate::io::clock::wall_clock;
use crate::io::journal::Journal;
use crate::io::run::HEALTH_EVERY;
use clap::Args;
use serde_json::Value;
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct Arguments {
    /// The configuration file of the daemon
    #[arg(long, value_name = "FILE", default_value = "/etc/gatestamp/gatestamp.toml")]
    config: PathBuf,
    /// The whole health message as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn status(arguments: &Arguments) -> Result<(), Failure> {
    let config = configuration(&arguments.config).map_err(|faults| Failure::faults(&faults))?;
    let path = config.state_dir.join("health.json");
    let unavailable = |why: String| Failure(exit::UNAVAILABLE, why);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        unavailable(format!("{}: {error}\n    remedy: start the daemon (systemctl start gatestamp)", path.display()))
    })?;
    let mut health: Value =
        serde_json::from_str(&text).map_err(|error| unavailable(format!("{}: {error}", path.display())))?;
    let running = is_running(&config.state_dir);
    if let Some(object) = health.as_object_mut() {
        let status = if running { "online" } else { "stopped" };
        object.insert("status".to_owned(), status.into());
    }
    if let Ok(journal) = Journal::open_for_reading(&config.state_dir.join("journal.db")) {
        let (highest, thru) = (journal.highest().unwrap_or(0), journal.thru().unwrap_or(0));
        if let Some(delivery) = health.get_mut("delivery").and_then(Value::as_object_mut) {
            delivery.insert("sequence".to_owned(), highest.into());
            delivery.insert("received_thru".to_owned(), thru.into());
            delivery.insert("owed".to_owned(), highest.saturating_sub(thru).into());
        }
    }
    let stale = if running { stale_since(&path) } else { None };
    if let (Some(_), Some(object)) = (&stale, health.as_object_mut()) {
        object.insert("status".to_owned(), "stale".into());
    }
    print([if arguments.json { health.to_string() } else { describe(&health) }])?;
    match stale {
        None => Ok(()),
        Some(minutes) => Err(unavailable(format!(
            "the daemon runs, but has not written {} for {minutes} min: what stands above is that old\n    remedy: make room \
             on the disk (df {}), then look at the daemon's log (journalctl -u gatestamp)",
            path.display(),
            config.state_dir.display(),
        ))),
    }
}

/// Minutes since the daemon wrote its health, if that is longer than it ever waits.
fn stale_since(path: &std::path::Path) -> Option<i64> {
    let modified = std::fs::metadata(path).and_then(|meta| meta.modified()).ok()?;
    let written = modified.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis();
    let age_ms = wall_clock().0.saturating_sub(i64::try_from(written).ok()?);
    (age_ms > 3 * HEALTH_EVERY.0).then_some(age_ms / 60_000)
}

/// The daemon holds the lock as long as it lives.
fn is_running(state_dir: &std::path::Path) -> bool {
    let Ok(file) = std::fs::File::open(state_dir.join("lock")) else { return false };
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err()
}

fn describe(health: &Value) -> String {
    let word = |pointer: &str| health.pointer(pointer).map_or_else(|| "-".to_owned(), plain);
    let mut lines = vec![format!(
        "{} is {} (version {}, {})",
        word("/device"),
        word("/status"),
        word("/version"),
        word("/boot_id")
    )];
    for part in ["receiver", "link", "journal", "recording", "facilities"] {
        let at = |field: &str| word(&format!("/{part}/{field}"));
        lines.push(format!("{part:>10}  {} since {}", at("state"), at("since")));
        if health.pointer(&format!("/{part}/why")).is_some() {
            lines.push(format!("            {}\n            remedy: {}", at("why"), at("remedy")));
        }
    }
    if health.pointer("/line_speed").is_some_and(Value::is_number) {
        lines.push(format!("     speed  {} bit/s, found by listening", word("/line_speed")));
    }
    lines.push(format!("  coverage  {} since {}", word("/coverage/cause"), word("/coverage/since")));
    if let Some(seconds) = health.pointer("/coverage/seconds").and_then(Value::as_object) {
        let told: Vec<String> = seconds.iter().map(|(cause, seconds)| format!("{cause} {seconds} s")).collect();
        lines.push(format!("            {} % available: {}", word("/coverage/availability_pct"), told.join(", ")));
    }
    lines.push(format!("  last fix  {}", word("/last_fix")));
    if health.pointer("/clock/bound_ms").is_some_and(Value::is_number) {
        lines.push(format!(
            "     clock  the receiver's, within {} ms; the system's differs by {} ms",
            word("/clock/bound_ms"),
            word("/clock/offset_ms")
        ));
    }
    lines.push(format!(
        "    events  {} made, {} with dispatch, {} owed (acknowledged by {})",
        word("/delivery/sequence"),
        word("/delivery/received_thru"),
        word("/delivery/owed"),
        word("/delivery/acknowledged_by"),
    ));
    if health.pointer("/delivery/paused").is_some() {
        lines.push(format!("            not sent at the moment: {}", word("/delivery/paused")));
    }
    if let Some(unsendable) = health.pointer("/delivery/unsendable") {
        lines
            .push(format!("            cannot be sent; device.lost will name them (count, first, last): {unsendable}"));
    }
    let ignored = word("/delivery/ignored_acks");
    if ignored != "0" && ignored != "-" {
        lines.push(format!(
            "            {ignored} acknowledgements ignored: for another device, or above what this journal ever held\n            \
             remedy: see what writes to down/ack; only dispatch's receiver may"
        ));
    }
    lines.push(format!(
        "      gnss  {} bytes, {} sentences, {} fixes",
        word("/gnss/bytes"),
        word("/gnss/sentences"),
        word("/gnss/fixes")
    ));
    if let Some(rejected) = health.pointer("/gnss/rejected").and_then(Value::as_object) {
        let told: Vec<String> = rejected.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        lines.push(format!("  not used  {}", if told.is_empty() { "nothing".to_owned() } else { told.join(", ") }));
    }
    lines.join("\n")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
