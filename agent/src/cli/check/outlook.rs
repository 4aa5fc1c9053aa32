//! What a daemon with this configuration will do, a line for each thing that it needs: a receiver that is not plugged in yet is no
//! fault, and neither is a port that nobody named right, as far as anybody can tell; who installs a truck reads it here.

use crate::config::{Config, Source};
use crate::fault::Fault;
use crate::gnss::Checksums;
use rustix::fs::{Access, access};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// What it will listen to. A port that is a file or a folder is a fault of the configuration `file`: waiting mends that never.
pub(super) fn receiver(file: &Path, source: &Source, checksums: Checksums) -> Result<String, Fault> {
    if let Source::Serial { device, .. } = source
        && fs::metadata(device).is_ok_and(|found| !found.file_type().is_char_device())
    {
        return Err(Fault {
            file: file.display().to_string(),
            line: None,
            what: format!("gnss.device: {}: this is no port", device.display()),
            remedy: "write the receiver's, such as /dev/gnss or /dev/ttyUSB0 (dmesg | grep tty shows which there are)"
                .to_owned(),
        });
    }
    let told = match source {
        Source::Serial { device, baud, configure } => {
            let speed = baud.map_or_else(|| "auto".to_owned(), |baud| baud.to_string());
            let setup = if *configure { "set up if it is a u-blox" } else { "never written to" };
            format!("receiver: serial {}, speed {speed}, {setup} ({})", device.display(), port(device))
        }
        Source::Gpsd { host, port } => format!("receiver: gpsd at {host}:{port}"),
        Source::Recording(file) => {
            let file = file.as_deref().unwrap_or(Path::new("none"));
            let there = if file.is_file() { "there" } else { "not there now" };
            format!("receiver: none, the recording {} is played ({there})", file.display())
        }
    };
    Ok(match checksums {
        Checksums::Auto => told,
        Checksums::Required => format!("{told}; sentences without a checksum never count"),
    })
}

/// Whether a port is there now.
fn port(device: &Path) -> String {
    match fs::metadata(device) {
        Ok(_) if access(device, Access::READ_OK).is_ok() => "there".to_owned(),
        Ok(_) => format!("there, and {} may not open it: it must be in the port's group (ls -l)", user()),
        Err(_) if device.starts_with("/dev") => "not there now".to_owned(),
        Err(_) => {
            "not there now, and no port is named like this: write the receiver's, such as /dev/gnss or /dev/ttyUSB0"
                .to_owned()
        }
    }
}

/// Where events will go.
pub(super) fn broker(config: &Config) -> String {
    let Some(mqtt) = &config.mqtt else { return "broker: none, events are kept".to_owned() };
    let how = if mqtt.tls.is_some() { "over TLS" } else { "in the clear" };
    let whose = if config.dispatch.acks { "dispatch has acknowledged it" } else { "the broker has taken it" };
    let warning = mqtt.pings_beyond_the_month().map_or_else(String::new, |told| format!("\nwarning: {told}"));
    format!("broker: {}:{} {how}; an event is owed until {whose}{warning}", mqtt.host, mqtt.port)
}

/// Where it keeps what must outlive a power cut. A directory that is not there is tried where it would be made, as the daemon does.
pub(super) fn state(dir: &Path) -> Result<String, Fault> {
    let there = dir.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let line = |how: &str| Ok(format!("state: {}, {how}", dir.display()));
    let fault = |what: String, remedy: String| {
        Err(Fault { file: dir.display().to_string(), line: None, what: format!("the state directory {what}"), remedy })
    };
    if !there.is_dir() {
        let what = format!("cannot be: {} is a file", there.display());
        return fault(what, "name a directory in [state] dir".to_owned());
    }
    let is_there = there == dir;
    let wanted = if is_there { "writable" } else { "not there yet, it will be made" };
    let Err(error) = tried(there) else { return line(wanted) };
    let user = user();
    #[expect(clippy::wildcard_enum_match_arm, reason = "of all errors of directories three are no reason to refuse")]
    match error.kind() {
        // Seen from elsewhere, such as from the computer at which it is written.
        ErrorKind::PermissionDenied if !is_there => line(&format!("not there yet, and {user} may not make it")),
        ErrorKind::PermissionDenied => {
            let remedy = "ask as the service's user (sudo -u gatestamp gatestamp check ..); if it is refused too: chown gatestamp:";
            fault(format!("cannot be written to by {user}"), format!("{remedy} {}", dir.display()))
        }
        // The daemon begins and goes on with a full disk.
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => line("writable, but its disk is full: make room"),
        _ => fault(
            format!("cannot be used: {error}"),
            "name a directory on a disk in [state] dir, such as /var/lib/gatestamp".to_owned(),
        ),
    }
}

/// Makes a directory there and takes it away again: what the mode of a directory says is not what its file system does.
fn tried(dir: &Path) -> io::Result<()> {
    let probe = dir.join(format!(".gatestamp-check-{}", std::process::id()));
    fs::create_dir(&probe)?;
    fs::remove_dir(&probe)
}

fn user() -> String {
    format!("uid {}", rustix::process::geteuid().as_raw())
}
