//! What a rule is: it sees one input after the other and says what it has decided. Ours and everybody else's.

use crate::drive::{Fence, Input};

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
    /// What was told provisionally is taken back.
    Retracted,
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
