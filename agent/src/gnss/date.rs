//! Which day an epoch belongs to, and what to do when the receiver does not know its era.
//!
//! GPS counts weeks modulo 1,024. A module that missed a rollover dates everything 7,168 days back. A date is moved by
//! whole eras only where evidence demands it: where it lies before the floor, a day on which this software was already
//! built, or by more than half an era before the day on which the device was seen last: no gateway lies switched off for ten years. Any
//! other date is never touched: the blind rule of adding an era to old dates corrupts good ones.

use super::epoch::Epoch;
use super::sentence::RawDate;
use super::{Dated, Rejected};
use geofence::{Span, UnixMillis};
use serde::{Deserialize, Serialize};

const DAY: Span = Span::seconds(86_400);
const ERA: Span = Span::seconds(1_024 * 7 * 86_400);
/// No recorder is in use again twenty years after it was built, or was in use last.
const AFTER_FLOOR_MAX: Span = Span::seconds(20 * 365 * 86_400);
/// A date this far after the last one that is known is believed at once; a farther one only for itself ...
pub(super) const KNOWN_STEP_MAX: Span = Span::seconds(400 * 86_400);
/// ... until there was none before it for so long: nobody plays a receiver a wrong year for a whole day.
const KNOWN_AFTER: Span = DAY;

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
    /// The newest date that is certain. It outlives the run; a receiver may lose its era years after this build.
    #[serde(default)]
    known: Option<UnixMillis>,
    /// Since then all dates have been too far after it.
    #[serde(default)]
    beyond: Option<UnixMillis>,
}

/// The newest dated epoch: receivers that send the date rarely are dated from it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct LastDated {
    time: UnixMillis,
    repaired: bool,
}

impl Calendar {
    pub(super) fn new(floor: DateFloor) -> Self {
        Self { floor, ..Self::default() }
    }

    /// A new run: days may have passed, so a time of day alone does not tell the date any more.
    pub(super) fn restart(&mut self, floor: DateFloor) {
        *self = Self { known: self.known, beyond: self.beyond, ..Self::new(floor) };
    }

    /// An epoch of this time was accepted: later ones without a date are dated from it.
    pub(super) fn keep(&mut self, dated: Dated) {
        self.last = Some(LastDated { time: dated.time, repaired: dated.repaired });
        let Some(known) = self.known.max(self.floor.0) else { return };
        // All right dates would lie more than half an era before it, and be moved for good.
        if dated.time - known > Span(ERA.0 / 2) {
            return;
        }
        if dated.time <= known + KNOWN_STEP_MAX {
            (self.known, self.beyond) = (Some(known.max(dated.time)), None);
        } else {
            let since = self.beyond.map_or(dated.time, |since| since.min(dated.time));
            self.beyond = Some(since);
            if dated.time - since >= KNOWN_AFTER {
                (self.known, self.beyond) = (Some(dated.time), None);
            }
        }
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
        let known = self.known.map_or(floor, |known| known.max(floor));
        let received = time;
        while time < floor || known - time > Span(ERA.0 / 2) {
            time = time + ERA;
        }
        if time - known > AFTER_FLOOR_MAX {
            return Err(Rejected::DateOutOfRange);
        }
        Ok(Dated { time, repaired: time > received })
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

    /// A calendar of this build that has been in use until `year`, day by day.
    fn used_until(year: i16) -> Calendar {
        let [floor, until] = [(2026, 11, 22), (year, 6, 1)].map(|(y, m, d)| midnight(raw(y, m, d)).unwrap());
        let mut calendar = Calendar::new(DateFloor(Some(floor)));
        let mut time = floor;
        while time < until {
            time = time + Span::seconds(30 * 86_400);
            calendar.keep(Dated { time, repaired: false });
        }
        calendar.restart(DateFloor(Some(floor)));
        calendar
    }

    #[test]
    fn r16_an_era_that_is_lost_years_after_the_build_is_found_by_the_last_date_known() {
        let calendar = used_until(2048);
        let today = midnight(raw(2048, 8, 1)).unwrap();
        assert_eq!(
            calendar.repaired(today - ERA),
            Ok(Dated { time: today, repaired: true }),
            "2028 is after the build"
        );
        assert_eq!(
            calendar.repaired(today),
            Ok(Dated { time: today, repaired: false }),
            "more than twenty years after it"
        );
        let earlier = midnight(raw(2044, 8, 1)).unwrap();
        assert_eq!(calendar.repaired(earlier), Ok(Dated { time: earlier, repaired: false }), "no era away");
        assert_eq!(calendar.repaired(today + AFTER_FLOOR_MAX), Err(Rejected::DateOutOfRange));
    }

    #[test]
    fn r16_a_wrong_year_that_was_received_for_hours_moves_no_later_date() {
        let mut calendar = used_until(2027);
        let (wrong, today) = (midnight(raw(2045, 1, 1)).unwrap(), midnight(raw(2027, 8, 1)).unwrap());
        for hour in 0..23 {
            calendar.keep(Dated { time: wrong + Span::seconds(hour * 3_600), repaired: false });
        }
        calendar.restart(calendar.floor);
        assert_eq!(calendar.repaired(today), Ok(Dated { time: today, repaired: false }));
        calendar.keep(Dated { time: today, repaired: false });
        calendar.keep(Dated { time: wrong + DAY, repaired: false });
        calendar.restart(calendar.floor);
        assert_eq!(calendar.repaired(today), Ok(Dated { time: today, repaired: false }), "it begins anew");
        let kept_for_a_day = |calendar: &mut Calendar, from: UnixMillis| {
            for hour in 0..25 {
                calendar.keep(Dated { time: from + Span::seconds(hour * 3_600), repaired: false });
            }
            calendar.restart(calendar.floor);
        };
        // A receiver that takes the era for the next one, however long: it would date all that is right after it.
        kept_for_a_day(&mut calendar, midnight(raw(2046, 8, 1)).unwrap());
        assert_eq!(calendar.repaired(today), Ok(Dated { time: today, repaired: false }), "2046 becomes no known date");
        let shelf = midnight(raw(2030, 8, 1)).unwrap();
        kept_for_a_day(&mut calendar, shelf);
        assert_eq!(calendar.known, Some(shelf + DAY), "three years on a shelf are believed after a day");
    }

    #[test]
    fn r16_without_a_floor_no_date_is_known() {
        let mut calendar = Calendar::default();
        calendar.keep(Dated { time: UnixMillis(0), repaired: false });
        assert_eq!(calendar.known, None);
    }

    #[test]
    fn a_time_of_day_after_midnight_belongs_to_the_next_day() {
        let evening = midnight(raw(2026, 11, 22)).unwrap() + Span::seconds(86_399);
        let last = Some(LastDated { time: evening, repaired: false });
        let calendar = Calendar { last, ..Calendar::default() };
        let next = calendar.near_last(Span::seconds(1), None).unwrap().time;
        assert_eq!(next - evening, Span::seconds(2));
    }

    #[test]
    fn impossible_dates_are_refused() {
        assert_eq!(midnight(raw(2026, 2, 31)), Err(Rejected::DateOutOfRange));
        assert_eq!(midnight(raw(1980, 1, 6)), Err(Rejected::NoDate));
    }
}
