//! Any bytes, in reads of any size: the same outcomes as in one read, and a state that stays small. The first byte is the size.
#![no_main]

use gatestamp::gnss::{DateFloor, Outcome, Reception};
use gatestamp::time::Mono;
use libfuzzer_sys::fuzz_target;

/// The reception's state as it is stored, bytes: a sentence, a frame, three fixes and an epoch.
const STATE_BYTES_MAX: usize = 6_000;

fuzz_target!(|data: &[u8]| {
    let Some((&size, stream)) = data.split_first() else { return };
    let (whole, at_once) = receive([stream].into_iter());
    let (split, in_reads) = receive(stream.chunks(usize::from(size).max(1)));
    assert_eq!(at_once, in_reads);
    assert_eq!(whole, split);
    assert!(serde_json::to_vec(&split).expect("the state is plain data").len() <= STATE_BYTES_MAX);
});

fn receive<'a>(reads: impl Iterator<Item = &'a [u8]>) -> (Reception, Vec<Outcome>) {
    let (mut reception, mut outcomes) = (Reception::new(DateFloor(None)), Vec::new());
    for read in reads {
        reception.feed(Mono(0), read, |outcome| outcomes.push(outcome));
    }
    (reception, outcomes)
}
