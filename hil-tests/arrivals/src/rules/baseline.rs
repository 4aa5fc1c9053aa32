//! What the rules of others have in common: every site fence is judged by itself, on one fix after the other as they arrive.
//!
//! The rules are readings of public sources at the commits named in each file, not runs of the products.
//! - The first fix sets the state in silence, unless a rule says otherwise.
//! - "Accuracy" is what their systems get from a phone or tracker: the radius that holds the truth 68 % of the time
//!   (<https://developer.android.com/reference/android/location/Location#getAccuracy()>). For independent errors of one
//!   sigma per axis that is sqrt(-2 ln 0.32) = 1.51 sigma; see [`accuracy_m`].
//! - Late fixes are taken as they come, unless a rule says otherwise. No clock runs between fixes: a rule that waits
//!   decides at the fix at which the time is up.
//! - What a rule knows survives a power cut, as it does where the decision is made on a server or kept in flash.

use super::{Decision, Kind, Rule};
use crate::drive::{Fence, Input, Observed, Outline};
use crate::planar;
use gatestamp::facility::Zone;

/// Radius of 68.3 % in units of sigma per axis: sqrt(-2 ln(1 - 0.683)).
const RADIUS_SIGMAS: f64 = 1.515;

/// The accuracy as vendors mean it, metres.
pub(super) fn accuracy_m(fix: &Observed) -> f64 {
    RADIUS_SIGMAS * fix.sigma_m
}

/// A fix as seen from one fence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight<'a> {
    pub(super) outline: &'a Outline,
    pub(super) fix: &'a Observed,
    /// Metres to the boundary, negative inside.
    pub(super) s_m: f64,
    /// The time of the newest fix seen, this one included.
    pub(super) now_s: f64,
}

impl Sight<'_> {
    pub(super) fn accuracy_m(&self) -> f64 {
        accuracy_m(self.fix)
    }
}

/// A rule at one fence: what it makes of the next fix, and which crossing time it claims.
pub(super) trait Judge: Clone {
    fn judge(&mut self, sight: &Sight<'_>) -> Option<(Kind, f64)>;
}

/// Every site fence of the drive with its own judge.
pub(super) fn start<J: Judge + 'static>(fences: &[Fence], judge: J) -> Box<dyn Rule> {
    let sites = sites(fences).map(|(index, outline)| (index, outline, judge.clone())).collect();
    Box::new(Sites { sites, newest_s: f64::NEG_INFINITY })
}

/// The fences that make a visit, with their indices.
pub(super) fn sites(fences: &[Fence]) -> impl Iterator<Item = (usize, Outline)> + '_ {
    let sites = fences.iter().enumerate().filter(|(_, fence)| fence.zone == Zone::Site);
    sites.map(|(index, fence)| (index, fence.outline.clone()))
}

struct Sites<J> {
    sites: Vec<(usize, Outline, J)>,
    newest_s: f64,
}

impl<J: Judge> Rule for Sites<J> {
    fn observe(&mut self, input: &Input, out: &mut Vec<Decision>) {
        let Input::Fix(fix) = input else { return };
        self.newest_s = self.newest_s.max(fix.time_s);
        for (fence, outline, judge) in &mut self.sites {
            let s_m = planar::signed_distance(outline, fix.point);
            let verdict = judge.judge(&Sight { outline, fix, s_m, now_s: self.newest_s });
            out.extend(verdict.map(|(kind, at_s)| decision(*fence, kind, at_s, self.newest_s)));
        }
    }
}

/// A decision without an interval: no other rule states one.
pub(super) fn decision(fence: usize, kind: Kind, at_s: f64, decided_s: f64) -> Decision {
    Decision { fence, kind, at_s, interval_s: None, decided_s }
}

/// Tracks drawn by hand for the tests of the rules.
#[cfg(test)]
pub(super) mod drawn {
    use super::super::{Decision, Entry, Kind};
    use super::{Fence, Input, Observed, Outline, Zone};
    use crate::drive::Point;

    /// Radius of the fence that the tracks lead to, metres.
    const RADIUS_M: f64 = 100.0;

    pub(in super::super) fn site(outline: Outline) -> Fence {
        Fence { facility: "works".into(), zone: Zone::Site, outline }
    }

    pub(in super::super) fn at(time_s: f64, east: f64, north: f64) -> Observed {
        let point = Point { east, north };
        Observed { time_s, point, sigma_m: 2.0, speed_mps: None, track_deg: None }
    }

    /// A fix so many metres outside (or, negative, inside) of the circle.
    pub(in super::super) fn off(time_s: f64, s_m: f64) -> Observed {
        at(time_s, RADIUS_M + s_m, 0.0)
    }

    /// One fix per second, given as metres to the boundary.
    pub(in super::super) fn each_second(distances_m: &[f64]) -> Vec<Observed> {
        (0_u32..).zip(distances_m).map(|(second, &s_m)| off(f64::from(second), s_m)).collect()
    }

    pub(in super::super) fn circle() -> Vec<Fence> {
        vec![site(Outline::Circle(Point { east: 0.0, north: 0.0 }, RADIUS_M))]
    }

    /// What the rule decided: kind, claimed time, time of the decision.
    pub(in super::super) fn run(entry: Entry, fences: &[Fence], fixes: &[Observed]) -> Vec<(Kind, f64, f64)> {
        decisions(entry, fences, fixes).into_iter().map(|d| (d.kind, d.at_s, d.decided_s)).collect()
    }

    pub(in super::super) fn decisions(entry: Entry, fences: &[Fence], fixes: &[Observed]) -> Vec<Decision> {
        let mut rule = (entry.start)(fences);
        let mut out = Vec::new();
        for fix in fixes {
            rule.observe(&Input::Fix(*fix), &mut out);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::super::instant;
    use super::drawn::{circle, decisions, each_second, off, run, site};
    use super::*;
    use crate::drive::Point;

    #[test]
    fn accuracy_holds_68_percent_of_a_circular_error() {
        let within = |radius_in_sigmas: f64| 1.0 - libm::exp(-radius_in_sigmas * radius_in_sigmas / 2.0);
        assert!((within(accuracy_m(&off(0.0, 0.0)) / 2.0) - 0.683).abs() < 0.0005);
    }

    #[test]
    fn only_site_fences_are_judged_and_under_their_own_index() {
        let far = site(Outline::Circle(Point { east: 900.0, north: 0.0 }, 50.0));
        let mut fences = vec![circle().remove(0), circle().remove(0), far];
        fences[0].zone = Zone::Gate;
        let entered = decisions(instant::NAIVE, &fences, &each_second(&[5.0, -5.0]));
        assert_eq!(entered.iter().map(|d| d.fence).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn a_decision_is_made_at_the_newest_fix_even_if_an_older_one_makes_it() {
        let fixes = [off(0.0, 9.0), off(7.0, 8.0), off(5.0, -1.0)];
        assert_eq!(run(instant::NAIVE, &circle(), &fixes), [(Kind::Entered, 5.0, 7.0)]);
    }
}
