//! From bytes to fixes, by the field problems of real receivers. docs/receivers.md lists them by number, with the test of each.

mod dates;
mod delay;
mod findings;
mod places;
mod shapes;
mod stream;
mod wire;
