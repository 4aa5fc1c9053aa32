//! Where are the recordings, and what is in them?

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

const VARIABLE: &str = "GATESTAMP_RECORDINGS";

/// A drive whose raw recording every test may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Drive {
    /// Its folder under `drives/`.
    pub(super) folder: &'static str,
    recording: &'static str,
    /// The UTC date on which all of it happened.
    pub(super) date: &'static str,
}

pub(super) const GOOGLE: Drive =
    Drive { folder: "google-mtv-2020", recording: "MTV.Local1.ublox-F9K.20200206-181434.nmea.zst", date: "2020-02-07" };
pub(super) const MUNICH: Drive = Drive { folder: "munich-2009", recording: "munich-gps.nmea.zst", date: "2009-04-01" };
pub(super) const SILVRETTA: Drive =
    Drive { folder: "silvretta-2011", recording: "Silvretta-1_converted_1.nmea.zst", date: "2011-09-23" };
pub(super) const KOLOMNA: Drive = Drive { folder: "kolomna-2017", recording: "nmea1.log.zst", date: "2017-03-31" };

/// The recordings folder, known to exist.
pub(super) struct Shelf(PathBuf);

impl Shelf {
    /// The recordings, or `None` after one line that says why there are none.
    pub(super) fn open() -> Option<Self> {
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/recordings");
        let folder = std::env::var_os(VARIABLE).map_or(beside, PathBuf::from);
        if folder.is_dir() {
            return Some(Self(folder));
        }
        println!("skipped: no recordings in {} ({VARIABLE} names another folder)", folder.display());
        None
    }

    /// The drive's NMEA, as stored.
    pub(super) fn drive(&self, drive: Drive) -> PathBuf {
        self.0.join("drives").join(drive.folder).join(drive.recording)
    }

    /// What gpsd 3.22 made of the drive: one TPV object per line.
    pub(super) fn oracle(&self, drive: Drive) -> PathBuf {
        self.0.join("drives").join(drive.folder).join("gpsd-3.22.tpv.jsonl.zst")
    }

    /// Every receiver log: text, mixed, binary and marine, gpsd's and the small streams; in the order of their names.
    pub(super) fn logs(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for folder in ["gpsd-logs", "streams", "streams/pyubx2", "streams/nmea-crate"] {
            for entry in fs::read_dir(self.0.join(folder)).expect("the recordings are complete") {
                let path = entry.expect("the folder can be read").path();
                if is_log(&path) {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }
}

fn is_log(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let name = name.strip_suffix(".zst").unwrap_or(name);
    path.is_file() && (name.ends_with(".log") || name.ends_with(".nmea"))
}

/// The bytes of a recording, decompressed where its name ends in `.zst`.
pub(super) fn bytes_of(path: &Path) -> Vec<u8> {
    let stored = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if path.extension() == Some(OsStr::new("zst")) {
        zstd::decode_all(stored.as_slice()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    } else {
        stored
    }
}
