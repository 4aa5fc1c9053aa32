//! Which day an epoch belongs to, and what to do when the receiver does not know its era.
//!
//! GPS counts weeks modulo 1,024. A module that missed a rollover dates everything 7,168 days back. A date is moved by
//! whole eras only where evidence demands it: where it lies before the floor, a day on which this software was already
//! built. A date at or after the floor is never touched: the blind rule of adding an era to old dates corrupts good ones.

use super::epoch::Epoch;
use super::sentence::RawDate;
use super::{Dated, Rejected};
use geofence::{Span, UnixMillis};
use serde::{Deserialize, Serialize};

const DAY: Span = Span::seconds(86_400);
const ERA: Span = Span::seconds(1_024 * 7 * 86_400);
/// No recorder of this build is in use twenty years from now.
const AFTER_FLOOR_MAX: Span = Span::seconds(20 * 365 * 86_400);

/// The last year that two digits stand for.
const YEAR_MAX: i16 = 2_099;

/// The earliest day that can be true, if one is known. Kept with the recording, since it decides about dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct DateFloor(pub Option<UnixMillis>);

/// Gives epochs their date.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub(super) struct Calendar {
    floor: DateFloor,
    last: Option<LastDated>,
}

/// The newest dated epoch: receivers that send the date rarely are dated from it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct LastDated {
    time: UnixMillis,
    repaired: bool,
}

impl Calendar {
    pub(super) fn new(floor: DateFloor) -> Self {
        Self { floor, last: None }
    }

    /// A new run: days may have passed, so a time of day alone does not tell the date any more.
    pub(super) fn restart(&mut self, floor: DateFloor) {
        *self = Self::new(floor);
    }

    /// An epoch of this time was accepted: later ones without a date are dated from it.
    pub(super) fn keep(&mut self, dated: Dated) {
        self.last = Some(LastDated { time: dated.time, repaired: dated.repaired });
    }

    /// The time of an epoch. `now`: what it is by the arrivals, where that is known.
    ///
    /// # Errors
    /// `NoDate` or `DateOutOfRange`.
    pub(super) fn date(&self, epoch: &Epoch, now: Option<UnixMillis>) -> Result<Dated, Rejected> {
        let time_of_day = Span(epoch.time.ok_or(Rejected::NoDate)?.0);
        match epoch.date {
            Some(date) => self.repaired(midnight(date)? + time_of_day),
            None => self.near_last(time_of_day, now),
        }
    }

    fn repaired(&self, mut time: UnixMillis) -> Result<Dated, Rejected> {
        let Some(floor) = self.floor.0 else {
            return Ok(Dated { time, repaired: false });
        };
        let repaired = time < floor;
        while time < floor {
            time = time + ERA;
        }
        if time - floor > AFTER_FLOOR_MAX {
            return Err(Rejected::DateOutOfRange);
        }
        Ok(Dated { time, repaired })
    }

    /// The instant with this time of day that is nearest to now, or to the last dated epoch: days may have passed since that one.
    fn near_last(&self, time_of_day: Span, now: Option<UnixMillis>) -> Result<Dated, Rejected> {
        let last = self.last.ok_or(Rejected::NoDate)?;
        let near = now.unwrap_or(last.time);
        let midnight = UnixMillis(near.0 - near.0.rem_euclid(DAY.0));
        let mut time = midnight + time_of_day;
        if near - time > Span(DAY.0 / 2) {
            time = time + DAY;
        } else if time - near > Span(DAY.0 / 2) {
            time = time - DAY;
        }
        Ok(Dated { time, repaired: last.repaired })
    }
}

/// Midnight UTC of a calendar date. 1980 is what a receiver says before its first lock: no date.
pub(super) fn midnight(date: RawDate) -> Result<UnixMillis, Rejected> {
    if date.year <= 1_980 {
        return Err(Rejected::NoDate);
    }
    // Sentences with four digits of the year can say more than those with two mean.
    if date.year > YEAR_MAX {
        return Err(Rejected::DateOutOfRange);
    }
    let day = jiff::civil::Date::new(date.year, date.month, date.day).map_err(|_| Rejected::DateOutOfRange)?;
    let zoned = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| Rejected::DateOutOfRange)?;
    Ok(UnixMillis(zoned.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(year: i16, month: i8, day: i8) -> RawDate {
        RawDate { year, month, day }
    }

    #[test]
    fn a_date_at_the_floor_is_never_shifted_and_an_old_era_is_repaired() {
        let floor = midnight(raw(2026, 11, 22)).unwrap();
        let calendar = Calendar::new(DateFloor(Some(floor)));
        assert_eq!(calendar.repaired(floor), Ok(Dated { time: floor, repaired: false }));
        let old = floor + Span::seconds(5) - ERA;
        assert_eq!(calendar.repaired(old), Ok(Dated { time: old + ERA, repaired: true }));
    }

    #[test]
    fn a_date_far_after_the_floor_is_refused() {
        let floor = midnight(raw(2026, 11, 22)).unwrap();
        let calendar = Calendar::new(DateFloor(Some(floor)));
        let far = midnight(raw(2080, 1, 6)).unwrap();
        assert_eq!(calendar.repaired(far), Err(Rejected::DateOutOfRange));
    }

    #[test]
    fn a_time_of_day_after_midnight_belongs_to_the_next_day() {
        let evening = midnight(raw(2026, 11, 22)).unwrap() + Span::seconds(86_399);
        let calendar = Calendar { floor: DateFloor(None), last: Some(LastDated { time: evening, repaired: false }) };
        let next = calendar.near_last(Span::seconds(1), None).unwrap().time;
        assert_eq!(next - evening, Span::seconds(2));
    }

    #[test]
    fn impossible_dates_are_refused() {
        assert_eq!(midnight(raw(2026, 2, 31)), Err(Rejected::DateOutOfRange));
        assert_eq!(midnight(raw(1980, 1, 6)), Err(Rejected::NoDate));
    }
}
