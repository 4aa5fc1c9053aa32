//! How does the real agent behave in a truck that does not exist?
//!
//! The rig puts the released binary between a simulated world and a dispatcher, and touches it only where a truck would:
//!
//! ```text
//!  world -----> receiver -----> cab --pty--> gatestamp --TCP--> link --> broker --> dispatch --> verdict
//!  roads,       sentences       pace and     (the real          (cut,    (embedded, (commits,    (truth against
//!  fences,      as receivers    cable        binary,             back)    or real    then         what dispatch
//!  noise,       write them                   gateway.rs)                  Mosquitto) acknowledges) holds)
//!  truth
//! ```
//!
//! The world is seeded and deterministic: a seed names a drive, its noise and its true crossings. Everything right of `cab` is real
//! processes, sockets and files, so it is awaited with a deadline, never with a sleep.

pub mod background;
pub mod broker;
pub mod cab;
pub mod certificates;
pub mod clock;
pub mod day;
pub mod demo;
pub mod disk;
pub mod dispatch;
pub mod event;
pub mod failing_disk;
pub mod gateway;
pub mod gpsd;
pub mod idle;
pub mod installation;
pub mod journal;
pub mod link;
pub mod mosquitto;
pub mod postgresql;
pub mod process;
pub mod pty;
pub mod receiver;
pub mod receiving;
pub mod running;
pub mod secured;
pub mod sentences;
pub mod small_disk;
pub mod verdict;
pub mod wire;
pub mod world;
