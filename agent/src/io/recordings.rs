//! Recordings as files: finds out what each named one is, and reads it.

use super::blackbox::segments;
use crate::config::Truck;
use crate::gnss::speaks;
use crate::recording::{MAGIC, Segment};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// zstd, RFC 8878, 3.1.1.
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// A compressed file that unpacks to more is refused: a small hostile file must not fill the memory.
const UNPACKED_MAX: u64 = 4 << 30;

/// One recording in memory.
pub(crate) enum RecordingFile {
    Raw(Vec<u8>),
    Segment {
        name: String,
        bytes: Vec<u8>,
        truck: Truck,
    },
    /// One of a folder that cannot be used, and why: the others can.
    Unusable(String),
}

impl RecordingFile {
    /// Whose recording it is, if it says.
    pub(crate) fn truck(&self) -> Option<Truck> {
        match self {
            Self::Raw(_) | Self::Unusable(_) => None,
            Self::Segment { truck, .. } => Some(truck.clone()),
        }
    }
}

/// Reads everything that was named, folders as their segments in order.
pub(crate) fn open(named: &[PathBuf]) -> Result<Vec<RecordingFile>, String> {
    let mut files = Vec::new();
    for path in named {
        if path.is_dir() {
            let found = segments(path).map_err(|error| format!("{}: {error}", path.display()))?;
            if found.is_empty() {
                let remedy = "name the folder `recording` of a state directory, or a file";
                return Err(format!(
                    "{}: no segments of a recording in this folder\n    remedy: {remedy}",
                    path.display()
                ));
            }
            for (_, segment) in found {
                files.push(file(&segment).unwrap_or_else(RecordingFile::Unusable));
            }
        } else {
            let file = file(path)?;
            if let RecordingFile::Raw(bytes) = &file
                && !speaks(bytes)
            {
                return Err(no_recording(path, bytes));
            }
            files.push(file);
        }
    }
    Ok(files)
}

/// What it is instead. Hours without a receiver are in a segment, which says what it is; raw bytes are what a receiver said.
fn no_recording(path: &Path, bytes: &[u8]) -> String {
    let what = if bytes.is_empty() {
        "the file is empty".to_owned()
    } else {
        let kind = if std::str::from_utf8(bytes).is_ok() { " of text" } else { "" };
        format!(
            "not one sentence with a good checksum, and no UBX message of those understood, in {} bytes{kind}",
            bytes.len()
        )
    };
    let remedy = "name what a receiver sent, or the folder `recording` of a state directory";
    format!("{}: no recording, and no NMEA in it: {what}\n    remedy: {remedy}", path.display())
}

/// Above which sequences are counted at the end of these recordings. The head of a segment knows of all before it.
pub(crate) fn base(files: &[RecordingFile]) -> u64 {
    let segments = files.iter().rev().filter_map(|file| match file {
        RecordingFile::Segment { bytes, .. } => Segment::open(bytes).ok(),
        RecordingFile::Raw(_) | RecordingFile::Unusable(_) => None,
    });
    segments.into_iter().next().map_or(0, Segment::base)
}

pub(crate) fn file(path: &Path) -> Result<RecordingFile, String> {
    let name = path.display().to_string();
    let failed =
        |error: std::io::Error| format!("{name}: {error}\n    remedy: name a recording that exists and can be read");
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).map_err(failed)?;
    } else {
        bytes = fs::read(path).map_err(failed)?;
    }
    if bytes.starts_with(ZSTD) {
        let remedy = "the file is cut short or damaged: copy it again";
        bytes = unpack(&bytes).map_err(|error| format!("{name}: {error}\n    remedy: {remedy}"))?;
    }
    let named_segment = path.extension().is_some_and(|ending| ending == "gsr");
    if named_segment && !bytes.starts_with(MAGIC) {
        return Err(format!(
            "{name}: is damaged at its beginning\n    remedy: take it from a copy, or leave this segment out"
        ));
    }
    if !bytes.starts_with(MAGIC) {
        return Ok(RecordingFile::Raw(bytes));
    }
    let truck = Segment::open(&bytes)
        .map(|segment| Truck { fleet: segment.head().fleet.clone(), id: segment.head().truck.clone() })
        .map_err(|error| {
            format!("{name}: {error}\n    remedy: leave this segment out; the others can be replayed without it")
        })?;
    Ok(RecordingFile::Segment { name, bytes, truck })
}

fn unpack(packed: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let unpacked = zstd::stream::read::Decoder::new(packed)?.take(UNPACKED_MAX).read_to_end(&mut bytes)?;
    if unpacked as u64 == UNPACKED_MAX {
        return Err(std::io::Error::other("unpacks to more than 4 GiB"));
    }
    Ok(bytes)
}
