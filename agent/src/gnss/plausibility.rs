//! A good checksum proves little: two flipped bits pass in 14 % of cases. What an epoch claims is judged here, before it
//! becomes a fix.

use super::epoch::Epoch;
use super::{Dated, GnssFix, Rejected};
use crate::time::Mono;
use geofence::{Fix, Mode, Position, Span, UnixMillis};
use serde::{Deserialize, Serialize};

/// User-equivalent range error that turns HDOP into metres per axis where the receiver reports no GST.
const UERE_M: f64 = 5.0;
/// Accuracy where not even HDOP is known, metres.
const UNKNOWN_SIGMA_M: f64 = 25.0;
/// Better than this is not claimed, whatever the receiver says, metres.
const SIGMA_MIN_M: f64 = 0.01;
/// One coordinate exactly zero is believed within this many 1e-7 degrees (1 km) of the last fix's.
const NEAR_AXIS_E7: i32 = 90_000;
/// An epoch may be this far ahead of what has passed since the last one.
const AHEAD_MAX: Span = Span::seconds(86_400);
/// So many consistent epochs prove that time really went back ...
const BACK_RUN: u8 = 10;
/// ... or really leapt ahead.
const AHEAD_RUN: u8 = 30;
/// Epochs of a consistent run follow each other within this.
const RUN_STEP_MAX: Span = Span::seconds(60);

/// Whether an epoch claims a measured position at all.
///
/// # Errors
/// `Void`, `ConflictingValidity`, `NotMeasured` or `ConflictingPosition`.
pub(super) fn measured(epoch: &Epoch) -> Result<Position, Rejected> {
    if epoch.void && (epoch.valid || epoch.dead_reckoning) {
        return Err(Rejected::ConflictingValidity);
    }
    if epoch.not_measured {
        return Err(Rejected::NotMeasured);
    }
    match epoch.position {
        Some(_) if epoch.apart => Err(Rejected::ConflictingPosition),
        Some(position) if !epoch.void => Ok(position),
        _ => Err(Rejected::Void),
    }
}

/// The fix of a measured and dated epoch.
pub(super) fn fix(epoch: &Epoch, position: Position, dated: Dated) -> GnssFix {
    let mode = match epoch.three_d {
        _ if epoch.dead_reckoning => Mode::DeadReckoning,
        Some(true) => Mode::ThreeD,
        Some(false) | None => Mode::TwoD,
    };
    let sigma_m = epoch.sigma_m.or_else(|| epoch.hdop.map(|hdop| hdop * UERE_M)).unwrap_or(UNKNOWN_SIGMA_M);
    GnssFix {
        fix: Fix {
            time: dated.time,
            position,
            mode,
            sigma_m: sigma_m.max(SIGMA_MIN_M),
            speed_mps: epoch.speed_mps,
            track_deg: epoch.track_deg,
        },
        arrived: epoch.at,
        sats: epoch.sats,
        hdop: epoch.hdop,
        date_repaired: dated.repaired,
        time_stepped: false,
    }
}

/// Lets fixes through in the order of time, away from the zeros that receivers write when they know nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub(super) struct Admission {
    last: Option<Admitted>,
    run: Option<(UnixMillis, u8)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Admitted {
    time: UnixMillis,
    position: Position,
    /// `None` after a restart: how much time has passed since is unknown.
    at: Option<Mono>,
}

impl Admission {
    /// A new run: any length of time may have passed.
    pub(super) fn restart(&mut self) {
        self.run = None;
        if let Some(last) = &mut self.last {
            last.at = None;
        }
    }

    /// Admits a fix that arrived at `at`. `true`: time goes on from another place than it was.
    ///
    /// # Errors
    /// `ZeroPosition`, `TimeBack` or `TimeAhead`.
    pub(super) fn admit(&mut self, at: Mono, fix: &GnssFix) -> Result<bool, Rejected> {
        let (time, position) = (fix.fix.time, fix.fix.position);
        self.zero(position)?;
        let mut stepped = false;
        if let Some(last) = self.last {
            let wrong = if time <= last.time {
                Some((Rejected::TimeBack, BACK_RUN))
            } else {
                let ahead = last.at.is_some_and(|then| time - last.time > AHEAD_MAX + (at - then));
                ahead.then_some((Rejected::TimeAhead, AHEAD_RUN))
            };
            match wrong {
                Some((reason, enough)) if !self.agree(time, enough) => return Err(reason),
                wrong => stepped = wrong.is_some(),
            }
        }
        self.run = None;
        self.last = Some(Admitted { time, position, at: Some(at) });
        Ok(stepped)
    }

    /// Whether `enough` epochs in a row, this one included, follow each other in time.
    fn agree(&mut self, time: UnixMillis, enough: u8) -> bool {
        let count = match self.run {
            Some((previous, count)) if time > previous && time - previous <= RUN_STEP_MAX => count + 1,
            _ => 1,
        };
        self.run = Some((time, count));
        count >= enough
    }

    fn zero(&self, position: Position) -> Result<(), Rejected> {
        let near_axis = |axis: fn(Position) -> i32| {
            axis(position) != 0 || self.last.is_some_and(|last| axis(last.position).abs() < NEAR_AXIS_E7)
        };
        let both = position.lat_e7() == 0 && position.lon_e7() == 0;
        let believable = near_axis(Position::lat_e7) && near_axis(Position::lon_e7);
        (believable && !both).then_some(()).ok_or(Rejected::ZeroPosition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fix(seconds: i64, lat: f64, lon: f64) -> GnssFix {
        GnssFix {
            fix: Fix {
                time: UnixMillis(seconds * 1_000),
                position: Position::from_degrees(lat, lon).unwrap(),
                mode: Mode::ThreeD,
                sigma_m: 3.0,
                speed_mps: None,
                track_deg: None,
            },
            arrived: Mono(0),
            sats: None,
            hdop: None,
            date_repaired: false,
            time_stepped: false,
        }
    }

    fn admit(admission: &mut Admission, at: u64, seconds: i64) -> Result<bool, Rejected> {
        admission.admit(Mono(at * 1_000), &fix(seconds, 48.0, 11.0))
    }

    #[test]
    fn time_going_back_is_refused_until_ten_epochs_agree() {
        let mut admission = Admission::default();
        admit(&mut admission, 0, 1_000).unwrap();
        for step in 0..9 {
            assert_eq!(admit(&mut admission, 1, 500 + step), Err(Rejected::TimeBack));
        }
        assert_eq!(admit(&mut admission, 1, 509), Ok(true));
        assert_eq!(admit(&mut admission, 1, 510), Ok(false));
    }

    #[test]
    fn a_date_days_ahead_is_held_while_the_device_runs_and_taken_after_a_restart() {
        let mut admission = Admission::default();
        admit(&mut admission, 0, 1_000).unwrap();
        assert_eq!(admit(&mut admission, 1, 1_000_000), Err(Rejected::TimeAhead));
        admission.restart();
        assert_eq!(admit(&mut admission, 1, 1_000_000), Ok(false));
    }

    #[test]
    fn null_island_and_half_zeros_are_refused_except_on_the_axis() {
        let refused = |lat, lon| Admission::default().admit(Mono(0), &fix(1, lat, lon));
        assert_eq!(refused(0.0, 0.0), Err(Rejected::ZeroPosition));
        assert_eq!(refused(0.0, 11.0), Err(Rejected::ZeroPosition));
        let mut quito = Admission::default();
        quito.admit(Mono(0), &fix(1, 0.0005, -78.0)).unwrap();
        assert_eq!(quito.admit(Mono(0), &fix(2, 0.0, -78.0)), Ok(false));
    }
}
