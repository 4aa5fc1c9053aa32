//! The best time there is: for certificates and for the expiry of commands. Events are never dated by it.
//!
//! ```text
//!  floor = the later of: the day of this release, the newest fix of an earlier run
//!  fix in this run            -> Gnss    the fix, carried on by the monotonic clock
//!  system clock within bounds -> System  floor <= it <= floor + AHEAD_MAX (battery-backed clock or NTP)
//!  neither                    -> the floor itself, a time that has certainly passed
//! ```

use crate::time::Mono;
use geofence::{Span, UnixMillis};

/// A system clock that is further ahead of the floor is wrong: no truck sleeps that long, and a certificate checked then
/// would look expired. Five years.
const AHEAD_MAX: Span = Span::seconds(5 * 366 * 86_400);
/// So long the connection waits for a fix: a cold receiver under open sky needs a minute, in a yard two or three. A truck with a
/// cut antenna is heard after it.
pub const WAIT_FOR_FIX: Span = Span::seconds(300);

/// Whose time it is, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeSource {
    /// A fix of this run.
    Gnss,
    /// The system clock, which the release and the history do not contradict.
    System,
    /// The newest fix of an earlier run: it was not earlier than this.
    LastFix,
    /// The day of this release: it was not earlier than this.
    Release,
}

impl TimeSource {
    /// One word, as in `health`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gnss => "gnss",
            Self::System => "system_clock",
            Self::LastFix => "last_fix",
            Self::Release => "release",
        }
    }

    /// Whether it says what time it is, and not only what has passed.
    #[must_use]
    pub const fn is_clock(self) -> bool {
        matches!(self, Self::Gnss | Self::System)
    }
}

/// A time and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BestTime {
    /// UTC.
    pub utc: UnixMillis,
    /// Whose.
    pub source: TimeSource,
}

/// What is known of the time in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeBase {
    began: Mono,
    released: UnixMillis,
    floor: BestTime,
    anchor: Option<(Mono, UnixMillis)>,
}

impl TimeBase {
    /// A run that begins. `last_fix`: the newest fix that an earlier run left.
    #[must_use]
    pub fn new(began: Mono, released: UnixMillis, last_fix: Option<UnixMillis>) -> Self {
        let release = BestTime { utc: released, source: TimeSource::Release };
        let floor = match last_fix {
            Some(utc) if utc > released => BestTime { utc, source: TimeSource::LastFix },
            Some(_) | None => release,
        };
        Self { began, released, floor, anchor: None }
    }

    /// A fix of this run. One before the release is a receiver whose calendar is wrong, and is not taken. One before the newest fix of
    /// an earlier run is: the engine has asked for more than one of them, and if it was the earlier one that was wrong, a floor in the
    /// future would keep the truck offline. One that is not `timely` lay in a buffer, so that it was not now when it arrived: it
    /// is taken only where nothing better is known.
    pub fn fix(&mut self, arrived: Mono, utc: UnixMillis, timely: bool) {
        if utc >= self.released && (timely || self.anchor.is_none()) {
            self.anchor = Some((arrived, utc));
        }
    }

    /// The best time at `now`. `system`: the system clock, where it means anything.
    #[must_use]
    pub fn at(&self, now: Mono, system: Option<UnixMillis>) -> BestTime {
        if let Some((then, utc)) = self.anchor {
            return BestTime { utc: utc + (now - then), source: TimeSource::Gnss };
        }
        let latest = self.floor.utc + AHEAD_MAX;
        match system {
            Some(utc) if (self.floor.utc..=latest).contains(&utc) => BestTime { utc, source: TimeSource::System },
            Some(_) | None => self.floor,
        }
    }

    /// How long to wait for a fix before connecting without one; `None`: connect now.
    #[must_use]
    pub fn wait(&self, now: Mono) -> Option<Span> {
        let left = Span(WAIT_FOR_FIX.0 - (now - self.began).0);
        (self.anchor.is_none() && left.0 > 0).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELEASED: UnixMillis = UnixMillis(1_795_305_600_000);
    const DAY: i64 = 86_400_000;

    fn later(days: i64) -> UnixMillis {
        UnixMillis(RELEASED.0 + days * DAY)
    }

    fn at(base: &TimeBase, system: Option<UnixMillis>) -> (UnixMillis, TimeSource) {
        let best = base.at(Mono(10_000), system);
        (best.utc, best.source)
    }

    #[test]
    fn a_fix_of_this_run_beats_every_clock_and_is_carried_on() {
        let mut base = TimeBase::new(Mono(0), RELEASED, Some(later(3)));
        assert!(base.wait(Mono(10_000)).is_some());
        base.fix(Mono(4_000), later(5), true);
        assert_eq!(at(&base, Some(later(9))), (UnixMillis(later(5).0 + 6_000), TimeSource::Gnss));
        assert_eq!(base.wait(Mono(10_000)), None);
    }

    #[test]
    fn the_system_clock_is_believed_between_the_floor_and_five_years() {
        let base = TimeBase::new(Mono(0), RELEASED, Some(later(3)));
        assert_eq!(at(&base, Some(later(4))), (later(4), TimeSource::System));
        for wrong in [UnixMillis(0), later(2), later(3 + 5 * 366 + 1)] {
            assert_eq!(at(&base, Some(wrong)), (later(3), TimeSource::LastFix));
        }
        assert_eq!(at(&base, None), (later(3), TimeSource::LastFix));
    }

    #[test]
    fn a_fix_out_of_a_buffer_is_better_than_none_and_worse_than_one_in_time() {
        let mut base = TimeBase::new(Mono(0), RELEASED, None);
        base.fix(Mono(10_000), later(1), false);
        assert_eq!(at(&base, None), (later(1), TimeSource::Gnss));
        base.fix(Mono(10_000), later(2), true);
        base.fix(Mono(10_000), later(1), false);
        assert_eq!(at(&base, None), (later(2), TimeSource::Gnss));
    }

    #[test]
    fn a_history_before_the_release_is_no_floor_and_a_fix_before_the_floor_no_anchor() {
        let mut base = TimeBase::new(Mono(0), RELEASED, Some(later(-9)));
        base.fix(Mono(1), later(-1), true);
        assert_eq!(at(&base, None), (RELEASED, TimeSource::Release));
    }

    #[test]
    fn a_wrong_date_of_an_earlier_run_holds_no_fix_of_this_one_off() {
        let mut base = TimeBase::new(Mono(0), RELEASED, Some(later(16 * 366)));
        assert_eq!(at(&base, Some(later(5))), (later(16 * 366), TimeSource::LastFix));
        base.fix(Mono(10_000), later(5), true);
        assert_eq!(at(&base, None), (later(5), TimeSource::Gnss));
    }

    #[test]
    fn without_a_fix_it_waits_five_minutes_and_no_longer() {
        let base = TimeBase::new(Mono(1_000), RELEASED, None);
        assert_eq!(base.wait(Mono(1_000)), Some(Span::seconds(300)));
        assert_eq!(base.wait(Mono(300_999)), Some(Span(1)));
        assert_eq!(base.wait(Mono(301_000)), None);
    }
}
