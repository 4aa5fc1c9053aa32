//! The configuration: TOML text to validated values, or all its faults at once.
//!
//! Pure over the text: nothing is opened here. Every value has a unit, a range and a default; unknown keys are refused,
//! since a misspelt key that is silently ignored costs a drive to the truck.

mod gnss;
mod link;
mod syntax;
mod table;

use crate::fault::{Fault, line_of};
use crate::gnss::{Checksums, DateFloor};
use crate::version;
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use table::Table;

pub use link::{Dispatch, Mqtt, Profile, TlsFiles};

/// Longest name of a fleet or truck: both stand in MQTT topics and event ids.
const NAME_MAX: usize = 32;
/// As much of a line as a fault shows.
const SHOWN_MAX: usize = 80;
/// What the shipped configuration has in the place of both names: two trucks of one name would overwrite each other at dispatch.
const UNNAMED: &str = "change-me";
/// Where the receiver is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A serial port.
    Serial {
        /// Device path, best a stable link such as `/dev/gnss`.
        device: PathBuf,
        /// Line speed to begin with, bit/s; `None` for "auto".
        baud: Option<u32>,
        /// A u-blox receiver is configured; otherwise nothing is ever sent.
        configure: bool,
    },
    /// A running gpsd.
    Gpsd {
        /// Host name or address.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// A recording, played at the pace at which it was made; only in a simulation. Without a file only `replay` can use
    /// the configuration.
    Recording(Option<PathBuf>),
}

/// What `gnss.date_floor` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloorChoice {
    /// Not written: the daemon takes the build, a replay takes none.
    Default,
    /// The day of this build.
    Build,
    /// No floor.
    None,
    /// A given day.
    Day(geofence::UnixMillis),
}

impl FloorChoice {
    /// The floor of the daemon.
    #[must_use]
    pub fn live(self) -> DateFloor {
        match self {
            Self::Default | Self::Build => DateFloor(Some(version::released())),
            Self::None => DateFloor(None),
            Self::Day(day) => DateFloor(Some(day)),
        }
    }

    /// The floor of a replay of raw NMEA, which may be older than this build.
    #[must_use]
    pub fn replay(self) -> DateFloor {
        match self {
            Self::Default | Self::None => DateFloor(None),
            Self::Build => DateFloor(Some(version::released())),
            Self::Day(day) => DateFloor(Some(day)),
        }
    }
}

/// Who is recording: what decides about events beside the facilities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truck {
    /// The fleet, 1 to 32 of `A-Z a-z 0-9 - _`.
    pub fleet: String,
    /// The truck, likewise.
    pub id: String,
}

impl Truck {
    /// Device id, MQTT client id and prefix of event ids.
    #[must_use]
    pub fn device(&self) -> String {
        format!("{}-{}", self.fleet, self.id)
    }

    /// Hash of the configuration that events depend on, 16 hexadecimal digits. Paths, links and quotas are not in it:
    /// the same drive gives the same events wherever it is replayed.
    #[must_use]
    pub fn config_hash(&self) -> String {
        let digest = Sha256::digest(format!("fleet={}\ntruck={}\n", self.fleet, self.id));
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The whole configuration, validated. Paths are absolute or relative to the configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `[truck]`
    pub truck: Truck,
    /// `[gnss] source, device, baud`
    pub source: Source,
    /// `[gnss] date_floor`
    pub date_floor: FloorChoice,
    /// `[gnss] checksum`
    pub checksums: Checksums,
    /// `[facilities] path`
    pub facilities: PathBuf,
    /// `[state] dir`
    pub state_dir: PathBuf,
    /// `[state] journal_quota_mb`, in bytes.
    pub journal_quota: u64,
    /// `[state] recording_quota_mb`, in bytes.
    pub recording_quota: u64,
    /// `[mqtt]`; `None` if `url` is empty: nothing is sent, everything is kept.
    pub mqtt: Option<Mqtt>,
    /// `[dispatch]`
    pub dispatch: Dispatch,
    /// `[privacy] switch`: time is private while this file is there.
    pub privacy_switch: Option<PathBuf>,
    /// `[log] level`
    pub log_level: tracing::Level,
    /// `simulation`
    pub simulation: bool,
}

/// Reads the text of a configuration file. `file` is how faults name it.
///
/// # Errors
/// Every fault in the text, each with its line and remedy.
pub fn read(file: &str, text: &str) -> Result<Config, Vec<Fault>> {
    let parsed = toml::de::DeTable::parse(text).map_err(|error| {
        let line = error.span().map(|span| line_of(text, span.start));
        let shown = line.and_then(|line| text.lines().nth(line - 1)).unwrap_or_default().trim();
        let remedy = syntax::remedy(error.message(), shown).to_owned();
        let shown: String = shown.chars().take(SHOWN_MAX).collect();
        let what = format!("not TOML: {}, in: {shown}", error.message());
        vec![Fault { file: file.to_owned(), line, what, remedy }]
    })?;
    let mut top = Table::top(file, text, parsed.into_inner());
    let config = sections(&mut top);
    let faults = top.finish();
    match config {
        Some(config) if faults.is_empty() => Ok(config),
        _ => Err(faults),
    }
}

/// Where the facilities are, whatever else is wrong with the text.
#[must_use]
pub fn facilities_path(text: &str) -> Option<PathBuf> {
    let (table, _) = toml::de::DeTable::parse_recoverable(text);
    let section = table.get_ref().get("facilities")?.get_ref();
    section.get("path")?.get_ref().as_str().map(PathBuf::from)
}

/// `None` only together with a fault.
fn sections(top: &mut Table<'_>) -> Option<Config> {
    let simulation = top.boolean("simulation", false);
    let truck = top.section("truck", truck);
    let (source, date_floor, checksums) = top.section("gnss", gnss::gnss);
    let facilities = top.section("facilities", |t| t.path("path", Some("facilities.geojson")));
    let (state_dir, journal_quota, recording_quota) = top.section("state", state);
    let mqtt = top.section("mqtt", link::mqtt);
    let dispatch = top.section("dispatch", link::dispatch);
    let privacy_switch = top.section("privacy", privacy);
    let log_level = top.section("log", log);
    Some(Config {
        truck: truck?,
        source: source?,
        date_floor,
        checksums: checksums?,
        facilities: facilities?,
        state_dir: state_dir?,
        journal_quota,
        recording_quota,
        mqtt: mqtt?,
        dispatch: dispatch?,
        privacy_switch: privacy_switch?,
        log_level,
        simulation,
    })
}

fn truck(table: &mut Table<'_>) -> Option<Truck> {
    let mut name = |key| {
        let text = table.text(key, None)?;
        let good = (1..=NAME_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if text == UNNAMED {
            let remedy = "write the truck's own: fleet and id are in every event, and stay for good";
            table.fault(key, format!("`{key}` is still \"{UNNAMED}\""), remedy);
            return None;
        }
        if !good {
            let what = format!("`{key}` = \"{text}\" cannot stand in an MQTT topic");
            table.fault(key, what, "use 1 to 32 of the characters A-Z a-z 0-9 - _");
        }
        good.then_some(text)
    };
    let (fleet, id) = (name("fleet"), name("id"));
    Some(Truck { fleet: fleet?, id: id? })
}

fn state(table: &mut Table<'_>) -> (Option<PathBuf>, u64, u64) {
    let dir = table.path("dir", Some("/var/lib/gatestamp"));
    let journal = table.number("journal_quota_mb", 64, 1, 4_096);
    let recording = table.number("recording_quota_mb", 256, 1, 65_536);
    (dir, journal << 20, recording << 20)
}

/// Where the unit has its own folders (`PrivateTmp`) or empty ones (`ProtectHome`; systemd.exec(5)): a switch there would never be seen.
const HIDDEN: [&str; 5] = ["/tmp", "/var/tmp", "/home", "/root", "/run/user"];
const SWITCH_REMEDY: &str = "name a file as \"/run/gatestamp-private/on\", or leave it out";

/// `Some(None)`: no file can make time private.
fn privacy(table: &mut Table<'_>) -> Option<Option<PathBuf>> {
    let switch = PathBuf::from(table.text("switch", Some(""))?);
    if switch.as_os_str().is_empty() {
        return Some(None);
    }
    // Relative to the configuration it would lie on the disk that is read-only in a truck, and outlive the power by accident.
    if !switch.is_absolute() {
        let what = format!("`switch` = \"{}\" is not an absolute path", switch.display());
        table.fault("switch", what, SWITCH_REMEDY);
        return None;
    }
    if let Some(folder) = HIDDEN.iter().find(|folder| switch.starts_with(folder)) {
        let what =
            format!("`switch` = \"{}\" is in {folder}, which the service does not see as others do", switch.display());
        table.fault("switch", what, SWITCH_REMEDY);
        return None;
    }
    Some(Some(switch))
}

fn log(table: &mut Table<'_>) -> tracing::Level {
    let level = table.choice("level", "info", &["error", "warn", "info", "debug", "trace"]);
    level.and_then(|level| level.parse().ok()).unwrap_or(tracing::Level::INFO)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[truck]\nfleet = \"acme\"\nid = \"t-7\"\n";

    fn whats(text: &str) -> Vec<(usize, String)> {
        let faults = read("g.toml", text).expect_err("must be refused");
        faults.into_iter().map(|f| (f.line.unwrap_or(0), f.what)).collect()
    }

    #[test]
    fn a_truck_is_all_that_must_be_said() {
        let config = read("g.toml", GOOD).unwrap();
        assert_eq!(config.truck.device(), "acme-t-7");
        let serial = Source::Serial { device: "/dev/gnss".into(), baud: None, configure: true };
        assert_eq!(config.source, serial);
        assert!(config.dispatch.acks && config.mqtt.is_none());
    }

    #[test]
    fn nothing_makes_time_private_unless_a_file_is_named() {
        let switch = |text: &str| read("g.toml", &format!("{GOOD}{text}")).map(|config| config.privacy_switch);
        assert_eq!(switch(""), Ok(None));
        assert_eq!(switch("[privacy]\nswitch = \"\"\n"), Ok(None));
        assert_eq!(switch("[privacy]\nswitch = \"/run/p\"\n"), Ok(Some("/run/p".into())));
        for wrong in ["switch = \"private\"", "switch = true", "hours = \"22-6\""] {
            assert!(switch(&format!("[privacy]\n{wrong}\n")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_switch_that_the_service_would_never_see_is_refused() {
        for hidden in HIDDEN.into_iter().flat_map(|folder| [folder.to_owned(), format!("{folder}/a/p")]) {
            let told = whats(&format!("{GOOD}[privacy]\nswitch = \"{hidden}\"\n"));
            assert!(
                matches!(&told[..], [(5, what)] if what.contains("the service does not see")),
                "{hidden}: {told:?}"
            );
        }
        for seen in ["/run/gatestamp-private/on", "/tmpfs/p", "/var/lib/private"] {
            assert!(read("g.toml", &format!("{GOOD}[privacy]\nswitch = \"{seen}\"\n")).is_ok(), "{seen}");
        }
    }

    #[test]
    fn a_truck_that_nobody_named_is_refused() {
        let told = whats("[truck]\nfleet = \"change-me\"\nid = \"change-me\"\n");
        assert_eq!(told.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3], "{told:?}");
        assert!(told[1].1.contains("`id` is still \"change-me\""), "{told:?}");
    }

    #[test]
    fn all_faults_are_told_at_once_each_with_its_line() {
        let text = "simulatoin = true\n[truck]\nfleet = \"a/b\"\n[gnss]\nbaud = 300\ndevise = \"x\"\n[mqtt]\nurl = \"http://x\"\n[stat]\n";
        let told = whats(text);
        let lines: Vec<_> = told.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 2, 3, 5, 6, 8, 9], "{told:#?}");
    }

    #[test]
    fn an_unknown_section_names_the_sections_and_an_unknown_key_the_keys() {
        let remedy =
            |text: &str| read("g.toml", &format!("{GOOD}{text}")).expect_err("must be refused")[0].remedy.clone();
        assert!(
            remedy("[broker]\n").ends_with("simulation, truck, gnss, facilities, state, mqtt, dispatch, privacy, log")
        );
        assert!(remedy("[log]\nlvel = 1\n").ends_with("[log] has level"));
    }

    #[test]
    fn wrong_types_and_ranges_are_named() {
        let told = whats(&format!("{GOOD}[state]\ndir = 7\njournal_quota_mb = 0\n"));
        assert_eq!(told.len(), 2);
        assert!(told[0].1.contains("dir") && told[1].1.contains("journal_quota_mb"), "{told:?}");
    }

    #[test]
    fn a_date_floor_in_the_future_is_refused() {
        assert_eq!(whats(&format!("{GOOD}[gnss]\ndate_floor = \"2031-03-01\"\n")).len(), 1);
        assert!(read("g", &format!("{GOOD}[gnss]\ndate_floor = \"2026-01-31\"\n")).is_ok());
    }

    #[test]
    fn faults_of_one_section_do_not_hide_each_other() {
        assert_eq!(whats(&format!("{GOOD}[mqtt]\nurl = \"mqtts://x:99999\"\nprofile = \"x\"\n")).len(), 2);
    }

    #[test]
    fn what_is_not_toml_names_its_line() {
        assert_eq!(whats("[truck]\nfleet = \n")[0].0, 2);
    }

    #[test]
    fn the_hash_covers_what_events_depend_on_and_no_paths() {
        let hash = |text: &str| read("g", text).unwrap().truck.config_hash();
        assert_eq!(hash(GOOD), hash(&format!("{GOOD}[state]\ndir = \"elsewhere\"\n")));
        assert_ne!(hash(GOOD), hash(&GOOD.replace("t-7", "t-8")));
    }
}
