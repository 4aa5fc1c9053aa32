//! What does a recording itself say about its epochs? Read here without any code of the agent.

use hil_tests::sentences::{sentences, time_of_day_ms};
use std::collections::BTreeMap;
use std::ops::Range;

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

/// The same recording, whose positions within these times of day are said to be dead-reckoned: mode E, quality 6, good checksums.
pub(super) fn dead_reckoned(recording: &[u8], times: &Range<TimeOfDay>) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, piece) in recording.split(|&byte| byte == b'$').enumerate() {
        if index > 0 {
            out.push(b'$');
        }
        match rewritten(piece, times) {
            Some((sentence, rest)) => out.extend([sentence.as_bytes(), rest].concat()),
            None => out.extend(piece),
        }
    }
    out
}

/// The sentence at the beginning of `piece` with its new letters, and what comes behind it; `None` where there is nothing to rewrite.
fn rewritten<'a>(piece: &'a [u8], times: &Range<TimeOfDay>) -> Option<(String, &'a [u8])> {
    let sentence = [b"$", piece].concat();
    let mut fields: Vec<&str> = sentences(&sentence).next()?.split(',').collect();
    let (time, mode, letter) = match fields[0].get(2..)? {
        "RMC" => (1, 12, "E"),
        "GLL" => (5, 7, "E"),
        "GGA" => (1, 6, "6"),
        _ => return None,
    };
    times.contains(&time_of_day_ms(fields.get(time)?)?).then_some(())?;
    *fields.get_mut(mode).filter(|said| !["", "N", "0"].contains(said))? = letter;
    let body = fields.join(",");
    let sum = body.bytes().fold(0, |sum, byte| sum ^ byte);
    let star = piece.iter().position(|&byte| byte == b'*')?;
    Some((format!("{body}*{sum:02X}"), piece.get(star + 3..)?))
}

#[test]
fn what_is_rewritten_says_dead_reckoning_and_what_is_not_stays_as_it_is() {
    let recording = b"x$GPGLL,4807.0,N,01131.0,E,000001.00,A,A*61\r\n$GPGLL,4807.0,N,01131.0,E,000002.00,A,A*62\r\n";
    let expected = b"x$GPGLL,4807.0,N,01131.0,E,000001.00,A,E*65\r\n$GPGLL,4807.0,N,01131.0,E,000002.00,A,A*62\r\n";
    assert_eq!(dead_reckoned(recording, &(1_000..2_000)), expected);
}
