//! What the commands say: answers on stdout, remarks and failures on stderr. Whoever reads may leave before the end, as `head` does.

use super::{Failure, exit};
use std::io::{BufWriter, ErrorKind, Write};

/// Prints lines on stdout.
pub(super) fn print<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> Result<(), Failure> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    // Names come from a file: they must not steer the terminal.
    let plain = |c: char| if c.is_control() && c != '\n' { '?' } else { c };
    let written = lines.into_iter().try_for_each(|line| {
        let line: String = line.as_ref().chars().map(plain).collect();
        writeln!(out, "{}", line.trim_end_matches('\n'))
    });
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure(exit::IO, format!("writing failed: {error}\n    remedy: name another place for the output")))
        }
        _ => Ok(()),
    }
}

/// So many, in the words for one and for several.
pub(super) fn counted(count: usize, [one, several]: [&str; 2]) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// A remark beside the answer, or why there is none.
pub(super) fn note(text: &str) {
    // Nobody is left to be told where this fails.
    let _ = writeln!(std::io::stderr(), "gatestamp: {text}");
}
