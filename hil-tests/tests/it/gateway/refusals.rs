//! What if the broker is there, and something about it or the way to it is wrong?

use std::fs;
use std::time::Duration;

use gatestamp::downlink::Signer;
use hil_tests::certificates::ACL;
use hil_tests::clock::await_condition;
use hil_tests::dispatch::operator;
use hil_tests::link::{Link, Quality};
use hil_tests::world::Shift;
use hil_tests::world::facility::Zone;
use hil_tests::world::truth::Direction;
use rumqttc::v5::{AsyncClient, MqttOptions};
use serde_json::Value;

use super::rig::{Garage, PATIENCE, Rig, SCALE};

fn says(rig: &Rig, pointer: &str, words: &[&str]) {
    let mut last = Value::Null;
    let said = await_condition(PATIENCE * 2, || {
        last = rig.installation.health().and_then(|h| h.pointer(pointer).cloned()).unwrap_or_default();
        words.iter().all(|word| last.to_string().contains(word))
    });
    assert!(said, "{pointer} is {last}, not {words:?}\n{}", rig.log_tail());
}

fn word(rig: &Rig, pointer: &str) -> String {
    let health = rig.installation.health().unwrap_or_default();
    health.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Puts another port in place of the broker's.
fn reroute(garage: &Garage, from: u16, to: u16) {
    let config = garage.installation.config();
    let text = fs::read_to_string(&config).expect("there");
    fs::write(&config, text.replace(&format!(":{from}"), &format!(":{to}"))).expect("written");
}

#[test]
fn two_clients_one_id_keep_apart_longer_and_longer_and_the_truck_says_so() {
    // A rival on a machine that is busy for a moment leaves a connection alone; for a minute of the truck it must not look so.
    let mut rig = Rig::set_off(Shift::errands(92, 1), SCALE / 2);
    assert!(await_condition(PATIENCE, || word(&rig, "/link/state") == "connected"), "{}", rig.log_tail());
    let port = rig.mosquitto.port();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // A rival that comes back as soon as it is put out. Mosquitto 2.0 ends the older connection without a word.
    let come_back = async {
        loop {
            let (_client, mut events) = AsyncClient::new(MqttOptions::new("demo-truck-7", "127.0.0.1", port), 4);
            while events.poll().await.is_ok() {}
        }
    };
    let over = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(10), come_back).await });
    assert!(over.is_err(), "it never gives up");
    let log = fs::read_to_string(rig.installation.log()).unwrap_or_default();
    assert!(log.contains("two trucks with one identity"), "{}", rig.log_tail());
    // Minutes of the truck's time: waits of up to 1, 2, 4, .. 256 s each, a share of them by chance.
    let connected = log.matches("connected to the broker").count();
    assert!((2..=16).contains(&connected), "{connected} connections\n{}", rig.log_tail());
    rig.until(rig.shift.path.duration_s() * 0.5);
    rig.finish();
}

#[test]
fn half_open_is_found_in_twice_the_keep_alive() {
    let garage = Garage::open(Shift::errands(93, 1), SCALE);
    let link = Link::to(garage.mosquitto.port()).expect("a link");
    reroute(&garage, garage.mosquitto.port(), link.port());
    garage.installation.configure("keep_alive_s = 60", "keep_alive_s = 10").expect("configured");
    let rig = garage.drive(None);
    assert!(await_condition(PATIENCE, || word(&rig, "/link/state") == "connected"), "{}", rig.log_tail());
    link.mute();
    // Twice the keep-alive, and half a minute at the rig's speed until health is written.
    let found = await_condition(Duration::from_secs(22), || word(&rig, "/link/state") == "gone");
    assert!(found, "{}", rig.log_tail());
    link.restore();
    rig.finish();
}

#[test]
fn nat_entry_expires_and_the_link_is_proven_more_often_from_then_on() {
    let garage = Garage::open(Shift::errands(97, 1), SCALE);
    let link = Link::to(garage.mosquitto.port()).expect("a link");
    link.forget_idle(Duration::from_secs(11));
    reroute(&garage, garage.mosquitto.port(), link.port());
    garage.installation.configure("keep_alive_s = 60", "keep_alive_s = 12").expect("configured");
    garage.installation.configure("profile = \"normal\"", "profile = \"frugal\"").expect("configured");
    // Without a receiver there is nothing to tell: the link is idle from its first moment.
    let _agent = garage.installation.start().expect("the agent starts");
    let log = || fs::read_to_string(garage.installation.log()).unwrap_or_default();
    // Two connections that die of their first idle interval, each found in twice 12 s.
    let learned = await_condition(Duration::from_secs(80), || log().contains("at another interval"));
    assert!(learned && log().contains("seconds=10"), "{}", log());
    // The next connection is proven every ten seconds, and outlives it.
    let connected = || log().matches("connected to the broker").count();
    assert!(await_condition(PATIENCE, || connected() == 3), "{}", log());
    let (_, said) = link.carried();
    let answered = await_condition(PATIENCE, || link.carried().1 >= said + 2 * 2);
    assert!(answered && connected() == 3, "{}", log());
}

#[test]
fn slow_link_2s_9600_connects_over_tls_and_delivers() {
    let (garage, _secrets) = Garage::open_secured(Shift::errands(94, 1), 2, ACL);
    let link = Link::of(Quality::EDGE_OF_2G, garage.mosquitto.secured_port()).expect("a link");
    reroute(&garage, garage.mosquitto.secured_port(), link.port());
    garage.installation.configure("profile = \"normal\"", "profile = \"frugal\"").expect("configured");
    let rig = garage.drive(None);
    let thru = || rig.dispatch.as_ref().map_or(0, hil_tests::dispatch::Dispatch::thru);
    assert!(await_condition(Duration::from_secs(90), || thru() > 0), "{}", rig.log_tail());
}

/// A retained acknowledgement that is not ours to believe lies there before the truck connects.
fn hides_no_event(seed: u64, device: &str, thru: u64) {
    let garage = Garage::open(Shift::errands(seed, 1), SCALE);
    let options = garage.installation.dispatch(garage.mosquitto.port());
    let ack = format!(r#"{{"device":"{device}","thru":{thru},"have":[[1,{thru}]],"at":"T"}}"#);
    operator::retain(&options, "down/ack", ack.as_bytes()).expect("a broker");
    let mut rig = garage.drive_without_dispatch();
    says(&rig, "/delivery/ignored_acks", &["1"]);
    assert_eq!(rig.installation.health().and_then(|h| h.pointer("/delivery/received_thru").cloned()), Some(0.into()));
    rig.restart_dispatch();
    rig.finish();
}

#[test]
fn ack_above_journal_hides_no_event() {
    let mut rig = Rig::set_off(Shift::errands(95, 1), SCALE);
    rig.until(rig.crossing("depot", Zone::Site, Direction::Leave, 0) + 30.0);
    assert!(await_condition(PATIENCE, || rig.owed() == 0), "{}", rig.log_tail());
    // From now on the journal and dispatch know each other: what is above was never sent.
    let ack = r#"{"device":"demo-truck-7","thru":1000000,"have":[],"at":"T"}"#;
    operator::retain(&rig.dispatch_options, "down/ack", ack.as_bytes()).expect("a broker");
    says(&rig, "/delivery/ignored_acks", &["1"]);
    rig.finish();
}

#[test]
fn device_swapped_in_truck_meets_an_acknowledgement_that_is_not_its_own() {
    hides_no_event(96, "demo-truck-8", 1);
}

#[test]
fn nobody_behind_the_broker_is_told_with_the_remedy_and_the_next_attempt() {
    let rig = Garage::open(Shift::errands(97, 1), SCALE).drive_without_dispatch();
    says(&rig, "/delivery/paused", &["nobody is subscribed"]);
    says(&rig, "/delivery/paused_remedy", &["systemctl start gatestamp-receiver"]);
    says(&rig, "/delivery/paused_until", &["T", "Z"]);
    let log = fs::read_to_string(rig.installation.log()).unwrap_or_default();
    assert_eq!(log.matches("nothing is sent").count(), 1, "{log}");
}

#[test]
fn a_poisoned_retained_message_is_counted_and_nothing_loops() {
    let garage = Garage::open(Shift::errands(98, 1), SCALE);
    let keys = format!("ack = true\nkeys = [\"{}\"]", Signer::new(&[42; 32]).public().text());
    garage.installation.configure("ack = true", &keys).expect("configured");
    let options = garage.installation.dispatch(garage.mosquitto.port());
    let nested = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000)).into_bytes();
    // As long as dispatch may send anything; what is longer the broker has to keep to itself.
    let longest = format!("{{\"device\":\"{}\"}}", "x".repeat(64 * 1024 - 200)).into_bytes();
    let too_long = vec![b'x'; 64 * 1024];
    operator::retain(&options, "down/ack", b"no JSON").expect("a broker");
    operator::retain(&options, "down/command", &nested).expect("a broker");
    let mut rig = garage.drive_without_dispatch();
    says(&rig, "/delivery/ignored_acks", &["1"]);
    says(&rig, "/delivery/refused_commands", &["1"]);
    for message in [&nested, &longest, &too_long, &b"{}".to_vec()] {
        for leaf in ["down/ack", "down/command"] {
            operator::retain(&options, leaf, message).expect("a broker");
        }
    }
    // An empty one takes back what is retained, and is delivered as it is.
    operator::retain(&options, "down/command", b"").expect("a broker");
    says(&rig, "/delivery/ignored_acks", &["4"]);
    says(&rig, "/delivery/refused_commands", &["5"]);
    rig.restart_dispatch();
    rig.until(rig.crossing("shop", Zone::Site, Direction::Enter, 0) + 20.0);
    let log = fs::read_to_string(rig.installation.log()).unwrap_or_default();
    assert_eq!(log.matches("connected to the broker").count(), 1, "{log}");
    assert_eq!(log.matches("an acknowledgement is ignored").count(), 1, "{log}");
    rig.finish();
}
