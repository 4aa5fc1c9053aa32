//! What is a recording, and what kind of stream is in it?

use crate::scan;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A binary log with fewer sentences than this has them by chance or as a greeting.
const MIXED_SENTENCES_MIN: usize = 3;

/// gpsd's answer to the drive in the same folder.
const DRIVE_ORACLE: &str = "gpsd-3.22.tpv.jsonl";

/// What a stream consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Sentences only: a receiver's log.
    Text,
    /// Sentences only: a drive of many kilometres, that would outweigh all the logs.
    Drive,
    /// Sentences among binary frames.
    Mixed,
    /// No sentences to speak of.
    Binary,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Drive => "drive",
            Self::Mixed => "mixed",
            Self::Binary => "binary",
        }
    }
}

/// One recording, in memory.
#[derive(Debug, Clone)]
pub struct Log {
    /// File name without `.zst`.
    pub name: String,
    /// The stream without the header lines.
    pub bytes: Vec<u8>,
    /// What the stream consists of.
    pub kind: Kind,
    /// The days that the header names, as `yyyy-mm-dd`.
    pub header_dates: Vec<String>,
    /// Where gpsd's answer lies, if there is one.
    pub oracle: Option<PathBuf>,
}

/// Paths of all recordings below a folder, in the order of their names.
///
/// # Errors
/// A folder that cannot be read.
pub fn find(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    walk(folder, &mut found)?;
    found.sort();
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, found)?;
        } else if is_log(&path) {
            found.push(path);
        }
    }
    Ok(())
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name.strip_suffix(".zst").unwrap_or(name).to_owned()
}

fn is_log(path: &Path) -> bool {
    let name = name_of(path);
    name.ends_with(".log") || name.ends_with(".nmea")
}

impl Log {
    /// Reads one recording.
    ///
    /// # Errors
    /// A file that cannot be read or decompressed; the message names it.
    pub fn read(path: &Path) -> io::Result<Self> {
        let whole = bytes_of(path)?;
        let (header, bytes) = whole.split_at(header_length(&whole));
        let sentences = scan::sentences(bytes).count();
        let text = !bytes.iter().any(|byte| *byte >= 0x80 || *byte == 0);
        let oracle = oracle_of(path);
        let drive = oracle.as_deref().is_some_and(|oracle| name_of(oracle) == DRIVE_ORACLE);
        let kind = match (text, sentences) {
            (true, 1..) if drive => Kind::Drive,
            (true, 1..) => Kind::Text,
            (false, MIXED_SENTENCES_MIN..) => Kind::Mixed,
            _ => Kind::Binary,
        };
        Ok(Self {
            name: name_of(path),
            kind,
            header_dates: String::from_utf8_lossy(header).lines().filter_map(date_of).collect(),
            oracle,
            bytes: bytes.to_vec(),
        })
    }
}

/// The content of a file, decompressed where its name ends in `.zst`.
///
/// # Errors
/// A file that cannot be read or decompressed; the message names it.
pub fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let stored = fs::read(path).map_err(named)?;
    if path.extension() == Some(OsStr::new("zst")) {
        zstd::decode_all(stored.as_slice()).map_err(named)
    } else {
        Ok(stored)
    }
}

fn header_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if line.first() != Some(&b'#') {
            break;
        }
        length += line.len();
    }
    length
}

/// `# Date: 2019-3-14`, `# Date = 2015-03-18` or `# Date: 2021-02-23T...`.
fn date_of(line: &str) -> Option<String> {
    let rest = line.trim_start_matches(['#', ' ', '\t']).strip_prefix("Date")?;
    let rest = rest.trim_start_matches([':', '=', ' ', '\t']);
    let mut parts = rest.splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let day: String = day.chars().take_while(char::is_ascii_digit).collect();
    let number = |text: &str| text.parse::<u16>().ok();
    Some(format!("{:04}-{:02}-{:02}", number(year)?, number(month)?, number(&day)?))
}

/// `NAME.log.chk` beside the log, or, for a drive, the one in its folder.
fn oracle_of(path: &Path) -> Option<PathBuf> {
    let folder = path.parent()?;
    let chk = format!("{}.chk", name_of(path));
    let candidates = [chk.clone(), format!("{chk}.zst"), format!("{DRIVE_ORACLE}.zst")];
    candidates.into_iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_dates_are_read_as_people_wrote_them() {
        let read = |line| date_of(line).unwrap_or_default();
        assert_eq!(read("# Date: 2019-3-14"), "2019-03-14");
        assert_eq!(read("# Date = 2015-03-18"), "2015-03-18");
        assert_eq!(read("# Date: 2021-02-23T12:00"), "2021-02-23");
        assert_eq!(date_of("# Location: here"), None);
    }

    #[test]
    fn the_header_is_no_part_of_the_stream() {
        assert_eq!(header_length(b"# a\n#\n$GPGGA\n# not a header\n"), 6);
    }
}
