//! The rehearsal itself, very small.

mod small;
