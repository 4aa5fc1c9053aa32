//! GSV, satellites in view: how strong the strongest of them is. It decides nothing; before a loss it is evidence.

use super::super::finding::Finding;

/// `total,number,in view` and up to four times `satellite,elevation,azimuth,C/N0`, then the signal since NMEA 4.10.
const HEAD: usize = 3;
const SATELLITE: usize = 4;
/// No satellite is heard at more, dB-Hz: what says so is something else.
const CN0_MAX: u8 = 60;

/// The best C/N0 of the sentence; `None`: it has none, or is malformed, which costs nothing else. A third of all sentences are GSV, so only
/// their commas are counted, and what stands behind every fourth is read.
pub(super) fn gsv(rest: &str) -> Option<Finding> {
    let bytes = rest.as_bytes();
    let (mut commas, mut best) = (0, 0);
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b',') {
        commas += 1;
        // The signal stands behind the last satellite, in the place of a number.
        if commas > HEAD && (commas - HEAD) % SATELLITE == SATELLITE - 1 {
            best = best.max(cn0(bytes.get(at + 1..).unwrap_or_default()));
        }
    }
    let is_whole = (HEAD..=HEAD + 4 * SATELLITE + 1).contains(&(commas + 1));
    (is_whole && best > 0).then_some(Finding::Signal(best))
}

/// That of the field that begins here; 0: it has none that can be.
fn cn0(field: &[u8]) -> u8 {
    let digit = |byte: u8| byte.wrapping_sub(b'0');
    let cn0 = match *field {
        [ten, one] | [ten, one, b',', ..] if digit(ten) < 10 && digit(one) < 10 => digit(ten) * 10 + digit(one),
        [one] | [one, b',', ..] if digit(one) < 10 => digit(one),
        _ => 0,
    };
    if cn0 <= CN0_MAX { cn0 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(rest: &str) -> Option<u8> {
        let found = gsv(rest)?;
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
