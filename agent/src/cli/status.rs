//! `gatestamp status`: how is the daemon of this gateway?

use super::say::print;
use super::{Failure, INSTALLED, configuration, exit};
use crate::io::clock::wall_clock;
use crate::io::journal::Journal;
use crate::io::lock;
use crate::io::run::HEALTH_EVERY;
use crate::time::rfc3339;
use clap::Args;
use geofence::UnixMillis;
use serde_json::Value;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(super) struct Arguments {
    /// The configuration file of the daemon
    #[arg(long, value_name = "FILE", default_value = INSTALLED)]
    config: PathBuf,
    /// The whole health message as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn status(arguments: &Arguments) -> Result<(), Failure> {
    let config = configuration(&arguments.config).map_err(|faults| Failure::faults(&faults))?;
    let path = config.state_dir.join("health.json");
    let unavailable = |why: String| Failure(exit::UNAVAILABLE, why);
    let running = lock::is_taken(&config.state_dir);
    let text = std::fs::read_to_string(&path).map_err(|error| unavailable(unread(&path, &error, running)))?;
    let mut health: Value =
        serde_json::from_str(&text).map_err(|error| unavailable(format!("{}: {error}", path.display())))?;
    let written = written(&path);
    let age_s = written.map(|written| (wall_clock() - written).0.max(0) / 1_000);
    let is_stale = age_s.is_some_and(|age_s| age_s > 3 * HEALTH_EVERY.0 / 1_000);
    if let Some(object) = health.as_object_mut() {
        let status = if !running {
            "stopped"
        } else if is_stale {
            "stale"
        } else {
            "online"
        };
        object.insert("status".to_owned(), status.into());
        object.insert("as_of".to_owned(), written.map(rfc3339).into());
        object.insert("age_s".to_owned(), age_s.into());
    }
    // A daemon that started on a full disk has the journal to itself, and says how things were.
    if let Ok(journal) = Journal::open_for_reading(&config.state_dir.join("journal.db"))
        && let Ok(highest) = journal.highest()
        && let Ok(thru) = journal.thru()
        && let Some(delivery) = health.get_mut("delivery").and_then(Value::as_object_mut)
    {
        delivery.insert("sequence".to_owned(), highest.into());
        delivery.insert("received_thru".to_owned(), thru.into());
        delivery.insert("owed".to_owned(), highest.saturating_sub(thru).into());
    }
    print([if arguments.json { health.to_string() } else { describe(&health) }])?;
    if takes_nothing(&path) {
        let state = if running { "runs, and keeps in memory what it decides" } else { "is stopped" };
        return Err(unavailable(format!(
            "the daemon {state}, but the file system of {} is read-only: what stands above is of before that\n    remedy: see why \
             (dmesg; after errors the system does that by itself), repair it and mount it for writing",
            config.state_dir.display(),
        )));
    }
    if !running {
        let remedy = "start it (systemctl start gatestamp), or see why it ended (journalctl -u gatestamp)";
        return Err(unavailable(format!("the daemon is stopped\n    remedy: {remedy}")));
    }
    if is_stale {
        return Err(unavailable(format!(
            "the daemon runs, but has not written {} for {}: what stands above is that old\n    remedy: make room \
             on the disk (df {}), then look at the daemon's log (journalctl -u gatestamp)",
            path.display(),
            age(age_s.unwrap_or(0)),
            config.state_dir.display(),
        )));
    }
    Ok(())
}

/// The file is on a file system that takes nothing; opened and let be, it stays as it was. Who may not write there anyway is not told.
fn takes_nothing(path: &Path) -> bool {
    let opened = std::fs::OpenOptions::new().append(true).open(path);
    opened.is_err_and(|error| error.kind() == ErrorKind::ReadOnlyFilesystem)
}

/// Why there is no health to read, and who can do something about it.
fn unread(path: &Path, error: &io::Error, running: bool) -> String {
    let remedy = if error.kind() == ErrorKind::PermissionDenied {
        "the state is the service's own: run this as root or as gatestamp (sudo -u gatestamp gatestamp status)"
    } else if running {
        "the daemon runs: it has only begun, or cannot write it: make room on the disk (df -h, df -i), ask again in a minute, then see its log \
         (journalctl -u gatestamp)"
    } else {
        "start the daemon (systemctl start gatestamp), or see why it ended (journalctl -u gatestamp)"
    };
    format!("{}: {error}\n    remedy: {remedy}", path.display())
}

/// When the daemon wrote its health.
fn written(path: &Path) -> Option<UnixMillis> {
    let modified = std::fs::metadata(path).and_then(|meta| meta.modified()).ok()?;
    let written = modified.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis();
    i64::try_from(written).ok().map(UnixMillis)
}

/// How long ago, in the unit that a person would use.
fn age(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// What the health message says at `pointer`; what it does not say, or does not know yet, is nothing.
struct Health<'a>(&'a Value);

impl Health<'_> {
    fn known(&self, pointer: &str) -> Option<String> {
        match self.0.pointer(pointer)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => Some(other.to_string()),
        }
    }

    fn word(&self, pointer: &str) -> String {
        self.known(pointer).unwrap_or_else(|| "-".to_owned())
    }

    fn number(&self, pointer: &str) -> Option<i64> {
        self.0.pointer(pointer).and_then(Value::as_i64)
    }
}

/// Beside the heads of the lines above.
fn beside(what: &str) -> String {
    format!("            {what}")
}

fn describe(health: &Value) -> String {
    let health = Health(health);
    let word = |pointer: &str| health.word(pointer);
    let status = match word("/status").as_str() {
        "stopped" => "is stopped; what follows is",
        "stale" => "runs, and has not told anything new; what follows is",
        // Of the daemon alone: whether the broker hears it is said below.
        _ => "runs,",
    };
    let age = health.number("/age_s").map(|seconds| format!(" ({} ago)", age(seconds))).unwrap_or_default();
    let mut lines = vec![format!(
        "{} {status} as of {}{age}; version {}, {}",
        word("/device"),
        word("/as_of"),
        word("/version"),
        word("/boot_id")
    )];
    for part in ["receiver", "link", "journal", "recording", "facilities"] {
        lines.push(format!(
            "{part:>10}  {} since {}",
            word(&format!("/{part}/state")),
            word(&format!("/{part}/since"))
        ));
        lines.extend(health.known(&format!("/{part}/why")).map(|why| beside(&why)));
        lines.extend(health.known(&format!("/{part}/remedy")).map(|remedy| beside(&format!("remedy: {remedy}"))));
    }
    if let Some(speed) = health.number("/line_speed") {
        lines.push(format!("     speed  {speed} bit/s, found by listening"));
    }
    lines.extend(setup(&health));
    let since = health.known("/coverage/since").map(|since| format!(" since {since}")).unwrap_or_default();
    lines.push(format!("  coverage  {}{since}", word("/coverage/cause")));
    if let (Some(percent), Some(seconds)) =
        (health.known("/coverage/availability_pct"), health.0.pointer("/coverage/seconds").and_then(Value::as_object))
    {
        let told: Vec<String> = seconds.iter().map(|(cause, seconds)| format!("{cause} {seconds} s")).collect();
        lines.push(beside(&format!("{percent} % available: {}", told.join(", "))));
    }
    let fix = health.known("/last_fix").unwrap_or_else(|| "none since the start".to_owned());
    lines.push(format!("  last fix  {fix}"));
    if let Some(bound) = health.number("/clock/bound_ms") {
        let offset = health.number("/clock/offset_ms").map(|ms| format!("; the system's differs by {ms} ms"));
        lines.push(format!("     clock  the receiver's, within {bound} ms{}", offset.unwrap_or_default()));
    }
    lines.extend(delivery(&health));
    lines.extend(traffic(&health));
    lines.extend(received(&health));
    lines.join("\n")
}

/// What configuring the receiver came to.
fn setup(health: &Health<'_>) -> Option<String> {
    let setup = health.0.pointer("/receiver_setup")?;
    if setup.get("u_blox").and_then(Value::as_bool) != Some(true) {
        return Some("    set up  as it is: it does not answer as a u-blox receiver does".to_owned());
    }
    let wishes = setup.get("wishes").and_then(Value::as_object);
    let told: Vec<String> = wishes
        .into_iter()
        .flatten()
        .map(|(wish, answer)| format!("{wish} {}", answer.as_str().unwrap_or("?")))
        .collect();
    let protocol = health.known("/receiver_setup/protocol").unwrap_or_else(|| "unknown".to_owned());
    Some(format!("    set up  u-blox, protocol {protocol}: {}", told.join(", ")))
}

/// The month's bytes, and what is not sent so that they last.
fn traffic(health: &Health<'_>) -> Vec<String> {
    let Some(traffic) = health.0.get("traffic") else { return Vec::new() };
    let megabytes = |value: Option<&Value>| value.and_then(Value::as_f64).unwrap_or(0.0) / 1e6;
    let (spent, budget) = (megabytes(traffic.get("spent")), megabytes(traffic.get("budget")));
    let mut lines = vec![format!("   traffic  {spent:.2} MB of {budget:.0} MB in {}", health.word("/traffic/month"))];
    if let Some(classes) = traffic.get("by_class").and_then(Value::as_object) {
        let told: Vec<String> =
            classes.iter().map(|(class, bytes)| format!("{class} {:.2}", megabytes(Some(bytes)))).collect();
        lines.push(beside(&told.join(", ")));
    }
    let given_up = match health.word("/traffic/given_up").as_str() {
        "positions" => "positions",
        "health" => "positions and health",
        "resends" => "positions, health and what dispatch did not acknowledge",
        _ => return lines,
    };
    let since = health.word("/traffic/since");
    lines.push(beside(&format!("{given_up}: not sent since {since}, so that events can be sent until the month ends")));
    lines.push(beside("remedy: a larger plan and mqtt.monthly_mb, or wait for the next month"));
    lines
}

/// How the events do.
fn delivery(health: &Health<'_>) -> Vec<String> {
    let word = |key: &str| health.word(&format!("/delivery/{key}"));
    let mut lines = vec![format!(
        "    events  {} made, {} with dispatch, {} owed (acknowledged by {})",
        word("sequence"),
        word("received_thru"),
        word("owed"),
        word("acknowledged_by"),
    )];
    lines.extend(stages(health));
    // Why nothing was sent does not matter any more once nothing is owed.
    if let Some(why) = health.known("/delivery/paused").filter(|_| health.number("/delivery/owed") != Some(0)) {
        let until = health.known("/delivery/paused_until").and_then(|time| Some(time.get(11..16)?.to_owned()));
        let again = until.map(|minute| format!("; tried again at {minute} UTC")).unwrap_or_default();
        lines.push(beside(&format!("not sent at the moment: {why}{again}")));
        lines.extend(health.known("/delivery/paused_remedy").map(|remedy| beside(&format!("remedy: {remedy}"))));
    }
    if let Some(unsendable) = health.known("/delivery/unsendable") {
        let what = "cannot be sent; device.lost will name them (count, first, last)";
        lines.push(beside(&format!("{what}: {unsendable}")));
    }
    if let Some(refused) = health.number("/delivery/refused_commands").filter(|count| *count > 0) {
        let commands = if refused == 1 { "command" } else { "commands" };
        lines
            .push(beside(&format!("{refused} {commands} refused: forged, late, for another truck, or not understood")));
    }
    if let Some(ignored) = health.number("/delivery/ignored_acks").filter(|count| *count > 0) {
        let acks = if ignored == 1 { "acknowledgement" } else { "acknowledgements" };
        lines.push(beside(&format!(
            "{ignored} {acks} ignored: for another device, above what this journal ever held, or below what was said before"
        )));
        lines.push(beside(
            "remedy: none, if dispatch was restored from a backup. If this gateway was exchanged and is back, dispatch has the other one's \
             events under its numbers, and keeps these aside as conflicts: stop gatestamp, move the state directory away and keep it, start \
             it again. Else see what writes to down/ack: only dispatch's receiver may",
        ));
    }
    lines
}

/// How far what is owed has come, and of when the oldest of it is.
fn stages(health: &Health<'_>) -> Option<String> {
    let owed = health.number("/delivery/owed").filter(|owed| *owed > 0);
    let kinds = [("waiting", "wait here"), ("sent", "on the way"), ("with_broker", "with the broker")];
    let told = kinds.iter().filter_map(|(key, words)| {
        let count = health.number(&format!("/delivery/{key}/count")).filter(|count| *count > 0)?;
        let oldest = health.known(&format!("/delivery/{key}/oldest"));
        let oldest = oldest.map(|time| format!(" (the oldest of {time})")).unwrap_or_default();
        Some(format!("{count} {words}{oldest}"))
    });
    let told: Vec<String> = told.collect();
    owed.filter(|_| !told.is_empty()).map(|_| beside(&told.join(", ")))
}

/// What came from the receiver.
fn received(health: &Health<'_>) -> Vec<String> {
    let word = |key: &str| health.word(&format!("/gnss/{key}"));
    let mut lines =
        vec![format!("      gnss  {} bytes, {} sentences, {} fixes", word("bytes"), word("sentences"), word("fixes"))];
    if let Some(rejected) = health.0.pointer("/gnss/rejected").and_then(Value::as_object) {
        let told: Vec<String> = rejected.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        lines.push(format!("  not used  {}", if told.is_empty() { "nothing".to_owned() } else { told.join(", ") }));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_known_yet_is_left_out_or_said_in_words() {
        let told = describe(&json!({
            "device": "f-t", "status": "online", "as_of": "2026-11-22T14:36:01.000Z", "age_s": 12, "version": "1", "boot_id": "b",
            "last_fix": null, "line_speed": null, "clock": {"source": "none", "bound_ms": null, "offset_ms": null},
            "link": {"state": "not_configured", "since": "S", "remedy": "set mqtt.url"},
            "coverage": {"cause": "acquiring", "since": null, "availability_pct": null, "seconds": {}},
        }));
        assert!(told.starts_with("f-t runs, as of 2026-11-22T14:36:01.000Z (12 s ago); version 1, b\n"), "{told}");
        assert!(told.contains("\n  coverage  acquiring\n  last fix  none since the start\n"), "{told}");
        assert!(told.contains("\n      link  not_configured since S\n            remedy: set mqtt.url\n"), "{told}");
        assert!(!told.contains("null") && !told.contains("clock") && !told.contains("speed"), "{told}");
    }

    #[test]
    fn a_pause_is_told_while_something_is_owed() {
        let told = |owed: u64| {
            let delivery = json!({"owed": owed, "paused": "nobody listens", "paused_remedy": "start it", "paused_until": "2026-11-22T14:36:01.000Z"});
            describe(&json!({"delivery": delivery}))
        };
        let line = "not sent at the moment: nobody listens; tried again at 14:36 UTC\n            remedy: start it\n";
        assert!(told(1).contains(line), "{}", told(1));
        assert!(!told(0).contains("nobody listens"), "{}", told(0));
    }

    #[test]
    fn what_is_owed_is_told_by_how_far_it_has_come_and_how_old_it_is() {
        let told = |owed: u64| {
            describe(&json!({"delivery": {
                "owed": owed, "waiting": {"count": 3, "oldest": "2026-11-22T14:36:01.000Z"}, "sent": {"count": 0},
                "with_broker": {"count": 2}, "refused_commands": 1,
            }}))
        };
        let line = "\n            3 wait here (the oldest of 2026-11-22T14:36:01.000Z), 2 with the broker\n";
        assert!(told(5).contains(line), "{}", told(5));
        assert!(!told(0).contains("wait here"), "{}", told(0));
        assert!(told(0).contains("\n            1 command refused: forged"), "{}", told(0));
    }

    #[test]
    fn acknowledgements_that_are_ignored_may_be_those_of_an_exchanged_gateway() {
        let told = |count: u64| describe(&json!({"delivery": {"ignored_acks": count}}));
        for words in ["1 acknowledgement ignored", "was exchanged and is back", "move the state directory away"] {
            assert!(told(1).contains(words), "{}", told(1));
        }
        assert!(told(2).contains("2 acknowledgements ignored") && !told(0).contains("ignored"));
    }

    #[test]
    fn an_age_has_the_unit_that_a_person_would_use() {
        assert_eq!([0, 119, 120, 7_200, 172_800].map(age), ["0 s", "119 s", "2 min", "2 h", "2 days"]);
    }

    #[test]
    fn who_may_not_read_the_state_is_not_told_to_start_the_daemon() {
        let told = |kind: ErrorKind, running| unread(Path::new("/s/health.json"), &kind.into(), running);
        assert!(told(ErrorKind::PermissionDenied, true).contains("sudo -u gatestamp gatestamp status"));
        assert!(told(ErrorKind::NotFound, false).contains("systemctl start gatestamp"));
        assert!(!told(ErrorKind::PermissionDenied, true).contains("systemctl"));
        assert!(
            told(ErrorKind::NotFound, true).contains("the daemon runs")
                && !told(ErrorKind::NotFound, true).contains("systemctl")
        );
    }
}
