//! Which fences a position or a rectangle may touch: cells of the grid, lists in cells, and the order of answers.
//!
//! A fence is found once in every cell that its box touches, in no particular order. [`Ascending`] makes one ascending
//! sequence of them without allocating.

use super::Atlas;
use super::format::{LEVELS, Level};
use super::grid::{Point, Probe, Window};
use super::metric::{EAST_MIN_M, NORTH_MIN_M, RADIANS_PER_E7};
use super::outline::{Side, Word, side};
use crate::geodesy::Position;
use core::ops::ControlFlow;
use heapless::Vec;

/// Set in a cell that has a list; otherwise the cell is the slot of its only fence.
pub(super) const LIST: u32 = 1 << 31;
/// Entries of a list that share a box of their own, once there are more than this.
pub(super) const GROUP: usize = 16;
/// Answers that are put in order at a time.
const BATCH: usize = 64;

/// A rectangle that has every point within `within_m` metres of `position`.
///
/// The cosine is replaced by the first four terms of its series, which are below it from pole to pole, and taken at the
/// end of the rectangle that is nearer to the pole.
#[allow(clippy::cast_possible_truncation, reason = "clamped to a circle of 1e-7 degree")]
pub(super) fn reach(position: Position, within_m: f64) -> Window {
    const CIRCLE: f64 = 3.6e9;
    let within_m = within_m.max(0.0);
    let north = (within_m / NORTH_MIN_M).min(CIRCLE);
    let lat = (f64::from(position.lat_e7()).abs() + north) * RADIANS_PER_E7;
    let square = lat * lat;
    let cos = 1.0 - square / 2.0 * (1.0 - square / 12.0 * (1.0 - square / 30.0));
    let east = if lat < 1.57 && cos > 0.0 { (within_m / (EAST_MIN_M * cos)).min(CIRCLE) } else { CIRCLE };
    let (lat, lon) = (i64::from(position.lat_e7()), i64::from(position.lon_e7()));
    let (north, east) = (north as i64 + 1, east as i64 + 1);
    Window::new(lat - north, lat + north, lon - east, lon + east)
}

impl<'a> Atlas<'a> {
    /// Calls `visit` with the number of every fence that contains `position`, its boundary included, in ascending order.
    pub fn containing(&self, position: Position, visit: &mut dyn FnMut(usize)) {
        let point = Point::new(position);
        self.ascending(visit, |found| {
            for (number, level) in self.used_levels() {
                let (row, column, probe) = point.cell(number);
                let Some(cell) = self.cell(level, row, column) else { continue };
                let done = self.visit_cell(cell, probe, &mut |slot| {
                    if let Some(record) = self.at_slot(slot)
                        && side(self.outlines, &record, record.offset(position)) != Side::Outside
                    {
                        found.put(record.index);
                    }
                    ControlFlow::<()>::Continue(())
                });
                debug_assert!(done.is_continue());
            }
        });
    }

    /// [`crate::Fences::around`]: fences whose box comes within reach.
    pub(super) fn visit_around(&self, position: Position, within_m: f64, visit: &mut dyn FnMut(usize)) {
        let window = reach(position, within_m);
        // One unit more than what was lost in halving.
        let reach = ((window.east - window.west) / 2 + 1, (window.north - window.south) / 2 + 1);
        self.ascending(visit, |found| {
            let done = self.visit_window(window, &mut |slot| {
                if let Some(record) = self.at_slot(slot) {
                    let (east, north) = record.gap(record.offset(position));
                    if east.abs() <= reach.0 && north.abs() <= reach.1 {
                        found.put(record.index);
                    }
                }
                ControlFlow::<()>::Continue(())
            });
            debug_assert!(done.is_continue());
        });
    }

    /// Puts what `search` finds in order. A search is repeated for what did not fit, so however many there are, no more
    /// than [`BATCH`] are held at once.
    fn ascending(&self, visit: &mut dyn FnMut(usize), search: impl Fn(&mut Ascending)) {
        let mut found = Ascending { from: 0, full: false, numbers: Vec::new() };
        loop {
            search(&mut found);
            found
                .numbers
                .iter()
                .filter(|&&number| (number as usize) < self.keys.len())
                .for_each(|&n| visit(n as usize));
            match found.numbers.last() {
                Some(&last) if found.full && last < u32::MAX => {
                    found = Ascending { from: last + 1, full: false, numbers: Vec::new() };
                }
                _ => return,
            }
        }
    }

    pub(super) fn used_levels(&self) -> impl Iterator<Item = (usize, &Level)> {
        self.levels.iter().enumerate().take(LEVELS).filter(|(_, level)| level.rows > 0)
    }

    /// The cells of a row: their columns and what is in them.
    fn row(&self, level: &Level, row: u32) -> Option<(&'a [[u8; 2]], &'a [Word])> {
        let row = row.checked_sub(level.first_row).filter(|&row| row < level.rows)?;
        let at = level.at.checked_add(row)? as usize;
        let [begin, end] = self.rows.get(at..)?.first_chunk::<2>()?;
        let cells = u32::from_le_bytes(*begin) as usize..u32::from_le_bytes(*end) as usize;
        Some((self.columns.get(cells.clone())?, self.cells.get(cells)?))
    }

    fn cell(&self, level: &Level, row: u32, column: u16) -> Option<u32> {
        let (columns, cells) = self.row(level, row)?;
        let at = columns.binary_search_by_key(&column, |c| u16::from_le_bytes(*c)).ok()?;
        cells.get(at).map(|cell| u32::from_le_bytes(*cell))
    }

    /// Visits the slots of all fences whose boxes may meet `window`, some more than once.
    pub(super) fn visit_window<B>(
        &self,
        window: Window,
        visit: &mut impl FnMut(u32) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        for (number, level) in self.used_levels() {
            let (south, north) = window.rows(number);
            let rows = south.max(level.first_row)..=north.min(level.first_row.saturating_add(level.rows));
            for row in rows {
                let Some((columns, cells)) = self.row(level, row) else { continue };
                for part in window.parts() {
                    let (west, east) = part.columns(number);
                    let begin = columns.partition_point(|c| u16::from_le_bytes(*c) < west);
                    for (column, cell) in columns.iter().zip(cells).skip(begin) {
                        let column = u16::from_le_bytes(*column);
                        if column > east {
                            break;
                        }
                        let probe = Probe::new(part.within(number, row, column));
                        self.visit_cell(u32::from_le_bytes(*cell), probe, visit)?;
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Visits the slots of a cell whose boxes meet the probe.
    fn visit_cell<B>(&self, cell: u32, probe: Probe, visit: &mut impl FnMut(u32) -> ControlFlow<B>) -> ControlFlow<B> {
        if cell & LIST == 0 {
            return visit(cell);
        }
        let Some((count, rest)) = self.lists.get((cell & !LIST) as usize..).and_then(<[Word]>::split_first) else {
            return ControlFlow::Continue(());
        };
        let count = u32::from_le_bytes(*count) as usize;
        if count <= GROUP {
            return visit_entries(rest.get(..2 * count).unwrap_or_default(), probe, visit);
        }
        let Some((boxes, entries)) = rest.split_at_checked(count.div_ceil(GROUP)) else {
            return ControlFlow::Continue(());
        };
        let groups = entries.get(..2 * count).unwrap_or_default().chunks(2 * GROUP);
        for (_, group) in boxes.iter().zip(groups).filter(|(packed, _)| probe.meets(u32::from_le_bytes(**packed))) {
            visit_entries(group, probe, visit)?;
        }
        ControlFlow::Continue(())
    }
}

fn visit_entries<B>(entries: &[Word], probe: Probe, visit: &mut impl FnMut(u32) -> ControlFlow<B>) -> ControlFlow<B> {
    for [packed, slot] in entries.as_chunks().0 {
        if probe.meets(u32::from_le_bytes(*packed)) {
            visit(u32::from_le_bytes(*slot))?;
        }
    }
    ControlFlow::Continue(())
}

/// The smallest numbers found that are not below `from`, each once.
struct Ascending {
    from: u32,
    full: bool,
    numbers: Vec<u32, BATCH>,
}

impl Ascending {
    fn put(&mut self, number: u32) {
        if number < self.from {
            return;
        }
        let Err(at) = self.numbers.binary_search(&number) else { return };
        if self.numbers.is_full() {
            self.full = true;
            if at == BATCH {
                return;
            }
            self.numbers.pop();
        }
        // Never full: one was taken out.
        let _ = self.numbers.insert(at, number);
    }
}
