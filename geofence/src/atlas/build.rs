//! Writes an atlas. The same fences, in any order, give the same bytes.
//!
//! Vertices keep their place while a fence spans less than 728 m (16 bits of 1e-7 degree). Up to 1,456 m they move to the
//! next even unit, by 1.1 cm at most; the even units are those of the whole earth, so what two fences share moves alike. An
//! outline that would lose its shape by this ([`super::snap`]), and every larger one, is kept exactly, in 32 bits.

use super::format::{ALIGNMENT, BLOCK_LEN, HEADER_LEN, Header, LEVELS, Level, Section, write_header};
use super::grid::Window;
use super::metric::{SCALE_UNIT_M, SLOPE_UNIT_M, StoredScale};
use super::outline::{LONG, MORE_RINGS, RUN};
use super::record::{CIRCLE_E7, Form, Record};
use super::snap::{Vertex, halved};
use super::tiles::{Grid, curve};
use crate::fences::FenceKey;
use crate::geodesy::Position;
use crate::shape::{Shape, ShapeError};
use alloc::vec::Vec;
use core::fmt;

/// The largest radius of a circle, metres. On a larger one a plane is wrong by metres.
const RADIUS_MAX_M: f64 = 500_000.0;
const POLE_E7: i64 = 900_000_000;

/// Why a fence or a set of fences cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildError {
    /// The outline cannot be used. [`ShapeError::TooLarge`] is also said of a circle of more than 500 km, and of one that
    /// reaches a pole.
    Shape(ShapeError),
    /// Two fences have this key.
    DuplicateKey(FenceKey),
    /// More than 2^30 fences, or outlines of more than 8 GiB.
    TooMany,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(ShapeError::TooFewVertices) => write!(f, "a ring has fewer than three vertices"),
            Self::Shape(ShapeError::BadRadius) => write!(f, "the radius is not above zero"),
            Self::Shape(ShapeError::TooLarge) => write!(f, "the fence is too large or reaches a pole"),
            Self::DuplicateKey(key) => write!(f, "two fences have the key {:016x}", key.0),
            Self::TooMany => write!(f, "more fences than an atlas can number"),
        }
    }
}

impl core::error::Error for BuildError {}

/// One fence that was added.
#[derive(Debug)]
struct Draft {
    key: FenceKey,
    owner: u32,
    zone: u8,
    depth_m: f32,
    /// Its outline is still a range of [`AtlasBuilder::words`], and its index unknown.
    record: Record,
    words: core::ops::Range<usize>,
}

/// Collects fences and writes the file.
#[derive(Debug, Default)]
pub struct AtlasBuilder {
    revision: u64,
    drafts: Vec<Draft>,
    words: Vec<u32>,
    payload: Vec<u8>,
}

impl AtlasBuilder {
    /// An atlas without fences. `revision` is returned by [`crate::Fences::revision`]: equal for equal sets.
    #[must_use]
    pub fn new(revision: u64) -> Self {
        Self { revision, ..Self::default() }
    }

    /// Adds a fence. `owner` and `zone` are returned by [`super::Atlas::owner`] and [`super::Atlas::zone`] and mean
    /// nothing here.
    ///
    /// # Errors
    /// [`BuildError::Shape`] if the outline cannot be used; nothing is added then.
    pub fn add(&mut self, key: FenceKey, owner: u32, zone: u8, shape: &Shape<'_>) -> Result<(), BuildError> {
        shape.check().map_err(BuildError::Shape)?;
        let begin = self.words.len();
        let record = match *shape {
            Shape::Circle { centre, radius_m } => self.circle(centre, radius_m)?,
            Shape::Polygon { vertices, ring_ends } => self.polygon(vertices, ring_ends),
        };
        let words = begin..self.words.len();
        self.drafts.push(Draft { key, owner, zone, depth_m: rounded_down(shape.depth_m()), record, words });
        Ok(())
    }

    /// Bytes of the caller's own, returned by [`super::Atlas::payload`].
    pub fn set_payload(&mut self, payload: Vec<u8>) {
        self.payload = payload;
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// [`BuildError::DuplicateKey`] and [`BuildError::TooMany`].
    pub fn finish(mut self) -> Result<Vec<u8>, BuildError> {
        self.drafts.sort_unstable_by_key(|draft| draft.key);
        let next = self.drafts.iter().skip(1);
        if let Some((double, _)) = self.drafts.iter().zip(next).find(|(a, b)| a.key == b.key) {
            return Err(BuildError::DuplicateKey(double.key));
        }
        let count = u32::try_from(self.drafts.len()).ok().filter(|&n| n < 1 << 30).ok_or(BuildError::TooMany)?;
        for (index, draft) in (0..count).zip(&mut self.drafts) {
            draft.record.index = index;
        }
        let slots = self.slots();
        let outlines = self.place_outlines(&slots)?;
        let records: Vec<Record> = slots.iter().filter_map(|&i| self.drafts.get(i)).map(|draft| draft.record).collect();
        let grid = Grid::new(&records)?;
        let mut file = File { bytes: alloc::vec![0; HEADER_LEN], sections: [(0, 0); Section::ALL.len()] };
        self.write_fences(&mut file, &slots);
        file.put(Section::Fences, |out| records.iter().for_each(|record| record.write(out)));
        file.put(Section::Outlines, |out| words(out, &outlines));
        file.put(Section::Rows, |out| words(out, &grid.rows));
        file.put(Section::Columns, |out| grid.columns.iter().for_each(|c| out.extend_from_slice(&c.to_le_bytes())));
        file.put(Section::Cells, |out| words(out, &grid.cells));
        file.put(Section::Lists, |out| words(out, &grid.lists));
        file.put(Section::Payload, |out| out.extend_from_slice(&self.payload));
        Ok(file.finish(self.revision, count, grid.levels))
    }

    /// What is in the order of keys. `slots` are the numbers of the drafts in the order of places.
    fn write_fences(&self, file: &mut File, slots: &[usize]) {
        let mut slot_of = alloc::vec![0_u32; slots.len()];
        for (slot, &index) in (0_u32..).zip(slots) {
            if let Some(place) = slot_of.get_mut(index) {
                *place = slot;
            }
        }
        file.put(Section::Keys, |out| self.drafts.iter().for_each(|d| out.extend_from_slice(&d.key.0.to_le_bytes())));
        file.put(Section::Details, |out| {
            for (draft, slot) in self.drafts.iter().zip(&slot_of) {
                words(out, &[*slot, draft.owner, draft.depth_m.to_bits()]);
            }
        });
        file.put(Section::Zones, |out| out.extend(self.drafts.iter().map(|draft| draft.zone)));
    }

    /// The numbers of the drafts in an order that has near fences near each other, so that a drive touches few pages.
    fn slots(&self) -> Vec<usize> {
        let place = |draft: &Draft| {
            let (width, height) = draft.record.size_e7();
            let (lat, lon) = (i64::from(draft.record.lat) + height / 2, i64::from(draft.record.lon) + width / 2);
            curve(lat, lon)
        };
        let mut slots: Vec<usize> = (0..self.drafts.len()).collect();
        slots.sort_by_cached_key(|&index| (self.drafts.get(index).map(place), index));
        slots
    }

    /// All outlines in the order of slots; records learn where theirs is.
    fn place_outlines(&mut self, slots: &[usize]) -> Result<Vec<u32>, BuildError> {
        let mut outlines = Vec::with_capacity(self.words.len());
        for &index in slots {
            let Some(draft) = self.drafts.get_mut(index) else { continue };
            draft.record.outline = u32::try_from(outlines.len()).map_err(|_| BuildError::TooMany)?;
            outlines.extend_from_slice(self.words.get(draft.words.clone()).unwrap_or_default());
        }
        Ok(outlines)
    }

    fn circle(&mut self, centre: Position, radius_m: f64) -> Result<Record, BuildError> {
        let too_large = BuildError::Shape(ShapeError::TooLarge);
        if radius_m > RADIUS_MAX_M {
            return Err(too_large);
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 500 km in millimetres")]
        let radius_mm = libm::round(radius_m * 1000.0).max(1.0) as u32;
        let radius_m = f64::from(radius_mm) / 1000.0;
        let scale = StoredScale::at(centre.lat_e7());
        // The scale to the north changes by less than a thousandth over 500 km.
        let high = units(radius_m / (f64::from(scale.north) * SCALE_UNIT_M * 0.999));
        let to_pole = POLE_E7 - i64::from(centre.lat_e7()).abs();
        let narrowing = f64::from(scale.slope).abs() * SLOPE_UNIT_M * radius_m / 0.011;
        let east_min_m = f64::from(scale.east) * SCALE_UNIT_M - narrowing;
        let wide = if east_min_m > 1e-5 { units(radius_m / east_min_m) } else { CIRCLE_E7 };
        if high >= to_pole || wide >= CIRCLE_E7 / 4 {
            return Err(too_large);
        }
        let corner = (i64::from(centre.lon_e7()) - wide, i64::from(centre.lat_e7()) - high);
        self.words.extend([wide, high].map(|units| u32::try_from(units).unwrap_or(u32::MAX)));
        self.words.push(radius_mm);
        Ok(boxed(corner, (2 * wide, 2 * high), Form::Circle, scale))
    }

    fn polygon(&mut self, vertices: &[Position], ring_ends: &[usize]) -> Record {
        let (corner, rings) = from_corner(vertices, ring_ends);
        let size = rings.iter().flatten().fold((0, 0), |size: Vertex, v| (size.0.max(v.0), size.1.max(v.1)));
        let narrow = i64::from(u16::MAX);
        let span = size.0.max(size.1);
        let (form, shift, rings) = if span <= narrow {
            (Form::Narrow, 0, rings)
        } else if let Some(moved) = (span < 2 * narrow).then(|| halved(&rings)).flatten() {
            (Form::Narrow, 1, moved)
        } else {
            (Form::Wide, 0, rings)
        };
        let last = rings.len().saturating_sub(1);
        for (number, ring) in rings.iter().enumerate() {
            let more = if number < last { MORE_RINGS } else { 0 };
            self.words.push(u32::try_from(ring.len()).unwrap_or(0) | more);
            self.words.extend(heights(ring));
            let word = |units: i64| u32::try_from(units).unwrap_or(0);
            match form {
                Form::Narrow => self.words.extend(ring.iter().map(|&(x, y)| word(x) | word(y) << 16)),
                Form::Wide | Form::Circle => self.words.extend(ring.iter().flat_map(|&(x, y)| [word(x), word(y)])),
            }
        }
        // A vertex that was moved may lie one unit beyond the box.
        let size = (size.0 + i64::from(shift), size.1 + i64::from(shift));
        let mut record = boxed(corner, size, form, StoredScale { east: 0, north: 0, slope: 0 });
        record.shift = record.shift.max(shift);
        (record.width, record.height) = sized(size, record.shift);
        record.scale = StoredScale::at(i32::try_from(record.middle_e7().min(POLE_E7)).unwrap_or(0));
        record
    }
}

/// The least and the greatest height of each run of a long ring. A run begins where the one before it ends.
fn heights(ring: &[Vertex]) -> Vec<u32> {
    if ring.len() <= LONG {
        return Vec::new();
    }
    let before = ring.iter().cycle().skip(ring.len() - 1).step_by(RUN);
    let range = |(run, before): (&[Vertex], &Vertex)| {
        let heights = run.iter().chain([before]).map(|vertex| vertex.1);
        let (low, high) = heights.fold((i64::MAX, 0), |(low, high), height| (low.min(height), high.max(height)));
        [low, high].map(|height| u32::try_from(height).unwrap_or(0))
    };
    ring.chunks(RUN).zip(before).flat_map(range).collect()
}

/// The vertices of each ring from the south-west corner of all, 1e-7 degree, and that corner (longitude, latitude). The
/// corner has even coordinates, so that units of two are the same for all fences.
fn from_corner(vertices: &[Position], ring_ends: &[usize]) -> (Vertex, Vec<Vec<Vertex>>) {
    let origin = vertices.first().copied();
    let offsets: Vec<Vertex> = vertices.iter().filter_map(|p| origin.map(|origin| p.offset_e7(origin))).collect();
    let first = origin.map_or((0, 0), |p| (i64::from(p.lon_e7()), i64::from(p.lat_e7())));
    let least = offsets.iter().fold((0, 0), |least: Vertex, v| (least.0.min(v.0), least.1.min(v.1)));
    let corner = ((first.0 + least.0) & !1, (first.1 + least.1) & !1);
    let shifted = |&(x, y): &Vertex| (x + first.0 - corner.0, y + first.1 - corner.1);
    let begins = core::iter::once(&0).chain(ring_ends);
    let ring = |(&begin, &end): (&usize, &usize)| offsets.get(begin..end).map(|r| r.iter().map(shifted).collect());
    (corner, begins.zip(ring_ends).filter_map(ring).collect())
}

/// A record without outline and index whose box has this corner (longitude, latitude) and size, 1e-7 degree.
#[allow(clippy::cast_possible_truncation, reason = "the corner is brought to where longitudes are")]
fn boxed(corner: (i64, i64), size: (i64, i64), form: Form, scale: StoredScale) -> Record {
    let fits = |shift: &u8| size.0.max(size.1) <= i64::from(u16::MAX) << shift;
    let shift = (0..31).find(fits).unwrap_or(31);
    let (width, height) = sized(size, shift);
    let lon = Window::new(corner.1, corner.1, corner.0, corner.0).west as i32;
    Record { lat: corner.1 as i32, lon, width, height, shift, form, outline: 0, scale, index: 0 }
}

/// A size in units of 2^`shift`, rounded up.
fn sized(size: (i64, i64), shift: u8) -> (u16, u16) {
    let unit = |e7: i64| u16::try_from((e7 + (1 << shift) - 1) >> shift).unwrap_or(u16::MAX);
    (unit(size.0), unit(size.1))
}

/// Whole units that are not less, and two more for what was rounded before.
#[allow(clippy::cast_possible_truncation, reason = "a float that is too large becomes the largest integer")]
fn units(e7: f64) -> i64 {
    libm::ceil(e7).min(1e10) as i64 + 2
}

#[allow(clippy::cast_possible_truncation, reason = "that is the rounding")]
fn rounded_down(metres: f64) -> f32 {
    let near = metres as f32;
    if f64::from(near) > metres { near.next_down() } else { near }
}

fn words(out: &mut Vec<u8>, words: &[u32]) {
    words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
}

/// The file as it grows.
struct File {
    bytes: Vec<u8>,
    sections: [(u64, u64); Section::ALL.len()],
}

impl File {
    fn put(&mut self, section: Section, write: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
        let begin = self.bytes.len();
        write(&mut self.bytes);
        if let Some(place) = self.sections.get_mut(section as usize) {
            *place = (begin as u64, (self.bytes.len() - begin) as u64);
        }
    }

    fn finish(mut self, revision: u64, fences: u32, levels: [Level; LEVELS]) -> Vec<u8> {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
        let blocks = self.bytes.get(HEADER_LEN..).unwrap_or_default().chunks(BLOCK_LEN);
        let checksums: Vec<u32> = blocks.map(crc32fast::hash).collect();
        self.put(Section::Checksums, |out| words(out, &checksums));
        let header = Header { revision, fences, sections: self.sections, levels };
        let header = write_header(&header, self.bytes.len() as u64);
        self.bytes.iter_mut().zip(header).for_each(|(to, from)| *to = from);
        self.bytes
    }
}
