//! What the month may cost: what went over the wire is counted, and what is given up is told to the engine.

use super::Daemon;
use crate::budget::{Budget, Class, GivenUp};
use crate::config::Mqtt;
use crate::io::mqtt::wire::Traffic;
use crate::io::spent::Ledger;
use crate::time::Mono;
use geofence::Span;
use std::path::Path;

/// What messages are for; the rest of the wire is the link's own.
const MESSAGES: [Class; 6] =
    [Class::Visits, Class::Events, Class::Health, Class::Positions, Class::State, Class::Resends];

/// So often it is judged while nothing is spent: a month is long, and dates cost more than counters.
const JUDGE_EVERY: Span = Span::seconds(60);

/// What of this run's traffic the budget knows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    messages: [u64; MESSAGES.len()],
    link: u64,
}

impl Counted {
    /// Takes over what came since.
    fn take(&mut self, traffic: &Traffic, budget: &mut Budget) {
        let mut sum = 0;
        for (counted, class) in self.messages.iter_mut().zip(MESSAGES) {
            let now = traffic.of(class);
            budget.spend(class, now.saturating_sub(*counted));
            *counted = now;
            sum += now;
        }
        // Messages count when they are handed over, and the wire a moment later: until then the link's own part is too small.
        let link = traffic.on_the_wire().saturating_sub(sum).max(self.link);
        budget.spend(Class::Link, link - self.link);
        self.link = link;
    }
}

/// The budget of this broker, and how much of it is used up.
pub(super) fn open(mqtt: &Mqtt, state_dir: &Path) -> Budgeted {
    let mut budget = Budget::new(mqtt.monthly_bytes, mqtt.keep_alive_s);
    let ledger = Ledger::open(state_dir, &mut budget);
    Budgeted { budget, ledger, counted: Counted::default(), judged: None }
}

/// The budget, its file, and what it knows of.
#[derive(Debug)]
pub(super) struct Budgeted {
    pub(super) budget: Budget,
    ledger: Ledger,
    counted: Counted,
    /// When it was judged last, and what was spent by then.
    judged: Option<(Mono, u64)>,
}

impl Daemon {
    /// Counts, judges and keeps. What is given up now.
    pub(super) fn tend_budget(&mut self, at: Mono) -> Option<GivenUp> {
        let Budgeted { budget, ledger, counted, judged } = self.budget.as_mut()?;
        counted.take(&self.traffic, budget);
        if judged.is_some_and(|(then, spent)| spent == budget.spent() && at - then < JUDGE_EVERY) {
            return budget.given_up();
        }
        *judged = Some((at, budget.spent()));
        let now = self.time.borrow().at(at, self.clock.system_utc());
        if budget.at(now) {
            let (spent, given_up) = (budget.spent(), budget.given_up());
            tracing::warn!(spent, ?given_up, "what is not sent, so that the month's bytes last, has changed");
            self.engine.spare(at, given_up);
        }
        ledger.tend(at, budget);
        budget.given_up()
    }

    /// The interval of this connection: what the network lets it be, or the broker wants, and not what is configured.
    pub(super) fn proven_every(&mut self, interval_s: u16) {
        let Some(budgeted) = &mut self.budget else { return };
        budgeted.judged = None;
        if let Some(told) = budgeted.budget.proven_every(interval_s) {
            tracing::warn!("{told}: the network or the broker wants them so often; raise monthly_mb");
        }
    }

    /// The daemon stops: what it still sends is not counted.
    pub(super) fn close_budget(&mut self) {
        let at = self.clock.now();
        if let Some(Budgeted { budget, ledger, counted, .. }) = &mut self.budget {
            counted.take(&self.traffic, budget);
            ledger.close(at, budget);
        }
    }
}
