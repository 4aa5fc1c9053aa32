//! GSV, satellites in view: how strong the strongest of them is. It decides nothing; before a loss it is evidence.

use super::super::finding::Finding;
use super::field::Fields;

/// `total,number,in view` and up to four times `satellite,elevation,azimuth,C/N0`, then the signal since NMEA 4.10.
const HEAD: usize = 3;
const SATELLITE: usize = 4;
/// No satellite is heard at more, dB-Hz: what says so is something else.
const CN0_MAX: u8 = 60;

/// The best C/N0 of the sentence; `None`: it has none, or is malformed, which costs nothing else.
pub(super) fn gsv(fields: &Fields<'_>) -> Option<Finding> {
    fields.count(HEAD..=HEAD + 4 * SATELLITE + 1)?;
    let cn0 =
        |satellite: usize| fields.get(HEAD + satellite * SATELLITE + 3).parse().ok().filter(|cn0| *cn0 <= CN0_MAX);
    // The signal after the last satellite stands where none has its C/N0.
    let best: u8 = (0..(fields.len() - HEAD) / SATELLITE).filter_map(cn0).max()?;
    (best > 0).then_some(Finding::Signal(best))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(rest: &str) -> Option<u8> {
        let found = gsv(&Fields::of(rest))?;
        if let Finding::Signal(best) = found { Some(best) } else { panic!("{found:?}") }
    }

    #[test]
    fn the_strongest_satellite_of_a_sentence_is_heard_in_every_dialect() {
        assert_eq!(best("3,1,11,03,03,111,00,04,15,270,17,06,01,010,12,13,06,292,45"), Some(45));
        assert_eq!(best("3,1,11,03,03,111,00,04,15,270,17,06,01,010,12,13,06,292,45,1"), Some(45));
        assert_eq!(best("3,3,09,27,10,100,31,8"), Some(31), "the last number is the signal");
        assert_eq!(best("1,1,01,27,10,100,31"), Some(31));
        assert_eq!(best("1,1,01,27,,,29,Q"), Some(29), "elevation and azimuth may be unknown");
        for rest in [
            "1,1,00",
            "1,1,00,7",
            "2,2,05,27,10,100,",
            "1,1,01,27,10,100,00",
            "1,1,01,27,10,100,99",
            "",
            "1,1,01,27,10,100,-5",
        ] {
            assert_eq!(best(rest), None, "{rest}");
        }
        assert_eq!(best(&"1,".repeat(30)), None, "too many fields");
    }
}
