//! Why does the daemon end, other than by being told to?

use crate::fault::Fault;
use crate::io::journal::JournalError;
use std::io;
use std::path::PathBuf;

/// Why the daemon cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The state directory cannot be used.
    #[error("state directory {dir}: {error}\n    remedy: {}", remedy(error))]
    StateDir {
        /// Which one.
        dir: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Another daemon works there.
    #[error(
        "state directory {0} is in use by another gatestamp\n    remedy: stop that one first (systemctl stop gatestamp)"
    )]
    InUse(PathBuf),
    /// The state is another truck's.
    #[error(
        "{dir} holds the history of another truck (its newest event is {newest})\n    remedy: set truck.fleet and truck.id as they were, or move the directory away to begin a new history"
    )]
    OtherTruck {
        /// The state directory.
        dir: PathBuf,
        /// Id of the newest event there.
        newest: String,
    },
    /// The facilities cannot be used, and there are no earlier ones.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Facilities(Vec<Fault>),
    /// The facilities were compiled and kept: whoever starts again is as small as one that found them.
    #[error("starting again with the facilities compiled")]
    Compiled,
    /// Events were made that only another start can journal.
    #[error("starting again to derive from the recording what could not be journaled")]
    StartAgain,
    /// The journal cannot be opened.
    #[error("{0}")]
    Journal(#[from] JournalError),
    /// A signal handler or the like.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// What to do about a state directory that cannot be used.
#[expect(clippy::wildcard_enum_match_arm, reason = "of all errors of directories these have a remedy of their own")]
fn remedy(error: &io::Error) -> &'static str {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ReadOnlyFilesystem => {
            "its file system is mounted read-only: see why (dmesg; after errors the system does that by itself), mount it for writing, or \
             name another in [state] dir"
        }
        Kind::NotADirectory | Kind::AlreadyExists | Kind::IsADirectory => {
            "there is a file where a directory has to be, or the other way round: name a directory in [state] dir, or move it away"
        }
        Kind::StorageFull | Kind::QuotaExceeded => "make room on its disk (df)",
        _ => "create it, and let the user that runs gatestamp write to it (chown gatestamp:)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_directory_that_cannot_be_used_names_the_remedy_of_its_cause() {
        let told = |errno: rustix::io::Errno| {
            let error = io::Error::from(errno);
            RunError::StateDir { dir: PathBuf::from("/s"), error }.to_string()
        };
        assert!(told(rustix::io::Errno::ROFS).contains("read-only: see why"), "{}", told(rustix::io::Errno::ROFS));
        for errno in [rustix::io::Errno::NOTDIR, rustix::io::Errno::EXIST] {
            assert!(told(errno).contains("there is a file where a directory has to be"), "{}", told(errno));
        }
        assert!(told(rustix::io::Errno::ACCESS).contains("chown gatestamp:"));
        assert!(told(rustix::io::Errno::NOSPC).contains("make room"));
    }
}
