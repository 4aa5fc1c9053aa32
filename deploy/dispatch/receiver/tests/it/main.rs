//! The receiver from outside: the real binary, a real Mosquitto, and both real databases.

mod kills;
mod rig;
mod store;
