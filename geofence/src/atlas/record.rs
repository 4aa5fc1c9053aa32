//! One fence of the file: its box, its scale, and where its outline is. 32 bytes, laid out as in `mod.rs`.

use super::format::u32_at;
use super::metric::{Metric, StoredScale};
use crate::geodesy::Position;

/// A full circle in 1e-7 degree.
pub(super) const CIRCLE_E7: i64 = 3_600_000_000;
/// Length of a record, bytes.
pub(super) const RECORD_LEN: usize = 32;

/// How the outline is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Centre and radius.
    Circle,
    /// Vertices of 2 x 16 bits, in units of the box.
    Narrow,
    /// Vertices of 2 x 32 bits, in 1e-7 degree.
    Wide,
}

/// One fence, unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    /// South-west corner of the box, 1e-7 degree.
    pub(super) lat: i32,
    pub(super) lon: i32,
    /// Size of the box in units of 2^`shift` times 1e-7 degree, rounded up.
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) shift: u8,
    pub(super) form: Form,
    /// Where the outline begins in its section, words of four bytes.
    pub(super) outline: u32,
    /// The scale at the middle of the box, or at the centre of a circle.
    pub(super) scale: StoredScale,
    /// The number of the fence in the order of keys.
    pub(super) index: u32,
}

impl Record {
    /// `None` if no writer has written this.
    pub(super) fn read(bytes: &[u8; RECORD_LEN]) -> Option<Self> {
        let word = |index: usize| u32_at(bytes, 4 * index);
        let size = word(2)?.to_le_bytes();
        let slope_and_form = word(6)?;
        let form = match slope_and_form & 3 {
            0 => Form::Circle,
            1 => Form::Narrow,
            2 => Form::Wide,
            _ => return None,
        };
        Some(Self {
            lat: word(0)?.cast_signed(),
            lon: word(1)?.cast_signed(),
            width: u16::from_le_bytes([size[0], size[1]]),
            height: u16::from_le_bytes([size[2], size[3]]),
            shift: (slope_and_form >> 2 & 31) as u8,
            form,
            outline: word(3)?,
            scale: StoredScale { east: word(4)?, north: word(5)?, slope: slope_and_form.cast_signed() >> 8 },
            index: word(7)?,
        })
    }

    /// The bytes of the record.
    #[cfg(feature = "alloc")]
    pub(super) fn write(&self, out: &mut alloc::vec::Vec<u8>) {
        let form = match self.form {
            Form::Circle => 0,
            Form::Narrow => 1,
            Form::Wide => 2,
        };
        let size = u32::from(self.width) | u32::from(self.height) << 16;
        let slope_and_form = (self.scale.slope << 8).cast_unsigned() | u32::from(self.shift & 31) << 2 | form;
        let (lat, lon) = (self.lat.cast_unsigned(), self.lon.cast_unsigned());
        for word in [lat, lon, size, self.outline, self.scale.east, self.scale.north, slope_and_form, self.index] {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }

    /// Size of the box, 1e-7 degree (east, north).
    pub(super) fn size_e7(&self) -> (i64, i64) {
        (i64::from(self.width) << self.shift, i64::from(self.height) << self.shift)
    }

    /// The latitude whose scale is stored with a polygon, 1e-7 degree.
    pub(super) fn middle_e7(&self) -> i64 {
        i64::from(self.lat) + self.size_e7().1 / 2
    }

    /// From the south-west corner to `position`, 1e-7 degree (east, north). East is the shorter way round the earth to the
    /// box, so it is from 0 to the width for what lies in the box's meridians.
    pub(super) fn offset(&self, position: Position) -> (i64, i64) {
        let mut east = i64::from(position.lon_e7()) - i64::from(self.lon);
        if east < 0 {
            east += CIRCLE_E7;
        }
        let width = self.size_e7().0;
        if east > width && east - width > CIRCLE_E7 - east {
            east -= CIRCLE_E7;
        }
        (east, i64::from(position.lat_e7()) - i64::from(self.lat))
    }

    /// Whether an offset lies in the box, its border included.
    pub(super) fn boxes(&self, (east, north): (i64, i64)) -> bool {
        let (width, height) = self.size_e7();
        0 <= east && east <= width && 0 <= north && north <= height
    }

    /// From an offset to the nearest point of the box, 1e-7 degree (east, north): zero for what lies in it.
    pub(super) fn gap(&self, (east, north): (i64, i64)) -> (i64, i64) {
        let (width, height) = self.size_e7();
        (east.clamp(0, width) - east, north.clamp(0, height) - north)
    }
}

impl Record {
    /// Metres from `position` to the nearest point of the box: a lower bound of the distance to all that is in it.
    #[allow(clippy::cast_precision_loss, reason = "offsets on the earth are below 2^32 units")]
    pub(super) fn gap_m(&self, offset: (i64, i64), position: Position) -> f64 {
        let (east, north) = self.gap(offset);
        if (east, north) == (0, 0) {
            return 0.0;
        }
        Metric::new(self.scale, self.middle_e7(), position.lat_e7()).box_distance_m(east as f64, north as f64)
    }
}
