//! What a facility file says, feature by feature, before it is compiled.

use super::Zone;
use super::finding::{Finding, Severity};
use super::geometry::{Drawing, Trouble};

/// The good features of a file. Whatever was wrong with others is told beside it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// In the order of the file.
    pub(super) sites: Vec<Site>,
    /// The site of facility n is fence n; zones follow, in the order of the file.
    pub(super) fences: Vec<Fence>,
    /// The coordinate reference system that the file names, where it is not longitude and latitude in WGS 84.
    pub(super) crs: Option<String>,
}

/// A facility.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Site {
    pub(super) id: String,
    /// `None` where the file gives none: events then carry the id.
    pub(super) name: Option<String>,
    pub(super) tz: Option<String>,
}

/// A fence of one of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fence {
    /// The id of the feature.
    pub(super) id: String,
    pub(super) line: usize,
    /// Index of the facility.
    pub(super) site: usize,
    pub(super) zone: Zone,
    pub(super) drawing: Drawing,
}

impl Plan {
    /// How many facilities there are.
    #[must_use]
    pub fn facilities(&self) -> usize {
        self.sites.len()
    }

    /// How many fences they have together.
    #[must_use]
    pub fn fences(&self) -> usize {
        self.fences.len()
    }

    pub(super) fn site(&self, fence: &Fence) -> Option<&Site> {
        self.sites.get(fence.site)
    }

    /// A finding about `fence`.
    pub(super) fn finding(&self, fence: &Fence, severity: Severity, trouble: Trouble) -> Finding {
        Finding {
            severity,
            rule: trouble.rule,
            line: Some(fence.line),
            facility: self.site(fence).map(|site| site.id.clone()),
            feature: Some(fence.id.clone()),
            place: trouble.place,
            what: trouble.what,
            remedy: trouble.remedy,
        }
    }

    /// A warning about `fence`.
    pub(super) fn warning(&self, fence: &Fence, trouble: Trouble) -> Finding {
        self.finding(fence, Severity::Warning, trouble)
    }
}
