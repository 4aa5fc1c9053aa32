//! What receivers say in words: the state of the antenna, of interference, of the line. Everything else they say is let pass.

use super::super::finding::{Antenna, Finding, Jamming};

/// TXT: `total,number,severity,text`. u-blox: `ANTSTATUS=OK`; CASIC (Quectel L76K): `ANTENNA OK`; u-blox again: `txbuf alloc`.
pub(super) fn txt(rest: &str) -> Option<Finding> {
    let text = rest.splitn(4, ',').nth(3)?;
    if text.starts_with("txbuf") {
        return Some(Finding::LineTooSlow);
    }
    let state = text.strip_prefix("ANTSTATUS=").or_else(|| text.strip_prefix("ANTENNA "))?;
    match state.trim_end() {
        "OK" => Some(Finding::Antenna(Antenna::Connected)),
        "SHORT" => Some(Finding::Antenna(Antenna::Short)),
        "OPEN" => Some(Finding::Antenna(Antenna::Open)),
        // INIT and DONTKNOW: nothing is known.
        _ => None,
    }
}

/// Sentences of the manufacturers: `PSTMANTENNASTATUS,status,..` (ST Teseo), `PGTOP,11,state` and `PMTKSPF,state` (MediaTek).
pub(super) fn private(tag: &str, rest: &str) -> Option<Finding> {
    let first = rest.split(',').next()?;
    match (tag, first) {
        ("PSTMANTENNASTATUS", "0") => Some(Finding::Antenna(Antenna::Connected)),
        ("PSTMANTENNASTATUS", "1") => Some(Finding::Antenna(Antenna::Open)),
        ("PSTMANTENNASTATUS", "2") => Some(Finding::Antenna(Antenna::Short)),
        ("PGTOP", "11") => match rest.split(',').nth(1)? {
            "1" => Some(Finding::Antenna(Antenna::Short)),
            "2" => Some(Finding::Antenna(Antenna::Internal)),
            "3" => Some(Finding::Antenna(Antenna::Connected)),
            _ => None,
        },
        ("PMTKSPF", "1") => Some(Finding::Jamming(Jamming::None)),
        ("PMTKSPF", "2") => Some(Finding::Jamming(Jamming::Suspected)),
        ("PMTKSPF", "3") => Some(Finding::Jamming(Jamming::Critical)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn antenna_and_jamming_are_understood_in_every_dialect() {
        let antenna = |state| Some(Finding::Antenna(state));
        assert_eq!(txt("01,01,02,ANTSTATUS=OK"), antenna(Antenna::Connected));
        assert_eq!(txt("01,01,02,ANTSTATUS=OPEN"), antenna(Antenna::Open));
        assert_eq!(txt("01,01,01,ANTENNA SHORT"), antenna(Antenna::Short));
        assert_eq!(txt("01,01,01,txbuf alloc"), Some(Finding::LineTooSlow));
        assert_eq!(private("PSTMANTENNASTATUS", "1,0,1,1"), antenna(Antenna::Open));
        assert_eq!(private("PGTOP", "11,1"), antenna(Antenna::Short));
        assert_eq!(private("PMTKSPF", "3"), Some(Finding::Jamming(Jamming::Critical)));
    }

    #[test]
    fn other_words_are_let_pass() {
        for rest in ["01,01,02,ANTSTATUS=DONTKNOW", "01,01,02,ANTSUPERV=AC SD", "01,01,02,u-blox ag", "", "a,b"] {
            assert_eq!(txt(rest), None, "{rest}");
        }
        assert_eq!(private("PGTOP", "11"), None);
        assert_eq!(private("PSTMCPU", "54.57,-1,98"), None);
    }
}
