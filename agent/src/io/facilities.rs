//! Reads text files that a person wrote, with errors that name the file and the remedy.

use crate::facility::{self, Facilities};
use crate::fault::Fault;
use std::path::Path;

/// Larger files are a mistake: 50,000 fences of 43 vertices take about 100 MB.
const FILE_MAX: u64 = 256 << 20;

/// Reads `path` as text.
///
/// # Errors
/// One fault that says what the file system says and what to do.
pub fn text(path: &Path, what: &str) -> Result<String, Vec<Fault>> {
    let fault =
        |why: String, remedy: String| vec![Fault { file: path.display().to_string(), line: None, what: why, remedy }];
    let size = std::fs::metadata(path).map_err(|error| {
        fault(
            format!("{what} cannot be read: {error}"),
            format!(
                "create it, or name another file; it must be readable by the user that runs gatestamp ({})",
                user()
            ),
        )
    })?;
    if size.is_dir() {
        return Err(fault(format!("{what} is a directory"), "name the file in it".to_owned()));
    }
    if size.len() > FILE_MAX {
        let why = format!("{what} has {} MB; at most {} are read", size.len() >> 20, FILE_MAX >> 20);
        return Err(fault(why, "leave out what this truck never needs".to_owned()));
    }
    std::fs::read_to_string(path)
        .map_err(|error| fault(format!("{what} cannot be read: {error}"), "save it as UTF-8 text".to_owned()))
}

fn user() -> String {
    format!("uid {}", rustix::process::geteuid().as_raw())
}

/// Reads the facility file at `path`.
///
/// # Errors
/// Every fault in it.
pub fn load(path: &Path) -> Result<Facilities, Vec<Fault>> {
    let text = text(path, "the facility file")?;
    facility::read(&path.display().to_string(), &text)
}
