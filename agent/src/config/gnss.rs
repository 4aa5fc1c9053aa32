//! `[gnss]`: where the receiver is, and what dates may be believed.

use super::table::Table;
use super::{FloorChoice, Source};
use crate::gnss::Checksums;
use crate::time::parse_rfc3339;
use crate::version;

/// Speeds that receivers use.
const BAUDS: [u32; 9] = [4_800, 9_600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600];
/// Where gpsd listens (gpsd(8)).
const GPSD_PORT: u16 = 2_947;

/// `None` only together with a fault.
pub(super) fn gnss(table: &mut Table<'_>) -> (Option<Source>, FloorChoice, Option<Checksums>) {
    let source = table.choice("source", "serial", &["serial", "gpsd", "recording"]);
    // Taken in every case: a fault in a key that is not needed now is one tomorrow.
    let (baud, configure) = (baud(table), table.boolean("configure", true));
    let source = match source.as_deref() {
        Some("serial") => {
            let device = table.path("device", Some("/dev/gnss"));
            device.zip(baud).map(|(device, baud)| Source::Serial { device, baud, configure })
        }
        Some("gpsd") => gpsd(table),
        Some(_) => {
            let file = table.text("device", Some(""));
            file.map(|file| Source::Recording((!file.is_empty()).then(|| file.into())))
        }
        None => {
            // Otherwise it would be told as unknown.
            let _ = table.text("device", Some(""));
            None
        }
    };
    (source, floor(table), checksums(table))
}

/// `Some(None)` is "auto".
fn baud(table: &mut Table<'_>) -> Option<Option<u32>> {
    if table.is_text("baud") {
        let text = table.text("baud", None)?;
        if text == "auto" {
            return Some(None);
        }
        let number = text.parse().ok().filter(|number| BAUDS.contains(number));
        let number =
            number.map_or_else(|| "the receiver's speed, such as 9600,".to_owned(), |number: u32| number.to_string());
        let remedy = format!("write {number} without quotes, or \"auto\"");
        table.fault("baud", format!("`baud` = \"{text}\" is not known"), &remedy);
        return None;
    }
    let number = table.optional_number("baud", 4_800, 921_600)?;
    let Some(number) = number else { return Some(None) };
    let known = u32::try_from(number).ok().filter(|baud| BAUDS.contains(baud));
    if known.is_none() {
        let remedy = "use \"auto\", or the receiver's speed: one of 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600";
        table.fault("baud", "`baud` is not a speed that receivers use".to_owned(), remedy);
    }
    known.map(Some)
}

fn gpsd(table: &mut Table<'_>) -> Option<Source> {
    let text = table.text("device", Some("127.0.0.1"))?;
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host.to_owned(), port.parse().ok()),
        None => (text.clone(), Some(GPSD_PORT)),
    };
    let named = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    let port = port.filter(|port| named && *port > 0);
    if port.is_none() {
        let what = format!("`device` = \"{text}\" is not the address of a gpsd");
        table.fault("device", what, "write HOST or HOST:PORT, such as \"127.0.0.1:2947\"");
    }
    Some(Source::Gpsd { host, port: port? })
}

fn checksums(table: &mut Table<'_>) -> Option<Checksums> {
    let text = table.choice("checksum", "auto", &["auto", "required"])?;
    Some(if text == "required" { Checksums::Required } else { Checksums::Auto })
}

fn floor(table: &mut Table<'_>) -> FloorChoice {
    let text = table.text("date_floor", Some(""));
    match text.as_deref() {
        None | Some("") => FloorChoice::Default,
        Some("build") => FloorChoice::Build,
        Some("none") => FloorChoice::None,
        Some(day) => {
            let parsed = parse_rfc3339(&format!("{day}T00:00:00Z"));
            if parsed.is_none() {
                let what = format!("`date_floor` = \"{day}\" is neither \"build\", \"none\" nor a day");
                table.fault("date_floor", what, "write a day as \"2026-11-22\"");
            }
            if parsed.is_some_and(|day| day > version::released()) {
                let what = format!(
                    "`date_floor` = \"{day}\" lies after this release: dates before it would be moved by 1,024 weeks"
                );
                table.fault(
                    "date_floor",
                    what,
                    "use \"build\", or a day on which the truck was certainly not yet driving",
                );
            }
            parsed.map_or(FloorChoice::Default, FloorChoice::Day)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    fn source(gnss: &str) -> Result<Source, String> {
        let text = format!("[truck]\nfleet = \"a\"\nid = \"t\"\n[gnss]\n{gnss}");
        let one_line =
            |faults: Vec<crate::fault::Fault>| faults.into_iter().map(|f| f.what).collect::<Vec<_>>().join("; ");
        read("g.toml", &text).map(|config| config.source).map_err(one_line)
    }

    #[test]
    fn the_speed_is_found_by_itself_unless_one_is_named() {
        let serial = |baud| Ok(Source::Serial { device: "/dev/gnss".into(), baud, configure: true });
        assert_eq!(source(""), serial(None));
        assert_eq!(source("baud = \"auto\"\n"), serial(None));
        assert_eq!(source("baud = 38400\n"), serial(Some(38_400)));
        for wrong in ["baud = \"fast\"", "baud = 300", "baud = 9601", "baud = -1", "baud = 1.5", "baud = true"] {
            assert!(source(wrong).is_err_and(|what| what.contains("baud")), "{wrong}");
        }
    }

    #[test]
    fn a_receiver_is_configured_unless_its_owner_says_no() {
        let configured = |gnss| source(gnss).map(|source| matches!(source, Source::Serial { configure: true, .. }));
        assert_eq!(configured(""), Ok(true));
        assert_eq!(configured("configure = true\n"), Ok(true));
        assert_eq!(configured("configure = false\n"), Ok(false));
        assert!(source("configure = \"ublox\"\n").is_err_and(|what| what.contains("configure")));
        assert!(source("source = \"gpsd\"\nconfigure = false\n").is_ok(), "there it changes nothing");
    }

    #[test]
    fn a_receiver_without_checksums_is_believed_unless_they_are_required() {
        let read = |gnss: &str| {
            read("g.toml", &format!("[truck]\nfleet = \"a\"\nid = \"t\"\n[gnss]\n{gnss}"))
                .map_err(|faults| faults[0].clone())
        };
        let checksums = |gnss: &str| read(gnss).map(|config| config.checksums).ok();
        assert_eq!(checksums(""), Some(Checksums::Auto));
        assert_eq!(checksums("checksum = \"auto\"\n"), Some(Checksums::Auto));
        assert_eq!(checksums("checksum = \"required\"\n"), Some(Checksums::Required));
        let fault = read("checksum = \"none\"\n").expect_err("must be refused");
        assert_eq!((fault.line, fault.remedy.as_str()), (Some(5), "use one of: auto, required"));
        assert!(read("checksum = false\n").is_err());
    }

    #[test]
    fn a_speed_in_quotes_is_told_to_stand_without() {
        let remedy = |baud: &str| {
            let text = format!("[truck]\nfleet = \"a\"\nid = \"t\"\n[gnss]\nbaud = {baud}\n");
            read("g.toml", &text).expect_err("must be refused")[0].remedy.clone()
        };
        assert_eq!(remedy("\"9600\""), "write 9600 without quotes, or \"auto\"");
        assert_eq!(remedy("\"fast\""), "write the receiver's speed, such as 9600, without quotes, or \"auto\"");
        assert_eq!(remedy("9600.0"), "write a whole number");
    }

    #[test]
    fn a_gpsd_is_a_host_and_a_port() {
        let gpsd = |host: &str, port| Ok(Source::Gpsd { host: host.to_owned(), port });
        assert_eq!(source("source = \"gpsd\"\n"), gpsd("127.0.0.1", 2_947));
        assert_eq!(source("source = \"gpsd\"\ndevice = \"cab.local:4000\"\n"), gpsd("cab.local", 4_000));
        for wrong in ["", ":2947", "host:", "host:0", "host:99999", "/dev/gnss", "a b"] {
            let told = source(&format!("source = \"gpsd\"\ndevice = \"{wrong}\"\n"));
            assert!(told.is_err_and(|what| what.contains("gpsd")), "{wrong}");
        }
    }

    #[test]
    fn a_recording_may_be_named() {
        assert_eq!(source("source = \"recording\"\n"), Ok(Source::Recording(None)));
        let named = source("source = \"recording\"\ndevice = \"drive.nmea\"\n");
        assert_eq!(named, Ok(Source::Recording(Some("drive.nmea".into()))));
        assert!(source("source = \"usb\"\ndevice = \"x\"\n").is_err_and(|what| !what.contains("device")));
    }
}
