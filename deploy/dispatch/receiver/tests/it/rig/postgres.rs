//! A PostgreSQL server of the test's own: in a temporary folder, on a Unix socket, gone with the test.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gatestamp_receiver::store::Place;
use hil_tests::clock::await_condition;

/// Recovery after a kill takes a second; a loaded machine takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server; dropping it kills it.
pub(crate) struct Server {
    dir: PathBuf,
    process: Option<Child>,
}

/// The newest that Debian has installed, or the one on the path.
pub(crate) fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin").join(name)).collect();
    found.retain(|path| path.exists());
    found.sort();
    found.pop().unwrap_or_else(|| PathBuf::from(name))
}

/// PostgreSQL refuses to run as root: then it runs as `nobody`, who owns the folder.
fn command(program: impl AsRef<OsStr>, dir: &Path) -> Command {
    if fs::metadata("/proc/self").expect("/proc is there").uid() != 0 {
        return Command::new(program);
    }
    let nobody = 65_534;
    chown(dir, Some(nobody), Some(nobody)).expect("root may give its folder away");
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program.as_ref());
    command
}

impl Server {
    /// Makes a cluster in `dir` and starts it.
    pub(crate) fn start(dir: &Path) -> Self {
        fs::create_dir_all(dir).expect("a folder can be made");
        let above = dir.parent().expect("it is in a temporary folder");
        fs::set_permissions(above, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
        let data = dir.join("data");
        let made = command(program("initdb"), dir)
            .args(["--auth=trust", "--username=gatestamp", "--encoding=UTF8", "--no-sync", "-D"])
            .arg(&data)
            .current_dir("/")
            .output()
            .expect("initdb is installed (Debian: apt install postgresql)");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut server = Self { dir: dir.to_owned(), process: None };
        server.restart();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("host={} user=gatestamp dbname=postgres", self.dir.display())
    }

    pub(crate) fn place(&self) -> Place {
        Place::Postgres { url: self.url(), ca: None }
    }

    /// kill -9 of the server; its children notice and end.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Both fail only if it is dead already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Starts it, as often as it takes: after a kill the old server's children hold its memory for a moment.
    pub(crate) fn restart(&mut self) {
        let up = await_condition(PATIENCE, || {
            let ended =
                self.process.as_mut().is_none_or(|process| process.try_wait().is_ok_and(|ended| ended.is_some()));
            if ended {
                self.process = Some(self.spawn());
            }
            ::postgres::Client::connect(&self.url(), ::postgres::NoTls).is_ok()
        });
        assert!(up, "PostgreSQL does not start: see {}", self.dir.join("log").display());
    }

    fn spawn(&self) -> Child {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.dir.join("log")).expect("a log");
        command(program("postgres"), &self.dir)
            .arg("-D")
            .arg(self.dir.join("data"))
            .arg("-k")
            .arg(&self.dir)
            .args(["-c", "listen_addresses="])
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("postgres can be started")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
