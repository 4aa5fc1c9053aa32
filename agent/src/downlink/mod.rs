//! What comes down from dispatch and changes something: is it really from dispatch, meant for this truck, new, and in time?
//!
//! The broker is not trusted. Every message under `down/` except the acknowledgement is an envelope that dispatch signs
//! ([`envelope`] says which bytes), with a key that this truck was told about before ([`keys`]). [`gate`] then asks for the
//! device, the time and the counter, and says what to do and what to answer.
//!
//! ```text
//!  bytes --envelope--> authentic, or counted and forgotten --gate--> Perform(order) --border--> counter and effect in one commit --> reply "done"
//!                                                            \-----> Answer(reply)  ----------------------------------------------> reply "refused"
//! ```
//!
//! - A message that is not authentic is never answered: an answer to a forger costs the truck's bytes and tells him something.
//! - A command is repeated by its sender until it is answered, the same bytes each time. The newest one that was performed is
//!   remembered with its answer, so the repeated one gets the answer again and not a refusal.
//! - What is refused uses up no counter: it may be good later, as when the truck had no trusted time yet.
//!
//! Signer and verifier are the same code: dispatch's receiver and the tests use [`keys::Signer`].

pub mod envelope;
pub mod gate;
pub mod keys;

pub use envelope::{Draft, Forged, Message, open};
pub use gate::{Applied, Gate, Order, Reply, Verdict};
pub use keys::{KeyError, KeyId, Keys, PublicKey, Signer};
