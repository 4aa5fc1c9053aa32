//! Does the agent keep its promises? One binary, since linking is the cost on a small machine.
//!
//! `gateway`: the real binary between a real pseudo-terminal and a real broker, and everything that goes wrong there. `dispatcher`:
//! the same beside dispatch's real receiver, set up as the instructions say. `drives`:
//! whole drives through the engine, without processes. `power`: the journal on every disk that a power cut may leave. `salvage`: kills while a damaged journal is salvaged. `tidy`: the laws of the repository that no lint knows.

mod dispatcher;
mod drives;
mod gateway;
mod power;
mod salvage;
mod tidy;
