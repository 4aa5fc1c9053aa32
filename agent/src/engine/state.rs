//! Everything that must survive a power cut. It is stored beside each event and at the head of each segment.

use super::dating::{Anchor, Remembered};
use super::gathered::Gathered;
use super::steps::Steps;
use crate::event::{Kind, Loss, LossCause, SEQUENCE_END};
use crate::gnss::coverage::{Coverage, Interval};
use crate::gnss::{Checksums, Counts, DateFloor, Reception};
use crate::ranges::Ranges;
use crate::time::Mono;
use crate::visit::Visits;
use geofence::{Span, Tracker, UnixMillis};
use serde::{Deserialize, Serialize};

/// Losses that wait for a date. What is found beyond waits where it was found, or is found again by the next start.
const LOSSES_MAX: usize = 8;
/// Inputs that were missed are told at most this often: each event is a commit, and a commit that takes too long is why inputs are missed.
const MISSED_TOLD_EVERY: Span = Span::seconds(600);

/// What is said once, when the agent starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Boot {
    /// Identifies the boot of the kernel: monotonic times compare only within one.
    pub kernel_boot: String,
    /// The system clock, if it means anything.
    pub system_utc: Option<UnixMillis>,
    /// The earliest day that can be true.
    pub date_floor: DateFloor,
    /// Whether sentences without a checksum may be believed.
    #[serde(default, skip_serializing_if = "Checksums::is_default")]
    pub checksums: Checksums,
    /// Short machine words: why it starts, what was found wrong.
    pub why: Vec<String>,
}

/// The run that is going on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub(super) struct Run {
    pub(super) at: Mono,
    pub(super) kernel_boot: String,
    pub(super) system_utc: Option<UnixMillis>,
    /// The first fix since the source was opened, and after the last gap.
    pub(super) tracking_since: Option<Mono>,
    /// Whether the receiver knows the leap seconds, as it said since then.
    #[serde(default)]
    pub(super) utc_resolved: Option<bool>,
    /// The line was told to be too slow, and signals to be implausible, once each in a run.
    #[serde(default)]
    pub(super) line_told: bool,
    #[serde(default)]
    pub(super) spoofing_told: bool,
}

/// The engine's state; a function of the recording. A state of the last release opens: what it lacks has its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct State {
    /// The last sequence that was given out.
    pub(super) sequence: u64,
    /// Sequences up to here are another gateway's: ours are counted above it.
    pub(super) base: u64,
    /// How often everything was numbered anew.
    pub(super) renumberings: u32,
    /// Those that a floor passed over; named when the next run begins, if nobody does before.
    pub(super) skipped: Option<(u64, u64)>,
    /// The last run ended by being told to.
    pub(super) stopped: bool,
    pub(super) boots: u32,
    pub(super) run: Run,
    pub(super) anchor: Option<Anchor>,
    pub(super) remembered: Vec<Remembered>,
    /// Starts and stops that never got a date and were given up.
    pub(super) forgotten: u64,
    /// Inputs that could not be recorded.
    pub(super) missed: Gathered,
    pub(super) steps: Steps,
    /// Time is private: the receiver's bytes do not come in.
    pub(super) private: bool,
    /// The line speed at which the receiver was understood last, bit/s.
    pub(super) line_speed: Option<u32>,
    pub(super) reception: Reception,
    pub(super) coverage: Coverage,
    pub(super) tracker: Tracker,
    pub(super) visits: Visits,
}

impl State {
    /// The last sequence that was given out; 0: none yet.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Sequences up to here are another gateway's; 0: none are.
    #[must_use]
    pub fn base(&self) -> u64 {
        self.base
    }

    /// How often everything was numbered anew.
    #[must_use]
    pub fn renumberings(&self) -> u32 {
        self.renumberings
    }

    /// What was received and what was not used.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        self.reception.counts()
    }

    /// Starts and stops that waited for a date in vain, too many to keep.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The line speed at which the receiver was understood last, bit/s.
    #[must_use]
    pub fn line_speed(&self) -> Option<u32> {
        self.line_speed
    }

    /// Time is private: what the receiver says is neither kept nor looked at.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// Open visits.
    #[must_use]
    pub fn visits(&self) -> &Visits {
        &self.visits
    }

    /// The tracker.
    #[must_use]
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// Counts runs of the agent on this device, and so names them.
    #[must_use]
    pub fn boot_id(&self) -> String {
        format!("boot-{}", self.boots)
    }

    pub(super) fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    pub(super) fn newest_fix(&self) -> Option<UnixMillis> {
        self.anchor.as_ref().map(|anchor| anchor.time)
    }

    pub(super) fn boot(&mut self, at: Mono, boot: &Boot, each: &mut dyn FnMut(Interval)) {
        let same_boot = self.run.kernel_boot == boot.kernel_boot && at >= self.run.at;
        self.boots += 1;
        self.stopped = false;
        self.run = Run {
            at,
            kernel_boot: boot.kernel_boot.clone(),
            system_utc: boot.system_utc,
            tracking_since: None,
            utc_resolved: None,
            line_told: false,
            spoofing_told: false,
        };
        self.missed.restart();
        self.steps.restart();
        if std::mem::take(&mut self.private) {
            // Monotonic time of another boot of the device says nothing in this one; the switch begins it again.
            self.coverage.private(false, each);
        }
        self.reception.restart(boot.date_floor, same_boot);
        self.reception.set_checksums(boot.checksums);
        self.coverage.boot(at, same_boot, each);
        if let Some(time) = boot.system_utc {
            self.coverage.system_clock(at, time);
        }
        self.tracker.power_cut();
    }

    /// An event whose time is monotonic so far.
    pub(super) fn remember(&mut self, kind: Kind, at: Mono, why: Vec<String>) {
        self.remembered.push(Remembered::new(kind, at, why, self));
        // A device that never sees the sky and is started over and over: the oldest starts are the least of interest. Losses
        // are not counted among them: who finds one asks before whether there is room.
        let of_runs = |remembered: &&Remembered| remembered.loss.is_none();
        if self.remembered.iter().filter(of_runs).count() > super::dating::REMEMBERED_MAX
            && let Some(oldest) = self.remembered.iter().position(|remembered| of_runs(&remembered))
        {
            self.remembered.remove(oldest);
            self.forgotten += 1;
        }
    }

    /// An event about inputs that were missed, if one is due.
    pub(super) fn tell_missed(&mut self, at: Mono) {
        if let Some(inputs) = self.missed.due(at, MISSED_TOLD_EVERY) {
            let why = vec!["recording_missed_inputs".to_owned(), inputs.to_string()];
            self.remember(Kind::DeviceHealth, at, why);
        }
    }

    /// A loss that waits for its date; gives back what it is of. Only of what was given out: an event names what lies below it.
    pub(super) fn lose(&mut self, at: Mono, loss: &Loss) -> Ranges {
        let mut ranges = loss.ranges.clone();
        // Named here, they need not be named by the next run.
        self.skipped = self.skipped.filter(|(first, last)| ranges.end_of_run(*first).is_none_or(|end| end < *last));
        ranges.remove(0, 0);
        ranges.remove(self.sequence.saturating_add(1), u64::MAX);
        if let Some(loss) = Loss::of(&ranges, loss.why) {
            let mut remembered = Remembered::new(Kind::DeviceLost, at, Vec::new(), self);
            remembered.loss = Some(loss);
            self.remembered.push(remembered);
        }
        ranges
    }

    /// Numbers go on above `floor`. False for one that no sequence may have.
    pub(super) fn raise(&mut self, floor: u64) -> bool {
        if floor >= SEQUENCE_END {
            return false;
        }
        if floor > self.sequence {
            self.skipped = Some((self.skipped.map_or(self.sequence + 1, |(first, _)| first), floor));
            self.sequence = floor;
            // A correction of what was before would name the numbers between too, and those may be of other events.
            self.steps.begin();
        }
        true
    }

    /// Counts all sequences, those given before too, above `above`: by how much more than until now. `None` where they are so
    /// already, and for numbers that no sequence may have.
    pub(super) fn number_above(&mut self, above: u64) -> Option<u64> {
        let by = above.checked_sub(self.base).filter(|by| *by > 0)?;
        let sequence = self.sequence.checked_add(by).filter(|sequence| *sequence < SEQUENCE_END)?;
        (self.base, self.sequence, self.renumberings) = (above, sequence, self.renumberings.saturating_add(1));
        self.skipped = self.skipped.map(|(first, last)| (first + by, last + by));
        self.steps.shift(by);
        for remembered in &mut self.remembered {
            if let Some(loss) = &mut remembered.loss {
                loss.ranges = loss.ranges.shifted(by);
            }
            remembered.correction = remembered.correction.map(|correction| correction.shifted(by));
        }
        Some(by)
    }

    /// The numbers that a floor passed over, as a loss to be named.
    pub(super) fn take_skipped(&mut self) -> Option<Loss> {
        let skipped: Ranges = self.skipped.take().into_iter().collect();
        Loss::of(&skipped, LossCause::NumbersSkipped)
    }

    /// The sequences that wait to be named as lost.
    #[must_use]
    pub fn losing(&self) -> Ranges {
        let waiting = self.remembered.iter().filter_map(|remembered| remembered.loss.as_ref());
        waiting.flat_map(|loss| loss.ranges.iter()).chain(self.skipped).collect()
    }

    /// Whether another loss may wait for its date.
    #[must_use]
    pub fn may_lose(&self) -> bool {
        self.remembered.iter().filter(|remembered| remembered.loss.is_some()).count() < LOSSES_MAX
    }
}
