//! From the receiver's bytes to judged fixes.
//!
//! ```text
//!   bytes -> framer -> sentence -> epoch -> date -> plausibility -> GnssFix
//!              |          |          |        |          |
//!              +----------+---- Rejected, counted by reason --+        coverage: why there was none
//! ```
//!
//! Nothing here fails: what cannot be used is a counted [`Rejected`]. [`Reception`] is the whole state, so that a
//! restart in the middle of a sentence goes on in the middle of that sentence.

pub mod coverage;
mod date;
mod epoch;
mod framer;
pub mod hunt;
pub mod intruder;
mod plausibility;
mod sentence;
mod source;

use crate::time::Mono;
use geofence::{Fix, Span, UnixMillis};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use date::DateFloor;
pub use source::SourceState;

/// One accepted epoch: the fix and what `replay --output fixes` shows beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GnssFix {
    /// What the tracker works on.
    pub fix: Fix,
    /// When its first sentence had arrived.
    pub arrived: Mono,
    /// Satellites used, as the receiver says; many receivers stop counting at 12.
    pub sats: Option<u32>,
    /// Horizontal dilution of precision; placeholders of receivers (0, 50, 99.99) are `None`.
    pub hdop: Option<f64>,
    /// Time goes on from another place than it was: the receiver was wrong before, or several epochs agree that it is
    /// right now. What was measured before cannot be compared with this.
    pub time_stepped: bool,
    /// The receiver's date lay before the floor and was moved by whole 1,024-week eras.
    pub date_repaired: bool,
}

/// What one epoch came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// A position that may be used.
    Fix(GnssFix),
    /// The receiver says that it has no position, at this time of day if it knows one.
    Void,
    /// An epoch was there and could not be used; the reason is counted.
    Refused(Rejected),
}

/// Why something was not used. One counter per reason, in `health` and `gatestamp status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejected {
    /// A sentence began before the last one was complete.
    Cut,
    /// More than 255 bytes without an end.
    TooLong,
    /// A control character or binary byte within a sentence.
    NotText,
    /// The line ended without a checksum.
    NoChecksum,
    /// The checksum does not fit the bytes.
    BadChecksum,
    /// Good checksum, but fields that do not say what their type requires.
    Malformed,
    /// The receiver has no fix.
    Void,
    /// Some sentences of one epoch say valid, others void.
    ConflictingValidity,
    /// Sentences of one epoch are more than 10 m apart.
    ConflictingPosition,
    /// No sentence has told the date yet.
    NoDate,
    /// A date before the floor that no whole number of 1,024-week eras repairs, or absurdly far after it.
    DateOutOfRange,
    /// Exactly 0 degrees, a receiver's way to say nothing.
    ZeroPosition,
    /// Simulated or typed in by hand.
    NotMeasured,
    /// Not newer than the epoch before it.
    TimeBack,
    /// More than a day ahead of what has passed since the last epoch.
    TimeAhead,
    /// A sentence of an epoch that was already closed.
    Straggler,
}

impl Rejected {
    /// The word for it, as in `health`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::TooLong => "too_long",
            Self::NotText => "not_text",
            Self::NoChecksum => "no_checksum",
            Self::BadChecksum => "bad_checksum",
            Self::Malformed => "malformed",
            Self::Void => "void",
            Self::ConflictingValidity => "conflicting_validity",
            Self::ConflictingPosition => "conflicting_position",
            Self::NoDate => "no_date",
            Self::DateOutOfRange => "date_out_of_range",
            Self::ZeroPosition => "zero_position",
            Self::NotMeasured => "not_measured",
            Self::TimeBack => "time_back",
            Self::TimeAhead => "time_ahead",
            Self::Straggler => "straggler",
        }
    }
}

/// How often each [`Rejected`] reason occurred.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Counts {
    /// Bytes received.
    pub bytes: u64,
    /// Sentences with a good checksum.
    pub sentences: u64,
    /// Epochs accepted as fixes.
    pub fixes: u64,
    /// What was not used, by reason.
    pub rejected: BTreeMap<Rejected, u64>,
}

impl Counts {
    fn reject(&mut self, reason: Rejected) {
        let count = self.rejected.entry(reason).or_default();
        *count = count.saturating_add(1);
    }
}

/// Everything between the serial port and the tracker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Reception {
    framer: framer::Framer,
    epochs: epoch::Builder,
    dates: date::Calendar,
    admission: plausibility::Admission,
    counts: Counts,
    /// What the newest sentence with a time said.
    #[serde(default)]
    time_of_day: Option<Span>,
}

impl Reception {
    /// A reception whose dates are repaired up to `floor`.
    #[must_use]
    pub fn new(floor: DateFloor) -> Self {
        Self { dates: date::Calendar::new(floor), ..Self::default() }
    }

    /// The receiver is about to speak anew (start, or the port was reopened): half a sentence is worth nothing.
    pub fn restart(&mut self, floor: DateFloor) {
        self.framer = framer::Framer::default();
        self.epochs.restart();
        self.dates.restart(floor);
        self.admission.restart();
    }

    /// The source was opened again: half a sentence is worth nothing, and it may be another receiver.
    pub fn reopened(&mut self) {
        self.framer = framer::Framer::default();
        self.epochs.restart();
    }

    /// Takes the bytes that arrived at `at` and hands every epoch that became complete to `each`.
    pub fn feed(&mut self, at: Mono, bytes: &[u8], mut each: impl FnMut(Outcome)) {
        let Self { framer, epochs, dates, admission, counts, time_of_day } = self;
        counts.bytes = counts.bytes.saturating_add(bytes.len() as u64);
        framer.feed(bytes, |framed| {
            let report = framed.and_then(|text| {
                counts.sentences = counts.sentences.saturating_add(1);
                sentence::read(text)
            });
            match report {
                Ok(Some(report)) => {
                    *time_of_day = report.time.map(|time| Span(time.0)).or(*time_of_day);
                    match epochs.push(report, at) {
                        Ok(Some(epoch)) => each(judge(&epoch, dates, admission, counts)),
                        Ok(None) => {}
                        Err(reason) => counts.reject(reason),
                    }
                }
                Ok(None) => {}
                Err(reason) => counts.reject(reason),
            }
        });
    }

    /// No more bytes will come: the epoch that is still open ends here.
    pub fn finish(&mut self, mut each: impl FnMut(Outcome)) {
        if let Some(epoch) = self.epochs.finish() {
            each(judge(&epoch, &mut self.dates, &mut self.admission, &mut self.counts));
        }
    }

    /// The time of day that the receiver told last: one that stands still is a receiver that hangs.
    #[must_use]
    pub fn time_of_day(&self) -> Option<Span> {
        self.time_of_day
    }

    /// What was received and what was not used.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

fn judge(
    epoch: &epoch::Epoch,
    dates: &mut date::Calendar,
    admission: &mut plausibility::Admission,
    counts: &mut Counts,
) -> Outcome {
    let judged = plausibility::measured(epoch).and_then(|position| {
        let dated = dates.date(epoch)?;
        let fix = plausibility::fix(epoch, position, dated);
        let time_stepped = admission.admit(epoch.at, &fix)?;
        dates.keep(dated);
        Ok(GnssFix { time_stepped, ..fix })
    });
    match judged {
        Ok(fix) => {
            counts.fixes = counts.fixes.saturating_add(1);
            Outcome::Fix(fix)
        }
        Err(reason) => {
            counts.reject(reason);
            if reason == Rejected::Void { Outcome::Void } else { Outcome::Refused(reason) }
        }
    }
}

/// The time of day that a line of NMEA carries, if it is whole and carries one.
#[must_use]
pub fn time_of_day(line: &[u8]) -> Option<Span> {
    let mut time = None;
    framer::Framer::default().feed(line, |framed| {
        let report = framed.ok().and_then(|text| sentence::read(text).ok().flatten());
        time = report.and_then(|report| report.time).map(|time| Span(time.0)).or(time);
    });
    time
}

/// A time of an epoch together with whether it had to be repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Dated {
    time: UnixMillis,
    repaired: bool,
}
