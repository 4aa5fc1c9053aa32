//! The sentences of a recording, read without any code of the agent, so that both can be compared.

/// The text between `$` and `*` of every sentence whose checksum is right, wherever it begins.
pub fn sentences(recording: &[u8]) -> impl Iterator<Item = &str> {
    recording.split(|&byte| byte == b'$').filter_map(|piece| {
        let star = piece.iter().position(|&byte| byte == b'*')?;
        let body = piece.get(..star)?;
        let digits = std::str::from_utf8(piece.get(star + 1..star + 3)?).ok()?;
        let sum = body.iter().fold(0, |sum, byte| sum ^ byte);
        (u8::from_str_radix(digits, 16) == Ok(sum)).then_some(std::str::from_utf8(body).ok()?)
    })
}

/// Milliseconds since midnight UTC of `hhmmss` or `hhmmss.sss`.
#[must_use]
pub fn time_of_day_ms(field: &str) -> Option<i64> {
    let hours: i64 = field.get(0..2)?.parse().ok()?;
    let minutes: i64 = field.get(2..4)?.parse().ok()?;
    let seconds: f64 = field.get(4..)?.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "below 61,000")]
    let millis = (seconds * 1_000.0).round() as i64;
    Some((hours * 60 + minutes) * 60_000 + millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_found_wherever_it_begins_if_its_checksum_is_right() {
        let recording = b"noise$GPRMC,1*4C$GPZDA*48\r\n$GPZDA*49$GPZDA*4\xb5V$GPZDA*48";
        assert_eq!(sentences(recording).collect::<Vec<_>>(), ["GPZDA", "GPZDA"]);
    }

    #[test]
    fn a_time_of_day_may_have_a_fraction() {
        assert_eq!([time_of_day_ms("000001"), time_of_day_ms("235959.250")], [Some(1_000), Some(86_399_250)]);
        assert_eq!([time_of_day_ms(""), time_of_day_ms("12"), time_of_day_ms("1x0000")], [None; 3]);
    }
}
