//! What does a recording itself say about its epochs? Read here without any code of the agent.

use hil_tests::sentences::{sentences, time_of_day_ms};
use std::collections::BTreeMap;

/// Milliseconds since midnight UTC.
pub(super) type TimeOfDay = i64;

/// For every time of day with an RMC that passes its checksum: whether all of them were void.
pub(super) fn void_epochs(recording: &[u8]) -> BTreeMap<TimeOfDay, bool> {
    let mut epochs = BTreeMap::new();
    for sentence in sentences(recording) {
        let fields: Vec<&str> = sentence.split(',').collect();
        let is_rmc = fields[0].len() == 5 && fields[0].ends_with("RMC");
        if let (true, Some(time), Some(&status)) =
            (is_rmc, fields.get(1).and_then(|t| time_of_day_ms(t)), fields.get(2))
        {
            let void = epochs.entry(time).or_insert(true);
            *void &= status == "V";
        }
    }
    epochs
}

#[test]
fn an_epoch_is_void_only_if_every_sentence_says_so() {
    let recording =
        b"noise$GPRMC,000001.000,V,,,,,,,,,,N*4C\r\n$GPRMC,000002,A,,,,,,,,,,N*46$GPRMC,000003,A,,,,,,,,,,N*00";
    let epochs: Vec<(TimeOfDay, bool)> = void_epochs(recording).into_iter().collect();
    assert_eq!(epochs, [(1_000, true), (2_000, false)]);
}
