//! The bytes of an atlas file: header, sections, checksums. What a version means, and how a file is refused.
//!
//! All numbers are little-endian. The first sixteen bytes and the place of the header's checksum stay the same in all
//! versions, so that an older reader can say that a file is too new for it, and mean it.

use core::fmt;

/// The first eight bytes. The line end shows whether a text-mode transfer has damaged the file.
pub(super) const MAGIC: [u8; 8] = *b"GSATLAS\n";
/// The newest version that this code reads, and the one it writes.
pub(super) const VERSION: u32 = 1;
/// Length of the header of this version, bytes.
pub(super) const HEADER_LEN: usize = 320;
#[cfg(feature = "alloc")]
const HEADER_LEN_WORD: u32 = 320;
/// So many bytes share one checksum: small enough to check in the background, one in 16,384 bytes of the file.
pub(super) const BLOCK_LEN: usize = 64 * 1024;
/// Sections begin at multiples of this, so that no record lies across two cache lines.
pub(super) const ALIGNMENT: usize = 64;
/// Levels of the grid: cells of 0.01, 0.16, 2.56 and 40.96 degree.
pub(super) const LEVELS: usize = 4;
/// No version has a longer header.
const HEADER_MAX: usize = 64 * 1024;

/// The sections, in the order in which they lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Keys,
    Details,
    Zones,
    Fences,
    Outlines,
    Rows,
    Columns,
    Cells,
    Lists,
    Payload,
    Checksums,
}

impl Section {
    pub(super) const ALL: [Self; 11] = [
        Self::Keys,
        Self::Details,
        Self::Zones,
        Self::Fences,
        Self::Outlines,
        Self::Rows,
        Self::Columns,
        Self::Cells,
        Self::Lists,
        Self::Payload,
        Self::Checksums,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Details => "details",
            Self::Zones => "zones",
            Self::Fences => "fences",
            Self::Outlines => "outlines",
            Self::Rows => "rows",
            Self::Columns => "columns",
            Self::Cells => "cells",
            Self::Lists => "lists",
            Self::Payload => "payload",
            Self::Checksums => "checksums",
        }
    }
}

/// Why bytes are not an atlas that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtlasError {
    /// The first bytes are those of something else.
    NotAnAtlas,
    /// The file is shorter or longer than it was when it was written.
    Length {
        /// Bytes there are.
        is: u64,
        /// Bytes there should be.
        should: u64,
    },
    /// The header is damaged.
    HeaderChecksum,
    /// Written by a newer program, or by one that is older than all releases.
    Version {
        /// Version of the file.
        is: u32,
        /// The newest version that can be read.
        known: u32,
    },
    /// A section does not lie where it can be, though the header is undamaged: the writer had a fault.
    Section(&'static str),
    /// The block with this number, counted from 0 in steps of 64 KiB from the end of the header, is damaged.
    Block(usize),
}

impl fmt::Display for AtlasError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnAtlas => write!(f, "not an atlas: it does not begin as one"),
            Self::Length { is, should } if is < should => write!(f, "truncated: {is} bytes of {should}"),
            Self::Length { is, should } => write!(f, "too long: {is} bytes instead of {should}"),
            Self::HeaderChecksum => write!(f, "damaged: the checksum of the header is wrong"),
            Self::Version { is, known } => write!(f, "version {is} of the format; this program reads up to {known}"),
            Self::Section(name) => write!(f, "section \"{name}\" lies outside the file or has a wrong length"),
            Self::Block(number) => write!(f, "damaged: the checksum of block {number} is wrong"),
        }
    }
}

impl core::error::Error for AtlasError {}

/// Where one level of the grid has its rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Level {
    /// The southernmost row with a cell.
    pub(super) first_row: u32,
    /// How many rows there are from it on; none in an empty level.
    pub(super) rows: u32,
    /// Where its `rows + 1` numbers begin in the section of rows.
    pub(super) at: u32,
}

/// What the header says, besides what tells that it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) revision: u64,
    pub(super) fences: u32,
    /// Begin and length of each section, bytes, in the order of [`Section::ALL`].
    pub(super) sections: [(u64, u64); Section::ALL.len()],
    pub(super) levels: [Level; LEVELS],
}

const SECTIONS_AT: usize = 40;
const LEVELS_AT: usize = SECTIONS_AT + 16 * Section::ALL.len();

// The last four bytes are the checksum.
const _: () = assert!(LEVELS_AT + 12 * LEVELS + 4 <= HEADER_LEN);

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|b| u64::from_le_bytes(*b))
}

/// Reads and checks the header, and nothing else of the file.
pub(super) fn read_header(bytes: &[u8]) -> Result<Header, AtlasError> {
    let is = bytes.len() as u64;
    if !bytes.iter().zip(&MAGIC).all(|(a, b)| a == b) {
        return Err(AtlasError::NotAnAtlas);
    }
    let truncated = AtlasError::Length { is, should: HEADER_LEN as u64 };
    let version = u32_at(bytes, 8).ok_or(truncated)?;
    let length = u32_at(bytes, 12).ok_or(truncated)? as usize;
    if !(32..=HEADER_MAX).contains(&length) {
        return Err(AtlasError::HeaderChecksum);
    }
    let header = bytes.get(..length).ok_or(AtlasError::Length { is, should: length as u64 })?;
    let (content, checksum) = header.split_at(length - 4);
    if u32_at(checksum, 0) != Some(crc32fast::hash(content)) {
        return Err(AtlasError::HeaderChecksum);
    }
    if version == 0 || version > VERSION {
        return Err(AtlasError::Version { is: version, known: VERSION });
    }
    let parsed = parse(content).ok_or(AtlasError::HeaderChecksum)?;
    let should = u64_at(content, 16).unwrap_or(0);
    (is == should).then_some(parsed).ok_or(AtlasError::Length { is, should })
}

fn parse(content: &[u8]) -> Option<Header> {
    let mut sections = [(0, 0); Section::ALL.len()];
    for (index, section) in sections.iter_mut().enumerate() {
        let at = SECTIONS_AT + 16 * index;
        *section = (u64_at(content, at)?, u64_at(content, at + 8)?);
    }
    let mut levels = [Level::default(); LEVELS];
    for (index, level) in levels.iter_mut().enumerate() {
        let at = LEVELS_AT + 12 * index;
        *level =
            Level { first_row: u32_at(content, at)?, rows: u32_at(content, at + 4)?, at: u32_at(content, at + 8)? };
    }
    Some(Header { revision: u64_at(content, 24)?, fences: u32_at(content, 32)?, sections, levels })
}

/// The bytes of one section. `unit` is the length of its records.
pub(super) fn section<'a>(
    bytes: &'a [u8],
    header: &Header,
    section: Section,
    unit: usize,
) -> Result<&'a [u8], AtlasError> {
    let fault = AtlasError::Section(section.name());
    let &(begin, length) = header.sections.get(section as usize).ok_or(fault)?;
    let begin = usize::try_from(begin).map_err(|_| fault)?;
    let length = usize::try_from(length).map_err(|_| fault)?;
    let end = begin.checked_add(length).ok_or(fault)?;
    let aligned = begin >= HEADER_LEN && begin.is_multiple_of(ALIGNMENT) && length.is_multiple_of(unit);
    bytes.get(begin..end).filter(|_| aligned).ok_or(fault)
}

/// The header of a file of `file_length` bytes.
#[cfg(feature = "alloc")]
pub(super) fn write_header(header: &Header, file_length: u64) -> alloc::vec::Vec<u8> {
    let mut out = alloc::vec::Vec::with_capacity(HEADER_LEN);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&HEADER_LEN_WORD.to_le_bytes());
    out.extend_from_slice(&file_length.to_le_bytes());
    out.extend_from_slice(&header.revision.to_le_bytes());
    out.extend_from_slice(&header.fences.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    for (begin, length) in header.sections {
        out.extend_from_slice(&begin.to_le_bytes());
        out.extend_from_slice(&length.to_le_bytes());
    }
    for level in header.levels {
        for number in [level.first_row, level.rows, level.at] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
    out.resize(HEADER_LEN - 4, 0);
    let checksum = crc32fast::hash(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}
