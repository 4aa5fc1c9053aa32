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

/// When what was published last.
#[derive(Debug, Clone, PartialEq)]
pub struct Notices {
    profile: Profile,
    last: Option<Mono>,
}

impl Notices {
    /// Nothing published yet.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        Self { profile, last: None }
    }

    /// A new connection: say it all again.
    pub(super) fn link_up(&mut self) {
        self.last = None;
    }

    /// What to publish at this fix. `changed`: a visit changed at it.
    pub(super) fn fix(
        &mut self,
        at: Mono,
        fix: &GnssFix,
        changed: bool,
        present: Option<(&str, &str)>,
        complete_thru: u64,
    ) -> Vec<Effect> {
        let due = self.last.is_none_or(|last| at - last >= CYCLE);
        let cycle = due && (self.profile == Profile::Normal || self.last.is_none());
        if !(cycle || changed) {
            return Vec::new();
        }
        self.last = Some(at);
        let state = Status {
            at: Utc(fix.fix.time),
            position: position(fix),
            facility: present.map(|(facility, _)| facility),
            visit: present.map(|(_, visit)| visit),
            next_stop: None,
            complete_thru,
        };
        // Plain fields into memory: cannot fail.
        let state = Effect::State(serde_json::to_vec(&state).unwrap_or_default());
        let position = Effect::Position(serde_json::to_vec(&position(fix)).unwrap_or_default());
        if self.profile == Profile::Normal { vec![position, state] } else { vec![state] }
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
