//! What if the link is secured, and something about a certificate is wrong?

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;

use hil_tests::certificates::{ACL, Authority, Pair, Secrets};
use hil_tests::clock::await_condition;
use hil_tests::gateway;
use hil_tests::installation::Installation;
use hil_tests::world::Shift;
use hil_tests::world::facility::Zone;
use hil_tests::world::truth::Direction;
use tempfile::TempDir;

use super::rig::{Garage, PATIENCE, Rig, SCALE};

/// Waits until the link is in `state` with each of `words` in its reason or its remedy, and gives both back.
fn link_says(rig: &Rig, state: &str, words: &[&str]) -> String {
    let mut last = String::new();
    let said = await_condition(PATIENCE, || {
        let health = rig.installation.health().unwrap_or_default();
        let text = |pointer| health.pointer(pointer).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        last = format!("{}: {}; remedy: {}", text("/link/state"), text("/link/why"), text("/link/remedy"));
        text("/link/state") == state && words.iter().all(|word| last.contains(word))
    });
    assert!(said, "the link says {last:?}, not {state} with {words:?}\n{}", rig.log_tail());
    last
}

#[test]
fn everything_arrives_over_tls_also_through_a_broker_that_restarts() {
    let (garage, _secrets) = Garage::open_secured(Shift::errands(71, 2), SCALE, ACL);
    let mut rig = garage.drive(None);
    rig.until(rig.crossing("shop", Zone::Site, Direction::Enter, 0) - 20.0);
    rig.mosquitto.kill();
    rig.until(rig.crossing("shop", Zone::Site, Direction::Leave, 0) + 20.0);
    rig.mosquitto.restart().expect("the broker is back");
    rig.finish();
}

#[test]
fn acl_denied_over_tls_is_named_and_not_hammered_at_and_nothing_is_lost() {
    let denied: String =
        ACL.lines().filter(|line| !line.ends_with("/events")).map(|line| format!("{line}\n")).collect();
    let (garage, secrets) = Garage::open_secured(Shift::errands(76, 1), SCALE, &denied);
    let mut rig = garage.drive(None);
    // Mosquitto 2.0.11 ends a TLS connection over which it denies a message, now and then after a PUBACK that says why.
    let named = || {
        let health = rig.installation.health().unwrap_or_default();
        let said = [health.pointer("/delivery/paused"), health.pointer("/link/why")];
        said.into_iter().flatten().any(|why| why.to_string().contains("access control list"))
    };
    assert!(await_condition(PATIENCE, named), "{}", rig.log_tail());
    rig.until(rig.shift.path.duration_s() - 5.0);
    let log = fs::read_to_string(rig.installation.log()).expect("there");
    // 660 s: waits of up to 1, 2, 4, .. 256 s, a share of them by chance.
    let connected = log.matches("connected to the broker").count();
    assert!((1..=16).contains(&connected), "{connected} connections\n{}", rig.log_tail());
    assert!(rig.owed() > 3, "{}", rig.owed());
    fs::write(&secrets.acl, ACL).expect("written");
    rig.mosquitto.restart().expect("the broker is back");
    rig.finish();
}

#[test]
fn a_broker_from_another_ca_is_not_talked_to() {
    let (garage, secrets) = Garage::open_secured(Shift::errands(72, 1), SCALE, ACL);
    let other = Authority::new("somebody else").expect("a CA");
    let right = fs::read(&secrets.ca).expect("there");
    let used = secrets.ca.with_file_name("pinned.pem");
    other.write(&used).expect("written");
    let text = fs::read_to_string(garage.installation.config()).expect("there");
    let ca = secrets.ca.display().to_string();
    fs::write(garage.installation.config(), text.replace(&ca, &used.display().to_string())).expect("written");
    let rig = garage.drive(None);
    link_says(&rig, "gone", &["not from the CA", "remedy: mqtt.ca has to name"]);
    assert!(rig.owed() > 0, "events wait");
    // Hot rotation: the right CA is used by the next connection, without a restart.
    fs::write(&used, right).expect("written");
    rig.finish();
}

#[test]
fn a_truck_whose_certificate_expired_says_so_keeps_its_events_and_takes_a_new_one() {
    let (garage, secrets) = Garage::open_secured(Shift::errands(73, 1), SCALE, ACL);
    let dir = secrets.ca.parent().expect("a directory");
    secrets.authority.client("demo-truck-7", Some((2020, 2026)), dir).expect("issued");
    let rig = garage.drive(None);
    link_says(&rig, "gone", &["our own certificate expired on 2026-01-01", "gnss", "remedy: have a new"]);
    secrets.authority.client("demo-truck-7", None, dir).expect("issued");
    rig.finish();
}

#[test]
fn a_broken_new_certificate_leaves_the_old_one_in_use_and_is_told() {
    let (garage, secrets) = Garage::open_secured(Shift::errands(74, 1), SCALE, ACL);
    let mut rig = garage.drive(None);
    link_says(&rig, "connected", &[]);
    fs::write(&secrets.truck.cert, "half a certifica").expect("written");
    rig.mosquitto.restart().expect("the broker is back");
    link_says(&rig, "connected", &["the changed certificates are not used", "there is no PEM certificate"]);
    rig.finish();
}

#[test]
fn a_captive_portal_and_a_mute_server_are_told_apart_and_nothing_is_lost() {
    let (garage, _secrets) = Garage::open_secured(Shift::errands(75, 1), SCALE, ACL);
    let portal = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = portal.local_addr().expect("bound").port();
    let (secured, config) = (garage.mosquitto.secured_port(), garage.installation.config());
    let text = fs::read_to_string(&config).expect("there");
    fs::write(&config, text.replace(&format!(":{secured}"), &format!(":{port}"))).expect("written");
    std::thread::spawn(move || {
        for stream in portal.incoming().take(50) {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n");
        }
    });
    let mut rig = garage.drive(None);
    let said = link_says(&rig, "gone", &["does not speak TLS", "remedy: see whether this network wants a login"]);
    assert!(said.contains("captive portal"), "{said}");
    rig.stop_agent();
    fs::write(&config, text).expect("written");
    rig.start_agent();
    rig.finish();
}

/// What `check` says about the files of a truck that nobody drives.
struct Desk {
    installation: Installation,
    secrets: Secrets,
    dir: TempDir,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let binary = gateway::binary().expect("the agent's binary");
        let shift = Shift::errands(1, 1);
        let installation = Installation::write(binary, dir.path(), &shift, 1, 1).expect("files can be written");
        let secrets = Secrets::write(dir.path(), ACL).expect("certificates");
        installation.secure(1, &secrets.ca, &secrets.truck).expect("configured");
        Self { installation, secrets, dir }
    }

    fn says(&self) -> (Option<i32>, String) {
        let output = self.installation.ask("check", &[]).expect("the binary runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    }

    fn refused(&self, file: &std::path::Path, words: &[&str]) {
        let (status, said) = self.says();
        assert_eq!(status, Some(78), "{said}");
        for word in [&[&*file.display().to_string(), "remedy:"], words].concat() {
            assert!(said.contains(word), "check does not say {word:?}: {said}");
        }
    }
}

#[test]
fn check_says_until_when_the_certificate_holds() {
    let (status, said) = Desk::new().says();
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("certificate valid to 2100-01-01"), "{said}");
}

#[test]
fn a_certificate_of_another_truck_is_named_by_check_and_by_the_link() {
    let desk = Desk::new();
    let cert = desk.secrets.truck.cert.clone();
    let take = |from: &Secrets, dir: &std::path::Path, name: &str| {
        let other = from.authority.client(name, None, dir).expect("issued");
        fs::copy(&other.cert, &from.truck.cert).expect("copied");
        fs::copy(&other.key, &from.truck.key).expect("copied");
    };
    take(&desk.secrets, desk.dir.path(), "demo.truck-7.12");
    let (status, said) = desk.says();
    assert!(status == Some(0) && !said.contains("warning"), "a bundle of this truck: {said}");
    take(&desk.secrets, desk.dir.path(), "demo.truck-8");
    let (status, said) = desk.says();
    assert_eq!(status, Some(0), "{said}");
    for word in ["warning: ", &cert.display().to_string(), "is for demo.truck-8, and this gateway is demo-truck-7"] {
        assert!(said.contains(word), "check does not say {word:?}: {said}");
    }

    let (garage, secrets) = Garage::open_secured(Shift::errands(77, 1), SCALE, ACL);
    let dir = secrets.ca.parent().expect("a directory");
    take(&secrets, dir, "demo.truck-8");
    let rig = garage.drive(None);
    let told = || {
        let health = rig.installation.health().unwrap_or_default();
        let why = health.pointer("/link/why").and_then(|why| why.as_str()).unwrap_or_default().to_owned();
        why.contains("is for demo.truck-8")
    };
    assert!(await_condition(PATIENCE, told), "{}", rig.log_tail());
    secrets.authority.client("demo-truck-7", None, dir).expect("issued");
    rig.finish();
}

#[test]
fn check_names_the_file_the_fault_and_the_remedy() {
    let desk = Desk::new();
    let Pair { cert, key } = desk.secrets.truck.clone();
    let (good_cert, good_key) = (fs::read(&cert).expect("there"), fs::read(&key).expect("there"));

    fs::remove_file(&cert).expect("removed");
    desk.refused(&cert, &["there is no such file"]);
    for (bytes, what) in [
        (b"".to_vec(), "no PEM certificate"),
        (b"-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n".to_vec(), "is not PEM"),
        (good_key.clone(), "no PEM certificate"),
        (good_cert.get(..good_cert.len() / 2).expect("half").to_vec(), "PEM"),
        (vec![b'x'; 300 * 1024], "longer than 256 KiB"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec(), "is not a certificate"),
    ] {
        fs::write(&cert, bytes).expect("written");
        desk.refused(&cert, &[what]);
    }
    fs::write(&cert, &good_cert).expect("written");

    fs::write(&key, &good_cert).expect("written");
    desk.refused(&key, &["no PEM private key"]);
    let other = desk.secrets.authority.client("other", None, desk.dir.path()).expect("issued");
    fs::copy(&other.key, &key).expect("copied");
    desk.refused(&key, &["does not belong to the certificate"]);
    fs::write(&key, &good_key).expect("written");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).expect("set");
    desk.refused(&key, &["mode 640", "chmod 600"]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("set");

    desk.secrets.authority.client("demo-truck-7", Some((2020, 2024)), desk.dir.path()).expect("issued");
    desk.refused(&cert, &["expired on 2024-01-01", "system_clock"]);
    desk.secrets.authority.client("demo-truck-7", Some((2090, 2099)), desk.dir.path()).expect("issued");
    desk.refused(&cert, &["is valid from 2090-01-01"]);
}
