//! The fields of a sentence, read strictly: what is not exactly a number, a time or a coordinate is none.

use super::{RawDate, TimeOfDay};
use core::ops::RangeInclusive;

/// The sentence with the most fields that is taken apart, PUBX, has 19; one more is kept, so that too many are seen.
const FIELDS_MAX: usize = 20;

/// The fields after the tag.
pub(super) struct Fields<'a> {
    rest: &'a str,
    /// Where each ends; a sentence has at most 255 bytes.
    ends: heapless::Vec<u8, FIELDS_MAX>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(rest: &'a str) -> Self {
        let mut ends = heapless::Vec::new();
        // By hand: `split` searches for a character, and this is where most of a sentence's cost is.
        let mut end = 0_u8;
        for byte in rest.bytes() {
            if byte == b',' {
                // Too many are as wrong as one too many.
                let _ = ends.push(end);
            }
            end = end.wrapping_add(1);
        }
        let _ = ends.push(end);
        Self { rest, ends }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// `Some`, if there are as many fields as this type may have.
    pub(super) fn count(&self, expected: RangeInclusive<usize>) -> Option<()> {
        expected.contains(&self.len()).then_some(())
    }

    /// Field `index`, counted from 0 after the tag; empty if the sentence ends before it.
    pub(super) fn get(&self, index: usize) -> &'a str {
        let begin = match index.checked_sub(1) {
            None => 0,
            Some(before) => self.ends.get(before).map_or(usize::MAX, |end| usize::from(*end) + 1),
        };
        let end = self.ends.get(index).map_or(0, |end| usize::from(*end));
        self.rest.get(begin..end).unwrap_or("")
    }
}

/// `hhmmss[.s..]` with whether it is a leap second. Empty is allowed and no time; `None`: malformed.
pub(super) fn time_of_day(field: &str) -> Option<(Option<TimeOfDay>, bool)> {
    if field.is_empty() {
        return Some((None, false));
    }
    let (whole, fraction) = field.split_once('.').unwrap_or((field, ""));
    if whole.len() != 6 || fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let two = |at: usize| digits(whole.get(at..at + 2)?);
    // Truncated, not rounded: 59.9999 must not become the next minute.
    let places = [100, 10, 1].into_iter().zip(fraction.bytes());
    let millis = places.map(|(place, byte)| place * i64::from(byte - b'0')).sum();
    let (time, leap) = TimeOfDay::new(two(0)?, two(2)?, two(4)?, millis)?;
    Some((Some(time), leap))
}

/// `ddmmyy`. Two digits of a year: 80 to 99 are a receiver before its first lock or in the wrong era, and stay 19yy.
pub(super) fn date(field: &str) -> Option<Option<RawDate>> {
    if field.is_empty() {
        return Some(None);
    }
    if field.len() != 6 {
        return None;
    }
    let two = |at: usize| i16::try_from(digits(field.get(at..at + 2)?)?).ok();
    let (day, month, year) = (two(0)?, two(2)?, two(4)?);
    Some(Some(RawDate {
        year: if year >= 80 { 1_900 + year } else { 2_000 + year },
        month: i8::try_from(month).ok()?,
        day: i8::try_from(day).ok()?,
    }))
}

/// The sign that a hemisphere's letter stands for; no other letter is one.
pub(super) fn sign(letter: &str, positive: &str, negative: &str) -> Option<f64> {
    if letter == positive {
        Some(1.0)
    } else if letter == negative {
        Some(-1.0)
    } else {
        None
    }
}

/// `d..dmm.m..m` with `places` digits of degrees, unsigned, minutes below 60, to degrees.
pub(super) fn coordinate(field: &str, places: usize, limit: i64) -> Option<f64> {
    let (whole, fraction) = field.split_once('.').unwrap_or((field, ""));
    // Some receivers leave out leading zeros of the degrees; the two digits of the minutes are always there.
    let degrees_end = whole.len().checked_sub(2)?;
    if degrees_end > places || fraction.len() > 9 {
        return None;
    }
    let degrees = match whole.get(..degrees_end)? {
        "" => 0,
        text => digits(text)?,
    };
    let minutes = digits(whole.get(degrees_end..)?)?;
    let scale = 10_i64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction = if fraction.is_empty() { 0 } else { digits(fraction)? };
    if minutes >= 60 || degrees > limit || (degrees == limit && minutes + fraction > 0) {
        return None;
    }
    #[allow(clippy::cast_precision_loss, reason = "at most 60e9, exact in f64")]
    let minutes = (minutes * scale + fraction) as f64 / scale as f64;
    #[allow(clippy::cast_precision_loss, reason = "at most 180")]
    let degrees = degrees as f64;
    Some(degrees + minutes / 60.0)
}

/// Digits and nothing else; 18 of them fit.
pub(super) fn digits(text: &str) -> Option<i64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    text.bytes().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

/// Digits with at most one point, 15 digits in all: no sign, no exponent, no `nan`. Both parts of the quotient are exact in an f64,
/// so it is the nearest one to what is written.
pub(super) fn number(text: &str) -> Option<f64> {
    let (mut value, mut scale, mut count, mut point) = (0_i64, 1_i64, 0, false);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' if count < 15 => {
                value = value * 10 + i64::from(byte - b'0');
                count += 1;
                scale *= if point { 10 } else { 1 };
            }
            b'.' if !point => point = true,
            _ => return None,
        }
    }
    #[allow(clippy::cast_precision_loss, reason = "15 digits are below 2^53")]
    let quotient = value as f64 / scale as f64;
    (count > 0).then_some(quotient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_is_what_the_standard_library_reads(whole in 0_u32..1_000_000_000, places in "[0-9]{0,6}") {
            let text = format!("{whole}.{places}");
            prop_assert_eq!(number(&text), text.parse().ok());
        }
    }

    #[test]
    fn numbers_are_digits_and_a_point() {
        assert_eq!(number("12.50"), Some(12.5));
        assert_eq!((number("0.1"), number(".5"), number("7.")), (Some(0.1), Some(0.5), Some(7.0)));
        for text in ["", ".", "-1", "1e9", "nan", "inf", "1.2.3", "0x10", "1234567890123456"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn a_long_row_of_digits_is_no_number() {
        assert_eq!(digits("999999999999999999"), Some(999_999_999_999_999_999));
        assert_eq!(digits("9999999999999999999"), None);
    }
}
