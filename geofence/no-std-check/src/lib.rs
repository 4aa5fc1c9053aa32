//! The proof that `geofence` runs without an operating system: it builds.
//!
//! A program has one panic handler. The standard library brings one, and this crate brings another; so as soon as `geofence`, or
//! anything below it, links `std`, the build ends with "error[E0152]: found duplicate lang item `panic_impl`" and names the crate
//! that loaded it. No bare-metal target has to be installed for that, and it is stricter than `#![no_std]` in `geofence` itself,
//! which says nothing about its dependencies.
//!
//! Built on its own, `cargo build --manifest-path geofence/no-std-check/Cargo.toml`, and never as a test: the test harness is `std`.
//! To see it bite, write `extern crate std;` into `geofence/src/lib.rs`, or turn on a dependency's `std` feature.
#![no_std]

// A dependency that nothing names is not linked, and what is not linked proves nothing.
use geofence as _;

#[panic_handler]
fn halt(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
