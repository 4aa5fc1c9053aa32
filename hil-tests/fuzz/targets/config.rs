//! Any text as a configuration: faults with a line and a remedy, or a configuration; never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(faults) = gatestamp::config::read("gatestamp.toml", text) {
        assert!(!faults.is_empty());
    }
});
