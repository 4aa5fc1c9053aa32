//! Rules that want the same answer for a while: Apple, Android with dwell, Samsara, three fixes, the engineer's rule.
//!
//! "Held for T": the streak begins with the first fix that meets the test, any fix that fails it ends the streak, and
//! the state changes at the first fix T or more after the beginning.

use super::baseline::{Judge, Sight, start};
use super::{Entry, Kind};

/// Region monitoring (developer.apple.com, "Region Monitoring and iBeacon"): the boundary must be crossed by a minimum
/// distance, and the device must stay beyond it for at least 20 seconds. The distance is not published; 20 m here.
pub(super) const APPLE_LIKE: Entry = Entry {
    name: "apple_like",
    start: |fences| start(fences, Streaks::new(Side::held(-20.0, 20.0), Side::held(20.0, 20.0), Claim::Decision)),
};

/// <https://developer.android.com/develop/sensors-and-location/location/geofencing>: `DWELL` after a loitering delay,
/// 60 s here; `EXIT` at once.
pub(super) const ANDROID_DWELL: Entry = Entry {
    name: "android_dwell",
    start: |fences| start(fences, Streaks::new(Side::held(0.0, 60.0), Side::held(0.0, 0.0), Claim::Decision)),
};

/// Samsara help article 26052767063053: entered at once, left after two minutes outside.
pub(super) const SAMSARA_LIKE: Entry = Entry {
    name: "samsara_like",
    start: |fences| start(fences, Streaks::new(Side::held(0.0, 0.0), Side::held(0.0, 120.0), Claim::Decision)),
};

/// The usual home-made cure: three fixes in a row.
pub(super) const THREE_FIXES: Entry = Entry {
    name: "three_fixes",
    start: |fences| start(fences, Streaks::new(Side::counted(3), Side::counted(3), Claim::First)),
};

/// What an engineer writes after a week of complaints: good fixes only, a wider border outwards, ten seconds each.
pub(super) const ENGINEER: Entry = Entry {
    name: "engineer",
    start: |fences| {
        let rule = Streaks::new(Side::held(0.0, 10.0), Side::held(25.0, 10.0), Claim::First);
        start(fences, Streaks { accuracy_below_m: 25.0, ..rule })
    },
};

/// What it takes to change over to one side.
#[derive(Debug, Clone, Copy)]
struct Side {
    /// In: at most this far from the boundary; out: further than this; metres.
    line_m: f64,
    hold_s: f64,
    fixes: u32,
}

impl Side {
    const fn held(line_m: f64, hold_s: f64) -> Self {
        Self { line_m, hold_s, fixes: 1 }
    }

    const fn counted(fixes: u32) -> Self {
        Self { line_m: 0.0, hold_s: 0.0, fixes }
    }
}

/// Which time a rule calls the crossing.
#[derive(Debug, Clone, Copy)]
enum Claim {
    /// The first fix of the streak.
    First,
    /// The fix that decided.
    Decision,
}

#[derive(Debug, Clone, Copy)]
struct Streak {
    since_s: f64,
    fixes: u32,
}

#[derive(Debug, Clone)]
struct Streaks {
    enter: Side,
    leave: Side,
    claim: Claim,
    /// Fixes that are not better than this are not looked at, metres.
    accuracy_below_m: f64,
    inside: Option<bool>,
    streak: Option<Streak>,
}

impl Streaks {
    const fn new(enter: Side, leave: Side, claim: Claim) -> Self {
        Self { enter, leave, claim, accuracy_below_m: f64::INFINITY, inside: None, streak: None }
    }
}

impl Judge for Streaks {
    fn judge(&mut self, see: &Sight<'_>) -> Option<(Kind, f64)> {
        // Sigma per axis, and not the 68 % radius: with that the rule would be blind wherever reception is bad, and silence
        // makes no false events.
        if see.fix.sigma_m >= self.accuracy_below_m {
            return None;
        }
        let time_s = see.fix.time_s;
        let Some(inside) = self.inside else {
            self.inside = Some(see.s_m <= self.enter.line_m);
            return None;
        };
        let (side, met) =
            if inside { (self.leave, see.s_m > self.leave.line_m) } else { (self.enter, see.s_m <= self.enter.line_m) };
        if !met {
            self.streak = None;
            return None;
        }
        let streak = self.streak.get_or_insert(Streak { since_s: time_s, fixes: 0 });
        streak.fixes += 1;
        let Streak { since_s, fixes } = *streak;
        if time_s - since_s < side.hold_s || fixes < side.fixes {
            return None;
        }
        self.streak = None;
        self.inside = Some(!inside);
        let at_s = match self.claim {
            Claim::First => since_s,
            Claim::Decision => time_s,
        };
        Some((if inside { Kind::Left } else { Kind::Entered }, at_s))
    }
}

#[cfg(test)]
mod tests {
    use super::super::baseline::drawn::{circle, off, run};
    use super::*;
    use crate::drive::Observed;
    use Kind::{Entered, Left};

    /// Stretches of (seconds, metres to the boundary), one fix per second.
    fn stretches(stretches: &[(u32, f64)]) -> Vec<Observed> {
        let distances = stretches.iter().flat_map(|&(seconds, s_m)| (0..seconds).map(move |_| s_m));
        (0_u32..).zip(distances).map(|(second, s_m)| off(f64::from(second), s_m)).collect()
    }

    fn on_circle(entry: Entry, track: &[(u32, f64)]) -> Vec<(Kind, f64, f64)> {
        run(entry, &circle(), &stretches(track))
    }

    #[test]
    fn apple_wants_twenty_metres_for_twenty_seconds_each_way() {
        // Outside until 4 s, 19 m deep until 34 s, 20 m deep from 35 s on; 20 m out is not enough, 21 m from 85 s is.
        let decided = on_circle(APPLE_LIKE, &[(5, 50.0), (30, -19.0), (25, -20.0), (25, 20.0), (25, 21.0)]);
        assert_eq!(decided, [(Entered, 55.0, 55.0), (Left, 105.0, 105.0)]);
    }

    #[test]
    fn a_single_fix_ends_a_streak() {
        let decided = on_circle(APPLE_LIKE, &[(5, 50.0), (19, -30.0), (1, -19.0), (21, -30.0)]);
        assert_eq!(decided, [(Entered, 45.0, 45.0)]);
    }

    #[test]
    fn android_dwells_for_a_minute_and_leaves_at_once() {
        let decided = on_circle(ANDROID_DWELL, &[(2, 9.0), (50, -1.0), (1, 1.0), (61, -1.0), (1, 0.1)]);
        assert_eq!(decided, [(Entered, 113.0, 113.0), (Left, 114.0, 114.0)]);
    }

    #[test]
    fn samsara_enters_at_once_and_leaves_after_two_minutes() {
        let decided = on_circle(SAMSARA_LIKE, &[(2, 9.0), (10, -1.0), (120, 9.0), (5, -1.0), (121, 9.0)]);
        assert_eq!(decided, [(Entered, 2.0, 2.0), (Left, 257.0, 257.0)]);
    }

    #[test]
    fn three_fixes_in_a_row_and_the_first_of_them_is_claimed() {
        let decided = on_circle(THREE_FIXES, &[(2, 9.0), (2, -1.0), (1, 9.0), (3, 0.0), (2, 1.0), (1, 0.0), (3, 1.0)]);
        assert_eq!(decided, [(Entered, 5.0, 7.0), (Left, 11.0, 13.0)]);
    }

    #[test]
    fn the_engineer_claims_the_first_of_ten_seconds() {
        let decided = on_circle(ENGINEER, &[(2, 9.0), (10, -1.0), (1, 1.0), (11, 0.0), (20, 25.0), (11, 26.0)]);
        assert_eq!(decided, [(Entered, 13.0, 23.0), (Left, 44.0, 54.0)]);
    }

    #[test]
    fn the_engineer_does_not_look_at_bad_fixes() {
        let mut fixes = stretches(&[(2, 9.0), (5, -1.0), (1, 9.0), (5, -1.0)]);
        fixes[7].sigma_m = 25.0;
        assert_eq!(run(ENGINEER, &circle(), &fixes), [(Entered, 2.0, 12.0)]);
        fixes[7].sigma_m = 24.9;
        assert_eq!(run(ENGINEER, &circle(), &fixes), []);
    }
}
