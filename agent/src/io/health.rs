//! What `health` and `gatestamp status` say: every part of the gateway, since when it is as it is, and what to do.

mod file;

use super::atlas::InUse;
use super::clock::wall_clock;
use super::diagnosis::Diagnosis;
use super::keeper::Trouble;
use crate::budget::Spending;
use crate::engine::Engine;
use crate::event::ClockBlock;
use crate::gnss::Counts;
use crate::gnss::configure::Setup;
use crate::gnss::coverage::{Cause, Summary};
use crate::outbox::{Stage, Stages};
use crate::time::{Mono, Utc, rfc3339};
use crate::version::VERSION;
pub use file::HealthFile;
use geofence::{Span, UnixMillis};
use serde::Serialize;
use std::collections::BTreeMap;

/// The state of one part, with the time since when.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// One word.
    pub state: &'static str,
    /// System clock; for people.
    pub since: String,
    /// Why, where something is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<&'static str>,
}

impl Part {
    /// A part that is as it should be, or is not known yet.
    #[must_use]
    pub fn new(state: &'static str, now: UnixMillis) -> Self {
        Self { state, since: rfc3339(now), why: None, remedy: None }
    }

    /// Notes a new state. The same trouble again keeps its time.
    pub fn set(
        &mut self,
        state: &'static str,
        why: Option<String>,
        remedy: Option<&'static str>,
        now: UnixMillis,
    ) -> bool {
        let changed = self.state != state || self.why != why;
        if self.state != state {
            self.since = rfc3339(now);
        }
        (self.state, self.why, self.remedy) = (state, why, remedy);
        changed
    }
}

/// Events by how far they have come.
#[derive(Debug, Serialize)]
pub struct Delivery {
    /// Highest sequence made.
    pub sequence: u64,
    /// Everything up to here is with dispatch.
    pub received_thru: u64,
    /// Made and not yet with dispatch.
    pub owed: u64,
    /// Of these: in the journal, and not on their way.
    pub waiting: Reached,
    /// Sent, and not answered by the broker.
    pub sent: Reached,
    /// Taken by the broker, which says nothing of dispatch.
    pub with_broker: Reached,
    /// Acknowledgements that could not be right.
    pub ignored_acks: u64,
    /// Why nothing is sent, although the broker is there and something is owed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<&'static str>,
    /// What to do about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_remedy: Option<&'static str>,
    /// When it is tried again; system clock, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<String>,
    /// Events that can never be sent: how many are known, the first and the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsendable: Option<(u64, u64, u64)>,
    /// How the link does.
    #[serde(flatten)]
    pub link: Uplinked,
}

/// Events that have come equally far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// How many.
    pub count: u64,
    /// When what the oldest of them tells happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Utc>,
}

impl Reached {
    fn of(stage: Stage, dated: &impl Fn(u64) -> Option<UnixMillis>) -> Self {
        Self { count: stage.count, oldest: stage.oldest.and_then(dated).map(Utc) }
    }
}

/// What the link has counted since the start.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Uplinked {
    /// `dispatch` or, without an acknowledging consumer, `broker`.
    pub acknowledged_by: &'static str,
    /// Commands that were forged, late, for another truck, or not understood.
    pub refused_commands: u64,
    /// Bytes sent to the broker, TLS included, the headers of TCP and IP not.
    pub sent_bytes: u64,
    /// Bytes received from it, likewise.
    pub received_bytes: u64,
    /// Connections that were made as far as TLS.
    pub handshakes: u64,
}

/// Where the time went, since this device keeps its ledger.
#[derive(Debug, Serialize)]
pub struct CoverageNumbers {
    /// What this moment is.
    pub cause: Cause,
    /// Since when; `null` before the first fix.
    pub since: Option<Utc>,
    /// Covered time in percent of all that has a date.
    pub availability_pct: Option<f64>,
    /// Seconds by cause.
    pub seconds: BTreeMap<Cause, f64>,
    /// Seconds that have no date (yet).
    pub undated_s: f64,
    /// How often the receiver's time turned out wrong.
    pub restarts: u32,
}

impl CoverageNumbers {
    fn of(summary: &Summary) -> Self {
        let total: i64 = summary.sums.values().map(|span| span.0).sum();
        let covered = summary.sums.get(&Cause::Covered).copied().unwrap_or_default();
        let percent = (covered.as_seconds() / Span(total).as_seconds() * 10_000.0).round() / 100.0;
        Self {
            cause: summary.cause,
            since: summary.since.map(Utc),
            availability_pct: (total > 0).then_some(percent),
            seconds: summary.sums.iter().map(|(cause, span)| (*cause, span.as_seconds())).collect(),
            undated_s: summary.undated.as_seconds(),
            restarts: summary.restarts,
        }
    }
}

/// The whole message.
#[derive(Debug, Serialize)]
pub struct Health<'a> {
    /// `online`; the last will says `offline`.
    pub status: &'static str,
    /// Device id.
    pub device: &'a str,
    /// Version of the agent.
    pub version: &'static str,
    /// Which run.
    pub boot_id: String,
    /// The newest fix.
    pub last_fix: Option<Utc>,
    /// Whose clock dates events, how far it may be trusted, and how far the system's is off.
    pub clock: ClockBlock,
    /// The receiver and the way to it.
    pub receiver: &'a Part,
    /// The line speed at which the receiver was understood last, bit/s.
    pub line_speed: Option<u32>,
    /// What configuring the receiver came to, where it was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiver_setup: Option<&'a Setup>,
    /// The gap ledger in numbers.
    pub coverage: CoverageNumbers,
    /// The broker.
    pub link: &'a Part,
    /// The journal.
    pub journal: &'a Part,
    /// The recording.
    pub recording: &'a Part,
    /// The facilities: `current`, or `previous` where the file that the configuration names is refused.
    pub facilities: &'a Part,
    /// Events that wait in memory for the journal.
    pub held: usize,
    /// Events that found no room there.
    pub dropped: u64,
    /// Segments of the recording that gave way to a full disk before their time, since the start.
    pub segments_gave_way: u64,
    /// How often a fence could not be followed because too many others were.
    pub fences_not_followed: u32,
    /// Starts and stops of the agent that never got a date.
    pub undated_starts: u64,
    /// How delivery goes.
    pub delivery: Delivery,
    /// The month's bytes; nothing where no broker is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Spending>,
    /// What was received and what was not used.
    pub gnss: &'a Counts,
}

/// The states of the parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// The receiver and the way to it.
    pub receiver: Part,
    /// What configuring it came to.
    pub setup: Option<Setup>,
    /// The broker.
    pub link: Part,
    journal: Part,
    recording: Part,
    facilities: Part,
}

impl Parts {
    /// Nothing known yet.
    #[must_use]
    pub fn new(now: UnixMillis) -> Self {
        let starting = Part::new("starting", now);
        let ok = Part::new("ok", now);
        let facilities = Part::new("current", now);
        Self { receiver: starting.clone(), setup: None, link: starting, journal: ok.clone(), recording: ok, facilities }
    }

    /// Takes over how the receiver is. Whether it changed, but for words that only count on.
    pub(super) fn receiver(&mut self, told: Diagnosis, now: UnixMillis) -> bool {
        let changed = self.receiver.state != told.state;
        self.receiver.set(told.state, told.why, told.remedy, now);
        changed
    }

    /// Takes over what the disk refuses. Whether anything changed.
    pub fn disk(&mut self, trouble: &Trouble, now: UnixMillis) -> bool {
        let journal = match &trouble.journal {
            Some((why, remedy)) => self.journal.set("refused", Some(why.clone()), Some(remedy), now),
            None => self.journal.set("ok", None, None, now),
        };
        let room = Some("make room on the disk, or check that the state directory is writable");
        let recording = match &trouble.recording {
            Some(why) => self.recording.set("refused", Some(why.clone()), room, now),
            None if trouble.gave_way.is_full && trouble.gave_way.segments > 0 => {
                let why = "the disk is full: the oldest segments give way".to_owned();
                self.recording.set("gives_way", Some(why), Some("make room on the disk (df)"), now)
            }
            None => self.recording.set("ok", None, None, now),
        };
        journal || recording
    }

    /// Notes which facilities are in use, and says so in the log where they are not the ones that were asked for.
    pub fn facilities(&mut self, in_use: &InUse, now: UnixMillis) {
        for fault in &in_use.refused {
            tracing::error!(%fault, "the facility file is refused; the previous facilities stay in use");
        }
        if let Some(first) = in_use.refused.first() {
            let others = in_use.refused.len() - 1;
            let more = if others > 0 { format!(" (and {others} more faults)") } else { String::new() };
            let line = first.line.map(|line| format!(":{line}")).unwrap_or_default();
            let why = format!("{}{line}: {}{more}", first.file, first.what);
            let remedy = "mend the file (gatestamp facilities lint F names every fault), then restart gatestamp";
            self.facilities.set("previous", Some(why), Some(remedy), now);
        } else if let Some(why) = &in_use.not_kept {
            tracing::warn!(why, "the compiled facilities cannot be kept; they are used from memory");
            let remedy =
                "make room on the disk, or check that the state directory is writable; the next start tries again";
            self.facilities.set("not_kept", Some(why.clone()), Some(remedy), now);
        }
    }

    /// The message as JSON, at `at`. `dated`: the time of an event, as far as it is journaled.
    #[must_use]
    pub fn message(
        &self,
        at: Mono,
        engine: &Engine,
        device: &str,
        trouble: &Trouble,
        (link, dated): (Uplinked, impl Fn(u64) -> Option<UnixMillis>),
        traffic: Option<Spending>,
    ) -> Vec<u8> {
        let outbox = engine.outbox();
        let pause = outbox.pause().filter(|_| outbox.owed() > 0);
        let Stages { waiting, sent, with_broker } = outbox.stages();
        let health = Health {
            status: "online",
            device,
            version: VERSION,
            boot_id: engine.boot_id(),
            last_fix: engine.newest_fix().map(Utc),
            clock: engine.clock(at),
            receiver: &self.receiver,
            line_speed: engine.state().line_speed(),
            receiver_setup: self.setup.as_ref(),
            coverage: CoverageNumbers::of(&engine.coverage().summary()),
            link: &self.link,
            journal: &self.journal,
            recording: &self.recording,
            facilities: &self.facilities,
            held: trouble.held,
            dropped: trouble.dropped,
            segments_gave_way: trouble.gave_way.segments,
            fences_not_followed: engine.state().tracker().overflowed(),
            undated_starts: engine.state().forgotten(),
            delivery: Delivery {
                sequence: engine.state().sequence(),
                received_thru: outbox.thru(),
                owed: outbox.owed(),
                waiting: Reached::of(waiting, &dated),
                sent: Reached::of(sent, &dated),
                with_broker: Reached::of(with_broker, &dated),
                ignored_acks: outbox.ignored_acks(),
                paused: pause.map(|pause| pause.why.words()),
                paused_remedy: pause.map(|pause| pause.why.remedy()),
                paused_until: pause.map(|pause| rfc3339(wall_clock() + (pause.until - at))),
                unsendable: outbox.quarantined(),
                link,
            },
            traffic,
            gnss: engine.state().counts(),
        };
        // Maps here have enum keys that serialise as strings.
        serde_json::to_vec(&health).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::journal::JournalError;
    use super::*;

    #[test]
    fn a_journal_that_refuses_names_the_remedy_of_its_cause() {
        let told = |error: &JournalError| {
            let mut parts = Parts::new(UnixMillis(0));
            let journal = Some((error.to_string(), error.remedy()));
            assert!(parts.disk(&Trouble { journal, ..Trouble::default() }, UnixMillis(0)));
            parts.journal.remedy.unwrap_or_default()
        };
        assert!(told(&JournalError::Full).contains("journal_quota_mb"));
        let taken = told(&JournalError::Taken(7));
        assert!(taken.contains("another program") && !taken.contains("quota"), "{taken}");
    }
}
