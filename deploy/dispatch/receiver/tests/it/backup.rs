//! Is a backup whole, and does what came after it come back?

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use gatestamp::downlink::PublicKey;
use gatestamp_receiver::command::Signer;
use gatestamp_receiver::store::{self, Place, Value};
use hil_tests::clock::await_condition;
use hil_tests::mosquitto::Mosquitto;

use crate::rig::process::{PROGRAM, configure, start};
use crate::rig::truck::Truck;
use crate::rig::{Database, postgres};

const TOTAL: u64 = 300;
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn call(command: &str, config: &Path, copy: &Path) -> Result<String, String> {
    let done = Command::new(PROGRAM).env("PATH", path()).arg(command).arg("--config").arg(config).arg(copy).output();
    let done = done.expect("the program runs");
    let [out, err] = [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    if done.status.success() { Ok(out) } else { Err(err) }
}

/// With PostgreSQL's programs of the server's own version.
pub(crate) fn path() -> String {
    let folder = postgres::program("pg_dump").parent().map(Path::to_owned).unwrap_or_default();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default())
}

fn events(place: &Place) -> i64 {
    count(place, "SELECT count(*) FROM event")
}

/// 0 while the database is being made.
pub(crate) fn count(place: &Place, sql: &'static str) -> i64 {
    let count = store::beside(place).and_then(|mut store| store.query(sql, &[]));
    count.ok().and_then(|rows| rows.first()?.first().and_then(Value::int)).unwrap_or(0)
}

/// Loses the database.
pub(crate) fn lose(database: &Database) {
    match database.place() {
        Place::Sqlite(file) => {
            for ending in ["", "-wal", "-shm"] {
                let _ = fs::remove_file(format!("{}{ending}", file.display()));
            }
        }
        Place::Postgres { url, .. } => {
            let mut client = ::postgres::Client::connect(&url, ::postgres::NoTls).expect("connects");
            client.batch_execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").expect("dropped");
        }
    }
}

/// The backup is from the middle; the receiver dies with its database at the end; what came between is asked for and comes again, long
/// before a hole would be.
fn dispatch_restored_from_backup(database: &Database, dir: &Path) {
    let key = dir.join("dispatch.key");
    fs::write(&key, "07".repeat(32)).expect("written");
    let public = PublicKey::read(&Signer::read(&key).expect("a key").public()).expect("a key");
    let broker = Mosquitto::start(dir).expect("a broker");
    let more = "[commands]\nkey = \"dispatch.key\"\nhole_patience_s = 3600";
    let config = configure(dir, "receiver", broker.port(), &database.place(), more);
    let mut receiver = start(&config);
    let truck = Truck::start(broker.port(), "t1", TOTAL, Some(public));
    assert!(await_condition(PATIENCE, || truck.thru() >= TOTAL / 3), "{}", receiver.log());
    let copy = dir.join("copy");
    call("backup", &config, &copy).expect("a backup beside a running receiver");
    assert_eq!(fs::metadata(&copy).expect("there").permissions().mode() & 0o777, 0o600);
    assert!(call("backup", &config, &copy).expect_err("twice").contains("is there already"));
    assert!(call("restore", &config, &copy).is_err(), "over a database that is there");
    assert!(await_condition(PATIENCE, || truck.thru() == TOTAL), "{}", receiver.log());

    receiver.kill();
    lose(database);
    call("restore", &config, &copy).expect("restored");
    let then = events(&database.place());
    assert!(then >= i64::try_from(TOTAL / 3).expect("small"), "{then}");
    assert!(then < i64::try_from(TOTAL).expect("small"), "the backup is from before the end: {then}");
    receiver.restart().expect("the receiver starts");
    let filled = || events(&database.place()) == i64::try_from(TOTAL).expect("small");
    assert!(await_condition(PATIENCE, filled), "{}", receiver.log());
    assert_eq!(truck.commands(), 1, "it answered the first one");
    let answered = || count(&database.place(), "SELECT count(*) FROM device WHERE again_ms IS NOT NULL") == 0;
    assert!(await_condition(PATIENCE, answered), "{}", receiver.log());
    // What was given out after the backup is not given out again.
    let twice = "SELECT count(*) FROM event WHERE arrival > 1000000000";
    let new = store::beside(&database.place()).expect("opens").query(twice, &[]).expect("asked");
    assert_eq!(new, [[Value::Int(i64::try_from(TOTAL).expect("small") - then)]]);
}

#[test]
fn dispatch_restored_from_backup_in_sqlite() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    dispatch_restored_from_backup(&Database::sqlite(dir.path()), dir.path());
}

#[test]
fn dispatch_restored_from_backup_in_postgres() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    dispatch_restored_from_backup(&Database::postgres(dir.path()), dir.path());
}

#[test]
fn a_damaged_backup_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let database = Database::sqlite(dir.path());
    let config = configure(dir.path(), "receiver", 1, &database.place(), "");
    drop(store::open(&database.place()).expect("made"));
    let copy = dir.path().join("copy");
    call("backup", &config, &copy).expect("a backup");
    let mut bytes = fs::read(&copy).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xA5);
    fs::write(&copy, bytes).expect("written");
    lose(&database);
    call("restore", &config, &copy).expect_err("restored what is damaged");
    let Place::Sqlite(file) = database.place() else { panic!("SQLite") };
    assert!(!file.exists(), "a damaged backup is in place");
}

#[test]
fn what_is_restored_belongs_to_the_service_and_not_under_a_running_receiver() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let home = dir.path().join("home");
    fs::create_dir(&home).expect("made");
    let database = Database::sqlite(&home);
    let Place::Sqlite(file) = database.place() else { panic!("SQLite") };
    let config = configure(dir.path(), "receiver", 1, &database.place(), "");
    let running = store::open(&database.place()).expect("made");
    let copy = dir.path().join("copy");
    call("backup", &config, &copy).expect("a backup");
    lose(&database);
    let why = call("restore", &config, &copy).expect_err("beside a receiver that still has the lost file open");
    assert!(why.contains("systemctl stop gatestamp-receiver") && !file.exists(), "{why}");
    assert!(why.contains("[store] kind = \"postgres\""), "{why}");
    drop(running);
    fs::remove_file(format!("{}.lock", file.display())).expect("a new disk");
    // As on a dispatcher's computer, where root restores and the service is somebody else. Only root can be asked to.
    let owner =
        if fs::metadata(&home).expect("there").uid() == 0 { 65_534 } else { fs::metadata(&home).expect("there").uid() };
    chown(&home, Some(owner), None).expect("root gives its folder away");
    call("restore", &config, &copy).expect("restored");
    for entry in fs::read_dir(&home).expect("read").flatten() {
        assert_eq!(entry.metadata().expect("there").uid(), owner, "{}", entry.path().display());
    }
}

/// The service owns the database's folder. Only root can be led to give something away.
#[test]
fn a_restore_gives_nothing_away_that_a_link_leads_to() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let home = dir.path().join("home");
    fs::create_dir(&home).expect("made");
    let mine = fs::metadata(&home).expect("there").uid();
    let database = Database::sqlite(&home);
    let Place::Sqlite(file) = database.place() else { panic!("SQLite") };
    let config = configure(dir.path(), "receiver", 1, &database.place(), "");
    drop(store::open(&database.place()).expect("made"));
    let copy = dir.path().join("copy");
    call("backup", &config, &copy).expect("a backup");
    lose(&database);
    let (lock, target) = (format!("{}.lock", file.display()), dir.path().join("elsewhere"));
    fs::write(&target, "root's").expect("written");
    chown(&home, Some(if mine == 0 { 65_534 } else { mine }), None).expect("root gives its folder away");
    let kinds: [fn(&Path, &Path) -> std::io::Result<()>; 2] =
        [|to, at| symlink(to, at), |to, at| fs::hard_link(to, at)];
    for link in kinds {
        fs::remove_file(&lock).expect("removed");
        link(&target, Path::new(&lock)).expect("linked");
        let told = call("restore", &config, &copy);
        if mine == 0 {
            assert!(told.expect_err("refused").contains(".lock is a link"));
            assert!(!file.exists());
        }
        assert_eq!(fs::metadata(&target).expect("there").uid(), mine);
    }
    // What is written goes into a file of its own, whatever has its name already.
    fs::remove_file(&lock).expect("removed");
    symlink(&target, Path::new(&format!("{}.new", file.display()))).expect("linked");
    let _ = fs::remove_file(&file);
    call("restore", &config, &copy).expect("restored");
    assert_eq!(fs::read(&target).expect("read"), b"root's");
}

#[test]
fn a_fault_names_what_was_given_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let home = dir.path().join("home");
    fs::create_dir(&home).expect("made");
    let database = Database::sqlite(&home);
    let config = configure(dir.path(), "receiver", 1, &database.place(), "");
    let junk = dir.path().join("junk");
    let others = dir.path().join("somebody-elses.db");
    rusqlite::Connection::open(&others).and_then(|made| made.execute_batch("CREATE TABLE t (x)")).expect("a database");
    for bytes in [&b"no database at all"[..], b"", &fs::read(&others).expect("read")] {
        fs::write(&junk, bytes).expect("written");
        let why = call("restore", &config, &junk).expect_err("no backup");
        assert!(why.contains(&junk.display().to_string()) && !why.contains(".new"), "{why}");
        let left: Vec<_> = fs::read_dir(&home).expect("read").flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(left, ["dispatch.db.lock"]);
    }
    drop(store::open(&database.place()).expect("made"));
    let why = call("backup", &config, &dir.path().join("gone/copy")).expect_err("there is no such folder");
    assert!(why.contains("gone: the folder is not there"), "{why}");
    fs::remove_dir_all(&home).expect("removed");
    let why = call("restore", &config, &others).expect_err("there is no such folder");
    assert!(why.contains("the folder is not there"), "{why}");
}

#[test]
fn a_backup_of_the_first_release_is_restored() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let database = Database::sqlite(dir.path());
    let config = configure(dir.path(), "receiver", 1, &database.place(), "");
    let copy = dir.path().join("copy");
    let first = format!(
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL); INSERT INTO meta VALUES ('schema', '1'); {}",
        include_str!("../../schema/0001-sqlite.sql")
    );
    rusqlite::Connection::open(&copy).and_then(|made| made.execute_batch(&first)).expect("made");
    call("restore", &config, &copy).expect("restored");
    assert!(store::beside(&database.place()).is_ok());
}
