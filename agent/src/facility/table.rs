//! The names of facilities in the payload of an atlas: looked up by number where they lie, nothing is read in.
//!
//! ```text
//!   header      magic "FACILITY", version (u32), facilities (u32), time zones (u32)
//!   facilities  16 bytes each, by id: revision (u64), begin of its text (u32), length of id (u8), of name (u8),
//!               number of its time zone from 1, 0 for none (u16)
//!   time zones  8 bytes each, by name: begin of its text (u32), length (u32)
//!   text        UTF-8: id and name of each facility, then the time zones
//! ```
//!
//! Little-endian. Ids and names have at most 200 bytes (`geojson`), hence one byte for their length.

use super::Facility;
use super::identity::hex;
use super::plan::Site;
use std::collections::BTreeSet;

const MAGIC: &[u8; 8] = b"FACILITY";
const VERSION: u32 = 1;
const HEADER_LEN: usize = 20;
const FACILITY_LEN: usize = 16;
const ZONE_LEN: usize = 8;

/// The table of the facilities in `order`, with the revision of each.
pub(super) fn write(order: &[(&Site, u64)]) -> Vec<u8> {
    let zones: BTreeSet<&str> = order.iter().filter_map(|(site, _)| site.tz.as_deref()).collect();
    let mut text = Vec::new();
    let mut out = MAGIC.to_vec();
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    for n in [number(VERSION as usize), number(order.len()), number(zones.len())] {
        out.extend(n);
    }
    for (site, revision) in order {
        let name = site.name.as_deref().unwrap_or(&site.id);
        let zone = site.tz.as_deref().and_then(|tz| zones.iter().position(|zone| *zone == tz)).map_or(0, |n| n + 1);
        out.extend(revision.to_le_bytes());
        out.extend(number(text.len()));
        out.extend([&site.id, name].map(|text| u8::try_from(text.len()).unwrap_or(u8::MAX)));
        out.extend(u16::try_from(zone).unwrap_or(0).to_le_bytes());
        text.extend_from_slice(site.id.as_bytes());
        text.extend_from_slice(name.as_bytes());
    }
    for zone in zones {
        out.extend(number(text.len()));
        out.extend(number(zone.len()));
        text.extend_from_slice(zone.as_bytes());
    }
    out.extend(text);
    out
}

/// The table in the payload of an atlas.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    facilities: &'a [u8],
    zones: &'a [u8],
    text: &'a [u8],
}

impl<'a> Table<'a> {
    /// `None` if this is no table that is known here. Looks at the header alone.
    pub(super) fn open(payload: &'a [u8]) -> Option<Self> {
        let (header, rest) = payload.split_at_checked(HEADER_LEN)?;
        if header.get(..8)? != MAGIC || u32_at(header, 8)? != VERSION {
            return None;
        }
        let (facilities, rest) = rest.split_at_checked(size(u32_at(header, 12)?)?.checked_mul(FACILITY_LEN)?)?;
        let (zones, text) = rest.split_at_checked(size(u32_at(header, 16)?)?.checked_mul(ZONE_LEN)?)?;
        Some(Self { facilities, zones, text })
    }

    pub(super) fn len(self) -> usize {
        self.facilities.len() / FACILITY_LEN
    }

    /// Facility `number`; `None` beyond the end, or if what stands there is no text.
    pub(super) fn facility(self, number: usize) -> Option<Facility> {
        let begin = number.checked_mul(FACILITY_LEN)?;
        let entry = self.facilities.get(begin..begin.checked_add(FACILITY_LEN)?)?;
        let revision = u64::from(u32_at(entry, 0)?) | u64::from(u32_at(entry, 4)?) << 32;
        let (id_len, name_len) = (usize::from(*entry.get(12)?), usize::from(*entry.get(13)?));
        let at = size(u32_at(entry, 8)?)?;
        let id = self.text(at, id_len)?;
        let name = self.text(at.checked_add(id_len)?, name_len)?;
        let tz = match usize::from(u16::from_le_bytes([*entry.get(14)?, *entry.get(15)?])) {
            0 => None,
            number => Some(self.zone(number - 1)?),
        };
        Some(Facility { id, name, tz, revision: hex(revision) })
    }

    fn zone(self, number: usize) -> Option<String> {
        let begin = number.checked_mul(ZONE_LEN)?;
        let entry = self.zones.get(begin..begin.checked_add(ZONE_LEN)?)?;
        self.text(size(u32_at(entry, 0)?)?, size(u32_at(entry, 4)?)?)
    }

    fn text(self, begin: usize, len: usize) -> Option<String> {
        let bytes = self.text.get(begin..begin.checked_add(len)?)?;
        std::str::from_utf8(bytes).ok().map(str::to_owned)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn size(number: u32) -> Option<usize> {
    usize::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn site(id: &str, name: Option<&str>, tz: Option<&str>) -> Site {
        Site { id: id.to_owned(), name: name.map(str::to_owned), tz: tz.map(str::to_owned) }
    }

    #[test]
    fn what_is_written_is_found_by_number() {
        let sites = [
            site("a", Some("Depot \u{df}"), Some("Europe/Berlin")),
            site("b", None, None),
            site("c", Some("C"), Some("America/Chicago")),
        ];
        let order: Vec<_> = sites.iter().zip([7, u64::MAX, 0]).collect();
        let bytes = write(&order);
        let table = Table::open(&bytes).unwrap();
        assert_eq!(table.len(), 3);
        let facility = |n| table.facility(n).map(|f| (f.id, f.name, f.tz.unwrap_or_default(), f.revision));
        let text =
            |id: &str, name: &str, tz: &str, revision: &str| Some((id.into(), name.into(), tz.into(), revision.into()));
        assert_eq!(facility(0), text("a", "Depot \u{df}", "Europe/Berlin", "0000000000000007"));
        assert_eq!(facility(1), text("b", "b", "", "ffffffffffffffff"));
        assert_eq!(facility(2), text("c", "C", "America/Chicago", "0000000000000000"));
        assert_eq!(facility(3), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            mut bytes in prop::collection::vec(any::<u8>(), 0..200),
            known in any::<bool>(),
            number in any::<usize>()
        ) {
            if known && bytes.len() >= 12 {
                bytes[..8].copy_from_slice(MAGIC);
                bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
            }
            if let Some(table) = Table::open(&bytes) {
                let _ = (table.len(), table.facility(number), table.facility(0));
            }
        }
    }
}
