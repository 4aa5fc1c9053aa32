//! What does a person learn from `status`?

use std::io::pipe;
use std::path::Path;
use std::process::Command;

use gatestamp_receiver::store;

use crate::rig::Database;
use crate::rig::process::{PROGRAM, configure};

fn status(config: &Path) -> String {
    let done = Command::new(PROGRAM).args(["status", "--config"]).arg(config).output().expect("the program runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("UTF-8")
}

#[test]
fn a_reader_that_has_seen_enough_is_no_fault() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let place = Database::sqlite(dir.path()).place();
    drop(store::open(&place).expect("made"));
    let config = configure(dir.path(), "receiver", 1, &place, "");
    assert!(!status(&config).is_empty());
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(PROGRAM);
    let done = command.args(["status", "--config"]).arg(&config).stdout(writer).output().expect("the program runs");
    assert!(done.status.success(), "{:?}: {}", done.status, String::from_utf8_lossy(&done.stderr));
}
