//! What is legal in a facility file and still looks wrong: fences that a receiver cannot resolve, that meet one another, that
//! lie in another time zone, that have a road in them.
//!
//! Every finding here is a warning; errors come from reading ([`super::survey`]). Pure over the plan: there is no map on the
//! device, so what lies beside a fence is only known from a file of roads.

pub(super) mod depth;
mod neighbours;
mod outlines;
mod places;
mod relation;
mod roads;

pub use roads::{ROAD_BORDER_M, Road, RoadFile, beside};

use super::{Finding, Plan};

/// All warnings about the features of `plan`, in the order of facilities and of lines within each.
#[must_use]
pub fn lint(plan: &Plan) -> Vec<Finding> {
    let mut found = Vec::new();
    outlines::check(plan, &mut found);
    places::check(plan, &mut found);
    neighbours::check(plan, &mut found);
    found
}

/// Findings in the order in which people read them: one facility after the other as the file begins them, errors first, then
/// by line. What belongs to no facility comes before all.
pub fn sort(findings: &mut [Finding]) {
    let mut begins = std::collections::BTreeMap::new();
    for finding in findings.iter() {
        let first = begins.entry(finding.facility.clone()).or_insert(finding.line);
        *first = (*first).min(finding.line);
    }
    let begin = |finding: &Finding| begins.get(&finding.facility).copied().flatten();
    findings.sort_by_cached_key(|finding| {
        (finding.facility.is_some(), begin(finding), finding.facility.clone(), finding.severity, finding.line)
    });
}
