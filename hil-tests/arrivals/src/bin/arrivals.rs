//! `cargo bench-arrivals`.

fn main() {}
