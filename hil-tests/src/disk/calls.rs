//! What a process asks of the file system: its calls, by `strace`, in the order in which it made them.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The calls that change files, and writing to the standard output.
const TRACED: &str = "trace=openat,write,pwrite64,ftruncate,fsync,fdatasync,unlink,unlinkat";
/// Longer than any single write of the journal.
const LONGEST: &str = "1048576";

/// One call that was successful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// A file was opened that is made if it is not there.
    Make(PathBuf),
    /// These bytes were written, from there on.
    Write(PathBuf, usize, Vec<u8>),
    /// The file has this length now.
    Truncate(PathBuf, usize),
    /// A file or a folder is on the disk.
    Sync(PathBuf),
    /// A file was removed.
    Remove(PathBuf),
    /// These bytes were written to the standard output.
    Said(Vec<u8>),
}

/// Runs `program` to its end and gives back its calls on files within `folder`.
///
/// # Errors
/// When strace is missing or may not trace, or the program fails.
pub fn trace(program: &Path, arguments: &[&Path], folder: &Path) -> io::Result<Vec<Call>> {
    let log = tempfile::NamedTempFile::new()?;
    let strace = Command::new("strace")
        .args(["-f", "-y", "-xx", "-s", LONGEST, "-e", TRACED, "-o"])
        .arg(log.path())
        .arg(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .map_err(|fault| io::Error::new(fault.kind(), format!("strace: {fault}")))?;
    if !strace.status.success() {
        return Err(io::Error::other(format!("{}: {}", strace.status, String::from_utf8_lossy(&strace.stderr))));
    }
    let text = std::fs::read_to_string(log.path())?;
    Ok(text.lines().filter_map(parse).filter(|call| call.is_within(folder)).collect())
}

impl Call {
    fn is_within(&self, folder: &Path) -> bool {
        match self {
            Self::Make(path)
            | Self::Write(path, ..)
            | Self::Truncate(path, _)
            | Self::Sync(path)
            | Self::Remove(path) => path.starts_with(folder),
            Self::Said(_) => true,
        }
    }
}

/// `PID name(FD<file>, "bytes", numbers...) = result`, all text in hexadecimal; failed calls are left out.
fn parse(line: &str) -> Option<Call> {
    let (_, call) = line.split_once(' ')?;
    let (name, rest) = call.trim_start().split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    if result.starts_with('-') {
        return None;
    }
    let arguments: Vec<&str> = arguments.trim_end().strip_suffix(')')?.split(", ").collect();
    let path = |index: usize| -> Option<PathBuf> {
        let argument = arguments.get(index)?;
        let named = argument.split_once('<').map_or(*argument, |(_, name)| name.trim_end_matches('>'));
        Some(PathBuf::from(OsString::from_vec(unescape(named)?)))
    };
    let number = |index: usize| arguments.get(index)?.parse::<usize>().ok();
    match name {
        "openat" if arguments.get(2)?.contains("O_CREAT") => path(1).map(Call::Make),
        "pwrite64" => Some(Call::Write(path(0)?, number(3)?, unescape(arguments.get(1)?)?)),
        "write" if arguments.first()?.starts_with("1<") => Some(Call::Said(unescape(arguments.get(1)?)?)),
        "ftruncate" => Some(Call::Truncate(path(0)?, number(1)?)),
        "fsync" | "fdatasync" => path(0).map(Call::Sync),
        "unlink" => path(0).map(Call::Remove),
        "unlinkat" => path(1).map(Call::Remove),
        _ => None,
    }
}

/// The bytes of `\x0a\x0b`, with or without quotes.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_matches('"');
    digits.split("\\x").skip(1).map(|byte| u8::from_str_radix(byte, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_as_strace_writes_them() {
        let file = r"4<\x2f\x73\x2f\x61>";
        let at = PathBuf::from("/s/a");
        let read = |line: &str| parse(&format!("29857 {line}"));
        assert_eq!(
            read(r#"openat(AT_FDCWD<\x2f>, "\x2f\x73\x2f\x61", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 4<\x2f\x73\x2f\x61>"#),
            Some(Call::Make(at.clone()))
        );
        assert_eq!(
            read(&format!(r#"pwrite64({file}, "\x37\x7f", 2, 4096) = 2"#)),
            Some(Call::Write(at.clone(), 4_096, vec![0x37, 0x7f]))
        );
        assert_eq!(read(&format!("ftruncate({file}, 3) = 0")), Some(Call::Truncate(at.clone(), 3)));
        assert_eq!(read(&format!("fdatasync({file})     = 0")), Some(Call::Sync(at.clone())));
        assert_eq!(read(r#"unlink("\x2f\x73\x2f\x61")   = 0"#), Some(Call::Remove(at)));
        assert_eq!(read(r#"write(1<\x70>, "\x41", 1) = 1"#), Some(Call::Said(b"A".to_vec())));
        assert_eq!(read(&format!("fsync({file}) = -1 EIO (Input/output error)")), None);
        assert_eq!(read("+++ exited with 0 +++"), None);
    }
}
