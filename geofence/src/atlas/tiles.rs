//! Enters the fences of an atlas in its grid, for whoever writes it.

use super::build::BuildError;
use super::format::{LEVELS, Level};
use super::grid::{Window, column, level_of, pack, row};
use super::query::{GROUP, LIST};
use super::record::Record;
use alloc::vec::Vec;

/// The sections of the grid.
#[derive(Debug, Default)]
pub(super) struct Grid {
    pub(super) levels: [Level; LEVELS],
    pub(super) rows: Vec<u32>,
    pub(super) columns: Vec<u16>,
    pub(super) cells: Vec<u32>,
    pub(super) lists: Vec<u32>,
}

/// A fence in one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    level: usize,
    row: u32,
    column: u16,
    slot: u32,
    /// What of its box is in the cell, in 128ths of it: west, south, east, north.
    part: [u32; 4],
}

impl Entry {
    fn is_in_cell_of(&self, other: &Self) -> bool {
        (self.level, self.row, self.column) == (other.level, other.row, other.column)
    }
}

impl Grid {
    /// The grid of the fences in these slots.
    pub(super) fn new(records: &[Record]) -> Result<Self, BuildError> {
        let mut entries: Vec<Entry> = (0_u32..).zip(records).flat_map(|(slot, record)| enter(slot, record)).collect();
        entries.sort_unstable();
        let cells: Vec<&mut [Entry]> = entries.chunk_by_mut(Entry::is_in_cell_of).collect();
        let mut grid = Self::default();
        grid.number_rows(&cells)?;
        grid.columns = cells.iter().filter_map(|cell| cell.first()).map(|entry| entry.column).collect();
        grid.fill_cells(cells)?;
        Ok(grid)
    }

    fn number_rows(&mut self, cells: &[&mut [Entry]]) -> Result<(), BuildError> {
        let row_of = |cell: &&mut [Entry]| cell.first().map(|entry| (entry.level, entry.row));
        let cell_count = u32::try_from(cells.len()).map_err(|_| BuildError::TooMany)?;
        for number in 0..LEVELS {
            let begin = cells.partition_point(|cell| row_of(cell) < Some((number, 0)));
            let end = cells.partition_point(|cell| row_of(cell) < Some((number + 1, 0)));
            let of_level = cells.get(begin..end).unwrap_or_default();
            let Some(((_, first_row), (_, last_row))) =
                of_level.first().and_then(row_of).zip(of_level.last().and_then(row_of))
            else {
                continue;
            };
            let at = u32::try_from(self.rows.len()).map_err(|_| BuildError::TooMany)?;
            for row in first_row..=last_row + 1 {
                let cell = begin + of_level.partition_point(|cell| row_of(cell) < Some((number, row)));
                self.rows.push(u32::try_from(cell).unwrap_or(cell_count));
            }
            if let Some(level) = self.levels.get_mut(number) {
                *level = Level { first_row, rows: last_row - first_row + 1, at };
            }
        }
        Ok(())
    }

    /// Lists are written along the same curve as fences, so that those of a region are on few pages.
    fn fill_cells(&mut self, mut cells: Vec<&mut [Entry]>) -> Result<(), BuildError> {
        self.cells = alloc::vec![0; cells.len()];
        let place = |cell: &[Entry]| cell.first().map(|entry| interleave(entry.row, u32::from(entry.column)));
        let mut order: Vec<usize> = (0..cells.len()).collect();
        order.sort_by_cached_key(|&number| cells.get(number).map(|cell| (place(cell), number)));
        for number in order {
            let Some((cell, entries)) = self.cells.get_mut(number).zip(cells.get_mut(number)) else { continue };
            if let [only] = entries {
                *cell = only.slot;
                continue;
            }
            let at = u32::try_from(self.lists.len()).ok().filter(|at| at & LIST == 0).ok_or(BuildError::TooMany)?;
            *cell = LIST | at;
            write_list(entries, &mut self.lists);
        }
        Ok(())
    }
}

fn write_list(entries: &mut [Entry], lists: &mut Vec<u32>) {
    lists.push(u32::try_from(entries.len()).unwrap_or(0));
    if entries.len() > GROUP {
        entries.sort_by_key(|entry| {
            let [west, south, east, north] = entry.part;
            (interleave(south + north, west + east), entry.slot)
        });
        let join = |a: [u32; 4], b: &Entry| {
            [a[0].min(b.part[0]), a[1].min(b.part[1]), a[2].max(b.part[2]), a[3].max(b.part[3])]
        };
        let around = |group: &[Entry]| pack(group.iter().fold([127, 127, 0, 0], join));
        lists.extend(entries.chunks(GROUP).map(around));
    }
    lists.extend(entries.iter().flat_map(|entry| [pack(entry.part), entry.slot]));
}

/// A fence in all cells that its box touches.
fn enter(slot: u32, record: &Record) -> Vec<Entry> {
    let (width, height) = record.size_e7();
    let (lat, lon) = (i64::from(record.lat), i64::from(record.lon));
    let window = Window::new(lat, lat + height, lon, lon + width);
    let level = level_of(&window);
    let (south, north) = window.rows(level);
    let mut entries = Vec::new();
    for part in window.parts() {
        let (west, east) = part.columns(level);
        let cells = (south..=north).flat_map(|row| (west..=east).map(move |column| (row, column)));
        entries.extend(cells.map(|(row, column)| {
            let part = part.within(level, row, column);
            Entry { level, row, column, slot, part }
        }));
    }
    entries
}

/// The place of a point on a curve that keeps near points near (Morton 1966), by cells of level 0.
pub(super) fn curve(lat_e7: i64, lon_e7: i64) -> u64 {
    let west = Window::new(lat_e7, lat_e7, lon_e7, lon_e7).west;
    interleave(row(0, lat_e7), u32::from(column(0, west)))
}

/// The bits of two numbers in turn.
fn interleave(a: u32, b: u32) -> u64 {
    let spread = |x: u32| {
        let x = u64::from(x);
        let x = (x | x << 16) & 0x0000_ffff_0000_ffff;
        let x = (x | x << 8) & 0x00ff_00ff_00ff_00ff;
        let x = (x | x << 4) & 0x0f0f_0f0f_0f0f_0f0f;
        let x = (x | x << 2) & 0x3333_3333_3333_3333;
        (x | x << 1) & 0x5555_5555_5555_5555
    };
    spread(a) << 1 | spread(b)
}
