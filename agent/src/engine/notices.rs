//! What is not an event: the position on its cycle and the retained state. Never queued; only the newest counts.

use super::Effect;
use crate::config::Profile;
use crate::event::centimetres;
use crate::time::{Mono, Utc};
use geofence::{Fix, Mode, Span};
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
    mode: Mode,
    /// It came out of a buffer or over a slow line: it is of `time`, and the truck is farther by now.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
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

/// What there is to tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    /// The fix.
    pub(super) fix: &'a Fix,
    /// It came late.
    pub(super) late: bool,
    /// The newest fix that the tracker believed; this one, unless it was a jump, or was reckoned.
    pub(super) believed: Option<&'a Fix>,
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
    pub(super) fn fix(&mut self, at: Mono, seen: Seen<'_>, complete_thru: u64) -> Vec<Effect> {
        let cycles = self.profile == Profile::Normal && !self.sparing;
        if !seen.parked {
            (self.told_parked, self.state_parked) = (false, false);
        }
        let Some((fix, late)) = seen.place() else { return Vec::new() };
        let due = |last: Option<Mono>, told: bool, cycle| last.is_none_or(|last| cycles && !told && at - last >= cycle);
        // What is retained stands for all the time that the truck does: it must not be of the road before.
        let parks = cycles && seen.parked && !self.state_parked;
        let mut notices = Vec::new();
        if (due(self.position_at, self.told_parked, CYCLE) || seen.changed) && cycles {
            (self.position_at, self.told_parked) = (Some(at), seen.parked);
            // Plain fields into memory: cannot fail.
            notices.push(Effect::Position(serde_json::to_vec(&position(fix, late)).unwrap_or_default()));
        }
        if due(self.state_at, self.state_parked, STATE_CYCLE) || seen.changed || parks {
            (self.state_at, self.state_parked) = (Some(at), seen.parked);
            let state = Status {
                at: Utc(seen.fix.time),
                position: position(fix, late),
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

impl<'a> Seen<'a> {
    /// Where the truck is said to be, and whether that came late. A jump that is not believed is nowhere to be: on the cycle
    /// nothing is said of it, and a change names the place that was believed last.
    fn place(&self) -> Option<(&'a Fix, bool)> {
        if self.fix.mode == Mode::DeadReckoning || self.believed == Some(self.fix) {
            return Some((self.fix, self.late));
        }
        self.believed.filter(|_| self.changed).map(|believed| (believed, false))
    }
}

fn position(fix: &Fix, late: bool) -> Position {
    Position {
        time: Utc(fix.time),
        lat: fix.position.lat(),
        lon: fix.position.lon(),
        mode: fix.mode,
        late,
        sigma_m: centimetres(fix.sigma_m),
        speed_mps: fix.speed_mps.map(centimetres),
        track_deg: fix.track_deg,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geofence::{Position as Place, UnixMillis};

    fn at(second: u64) -> (Mono, Fix) {
        let arrived = Mono(second * 1_000);
        let fix = Fix {
            time: UnixMillis(1_795_000_000_000) + Span::seconds(second.try_into().unwrap()),
            position: Place::from_degrees(52.4, 13.7).unwrap(),
            mode: Mode::ThreeD,
            sigma_m: 2.0,
            speed_mps: Some(20.0),
            track_deg: None,
        };
        (arrived, fix)
    }

    fn seen(fix: &Fix, changed: bool, parked: bool) -> Seen<'_> {
        Seen { fix, late: false, believed: Some(fix), changed, parked, present: None }
    }

    /// Positions and states of an hour: half of it driven, half parked.
    fn in_an_hour(notices: &mut Notices) -> (usize, usize) {
        let (mut positions, mut states) = (0, 0);
        for second in 0..3_600 {
            let (arrived, fix) = at(second);
            for notice in notices.fix(arrived, seen(&fix, second == 1_800, second >= 1_800), 7) {
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
            for notice in notices.fix(arrived, seen(&fix, false, parked(second)), 7) {
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

    /// The positions of what is published first: the notice's and the state's.
    fn published(seen: Seen<'_>) -> Vec<serde_json::Value> {
        let notices = Notices::new(Profile::Normal).fix(Mono(0), seen, 7);
        let read = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
        let place = |notice: Effect| {
            if let Effect::Position(body) = notice {
                return read(&body);
            }
            let Effect::State(body) = notice else { panic!("{notice:?}") };
            read(&body)["position"].clone()
        };
        notices.into_iter().map(place).collect()
    }

    #[test]
    fn a_position_says_how_it_is_known_and_that_it_came_late() {
        let (_, measured) = at(5);
        let (_, earlier) = at(4);
        let reckoned = Fix { mode: Mode::DeadReckoning, ..measured };
        let words = |seen: Seen<'_>| -> Vec<_> {
            published(seen).iter().map(|p| (p["mode"].clone(), p["late"].clone())).collect()
        };
        let null = serde_json::Value::Null;
        assert_eq!(words(seen(&measured, false, false)), [("3d".into(), null.clone()), ("3d".into(), null.clone())]);
        let of_before = Seen { believed: Some(&earlier), ..seen(&reckoned, false, false) };
        assert_eq!(words(of_before), [("dr".into(), null.clone()), ("dr".into(), null)]);
        let late = Seen { late: true, ..seen(&measured, false, false) };
        assert_eq!(words(late), [("3d".into(), true.into()), ("3d".into(), true.into())]);
    }

    #[test]
    fn a_jump_that_is_not_believed_is_no_position() {
        let (_, believed) = at(4);
        let jump = Fix { position: Place::from_degrees(52.5, 13.7).unwrap(), ..at(5).1 };
        let refused = |changed, believed| Seen { believed, ..seen(&jump, changed, false) };
        assert_eq!(published(refused(false, Some(&believed))), [] as [serde_json::Value; 0]);
        assert_eq!(published(refused(true, None)), [] as [serde_json::Value; 0]);
        let told = published(refused(true, Some(&believed)));
        assert_eq!(told.iter().map(|place| place["lat"].as_f64()).collect::<Vec<_>>(), [Some(52.4); 2]);
        // The cycle waits for a place and is not used up by one that was not told.
        let mut notices = Notices::new(Profile::Normal);
        assert!(notices.fix(Mono(5_000), refused(false, Some(&believed)), 7).is_empty());
        assert_eq!(notices.fix(Mono(6_000), seen(&believed, false, false), 7).len(), 2);
    }
}
