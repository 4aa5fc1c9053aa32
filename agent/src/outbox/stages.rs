//! How far what is owed has come.

use super::Outbox;
use crate::ranges::Ranges;

/// Events that have come equally far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stage {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub oldest: Option<u64>,
}

impl Stage {
    fn of(ranges: &Ranges) -> Self {
        Self { count: ranges.count(), oldest: ranges.span().map(|(first, _)| first) }
    }
}

/// What dispatch is not known to have, by how far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stages {
    /// In the journal, or on its way there, and not on its way to the broker.
    pub waiting: Stage,
    /// Sent over this connection, and not answered.
    pub sent: Stage,
    /// The broker took them.
    pub with_broker: Stage,
}

impl Outbox {
    /// What is owed, but for what can never be sent or is named as lost. Where the broker's word has to do, what it took is not owed.
    #[must_use]
    pub fn stages(&self) -> Stages {
        let mut rest: Ranges = [(self.thru + 1, self.highest)].into_iter().collect();
        for known in [&self.quarantined, &self.shelved, &self.lost] {
            known.iter().for_each(|(first, last)| rest.remove(first, last));
        }
        self.have.iter().for_each(|(first, last)| rest.remove(*first, *last));
        let (mut sent, mut with_broker) = (Ranges::default(), Ranges::default());
        for &sequence in self.on_the_way.keys().filter(|sequence| rest.contains(**sequence)) {
            sent.insert(sequence, sequence);
        }
        sent.iter().for_each(|(first, last)| rest.remove(first, last));
        let before = rest.clone();
        self.with_broker.iter().for_each(|(first, last)| rest.remove(first, last));
        before.iter().for_each(|(first, last)| with_broker.insert(first, last));
        rest.iter().for_each(|(first, last)| with_broker.remove(first, last));
        Stages { waiting: Stage::of(&rest), sent: Stage::of(&sent), with_broker: Stage::of(&with_broker) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::{Ending, Refusal};
    use crate::time::Mono;

    fn stage(count: u64, oldest: u64) -> Stage {
        Stage { count, oldest: (count > 0).then_some(oldest) }
    }

    #[test]
    fn each_event_is_counted_where_it_is() {
        let mut outbox = Outbox::new(true, 4, 1, 40);
        assert_eq!(outbox.stages(), Stages { waiting: stage(36, 5), ..Stages::default() });
        outbox.link_up(Mono(0), 10);
        assert_eq!(outbox.poll(Mono(0)), Some(5..=12));
        for sequence in [5, 6, 9] {
            outbox.delivered(sequence);
        }
        outbox.refused(Mono(0), 10, Refusal::Unsendable);
        let stages = outbox.stages();
        assert_eq!((stages.waiting, stages.sent, stages.with_broker), (stage(28, 13), stage(4, 7), stage(3, 5)));
        outbox.received(Mono(1), 5, &[(9, 9), (11, 11)]);
        let stages = outbox.stages();
        assert_eq!((stages.waiting, stages.sent, stages.with_broker), (stage(28, 13), stage(3, 7), stage(1, 6)));
        outbox.link_down(Mono(1), Ending::Lost);
        let stages = outbox.stages();
        assert_eq!((stages.waiting, stages.sent, stages.with_broker), (stage(31, 7), stage(0, 0), stage(1, 6)));
        outbox.received(Mono(2), 40, &[]);
        assert_eq!(outbox.stages(), Stages::default());
    }
}
