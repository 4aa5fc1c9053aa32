//! Receivers that grant, refuse, are silent, forget, or are not u-blox's, one second after the other.

use super::super::frame::frame as framed;
use super::*;
use proptest::prelude::*;

const SENTENCES: &[u8] = b"$GPGLL,,,,,235958,V*06\r\n";

fn frame(name: Name, payload: &[u8]) -> Vec<u8> {
    framed::<600>(name[0], name[1], payload).to_vec()
}

fn version(protocol: &str) -> Vec<u8> {
    let mut payload = vec![0; 40 + 2 * 30];
    payload[..8].copy_from_slice(b"ROM 5.10");
    payload[40..][..9].copy_from_slice(b"FWVER=SPG");
    payload[70..][..protocol.len()].copy_from_slice(protocol.as_bytes());
    frame(MON_VER, &payload)
}

fn rate_of(measure_ms: u16, keys: bool) -> Vec<u8> {
    let [low, high] = measure_ms.to_le_bytes();
    if keys {
        return frame([0x06, 0x8b], &[1, 0, 0, 0, 1, 0, 0x21, 0x30, low, high, 2, 0, 0x21, 0x30, 1, 0]);
    }
    [frame([0x06, 0x08], &[low, high, 1, 0, 1, 0]), frame([0x05, 0x01], &[0x06, 0x08])].concat()
}

fn ack(request: &[u8]) -> Vec<u8> {
    frame([0x05, 0x01], &request[2..4])
}

fn nak(request: &[u8]) -> Vec<u8> {
    frame([0x05, 0x00], &request[2..4])
}

fn is_poll(request: &[u8]) -> bool {
    [MON_VER, [0x06, 0x8b]].contains(&[request[2], request[3]]) || request[2..6] == [0x06, 0x08, 0, 0]
}

/// A receiver that says a sentence each second, NAV-PVT too while it is `on`, and `answer`s a second later.
struct Desk {
    configurator: Configurator,
    sent: Vec<(u64, Vec<u8>)>,
    setups: Vec<Setup>,
    on: bool,
    /// The lowest byte of the key with which NAV-PVT is switched on at its port.
    port: u8,
    said: Vec<u8>,
    second: u64,
}

impl Desk {
    fn new() -> Self {
        let configurator = Configurator::new(false);
        Self { configurator, sent: vec![], setups: vec![], on: false, port: 0x07, said: vec![], second: 0 }
    }

    fn run(&mut self, seconds: u64, mut answer: impl FnMut(&[u8]) -> Vec<u8>) -> &mut Self {
        for _ in 0..seconds {
            let mut bytes = std::mem::take(&mut self.said);
            if self.on {
                bytes.extend(frame([0x01, 0x07], &[0; 92]));
            }
            bytes.extend(SENTENCES);
            let told = self.configurator.heard(Mono(self.second * 1_000), &bytes, Some(9_600));
            if let Some(request) = told.request {
                let said = answer(&request);
                let nav_pvt = request[3] == 0x8a && request[10..14] == [self.port, 0, 0x91, 0x20]
                    || request[2..4] == [0x06, 0x01] && request[6..8] == [0x01, 0x07];
                self.on |= nav_pvt && said == ack(&request);
                self.said = said;
                self.sent.push((self.second, request.to_vec()));
            }
            self.setups.extend(told.setup);
            self.second += 1;
        }
        self
    }

    fn only(&self) -> &Setup {
        assert_eq!(self.setups.len(), 1, "{:?}", self.setups);
        &self.setups[0]
    }
}

fn grants(protocol: &'static str, measure_ms: u16) -> impl FnMut(&[u8]) -> Vec<u8> {
    let keys = protocol > "PROTVER=27";
    move |request| match [request[2], request[3]] {
        MON_VER => version(protocol),
        _ if is_poll(request) => rate_of(measure_ms, keys),
        _ => ack(request),
    }
}

fn all(answer: Answer) -> BTreeMap<Wish, Answer> {
    Wish::ALL.into_iter().map(|wish| (wish, answer)).collect()
}

#[test]
fn a_receiver_of_series_10_is_set_with_keys_and_one_of_series_8_with_messages() {
    let mut desk = Desk::new();
    let setup = desk.run(60, grants("PROTVER=34.10", 1_000)).only();
    assert_eq!((setup.u_blox, setup.protocol.as_deref()), (true, Some("34.10")));
    assert_eq!(setup.wishes, all(Answer::Yes));
    assert!(desk.sent[1..].iter().all(|(_, request)| [0x8a, 0x8b].contains(&request[3])));
    assert_eq!(desk.sent[0].0, 10, "nothing is sent before it was listened to");

    let mut desk = Desk::new();
    let setup = desk.run(60, grants("PROTVER=18.00", 1_000)).only();
    let mut expected = all(Answer::Yes);
    expected.insert(Wish::SecSig, Answer::NotOffered);
    assert_eq!(setup.wishes, expected);
    assert!(desk.sent.iter().all(|(_, request)| ![0x8a, 0x8b].contains(&request[3])));
}

#[test]
fn a_receiver_without_a_protocol_version_is_spoken_to_in_messages() {
    assert_eq!(protocol(&[0; 40]), None);
    assert_eq!(protocol(&version("PROTVER 14.00")[6..106]), Some((14, 0)));
    assert_eq!(protocol(&version("PROTVER=xx.yy")[6..106]), None);
    let mut desk = Desk::new();
    let setup = desk.run(60, grants("no version here", 1_000)).only();
    assert_eq!((&setup.protocol, setup.wishes.get(&Wish::NavPvt)), (&None, Some(&Answer::Yes)));
}

#[test]
fn a_receiver_of_anybody_else_gets_one_poll_and_nothing_else() {
    let mut desk = Desk::new();
    desk.run(3_600, |_| vec![]);
    assert_eq!(desk.sent.len(), 1);
    assert_eq!(desk.sent[0].1, [0xb5, 0x62, 0x0a, 0x04, 0, 0, 0x0e, 0x34]);
    assert_eq!(*desk.only(), Setup { u_blox: false, protocol: None, wishes: BTreeMap::new() });
}

#[test]
fn one_that_has_shown_what_it_is_is_polled_three_times() {
    for shown in [frame([0x01, 0x07], &[0; 92]), b"$GNTXT,01,01,02,u-blox AG - www.u-blox.com*4E\r\n".to_vec()] {
        let mut desk = Desk::new();
        desk.said = shown;
        desk.run(200, |_| vec![]);
        assert_eq!(desk.sent.iter().map(|(second, _)| *second).collect::<Vec<_>>(), [10, 12, 14]);
        assert!(!desk.only().u_blox);
    }
}

#[test]
fn what_is_refused_is_noted_and_what_is_not_answered_is_asked_three_times() {
    let mut desk = Desk::new();
    let mut refusing = grants("PROTVER=18.00", 5_000);
    let setup = desk.run(120, |request| if is_poll(request) { refusing(request) } else { nak(request) }).only();
    let mut expected = all(Answer::Refused);
    expected.insert(Wish::SecSig, Answer::NotOffered);
    assert_eq!(setup.wishes, expected);
    assert_eq!(desk.sent.len(), 2 + 6);

    let mut desk = Desk::new();
    let mut silent = grants("PROTVER=34.00", 5_000);
    let setup = desk.run(120, |request| if is_poll(request) { silent(request) } else { vec![] }).only();
    assert_eq!(setup.wishes, all(Answer::NoAnswer));
    assert_eq!(desk.sent.len(), 2 + 3 * 7);
}

#[test]
fn a_receiver_slower_than_a_second_is_made_faster_and_a_faster_one_is_left_alone() {
    for (measure_ms, asked) in [(5_000, true), (1_000, false), (200, false)] {
        let mut desk = Desk::new();
        desk.run(90, grants("PROTVER=18.00", measure_ms));
        let set = desk.sent.iter().any(|(_, request)| request[2..6] == [0x06, 0x08, 6, 0]);
        assert_eq!(set, asked, "{measure_ms}");
        assert_eq!(desk.only().wishes.get(&Wish::Rate), Some(&Answer::Yes));
    }
}

#[test]
fn what_does_not_fit_on_the_line_is_left_out() {
    let mut configurator = Configurator::new(false);
    let mut grants = grants("PROTVER=18.00", 1_000);
    // 28 lines a second are 672 bytes; of the 960 of the line 768 may be full, and NAV-PVT has 100.
    let (mut said, mut setup) = (vec![], None);
    for second in 0..60 {
        let bytes = [std::mem::take(&mut said), SENTENCES.repeat(28)].concat();
        let told = configurator.heard(Mono(second * 1_000), &bytes, Some(9_600));
        said = told.request.map(|request| grants(&request)).unwrap_or_default();
        setup = setup.or(told.setup);
    }
    let wishes = setup.expect("a setup").wishes;
    assert_eq!([Wish::NavPvt, Wish::Antenna].map(|wish| wishes[&wish]), [Answer::NoRoom, Answer::Yes]);
}

#[test]
fn nav_pvt_that_is_granted_and_not_heard_is_looked_for_at_the_receivers_other_ports() {
    for (port, expected) in [(0x07, Answer::Yes), (0x09, Answer::Yes), (0xff, Answer::NotHeard)] {
        let mut desk = Desk::new();
        desk.port = port;
        let mut grants = grants("PROTVER=27.30", 1_000);
        let mut tried = vec![];
        desk.run(90, |request| {
            let nav_pvt = request[3] == 0x8a && request[11..14] == [0, 0x91, 0x20];
            tried.extend(nav_pvt.then(|| request[10]));
            // The second UART is not there: an unknown key.
            if nav_pvt && request[10] == 0x08 { nak(request) } else { grants(request) }
        });
        assert_eq!(desk.only().wishes[&Wish::NavPvt], expected);
        assert_eq!(tried, [0x07, 0x08, 0x09][..if port == 0x07 { 1 } else { 3 }]);
    }
}

#[test]
fn at_a_speed_that_is_not_proven_nothing_is_sent() {
    let mut configurator = Configurator::new(false);
    for second in 0..1_000 {
        let told = configurator.heard(Mono(second * 1_000), &frame([0x01, 0x07], &[0; 92]), None);
        assert_eq!(told, Told::default());
    }
}

#[test]
fn a_receiver_that_forgets_or_starts_anew_is_asked_again_once_a_minute_at_most() {
    let mut desk = Desk::new();
    desk.run(60, grants("PROTVER=34.00", 1_000));
    let asked = desk.sent.len();
    // It was reset: what it had in its memory is gone.
    desk.on = false;
    desk.run(32, grants("PROTVER=34.00", 1_000));
    assert_eq!((desk.sent.len(), desk.on), (2 * asked, true), "{:?}", desk.sent);
    // And one that says hello for ever is not asked for ever.
    let mut desk = Desk::new();
    for _ in 0..600 {
        desk.said.extend(b"u-blox AG");
        desk.run(1, |_| vec![]);
    }
    assert_eq!(desk.sent.len(), 10 * 3, "three polls a minute");
}

#[test]
fn another_speed_begins_anew() {
    let mut desk = Desk::new();
    desk.run(12, grants("PROTVER=34.00", 1_000));
    let asked = desk.sent.len();
    assert!(asked > 1);
    desk.configurator.speed_changed();
    desk.said.clear();
    desk.run(70, grants("PROTVER=34.00", 1_000));
    assert_eq!(desk.sent[asked].1[2..4], MON_VER, "from the beginning");
    assert_eq!(desk.only().wishes, all(Answer::Yes));
}

#[test]
fn a_setup_is_told_in_words() {
    let setup = Desk::new().run(60, grants("PROTVER=18.00", 1_000)).only().clone();
    let json = serde_json::to_value(&setup).expect("it serialises");
    assert_eq!((&json["protocol"], &json["wishes"]["nav_pvt"]), (&"18.00".into(), &"yes".into()));
    assert!(setup.to_string().starts_with("u-blox, protocol 18.00"));
}

proptest! {
    /// Whatever comes: no panic, one frame for a read with something good in it, each thing three times, one round a minute.
    #[test]
    fn noise_and_forged_answers_are_never_answered_without_bound(
        reads in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..40),
                Just(version("PROTVER=34.00")),
                Just(version("PROTVER=18.00")),
                Just(rate_of(0, true)),
                Just(rate_of(u16::MAX, false)),
                any::<[u8; 2]>().prop_map(|name| frame([0x05, 0x01], &name)),
                Just(frame([0x05, 0x00], &[0x06, 0x8a])),
                Just(frame([0x05, 0x01], &[0x06, 0x8a])),
                Just(frame([0x01, 0x07], &[0; 92])),
                Just(b"u-blox AG".to_vec()),
            ],
            0..200,
        ),
    ) {
        let mut configurator = Configurator::new(false);
        let (mut sent, seconds) = (0, reads.len());
        for (second, bytes) in reads.into_iter().enumerate() {
            let at = Mono(u64::try_from(second).unwrap() * 1_000);
            let good = second % 3 > 0;
            let told = configurator.heard(at, &bytes, good.then_some(115_200));
            prop_assert!(good || told.request.is_none());
            sent += usize::from(told.request.is_some());
        }
        // Version, rate and seven wishes, one of them at three ports.
        prop_assert!(sent <= 3 * (2 + 6 + 3) * (seconds / 60 + 1), "{} in {} s", sent, seconds);
    }
}
