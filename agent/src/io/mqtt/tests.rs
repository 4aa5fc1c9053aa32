//! The link against brokers that do what Mosquitto does not.

mod answers;

use super::*;
use crate::config::Profile;
use crate::version::released;
use rustix::net::sockopt::set_socket_linger;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use tokio::sync::mpsc::channel;

/// CONNACK: no session, success, no properties.
const CONNACK: [u8; 5] = [0x20, 3, 0, 0, 0];
/// The same with a keep-alive of the broker's own: 30 s (MQTT 5.0, 3.2.2.3.14).
const CONNACK_OF_30_S: [u8; 8] = [0x20, 6, 0, 0, 3, 0x13, 0, 30];

/// PUBLISH of a word of dispatch's: QoS 0, retained or not, no properties (MQTT 5.0, 3.3).
fn ack(retained: bool) -> Vec<u8> {
    let (topic, body) = ("gatestamp/v1/acme/t-7/down/ack", r#"{"device":"acme-t-7","thru":3}"#);
    let length = u8::try_from(2 + topic.len() + 1 + body.len()).unwrap();
    let head = [0x30 | u8::from(retained), length, 0, u8::try_from(topic.len()).unwrap()];
    [head.as_slice(), topic.as_bytes(), &[0], body.as_bytes()].concat()
}

/// DISCONNECT, 0x8E session taken over, no properties.
const TAKEN_OVER_WORD: [u8; 4] = [0xe0, 2, 0x8e, 0];
/// DISCONNECT, 0x95 packet too large, no properties.
const TOO_LARGE_WORD: [u8; 4] = [0xe0, 2, 0x95, 0];

/// A broker that answers each CONNECT, and then does as `then` says.
fn broker(then: impl Fn(&mut TcpStream) + Send + 'static) -> u16 {
    welcoming(&CONNACK, then)
}

/// The same with words of its own.
fn welcoming(connack: &'static [u8], then: impl Fn(&mut TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(connack);
            then(&mut stream);
        }
    });
    port
}

/// What a link is given, what it says and what it counts.
type Ends = (Sender<Outgoing>, Receiver<LinkEvent>, Arc<Traffic>);

fn link(port: u16, keep_alive_s: u16, clock: Clock) -> Ends {
    link_to("127.0.0.1", port, keep_alive_s, clock)
}

fn link_to(host: &str, port: u16, keep_alive_s: u16, clock: Clock) -> Ends {
    let config = Mqtt {
        host: host.to_owned(),
        port,
        tls: None,
        keep_alive_s,
        keep_alive_max_s: keep_alive_s,
        profile: Profile::Normal,
        monthly_bytes: 25_000_000,
    };
    let identity = Identity {
        client_id: "acme-t-7".to_owned(),
        prefix: "gatestamp/v1/acme/t-7".to_owned(),
        reads_acks: false,
        reads_commands: false,
        last_will: b"{}".to_vec(),
    };
    let (to_link, from) = channel(256);
    let (to_loop, events) = channel(256);
    let traffic = Arc::new(Traffic::default());
    let time = watch::Sender::new(TimeBase::new(clock.now(), released(), None)).subscribe();
    let uplink = Uplink { config, identity, clock, time, traffic: Arc::clone(&traffic) };
    tokio::spawn(run(uplink, from, to_loop));
    (to_link, events, traffic)
}

async fn until_gone(events: &mut Receiver<LinkEvent>) -> Gone {
    loop {
        if let LinkEvent::Gone(gone, _) = events.recv().await.unwrap() {
            return gone;
        }
    }
}

#[tokio::test]
async fn half_open_full_send_buffer_is_found_in_twice_the_keep_alive() {
    // Takes nothing more, and closes nothing.
    let port = broker(|_| std::thread::sleep(Duration::from_secs(60)));
    let clock = Clock::new(1);
    let (to_link, mut events, traffic) = link(port, 5, clock);
    assert!(matches!(events.recv().await, Some(LinkEvent::Connected { note: None, interval_s: 5 })));
    let begun = clock.now();
    let mut handed = 0_u64;
    let mut still = 0;
    let flood = async {
        // Until the socket takes nothing for half a second, however much is there for it.
        while still < 25 {
            let before = traffic.up();
            for _ in 0..64 {
                if to_link.try_send(Outgoing::Position(vec![b'x'; 16_000])).is_ok() {
                    handed += 16_000;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            still = if traffic.up() == before { still + 1 } else { 0 };
        }
    };
    flood.await;
    assert!(traffic.up() + 1_000_000 < handed, "{} of {handed} bytes: the buffers are not full", traffic.up());
    let Gone { why, .. } = until_gone(&mut events).await;
    let found = clock.now() - begun;
    assert!(found <= Span::seconds(11), "{found:?}: {why}");
}

#[tokio::test]
async fn a_session_that_is_taken_over_is_named_and_not_fought_for() {
    let (accepted, seen) = std::sync::mpsc::channel();
    let clock = Clock::new(100);
    let port = broker(move |stream| {
        let _ = accepted.send(clock.now());
        let _ = stream.write_all(&TAKEN_OVER_WORD);
        let _ = stream.read(&mut [0; 512]);
    });
    let (_to_link, mut events, _traffic) = link(port, 60, clock);
    for _ in 0..3 {
        let Gone { cause, why } = until_gone(&mut events).await;
        assert!(why.contains("another device connected with our identity"), "{why}");
        assert_eq!(cause, Cause::TakenOver);
    }
    let times: Vec<_> = seen.try_iter().collect();
    assert!(times.len() >= 3);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= TAKEN_OVER), "{times:?}");
}

#[tokio::test]
async fn a_link_that_cannot_be_made_names_its_cause() {
    let clock = Clock::new(1);
    const PAGE: &[u8] =
        b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n<html>Who are you, and who pays?</html>";
    let stranger = welcoming(PAGE, |_| {});
    let garbled = broker(|stream| _ = stream.write_all(PAGE));
    let narrow = broker(|stream| _ = stream.write_all(&TOO_LARGE_WORD));
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let gone = async |host: &str, port: u16| {
        let (_to_link, mut events, _traffic) = link_to(host, port, 60, clock);
        until_gone(&mut events).await
    };
    for (host, port, cause, word) in [
        ("127.0.0.1", closed, Cause::Refused, "refused"),
        ("nowhere.invalid", closed, Cause::NotResolved, "nowhere.invalid"),
        ("127.0.0.1", stranger, Cause::Stranger, "does not speak MQTT"),
        ("127.0.0.1", garbled, Cause::Garbled, "does not understand"),
        ("127.0.0.1", narrow, Cause::TooLong, "PacketTooLarge"),
    ] {
        let told = gone(host, port).await;
        assert!(told.cause == cause && told.why.contains(word), "{host}: {told:?}");
    }
}

#[test]
fn each_cause_has_a_remedy_of_its_own() {
    use Cause::*;
    let own = [OwnFiles, OwnExpired, OwnRefused, OwnForeign];
    let theirs = [Issuer, Name, Certificate, Stranger, Garbled, TooLong, Denied, TakenOver];
    let network = [NotResolved, Refused, TimedOut, NoNetwork, Ended];
    let remedies: std::collections::BTreeSet<_> =
        own.iter().chain(&theirs).chain(&network).map(|cause| cause.remedy()).collect();
    assert_eq!(remedies.len(), 17);
}

#[tokio::test]
async fn the_brokers_keep_alive_is_told_and_what_it_kept_of_dispatch_is_known_as_such() {
    let port = welcoming(&CONNACK_OF_30_S, |stream| {
        let _ = stream.write_all(&[ack(true), ack(false)].concat());
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.read(&mut [0; 512]);
    });
    let (_to_link, mut events, _traffic) = link(port, 60, Clock::new(1));
    let connected = events.recv().await.unwrap();
    assert!(matches!(connected, LinkEvent::Connected { note: None, interval_s: 30 }), "{connected:?}");
    let mut said = Vec::new();
    while said.len() < 2 {
        if let LinkEvent::Engine(Link::Received { thru, retained, .. }) = events.recv().await.unwrap() {
            said.push((thru, retained));
        }
    }
    assert_eq!(said, [(3, true), (3, false)]);
}

/// PUBACK of the first PUBLISH of QoS 1 in `said`, if it is whole (MQTT 5.0, 3.3 and 3.4). Pings are passed over.
fn puback(mut said: &[u8]) -> Option<[u8; 4]> {
    while said.first() == Some(&0xc0) {
        said = said.get(2..)?;
    }
    // One byte of length is enough for the packet of this test.
    let (kind, topic) = (*said.first()?, usize::from(*said.get(3)?));
    let id = said.get(4 + topic..6 + topic)?;
    (kind == 0x32).then_some([0x40, 2, id[0], id[1]])
}

#[tokio::test]
async fn a_broker_without_keep_alives_or_with_very_long_ones_is_pinged_at_our_own_interval() {
    const NONE: [u8; 8] = [0x20, 6, 0, 0, 3, 0x13, 0, 0];
    const LONGEST: [u8; 8] = [0x20, 6, 0, 0, 3, 0x13, 0xff, 0xff];
    for connack in [&NONE, &LONGEST] {
        // Answers no ping: a second one would end the connection before the event has its answer.
        let port = welcoming(connack, |stream| {
            let (mut said, mut chunk) = (Vec::new(), [0; 512]);
            while let Ok(read) = stream.read(&mut chunk)
                && read > 0
            {
                said.extend_from_slice(&chunk[..read]);
                if let Some(answer) = puback(&said) {
                    std::thread::sleep(Duration::from_millis(200));
                    let _ = stream.write_all(&answer);
                    said.clear();
                }
            }
        });
        let (to_link, mut events, _traffic) = link(port, 60, Clock::new(1));
        let connected = events.recv().await.unwrap();
        assert!(matches!(connected, LinkEvent::Connected { note: None, interval_s: 60 }), "{connected:?}");
        to_link.send(Outgoing::Event(7, b"{}".to_vec(), Class::Events)).await.unwrap();
        loop {
            match events.recv().await.unwrap() {
                LinkEvent::Engine(Link::Delivered(sequence)) => break assert_eq!(sequence, 7),
                LinkEvent::Gone(gone, _) => panic!("{gone:?}"),
                LinkEvent::Engine(_) | LinkEvent::Connected { .. } | LinkEvent::Waiting | LinkEvent::Command(_) => {}
            }
        }
    }
}

/// Lets go once nothing was said for so long, as a proxy does: in good order, or by a reset.
fn letting_go_when_idle(after: Duration, resets: bool) -> u16 {
    broker(move |stream| {
        let _ = stream.set_read_timeout(Some(after));
        while let Ok(1..) = stream.read(&mut [0; 512]) {}
        let _ = set_socket_linger(&*stream, resets.then_some(Duration::ZERO));
    })
}

/// The intervals of the first connections to it.
async fn intervals(port: u16) -> [u16; 3] {
    // Its back-off is of no interest here.
    let (_to_link, mut events, _) = link(port, 12, Clock::simulated(60, Box::leak(Box::default())));
    let mut seen = Vec::new();
    loop {
        if let LinkEvent::Connected { interval_s, .. } = events.recv().await.unwrap() {
            seen.push(interval_s);
        }
        if let Ok(three) = seen.as_slice().try_into() {
            return three;
        }
    }
}

#[tokio::test]
async fn a_proxy_that_lets_go_of_what_is_idle_is_met_by_shorter_intervals_and_one_that_does_so_at_once_is_not() {
    let after = Duration::from_secs;
    let (closes, resets, at_once) = tokio::join!(
        intervals(letting_go_when_idle(after(11), false)),
        intervals(letting_go_when_idle(after(11), true)),
        intervals(letting_go_when_idle(after(1), false)),
    );
    assert_eq!([closes, resets, at_once], [[12, 12, 10], [12, 12, 10], [12, 12, 12]]);
}
