//! Who else has the receiver's port open? Two readers of one port take bytes from each other.

use std::fs;
use std::path::Path;

/// More names than this help nobody.
const NAMED_MAX: usize = 4;

/// The other programs that have `device` open, such as `ModemManager (pid 812)`, as far as this user may look: without root, and
/// under the hardening of the packaged service, only his own.
pub(super) fn holders(device: &Path) -> Vec<String> {
    let (Ok(device), Ok(processes)) = (fs::canonicalize(device), fs::read_dir("/proc")) else { return Vec::new() };
    let own = std::process::id();
    let mut named: Vec<(u32, String)> = Vec::new();
    for process in processes.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if pid != own && has_open(&process.path(), &device) {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            named.push((pid, format!("{} (pid {pid})", name.trim())));
        }
    }
    named.sort();
    named.truncate(NAMED_MAX);
    named.into_iter().map(|(_, name)| name).collect()
}

fn has_open(process: &Path, device: &Path) -> bool {
    let Ok(open) = fs::read_dir(process.join("fd")) else { return false };
    open.flatten().any(|descriptor| fs::read_link(descriptor.path()).is_ok_and(|file| file == device))
}
