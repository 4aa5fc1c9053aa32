//! Keys that downlink messages are signed with: Ed25519 (RFC 8032), as lower-case hexadecimal text.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use std::fmt;

/// Keys that may be pinned at once: one in use, one to come, and as many again for a second dispatcher.
pub const KEYS_MAX: usize = 4;
/// Bytes of a public key, and of a secret one.
pub const KEY_BYTES: usize = 32;
/// Hexadecimal digits of a signature.
pub const SIGNATURE_DIGITS: usize = 2 * Signature::BYTE_SIZE;
/// Bytes of the public key that its name shows.
const ID_BYTES: usize = 8;

/// Why a text is not a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 64 hexadecimal digits in lower case.
    #[error("is not 64 hexadecimal digits in lower case")]
    NotHex,
    /// No point of the curve, or one of the few with which anybody could sign anything.
    #[error("is not a usable Ed25519 key")]
    NotUsable,
}

/// The name of a key in an envelope: the first 16 hexadecimal digits of the public key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(String);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// When they are no usable key.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        let bytes = unhex(text).ok_or(KeyError::NotHex)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::NotUsable)?;
        if key.is_weak() { Err(KeyError::NotUsable) } else { Ok(Self(key)) }
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn text(&self) -> String {
        hex(self.0.as_bytes())
    }

    /// How an envelope names it.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(self.0.as_bytes().iter().take(ID_BYTES).map(|byte| format!("{byte:02x}")).collect())
    }

    /// Whether `signature`, 128 hexadecimal digits, is this key's over `bytes`.
    #[must_use]
    pub(super) fn signed(&self, bytes: &[u8], signature: &str) -> bool {
        // Strict: of the signatures that a lenient verifier takes for the same message, only one is the signer's.
        unhex(signature).is_some_and(|bytes_| self.0.verify_strict(bytes, &Signature::from_bytes(&bytes_)).is_ok())
    }
}

/// The keys that are believed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys(Vec<PublicKey>);

impl Keys {
    /// Takes at most [`KEYS_MAX`] keys; more than that: `None`.
    #[must_use]
    pub fn new(keys: Vec<PublicKey>) -> Option<Self> {
        (keys.len() <= KEYS_MAX).then_some(Self(keys))
    }

    /// Whether nobody is believed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &PublicKey> {
        self.0.iter()
    }
}

/// Dispatch's side: the secret half.
pub struct Signer(SigningKey);

impl Signer {
    /// From the 32 secret bytes, which must come from the system's random source.
    #[must_use]
    pub fn new(secret: &[u8; KEY_BYTES]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// What trucks are told.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// 128 hexadecimal digits over `bytes`.
    #[must_use]
    pub(super) fn sign(&self, bytes: &[u8]) -> String {
        hex(&self.0.sign(bytes).to_bytes())
    }
}

impl fmt::Debug for Signer {
    /// Never the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.public().id())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Exactly `2 * N` lower-case digits: with either case allowed, one message would have many spellings.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_has_one_spelling() {
        let key = Signer::new(&[7; 32]).public();
        assert_eq!(PublicKey::read(&key.text()), Ok(key));
        assert_eq!(key.id().to_string(), key.text()[..16]);
        for wrong in [key.text().to_uppercase(), key.text()[1..].to_owned(), format!("{}0", key.text()), "x".repeat(64)]
        {
            assert_eq!(PublicKey::read(&wrong), Err(KeyError::NotHex), "{wrong}");
        }
    }

    #[test]
    fn a_key_with_which_anybody_can_sign_is_refused() {
        // The neutral element of the curve, and a y that no point has.
        let neutral = format!("01{}", "0".repeat(62));
        assert_eq!(PublicKey::read(&neutral), Err(KeyError::NotUsable));
        assert_eq!(PublicKey::read(&format!("02{}", "0".repeat(62))), Err(KeyError::NotUsable));
    }

    #[test]
    fn the_signature_of_the_standards_first_example() {
        // RFC 8032, 7.1, TEST 1: the empty message.
        let secret = unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        let signer = Signer::new(&secret);
        assert_eq!(signer.public().text(), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        assert_eq!(
            signer.sign(b""),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        );
    }
}
