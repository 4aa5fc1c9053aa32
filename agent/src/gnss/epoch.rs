//! Sentences to epochs: everything a receiver says about one instant, from whatever sentences it sends.
//!
//! Sentences of one time of day share an epoch; sentences of different times never do. An epoch ends when a sentence of
//! another time begins. That would delay every fix by the receiver's period, so the builder learns which sentence a
//! receiver sends last and closes the epoch at it. The rule looks at the content alone, never at arrival times: a
//! recording gives the same epochs at any speed.

use super::Rejected;
use super::sentence::{RawDate, Report, TimeOfDay, Type, Validity};
use crate::time::Mono;
use geofence::{Position, distance_m};
use serde::{Deserialize, Serialize};

/// The same sentence must have come last so often before an epoch is closed at it.
const LEARNED: u8 = 3;
/// After so many sentences that came later than learned, the order of this receiver is not relied on any more.
const STRAGGLERS_MAX: u8 = 2;
/// Sentences of one instant that are farther apart are not about one position.
const SAME_PLACE_M: f64 = 10.0;

/// What the sentences of one instant said together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Epoch {
    /// When its first sentence was complete: nearest to the instant that it is about.
    pub(super) at: Mono,
    pub(super) time: Option<TimeOfDay>,
    pub(super) date: Option<RawDate>,
    pub(super) valid: bool,
    void: bool,
    pub(super) dead_reckoning: bool,
    pub(super) not_measured: bool,
    pub(super) position: Option<Position>,
    pub(super) apart: bool,
    pub(super) speed_mps: Option<f64>,
    pub(super) track_deg: Option<f64>,
    pub(super) hdop: Option<f64>,
    pub(super) sats: Option<u32>,
    pub(super) sigma_m: Option<f64>,
    pub(super) three_d: Option<bool>,
    /// What the sentences without a time said before its last sentence with one.
    #[serde(default)]
    untimed: Untimed,
    /// And after it: that may be about the next instant.
    #[serde(default)]
    trailing: Untimed,
    #[serde(default)]
    pub(super) leap_second: bool,
    #[serde(default)]
    pub(super) speed_sigma_mps: Option<f64>,
    #[serde(default)]
    pub(super) expected_error_m: Option<f64>,
    #[serde(default)]
    pub(super) utc_resolved: Option<bool>,
    last: Type,
    last_count: u8,
}

impl Epoch {
    fn begin(report: &Report, at: Mono) -> Self {
        let mut epoch = Self {
            at,
            time: report.time,
            date: None,
            valid: false,
            void: false,
            dead_reckoning: false,
            not_measured: false,
            position: None,
            apart: false,
            speed_mps: None,
            track_deg: None,
            hdop: None,
            sats: None,
            sigma_m: None,
            three_d: None,
            untimed: Untimed::default(),
            trailing: Untimed::default(),
            leap_second: report.leap_second,
            speed_sigma_mps: None,
            expected_error_m: None,
            utc_resolved: None,
            last: report.kind,
            last_count: 0,
        };
        epoch.add(report);
        epoch
    }

    fn add(&mut self, report: &Report) {
        if report.kind != Type::Gsa {
            self.last_count = if report.kind == self.last { self.last_count.saturating_add(1) } else { 1 };
            self.last = report.kind;
        }
        if is_untimed(report.kind) {
            self.trailing.add(report);
        } else {
            self.settle();
        }
        match report.validity {
            Some(Validity::Valid) => self.valid = true,
            Some(Validity::DeadReckoning) => self.dead_reckoning = true,
            Some(Validity::NotMeasured) => self.not_measured = true,
            // Without a time, of which instant is not known yet.
            Some(Validity::Void) => self.void |= !is_untimed(report.kind),
            None => {}
        }
        if let (Some(a), Some(b)) = (self.position, report.position) {
            self.apart |= distance_m(a, b) > SAME_PLACE_M;
        }
        self.position = report.position.or(self.position);
        self.date = report.date.or(self.date);
        self.speed_mps = self.speed_mps.or(report.speed_mps);
        self.track_deg = self.track_deg.or(report.track_deg);
        self.hdop = self.hdop.or(report.hdop);
        self.sats = self.sats.or(report.sats);
        self.sigma_m = self.sigma_m.or(report.sigma_m);
        self.speed_sigma_mps = self.speed_sigma_mps.or(report.speed_sigma_mps);
        self.expected_error_m = self.expected_error_m.or(report.expected_error_m);
        self.utc_resolved = self.utc_resolved.or(report.utc_resolved);
        // GSA knows 2D from 3D; an altitude in GGA may be an old one.
        self.three_d =
            if report.kind == Type::Gsa { report.three_d.or(self.three_d) } else { self.three_d.or(report.three_d) };
    }

    /// What was said without a time after its last sentence is about this instant too.
    fn settle(&mut self) {
        self.untimed.join(core::mem::take(&mut self.trailing));
    }

    /// A sentence said that there is no fix, or every GSA did.
    pub(super) fn is_void(&self) -> bool {
        // Who reckons has no fix of the satellites', and says no more by that.
        let untimed =
            Untimed { satellites_fix: self.untimed.satellites_fix.filter(|_| !self.dead_reckoning), ..self.untimed };
        self.void || untimed.is_void()
    }
}

/// GSA and VTG carry no time.
fn is_untimed(kind: Type) -> bool {
    matches!(kind, Type::Gsa | Type::Vtg)
}

/// What the sentences without a time say against a fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
struct Untimed {
    /// A GSA said that there is a fix; `false`: each of them, one for each system, said that there is none.
    satellites_fix: Option<bool>,
    /// A VTG said that there is none.
    void: bool,
}

impl Untimed {
    fn add(&mut self, report: &Report) {
        self.join(Self { satellites_fix: report.satellites_fix, void: report.validity == Some(Validity::Void) });
    }

    fn join(&mut self, other: Self) {
        // A system without satellites may say that it has no fix, while another has one.
        self.satellites_fix = self.satellites_fix.max(other.satellites_fix);
        self.void |= other.void;
    }

    /// VTG is about course and speed, which a receiver that stands may not have: what GSA says of the satellites counts more.
    fn is_void(self) -> bool {
        match self.satellites_fix {
            Some(has_fix) => !has_fix,
            None => self.void,
        }
    }
}

/// Puts sentences together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub(super) struct Builder {
    open: Option<Epoch>,
    closed: Option<TimeOfDay>,
    last: Option<Type>,
    streak: u8,
    stragglers: u8,
    /// What was said without a time since an epoch was closed at its learned last sentence, if no sentence of that epoch with one said void.
    #[serde(default)]
    between: Option<Untimed>,
}

impl Builder {
    /// Forgets everything: it may be another receiver, and an order that was not kept once may be kept now.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }

    /// One more sentence, complete at `at`. Returns the epoch that it completed, if any.
    ///
    /// # Errors
    /// `Straggler`: the sentence belongs to an epoch that was closed before it came.
    pub(super) fn push(&mut self, report: Report, at: Mono) -> Result<Option<Epoch>, Rejected> {
        // They belong to what is being said now, to what was just closed, or to what comes next.
        if is_untimed(report.kind) {
            if let Some(open) = &mut self.open {
                open.add(&report);
                return Ok(self.close_if_last(report.kind));
            }
            if let Some(between) = &mut self.between {
                between.add(&report);
            }
            return Ok(None);
        }
        if report.time.is_some() && report.time == self.closed {
            self.stragglers = self.stragglers.saturating_add(1);
            self.streak = 0;
            return Err(Rejected::Straggler);
        }
        let done = match &mut self.open {
            Some(open) if belongs(open, &report) => {
                open.add(&report);
                None
            }
            open => {
                let mut begun = Epoch::begin(&report, at);
                // An honest receiver says nothing against the fix that was closed. This one does, and may be a sentence behind.
                begun.untimed = self.between.take().filter(|said| said.is_void()).unwrap_or_default();
                open.replace(begun)
            }
        };
        let done = done.map(|mut done| {
            // Where the next instant is void, what stands before it without a time speaks of that one.
            if report.validity != Some(Validity::Void) {
                done.settle();
            }
            self.learn(&done);
            self.closed = None;
            done
        });
        Ok(done.or_else(|| self.close_if_last(report.kind)))
    }

    /// The epoch that is open, since no more sentences will come.
    pub(super) fn finish(&mut self) -> Option<Epoch> {
        let mut last = self.open.take()?;
        last.settle();
        Some(last)
    }

    fn learn(&mut self, done: &Epoch) {
        let again = self.last == Some(done.last) && done.last_count == 1;
        self.streak = if again { self.streak.saturating_add(1) } else { 0 };
        self.last = Some(done.last);
    }

    fn close_if_last(&mut self, kind: Type) -> Option<Epoch> {
        let known = self.streak >= LEARNED && self.stragglers < STRAGGLERS_MAX;
        let mut done = self.open.take_if(|open| {
            // What speaks against a fix without a time may be about the next instant: that is waited for.
            let clear = open.is_void() || !open.trailing.is_void();
            known && clear && open.time.is_some() && self.last == Some(kind)
        })?;
        if !done.trailing.is_void() {
            done.settle();
        }
        self.closed = done.time;
        self.between = (!done.void).then(Untimed::default);
        Some(done)
    }
}

/// Without a time (cold start) a type said twice begins a new epoch.
fn belongs(open: &Epoch, report: &Report) -> bool {
    open.time == report.time && (report.time.is_some() || open.last != report.kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gnss::sentence::{Said, read};

    fn sentence(body: &str) -> String {
        let sum = body.bytes().fold(0, |sum, byte| sum ^ byte);
        format!("${body}*{sum:02X}")
    }

    fn rmc(second: u32) -> String {
        sentence(&format!("GPRMC,1200{second:02}.00,A,4807.038,N,01131.000,E,10.0,90.0,221126,,,A"))
    }

    fn gga(second: u32) -> String {
        sentence(&format!("GPGGA,1200{second:02}.00,4807.038,N,01131.000,E,1,08,0.9,500.0,M,,M,,"))
    }

    fn push(builder: &mut Builder, text: &str) -> Result<Option<Epoch>, Rejected> {
        let Some(Said::Report(report)) = read(text).unwrap() else { panic!("{text}") };
        builder.push(report, Mono(0))
    }

    #[test]
    fn an_epoch_ends_with_the_next_time_until_the_order_is_learned() {
        let mut builder = Builder::default();
        let mut closed_at_gga = Vec::new();
        for second in 0..8 {
            push(&mut builder, &rmc(second)).unwrap();
            if push(&mut builder, &gga(second)).unwrap().is_some() {
                closed_at_gga.push(second);
            }
        }
        assert_eq!(closed_at_gga, [4, 5, 6, 7]);
    }

    #[test]
    fn a_sentence_after_the_learned_last_one_is_a_straggler_and_unlearns() {
        let mut builder = Builder::default();
        for second in 0..8 {
            push(&mut builder, &rmc(second)).unwrap();
            push(&mut builder, &gga(second)).unwrap();
        }
        let late = sentence("GPZDA,120007.00,22,11,2026,00,00");
        assert_eq!(push(&mut builder, &late), Err(Rejected::Straggler));
        push(&mut builder, &rmc(8)).unwrap();
        assert_eq!(push(&mut builder, &gga(8)), Ok(None));
    }

    #[test]
    fn sentences_of_different_times_never_share_an_epoch() {
        let mut builder = Builder::default();
        push(&mut builder, &rmc(1)).unwrap();
        let done = push(&mut builder, &gga(2)).unwrap().unwrap();
        assert!(done.hdop.is_none() && done.speed_mps.is_some());
    }
}
