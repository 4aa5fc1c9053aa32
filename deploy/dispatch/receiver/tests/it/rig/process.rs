//! The real receiver as a process.

use std::fs;
use std::path::{Path, PathBuf};

use gatestamp_receiver::store::Place;
pub(crate) use hil_tests::receiving::Receiver;

/// The binary of this build.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_gatestamp-receiver");

/// Writes a configuration.
pub(crate) fn configure(dir: &Path, name: &str, broker_port: u16, place: &Place, more: &str) -> PathBuf {
    let store = match place {
        Place::Sqlite(file) => format!("kind = \"sqlite\"\npath = \"{}\"", file.display()),
        Place::Postgres { url, .. } => format!("kind = \"postgres\"\nurl = \"{url}\""),
    };
    let file = dir.join(format!("{name}.toml"));
    let broker = format!("[broker]\nurl = \"mqtt://127.0.0.1:{broker_port}\"\nclient_id = \"{name}\"");
    fs::write(&file, format!("{broker}\n{more}\n[store]\n{store}\n[ack]\nevery_ms = 50\n")).expect("written");
    file
}

/// Starts it.
pub(crate) fn start(config: &Path) -> Receiver {
    Receiver::start(Path::new(PROGRAM), config).expect("the receiver starts")
}
