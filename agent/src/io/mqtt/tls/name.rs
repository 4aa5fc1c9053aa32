//! Whose certificate is it? The common name of its subject, and which device that is.

/// X.520: `id-at-commonName`, 2.5.4.3.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
/// DER tags (X.690, 8.14 to 8.21).
const SET: u8 = 0x31;
const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;

/// The common name in a subject, which is the content of an X.501 `Name`: sets of sequences of a type and a string. `None` where there
/// is none that is text.
pub(super) fn common_name(subject: &[u8]) -> Option<String> {
    let mut rest = subject;
    while let Some((SET, mut set, after)) = element(rest) {
        rest = after;
        while let Some((SEQUENCE, attribute, next)) = element(set) {
            set = next;
            if let Some((OBJECT_IDENTIFIER, kind, value)) = element(attribute)
                && kind == COMMON_NAME
                && let Some((_, text, _)) = element(value)
            {
                return String::from_utf8(text.to_vec()).ok();
            }
        }
    }
    None
}

/// Tag, content and what stands behind the first element.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // A name of more than 64 KiB is none.
        0x81 | 0x82 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, after) = rest.split_at_checked(length)?;
    Some((tag, content, after))
}

/// Whether a certificate of this name is `device`'s, whose id is `<fleet>-<truck>`: the same words, or as `gatestamp-receiver add-truck`
/// names its bundles, `<fleet>.<truck>` and `<fleet>.<truck>.<number>`. A name with other characters than theirs is from another
/// world, and says nothing.
pub(super) fn may_be_of(name: &str, device: &str) -> bool {
    let is_ours = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name == device || !name.chars().all(is_ours) {
        return true;
    }
    let mut words = name.split('.');
    let (Some(fleet), Some(truck)) = (words.next(), words.next()) else { return false };
    let is_numbered = words.next().is_none_or(|number| number.parse::<u32>().is_ok());
    is_numbered && words.next().is_none() && device == format!("{fleet}-{truck}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_name_is_found_among_others_and_nothing_is_found_in_rubbish() {
        let within = |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).unwrap()][..], content].concat();
        let attribute = |last: u8, text: &str| {
            let inner = [&[0x06, 3, 0x55, 0x04, last][..], &within(0x0c, text.as_bytes())].concat();
            within(0x31, &within(0x30, &inner))
        };
        let subject = [attribute(10, "Acme"), attribute(3, "acme.truck-7")].concat();
        assert_eq!(common_name(&subject).as_deref(), Some("acme.truck-7"));
        assert_eq!(common_name(&attribute(10, "Acme")), None);
        for end in 0..subject.len() {
            assert_eq!(common_name(&subject[..end]), None, "cut at {end}");
        }
        assert_eq!(common_name(&[0x31, 0x84, 0xff, 0xff, 0xff, 0xff, 0x30]), None);
    }

    #[test]
    fn a_bundles_name_is_its_trucks_and_another_trucks_is_not() {
        for name in ["acme-truck-7", "acme.truck-7", "acme.truck-7.29391840", "AWS IoT Certificate"] {
            assert!(may_be_of(name, "acme-truck-7"), "{name}");
        }
        for name in ["acme-truck-8", "acme.truck-8", "acme.truck-7.x", "acme.truck-7.1.2", "truck-7", ""] {
            assert!(!may_be_of(name, "acme-truck-7"), "{name}");
        }
    }
}
