//! What a start has to know of delivery, so that it goes on as a new connection does.
//!
//! It is stored with the engine's state, and may be older than what was delivered since: the rest is sent once more. It is never ahead of it.

use super::{NOT_SENT_MAX, Outbox, Standing};
use crate::ranges::Ranges;
use geofence::UnixMillis;
use serde::{Deserialize, Serialize};

/// Runs of what the broker took that are stored; what is beyond is sent again. They end where a fresh event overtook: 1.4 kB of text.
const STORED_MAX: usize = 64;

/// How delivery stands. What a release before this one stored has none of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Delivery {
    /// The broker's word had to do. Where it had not, what the broker took then is not received by that.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub brokers_word: bool,
    /// Taken by the broker, and not acknowledged by dispatch.
    #[serde(skip_serializing_if = "Ranges::is_empty")]
    pub with_broker: Ranges,
    /// Not taken by it.
    #[serde(skip_serializing_if = "Ranges::is_empty")]
    pub not_taken: Ranges,
    /// Since when there is any that it does not take, by the receiver's time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_taken_since: Option<UnixMillis>,
}

impl Outbox {
    /// How delivery stands, for the next start.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        let mut with_broker = self.with_broker.clone();
        with_broker.keep_lowest(STORED_MAX);
        // What is tried again at the moment has no answer yet, unless the broker has taken it.
        let mut not_taken: Ranges = self.not_taken.iter().chain(self.retried.iter()).collect();
        self.with_broker.iter().for_each(|(first, last)| not_taken.remove(first, last));
        not_taken.keep_lowest(NOT_SENT_MAX);
        Delivery { brokers_word: !self.dispatch_acks, with_broker, not_taken, not_taken_since: self.standing.date() }
    }

    /// How many events the broker or dispatch has, as far as is known.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.thru.saturating_add(self.with_broker.count())
    }

    /// Nothing is on the way: what there was to send has its answer, or there is no connection.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.on_the_way.is_empty()
    }

    /// Goes on from how delivery stood. What it says of events that dispatch has by now, that are named as lost, or that are not there
    /// says nothing.
    #[must_use]
    pub fn resumed(mut self, delivery: &Delivery) -> Self {
        let owed = |ranges: &Ranges, max| {
            let mut owed = ranges.clone();
            owed.forget_thru(self.thru);
            owed.remove(self.highest.saturating_add(1), u64::MAX);
            owed.keep_lowest(max);
            owed
        };
        let mut with_broker = owed(&delivery.with_broker, STORED_MAX);
        if delivery.brokers_word == self.dispatch_acks {
            with_broker = Ranges::default();
        }
        for (first, last) in self.lost.iter() {
            with_broker.remove(first, last);
        }
        let mut not_taken = owed(&delivery.not_taken, NOT_SENT_MAX);
        for (first, last) in self.lost.iter().chain(with_broker.iter()) {
            not_taken.remove(first, last);
        }
        if !not_taken.is_empty() {
            self.standing = Standing::since(delivery.not_taken_since);
        }
        (self.with_broker, self.not_taken) = (with_broker, not_taken);
        self.move_by_the_brokers_word();
        self
    }
}
