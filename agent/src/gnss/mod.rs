//! From the receiver's bytes to judged fixes.
//!
//! ```text
//!   bytes -> framer -> sentence, ubx -> epoch -> date -> plausibility -> timing -> GnssFix
//!              |          |               |        |          |
//!              +----------+----- Rejected, counted by reason --+    Finding: antenna, jamming, delay
//!                                                                  coverage: why there was no fix
//! ```
//!
//! Nothing here fails: what cannot be used is a counted [`Rejected`]. [`Reception`] is the whole state, so that a
//! restart in the middle of a sentence goes on in the middle of that sentence.

pub mod coverage;
mod date;
mod epoch;
pub mod finding;
mod framer;
pub mod hunt;
pub mod intruder;
mod plausibility;
mod sentence;
mod source;
mod timing;
mod ubx;

use crate::time::Mono;
use finding::Finding;
use framer::Frame;
use geofence::{Fix, Span, UnixMillis};
use sentence::Said;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use date::DateFloor;
pub use framer::Checksums;
pub use source::SourceState;
pub use ubx::configure;

/// One accepted epoch: the fix and what `replay --output fixes` shows beside it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GnssFix {
    /// What the tracker works on.
    pub fix: Fix,
    /// When its first sentence had arrived.
    pub arrived: Mono,
    /// Satellites used, as the receiver says; many receivers stop counting at 12.
    pub sats: Option<u32>,
    /// Horizontal dilution of precision; placeholders of receivers (0, 50, 99.99) are `None`.
    pub hdop: Option<f64>,
    /// Time goes on before where it was, or a day or more ahead of it: the receiver was wrong before, for several epochs agree that
    /// it is right now. What was measured before cannot be compared with this.
    pub time_stepped: bool,
    /// The receiver's date lay before the floor and was moved by whole 1,024-week eras.
    pub date_repaired: bool,
    /// The receiver said second 60; the time is squeezed into the last hundredth of the second before.
    pub leap_second: bool,
    /// It lay in a buffer or on a slow line: it is about its own time, but its arrival says nothing about now.
    pub late: bool,
    /// So many fixes before this one had the same position to the bit: the receiver holds it. Reported only: no decision
    /// looks at it.
    pub held: u32,
    /// Since the first fix after the last gap: the first ones after a garage or a tunnel can be far off. Reported only: no decision
    /// looks at it.
    pub since_regained: Span,
    /// Standard deviation of the speed as the receiver reckons it, m/s.
    pub speed_sigma_mps: Option<f64>,
    /// Whether the receiver knows the leap seconds, where it says so.
    pub utc_resolved: Option<bool>,
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
    /// Something about antenna, interference or delay.
    Found(Finding),
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
    /// An instant of which neither a position nor its validity is said: accuracy or date by themselves.
    Unplaced,
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
    /// Ahead of what has passed since the last epochs: by more than ten seconds once their delay is known, by a day before.
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
            Self::Unplaced => "unplaced",
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
    /// Sentences, and binary messages that are listened for, with a good checksum.
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

/// Bytes that are looked at together.
const LOOK: usize = 1 << 16;

/// Whether a receiver speaks in `bytes`: one sentence, or binary message that is listened for, with a good checksum.
#[must_use]
pub fn speaks(bytes: &[u8]) -> bool {
    let (mut framer, mut found) = (framer::Framer::default(), false);
    bytes.chunks(LOOK).any(|chunk| {
        framer.feed(chunk, |framed| found |= framed.is_ok());
        found
    })
}

/// Everything between the serial port and the tracker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Reception {
    framer: framer::Framer,
    #[serde(flatten)]
    rest: Judge,
}

/// What becomes of the frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
struct Judge {
    epochs: epoch::Builder,
    dates: date::Calendar,
    admission: plausibility::Admission,
    timing: timing::Timing,
    counts: Counts,
}

impl Reception {
    /// A reception whose dates are repaired up to `floor`.
    #[must_use]
    pub fn new(floor: DateFloor) -> Self {
        let rest = Judge { dates: date::Calendar::new(floor), ..Judge::default() };
        Self { rest, ..Self::default() }
    }

    /// Whether sentences without a checksum may be believed from here on.
    pub fn set_checksums(&mut self, checksums: Checksums) {
        self.framer.set_checksums(checksums);
    }

    /// The receiver is about to speak anew (start, or the port was reopened): half a sentence is worth nothing.
    /// `same_boot`: arrivals go on from those before.
    pub fn restart(&mut self, floor: DateFloor, same_boot: bool) {
        self.framer.restart();
        self.rest.epochs.restart();
        self.rest.dates.restart(floor);
        self.rest.admission.restart(floor, same_boot);
        self.rest.timing.restart();
    }

    /// The source was opened again: half a sentence is worth nothing, and it may be another receiver.
    pub fn reopened(&mut self) {
        self.framer.restart();
        self.rest.epochs.restart();
    }

    /// Takes the bytes that arrived at `at` and hands every epoch that became complete, and everything found, to `each`.
    pub fn feed(&mut self, at: Mono, bytes: &[u8], mut each: impl FnMut(Outcome)) {
        let Self { framer, rest } = self;
        rest.counts.bytes = rest.counts.bytes.saturating_add(bytes.len() as u64);
        framer.feed(bytes, |framed| rest.frame(at, framed, &mut each));
    }

    /// No more bytes will come: the epoch that is still open ends here.
    pub fn finish(&mut self, mut each: impl FnMut(Outcome)) {
        if let Some(epoch) = self.rest.epochs.finish() {
            self.rest.epoch(&epoch, &mut each);
        }
    }

    /// What was received and what was not used.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.rest.counts
    }
}

impl Judge {
    fn frame(&mut self, at: Mono, framed: Result<Frame<'_>, Rejected>, each: &mut impl FnMut(Outcome)) {
        if framed.is_ok() {
            self.counts.sentences = self.counts.sentences.saturating_add(1);
        }
        match framed {
            Ok(Frame::Sentence(text)) => match sentence::read(text) {
                Ok(Some(said)) => self.said(at, said, each),
                Ok(None) => {}
                Err(reason) => self.counts.reject(reason),
            },
            Ok(Frame::Ubx(message)) => {
                if ubx::read(&message, |said| self.said(at, said, each)).is_none() {
                    self.counts.reject(Rejected::Malformed);
                }
            }
            Err(reason) => self.counts.reject(reason),
        }
    }

    fn said(&mut self, at: Mono, said: Said, each: &mut impl FnMut(Outcome)) {
        let report = match said {
            Said::Report(report) => report,
            Said::Finding(finding) => return each(Outcome::Found(finding)),
        };
        if let Some(found) = report.time.and_then(|time| self.timing.heard(time, at)) {
            each(Outcome::Found(found));
        }
        match self.epochs.push(report, at) {
            Ok(Some(epoch)) => self.epoch(&epoch, each),
            Ok(None) => {}
            Err(reason) => self.counts.reject(reason),
        }
    }

    fn epoch(&mut self, epoch: &epoch::Epoch, each: &mut impl FnMut(Outcome)) {
        let Self { dates, admission, timing, counts, .. } = self;
        let now = timing.now(epoch.at);
        let judged = plausibility::measured(epoch).and_then(|position| {
            let dated = dates.date(epoch, now.map(|now| now.time))?;
            let fix = plausibility::fix(epoch, position, dated);
            admission.admit(now, fix, |fix| {
                counts.fixes = counts.fixes.saturating_add(1);
                if fix.time_stepped {
                    timing.stepped();
                }
                let timely =
                    timing.fix(fix.fix.time, fix.fix.position, fix.arrived, |found| each(Outcome::Found(found)));
                let timing::Timeliness { late, held, since_regained } = timely;
                each(Outcome::Fix(GnssFix { late, held, since_regained, ..fix }));
            })?;
            dates.keep(dated);
            Ok(())
        });
        if let Err(reason) = judged {
            self.counts.reject(reason);
            if reason == Rejected::Void {
                self.timing.void();
                each(Outcome::Void);
            } else if reason != Rejected::Unplaced {
                // Of an instant without a place nothing was claimed that could be refused.
                each(Outcome::Refused(reason));
            }
        }
    }
}

/// What a line of NMEA says of when it was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineTime {
    /// Since midnight UTC.
    pub time_of_day: Span,
    /// That midnight, where the line has a date beside a position: without one, receivers make dates up.
    pub midnight: Option<UnixMillis>,
}

impl LineTime {
    /// Date and time, where the line has a date.
    #[must_use]
    pub fn instant(self) -> Option<UnixMillis> {
        Some(self.midnight? + self.time_of_day)
    }
}

/// When a line of NMEA was measured, if it is whole and says so.
#[must_use]
pub fn line_time(line: &[u8]) -> Option<LineTime> {
    let mut said = None;
    framer::Framer::default().feed(line, |framed| {
        let read = match framed {
            Ok(Frame::Sentence(text)) => sentence::read(text).ok().flatten(),
            _ => None,
        };
        if let Some(Said::Report(report)) = read
            && let Some(time) = report.time
        {
            let date = report.date.filter(|_| report.position.is_some());
            let midnight = date.and_then(|date| date::midnight(date).ok());
            said = Some(LineTime { time_of_day: Span(time.0), midnight });
        }
    });
    said
}

/// The time of day that a line of NMEA carries, if it is whole and carries one.
#[must_use]
pub fn time_of_day(line: &[u8]) -> Option<Span> {
    line_time(line).map(|said| said.time_of_day)
}

/// A time of an epoch together with whether it had to be repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Dated {
    time: UnixMillis,
    repaired: bool,
}
