//! The only clock of the benchmark.

/// Monotonic time in ms, from some moment on.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time; nothing it measures reads a clock")]
pub(crate) fn now_ms() -> f64 {
    use std::sync::OnceLock;
    use std::time::Instant;
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    BEGIN.get_or_init(Instant::now).elapsed().as_secs_f64() * 1e3
}
