//! What a rule is: it sees one input after the other and says what it has decided. Ours and everybody else's.

mod baseline;
mod freight_tiger;
mod gatestamp;
mod instant;
mod streak;
mod tile38;
mod traccar;

use crate::drive::{Fence, Input};

#[cfg(test)]
pub(crate) use gatestamp::facilities;

/// What a rule has to say about one fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The truck has crossed inwards. For our rule: `visit.arrived`, provisional or confirmed, whichever comes first.
    Entered,
    /// The arrival is confirmed (only rules that tell such things).
    Confirmed,
    /// The truck has crossed outwards: `visit.departed`.
    Left,
    /// A drive-through, told in one: the interval is that of the crossing in. Our `visit.passed`; Tile38's `cross`.
    Passed,
    /// An arrival that was told provisionally is taken back.
    Retracted,
    /// The departure is confirmed (only rules that tell such things).
    DepartureConfirmed,
    /// A departure that was told provisionally is taken back: the truck is still inside.
    DepartureRetracted,
}

/// One decision of a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    /// Index of the fence in `Drive::fences`.
    pub fence: usize,
    /// What.
    pub kind: Kind,
    /// The claimed crossing time, seconds since the drive began.
    pub at_s: f64,
    /// The 95 % interval, for rules that state one; its lower end may be unknown.
    pub interval_s: Option<(Option<f64>, f64)>,
    /// When it was decided: the time of the newest fix seen.
    pub decided_s: f64,
}

/// A rule under test, for one drive.
pub trait Rule {
    /// One input later: appends what was decided.
    fn observe(&mut self, input: &Input, out: &mut Vec<Decision>);
}

/// A rule by name, and how to start it for a drive with these fences.
#[derive(Clone, Copy)]
pub struct Entry {
    /// As printed.
    pub name: &'static str,
    /// Starts it.
    pub start: fn(&[Fence]) -> Box<dyn Rule>,
}

/// Every rule, ours first, in the order of the tables.
#[must_use]
pub fn all() -> Vec<Entry> {
    vec![
        gatestamp::ENTRY,
        instant::NAIVE,
        traccar::TRACCAR,
        traccar::TRACCAR_30S,
        instant::OWNTRACKS,
        instant::AOSP,
        tile38::TILE38,
        instant::TELTONIKA_BORDER,
        instant::TRACELET,
        streak::APPLE_LIKE,
        streak::ANDROID_DWELL,
        streak::SAMSARA_LIKE,
        streak::THREE_FIXES,
        streak::ENGINEER,
        freight_tiger::FREIGHT_TIGER,
    ]
}
