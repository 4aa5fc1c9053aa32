//! A fault in something a person wrote: where it is, what is wrong, and what to do about it.

use std::fmt;

/// One fault in a configuration or facility file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file as it was named.
    pub file: String,
    /// The line, counted from 1, where one can be told.
    pub line: Option<usize>,
    /// What is wrong, naming the key or feature.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}\n    remedy: {}", self.what, self.remedy)
    }
}

/// The line, counted from 1, in which byte `offset` of `text` stands.
#[must_use]
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|&&b| b == b'\n').count()
}
