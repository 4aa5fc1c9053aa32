//! Who runs for the rig, and goes with it?

use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};

/// A process of somebody else's program, or none; dropping it is kill -9.
#[derive(Debug, Default)]
pub struct Running(Option<Child>);

impl Running {
    /// Kills it without warning and waits until it is gone.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.0.take() {
            // Both fail only if it is dead already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Its process id, while nobody has killed it.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.0.as_ref().map(Child::id)
    }

    /// How it ended, if it ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.as_mut()?.try_wait().ok().flatten()
    }
}

impl From<Child> for Running {
    fn from(process: Child) -> Self {
        Self(Some(process))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts a service of Debian's package `name`, with arguments by `arrange` and no input. Debian installs services where an ordinary
/// user's PATH does not look.
///
/// # Errors
/// When it is not installed, says so by name.
pub fn start(name: &str, arrange: impl Fn(&mut Command)) -> io::Result<Running> {
    for program in [name.to_owned(), format!("/usr/sbin/{name}")] {
        let mut command = Command::new(program);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        arrange(&mut command);
        match command.spawn() {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => {}
            done => return done.map(Running::from),
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, format!("{name} is not installed (Debian: apt install {name})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_installed_is_told_with_its_package() {
        let fault = start("no-such-service", |_| ()).expect_err("not there");
        assert_eq!(fault.to_string(), "no-such-service is not installed (Debian: apt install no-such-service)");
    }

    #[test]
    fn who_is_killed_is_gone_and_who_ends_says_how() {
        let mut sleeper = Running::from(Command::new("sleep").arg("600").spawn().expect("coreutils"));
        let pid = sleeper.pid().expect("it runs");
        assert!(sleeper.ended().is_none());
        sleeper.kill();
        assert!(sleeper.pid().is_none() && !std::path::Path::new(&format!("/proc/{pid}")).exists());
        let mut brief = Running::from(Command::new("false").spawn().expect("coreutils"));
        let mut ended = None;
        assert!(crate::clock::await_condition(std::time::Duration::from_secs(10), || {
            ended = brief.ended();
            ended.is_some()
        }));
        assert_eq!(ended.and_then(|status| status.code()), Some(1));
    }
}
