//! Which event ends the connections that it is sent on, where the broker does not say so.
//!
//! Some brokers end the connection at a message that is longer than they take, and announce no limit. The event would be the first on
//! the next connection too, and hold up everything behind it for ever. A link that is only bad ends connections as well, at any event.
//!
//! ```text
//!  the oldest on the way, twice in a row  ->  set aside: the others go
//!  they hold the connection for a minute  ->  it is sent alone
//!  alone, it ended three such connections ->  this broker does not take it
//!  it is taken, or a connection ends as well without it -> it was not that
//! ```

use super::{Outbox, Refusal};
use crate::time::Mono;
use geofence::Span;
use std::collections::BTreeMap;

/// Connections in a row that end with the same event as the oldest on the way, before the others go first.
const ENDS: u8 = 2;
/// Connections in a row that it has to end alone.
const ALONE: u8 = 3;
/// So long a connection has to hold without it. A link that is cut at random, however often, holds for this and then breaks within the
/// answer's 2 s of 2G once in 80 tries at most: three times in a row once in half a million, and two more had to come before.
const PROOF: Span = Span::seconds(60);
/// The wait before the only one that is owed ends another connection doubles so often: an hour.
const LONELY_DOUBLINGS: u32 = 6;
/// Events that are set aside at once. What is beyond ends connections until some of them are judged.
const ASIDE_MAX: usize = 256;

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The network, the clock, ourselves, or the broker for a reason that it named: nothing to do with what was sent.
    Lost,
    /// The other end let go of it, without a reason.
    Closed,
    /// The broker ended it since a packet was too long (0x95). Which one it does not say.
    TooLong,
}

/// What is held against which events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Suspicion {
    /// The oldest on the way when connections ended, and how many in a row.
    watched: Option<(u64, u8)>,
    /// Not sent for the time being, and how many connections each ended alone.
    aside: BTreeMap<u64, u8>,
    up_at: Option<Mono>,
    /// Another event was taken on this connection.
    others_go: bool,
    /// Sent alone on this connection, and not answered.
    alone: Option<u64>,
    /// Ended connections alone of which nobody knows whether they would have held with another: how many in a row, and when it is tried again.
    lonely: Option<(u32, Mono)>,
    /// Found to be the one, and not asked for yet.
    convicted: Option<u64>,
}

impl Suspicion {
    pub(super) fn link_up(&mut self, at: Mono) {
        (self.up_at, self.others_go, self.alone) = (Some(at), false, None);
    }

    /// The oldest goes alone first: the others behind it must not be taken for it.
    pub(super) fn is_watching(&self) -> bool {
        self.watched.is_some()
    }

    pub(super) fn is_aside(&self, sequence: u64) -> bool {
        self.aside.contains_key(&sequence)
    }

    pub(super) fn first_aside(&self) -> Option<u64> {
        self.aside.keys().next().copied()
    }

    pub(super) fn convict(&mut self, sequence: u64) {
        self.convicted = Some(sequence);
    }

    pub(super) fn forget(&mut self, is_settled: impl Fn(u64) -> bool) {
        self.aside.retain(|sequence, _| !is_settled(*sequence));
        self.watched = self.watched.filter(|(sequence, _)| !is_settled(*sequence));
        self.alone = self.alone.filter(|sequence| !is_settled(*sequence));
    }
}

impl Outbox {
    /// The event that was found to be what this broker does not take, once.
    pub fn convicted(&mut self) -> Option<u64> {
        self.suspicion.convicted.take()
    }

    /// The broker has taken it. If it was suspected, connections end for another reason.
    pub(super) fn clear(&mut self, sequence: u64) {
        let suspicion = &mut self.suspicion;
        let was_watched = suspicion.watched.is_some_and(|(watched, _)| watched == sequence);
        if was_watched || suspicion.is_aside(sequence) {
            self.acquit();
        }
        self.suspicion.others_go = true;
    }

    /// It was answered, or could not be handed over.
    pub(super) fn is_back(&mut self, sequence: u64) {
        self.suspicion.alone = self.suspicion.alone.filter(|alone| *alone != sequence);
    }

    fn acquit(&mut self) {
        if let Some(first) = self.suspicion.first_aside() {
            self.next = self.next.min(first.max(self.thru + 1));
        }
        let Suspicion { watched, aside, alone, lonely, .. } = &mut self.suspicion;
        (*watched, *alone, *lonely) = (None, None, None);
        aside.clear();
    }

    /// On the way, and nothing else goes beside it.
    pub(super) fn alone_on_the_way(&self) -> Option<u64> {
        self.suspicion.alone.filter(|alone| self.on_the_way.contains_key(alone))
    }

    /// The next that is to be sent alone, once the connection has held long enough without it.
    pub(super) fn due_alone(&self, at: Mono) -> Option<u64> {
        let has_held = self.suspicion.up_at.is_some_and(|up_at| at - up_at >= PROOF);
        // The only one that is owed ends each connection and proves nothing by it: it must not use up the month.
        let waits = self.suspicion.lonely.is_some_and(|(_, until)| at < until && !self.suspicion.others_go);
        let mut aside = self.suspicion.aside.keys().copied().filter(|_| has_held && !waits);
        aside.find(|sequence| self.settled_thru(*sequence).is_none() && !self.faulted.is_put_off(*sequence))
    }

    pub(super) fn send_alone(&mut self, at: Mono, sequence: u64) {
        self.suspicion.alone = Some(sequence);
        self.send(at, &(sequence..=sequence));
    }

    /// A connection has ended: is it an event's doing?
    pub(super) fn judge(&mut self, at: Mono, ending: Ending) {
        if ending == Ending::Lost {
            return;
        }
        let oldest = self.on_the_way.iter().min_by_key(|(_, number)| **number).map(|(sequence, _)| *sequence);
        let Some(oldest) = oldest else { return self.acquit() };
        if let Some(alone) = self.alone_on_the_way() {
            return self.judge_alone(at, alone, ending);
        }
        if self.retried.contains(oldest) {
            return self.take_back();
        }
        // They ended it without those that are set aside.
        self.suspicion.aside.values_mut().for_each(|ended| *ended = 0);
        let ends = match self.suspicion.watched {
            Some((watched, ends)) if watched == oldest => ends + 1,
            Some(_) => {
                // What was suspected before did not end this one.
                self.acquit();
                1
            }
            None => 1,
        };
        if (ends >= ENDS || ending == Ending::TooLong) && self.suspicion.aside.len() < ASIDE_MAX {
            self.suspicion.aside.insert(oldest, 0);
            self.suspicion.watched = None;
        } else {
            self.suspicion.watched = Some((oldest, ends.min(ENDS)));
        }
    }

    fn judge_alone(&mut self, at: Mono, alone: u64, ending: Ending) {
        if !self.suspicion.others_go {
            let times = self.suspicion.lonely.map_or(0, |(times, _)| times + 1).min(LONELY_DOUBLINGS);
            self.suspicion.lonely = Some((times, at.plus(Span(PROOF.0 << times))));
            return;
        }
        let Some(ended) = self.suspicion.aside.get_mut(&alone) else { return };
        *ended += 1;
        if *ended >= ALONE || ending == Ending::TooLong {
            self.suspicion.aside.remove(&alone);
            self.suspicion.convict(alone);
            // It was tried often enough for now.
            self.retried_at = Some(at);
            self.refused(at, alone, Refusal::NotTaken);
        }
    }

    /// Was not taken before and ends this connection too: once is enough, until it is tried again.
    fn take_back(&mut self) {
        for (first, last) in std::mem::take(&mut self.retried).iter() {
            self.not_taken.insert(first, last);
        }
        for (first, last) in self.with_broker.iter() {
            self.not_taken.remove(first, last);
        }
    }
}
