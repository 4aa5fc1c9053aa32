//! Gatestamp's agent as a library: everything but the border is pure.
//!
//! ```text
//!  receiver     io/serial      gnss/framer   gnss/epoch      geofence::Tracker    visit/          event/        io/journal      outbox         io/mqtt
//!   bytes  -->  Recorded   -->  sentence --> GnssFix     -->  Transition      -->  Fact      -->  Event    -->  one        -->  what is   -->  PUBACK
//!               Bytes          | Rejected   | Rejected        stamp+interval       phases         sequence      transaction     owed           down/ack
//!                    \-> io/blackbox: the recording, from which all of this can be derived again
//! ```
//!
//! The modules stand in the order in which data passes through them; [`engine`] composes them, [`io`] is the only place
//! with clocks, files, sockets and `await`, [`cli`] has one file per command.

pub mod besttime;
pub mod budget;
pub mod fault;
pub mod keepalive;
pub mod ranges;
pub mod time;
pub mod version;

pub mod config;
pub mod facility;

pub mod downlink;
pub mod engine;
pub mod event;
pub mod gnss;
pub mod outbox;
pub mod recording;
pub mod visit;

pub mod cli;
pub mod io;
