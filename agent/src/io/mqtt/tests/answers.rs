//! What brokers answer to events, and what their silence and the end of the connection say of them.

use super::*;
use crate::outbox::Refusal;

/// CONNACK with a receive maximum of 2 (MQTT 5.0, 3.2.2.3.3).
const CONNACK_FOR_TWO: [u8; 8] = [0x20, 6, 0, 0, 3, 0x21, 0, 2];
/// DISCONNECT, 0x8B server shutting down, no properties.
const SHUTTING_DOWN_WORD: [u8; 4] = [0xe0, 2, 0x8b, 0];

/// A PUBLISH of QoS 1, as a broker reads it.
struct Published {
    id: [u8; 2],
    body: Vec<u8>,
}

/// The next whole packet of `said`; of one that is no PUBLISH of QoS 1 nothing.
fn packet(said: &mut Vec<u8>) -> Option<Option<Published>> {
    let (head, lengths) = said.split_first()?;
    let bytes = 1 + lengths.iter().position(|byte| byte & 0x80 == 0)?;
    let length = lengths[..bytes].iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
    let is_event = *head == 0x32;
    let end = 1 + bytes + length;
    if said.len() < end {
        return None;
    }
    let packet = said.drain(..end).skip(1 + bytes).collect::<Vec<u8>>();
    Some(is_event.then(|| {
        let topic = usize::from(packet[0]) << 8 | usize::from(packet[1]);
        // Behind the packet id stands the length of the properties, of which there are none.
        Published { id: [packet[2 + topic], packet[3 + topic]], body: packet[5 + topic..].to_vec() }
    }))
}

/// A broker that does as `answer` says at each message of QoS 1; without an answer it closes.
fn answering(connack: &'static [u8], answer: impl Fn(Published) -> Option<Vec<u8>> + Send + 'static) -> u16 {
    welcoming(connack, move |stream| {
        let (mut said, mut chunk) = (Vec::new(), [0; 4_096]);
        while let Ok(read @ 1..) = stream.read(&mut chunk) {
            said.extend_from_slice(&chunk[..read]);
            while let Some(packet) = packet(&mut said) {
                let Some(published) = packet else { continue };
                let Some(words) = answer(published) else { return };
                let _ = stream.write_all(&words);
            }
        }
    })
}

fn puback_with(id: [u8; 2], reason: u8) -> Vec<u8> {
    vec![0x40, 3, id[0], id[1], reason]
}

/// What becomes of `count` events.
async fn answers(events: &mut Receiver<LinkEvent>, count: usize) -> Vec<(u64, Option<Refusal>)> {
    let mut answers = Vec::new();
    while answers.len() < count {
        match events.recv().await.unwrap() {
            LinkEvent::Engine(Link::Delivered(sequence)) => answers.push((sequence, None)),
            LinkEvent::Engine(Link::Refused(sequence, why)) => answers.push((sequence, Some(why))),
            LinkEvent::Gone(gone, _) => panic!("{gone:?}"),
            LinkEvent::Engine(_) | LinkEvent::Connected { .. } | LinkEvent::Waiting | LinkEvent::Command(_) => {}
        }
    }
    answers
}

#[tokio::test]
async fn each_reason_of_a_puback_is_understood_and_ends_no_connection() {
    let expected = [
        (0x00, None),
        (0x10, Some(Refusal::NobodyListens)),
        (0x80, Some(Refusal::Quota)),
        (0x83, Some(Refusal::Quota)),
        (0x87, Some(Refusal::Denied)),
        (0x90, Some(Refusal::Denied)),
        (0x95, Some(Refusal::NotTaken)),
        (0x97, Some(Refusal::Quota)),
        (0x99, Some(Refusal::NotTaken)),
        (0xc5, Some(Refusal::Quota)),
    ];
    let port = answering(&CONNACK, |published| Some(puback_with(published.id, published.body[0])));
    let (to_link, mut events, _traffic) = link(port, 60, Clock::new(1));
    assert!(matches!(events.recv().await, Some(LinkEvent::Connected { .. })));
    for (sequence, (reason, _)) in (1..).zip(expected) {
        to_link.send(Outgoing::Event(sequence, vec![reason], Class::Events)).await.unwrap();
    }
    let expected: Vec<_> = (1..).zip(expected.map(|(_, refusal)| refusal)).collect();
    assert_eq!(answers(&mut events, expected.len()).await, expected);
}

#[tokio::test]
async fn qos0_and_qos1_share_the_list() {
    // Every second event is taken: one that slips in the list gets the answer of another.
    let port = answering(&CONNACK, |published| Some(puback_with(published.id, published.body[0])));
    let (to_link, mut events, _traffic) = link(port, 60, Clock::new(1));
    assert!(matches!(events.recv().await, Some(LinkEvent::Connected { .. })));
    for sequence in 1..=20 {
        let reason = if sequence % 2 == 0 { 0x00 } else { 0x97 };
        if sequence % 3 == 0 {
            to_link.send(Outgoing::Position(b"p".to_vec())).await.unwrap();
        }
        to_link.send(Outgoing::Event(sequence, vec![reason], Class::Events)).await.unwrap();
        if sequence % 4 == 0 {
            to_link.send(Outgoing::Reply(vec![0x97])).await.unwrap();
            to_link.send(Outgoing::State(b"s".to_vec())).await.unwrap();
        }
    }
    let expected: Vec<_> = (1..=20).map(|n| (n, (n % 2 == 1).then_some(Refusal::Quota))).collect();
    assert_eq!(answers(&mut events, 20).await, expected);
}

#[tokio::test]
async fn the_end_of_a_connection_says_whether_an_event_may_have_led_to_it() {
    let garbage = vec![0xf7; 8];
    for (words, ending, cause) in [
        (None, Ending::Closed, Cause::Denied),
        (Some(TOO_LARGE_WORD.to_vec()), Ending::TooLong, Cause::TooLong),
        (Some(SHUTTING_DOWN_WORD.to_vec()), Ending::Lost, Cause::Ended),
        (Some(TAKEN_OVER_WORD.to_vec()), Ending::Lost, Cause::TakenOver),
        (Some(garbage), Ending::Closed, Cause::Garbled),
    ] {
        let port = answering(&CONNACK, move |_| words.clone());
        let (to_link, mut events, _traffic) = link(port, 60, Clock::new(1));
        assert!(matches!(events.recv().await, Some(LinkEvent::Connected { .. })));
        to_link.send(Outgoing::Event(1, b"{}".to_vec(), Class::Events)).await.unwrap();
        let (gone, told) = loop {
            if let LinkEvent::Gone(gone, ending) = events.recv().await.unwrap() {
                break (gone, ending);
            }
        };
        assert_eq!((gone.cause, told), (cause, ending), "{gone:?}");
    }
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let (_to_link, mut events, _traffic) = link(closed, 60, Clock::new(1));
    assert!(matches!(events.recv().await, Some(LinkEvent::Gone(_, Ending::Lost))));
}

#[tokio::test]
async fn answers_that_come_with_the_end_of_the_connection_count() {
    // The answer to the first event and a word that the client does not understand, in one piece.
    let port = answering(&CONNACK, |published| match published.body[0] {
        1 => Some(Vec::new()),
        _ => Some([puback_with([0, 1], 0).as_slice(), &[0xf7; 8]].concat()),
    });
    let (to_link, mut events, _traffic) = link(port, 60, Clock::new(1));
    assert!(matches!(events.recv().await, Some(LinkEvent::Connected { .. })));
    for (sequence, body) in [(1, vec![1]), (2, vec![2])] {
        to_link.send(Outgoing::Event(sequence, body, Class::Events)).await.unwrap();
    }
    assert_eq!(answers(&mut events, 1).await, [(1, None)]);
    assert_eq!(until_gone(&mut events).await.cause, Cause::Garbled);
}

#[tokio::test]
async fn a_broker_that_takes_events_and_answers_none_is_left_after_half_a_minute() {
    let clock = Clock::new(1);
    let port = answering(&CONNACK, |_| Some(Vec::new()));
    let (to_link, mut events, _traffic) = link(port, 60, clock);
    assert!(matches!(events.recv().await, Some(LinkEvent::Connected { .. })));
    let begun = clock.now();
    to_link.send(Outgoing::Event(1, b"{}".to_vec(), Class::Events)).await.unwrap();
    // What needs no answer must not put it off.
    let positions = tokio::spawn(async move {
        while to_link.send(Outgoing::Position(b"p".to_vec())).await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let gone = until_gone(&mut events).await;
    let lasted = clock.now() - begun;
    positions.abort();
    assert!(gone.why.contains("takes events and does not acknowledge them"), "{gone:?}");
    assert!((Span::seconds(29)..Span::seconds(40)).contains(&lasted), "{lasted:?}");
}

#[tokio::test]
async fn packet_id_collision() {
    // Two may be on the way; the second is answered and the first is not: the third would have its packet id.
    let port = answering(&CONNACK_FOR_TWO, |published| {
        Some(if published.id == [0, 2] { puback_with(published.id, 0) } else { Vec::new() })
    });
    let clock = Clock::new(1);
    let (to_link, mut events, _traffic) = link(port, 60, clock);
    assert!(matches!(events.recv().await, Some(LinkEvent::Connected { .. })));
    let begun = clock.now();
    for sequence in 1..=3 {
        to_link.send(Outgoing::Event(sequence, b"{}".to_vec(), Class::Events)).await.unwrap();
    }
    let gone = until_gone(&mut events).await;
    assert!(gone.why.contains("packet ids collided"), "{gone:?}");
    assert!(clock.now() - begun < Span::seconds(5));
}

#[tokio::test]
async fn a_broker_that_uses_topic_aliases_is_left() {
    // PUBLISH, QoS 0, topic "a", properties: topic alias 1 (MQTT 5.0, 3.3.2.3.4).
    let port = broker(|stream| {
        let _ = stream.write_all(&[0x30, 7, 0, 1, b'a', 3, 0x23, 0, 1]);
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.read(&mut [0; 512]);
    });
    let (_to_link, mut events, _traffic) = link(port, 60, Clock::new(1));
    let gone = until_gone(&mut events).await;
    assert!(gone.why.contains("topic aliases"), "{gone:?}");
}

/// Takes connections, and says nothing.
fn mute() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().collect::<Vec<_>>());
    port
}

#[tokio::test]
async fn mute_server() {
    let (_to_link, mut events, _traffic) = link(mute(), 60, Clock::new(1));
    let gone = until_gone(&mut events).await;
    assert!(gone.cause == Cause::Stranger && gone.why.contains("said nothing for 30 s"), "{gone:?}");
}

#[tokio::test]
async fn mute_server_over_tls() {
    let trusted = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let time = TimeBase::new(crate::time::Mono(0), released(), None).at(crate::time::Mono(0), None);
    let target = Target {
        host: "127.0.0.1",
        port: mute(),
        tls: Some((Arc::new(trusted), time)),
        unacknowledged_max: Duration::from_secs(120),
    };
    let gone = Wire::open(&target, Arc::default()).await.unwrap_err();
    assert!(gone.cause == Cause::Stranger && gone.why.contains("took the connection and said nothing"), "{gone:?}");
}
