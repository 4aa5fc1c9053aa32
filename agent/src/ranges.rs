//! Sets of sequences that come in runs: what a broker took, what is named as lost. As large as they have holes.

use serde::{Deserialize, Serialize};

/// First and last of each run, in order, never touching.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// No runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many runs.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.0.len()
    }

    /// How many sequences.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().fold(0, |sum, (first, last)| sum.saturating_add(last - first).saturating_add(1))
    }

    /// The lowest and the highest.
    #[must_use]
    pub fn span(&self) -> Option<(u64, u64)> {
        Some((self.0.first()?.0, self.0.last()?.1))
    }

    /// First and last of each run, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().copied()
    }

    /// The last of the run that `sequence` is in.
    #[must_use]
    pub fn end_of_run(&self, sequence: u64) -> Option<u64> {
        let after = self.0.partition_point(|(first, _)| *first <= sequence);
        let (_, last) = self.0.get(after.checked_sub(1)?)?;
        (*last >= sequence).then_some(*last)
    }

    /// Whether `sequence` is there.
    #[must_use]
    pub fn contains(&self, sequence: u64) -> bool {
        self.end_of_run(sequence).is_some()
    }

    /// Adds `first` to `last`; nothing where they are the wrong way round.
    pub fn insert(&mut self, first: u64, last: u64) {
        if first > last {
            return;
        }
        // All runs that overlap or touch become one.
        let from = self.0.partition_point(|(_, end)| end.saturating_add(1) < first);
        let to = self.0.partition_point(|(begin, _)| *begin <= last.saturating_add(1)).max(from);
        let joined = self.0.get(from..to).unwrap_or_default();
        let first = joined.first().map_or(first, |(begin, _)| first.min(*begin));
        let last = joined.last().map_or(last, |(_, end)| last.max(*end));
        self.0.splice(from..to, [(first, last)]);
    }

    /// Takes `first` to `last` out.
    pub fn remove(&mut self, first: u64, last: u64) {
        if first > last || !self.0.iter().any(|(begin, end)| *begin <= last && *end >= first) {
            return;
        }
        let mut left = Vec::with_capacity(self.0.len() + 1);
        for (begin, end) in self.0.drain(..) {
            if begin < first {
                left.push((begin, end.min(first - 1)));
            }
            if end > last {
                left.push((begin.max(last + 1), end));
            }
        }
        self.0 = left;
    }

    /// Takes everything up to `thru` out.
    pub fn forget_thru(&mut self, thru: u64) {
        self.remove(0, thru);
    }

    /// The same, `by` higher.
    #[must_use]
    pub fn shifted(&self, by: u64) -> Self {
        self.iter().map(|(first, last)| (first.saturating_add(by), last.saturating_add(by))).collect()
    }

    /// Leaves the lowest `max` runs.
    pub fn keep_lowest(&mut self, max: usize) {
        self.0.truncate(max);
    }
}

impl From<Vec<(u64, u64)>> for Ranges {
    fn from(runs: Vec<(u64, u64)>) -> Self {
        runs.into_iter().collect()
    }
}

impl From<Ranges> for Vec<(u64, u64)> {
    fn from(ranges: Ranges) -> Self {
        ranges.0
    }
}

impl FromIterator<(u64, u64)> for Ranges {
    fn from_iter<I: IntoIterator<Item = (u64, u64)>>(runs: I) -> Self {
        let mut ranges = Self::default();
        runs.into_iter().for_each(|(first, last)| ranges.insert(first, last));
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn runs_that_touch_are_one() {
        let mut ranges: Ranges = [(5, 5), (1, 2), (3, 4), (9, 8), (8, 9)].into_iter().collect();
        assert_eq!(ranges.iter().collect::<Vec<_>>(), [(1, 5), (8, 9)]);
        ranges.insert(6, 7);
        assert_eq!((ranges.runs(), ranges.count(), ranges.span()), (1, 9, Some((1, 9))));
        ranges.insert(u64::MAX, u64::MAX);
        ranges.remove(u64::MAX, u64::MAX);
        assert_eq!(ranges.span(), Some((1, 9)));
    }

    proptest::proptest! {
        #[test]
        fn it_is_a_set(steps in proptest::collection::vec((0_u8..3, 0_u64..40, 0_u64..8), 1..60)) {
            let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
            for (step, first, length) in steps {
                let last = first + length;
                match step {
                    0 | 1 => { ranges.insert(first, last); set.extend(first..=last); }
                    _ => { ranges.remove(first, last); set.retain(|n| !(first..=last).contains(n)); }
                }
                for n in 0..60 {
                    proptest::prop_assert_eq!(ranges.contains(n), set.contains(&n));
                }
                proptest::prop_assert_eq!(ranges.count(), set.len() as u64);
                let apart = ranges.iter().zip(ranges.iter().skip(1)).all(|(one, next)| one.1 + 1 < next.0);
                proptest::prop_assert!(apart);
            }
        }
    }
}
