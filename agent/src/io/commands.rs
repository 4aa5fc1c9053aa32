//! What comes down from dispatch: judged by the gate, committed, then told to the engine and answered.

use super::journal::{Journal, JournalError};
use crate::besttime::BestTime;
use crate::downlink::{Applied, Gate, Keys, Order, Reply, Verdict};
use crate::engine::Link;
use crate::time::Mono;

/// The gate and what it stands on.
pub(super) struct Commands {
    gate: Gate,
    /// The keys of the configuration.
    pinned: Keys,
    refused: u64,
}

/// What follows from a message.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// To be told to the engine.
    pub(super) link: Option<Link>,
    /// To be published on `reply`.
    pub(super) reply: Option<Vec<u8>>,
}

impl Commands {
    /// For this device, with the keys that the journal or else the configuration names.
    pub(super) fn open(device: String, pinned: Keys, journal: &Journal) -> Result<Self, JournalError> {
        let gate = Gate::new(device, journal.trusted(&pinned)?, journal.commanded()?);
        Ok(Self { gate, pinned, refused: 0 })
    }

    /// Messages that changed nothing, whatever the reason.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Takes a message of `down/command`.
    pub(super) fn take(&mut self, bytes: &[u8], now: Mono, time: BestTime, journal: &mut Journal) -> Outcome {
        match self.gate.judge(bytes, now, time) {
            Verdict::Perform(order, applied) => self.perform(&order, applied, journal),
            Verdict::Answer(reply) => {
                self.count(&reply);
                tracing::info!(id = reply.id, result = reply.result, why = reply.why, "a command that changes nothing");
                Outcome { link: None, reply: Some(reply.body()) }
            }
            Verdict::Silent(reply) => {
                self.count(&reply);
                Outcome::default()
            }
            Verdict::Forged(forged) => {
                self.refused += 1;
                if self.refused == 1 {
                    tracing::warn!(
                        why = forged.name(),
                        "a command that is not dispatch's; more of them are only counted, in health"
                    );
                }
                Outcome::default()
            }
        }
    }

    /// One that was done before, and comes again, is not refused.
    fn count(&mut self, reply: &Reply) {
        self.refused += u64::from(reply.result != "done");
    }

    fn perform(&mut self, order: &Order, applied: Applied, journal: &mut Journal) -> Outcome {
        let reply = Reply::done(&applied.id);
        let committed = journal.command(order, &applied, &self.pinned).and_then(|()| journal.lowest());
        let lowest = match committed {
            Ok(lowest) => lowest,
            Err(error) => {
                // No answer: its sender repeats it, and it is performed then.
                tracing::error!(%error, id = applied.id, "a command cannot be kept, and is not performed");
                return Outcome::default();
            }
        };
        tracing::info!(id = applied.id, ?order, "a command of dispatch");
        self.gate.performed(order, applied);
        let link = match order {
            Order::ReplayFrom(sequence) => Some(Link::Replay { sequence: *sequence, lowest }),
            Order::Keys(_) => None,
        };
        Outcome { link, reply: Some(reply.body()) }
    }
}
