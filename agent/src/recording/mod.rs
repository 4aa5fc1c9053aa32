//! The recording: the ordered list of the engine's inputs, from which every event can be derived again.
//!
//! A segment is a file: a head line of JSON that says with which state it begins, then one zstd stream of records:
//!
//! ```text
//!   "GATESTAMP-RECORDING 1\n"  {head}"\n"  zstd( record* )
//!   record  = kind:u8  at:u64  length:u16  payload[length]          little-endian; `at` in monotonic milliseconds
//!   kind    = 1 boot (JSON) | 2 bytes | 3 tick | 4 stop | 5 seal (payload: CRC-32 of all records since the last seal)
//!           | 6 missed (payload: u64, how many inputs before could not be recorded) | 7 source (JSON)
//!           | 8 lost (JSON) | 9 floor (payload: u64, sequences up to here were given before)
//!           | 10 private (payload: u8, 1 private time began, 0 it ended)
//!           | 11 renumbered (payload: u64, sequences up to here are another gateway's)
//! ```
//!
//! Records count only once the seal after them is there and right. A power cut tears the end of a segment off; what is
//! torn was never sealed, so a reader takes exactly what the agent itself finds when it starts again.
//!
//! A raw NMEA file is the degenerate recording, see [`raw`].

pub mod raw;
mod reader;
mod record;

pub use reader::{End, Segment, SegmentError};
pub use record::{Head, Recorded, encode, seal};

/// The first line of every segment; the number is the version of the format.
pub const MAGIC: &[u8] = b"GATESTAMP-RECORDING 1\n";
/// Longest payload of a record: one read of the serial port, or the boot record.
pub const PAYLOAD_MAX: usize = 4_096;

/// The name of segment `index` within a recording folder.
#[must_use]
pub fn segment_name(index: u64) -> String {
    format!("{index:08}.gsr")
}

/// The index of the segment with this file name.
#[must_use]
pub fn segment_index(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".gsr").filter(|d| d.len() == 8)?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}
