//! Does what `init` and `add-truck` make work as it is, and keep each truck to its own topics?

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::{Command, Output};

use gatestamp::besttime::{BestTime, TimeSource};
use gatestamp::config::TlsFiles;
use gatestamp::io::mqtt::tls::Credentials;
use gatestamp_receiver::installation::{self, Truck};
use gatestamp_receiver::store::{self, Value};
use geofence::UnixMillis;
use hil_tests::clock::await_condition;
use rumqttc::v5::mqttbytes::v5::{Packet, PubAckReason};
use tempfile::TempDir;

use crate::rig::broker::{Client, PATIENCE, Secured, free_port};
use crate::rig::postgres::{Server, place as rig_place};
use crate::rig::process::{PROGRAM, start};
use crate::rig::{block_on, event};

fn call(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().expect("the program runs")
}

pub(crate) fn good(arguments: &[&str]) -> String {
    let done = call(arguments);
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("UTF-8")
}

pub(crate) fn refused(arguments: &[&str]) -> String {
    let done = call(arguments);
    assert_eq!(done.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(done.stderr).expect("UTF-8")
}

/// An installation with the trucks t1 and t2.
pub(crate) fn installation(port: u16) -> (TempDir, String) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let place = dir.path().join("dispatch").display().to_string();
    good(&["init", &place, "--host", "dispatch.example.com", "--port", &port.to_string()]);
    for truck in ["t1", "t2"] {
        good(&["add-truck", &place, event::FLEET, truck]);
    }
    (dir, place)
}

/// What somebody writes into the configuration who wants several receivers.
pub(crate) fn share(config: &Path, url: &str) {
    let text = fs::read_to_string(config).expect("read");
    let shared = text
        .replace("#group = ", "group = ")
        .replace("kind = \"sqlite\"", "kind = \"postgres\"")
        .replace("#url = \"\"", &format!("url = \"{url}\""));
    fs::write(config, shared).expect("written");
}

/// Whether the broker refuses it soon: it reads its ACL when it gets to it.
async fn loses_rights(client: &mut Client, topic: &str) -> bool {
    for _ in 0..100 {
        if client.publish(topic, b"{}".to_vec()).await == Ok(PubAckReason::NotAuthorized) {
            return true;
        }
    }
    false
}

pub(crate) async fn truck(port: u16, place: &str, name: &str) -> Result<Client, String> {
    let folder = Path::new(place).join("trucks").join(format!("{}.{name}", event::FLEET));
    Client::connect(port, &folder, "truck", &format!("{}-{name}", event::FLEET)).await
}

#[test]
fn a_truck_delivers_with_its_bundle_and_the_receiver_acknowledges() {
    let port = free_port();
    let (_dir, place) = installation(port);
    let _broker = Secured::start(Path::new(&place), port).expect("a broker");
    let config = Path::new(&place).join("receiver/receiver.toml");
    good(&["check", "--config", config.to_str().expect("UTF-8")]);
    let receiver = start(&config);
    let done = block_on(async {
        let mut truck = truck(port, &place, "t1").await?;
        truck.subscribe(&event::topic("t1", "down/ack")).await?;
        // Nobody may be listening yet; the receiver's session does not exist before its first connection.
        loop {
            let answer = truck.publish(&event::topic("t1", "events"), event::arrival("t1", 1)).await?;
            if answer == PubAckReason::Success {
                break;
            }
        }
        truck.until(|packet| if let Packet::Publish(ack) = packet { Some(ack.payload.clone()) } else { None }).await
    });
    let ack: serde_json::Value =
        serde_json::from_slice(&done.unwrap_or_else(|why| panic!("{why}: {}", receiver.log())))
            .expect("an acknowledgement");
    assert_eq!((ack["device"].as_str(), ack["thru"].as_u64()), (Some("acme-t1"), Some(1)));
    let status = good(&["status", "--config", config.to_str().expect("UTF-8")]);
    assert!(status.starts_with("acme/t1 (acme-t1): complete to 1, last event"), "{status}");
}

#[test]
fn a_truck_may_neither_write_nor_read_what_is_another_trucks() {
    let port = free_port();
    let (_dir, place) = installation(port);
    let broker = Secured::start(Path::new(&place), port).expect("a broker");
    block_on(async {
        let mut first = truck(port, &place, "t1").await.expect("connects");
        let mut second = truck(port, &place, "t2").await.expect("connects");
        let mut dispatch =
            Client::connect(port, &Path::new(&place).join("receiver"), "receiver", "d").await.expect("connects");
        for topic in
            [event::topic("t2", "events"), event::topic("t1", "down/ack"), "gatestamp/v1/other/t1/events".to_owned()]
        {
            let answer = first.publish(&topic, b"{}".to_vec()).await.expect("answered");
            assert_eq!(answer, PubAckReason::NotAuthorized, "{topic}");
        }
        // What it is not meant to hear does not reach it, however it asks.
        for filter in ["gatestamp/#", "#"] {
            first.subscribe(filter).await.expect("answered");
        }
        first.subscribe(&event::topic("t2", "down/#")).await.expect("answered");
        second.subscribe(&event::topic("t2", "down/#")).await.expect("answered");
        second.publish(&event::topic("t2", "events"), event::arrival("t2", 1)).await.expect("answered");
        dispatch.publish(&event::topic("t2", "down/command"), b"for t2".to_vec()).await.expect("answered");
        dispatch.publish(&event::topic("t1", "down/command"), b"for t1".to_vec()).await.expect("answered");
        let body = |packet: &Packet| if let Packet::Publish(got) = packet { Some(got.payload.to_vec()) } else { None };
        assert_eq!(second.until(body).await.expect("came"), b"for t2");
        assert_eq!(first.until(body).await.expect("came"), b"for t1", "its own, and nothing before it");
        good(&["remove-truck", &place, event::FLEET, "t1"]);
        broker.reload().expect("it runs");
        assert!(loses_rights(&mut first, &event::topic("t1", "events")).await, "a truck that was removed still writes");
    });
}

/// What a thief has of `bundle`, kept in the folder `stolen`.
fn steal(place: &str, bundle: &str) -> std::path::PathBuf {
    let kept = Path::new(place).join("stolen");
    fs::create_dir(&kept).expect("made");
    for file in ["ca.crt", "truck.crt", "truck.key"] {
        fs::copy(Path::new(place).join("trucks").join(bundle).join(file), kept.join(file)).expect("copied");
    }
    kept
}

/// The truck's bundle, whatever its number: its name and its folder.
fn bundle(place: &str, truck: &str) -> (String, std::path::PathBuf) {
    let whole = format!("{}.{truck}", event::FLEET);
    let found = fs::read_dir(Path::new(place).join("trucks")).expect("read").flatten().find_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        (name == whole || name.starts_with(&format!("{whole}."))).then(|| (name, entry.path()))
    });
    found.expect("a bundle")
}

/// The copy knows nothing of a bundle that was made and removed after it.
#[test]
fn no_name_is_given_twice_after_a_restore() {
    let (_dir, place) = installation(free_port());
    let copy = |from: &str, to: &str| {
        let copied = Command::new("cp").args(["-aT", from, to]).status();
        assert!(copied.expect("cp runs").success());
    };
    let elsewhere = format!("{place}.copy");
    copy(&place, &elsewhere);
    let (dir, day) = (Path::new(&place), (2026, 11, 22));
    let t1 = Truck::new(event::FLEET, "t1").expect("a truck");
    let again = |minute: u32| {
        installation::remove(dir, &t1).expect("removed");
        installation::add(dir, &t1, day, minute).expect("added");
        bundle(&place, "t1").0
    };
    // Several are made and removed, with a clock that stands.
    let mut given = vec![again(1_000), again(1_001), again(1_001)];
    fs::remove_dir_all(&place).expect("lost");
    copy(&elsewhere, &place);
    given.extend([again(1_060), again(1_060)]);
    assert_eq!(given, [1_000, 1_001, 1_002, 1_060, 1_061].map(|number| format!("acme.t1.{number}")));
    // And the program asks the clock.
    let minute = gatestamp_receiver::clock::wall_ms() / 60_000;
    good(&["remove-truck", &place, event::FLEET, "t1"]);
    good(&["add-truck", &place, event::FLEET, "t1"]);
    let number: i64 = bundle(&place, "t1").0.rsplit('.').next().and_then(|text| text.parse().ok()).expect("a number");
    assert!((minute..minute + 5).contains(&number), "{number}");
}

#[test]
fn a_stolen_certificate_gets_no_rights_back_when_its_truck_is_added_again() {
    let port = free_port();
    let (_dir, place) = installation(port);
    let stolen = steal(&place, "acme.t1");
    let broker = Secured::start(Path::new(&place), port).expect("a broker");
    for _ in 0..2 {
        good(&["remove-truck", &place, event::FLEET, "t1"]);
        good(&["add-truck", &place, event::FLEET, "t1"]);
    }
    broker.reload().expect("it runs");
    let (name, bundle) = bundle(&place, "t1");
    assert_eq!(common_name(&bundle.join("truck.crt")), name);
    block_on(async {
        let mut thief = Client::connect(port, &stolen, "truck", "acme-t1").await.expect("connects");
        let topic = event::topic("t1", "events");
        assert!(loses_rights(&mut thief, &topic).await, "what was stolen still writes");
        let mut truck = Client::connect(port, &bundle, "truck", "acme-t1").await.expect("connects");
        let receiver = Path::new(&place).join("receiver");
        let mut dispatch = Client::connect(port, &receiver, "receiver", "d").await.expect("connects");
        dispatch.subscribe(&topic).await.expect("answered");
        assert_eq!(truck.publish(&topic, event::arrival("t1", 1)).await, Ok(PubAckReason::Success));
        assert_eq!(thief.publish(&topic, b"{}".to_vec()).await, Ok(PubAckReason::NotAuthorized));
    });
    let text = fs::read_to_string(bundle.join("gatestamp.toml")).expect("read");
    assert_eq!(gatestamp::config::read("gatestamp.toml", &text).expect("accepted").truck.device(), "acme-t1");
}

#[test]
fn nobody_throws_the_receiver_out_by_calling_himself_as_it_does() {
    let port = free_port();
    let (_dir, place) = installation(port);
    let config = Path::new(&place).join("receiver/receiver.toml");
    let kept = steal(&place, "acme.t1");
    good(&["remove-truck", &place, event::FLEET, "t1"]);
    let _broker = Secured::start(Path::new(&place), port).expect("a broker");
    let receiver = start(&config);
    assert!(await_condition(PATIENCE, || receiver.log().contains("receiving")), "{}", receiver.log());
    block_on(async {
        let mut thieves = Vec::new();
        for id in ["dispatch", "gatestamp-dispatch"] {
            thieves
                .push(Client::connect(port, &kept, "truck", id).await.expect("its certificate is still one of ours"));
        }
        let mut truck = truck(port, &place, "t2").await.expect("connects");
        truck.subscribe(&event::topic("t2", "down/ack")).await.expect("answered");
        let answer = truck.publish(&event::topic("t2", "events"), event::arrival("t2", 1)).await;
        assert_eq!(answer, Ok(PubAckReason::Success), "{}", receiver.log());
        let ack = |packet: &Packet| matches!(packet, Packet::Publish(_)).then_some(());
        truck.until(ack).await.unwrap_or_else(|why| panic!("{why}: {}", receiver.log()));
    });
    let log = receiver.log();
    assert!(log.matches("connected to").count() == 1 && !log.contains("the broker:"), "{log}");
}

#[test]
fn a_further_receiver_has_a_name_rights_and_files_of_its_own() {
    let port = free_port();
    let (_dir, place) = installation(port);
    let config = Path::new(&place).join("receiver/receiver.toml");
    assert!(refused(&["add-receiver", &place, "2"]).contains("broker.group"));
    share(&config, "host=localhost user=x dbname=x");
    assert!(good(&["add-receiver", &place, "2"]).contains("receivers/dispatch-2"));
    assert!(refused(&["add-receiver", &place, "2"]).contains("is there already"));
    let second = Path::new(&place).join("receivers/dispatch-2");
    let text = fs::read_to_string(second.join("receiver.toml")).expect("read");
    assert!(text.contains(&format!("url = \"mqtts://dispatch.example.com:{port}\"")), "{text}");
    good(&["check", "--config", second.join("receiver.toml").to_str().expect("UTF-8")]);
    let broker = Secured::start(Path::new(&place), port).expect("a broker");
    block_on(async {
        let both = [(Path::new(&place).join("receiver"), "t1"), (second.clone(), "t2")];
        let mut connected = Vec::new();
        for (folder, truck) in &both {
            let mut receiver = Client::connect(port, folder, "receiver", "gatestamp-dispatch").await.expect("connects");
            receiver.subscribe(&event::topic(truck, "events")).await.expect("answered");
            connected.push(receiver);
        }
        // Neither has taken the other's place.
        for (receiver, (_, truck)) in connected.iter_mut().zip(&both) {
            let answer = receiver.publish(&event::topic(truck, "events"), b"{}".to_vec()).await;
            assert_eq!(answer, Ok(PubAckReason::Success));
        }
        assert!(good(&["remove-receiver", &place, "2"]).contains("into broker.group"), "who is gone knows the group");
        broker.reload().expect("it runs");
        let receiver = connected.last_mut().expect("the second");
        assert!(
            loses_rights(receiver, &event::topic("t2", "events")).await,
            "a receiver that was removed still writes"
        );
    });
    assert!(refused(&["add-receiver", &place, "2"]).contains("another name"));
}

/// The first release took any name, and an upgrade must not stop what runs.
#[test]
fn a_group_that_can_be_guessed_runs_with_a_warning_and_is_not_handed_on() {
    let port = free_port();
    let (dir, place) = installation(port);
    let server = Server::start(&dir.path().join("postgres")).expect("a database server");
    let config = Path::new(&place).join("receiver/receiver.toml");
    share(&config, &server.url());
    let text = fs::read_to_string(&config).expect("read");
    let short = |line: &str| if line.starts_with("group = ") { "group = \"dispatch\"" } else { line }.to_owned();
    fs::write(&config, text.lines().map(short).collect::<Vec<_>>().join("\n")).expect("written");
    assert!(refused(&["add-receiver", &place, "2"]).contains("fewer than 16 characters"));
    assert!(!Path::new(&place).join("receivers/dispatch-2").exists());
    let checked = call(&["check", "--config", config.to_str().expect("UTF-8")]);
    assert_eq!(checked.status.code(), Some(78), "{}", String::from_utf8_lossy(&checked.stderr));
    let _broker = Secured::start(Path::new(&place), port).expect("a broker");
    let receiver = start(&config);
    assert!(await_condition(PATIENCE, || receiver.log().contains("receiving")), "{}", receiver.log());
    assert!(receiver.log().contains("fewer than 16 characters"), "{}", receiver.log());
}

/// The name in a certificate, by OpenSSL.
fn common_name(certificate: &Path) -> String {
    let wanted = ["x509", "-noout", "-subject", "-nameopt", "multiline", "-in"];
    let done = Command::new("openssl").args(wanted).arg(certificate).output().expect("openssl runs");
    let said = String::from_utf8(done.stdout).expect("UTF-8");
    let line = said.lines().find_map(|line| line.trim().strip_prefix("commonName")?.trim().strip_prefix("= "));
    line.unwrap_or_else(|| panic!("{}: {said}", certificate.display())).to_owned()
}

#[test]
fn whoever_adds_and_removes_at_the_same_time_makes_whole_bundles_and_no_right_too_many() {
    let (_dir, place) = installation(free_port());
    let old: Vec<String> = (0..10).map(|n| format!("old{n}")).collect();
    old.iter().for_each(|truck| drop(good(&["add-truck", &place, event::FLEET, truck])));
    let new: Vec<String> = (0..10).map(|n| format!("new{n}")).collect();
    std::thread::scope(|scope| {
        for (command, trucks) in [("remove-truck", &old), ("add-truck", &new)] {
            for truck in trucks {
                scope.spawn(|| good(&[command, &place, event::FLEET, truck]));
            }
        }
    });
    let trucks = Path::new(&place).join("trucks");
    let mut folders = Vec::new();
    for entry in fs::read_dir(&trucks).expect("read").flatten().filter(|entry| entry.path().is_dir()) {
        let name = entry.file_name().into_string().expect("UTF-8");
        assert_eq!(common_name(&entry.path().join("truck.crt")), name);
        let [ca, cert, key] = ["ca.crt", "truck.crt", "truck.key"].map(|file| entry.path().join(file));
        let time = BestTime { utc: gatestamp::version::released(), source: TimeSource::Release };
        // Refuses a key that is another certificate's.
        let read = Credentials::read(&TlsFiles { ca, cert, key }, time);
        assert!(read.is_ok(), "{name}: {:?}", read.err());
        let text = fs::read_to_string(entry.path().join("gatestamp.toml")).expect("read");
        let truck = gatestamp::config::read("gatestamp.toml", &text).expect("accepted").truck;
        assert_eq!(format!("{}.{}", truck.fleet, truck.id), name);
        folders.push(name);
    }
    folders.sort();
    let acl = fs::read_to_string(Path::new(&place).join("broker/acl")).expect("read");
    let users: Vec<&str> = acl.lines().filter_map(|line| line.strip_prefix("user ")).collect();
    assert_eq!(users, [&["dispatch"], folders.iter().map(String::as_str).collect::<Vec<_>>().as_slice()].concat());
    assert_eq!(folders.len(), 12, "{folders:?}");
}

/// Mosquitto asks its ACL before it delivers, not before it lets somebody subscribe.
#[test]
fn nobody_joins_the_receivers_and_swallows_events() {
    let port = free_port();
    let (dir, place) = installation(port);
    let server = Server::start(&dir.path().join("postgres")).expect("a database server");
    let config = Path::new(&place).join("receiver/receiver.toml");
    share(&config, &server.url());
    let _broker = Secured::start(Path::new(&place), port).expect("a broker");
    let receiver = start(&config);
    assert!(await_condition(PATIENCE, || receiver.log().contains("receiving")), "{}", receiver.log());
    block_on(async {
        let mut stranger = truck(port, &place, "t2").await.expect("connects");
        for group in ["dispatch", "gatestamp-dispatch", "receivers"] {
            stranger.subscribe(&format!("$share/{group}/gatestamp/v1/+/+/events")).await.expect("answered");
        }
        let mut truck = truck(port, &place, "t1").await.expect("connects");
        for sequence in 1..=20 {
            let answer = truck.publish(&event::topic("t1", "events"), event::arrival("t1", sequence)).await;
            assert_eq!(answer, Ok(PubAckReason::Success), "{sequence}: nobody took it");
        }
    });
    let mut store = store::beside(&rig_place(&server)).expect("opens");
    let mut all = || store.query("SELECT count(*) FROM event", &[]).expect("asked") == [[Value::Int(20)]];
    assert!(await_condition(PATIENCE, &mut all), "each was sent once, and not each is there: {}", receiver.log());
}

#[test]
fn a_certificate_of_another_authority_does_not_get_in() {
    let port = free_port();
    let (_dir, place) = installation(port);
    let (_other_dir, other) = installation(free_port());
    let _broker = Secured::start(Path::new(&place), port).expect("a broker");
    let own = Path::new(&place).join("trucks/acme.t1");
    // It believes our broker, and shows the certificate of somebody else.
    fs::copy(own.join("ca.crt"), Path::new(&other).join("trucks/acme.t1/ca.crt")).expect("copied");
    let connected = block_on(truck(port, &other, "t1"));
    assert!(connected.is_err(), "got in");
    assert!(block_on(truck(port, &place, "t1")).is_ok());
}

#[test]
fn a_bundle_is_what_the_agent_takes() {
    let (_dir, place) = installation(free_port());
    let bundle = Path::new(&place).join("trucks/acme.t1");
    let text = fs::read_to_string(bundle.join("gatestamp.toml")).expect("read");
    let config = gatestamp::config::read("gatestamp.toml", &text).expect("accepted");
    assert_eq!(config.truck.device(), "acme-t1");
    let mqtt = config.mqtt.expect("a broker");
    assert_eq!(mqtt.host, "dispatch.example.com");
    let mut files = mqtt.tls.expect("certificates");
    for file in [&mut files.ca, &mut files.cert, &mut files.key] {
        *file = bundle.join(&*file);
    }
    let released = BestTime { utc: gatestamp::version::released(), source: TimeSource::Release };
    let later = BestTime { utc: UnixMillis(released.utc.0 + 10 * 365 * 86_400_000), source: TimeSource::Gnss };
    for time in [released, later] {
        let credentials = Credentials::read(&files, time).expect("good");
        assert_eq!(credentials.doubts, vec![]);
    }
    let key = fs::read_to_string(Path::new(&place).join("receiver/dispatch.pub")).expect("read");
    assert!(text.contains(&format!("keys = [\"{}\"]", key.trim())), "{text}");
    assert!(!config.dispatch.keys.is_empty());
}

#[test]
fn nothing_is_written_over_and_keys_are_the_owners_alone() {
    let (_dir, place) = installation(free_port());
    let mode = |name: &str| {
        let found = fs::metadata(Path::new(&place).join(name)).expect("is there");
        found.permissions().mode() & 0o777
    };
    for key in [
        "ca/ca.key",
        "broker/broker.key",
        "receiver/receiver.key",
        "receiver/dispatch.key",
        "receiver/receiver.toml",
        "trucks/acme.t1/truck.key",
    ] {
        assert_eq!(mode(key), 0o600, "{key}");
    }
    let before = fs::read(Path::new(&place).join("trucks/acme.t1/truck.key")).expect("read");
    assert!(refused(&["add-truck", &place, "acme", "t1"]).contains("is there already"));
    assert_eq!(fs::read(Path::new(&place).join("trucks/acme.t1/truck.key")).expect("read"), before);
    assert!(refused(&["init", &place, "--host", "x"]).contains("not empty"));
    assert!(refused(&["add-truck", &place, "acme", "a/b"]).contains("A-Z a-z 0-9"));
    assert!(refused(&["add-truck", &place, &"f".repeat(32), &"t".repeat(32)]).contains("longer than"));
    assert!(refused(&["remove-truck", &place, "acme", "t9"]).contains("is not there"));
}

#[test]
fn two_trucks_never_have_one_device_id() {
    let (_dir, place) = installation(free_port());
    good(&["add-truck", &place, "acme", "de-1"]);
    assert!(refused(&["add-truck", &place, "acme-de", "1"]).contains("device id acme-de-1"));
    good(&["remove-truck", &place, "acme", "de-1"]);
    assert!(refused(&["add-truck", &place, "acme-de", "1"]).contains("device id acme-de-1"));
    good(&["add-truck", &place, "acme", "de-1"]);
}

/// A file of a package that somebody edited makes dpkg ask, and an unattended upgrade fail.
#[test]
fn no_step_edits_a_file_of_a_package() {
    let (_dir, place) = installation(free_port());
    let text = fs::read_to_string(Path::new(&place).join("broker/mosquitto.service.conf")).expect("read");
    let starts: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("ExecStart=")).collect();
    let config = fs::canonicalize(&place).expect("there").join("broker/mosquitto.conf");
    assert!(config.exists());
    // Without the empty one systemd would have two, and refuse.
    assert_eq!(starts, ["", &format!("/usr/sbin/mosquitto -c \"{}\"", config.display())]);
    let steps = include_str!("../../../README.md");
    let commands = steps.lines().filter(|line| line.starts_with("       "));
    let into_etc: Vec<&str> =
        commands.filter(|line| line.contains(" /etc/") && !line.contains("/etc/systemd/system/")).collect();
    assert_eq!(into_etc, [""; 0]);
    assert!(!include_str!("../../../deb/pack").contains("conffiles"), "the package of the receiver has none either");
}

#[test]
fn the_help_names_each_command_and_where_to_read_on() {
    let help = good(&["--help"]);
    for word in [
        "run",
        "check",
        "init",
        "add-truck",
        "remove-truck",
        "add-receiver",
        "remove-receiver",
        "status",
        "backup",
        "restore",
        "README.md",
        "Exit codes",
    ] {
        assert!(help.contains(word), "{word}: {help}");
    }
}

/// As on a dispatcher's computer: root adds trucks, and the broker is somebody else. Only root can be asked to.
#[test]
fn the_acl_stays_the_brokers_when_root_adds_a_truck() {
    let (_dir, place) = installation(free_port());
    let acl = Path::new(&place).join("broker/acl");
    let mine = fs::metadata(&acl).expect("there");
    let owner = if mine.uid() == 0 { (65_534, 65_534) } else { (mine.uid(), mine.gid()) };
    chown(&acl, Some(owner.0), Some(owner.1)).expect("root gives it away");
    good(&["add-truck", &place, event::FLEET, "t3"]);
    let found = fs::metadata(&acl).expect("there");
    assert_eq!((found.uid(), found.gid()), owner);
    assert_eq!(found.permissions().mode() & 0o777, 0o644);
}

/// As above: the broker, who owns the folder, puts a link there before root adds a truck.
#[test]
fn root_gives_nothing_to_whom_a_link_in_the_brokers_folder_leads() {
    let (dir, place) = installation(free_port());
    let (acl, target) = (Path::new(&place).join("broker/acl"), dir.path().join("elsewhere"));
    fs::rename(&acl, &target).expect("moved");
    let mine = fs::metadata(&target).expect("there");
    if mine.uid() == 0 {
        chown(&target, Some(65_534), Some(65_534)).expect("root gives it away");
    }
    let before = fs::read(&target).expect("read");
    std::os::unix::fs::symlink(&target, &acl).expect("linked");
    std::os::unix::fs::symlink(&target, acl.with_extension("new")).expect("linked");
    good(&["add-truck", &place, event::FLEET, "t3"]);
    let found = fs::symlink_metadata(&acl).expect("there");
    assert!(found.is_file());
    assert_eq!((found.uid(), found.gid()), (mine.uid(), mine.gid()), "its owner is whom the link led to");
    assert_eq!(fs::read(&target).expect("read"), before);
}
