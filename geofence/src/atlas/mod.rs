//! The atlas: a whole set of fences in one file that is used where it lies, without being read in.
//!
//! ```text
//!   header     magic "GSATLAS\n", version, length of header and file, revision, counts, sections, levels, checksum
//!   keys       u64 per fence, ascending: fence `index` has the key at `index`
//!   details    12 bytes per fence: slot (u32), owner (u32), depth in metres (f32)
//!   zones      u8 per fence
//!   fences     32 bytes per slot, near ones side by side: corner, size, outline, scale, index  (record.rs)
//!   outlines   words of 4 bytes. Ring: count of vertices (highest bit: another ring follows); if above 64, least and
//!              greatest height of each 16 edges (2 x u32); vertices of 2 x u16 or 2 x u32 from the corner.
//!              Circle: centre from the corner (2 x u32), radius in millimetres (u32)
//!   rows       per level of the grid: u32 per row, the row's first cell, and one more for the end
//!   columns    u16 per cell, ascending in each row
//!   cells      u32 per cell: a slot, or (highest bit) where its list is
//!   lists      words of 4 bytes: count; if above 16, one box per 16 entries; entries of box and slot  (grid.rs)
//!   payload    the caller's own bytes
//!   checksums  crc32 (u32) of each 64 KiB block from the end of the header to here
//! ```
//!
//! Little-endian; sections begin at multiples of 64 bytes. No pointer, no padding that matters, nothing to convert: 15,000
//! fences cost what the pages that a drive touches cost, and a start costs the header. Whoever maps the file has a second
//! reader of it for nothing.
//!
//! A query decides in integers ([`outline`]), so every machine agrees. No bytes make it panic or run without end; damaged
//! ones give wrong answers, which is what [`Atlas::verify`] is for.

use crate::fences::{FenceKey, Fences};
use crate::geodesy::Position;

#[cfg(feature = "alloc")]
mod build;
mod format;
mod grid;
mod metric;
mod nearest;
mod outline;
mod query;
mod record;
#[cfg(feature = "alloc")]
mod snap;
#[cfg(feature = "alloc")]
mod tiles;

#[cfg(feature = "alloc")]
pub use build::{AtlasBuilder, BuildError};
pub use format::AtlasError;

use format::{BLOCK_LEN, HEADER_LEN, Header, LEVELS, Level, Section, read_header, section, u32_at};
use outline::{Side, Word};
use record::{RECORD_LEN, Record};

/// Length of a fence's details, bytes.
const DETAILS_LEN: usize = 12;

/// A set of fences in the bytes of a file.
#[derive(Debug, Clone, Copy)]
pub struct Atlas<'a> {
    revision: u64,
    levels: [Level; LEVELS],
    keys: &'a [[u8; 8]],
    details: &'a [[u8; DETAILS_LEN]],
    zones: &'a [u8],
    records: &'a [[u8; RECORD_LEN]],
    outlines: &'a [Word],
    rows: &'a [Word],
    columns: &'a [[u8; 2]],
    cells: &'a [Word],
    lists: &'a [Word],
    payload: &'a [u8],
    /// From the end of the header to the checksums.
    content: &'a [u8],
    checksums: &'a [Word],
}

impl<'a> Atlas<'a> {
    /// Takes `bytes`, the whole file, for an atlas. Reads the header and nothing else.
    ///
    /// # Errors
    /// What is wrong with the header, the length or the place of a section. Damage elsewhere is found by
    /// [`Atlas::verify`].
    pub fn open(bytes: &'a [u8]) -> Result<Self, AtlasError> {
        let header = read_header(bytes)?;
        let checksums = section(bytes, &header, Section::Checksums, 4)?;
        let content_end = bytes.len() - checksums.len();
        let atlas = Self {
            revision: header.revision,
            levels: header.levels,
            keys: section(bytes, &header, Section::Keys, 8)?.as_chunks().0,
            details: section(bytes, &header, Section::Details, DETAILS_LEN)?.as_chunks().0,
            zones: section(bytes, &header, Section::Zones, 1)?,
            records: section(bytes, &header, Section::Fences, RECORD_LEN)?.as_chunks().0,
            outlines: section(bytes, &header, Section::Outlines, 4)?.as_chunks().0,
            rows: section(bytes, &header, Section::Rows, 4)?.as_chunks().0,
            columns: section(bytes, &header, Section::Columns, 2)?.as_chunks().0,
            cells: section(bytes, &header, Section::Cells, 4)?.as_chunks().0,
            lists: section(bytes, &header, Section::Lists, 4)?.as_chunks().0,
            payload: section(bytes, &header, Section::Payload, 1)?,
            content: bytes.get(HEADER_LEN..content_end).unwrap_or_default(),
            checksums: checksums.as_chunks().0,
        };
        atlas.counts_agree(&header).map(|()| atlas)
    }

    fn counts_agree(&self, header: &Header) -> Result<(), AtlasError> {
        let fences = header.fences as usize;
        let blocks = self.content.len().div_ceil(BLOCK_LEN);
        let counts = [
            ("keys", self.keys.len(), fences),
            ("details", self.details.len(), fences),
            ("zones", self.zones.len(), fences),
            ("fences", self.records.len(), fences),
            ("cells", self.cells.len(), self.columns.len()),
            ("checksums", self.checksums.len(), blocks),
        ];
        let wrong = counts.iter().find(|(_, is, should)| is != should);
        wrong.map_or(Ok(()), |(name, ..)| Err(AtlasError::Section(name)))
    }

    /// Compares every block of the file with its checksum: some 0.1 s for 100,000 fences.
    ///
    /// # Errors
    /// The first damaged block.
    pub fn verify(&self) -> Result<(), AtlasError> {
        (0..self.blocks()).try_for_each(|number| self.verify_block(number))
    }

    /// How many blocks have a checksum.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.checksums.len()
    }

    /// Compares one block with its checksum, so that a large file can be checked a piece at a time.
    ///
    /// # Errors
    /// [`AtlasError::Block`] if it is damaged, or if there is no such block.
    pub fn verify_block(&self, number: usize) -> Result<(), AtlasError> {
        let block = self.content.chunks(BLOCK_LEN).nth(number);
        let checksum = self.checksums.get(number).map(|word| u32::from_le_bytes(*word));
        let good = checksum.is_some() && block.map(crc32fast::hash) == checksum;
        good.then_some(()).ok_or(AtlasError::Block(number))
    }

    /// The bytes that the caller put in.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The number that the caller gave with fence `index`; `None` beyond the end.
    #[must_use]
    pub fn owner(&self, index: usize) -> Option<u32> {
        u32_at(self.details.get(index)?, 4)
    }

    /// The zone that the caller gave with fence `index`; `None` beyond the end.
    #[must_use]
    pub fn zone(&self, index: usize) -> Option<u8> {
        self.zones.get(index).copied()
    }

    /// Whether fence `index` contains `position`, its boundary included: the same as a signed distance of zero or less.
    /// `None` beyond the end.
    #[must_use]
    pub fn contains(&self, index: usize, position: Position) -> Option<bool> {
        let record = self.record(index)?;
        Some(outline::side(self.outlines, &record, record.offset(position)) != Side::Outside)
    }

    fn record(&self, index: usize) -> Option<Record> {
        self.at_slot(u32_at(self.details.get(index)?, 0)?)
    }

    fn at_slot(&self, slot: u32) -> Option<Record> {
        Record::read(self.records.get(slot as usize)?)
    }
}

impl Fences for Atlas<'_> {
    fn len(&self) -> usize {
        self.keys.len()
    }

    fn key(&self, index: usize) -> Option<FenceKey> {
        self.keys.get(index).map(|key| FenceKey(u64::from_le_bytes(*key)))
    }

    fn find(&self, key: FenceKey) -> Option<usize> {
        self.keys.binary_search_by_key(&key.0, |key| u64::from_le_bytes(*key)).ok()
    }

    fn signed_distance_m(&self, index: usize, position: Position) -> Option<f64> {
        Some(outline::signed_distance_m(self.outlines, &self.record(index)?, position))
    }

    fn depth_m(&self, index: usize) -> Option<f64> {
        u32_at(self.details.get(index)?, 8).map(|bits| f64::from(f32::from_bits(bits)))
    }

    fn around(&self, position: Position, within_m: f64, visit: &mut dyn FnMut(usize)) {
        self.visit_around(position, within_m, visit);
    }

    fn clearance_m(&self, position: Position) -> f64 {
        self.nearest_boundary_m(position)
    }

    fn revision(&self) -> u64 {
        self.revision
    }
}
