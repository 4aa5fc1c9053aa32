//! What is the receiver told to do? Text, then values that can be used; the first fault is told with its file, line and remedy.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gatestamp::config::TlsFiles;
use serde::Deserialize;

use crate::broker::Broker;
use crate::store::Place;

const PORT: u16 = 1_883;
const TLS_PORT: u16 = 8_883;
const HOLE_PATIENCE_S: (u64, u64) = (1, 86_400);
const ACK_EVERY_MS: (u64, u64) = (10, 60_000);
const CLIENT_ID_MAX: usize = 64;
/// Shortest name of a group: 16 hexadecimal digits are 64 bits, which nobody finds by trying over a network.
const GROUP_MIN: usize = 16;
/// Where Debian's package ca-certificates puts the CAs of the public web.
const PUBLIC_CAS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A valid configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The broker.
    pub broker: Broker,
    /// The database.
    pub place: Place,
    /// The file of the key that signs commands.
    pub command_key: Option<PathBuf>,
    /// How long a hole may stand.
    pub hole_patience: Duration,
    /// The least time between two acknowledgements to one truck.
    pub ack_every: Duration,
    /// Where events are posted.
    pub webhook: Option<Webhook>,
    /// What is logged.
    pub log: tracing::Level,
    /// A group that is no secret: the first release took it, and a receiver that refused to start after an upgrade would take nothing at
    /// all. `run` says it, and whoever has a choice refuses it.
    pub doubt: Option<Fault>,
}

/// Where events are posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// `http://` or `https://`.
    pub url: String,
    /// The file of the secret.
    pub secret: Option<PathBuf>,
    /// Beginnings of types; none: all.
    pub types: Vec<String>,
    /// The CAs that are believed.
    pub ca: PathBuf,
}

/// What is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    broker: RawBroker,
    #[serde(default)]
    store: RawStore,
    #[serde(default)]
    commands: RawCommands,
    #[serde(default)]
    ack: RawAck,
    #[serde(default)]
    webhook: RawWebhook,
    #[serde(default)]
    log: RawLog,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBroker {
    url: String,
    #[serde(default)]
    ca: PathBuf,
    #[serde(default)]
    cert: PathBuf,
    #[serde(default)]
    key: PathBuf,
    client_id: Option<String>,
    #[serde(default)]
    group: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawStore {
    kind: Option<String>,
    path: Option<PathBuf>,
    url: String,
    ca: PathBuf,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawCommands {
    key: PathBuf,
    hole_patience_s: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawAck {
    every_ms: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawWebhook {
    url: String,
    secret: PathBuf,
    types: Vec<String>,
    ca: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawLog {
    level: Option<String>,
}

/// As [`read`], for a configuration that is looked over or handed on: what is only tolerated is a fault.
///
/// # Errors
/// The first fault.
pub fn read_strictly(file: &Path) -> Result<Config, Fault> {
    let config = read(file)?;
    config.doubt.clone().map_or(Ok(config), Err)
}

/// Reads and validates the file.
///
/// # Errors
/// The first fault.
pub fn read(file: &Path) -> Result<Config, Fault> {
    let name = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|fault| Fault(format!("{name}: {fault}: name the file that `gatestamp-receiver init` made")))?;
    parse(&text, file)
}

fn parse(text: &str, file: &Path) -> Result<Config, Fault> {
    let name = file.display().to_string();
    let raw: Raw = toml::from_str(text).map_err(|fault| {
        let line = fault.span().map_or(1, |span| line_of(text, span.start));
        Fault(format!("{name}:{line}: {}: deploy/dispatch/receiver/receiver.toml shows every key", fault.message()))
    })?;
    let at = |section: &str, key: &str, what: String| {
        Fault(format!("{name}:{}: {section}.{key}: {what}", line_of_key(text, section, key)))
    };
    let beside = |path: &Path| file.parent().map_or_else(|| path.to_owned(), |folder| folder.join(path));
    let some = |path: &Path| (!path.as_os_str().is_empty()).then(|| beside(path));
    let within = |value: Option<u64>, default: u64, (low, high): (u64, u64), section: &str, key: &str| {
        let value = value.unwrap_or(default);
        let good = (low..=high).contains(&value);
        if good { Ok(value) } else { Err(at(section, key, format!("{value} is not within {low} to {high}"))) }
    };
    let place = place(&raw.store, &at, &beside)?;
    let broker = broker(&raw.broker, &place, &at, &some)?;
    let doubt = doubt(&broker, &at);
    let patience = within(raw.commands.hole_patience_s, 300, HOLE_PATIENCE_S, "commands", "hole_patience_s")?;
    let every = within(raw.ack.every_ms, 1_000, ACK_EVERY_MS, "ack", "every_ms")?;
    let level = raw.log.level.as_deref().unwrap_or("info");
    let words = ["error", "warn", "info", "debug", "trace"];
    let log = words.contains(&level).then(|| level.parse().ok()).flatten();
    Ok(Config {
        broker,
        place,
        doubt,
        command_key: some(&raw.commands.key),
        hole_patience: Duration::from_secs(patience),
        ack_every: Duration::from_millis(every),
        webhook: webhook(raw.webhook, &at, &some)?,
        log: log.ok_or_else(|| at("log", "level", format!("`{level}` is none of {}", words.join(", "))))?,
    })
}

fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).map_or(0, |before| before.matches('\n').count()) + 1
}

/// Where a key stands, for faults about what its value means. One that is left out is missed in its section, and in the first line
/// without a section: keys of one name stand in several.
fn line_of_key(text: &str, section: &str, key: &str) -> usize {
    let mut lines = (1..).zip(text.lines()).skip_while(|(_, line)| heading(line) != Some(section));
    let Some((begin, _)) = lines.next() else { return 1 };
    let is_key = |line: &str| line.split_once('=').is_some_and(|(name, _)| name.trim() == key);
    let mut body = lines.take_while(|(_, line)| heading(line).is_none());
    body.find(|(_, line)| is_key(line)).map_or(begin, |(number, _)| number)
}

/// The name of the section that begins with this line.
fn heading(line: &str) -> Option<&str> {
    let (name, _) = line.trim_start().strip_prefix('[')?.split_once(']')?;
    Some(name.trim())
}

fn place(
    raw: &RawStore,
    at: &impl Fn(&str, &str, String) -> Fault,
    beside: &impl Fn(&Path) -> PathBuf,
) -> Result<Place, Fault> {
    match raw.kind.as_deref().unwrap_or("sqlite") {
        "sqlite" => {
            let file = raw.path.as_deref().unwrap_or(Path::new("dispatch.db"));
            Ok(Place::Sqlite(beside(file)))
        }
        "postgres" if raw.url.is_empty() => Err(at(
            "store",
            "url",
            "is missing: write where the server is, such as \"host=.. user=.. dbname=..\"".into(),
        )),
        "postgres" => {
            let ca = (!raw.ca.as_os_str().is_empty()).then(|| beside(&raw.ca));
            Ok(Place::Postgres { url: raw.url.clone(), ca })
        }
        other => Err(at("store", "kind", format!("`{other}` is neither \"sqlite\" nor \"postgres\""))),
    }
}

/// With TLS or not, host and port.
fn address(url: &str) -> Option<(bool, String, u16)> {
    let (secured, rest, usual) = match (url.strip_prefix("mqtts://"), url.strip_prefix("mqtt://")) {
        (Some(rest), _) => (true, rest, TLS_PORT),
        (None, Some(rest)) => (false, rest, PORT),
        (None, None) => return None,
    };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (rest, usual),
    };
    (port > 0 && !host.is_empty() && !host.contains('/')).then(|| (secured, host.to_owned(), port))
}

fn broker(
    raw: &RawBroker,
    place: &Place,
    at: &impl Fn(&str, &str, String) -> Fault,
    some: &impl Fn(&Path) -> Option<PathBuf>,
) -> Result<Broker, Fault> {
    let is_name = |text: &str| {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || b"-_.".contains(&c);
        (1..=CLIENT_ID_MAX).contains(&text.len()) && text.bytes().all(allowed)
    };
    let (secured, host, port) = address(&raw.url).ok_or_else(|| {
        at(
            "broker",
            "url",
            format!("`{}` is not \"mqtts://HOST\", \"mqtts://HOST:PORT\" or mqtt:// without TLS", raw.url),
        )
    })?;
    let tls = match (secured, some(&raw.ca), some(&raw.cert), some(&raw.key)) {
        (true, Some(ca), Some(cert), Some(key)) => Some(TlsFiles { ca, cert, key }),
        (true, ..) => return Err(at("broker", "url", "mqtts needs ca, cert and key: name the PEM files".to_owned())),
        (false, None, None, None) => None,
        (false, ..) => {
            return Err(at(
                "broker",
                "url",
                "sends everything in the clear: write mqtts://, or remove ca, cert, key".to_owned(),
            ));
        }
    };
    let client_id = raw.client_id.clone().unwrap_or_else(|| "gatestamp-dispatch".to_owned());
    if !is_name(&client_id) {
        return Err(at(
            "broker",
            "client_id",
            format!("`{client_id}` is not 1 to {CLIENT_ID_MAX} of A-Z a-z 0-9 - _ ."),
        ));
    }
    let group = (!raw.group.is_empty()).then(|| raw.group.clone());
    if group.as_deref().is_some_and(|group| !is_name(group)) {
        return Err(at("broker", "group", format!("`{}` is not 1 to {CLIENT_ID_MAX} of A-Z a-z 0-9 - _ .", raw.group)));
    }
    if group.is_some() && matches!(place, Place::Sqlite(_)) {
        let what = "several receivers share a fleet over PostgreSQL only: set store.kind = \"postgres\", or remove it";
        return Err(at("broker", "group", what.to_owned()));
    }
    Ok(Broker { host, port, tls, client_id, group })
}

fn doubt(broker: &Broker, at: &impl Fn(&str, &str, String) -> Fault) -> Option<Fault> {
    let group = broker.group.as_ref().filter(|group| group.len() < GROUP_MIN)?;
    let what = format!(
        "`{group}` has fewer than {GROUP_MIN} characters: who guesses it can join the receivers and swallow events; write one secret, such \
         as `openssl rand -hex 8` gives, into receiver.toml of all of them, and restart them"
    );
    Some(at("broker", "group", what))
}

fn webhook(
    raw: RawWebhook,
    at: &impl Fn(&str, &str, String) -> Fault,
    some: &impl Fn(&Path) -> Option<PathBuf>,
) -> Result<Option<Webhook>, Fault> {
    if raw.url.is_empty() {
        return Ok(None);
    }
    if !raw.url.starts_with("http://") && !raw.url.starts_with("https://") {
        return Err(at("webhook", "url", format!("`{}` begins with neither http:// nor https://", raw.url)));
    }
    let ca = raw.ca.as_deref().and_then(some).unwrap_or_else(|| PathBuf::from(PUBLIC_CAS));
    Ok(Some(Webhook { url: raw.url, secret: some(&raw.secret), types: raw.types, ca }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "0123456789abcdef";
    const SHIPPED: &str = include_str!("../receiver.toml");

    fn told(text: &str) -> String {
        parse(text, Path::new("r.toml")).expect_err("refused").to_string()
    }

    #[test]
    fn the_shipped_file_is_accepted_with_and_without_what_is_commented_out() {
        let plain = parse(SHIPPED, Path::new("dir/r.toml")).expect("accepted");
        assert_eq!(plain.place, Place::Sqlite("dir/dispatch.db".into()));
        let is_key = |line: &&str| line.starts_with(|c: char| c.is_ascii_lowercase());
        let bare = |line: &'static str| line.strip_prefix('#').filter(is_key).unwrap_or(line);
        let all: Vec<&str> = SHIPPED.lines().map(bare).collect();
        let all = all
            .join("\n")
            .replace("kind = \"sqlite\"", "kind = \"postgres\"")
            .replace("url = \"\"", "url = \"http://x\"")
            .replace("group = \"\"", &format!("group = \"{GROUP}\""));
        let all = parse(&all, Path::new("dir/r.toml")).expect("accepted");
        assert_eq!(all.command_key, Some("dir/dispatch.key".into()));
        assert_eq!(all.broker.group.as_deref(), Some(GROUP));
    }

    #[test]
    fn a_fault_names_file_line_and_remedy() {
        assert!(told("[broker]\nurl = 7\n").starts_with("r.toml:2:"));
        assert!(told("[broker]\nurl = \"mqtt://h\"\ncolour = 1\n").starts_with("r.toml:3:"));
        assert!(
            told("[broker]\nurl = \"http://h\"\n").contains("r.toml:2: broker.url: `http://h` is not \"mqtts://HOST\"")
        );
        assert!(told("[broker]\nurl = \"mqtt://h:0\"\n").contains("r.toml:2"));
        assert!(told("[broker]\nurl = \"mqtts://h\"\nca = \"c\"\n").contains("mqtts needs ca, cert and key"));
        assert!(told("[broker]\nurl = \"mqtt://h\"\nca = \"c\"\n").contains("in the clear"));
        let shared = told(&format!("[broker]\nurl = \"mqtt://h\"\ngroup = \"{GROUP}\"\n"));
        assert!(shared.contains("r.toml:3") && shared.contains("PostgreSQL only"), "{shared}");
        assert!(told("[broker]\nurl = \"mqtt://h\"\n[ack]\nevery_ms = 1\n").contains("r.toml:4: ack.every_ms"));
        assert!(told("[broker]\nurl = \"mqtt://h\"\n[store]\nkind = \"oracle\"\n").contains("r.toml:4"));
        assert!(told("[broker]\nurl = \"mqtt://h\"\n[log]\nlevel = \"loud\"\n").contains("r.toml:4"));
    }

    #[test]
    fn a_group_that_can_be_guessed_is_doubted() {
        let of = |group: &str| {
            let text = format!(
                "[broker]\nurl = \"mqtt://h\"\ngroup = \"{group}\"\n[store]\nkind = \"postgres\"\nurl = \"host=h\"\n"
            );
            parse(&text, Path::new("r.toml")).expect("accepted").doubt.map(|doubt| doubt.to_string())
        };
        let doubt = of("dispatch").expect("too short");
        assert!(doubt.starts_with("r.toml:3: broker.group") && doubt.contains("openssl rand"), "{doubt}");
        assert_eq!((of(&"x".repeat(15)).is_some(), of(GROUP), of("")), (true, None, None));
    }

    #[test]
    fn a_key_that_is_left_out_is_missed_in_its_own_section() {
        let postgres = "[broker]\nurl = \"mqtt://h\"\n[store]\nkind = \"postgres\"\n[webhook]\nurl = \"\"\n";
        assert!(told(postgres).starts_with("r.toml:3: store.url: is missing"), "{}", told(postgres));
        let keys = "[log]\nlevel = \"info\"\n[broker]\nurl_of = 1\n";
        assert_eq!(line_of_key(keys, "broker", "url"), 3, "a longer key is another one");
        assert_eq!(line_of_key(keys, "store", "url"), 1);
    }
}
