//! The grid's arithmetic, the same for who writes the file and who reads it: levels, rows, columns, boxes inside a cell.
//!
//! A cell of level 0 is 0.01 degree wide and high, one of each next level sixteen times as much. A fence is entered on
//! the lowest level on which its box touches at most 64 cells, in each of them, so that a small fence costs
//! two or four entries and a whole country no more than that.

#[cfg(feature = "alloc")]
use super::format::LEVELS;
use super::record::CIRCLE_E7;
use crate::geodesy::Position;

/// Cell of level 0, 1e-7 degree.
const CELL_E7: i64 = 100_000;
/// From the south pole to the equator, 1e-7 degree.
const SOUTH_E7: i64 = 900_000_000;
/// More cells than this put a fence one level higher: 8 x 8, 9 km x 7 km on level 0 at 40 degrees.
#[cfg(feature = "alloc")]
const CELLS_MAX: i64 = 64;
/// The guard bit of each byte of a packed box.
const GUARDS: u32 = 0x8080_8080;
/// A part of a cell's side: boxes inside a cell are in 128ths of it.
const PARTS: u32 = 128;

/// Cell size of a level, 1e-7 degree.
pub(super) const fn cell_e7(level: usize) -> i64 {
    CELL_E7 << (4 * level)
}

/// Row of a latitude, 1e-7 degree. Rows count from the south pole.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to at most 18,000 rows")]
pub(super) fn row(level: usize, lat_e7: i64) -> u32 {
    (((lat_e7 + SOUTH_E7).clamp(0, 2 * SOUTH_E7) / CELL_E7) >> (4 * level)) as u32
}

/// Southern edge of a row, 1e-7 degree.
pub(super) fn row_south_e7(level: usize, row: u32) -> i64 {
    i64::from(row) * cell_e7(level) - SOUTH_E7
}

/// Column of a longitude from -180 to below 180 degrees, given in 1e-7 degree. Columns count from 180 degrees west.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to at most 36,000 columns")]
pub(super) fn column(level: usize, lon_e7: i64) -> u16 {
    (((lon_e7 + CIRCLE_E7 / 2).clamp(0, CIRCLE_E7 - 1) / CELL_E7) >> (4 * level)) as u16
}

/// Western edge of a column, 1e-7 degree.
pub(super) fn column_west_e7(level: usize, column: u16) -> i64 {
    i64::from(column) * cell_e7(level) - CIRCLE_E7 / 2
}

/// A rectangle of the earth in 1e-7 degree, edges included. `west` is from -180 to below 180 degrees; `east` is not below
/// it and may lie beyond 180 degrees, where the rectangle goes on from -180.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) south: i64,
    pub(super) north: i64,
    pub(super) west: i64,
    pub(super) east: i64,
}

impl Window {
    /// The rectangle with its western edge brought to where it belongs; one round the earth at most.
    pub(super) fn new(south: i64, north: i64, west: i64, east: i64) -> Self {
        let span = east - west;
        if span >= CIRCLE_E7 {
            return Self { south, north, west: -CIRCLE_E7 / 2, east: CIRCLE_E7 / 2 - 1 };
        }
        let west = (west + CIRCLE_E7 / 2).rem_euclid(CIRCLE_E7) - CIRCLE_E7 / 2;
        Self { south, north, west, east: west + span }
    }

    /// The parts west and east of 180 degrees, each with edges that only grow.
    pub(super) fn parts(self) -> impl Iterator<Item = Self> {
        let beyond = (self.east >= CIRCLE_E7 / 2).then_some(Self {
            west: self.west - CIRCLE_E7,
            east: self.east - CIRCLE_E7,
            ..self
        });
        core::iter::once(self).chain(beyond)
    }

    /// First and last row.
    pub(super) fn rows(&self, level: usize) -> (u32, u32) {
        (row(level, self.south), row(level, self.north))
    }

    /// First and last column of a part.
    pub(super) fn columns(&self, level: usize) -> (u16, u16) {
        (column(level, self.west), column(level, self.east))
    }

    /// What of a part lies in a cell, in 128ths of the cell: west, south, east, north.
    pub(super) fn within(&self, level: usize, row: u32, column: u16) -> [u32; 4] {
        let (west, south) = (column_west_e7(level, column), row_south_e7(level, row));
        let part = |from: i64, at: i64| part(level, at - from);
        [part(west, self.west), part(south, self.south), part(west, self.east), part(south, self.north)]
    }
}

/// A distance from a cell's edge in 128ths of the cell, rounded down and kept inside.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0 to 127")]
fn part(level: usize, distance_e7: i64) -> u32 {
    ((distance_e7.clamp(0, cell_e7(level) - 1) * i64::from(PARTS) / CELL_E7) >> (4 * level)) as u32
}

/// A position on the grid: from the south pole and from 180 degrees west, 1e-7 degree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    north: u32,
    east: u32,
}

impl Point {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what the earth has")]
    pub(super) fn new(position: Position) -> Self {
        let north = (i64::from(position.lat_e7()) + SOUTH_E7).clamp(0, 2 * SOUTH_E7) as u32;
        let east = (i64::from(position.lon_e7()) + CIRCLE_E7 / 2).max(0);
        Self { north, east: if east < CIRCLE_E7 { east as u32 } else { (east - CIRCLE_E7) as u32 } }
    }

    /// Row and column, and what boxes in that cell are compared with.
    #[allow(clippy::cast_possible_truncation, reason = "at most 36,000 columns")]
    pub(super) fn cell(self, level: usize) -> (u32, u16, Probe) {
        let size = (CELL_E7 as u32) << (4 * level);
        let (row, column) = ((self.north / CELL_E7 as u32) >> (4 * level), (self.east / CELL_E7 as u32) >> (4 * level));
        let part = |from_edge: u32| ((u64::from(from_edge) * u64::from(PARTS) / CELL_E7 as u64) >> (4 * level)) as u32;
        let (x, y) = (part(self.east - column * size), part(self.north - row * size));
        (row, column as u16, Probe::new([x, y, x, y]))
    }
}

/// A box inside a cell in four bytes, so that one subtraction compares all four edges: west, south, and what is left of
/// the cell to the east and to the north.
#[cfg(feature = "alloc")]
pub(super) fn pack([west, south, east, north]: [u32; 4]) -> u32 {
    let last = PARTS - 1;
    west | south << 8 | (last - east) << 16 | (last - north) << 24
}

/// What packed boxes are compared with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe(u32);

impl Probe {
    pub(super) fn new([west, south, east, north]: [u32; 4]) -> Self {
        let last = PARTS - 1;
        Self(GUARDS | east | north << 8 | (last - west) << 16 | (last - south) << 24)
    }

    /// Whether a packed box and this one have a point in common. Each byte of the difference keeps its guard bit exactly
    /// when nothing had to be borrowed, that is when the box begins before the probe ends.
    pub(super) fn meets(self, packed: u32) -> bool {
        self.0.wrapping_sub(packed) & GUARDS == GUARDS
    }
}

/// The level on which a box is entered.
#[cfg(feature = "alloc")]
pub(super) fn level_of(window: &Window) -> usize {
    let cells = |level: usize| {
        let (south, north) = window.rows(level);
        let columns = window.parts().map(|part| part.columns(level)).map(|(west, east)| i64::from(east - west) + 1);
        columns.sum::<i64>() * (i64::from(north - south) + 1)
    };
    (0..LEVELS - 1).find(|&level| cells(level) <= CELLS_MAX).unwrap_or(LEVELS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_box_is_met_by_what_it_shares_a_point_with() {
        let boxes = |low: u32, high: u32| (low..high).flat_map(move |a| (a..high).map(move |b| (a, b)));
        for ((west, east), (south, north)) in boxes(0, 5).zip(boxes(120, 128).cycle().skip(3)) {
            let packed = pack([west, south, east, north]);
            for ((w, e), (s, n)) in boxes(0, 6).flat_map(|x| boxes(118, 128).map(move |y| (x, y))) {
                let meets = w <= east && west <= e && s <= north && south <= n;
                assert_eq!(Probe::new([w, s, e, n]).meets(packed), meets);
            }
        }
    }

    #[test]
    fn a_window_over_the_antimeridian_has_two_parts() {
        let window = Window::new(0, 10, 1_799_999_990, 1_800_000_010);
        let parts = std::vec::Vec::from_iter(window.parts().map(|part| part.columns(0)));
        assert_eq!(parts, [(35_999, 35_999), (0, 0)]);
        assert_eq!(Window::new(0, 10, -1_800_000_010, -1_799_999_990), window);
    }

    #[test]
    fn a_window_round_the_earth_has_all_columns_once() {
        let window = Window::new(0, 0, -4_000_000_000, 4_000_000_000);
        assert_eq!(std::vec::Vec::from_iter(window.parts().map(|part| part.columns(0))), [(0, 35_999)]);
    }
}
