//! What has a process used, as the kernel tells?

use std::fs;
use std::io;
use std::path::Path;

/// What one process has used so far, over all its threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Time on a processor, nanoseconds (`/proc/PID/task/TID/schedstat`): far finer than the ticks of `stat`.
    pub cpu_ns: u64,
    /// How often it was woken to work, or rather went to sleep after it (`voluntary_ctxt_switches`).
    pub switches: u64,
    /// Resident memory, kB (`VmRSS`): shared libraries count whole.
    pub rss_kb: u64,
    /// Resident memory, kB (`Pss`): what is shared counts by its share.
    pub pss_kb: u64,
}

impl Usage {
    /// Of a process that runs.
    ///
    /// # Errors
    /// When it does not run, or is another user's.
    pub fn of(pid: u32) -> io::Result<Self> {
        let proc = Path::new("/proc").join(pid.to_string());
        let mut usage = Self {
            rss_kb: number(&fs::read_to_string(proc.join("status"))?, "VmRSS:")?,
            pss_kb: number(&fs::read_to_string(proc.join("smaps_rollup"))?, "Pss:")?,
            ..Self::default()
        };
        for thread in fs::read_dir(proc.join("task"))? {
            let thread = thread?.path();
            usage.cpu_ns += number(&fs::read_to_string(thread.join("schedstat"))?, "")?;
            usage.switches += number(&fs::read_to_string(thread.join("status"))?, "voluntary_ctxt_switches:")?;
        }
        Ok(usage)
    }
}

/// The number after `name` at the begin of a line.
fn number(text: &str, name: &str) -> io::Result<u64> {
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
    found.ok_or_else(|| io::Error::other(format!("the kernel tells no {name:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_behind_its_name_at_the_begin_of_a_line() {
        let status = "nonvoluntary_ctxt_switches:\t7\nVmRSS:\t    4360 kB\nvoluntary_ctxt_switches:\t15\n";
        let told = ["VmRSS:", "voluntary_ctxt_switches:"].map(|name| number(status, name).expect("there"));
        assert_eq!(told, [4_360, 15]);
        assert_eq!(number("123456 789 3\n", "").expect("the first"), 123_456);
        assert!(number(status, "Pss:").is_err());
    }

    #[test]
    fn what_this_process_has_used_grows_with_its_work() {
        let own = std::process::id();
        let before = Usage::of(own).expect("this one runs");
        let sum: u64 = (0..5_000_000_u64).map(std::hint::black_box).sum();
        let after = Usage::of(own).expect("this one runs");
        assert!(sum > 0 && after.cpu_ns > before.cpu_ns + 1_000_000, "{before:?} {after:?}");
        assert!(after.rss_kb > 1_000 && after.pss_kb <= after.rss_kb, "{after:?}");
    }
}
