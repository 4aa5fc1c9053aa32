//! What a month may cost: bytes by class, and what is given up before they run out.
//!
//! ```text
//!  left > what the rest of the month needs      nothing is given up
//!       <= the need                             positions
//!       <= half of it                           health, but for changes of state
//!       <= a quarter of it                      sending again by the timer
//! ```
//! The need follows the interval at which the link is proven, which is learned. Pings that take more than a month has are no reason to
//! give up sending again: what they take beyond it is left out there.
//! First deliveries of events are never given up, nor the answers to commands, nor the link itself.

use crate::besttime::{BestTime, TimeSource};
use crate::config::Profile;
use crate::keepalive::SHORTEST_S;
use crate::time::{Utc, parse_rfc3339, rfc3339};
use geofence::UnixMillis;
use serde::Serialize;
use std::collections::BTreeMap;

/// A megabyte of a data plan.
pub const MEGABYTE: u64 = 1_000_000;
/// What the link needs for an exchange of a ping and its answer: a record of TLS around two bytes (24 B) each way, and three segments.
const PING: u64 = 2 * 24 + 3 * HEADERS;
/// Of TCP and IP in a segment: 20 each, and 12 of the time stamps that Linux puts into each.
pub const HEADERS: u64 = 52;
/// Twenty events of 1.2 kB, and three handshakes of 6 kB.
const EVENTS_A_DAY: u64 = 20 * 1_200 + 3 * 6_000;
const DAY_MS: i64 = 86_400_000;
/// What was given up comes back when there is so much more than needed: a hundredth of the budget. Otherwise it would come and go.
const RETURN_SHARE: u64 = 100;

/// What bytes are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// First deliveries of events about visits.
    Visits,
    /// First deliveries of other events, and answers to commands.
    Events,
    /// `health`.
    Health,
    /// `position`.
    Positions,
    /// `state`.
    State,
    /// Handshakes, pings, acknowledgements, what is sent down.
    Link,
    /// Events that were sent before.
    Resends,
}

/// How many classes there are.
pub const CLASSES: usize = 7;
const ALL: [Class; CLASSES] =
    [Class::Visits, Class::Events, Class::Health, Class::Positions, Class::State, Class::Link, Class::Resends];

/// What is not sent any more; each one includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GivenUp {
    /// Positions, and `state` but for changes.
    Positions,
    /// `health` but for each connection and changes of state.
    Health,
    /// A silent dispatch is asked once a day, and not once an hour.
    Resends,
}

/// A month of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(u32);

impl Month {
    /// The month of a time; that of 1970-01 before.
    #[must_use]
    pub fn of(time: UnixMillis) -> Self {
        Self::parse(rfc3339(time).get(..7).unwrap_or_default()).unwrap_or(Self(1_970 * 12))
    }

    /// Of a text such as `2026-11`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let (year, month): (u32, u32) = (year.parse().ok()?, month.parse().ok()?);
        ((1_970..10_000).contains(&year) && (1..=12).contains(&month)).then_some(Self(year * 12 + month - 1))
    }

    /// `2026-11`.
    #[must_use]
    pub fn text(self) -> String {
        format!("{:04}-{:02}", self.0 / 12, self.0 % 12 + 1)
    }

    fn begins(self) -> UnixMillis {
        parse_rfc3339(&format!("{}-01T00:00:00Z", self.text())).unwrap_or(UnixMillis(0))
    }

    /// Milliseconds of it that are over at `now`, and all of it.
    fn elapsed(self, now: UnixMillis) -> (i64, i64) {
        let (begin, end) = (self.begins().0, Self(self.0 + 1).begins().0);
        let length = (end - begin).max(DAY_MS);
        ((now.0 - begin).clamp(0, length), length)
    }
}

/// What is kept over a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    /// Whose bytes these are; `None` before the first time is known.
    pub month: Option<Month>,
    /// By class, in the order of [`Class`].
    pub spent: [u64; CLASSES],
    /// What the month before came to: where the time turns out to be an earlier one, it was this one.
    pub before: Option<(Month, u64)>,
}

/// The bytes of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    monthly: u64,
    /// At which the link is proven, seconds.
    interval_s: u16,
    kept: Kept,
    /// The ledger could not be read: the month so far counts as an even share of the budget, once it is known how far it is.
    unknown: bool,
    given_up: Option<GivenUp>,
    since: Option<UnixMillis>,
}

/// The budget as `health` and `status` tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Spending {
    /// Such as `2026-11`, UTC; `null` while no time is known.
    pub month: Option<String>,
    /// Bytes that the month may cost.
    pub budget: u64,
    /// Bytes that it has cost so far: both ways, TLS and headers of TCP and IP included.
    pub spent: u64,
    /// The same by what they were for.
    pub by_class: BTreeMap<Class, u64>,
    /// What is not sent any more until there is room; each word includes those before it: positions, health, resends.
    pub given_up: Option<GivenUp>,
    /// Since when.
    pub since: Option<Utc>,
}

/// Bytes a month of a profile, unless the configuration says otherwise.
#[must_use]
pub const fn of_profile(profile: Profile) -> u64 {
    match profile {
        Profile::Frugal => 5 * MEGABYTE,
        Profile::Normal => 25 * MEGABYTE,
    }
}

/// Bytes that pings take in so many days, of a link that is proven at this interval.
const fn of_pings(interval_s: u16, days: u64) -> u64 {
    let seconds = if interval_s == 0 { 1 } else { interval_s as u64 };
    days * 86_400 / seconds * PING
}

/// Where pings at this interval alone take more of the longest month than it may cost: that they do, in words.
#[must_use]
pub fn pings_beyond(monthly: u64, interval_s: u16) -> Option<String> {
    let pings = of_pings(interval_s, 31);
    (pings > monthly).then(|| {
        let tenths = pings / (MEGABYTE / 10);
        let (whole, tenth, month) = (tenths / 10, tenths % 10, monthly / MEGABYTE);
        format!("pings every {interval_s} s alone take {whole}.{tenth} MB of {month} MB a month")
    })
}

impl Budget {
    /// A budget of so many bytes a month, of a link that is proven at this interval to begin with.
    #[must_use]
    pub fn new(monthly: u64, interval_s: u16) -> Self {
        Self { monthly, interval_s, kept: Kept::default(), unknown: false, given_up: None, since: None }
    }

    /// The link is proven at this interval from here on. Where that is another one, and its pings take more than the month: in words.
    pub fn proven_every(&mut self, interval_s: u16) -> Option<String> {
        let before = std::mem::replace(&mut self.interval_s, interval_s);
        pings_beyond(self.monthly, interval_s).filter(|_| before != interval_s)
    }

    /// Goes on from what was kept, and what may have been spent beside it.
    pub fn resume(&mut self, kept: Kept, unwritten: u64) {
        self.kept = kept;
        self.spend(Class::Link, unwritten);
    }

    /// What was spent before cannot be known.
    pub fn resume_unknown(&mut self) {
        self.unknown = true;
    }

    /// So many bytes went over the wire.
    pub fn spend(&mut self, class: Class, bytes: u64) {
        if let Some(spent) = self.kept.spent.get_mut(class as usize) {
            *spent = spent.saturating_add(bytes);
        }
    }

    /// What is to be kept over a restart.
    #[must_use]
    pub fn kept(&self) -> Kept {
        self.kept
    }

    /// Bytes of this month so far.
    #[must_use]
    pub fn spent(&self) -> u64 {
        self.kept.spent.iter().fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }

    /// What is not sent any more.
    #[must_use]
    pub fn given_up(&self) -> Option<GivenUp> {
        self.given_up
    }

    /// Judges anew at `now`. Whether something else is given up than before.
    pub fn at(&mut self, now: BestTime) -> bool {
        let month = Month::of(now.utc);
        // What has certainly passed ends the months before it, and does not say which one this is.
        if now.source.is_clock() || self.kept.month.is_some_and(|kept| kept < month) {
            self.turn_to(month, now.source);
        }
        if self.unknown && now.source.is_clock() {
            self.unknown = false;
            let (elapsed, length) = month.elapsed(now.utc);
            self.spend(Class::Link, share(self.monthly, elapsed, length));
        }
        let given_up = self.judge(now.utc);
        let changed = given_up != self.given_up;
        if changed {
            self.since = given_up.map(|_| now.utc);
        }
        self.given_up = given_up;
        changed
    }

    /// The budget for people.
    #[must_use]
    pub fn told(&self) -> Spending {
        Spending {
            month: self.kept.month.map(Month::text),
            budget: self.monthly,
            spent: self.spent(),
            by_class: ALL.into_iter().zip(self.kept.spent).collect(),
            given_up: self.given_up,
            since: self.since.map(Utc),
        }
    }

    fn turn_to(&mut self, month: Month, source: TimeSource) {
        match self.kept.month {
            Some(kept) if kept < month => {
                self.kept = Kept { month: Some(month), before: Some((kept, self.spent())), ..Kept::default() };
            }
            // A system clock that was ahead has begun a month that is not there yet.
            Some(kept) if kept > month && source == TimeSource::Gnss => {
                self.kept.month = Some(month);
                if let Some((_, spent)) = self.kept.before.take().filter(|(before, _)| *before == month) {
                    self.spend(Class::Link, spent);
                }
            }
            Some(_) => {}
            None => self.kept.month = Some(month),
        }
    }

    fn judge(&self, now: UnixMillis) -> Option<GivenUp> {
        // A month that is not known may be all to come.
        let (elapsed, length) = self.kept.month.map_or((0, 31 * DAY_MS), |month| month.elapsed(now));
        let pings = of_pings(self.interval_s, 1);
        let need = share(pings + EVENTS_A_DAY, length - elapsed, DAY_MS);
        let left = self.monthly.saturating_sub(self.spent());
        // Pings a day that a month has beside events. What they take beyond is left out where sending again is judged: to give that
        // up would save next to nothing.
        let fit = share(self.monthly, DAY_MS, length).saturating_sub(EVENTS_A_DAY);
        let need_of_fit = share(pings.min(fit) + EVENTS_A_DAY, length - elapsed, DAY_MS);
        let left_of_fit = self.monthly.saturating_sub(self.spent() - self.beyond(fit, elapsed));
        let levels = [
            (GivenUp::Resends, left_of_fit, need_of_fit / 4),
            (GivenUp::Health, left, need / 2),
            (GivenUp::Positions, left, need),
        ];
        let reached = |level: GivenUp, left: u64, need: u64| {
            let margin = if self.given_up >= Some(level) { self.monthly / RETURN_SHARE } else { 0 };
            left <= need + margin
        };
        levels.into_iter().find(|(level, left, need)| reached(*level, *left, *need)).map(|(level, ..)| level)
    }

    /// What pings have taken beyond `fit` a day: as much of the link's own bytes as the shortest interval may have, since the interval
    /// was another one before, and how long nobody has noted.
    fn beyond(&self, fit: u64, elapsed: i64) -> u64 {
        let most = share(of_pings(SHORTEST_S.min(self.interval_s), 1), elapsed, DAY_MS);
        let link = self.kept.spent.get(Class::Link as usize).copied().unwrap_or(0);
        most.min(link).saturating_sub(share(fit, elapsed, DAY_MS))
    }
}

/// `part` of `whole`, of `bytes`.
fn share(bytes: u64, part: i64, whole: i64) -> u64 {
    let (part, whole) = (u128::try_from(part).unwrap_or(0), u128::try_from(whole).unwrap_or(1).max(1));
    u64::try_from(u128::from(bytes) * part / whole).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> BestTime {
        BestTime { utc: parse_rfc3339(text).unwrap(), source: TimeSource::Gnss }
    }

    fn normal() -> Budget {
        Budget::new(of_profile(Profile::Normal), 120)
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        assert_eq!(Month::of(time("2026-12-31T23:59:59Z").utc).text(), "2026-12");
        assert_eq!(Month::of(time("2027-01-01T00:00:00Z").utc).text(), "2027-01");
        assert_eq!(
            Month::parse("2024-02").unwrap().elapsed(time("2024-02-15T00:00:00Z").utc),
            (14 * DAY_MS, 29 * DAY_MS)
        );
        for wrong in ["", "2026", "2026-00", "2026-13", "1969-12", "99999-01", "-1-1", "2026-1x"] {
            assert_eq!(Month::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_profile_used_as_meant_gives_nothing_up_all_month() {
        for (profile, keep_alive_s, more_a_day) in [(Profile::Frugal, 240, 10_000), (Profile::Normal, 120, 600_000)] {
            let mut budget = Budget::new(of_profile(profile), keep_alive_s);
            for day in 1..=30 {
                budget.at(time(&format!("2026-11-{day:02}T23:00:00Z")));
                assert_eq!(budget.given_up(), None, "{profile:?}, day {day}");
                budget.spend(Class::Link, 86_400 / u64::from(keep_alive_s) * PING + EVENTS_A_DAY - 10_000);
                budget.spend(Class::Positions, more_a_day);
            }
            assert!(budget.spent() <= of_profile(profile), "{profile:?}: {}", budget.spent());
        }
    }

    /// A month of fifteen events a day, and of pings at the interval that a day has.
    fn month(monthly: u64, configured_s: u16, resends: u64, interval_s: impl Fn(u32) -> u16) -> Vec<Option<GivenUp>> {
        let mut budget = Budget::new(monthly, configured_s);
        let days = (1..=30).map(|day| {
            let _ = budget.proven_every(interval_s(day));
            budget.at(time(&format!("2026-11-{day:02}T00:00:00Z")));
            budget.spend(Class::Visits, 15 * 1_200);
            budget.spend(Class::Resends, resends);
            budget.spend(Class::Link, 3 * 6_000 + of_pings(interval_s(day), 1));
            budget.at(time(&format!("2026-11-{day:02}T23:59:59Z")));
            budget.given_up()
        });
        days.collect()
    }

    #[test]
    fn pings_alone_never_give_up_sending_again_however_often_the_network_wants_them() {
        assert_eq!((of_pings(30, 31), of_pings(30, 30), of_pings(240, 30)), (18_213_120, 17_625_600, 2_203_200));
        for monthly in [MEGABYTE, 5 * MEGABYTE, 25 * MEGABYTE] {
            for interval_s in [10, 20, 30, 54, 80, 120, 240, 300] {
                let given_up = month(monthly, interval_s, 0, |_| interval_s);
                let enough = monthly >= 30 * EVENTS_A_DAY;
                assert!(!enough || !given_up.contains(&Some(GivenUp::Resends)), "{monthly} {interval_s} {given_up:?}");
            }
        }
        // Twenty days in a network that forgets soon, and the rest in one that does not; and the other way round.
        for bad in [1..=20, 11..=30] {
            let given_up = month(5 * MEGABYTE, 240, 0, |day| if bad.contains(&day) { 30 } else { 300 });
            assert!(!given_up.contains(&Some(GivenUp::Resends)), "{given_up:?}");
        }
        // What is sent again is a reason.
        let given_up = month(5 * MEGABYTE, 240, 200_000, |_| 30);
        assert!(given_up.contains(&Some(GivenUp::Resends)), "{given_up:?}");
    }

    #[test]
    fn the_need_follows_the_interval_that_is_in_use() {
        let mut budget = Budget::new(5 * MEGABYTE, 240);
        let now = time("2026-11-02T00:00:00Z");
        assert!(!budget.at(now));
        assert_eq!(budget.proven_every(120), None);
        let beyond = "pings every 30 s alone take 18.2 MB of 5 MB a month";
        assert_eq!((budget.proven_every(30).as_deref(), budget.proven_every(30)), (Some(beyond), None), "told once");
        assert!(budget.at(now));
        assert_eq!(budget.given_up(), Some(GivenUp::Health));
        assert_eq!((budget.proven_every(300), budget.at(now), budget.given_up()), (None, true, None));
    }

    #[test]
    fn near_the_limit_positions_go_first_then_health_then_resends() {
        let mut budget = normal();
        let now = time("2026-11-21T00:00:00Z");
        let need = 10 * (720 * PING + EVENTS_A_DAY);
        assert!(!budget.at(now));
        let mut levels = Vec::new();
        while budget.spent() < 26 * MEGABYTE {
            budget.spend(Class::Visits, 10_000);
            if budget.at(now) {
                levels.push((budget.given_up(), 25 * MEGABYTE - budget.spent()));
            }
        }
        let words: Vec<_> = levels.iter().filter_map(|(level, _)| *level).collect();
        assert_eq!(words, [GivenUp::Positions, GivenUp::Health, GivenUp::Resends]);
        for ((_, left), most) in levels.iter().zip([need, need / 2, need / 4]) {
            assert!((most - 10_000..=most).contains(left), "{left} of {most}");
        }
        assert_eq!(budget.told().since, Some(Utc(now.utc)));
    }

    #[test]
    fn what_was_given_up_comes_back_when_there_is_room_and_does_not_flutter() {
        let mut budget = normal();
        budget.at(time("2026-11-11T00:00:00Z"));
        budget.spend(Class::Positions, 25 * MEGABYTE - 20 * (720 * PING + EVENTS_A_DAY));
        assert!(budget.at(time("2026-11-11T00:00:00Z")));
        let mut changes = Vec::new();
        for hour in 0..20 * 24 {
            let (day, hour) = (11 + hour / 24, hour % 24);
            if budget.at(time(&format!("2026-11-{day}T{hour:02}:00:00Z"))) {
                changes.push((day, budget.given_up()));
            }
        }
        assert_eq!(changes, [(12, None)]);
    }

    #[test]
    fn a_new_month_begins_at_nothing_and_a_clock_that_was_ahead_wins_no_bytes() {
        let mut budget = normal();
        budget.at(time("2026-11-30T23:59:59Z"));
        budget.spend(Class::Positions, 24_900_000);
        // The system's clock is a month ahead; then there is a fix.
        budget.at(BestTime { source: TimeSource::System, ..time("2026-12-30T12:00:00Z") });
        assert_eq!((budget.spent(), budget.given_up()), (0, None));
        budget.spend(Class::Visits, 1_000);
        // The power is cut before that.
        let kept = budget.kept();
        let mut budget = normal();
        budget.resume(kept, 0);
        budget.at(time("2026-11-30T23:59:59Z"));
        assert_eq!((budget.spent(), budget.told().month.as_deref()), (24_901_000, Some("2026-11")));
        // What has passed for certain does not turn the month back, and the next month is a new one.
        budget.at(BestTime { source: TimeSource::Release, ..time("2026-10-01T00:00:00Z") });
        assert_eq!(budget.spent(), 24_901_000);
        budget.at(time("2026-12-01T00:00:00Z"));
        assert_eq!(budget.spent(), 0);
    }

    #[test]
    fn before_the_time_is_known_the_whole_month_may_be_to_come_and_what_was_spent_stays() {
        let mut budget = normal();
        budget.spend(Class::Visits, 24 * MEGABYTE);
        assert!(budget.at(BestTime { source: TimeSource::Release, ..time("2026-11-20T00:00:00Z") }));
        assert_eq!((budget.given_up(), budget.told().month), (Some(GivenUp::Resends), None));
        budget.at(time("2026-12-31T00:00:00Z"));
        assert_eq!((budget.spent(), budget.given_up()), (24 * MEGABYTE, None));
    }

    #[test]
    fn what_is_not_known_counts_as_spent() {
        let mut budget = normal();
        let kept = Kept { month: Month::parse("2026-11"), spent: [1, 2, 3, 4, 5, 6, 7], before: None };
        budget.resume(kept, 4_096);
        assert_eq!((budget.spent(), budget.kept().spent[Class::Link as usize]), (28 + 4_096, 6 + 4_096));
        let mut budget = normal();
        budget.resume_unknown();
        budget.at(time("2026-11-16T00:00:00Z"));
        budget.at(time("2026-11-16T00:00:01Z"));
        assert_eq!(budget.spent(), 12_500_000);
        budget.spend(Class::Link, u64::MAX);
        assert_eq!(budget.spent(), u64::MAX, "hostile numbers overflow nothing");
        budget.at(time("2026-11-16T00:00:02Z"));
        assert_eq!(budget.given_up(), Some(GivenUp::Resends));
    }
}
