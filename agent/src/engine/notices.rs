//! What is not an event: the position on its cycle and the retained state. Never queued; only the newest counts.

use super::Effect;
use crate::config::Profile;
use crate::event::centimetres;
use crate::gnss::GnssFix;
use crate::time::{Mono, Utc};
use geofence::Span;
use serde::Serialize;

/// Dispatchers work in 30-second cycles.
const CYCLE: Span = Span::seconds(30);
/// What is retained for who comes later, beside each change of a visit: twice a position's size, and it tells a driving truck's position
/// only once more.
const STATE_CYCLE: Span = Span::seconds(600);

#[derive(Serialize)]
struct Position {
    time: Utc,
    lat: f64,
    lon: f64,
    sigma_m: f64,
    speed_mps: Option<f64>,
    track_deg: Option<f64>,
}

#[derive(Serialize)]
struct Status<'a> {
    at: Utc,
    position: Position,
    facility: Option<&'a str>,
    visit: Option<&'a str>,
    /// The next planned stop; none before trips are known.
    next_stop: Option<()>,
    /// Everything up to here is with the broker: only a hole at or below it is a loss.
    complete_thru: u64,
}

/// What there is to tell beside the fix.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    /// A visit changed at it.
    pub(super) changed: bool,
    /// The truck stands.
    pub(super) parked: bool,
    /// Facility and visit, where it is at one.
    pub(super) present: Option<(&'a str, &'a str)>,
}

/// When what was published last.
#[derive(Debug, Clone, PartialEq)]
pub struct Notices {
    profile: Profile,
    sparing: bool,
    position_at: Option<Mono>,
    state_at: Option<Mono>,
    /// Since the truck stands, its position was published.
    told_parked: bool,
    /// Since the truck stands, its state was published.
    state_parked: bool,
}

impl Notices {
    /// Nothing published yet.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        Self { profile, sparing: false, position_at: None, state_at: None, told_parked: false, state_parked: false }
    }

    /// A new connection: say it all again.
    pub(super) fn link_up(&mut self) {
        (self.position_at, self.state_at) = (None, None);
    }

    /// Whether to publish on change only, whatever the profile.
    pub(super) fn spare(&mut self, sparing: bool) {
        self.sparing = sparing;
    }

    /// What to publish at this fix. A truck that stands is told about once, where it does.
    pub(super) fn fix(&mut self, at: Mono, fix: &GnssFix, seen: Seen<'_>, complete_thru: u64) -> Vec<Effect> {
        let cycles = self.profile == Profile::Normal && !self.sparing;
        if !seen.parked {
            (self.told_parked, self.state_parked) = (false, false);
        }
        let due = |last: Option<Mono>, told: bool, cycle| last.is_none_or(|last| cycles && !told && at - last >= cycle);
        // What is retained stands for all the time that the truck does: it must not be of the road before.
        let parks = cycles && seen.parked && !self.state_parked;
        let mut notices = Vec::new();
        if (due(self.position_at, self.told_parked, CYCLE) || seen.changed) && cycles {
            (self.position_at, self.told_parked) = (Some(at), seen.parked);
            // Plain fields into memory: cannot fail.
            notices.push(Effect::Position(serde_json::to_vec(&position(fix)).unwrap_or_default()));
        }
        if due(self.state_at, self.state_parked, STATE_CYCLE) || seen.changed || parks {
            (self.state_at, self.state_parked) = (Some(at), seen.parked);
            let state = Status {
                at: Utc(fix.fix.time),
                position: position(fix),
                facility: seen.present.map(|(facility, _)| facility),
                visit: seen.present.map(|(_, visit)| visit),
                next_stop: None,
                complete_thru,
            };
            notices.push(Effect::State(serde_json::to_vec(&state).unwrap_or_default()));
        }
        notices
    }
}

fn position(fix: &GnssFix) -> Position {
    Position {
        time: Utc(fix.fix.time),
        lat: fix.fix.position.lat(),
        lon: fix.fix.position.lon(),
        sigma_m: centimetres(fix.fix.sigma_m),
        speed_mps: fix.fix.speed_mps.map(centimetres),
        track_deg: fix.fix.track_deg,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geofence::{Fix, Mode, Position as Place, UnixMillis};

    fn at(second: u64) -> (Mono, GnssFix) {
        let arrived = Mono(second * 1_000);
        let fix = Fix {
            time: UnixMillis(1_795_000_000_000) + Span::seconds(second.try_into().unwrap()),
            position: Place::from_degrees(52.4, 13.7).unwrap(),
            mode: Mode::ThreeD,
            sigma_m: 2.0,
            speed_mps: Some(20.0),
            track_deg: None,
        };
        let fix = GnssFix {
            fix,
            arrived,
            sats: None,
            hdop: None,
            time_stepped: false,
            date_repaired: false,
            leap_second: false,
            late: false,
            held: 0,
            since_regained: Span(0),
            speed_sigma_mps: None,
            utc_resolved: None,
        };
        (arrived, fix)
    }

    /// Positions and states of an hour: half of it driven, half parked.
    fn in_an_hour(notices: &mut Notices) -> (usize, usize) {
        let (mut positions, mut states) = (0, 0);
        for second in 0..3_600 {
            let (arrived, fix) = at(second);
            let seen = Seen { changed: second == 1_800, parked: second >= 1_800, present: None };
            for notice in notices.fix(arrived, &fix, seen, 7) {
                positions += usize::from(matches!(notice, Effect::Position(_)));
                states += usize::from(matches!(notice, Effect::State(_)));
            }
        }
        (positions, states)
    }

    #[test]
    fn a_truck_that_stands_is_told_about_once_and_one_that_drives_every_30_s() {
        assert_eq!(in_an_hour(&mut Notices::new(Profile::Normal)), (61, 4));
        assert_eq!(in_an_hour(&mut Notices::new(Profile::Frugal)), (0, 2));
    }

    /// When positions and states are published, seconds, of a truck that parks at those without a change of a visit.
    fn told(notices: &mut Notices, seconds: std::ops::Range<u64>, parked: impl Fn(u64) -> bool) -> [Vec<u64>; 2] {
        let mut told = [vec![], vec![]];
        for second in seconds {
            let (arrived, fix) = at(second);
            let seen = Seen { changed: false, parked: parked(second), present: None };
            for notice in notices.fix(arrived, &fix, seen, 7) {
                told[usize::from(matches!(notice, Effect::State(_)))].push(second);
            }
        }
        told
    }

    #[test]
    fn what_is_retained_says_where_a_truck_stands_from_when_it_parks() {
        let mut notices = Notices::new(Profile::Normal);
        let [positions, states] =
            told(&mut notices, 0..3_600, |second| (810..2_000).contains(&second) || second >= 2_905);
        assert_eq!(states, [0, 600, 810, 2_000, 2_600, 2_905]);
        assert_eq!(
            positions.iter().filter(|second| (800..2_100).contains(*second)).collect::<Vec<_>>(),
            [&810, &2_000, &2_030, &2_060, &2_090]
        );
        assert_eq!(positions.last(), Some(&2_930));
    }

    #[test]
    fn a_truck_that_moved_while_it_was_spared_is_told_about_where_it_stands_now() {
        let mut notices = Notices::new(Profile::Normal);
        assert_eq!(told(&mut notices, 0..100, |_| true), [[0], [0]]);
        notices.spare(true);
        assert!(told(&mut notices, 100..1_000, |second| second >= 900).iter().all(Vec::is_empty));
        notices.spare(false);
        assert_eq!(told(&mut notices, 1_000..2_000, |_| true), [[1_000], [1_000]]);
    }

    #[test]
    fn what_is_spared_is_the_cycle_and_never_the_change() {
        let mut notices = Notices::new(Profile::Normal);
        notices.spare(true);
        assert_eq!(in_an_hour(&mut notices), (0, 2));
        notices.spare(false);
        notices.link_up();
        assert_eq!(in_an_hour(&mut notices).0, 61);
    }
}
