//! Does each command answer soon, in words, and with its exit code, when something it needs is wrong or gone?

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use gatestamp_receiver::clock;
use gatestamp_receiver::store::Place;
use hil_tests::clock::await_condition;

use crate::rig::broker::PATIENCE;
use crate::rig::process::{PROGRAM, configure};

fn ask(command: &str, config: &Path) -> Output {
    Command::new(PROGRAM).args([command, "--config"]).arg(config).output().expect("the program runs")
}

fn said(output: &Output) -> String {
    [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat()
}

fn sqlite(dir: &Path) -> Place {
    Place::Sqlite(dir.join("dispatch.db"))
}

#[test]
fn status_of_a_server_that_does_not_answer_ends_soon() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    // It takes the connection, as the kernel of a server that stands still does, and says nothing.
    let mute = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = mute.local_addr().expect("bound").port();
    let url = format!("host=127.0.0.1 port={port} user=gatestamp dbname=gatestamp");
    let config = configure(dir.path(), "receiver", 1, &Place::Postgres { url, ca: None }, "");
    let begun = clock::now();
    let done = ask("status", &config);
    assert_eq!(done.status.code(), Some(69), "{}", said(&done));
    assert!(said(&done).contains("has not answered within 5 s"), "{}", said(&done));
    let took = clock::now() - begun;
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn a_receiver_that_is_told_to_stop_says_so() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let place = sqlite(dir.path());
    let config = configure(dir.path(), "receiver", 1, &place, "");
    let log = dir.path().join("log");
    let mut command = Command::new(PROGRAM);
    command.args(["run", "--config"]).arg(&config).stdout(Stdio::null());
    let mut receiver = command.stderr(fs::File::create(&log).expect("made")).spawn().expect("the program runs");
    let told = || fs::read_to_string(&log).unwrap_or_default();
    // It speaks of the broker that is not there once it can hear signals.
    assert!(await_condition(PATIENCE, || !told().is_empty()), "it says nothing");
    let term = Command::new("kill").arg(receiver.id().to_string()).status().expect("kill runs");
    assert!(term.success() && receiver.wait().expect("ends").success(), "{}", told());
    assert!(
        told().lines().last().is_some_and(|line| line.contains("stopped") && line.contains("SIGTERM")),
        "{}",
        told()
    );
}

#[test]
fn a_webhooks_secret_that_can_be_guessed_is_refused_before_the_start_and_an_open_one_is_warned_of() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let secret = dir.path().join("webhook.secret");
    let more = "[webhook]\nurl = \"http://127.0.0.1:1/\"\nsecret = \"webhook.secret\"";
    let config = configure(dir.path(), "receiver", 1, &sqlite(dir.path()), more);
    let written = |text: &str, mode: u32| {
        fs::write(&secret, text).expect("written");
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).expect("set");
    };
    written("0123456789abcde\n", 0o600);
    for command in ["check", "run"] {
        let refused = ask(command, &config);
        assert_eq!(refused.status.code(), Some(78), "{command}: {}", said(&refused));
        assert!(said(&refused).contains("webhook.secret: ") && said(&refused).contains("openssl rand"), "{command}");
        assert!(!said(&refused).contains("ERROR"), "{command}: {}", said(&refused));
    }
    written("0123456789abcdef\n", 0o644);
    let checked = ask("check", &config);
    assert!(checked.status.success() && said(&checked).contains("(mode 644)"), "{}", said(&checked));
    written("0123456789abcdef\n", 0o640);
    let checked = ask("check", &config);
    assert!(checked.status.success() && !said(&checked).contains("warning"), "{}", said(&checked));
}

#[test]
fn init_takes_only_hosts_and_ports_that_can_be() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let place = dir.path().join("dispatch");
    let init = |host: &str, port: &str| {
        let mut command = Command::new(PROGRAM);
        command
            .arg("init")
            .arg(&place)
            .args([format!("--host={host}"), format!("--port={port}")])
            .output()
            .expect("the program runs")
    };
    for port in ["0", "65536", "-1"] {
        assert_eq!(init("dispatch.example.com", port).status.code(), Some(2), "{port}");
    }
    for host in ["999.1.1.1", "10.0.0", "1.2.3.4.5", "a..b", "a.", "-a.b", "a-.b", "a b", "-a", &"x".repeat(64), ""] {
        let refused = init(host, "8883");
        assert_eq!(refused.status.code(), Some(1), "{host}: {}", said(&refused));
        assert!(said(&refused).contains("is no host"), "{host}: {}", said(&refused));
    }
    assert!(!place.exists());
    for host in ["10.0.0.1", "dispatch-1.example.com", "localhost", "x1.4x"] {
        assert!(init(host, "8883").status.success(), "{host}");
        fs::remove_dir_all(&place).expect("made");
    }
}

#[test]
fn help_to_remove_a_receiver_asks_for_one_that_is_there() {
    let help = Command::new(PROGRAM).args(["remove-receiver", "--help"]).output().expect("the program runs");
    assert!(said(&help).contains("receivers/dispatch-2") && !said(&help).contains("never used"), "{}", said(&help));
}
