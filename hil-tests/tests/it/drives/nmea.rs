//! What does a recording itself say about its epochs? Read here without any code of the agent.

use std::collections::BTreeMap;

/// Milliseconds since midnight UTC.
pub(super) type TimeOfDay = i64;

/// For every time of day with an RMC that passes its checksum: whether all of them were void.
pub(super) fn void_epochs(recording: &[u8]) -> BTreeMap<TimeOfDay, bool> {
    let mut epochs = BTreeMap::new();
    for sentence in sentences(recording) {
        let fields: Vec<&str> = sentence.split(',').collect();
        let is_rmc = fields[0].len() == 5 && fields[0].ends_with("RMC");
        if let (true, Some(time), Some(&status)) = (is_rmc, fields.get(1).and_then(|t| time_of_day(t)), fields.get(2)) {
            let void = epochs.entry(time).or_insert(true);
            *void &= status == "V";
        }
    }
    epochs
}

/// `hhmmss` or `hhmmss.sss`.
fn time_of_day(field: &str) -> Option<TimeOfDay> {
    let hours: i64 = field.get(0..2)?.parse().ok()?;
    let minutes: i64 = field.get(2..4)?.parse().ok()?;
    let seconds: f64 = field.get(4..)?.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "below 61,000")]
    let millis = (seconds * 1_000.0).round() as i64;
    Some((hours * 60 + minutes) * 60_000 + millis)
}

/// The text between `$` and `*` of every sentence whose checksum is right, wherever it begins.
fn sentences(recording: &[u8]) -> impl Iterator<Item = &str> {
    recording.split(|&byte| byte == b'$').filter_map(|piece| {
        let star = piece.iter().position(|&byte| byte == b'*')?;
        let body = piece.get(..star)?;
        let digits = std::str::from_utf8(piece.get(star + 1..star + 3)?).ok()?;
        let sum = body.iter().fold(0, |sum, byte| sum ^ byte);
        (u8::from_str_radix(digits, 16) == Ok(sum)).then_some(std::str::from_utf8(body).ok()?)
    })
}

#[test]
fn an_epoch_is_void_only_if_every_sentence_says_so() {
    let recording =
        b"noise$GPRMC,000001.000,V,,,,,,,,,,N*4C\r\n$GPRMC,000002,A,,,,,,,,,,N*46$GPRMC,000003,A,,,,,,,,,,N*00";
    let epochs: Vec<(TimeOfDay, bool)> = void_epochs(recording).into_iter().collect();
    assert_eq!(epochs, [(1_000, true), (2_000, false)]);
}
