//! Availability: how much of a window the truck could know where it was, and where the rest went.
//!
//! The score that dispatchers are judged by asks for the location from 15 minutes before the first check-in until the last one. A
//! window's seconds are those of the ledger, and what the ledger has nothing about counts as unknown.

use super::{Cause, Interval};
use geofence::{Span, UnixMillis};
use std::collections::BTreeMap;

/// The window of a trip begins so long before its first check-in.
pub const BEFORE_CHECK_IN: Span = Span::seconds(15 * 60);

/// From one time to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Begin.
    pub from: UnixMillis,
    /// End; a window that ends before it begins is empty.
    pub to: UnixMillis,
}

impl Window {
    /// The window of a trip, from its first check-in to its last.
    #[must_use]
    pub fn of_trip(first_check_in: UnixMillis, last_check_in: UnixMillis) -> Self {
        Self { from: first_check_in - BEFORE_CHECK_IN, to: last_check_in }
    }

    /// What `intervals`, which do not overlap, say about it. The sums are the length of the window.
    pub fn availability<'a>(self, intervals: impl IntoIterator<Item = &'a Interval>) -> Availability {
        let length = Span((self.to - self.from).0.max(0));
        let mut causes: BTreeMap<Cause, Span> = BTreeMap::new();
        let mut known = 0;
        for interval in intervals {
            let (from, to) = (interval.from.max(self.from), interval.to.min(self.to));
            // Where the receiver's time had been wrong, parts of the ledger may overlap; a window is never longer than it is.
            let part = (to - from).0.clamp(0, length.0 - known);
            if part > 0 {
                known += part;
                let sum = causes.entry(interval.cause).or_insert(Span(0));
                *sum = *sum + Span(part);
            }
        }
        let outside = Span(length.0 - known);
        if outside > Span(0) {
            let sum = causes.entry(Cause::Unknown).or_insert(Span(0));
            *sum = *sum + outside;
        }
        Availability { window: self, length, causes, outside }
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Availability {
    /// Of which window.
    pub window: Window,
    /// Its length.
    pub length: Span,
    /// Time by cause; the sums are the length.
    pub causes: BTreeMap<Cause, Span>,
    /// How much of it the ledger has nothing about; part of the unknown.
    pub outside: Span,
}

impl Availability {
    /// Covered time in percent of the window, to a hundredth; `None` for an empty window.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        let covered = self.causes.get(&Cause::Covered).copied().unwrap_or_default();
        let percent = 100.0 * covered.as_seconds() / self.length.as_seconds();
        (self.length > Span(0)).then(|| (percent * 100.0).round() / 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Notes, Seen};
    use super::*;

    fn interval(from: i64, to: i64, cause: Cause) -> Interval {
        let at = |s: i64| UnixMillis(s * 1_000);
        Interval {
            from: at(from),
            to: at(to),
            cause,
            seen: Seen::default(),
            notes: Notes::NONE,
            cn0_before: None,
            within: None,
        }
    }

    #[test]
    fn the_seconds_of_a_window_are_all_accounted_for() {
        let ledger = [
            interval(1_000, 2_000, Cause::Covered),
            interval(2_000, 2_100, Cause::TunnelOrIndoor),
            interval(2_100, 3_000, Cause::Covered),
        ];
        let window = Window::of_trip(UnixMillis(1_400_000), UnixMillis(2_500_000));
        let told = window.availability(&ledger);
        assert_eq!(told.length, Span::seconds(2_000));
        let seconds: Vec<_> = told.causes.iter().map(|(cause, span)| (*cause, span.0 / 1_000)).collect();
        assert_eq!(seconds, [(Cause::Covered, 1_400), (Cause::TunnelOrIndoor, 100), (Cause::Unknown, 500)]);
        assert_eq!((told.percent(), told.outside), (Some(70.0), Span::seconds(500)));
    }

    #[test]
    fn an_empty_window_has_no_availability() {
        let window = Window { from: UnixMillis(5), to: UnixMillis(5) };
        assert_eq!(window.availability(&[]).percent(), None);
        let backwards = Window { from: UnixMillis(5), to: UnixMillis(1) };
        assert_eq!(backwards.availability(&[interval(0, 9, Cause::Covered)]).length, Span(0));
    }
}
