//! Reads files that a person wrote or copied here, with errors that name the file and the remedy.

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
    as_text(path, bytes(path, what)?, what)
}

fn as_text(path: &Path, bytes: Vec<u8>, what: &str) -> Result<String, Vec<Fault>> {
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let text = error.as_bytes();
        let is_wide = text.starts_with(&[0xff, 0xfe]) || text.starts_with(&[0xfe, 0xff]);
        let seems = if is_wide { "UTF-16" } else { "Latin-1, or is no text" };
        let before = text.get(..good).unwrap_or_default();
        let line = Some(1 + before.iter().filter(|&&byte| byte == b'\n').count());
        let what = format!("{what} is not UTF-8: it seems saved as {seems}");
        vec![Fault { file: name(path), line, what, remedy: "save it as UTF-8 text".to_owned() }]
    })
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

fn fault(path: &Path, what: String, remedy: String) -> Vec<Fault> {
    vec![Fault { file: name(path), line: None, what, remedy }]
}

fn bytes(path: &Path, what: &str) -> Result<Vec<u8>, Vec<Fault>> {
    let unreadable = |error: std::io::Error| {
        let remedy = format!(
            "create it, or name another file; it must be readable by the user that runs gatestamp ({})",
            user()
        );
        fault(path, format!("{what} cannot be read: {error}"), remedy)
    };
    let size = std::fs::metadata(path).map_err(unreadable)?;
    if size.is_dir() {
        return Err(fault(path, format!("{what} is a directory"), "name the file in it".to_owned()));
    }
    if size.len() > FILE_MAX {
        let why = format!("{what} has {} MB; at most {} are read", size.len() >> 20, FILE_MAX >> 20);
        return Err(fault(path, why, "leave out what this truck never needs".to_owned()));
    }
    std::fs::read(path).map_err(unreadable)
}

fn user() -> String {
    format!("uid {}", rustix::process::geteuid().as_raw())
}

/// Whether a file begins as an atlas does, whatever its name is; one that is called an atlas is judged as one.
fn is_atlas(path: &Path, bytes: &[u8]) -> bool {
    bytes.starts_with(b"GSATLAS\n") || path.extension().is_some_and(|extension| extension == "atlas")
}

/// What a facility file holds.
pub enum FacilityFile {
    /// Something to compile, GeoJSON if it is good.
    Text(String),
    /// An atlas, verified.
    Atlas(Vec<u8>),
}

/// Reads the facility file at `path`, whichever form it has.
///
/// # Errors
/// What keeps it from being read, or what is wrong with an atlas.
pub fn read(path: &Path) -> Result<FacilityFile, Vec<Fault>> {
    const WHAT: &str = "the facility file";
    let bytes = bytes(path, WHAT)?;
    if is_atlas(path, &bytes) {
        let verified = Facilities::verify(&bytes);
        return verified.map(|()| FacilityFile::Atlas(bytes)).map_err(|error| vec![error.fault(&name(path))]);
    }
    as_text(path, bytes, WHAT).map(FacilityFile::Text)
}

/// The facility file at `path` as the bytes of an atlas.
///
/// # Errors
/// Every fault in it.
pub fn read_compiled(path: &Path) -> Result<Vec<u8>, Vec<Fault>> {
    match read(path)? {
        FacilityFile::Text(text) => facility::compiled(&name(path), &text),
        FacilityFile::Atlas(bytes) => Ok(bytes),
    }
}

/// The facility file at `path` in memory.
///
/// # Errors
/// Every fault in it.
pub fn load(path: &Path) -> Result<Facilities, Vec<Fault>> {
    let bytes = read_compiled(path)?;
    Facilities::open(bytes).map_err(|error| vec![error.fault(&name(path))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_utf_8_names_its_line_and_what_it_seems_to_be() {
        let told = |bytes: &[u8]| as_text(Path::new("f"), bytes.to_vec(), "the file").unwrap_err()[0].to_string();
        assert!(told(b"one\ntwo\nM\xfcnchen\n").starts_with("f:3: the file is not UTF-8: it seems saved as Latin-1"));
        assert!(told(b"\xff\xfe{\0").starts_with("f:1: the file is not UTF-8: it seems saved as UTF-16"));
    }
}
