//! Brokers that end the connection at an event, and links that end it at any.

use super::*;

const HOUR_S: u64 = 3_600;

/// A broker behind a link: what it was sent is answered after the round trip, in order.
struct World {
    outbox: Outbox,
    /// Ends the connection at these.
    ends_at: BTreeSet<u64>,
    ending: Ending,
    round_trip_s: u64,
    now_s: u64,
    up: bool,
    /// Sent when, and what.
    unread: VecDeque<(u64, u64)>,
    taken: BTreeSet<u64>,
    ends: u64,
}

impl World {
    fn of(highest: u64, ends_at: &[u64], ending: Ending) -> Self {
        let (ends_at, outbox) = (ends_at.iter().copied().collect(), Outbox::new(true, 0, 1, highest));
        let (unread, taken) = (VecDeque::new(), BTreeSet::new());
        Self { outbox, ends_at, ending, round_trip_s: 1, now_s: 0, up: false, unread, taken, ends: 0 }
    }

    fn end(&mut self, ending: Ending) {
        self.outbox.link_down(seconds(self.now_s), ending);
        (self.up, self.ends) = (false, self.ends + 1);
        self.unread.clear();
    }

    /// A second passes; without a connection one is made.
    fn pass(&mut self) {
        self.now_s += 1;
        let at = seconds(self.now_s);
        if !self.up {
            self.outbox.link_up(at, 20);
            self.up = true;
        }
        while let Some((_, sequence)) = self.unread.pop_front_if(|(then, _)| self.now_s >= *then + self.round_trip_s) {
            if self.ends_at.contains(&sequence) {
                return self.end(self.ending);
            }
            self.outbox.delivered(sequence);
            self.taken.insert(sequence);
        }
        while self.taken.contains(&(self.outbox.thru() + 1)) {
            self.outbox.received(at, self.outbox.thru() + 1, &[]);
        }
        while let Some(range) = self.outbox.poll(at) {
            range.for_each(|sequence| self.unread.push_back((self.now_s, sequence)));
        }
    }

    fn pass_for(&mut self, span_s: u64) {
        (0..span_s).for_each(|_| self.pass());
    }

    fn not_taken(&self) -> Vec<u64> {
        self.outbox.not_taken.iter().flat_map(|(first, last)| first..=last).collect()
    }
}

#[test]
fn broker_lies_about_maximum() {
    let mut world = World::of(200, &[5, 6, 150], Ending::Closed);
    world.pass_for(60);
    assert_eq!(world.taken.len(), 197, "the others go within a minute");
    assert!(world.not_taken().is_empty() && world.outbox.complete_thru() == 4, "no hole that dispatch would ask for");
    let mut convicted = Vec::new();
    for minute in 0..20 {
        world.outbox.journaled(seconds(world.now_s), 201 + minute, true);
        world.pass_for(60);
        convicted.extend(world.outbox.convicted());
    }
    convicted.sort_unstable();
    assert_eq!((world.not_taken(), convicted), (vec![5, 6, 150], vec![5, 6, 150]));
    assert_eq!((world.taken.len(), world.ends), (217, 3 * (2 + 3)));
    // They are tried again with a connection, once an hour at most, and end one.
    world.end(Ending::Lost);
    world.pass_for(HOUR_S);
    let ends = world.ends;
    world.end(Ending::Lost);
    world.pass_for(HOUR_S);
    assert_eq!((world.not_taken(), world.ends - ends), (vec![5, 6, 150], 2));
    // Somebody has raised the limit.
    world.ends_at.clear();
    world.end(Ending::Lost);
    world.pass_for(120);
    assert_eq!((world.outbox.owed(), world.outbox.quarantined()), (0, None));
}

#[test]
fn a_broker_that_says_what_is_too_long_is_believed_sooner() {
    let mut world = World::of(200, &[7], Ending::TooLong);
    world.pass_for(60);
    assert_eq!((world.taken.len(), world.ends), (199, 1));
    world.outbox.journaled(seconds(world.now_s), 201, true);
    world.pass_for(60);
    assert_eq!((world.not_taken(), world.ends, world.taken.len()), (vec![7], 2, 200));
}

#[test]
fn a_link_that_is_cut_at_any_time_for_weeks_quarantines_nothing() {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    // A connection holds for so long on average; at 2 s of a round trip the first of them answers few events.
    let mut set_aside = 0;
    for life_s in [2, 10, 60, 120, 600] {
        let mut world = World::of(0, &[], Ending::Closed);
        world.round_trip_s = 2;
        let mut highest = 0;
        for second in 0..14 * 24 * HOUR_S {
            // There is always another event beside the one that goes alone, and sometimes a backlog.
            if second % 20 == 0 {
                highest += 1;
                world.outbox.journaled(seconds(world.now_s), highest, highest % 3 == 0);
            }
            world.pass();
            let before = world.outbox.suspicion.first_aside();
            if world.up && next(life_s) == 0 {
                world.end(Ending::Closed);
            }
            set_aside += u64::from(before.is_none() && world.outbox.suspicion.first_aside().is_some());
            assert!(world.outbox.quarantined().is_none(), "{life_s}: {:?}", world.outbox.quarantined());
        }
        assert!(world.outbox.owed() <= 40, "{} of {highest} are owed at {life_s} s", world.outbox.owed());
    }
    assert!(set_aside > 100, "{set_aside}: nothing was put to the test");
}

#[test]
fn a_broker_that_ends_the_connection_at_each_event_quarantines_none_and_gets_them_all_once_it_is_mended() {
    let all: Vec<u64> = (1..=2_000).collect();
    for ending in [Ending::Closed, Ending::TooLong] {
        let mut world = World::of(300, &all, ending);
        for n in 0..3_000 {
            if n < 100 {
                world.outbox.journaled(seconds(world.now_s), 301 + n, true);
            }
            world.pass();
        }
        assert!(world.taken.is_empty() && world.outbox.quarantined().is_none());
        assert_eq!(world.outbox.complete_thru(), 0);
        world.ends_at.clear();
        world.pass_for(180);
        assert_eq!(world.outbox.owed(), 0, "{ending:?}");
    }
}

#[test]
fn an_event_that_is_the_only_one_owed_is_tried_ever_more_rarely_and_judged_beside_others_alone() {
    let mut world = World::of(1, &[1], Ending::TooLong);
    world.pass_for(24 * HOUR_S);
    assert!((20..40).contains(&world.ends) && world.outbox.quarantined().is_none(), "{} times", world.ends);
    world.ends_at.clear();
    world.pass_for(2 * HOUR_S);
    assert_eq!(world.outbox.owed(), 0);
}

#[test]
fn what_the_network_ends_says_nothing_of_an_event() {
    let mut world = World::of(50, &[5], Ending::Lost);
    world.pass_for(3 * HOUR_S);
    assert_eq!((world.taken.len(), world.outbox.quarantined()), (4, None));
}

#[test]
fn what_was_set_aside_is_sent_when_all_is_sent_again_and_holds_up_nothing() {
    let mut world = World::of(50, &[5], Ending::Closed);
    world.pass_for(30);
    assert_eq!(world.taken.len(), 49);
    while world.outbox.alone_on_the_way().is_none() {
        world.pass();
    }
    world.outbox.replay_from(seconds(world.now_s), 1, 1);
    world.ends_at.clear();
    world.pass_for(120);
    assert_eq!(world.outbox.owed(), 0);
}
