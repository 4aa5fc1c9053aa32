//! Which sequences are there, up to where without a hole, and which ones above it?

/// Ranges above `thru` that one acknowledgement names; more would only be a longer message.
pub(super) const HAVE_MAX: usize = 16;

/// How far a gap-free history that reaches `thru` goes on through `ranges`, each first and last, sorted by their first.
pub(super) fn advance(thru: i64, ranges: &[(i64, i64)]) -> i64 {
    let mut thru = thru;
    for &(first, last) in ranges {
        if first > thru.saturating_add(1) {
            break;
        }
        thru = thru.max(last);
    }
    thru
}

/// What of `first` to `last` is in none of `known`, sorted by their first.
pub(super) fn lacking(first: i64, last: i64, known: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let (mut lacking, mut next) = (Vec::new(), first);
    for &(begin, end) in known.iter().filter(|(begin, end)| *end >= first && *begin <= last) {
        if begin > next {
            lacking.push((next, begin.saturating_sub(1)));
        }
        if end >= last {
            return lacking;
        }
        next = next.max(end + 1);
    }
    lacking.push((next, last));
    lacking
}

/// What lies above `thru`, joined where it touches; the lowest [`HAVE_MAX`] of it.
pub(super) fn above(thru: i64, ranges: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let mut joined: Vec<(i64, i64)> = Vec::new();
    for &(first, last) in ranges.iter().filter(|(_, last)| *last > thru) {
        let first = first.max(thru.saturating_add(1));
        if let Some(range) = joined.last_mut()
            && first <= range.1.saturating_add(1)
        {
            range.1 = range.1.max(last);
        } else if joined.len() < HAVE_MAX {
            joined.push((first, last));
        } else {
            break;
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_goes_on_to_the_first_hole_and_no_further() {
        assert_eq!(advance(0, &[(1, 1), (2, 2), (4, 4)]), 2);
        assert_eq!(advance(2, &[(4, 4)]), 2);
        assert_eq!(advance(2, &[(1, 9), (4, 4), (10, 10)]), 10);
        assert_eq!(advance(i64::MAX, &[(1, 1)]), i64::MAX);
    }

    #[test]
    fn what_is_known_is_not_lacking() {
        assert_eq!(lacking(3, 9, &[]), [(3, 9)]);
        assert_eq!(lacking(3, 9, &[(1, 3), (5, 5), (5, 6), (9, 20)]), [(4, 4), (7, 8)]);
        assert_eq!(lacking(3, 9, &[(1, 9)]), []);
        assert_eq!(lacking(3, 9, &[(10, 12)]), [(3, 9)]);
        assert_eq!(lacking(i64::MAX, i64::MAX, &[(1, i64::MAX)]), []);
    }

    #[test]
    fn what_lies_above_is_joined_and_bounded() {
        assert_eq!(above(2, &[(1, 3), (5, 5), (6, 8), (10, 10)]), [(3, 3), (5, 8), (10, 10)]);
        let many: Vec<(i64, i64)> = (1..100).map(|n| (n * 2, n * 2)).collect();
        assert_eq!(above(0, &many).len(), HAVE_MAX);
    }
}
