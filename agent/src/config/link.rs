//! `[mqtt]` and `[dispatch]`: the broker, and whom to believe behind it.

use super::table::Table;
use crate::budget;
use crate::downlink::keys::KEYS_MAX;
use crate::downlink::{Keys, PublicKey};
use std::path::PathBuf;

/// Ping intervals to begin with. At 0.2 kB an exchange they take 2.2 MB and 4.4 MB of a month. What is published finds a
/// dead link sooner: its PUBACK is waited for 30 s.
const KEEP_ALIVE_FRUGAL_S: u16 = 240;
const KEEP_ALIVE_NORMAL_S: u16 = 120;
/// The longest that is tried unless the configuration names one: a dead link is found in twice this time.
const KEEP_ALIVE_MAX_S: u16 = 300;

/// How much may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Events and state on change only: for plans of a few megabytes a month.
    Frugal,
    /// Positions every 30 s too.
    Normal,
}

/// The broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mqtt {
    /// Host name or address; with TLS the broker's certificate must name it.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// `None`: plain TCP.
    pub tls: Option<TlsFiles>,
    /// Ping interval to begin with, seconds.
    pub keep_alive_s: u16,
    /// The longest that is tried, where the network lets it.
    pub keep_alive_max_s: u16,
    /// How much may be sent.
    pub profile: Profile,
    /// Bytes that a month may cost: both ways, with the headers of TCP and IP.
    pub monthly_bytes: u64,
}

impl Mqtt {
    /// What somebody should change where the pings alone take more than the month has, at the longest interval that is tried. What the
    /// network or the broker makes of it is known once there is a connection ([`budget::Budget::proven_every`]).
    #[must_use]
    pub fn pings_beyond_the_month(&self) -> Option<String> {
        // Without a name for it, the interval becomes longer than it is by itself.
        let shortened = self.keep_alive_max_s < KEEP_ALIVE_MAX_S;
        let remedy = if shortened { "remove keep_alive_s, or raise monthly_mb" } else { "raise monthly_mb" };
        budget::pings_beyond(self.monthly_bytes, self.keep_alive_max_s).map(|told| format!("{told}: {remedy}"))
    }
}

/// Where the certificates are, PEM each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificates that the broker's must come from. No other is believed, whatever the system trusts.
    pub ca: PathBuf,
    /// This truck's certificate, and those between it and its CA.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Dispatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// An event is owed until dispatch acknowledges it, not only the broker.
    pub acks: bool,
    /// Who may send commands; none: nobody.
    pub keys: Keys,
}

pub(super) fn mqtt(table: &mut Table<'_>) -> Option<Option<Mqtt>> {
    let url = table.text("url", Some(""));
    let files = ["ca", "cert", "key"].map(|key| table.text(key, Some("")));
    let keep_alive = table.optional_number("keep_alive_s", 10, 3_600);
    let profile = table.choice("profile", "normal", &["frugal", "normal"]);
    let monthly_mb = table.optional_number("monthly_mb", 1, 100_000);
    let [ca, cert, key] = files.map(|file| file.filter(|file| !file.is_empty()).map(PathBuf::from));
    let url = url?;
    if url.is_empty() {
        return profile.map(|_| None);
    }
    let Some((secured, host, port)) = broker(&url) else {
        let what = format!("`url` = \"{url}\" is not an address of a broker");
        table.fault("url", what, "write mqtts://HOST or mqtts://HOST:PORT; mqtt:// without TLS");
        return None;
    };
    let given = [("ca", &ca), ("cert", &cert), ("key", &key)];
    if secured {
        for (name, _) in given.iter().filter(|(_, file)| file.is_none()) {
            let what = format!("`{name}` is missing, and mqtts needs it");
            table.fault("url", what, "name the PEM files: ca (the broker's CA), cert and key (this truck's own)");
        }
    } else if let Some((name, _)) = given.iter().find(|(_, file)| file.is_some()) {
        let what = format!("`{name}` is given, but `url` = \"{url}\" sends everything in the clear");
        table.fault(name, what, "write mqtts:// in the url, or remove ca, cert and key");
    }
    let profile = if profile? == "frugal" { Profile::Frugal } else { Profile::Normal };
    let tls = if secured { Some(TlsFiles { ca: ca?, cert: cert?, key: key? }) } else { None };
    let given = keep_alive?.map(|seconds| u16::try_from(seconds).unwrap_or(u16::MAX));
    let keep_alive_s = given.unwrap_or(match profile {
        Profile::Frugal => KEEP_ALIVE_FRUGAL_S,
        Profile::Normal => KEEP_ALIVE_NORMAL_S,
    });
    Some(Some(Mqtt {
        host,
        port,
        tls,
        keep_alive_s,
        keep_alive_max_s: given.unwrap_or(KEEP_ALIVE_MAX_S),
        profile,
        monthly_bytes: monthly_mb?.map_or(budget::of_profile(profile), |mb| mb * budget::MEGABYTE),
    }))
}

/// With TLS or not, host and port.
fn broker(url: &str) -> Option<(bool, String, u16)> {
    let (secured, rest, usual) = match (url.strip_prefix("mqtts://"), url.strip_prefix("mqtt://")) {
        (Some(rest), _) => (true, rest, 8_883),
        (None, Some(rest)) => (false, rest, 1_883),
        (None, None) => return None,
    };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (rest, usual),
    };
    let good = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    (good && port > 0).then(|| (secured, host.to_owned(), port))
}

pub(super) fn dispatch(table: &mut Table<'_>) -> Option<Dispatch> {
    let acks = table.boolean("ack", true);
    let texts = table.texts("keys")?;
    let mut keys = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        match PublicKey::read(text) {
            Ok(key) => keys.push(key),
            Err(error) => {
                let what = format!("number {} of `keys` {error}", number + 1);
                table.fault("keys", what, "copy the public key that dispatch was set up with");
            }
        }
    }
    let count = texts.len();
    if count > KEYS_MAX {
        let what = format!("`keys` has {count} keys, more than {KEYS_MAX}");
        table.fault("keys", what, "name only the keys that sign now, and the next one");
    }
    let all_read = keys.len() == count;
    Keys::new(keys).filter(|_| all_read).map(|keys| Dispatch { acks, keys })
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use crate::downlink::Signer;

    const GOOD: &str = "[truck]\nfleet = \"acme\"\nid = \"t-7\"\n";

    fn refused(text: &str) -> String {
        let faults = read("g.toml", &format!("{GOOD}{text}")).expect_err("must be refused");
        faults.into_iter().map(|f| format!("{}: {}\n", f.line.unwrap_or(0), f.what)).collect()
    }

    #[test]
    fn tls_has_its_own_port_and_three_files() {
        let text =
            format!("{GOOD}[mqtt]\nurl = \"mqtts://b.example\"\nca = \"ca.pem\"\ncert = \"c.pem\"\nkey = \"k.pem\"\n");
        let mqtt = read("g.toml", &text).unwrap().mqtt.unwrap();
        assert_eq!((mqtt.host.as_str(), mqtt.port), ("b.example", 8_883));
        assert_eq!(mqtt.tls.unwrap().ca.to_str(), Some("ca.pem"));
    }

    #[test]
    fn tls_without_a_file_and_files_without_tls_are_faults() {
        let told = refused("[mqtt]\nurl = \"mqtts://b\"\ncert = \"c.pem\"\n");
        assert!(told.contains("5: [mqtt] `ca` is missing") && told.contains("`key` is missing"), "{told}");
        let told = refused("[mqtt]\nurl = \"mqtt://b\"\nca = \"c.pem\"\n");
        assert!(told.contains("6: [mqtt] `ca` is given, but"), "{told}");
    }

    #[test]
    fn a_month_costs_what_the_profile_says_or_what_is_asked_for() {
        let monthly = |text: &str| {
            let text = format!("{GOOD}[mqtt]\nurl = \"mqtt://b\"\n{text}");
            read("g.toml", &text).unwrap().mqtt.unwrap().monthly_bytes
        };
        assert_eq!(monthly(""), 25_000_000);
        assert_eq!(monthly("profile = \"frugal\"\n"), 5_000_000);
        assert_eq!(monthly("profile = \"frugal\"\nmonthly_mb = 100\n"), 100_000_000);
        assert!(
            refused("[mqtt]\nurl = \"mqtt://b\"\nmonthly_mb = 0\n")
                .contains("6: [mqtt] `monthly_mb` = 0 is out of range")
        );
        assert!(
            refused("[mqtt]\nurl = \"mqtt://b\"\nmonthly_mb = 1.5\n").contains("`monthly_mb` is not a whole number")
        );
    }

    #[test]
    fn the_keep_alive_is_the_profiles_unless_one_is_named_and_then_that_is_the_longest() {
        let read = |text: &str| {
            let text = format!("{GOOD}[mqtt]\nurl = \"mqtt://b\"\n{text}");
            read("g.toml", &text).unwrap().mqtt.map(|mqtt| (mqtt.keep_alive_s, mqtt.keep_alive_max_s)).unwrap()
        };
        assert_eq!([read(""), read("profile = \"frugal\"\n")], [(120, 300), (240, 300)]);
        assert_eq!(read("keep_alive_s = 60\n"), (60, 60));
    }

    #[test]
    fn pings_that_take_more_than_the_month_are_told_with_what_ends_that() {
        let told = |text: &str| {
            let text = format!("{GOOD}[mqtt]\nurl = \"mqtt://b\"\n{text}");
            read("g.toml", &text).unwrap().mqtt.and_then(|mqtt| mqtt.pings_beyond_the_month())
        };
        for fits in ["", "profile = \"frugal\"\n", "keep_alive_s = 60\n", "keep_alive_s = 3600\nmonthly_mb = 1\n"] {
            assert_eq!(told(fits), None, "{fits}");
        }
        let short = "pings every 10 s alone take 54.6 MB of 25 MB a month: remove keep_alive_s, or raise monthly_mb";
        assert_eq!(told("keep_alive_s = 10\n").as_deref(), Some(short));
        let small = "pings every 300 s alone take 1.8 MB of 1 MB a month: raise monthly_mb";
        assert_eq!(told("monthly_mb = 1\n").as_deref(), Some(small));
    }

    #[test]
    fn keys_of_dispatch_are_read_and_each_wrong_one_named() {
        let key = Signer::new(&[3; 32]).public();
        let config = read("g.toml", &format!("{GOOD}[dispatch]\nkeys = [\"{}\"]\n", key.text())).unwrap();
        assert_eq!(config.dispatch.keys.iter().collect::<Vec<_>>(), [&key]);
        let told = refused(&format!("[dispatch]\nkeys = [\"{}\", \"x\"]\n", key.text()));
        assert!(told.contains("5: [dispatch] number 2 of `keys` is not 64 hex"), "{told}");
        let five = [key.text(), key.text(), key.text(), key.text(), key.text()].map(|k| format!("\"{k}\"")).join(",");
        assert!(refused(&format!("[dispatch]\nkeys = [{five}]\n")).contains("more than 4"));
        assert!(refused("[dispatch]\nkeys = [1]\n").contains("not a list of texts"));
    }
}
