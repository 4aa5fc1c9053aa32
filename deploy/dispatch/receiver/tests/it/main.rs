//! The receiver from outside: the real binary, a real Mosquitto, and both real databases.

mod answers;
mod backup;
mod everything;
mod installation;
mod kills;
mod paths;
mod removal;
mod restored;
mod rig;
mod session;
mod status;
mod store;
mod webhook;
