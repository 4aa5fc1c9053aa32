//! What does dispatch tell a truck to do, so that the truck believes it?
//!
//! The envelope is the agent's own (`gatestamp::downlink`): signer and verifier are one code. The key is a file of 64 hexadecimal
//! digits that `gatestamp-receiver init` makes; trucks get its public half with their claim bundle.

use std::path::Path;

use gatestamp::downlink::envelope::Draft;
use gatestamp::downlink::keys;
use geofence::UnixMillis;
use serde_json::value::to_raw_value;

use crate::ledger::Request;
use crate::message::replay_id;

/// A truck that is away longer than this is asked again when it is back: a late command helps nobody.
const GOOD_FOR_MS: i64 = 3_600_000;

/// Signs commands.
pub struct Signer(keys::Signer);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.public())
    }
}

impl Signer {
    /// From the secret.
    #[must_use]
    pub fn new(secret: &[u8; keys::KEY_BYTES]) -> Self {
        Self(keys::Signer::new(secret))
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// What is wrong with the file, in words.
    pub fn read(file: &Path) -> Result<Self, String> {
        let name = file.display();
        let text = std::fs::read_to_string(file).map_err(|fault| format!("{name}: {fault}"))?;
        let secret = unhex(text.trim_end());
        secret.map(|secret| Self::new(&secret)).ok_or_else(|| {
            format!("{name}: not 64 hexadecimal digits: name the dispatch.key that `gatestamp-receiver init` made")
        })
    }

    /// What trucks are told: 64 hexadecimal digits.
    #[must_use]
    pub fn public(&self) -> String {
        self.0.public().text()
    }

    /// Asks a truck for everything from a sequence on.
    #[must_use]
    pub fn replay_from(&self, request: &Request, at_ms: i64) -> Vec<u8> {
        let counter = u64::try_from(request.counter).unwrap_or(0);
        let body = serde_json::json!({"sequence": request.from});
        // One number: cannot fail.
        let body = to_raw_value(&body).unwrap_or_default();
        self.0.seal(&Draft {
            id: &replay_id(request.counter),
            device: &request.device,
            counter,
            issued: UnixMillis(at_ms),
            expires: UnixMillis(at_ms.saturating_add(GOOD_FOR_MS)),
            kind: "replay_from",
            body: &body,
        })
    }
}

/// 64 hexadecimal digits to bytes.
fn unhex(text: &str) -> Option<[u8; keys::KEY_BYTES]> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c.to_digit(16)?).ok()).collect();
    let digits = digits.filter(|digits| digits.len() == 2 * keys::KEY_BYTES)?;
    let bytes: Vec<u8> =
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Truck;
    use gatestamp::downlink::{Keys, PublicKey, open};

    #[test]
    fn a_truck_that_knows_the_key_believes_the_command() {
        let signer = Signer::new(&[7; 32]);
        let truck = Truck { fleet: "acme".to_owned(), id: "t1".to_owned() };
        let request =
            Request { truck, device: "acme-t1".to_owned(), from: 41, counter: 1_795_305_600_000, first: None };
        let bytes = signer.replay_from(&request, 1_795_305_600_000);
        let keys = Keys::new(vec![PublicKey::read(&signer.public()).expect("a key")]).expect("one key");
        let message = open(&bytes, &keys).expect("authentic");
        assert_eq!((message.kind.as_str(), message.body.get()), ("replay_from", r#"{"sequence":41}"#));
        assert_eq!((message.device.as_str(), message.counter), ("acme-t1", 1_795_305_600_000));
    }

    #[test]
    fn a_key_is_64_digits() {
        assert_eq!(unhex(&"0f".repeat(32)), Some([15; 32]));
        assert_eq!(unhex(&"0f".repeat(31)), None);
        assert_eq!(unhex(&"0g".repeat(32)), None);
        assert_eq!(unhex(""), None);
    }
}
