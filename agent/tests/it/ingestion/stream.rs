//! The stream itself: cut, glued, mixed with other protocols (R7), and lies that the checksum does not see (R8).

use super::wire::{Wire, gga, line, receive, rmc, seconds, ubx};
use gatestamp::gnss::{Checksums, Rejected};

fn drive(seconds: std::ops::Range<u32>) -> String {
    seconds.map(|second| rmc(second) + &gga(second)).collect()
}

#[test]
fn r07_resynchronises_anywhere() {
    let stream = drive(0..6);
    for cut in 0..rmc(0).len() + gga(0).len() {
        let wire = receive(&stream.as_bytes()[cut..]);
        let first_whole = i64::from(cut > 0);
        let times = seconds(&wire.fixes());
        assert!(times.ends_with(&[1, 2, 3, 4, 5]) && times[0] <= first_whole, "cut at {cut}: {times:?}");
    }
}

#[test]
fn r07_any_split_into_reads_gives_the_same() {
    let stream = [drive(0..8).into_bytes(), ubx(0x27, 0x09, &[2, 5, 0, 0]), drive(8..12).into_bytes()].concat();
    let whole = receive(&stream);
    for size in 1..80 {
        let mut wire = Wire::new();
        for chunk in stream.chunks(size) {
            wire.at(0, chunk);
        }
        wire.end();
        assert_eq!(wire.outcomes, whole.outcomes, "reads of {size} bytes");
        assert_eq!(wire.counts(), whole.counts(), "reads of {size} bytes");
    }
}

#[test]
fn r07_noise_between_and_inside_sentences_costs_only_what_it_hits() {
    let zeros = vec![0; 500];
    let rtcm = [0xd3, 0x00, 0x13, 0x3e, 0xd0, b'$', 0x02, b'*', b'4'];
    let casic = [0xba, 0xce, 0x48, 0x00, 0x01, 0x03, b'$', b'$'];
    for noise in
        [&zeros[..], &rtcm, &casic, b"$", b"$$", b"!", b"45,N*", b"AT+CGMI\r\n", &ubx(0x01, 0x35, &[0xb5; 200])]
    {
        let stream = [drive(0..5).as_bytes(), noise, drive(5..10).as_bytes()].concat();
        assert_eq!(seconds(&receive(&stream).fixes()), (0..10).collect::<Vec<_>>(), "{noise:x?}");
    }
}

#[test]
fn r07_glued_sentences_without_line_ends_are_whole() {
    let stream = drive(0..10).replace("\r\n", "");
    assert_eq!(receive(stream).fixes().len(), 10);
}

#[test]
fn r07_a_long_sentence_is_read_and_an_endless_one_given_up() {
    let long = line(
        "GNGSV,4,4,13,84,05,163,,85,09,211,,03,10,100,40,04,11,101,41,05,12,102,42,06,13,103,43,07,14,104,44,08,15,105",
    );
    assert!(long.len() > 110);
    let wire = receive(long + &drive(0..2));
    assert_eq!((wire.counts().sentences, wire.fixes().len()), (5, 2));
    let wire = receive(format!("${}{}", "A".repeat(100_000), drive(0..2)));
    assert_eq!((wire.refused(Rejected::TooLong), wire.fixes().len()), (1, 2));
}

#[test]
fn r07_lowercase_checksums_count_and_wrong_ones_do_not() {
    let talkers = ["GP", "GN", "GL", "GA", "GB", "BD"].into_iter().enumerate();
    let stream: String = talkers
        .map(|(second, talker)| {
            let sentence = rmc(u32::try_from(second).unwrap());
            line(sentence.replace("$GP", talker).split('*').next().unwrap())
        })
        .collect();
    let lower = stream.lines().map(|l| {
        let (body, sum) = l.split_once('*').unwrap();
        format!("{body}*{}\r\n", sum.to_lowercase())
    });
    let lower: String = lower.collect();
    assert!(lower != stream, "none of the sums has a letter");
    assert_eq!(receive(lower).fixes().len(), 6);
    let wrong: String = drive(0..3).lines().map(|l| format!("{}*00\r\n", l.split_once('*').unwrap().0)).collect();
    let wire = receive(wrong);
    assert!(wire.fixes().is_empty() && wire.refused(Rejected::BadChecksum) >= 5);
}

#[test]
fn r07_no_checksum_is_believed_only_of_a_receiver_that_never_sends_one() {
    let bare = |seconds| {
        let lines = drive(seconds);
        lines.lines().map(|l| format!("{}\r\n", l.split_once('*').unwrap().0)).collect::<String>()
    };
    assert_eq!(receive(bare(0..50)).fixes().len(), 0, "a hundred lines prove nothing yet");
    assert_eq!(receive(bare(0..60)).fixes().len(), 10);
    assert_eq!(receive(rmc(0) + &bare(1..60)).fixes().len(), 1, "this one knows checksums");
}

fn bare(seconds: std::ops::Range<u32>) -> String {
    let lines: String = seconds.map(rmc).collect();
    lines.lines().map(|l| format!("{}\r\n", l.split_once('*').unwrap().0)).collect()
}

#[test]
fn r01_a_receiver_that_sends_no_checksums_is_known_again_after_three_lines() {
    let mut wire = Wire::new();
    wire.at(0, bare(0..120)).end();
    assert_eq!(wire.fixes().len(), 20);
    wire.reopened().at(0, "3,N,0113\r\n".to_owned() + &bare(130..150)).end();
    assert_eq!(wire.fixes().len(), 20 + 17, "the port was opened again");
    wire.restart().at(0, bare(160..180)).end();
    assert_eq!(wire.fixes().len(), 37 + 17, "the agent was started again");
    let noise = bare(190..192) + "$GP\0\r\n" + &bare(192..200);
    wire.reopened().at(0, noise).end();
    assert_eq!(wire.fixes().len(), 54 + 5, "three in a row");
}

#[test]
fn r01_a_flipped_bit_silences_no_receiver_without_checksums_and_a_good_checksum_does() {
    let mut wire = Wire::new();
    // An asterisk instead of a decimal point.
    let flipped = bare(120..121).replacen('.', "*", 1);
    wire.at(0, bare(0..120) + &flipped + &bare(121..140)).end();
    assert_eq!((wire.fixes().len(), wire.refused(Rejected::BadChecksum)), (20 + 19, 1));
    wire.at(0, rmc(140) + &bare(141..160)).end();
    assert_eq!(wire.fixes().len(), 40);
    wire.reopened().at(0, bare(170..190)).end();
    assert_eq!(wire.fixes().len(), 40, "it is another one, or was never without");
}

#[test]
fn r01_no_checksum_is_ever_believed_where_they_are_required() {
    let mut wire = Wire::new();
    wire.at(0, bare(0..120)).end();
    wire.checksums(Checksums::Required).at(0, bare(120..400)).end();
    assert_eq!(wire.fixes().len(), 20);
    wire.restart().at(0, bare(400..600)).end();
    assert_eq!(wire.fixes().len(), 20);
    wire.at(0, rmc(600)).end();
    assert_eq!(wire.fixes().len(), 21);
}

#[test]
fn r01_a_state_of_before_knows_its_receiver_at_once() {
    // As an earlier release stores it: a hundred and one lines, and no word of what that proves.
    let mut wire = Wire::stored(r#"{"state":"Ground","held":[],"sum":0,"unchecked":101,"checks":false}"#);
    wire.at(0, bare(0..10)).end();
    assert_eq!(wire.fixes().len(), 10);
}

#[test]
fn r08_two_sentences_run_into_one_with_a_good_checksum_are_none() {
    // The beginning of an RMC and the end of a GGA, and one field too many or too few.
    for body in [
        "GPRMC,120000.00,A,4807.0000,N,0113,4807.0000,N,01131.0000,E,1,08,0.9,500.0,M,47.0,M,,",
        "GPRMC,120000.00,A,4807.0000,N,01131.0000,E,10.0,0.0,221126",
        "GPGGA,120000.00,4807.0000,N,01131.0000,E,1,08,0.9,500.0,M,47.0,M,,,,",
        "GPGLL,4807.0000,N,01131.0000,E,120000.00,A,A,4807.0000",
        "GPZDA,120000.00,22,11,2026,00,00,00",
        "GNGNS,120000.00,4807.0000,N,01131.0000,E,AA,08,0.9,500.0,47.0,,,V,1",
        "GPGST,120000.00,1.0,,,,1.0,1.0,1.0,9",
        "GPVTG,0.0,T,,M,10.0,N",
    ] {
        let wire = receive(line(body));
        assert_eq!((wire.fixes().len(), wire.refused(Rejected::Malformed)), (0, 1), "{body}");
    }
}

#[test]
fn r08_sentences_of_one_time_that_disagree_about_the_place_are_dropped() {
    let elsewhere = line("GPGGA,000001.00,4807.1000,N,01131.0000,E,1,08,0.9,500.0,M,47.0,M,,");
    let wire = receive(rmc(0) + &gga(0) + &rmc(1) + &elsewhere + &rmc(2) + &gga(2));
    assert_eq!(seconds(&wire.fixes()), [0, 2]);
    assert_eq!(wire.refused(Rejected::ConflictingPosition), 1);
}
