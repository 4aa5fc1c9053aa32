//! What does dispatch do over a real database server that dies?
//!
//! A PostgreSQL server of the rig's own: in a folder that is given, on a Unix socket there, gone with the handle.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::clock::await_condition;
use crate::running::Running;

/// Recovery after a kill takes a second; a loaded machine takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// `nobody` and `nogroup` of Debian.
const NOBODY: u32 = 65_534;

/// A running server; dropping it kills it.
#[derive(Debug)]
pub struct Server {
    dir: PathBuf,
    process: Running,
}

/// The newest that Debian has installed, or the one on the path.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin").join(name)).collect();
    found.retain(|path| path.exists());
    found.sort();
    found.pop().unwrap_or_else(|| PathBuf::from(name))
}

/// PostgreSQL refuses to run as root: then it runs as `nobody`, who owns the folder.
fn command(program: impl AsRef<OsStr>, dir: &Path) -> io::Result<Command> {
    if fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(Command::new(program));
    }
    chown(dir, Some(NOBODY), Some(NOBODY))?;
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program.as_ref());
    Ok(command)
}

impl Server {
    /// Makes a cluster in `dir` and starts it. The folder above `dir` is opened for everybody to pass, so it should be a temporary one.
    ///
    /// # Errors
    /// When it is not installed, says so by name; in its own words when it does not start within a minute.
    pub fn start(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        if let Some(above) = dir.parent() {
            fs::set_permissions(above, fs::Permissions::from_mode(0o755))?;
        }
        let made = command(program("initdb"), dir)?
            .args(["--auth=trust", "--username=gatestamp", "--encoding=UTF8", "--no-sync", "-D"])
            .arg(dir.join("data"))
            .current_dir("/")
            .output()
            .map_err(|fault| {
                io::Error::new(fault.kind(), format!("initdb: {fault} (Debian: apt install postgresql)"))
            })?;
        if !made.status.success() {
            return Err(io::Error::other(format!("initdb: {}", String::from_utf8_lossy(&made.stderr))));
        }
        let mut server = Self { dir: dir.to_owned(), process: Running::default() };
        server.restart()?;
        Ok(server)
    }

    /// How it is connected to, as libpq has it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("host={} user=gatestamp dbname=postgres", self.dir.display())
    }

    /// kill -9 of the server; its children notice and end.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it, as often as it takes: after a kill the old server's children hold its memory for a moment.
    ///
    /// # Errors
    /// When it does not start within a minute.
    pub fn restart(&mut self) -> io::Result<()> {
        let url = self.url();
        let mut failed = Ok(());
        let up = await_condition(PATIENCE, || {
            if self.process.pid().is_none() || self.process.ended().is_some() {
                match self.spawn() {
                    Ok(process) => self.process = process.into(),
                    Err(fault) => failed = Err(fault),
                }
            }
            failed.is_err() || ::postgres::Client::connect(&url, ::postgres::NoTls).is_ok()
        });
        failed?;
        let log = self.dir.join("log");
        if up { Ok(()) } else { Err(io::Error::other(format!("PostgreSQL does not start: see {}", log.display()))) }
    }

    fn spawn(&self) -> io::Result<Child> {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.dir.join("log"))?;
        command(program("postgres"), &self.dir)?
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
    }
}
