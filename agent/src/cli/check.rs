//! `gatestamp check`: is this configuration good, and what will the daemon do with it?

mod outlook;

use super::run::cannot_listen;
use super::say::{counted, print};
use super::{Failure, INSTALLED, configuration, facilities_of};
use crate::besttime::TimeBase;
use crate::config::TlsFiles;
use crate::facility::lint::lint;
use crate::facility::{self, Facilities};
use crate::fault::Fault;
use crate::io::clock::wall_clock;
use crate::io::facilities::{self, FacilityFile};
use crate::io::mqtt::gone::Cause;
use crate::io::mqtt::tls::Credentials;
use crate::time::{Mono, rfc3339};
use crate::version::released;
use clap::Args;
use geofence::Fences;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(super) struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = INSTALLED)]
    config: PathBuf,
}

pub(super) fn check(arguments: &Arguments) -> Result<(), Failure> {
    let config = configuration(&arguments.config);
    let path = config.as_ref().ok().map(|c| c.facilities.clone()).or_else(|| facilities_of(&arguments.config));
    let facilities = path.as_deref().map(examined).transpose();
    let device = config.as_ref().map_or_else(|_| String::new(), |c| c.truck.device());
    let tls = config.as_ref().ok().and_then(|c| c.mqtt.as_ref()?.tls.as_ref());
    let tls = tls.map(|files| certificates(files, &device)).transpose();
    let state = config.as_ref().ok().map(|c| outlook::state(&c.state_dir)).transpose();
    let receiver =
        config.as_ref().ok().map(|c| outlook::receiver(&arguments.config, &c.source, c.checksums)).transpose();
    let cannot_listen = config.as_ref().ok().and_then(|c| cannot_listen(&arguments.config, c));
    match (config, facilities, tls, state, receiver, cannot_listen) {
        (Ok(config), Ok(facilities), Ok(tls), Ok(state), Ok(receiver), None) => {
            let told = facilities.unwrap_or_default();
            let ok = format!("ok: {}, {told}{}", config.truck.device(), tls.unwrap_or_default());
            print([Some(ok), receiver, Some(outlook::broker(&config)), state].into_iter().flatten())
        }
        (config, facilities, tls, state, receiver, cannot_listen) => {
            let faults = [config.err(), facilities.err(), tls.err()].into_iter().flatten().flatten();
            let faults = faults.chain(receiver.err()).chain(state.err()).chain(cannot_listen);
            Err(Failure::faults(&faults.collect::<Vec<_>>()))
        }
    }
}

/// Until when the truck's certificate holds. A person who asks gets as a fault what a running daemon goes on with.
fn certificates(files: &TlsFiles, device: &str) -> Result<String, Vec<Fault>> {
    let time = TimeBase::new(Mono(0), released(), None).at(Mono(0), Some(wall_clock()));
    let read = Credentials::read(files, time)?;
    if read.doubts.is_empty() {
        let file = files.cert.display();
        // No fault: whose certificate it has to be is the broker's affair.
        let warning =
            read.foreign_to(device).map(|told| format!("\nwarning: {file}: {told}; {}", Cause::OwnForeign.remedy()));
        Ok(format!(", certificate valid to {}{}", rfc3339(read.not_after), warning.unwrap_or_default()))
    } else {
        Err(read.doubts)
    }
}

/// What is in a facility file, and whether somebody should look at it.
fn examined(path: &Path) -> Result<String, Vec<Fault>> {
    let name = path.display().to_string();
    let (bytes, warnings) = match facilities::read(path)? {
        FacilityFile::Atlas(bytes) => (bytes, 0),
        FacilityFile::Text(text) => {
            let bytes = facility::compiled(&name, &text)?;
            (bytes, lint(&facility::survey(&text).0).len())
        }
    };
    let compiled = Facilities::open(bytes).map_err(|error| vec![error.fault(&name)])?;
    let fences = counted(compiled.len(), ["fence", "fences"]);
    let mut told = format!("{} with {fences}", counted(compiled.count(), ["facility", "facilities"]));
    if warnings > 0 {
        let them = counted(warnings, ["warning", "warnings"]);
        told.push_str(&format!("\n{name}: {them}; gatestamp facilities lint {name} tells them"));
    }
    Ok(told)
}
