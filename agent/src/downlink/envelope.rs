//! The envelope, byte for byte.
//!
//! ```text
//! {"id":"..","device":"..","counter":N,"issued":"..","expires":"..","kind":"..","body":{..},"key":"..","sig":"HEX"}
//! \_____________________________________ signed ____________________________________/\________ tail _________/
//! ```
//!
//! The last member is `sig`, and the message ends with exactly `,"sig":"` + 128 hexadecimal digits in lower case + `"}`: 138
//! bytes. Signed are the bytes `gatestamp-downlink-v1` and a line feed, followed by every byte of the message before that tail,
//! as they are sent. Nothing is put in order or written anew before verifying, so there is no canonical JSON to disagree about:
//! whoever signs writes the object without its closing brace, signs that, and appends the tail. The first bytes keep a signature
//! from being used for anything else that the same key may sign.
//!
//! Only then is the JSON read: members in any order, none unknown, none twice, `issued` and `expires` in RFC 3339.

use super::keys::{KeyId, Keys, SIGNATURE_DIGITS, Signer};
use crate::time::{Utc, parse_rfc3339};
use geofence::UnixMillis;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Stands before what is signed.
const DOMAIN: &[u8] = b"gatestamp-downlink-v1\n";
const TAIL_BEGIN: &str = ",\"sig\":\"";
const TAIL_END: &str = "\"}";
const TAIL_BYTES: usize = TAIL_BEGIN.len() + SIGNATURE_DIGITS + TAIL_END.len();
/// Bytes of a whole message. A plan of a week is below 4 KiB; facilities, which are larger, come in a file of their own.
pub const MESSAGE_MAX: usize = 16 * 1024;
/// Characters of an id and of a kind.
pub const NAME_MAX: usize = 64;

/// What dispatch wants to say.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    /// Names this message in the answer; 1 to [`NAME_MAX`] visible ASCII characters.
    pub id: &'a str,
    /// For which truck: `<fleet>-<truck>`.
    pub device: &'a str,
    /// Above that of every earlier message to this truck.
    pub counter: u64,
    /// Now.
    pub issued: UnixMillis,
    /// Not to be followed from here on.
    pub expires: UnixMillis,
    /// What sort of body it is.
    pub kind: &'a str,
    /// JSON.
    pub body: &'a RawValue,
}

/// An authentic message. Whether it is meant for this truck, new and in time is not known yet.
#[derive(Debug, Clone)]
pub struct Message {
    /// To be named in the answer.
    pub id: String,
    /// For which truck.
    pub device: String,
    /// Above that of the one before.
    pub counter: u64,
    /// When it was signed.
    pub issued: UnixMillis,
    /// When it ends to hold.
    pub expires: UnixMillis,
    /// What sort of body it is.
    pub kind: String,
    /// JSON.
    pub body: Box<RawValue>,
}

/// Why a message is not authentic, or is signed nonsense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Forged {
    /// More than [`MESSAGE_MAX`] bytes.
    TooLong,
    /// It does not end with a signature.
    NoSignature,
    /// Signed by nobody whom this truck believes, or changed on the way.
    BadSignature,
    /// The signature is good and names another key than the one that it was made with, or what is signed is no envelope.
    NotAnEnvelope,
}

impl Forged {
    /// A short machine word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::NoSignature => "no_signature",
            Self::BadSignature => "bad_signature",
            Self::NotAnEnvelope => "not_an_envelope",
        }
    }
}

/// In the order of the wire; `sig` is appended.
#[derive(Serialize)]
struct Written<'a> {
    id: &'a str,
    device: &'a str,
    counter: u64,
    issued: Utc,
    expires: Utc,
    kind: &'a str,
    body: &'a RawValue,
    key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    id: String,
    device: String,
    counter: u64,
    issued: String,
    expires: String,
    kind: String,
    body: Box<RawValue>,
    key: String,
    /// Verified before; here only so that a second one is refused.
    #[serde(rename = "sig")]
    _sig: String,
}

impl Signer {
    /// Writes and signs a message.
    #[must_use]
    pub fn seal(&self, draft: &Draft<'_>) -> Vec<u8> {
        let written = Written {
            id: draft.id,
            device: draft.device,
            counter: draft.counter,
            issued: Utc(draft.issued),
            expires: Utc(draft.expires),
            kind: draft.kind,
            body: draft.body,
            key: self.public().id().to_string(),
        };
        // Plain fields into memory: cannot fail.
        let mut message = serde_json::to_vec(&written).unwrap_or_default();
        message.pop();
        let signature = self.sign(&signed_bytes(&message));
        for part in [TAIL_BEGIN, &signature, TAIL_END] {
            message.extend_from_slice(part.as_bytes());
        }
        message
    }
}

/// Reads a message that one of `keys` has signed. No input panics.
///
/// # Errors
/// Why nothing in it can be believed.
pub fn open(bytes: &[u8], keys: &Keys) -> Result<Message, Forged> {
    if bytes.len() > MESSAGE_MAX {
        return Err(Forged::TooLong);
    }
    let (signed, signature) = split(bytes).ok_or(Forged::NoSignature)?;
    let signed = signed_bytes(signed);
    // Before anything in it is read: the reader of JSON never meets what a stranger wrote.
    let key = keys.iter().find(|key| key.signed(&signed, signature)).ok_or(Forged::BadSignature)?;
    read(bytes, &key.id()).ok_or(Forged::NotAnEnvelope)
}

fn signed_bytes(head: &[u8]) -> Vec<u8> {
    [DOMAIN, head].concat()
}

fn split(bytes: &[u8]) -> Option<(&[u8], &str)> {
    let (signed, tail) = bytes.split_at_checked(bytes.len().checked_sub(TAIL_BYTES)?)?;
    let signature = std::str::from_utf8(tail).ok()?.strip_prefix(TAIL_BEGIN)?.strip_suffix(TAIL_END)?;
    Some((signed, signature))
}

fn read(bytes: &[u8], signed_with: &KeyId) -> Option<Message> {
    let read: Read = serde_json::from_slice(bytes).ok()?;
    let name = |text: &str| (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let good = name(&read.id) && name(&read.kind) && read.key == signed_with.to_string();
    let (issued, expires) = (parse_rfc3339(&read.issued)?, parse_rfc3339(&read.expires)?);
    let Read { id, device, counter, kind, body, .. } = read;
    (good && issued < expires).then_some(Message { id, device, counter, issued, expires, kind, body })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn signer() -> Signer {
        Signer::new(&[7; 32])
    }

    fn keys() -> Keys {
        Keys::new(vec![Signer::new(&[8; 32]).public(), signer().public()]).unwrap()
    }

    fn draft(body: &RawValue) -> Draft<'_> {
        let (issued, expires) = (UnixMillis(1_795_305_600_000), UnixMillis(1_795_305_660_000));
        Draft { id: "c-1", device: "acme-t-7", counter: 4, issued, expires, kind: "replay_from", body }
    }

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    fn sealed() -> Vec<u8> {
        signer().seal(&draft(&raw(r#"{"sequence":41}"#)))
    }

    /// Signs whatever stands before the tail, as a dispatcher in another language would.
    fn sign_text(head: &str) -> Vec<u8> {
        let signature = signer().sign(&signed_bytes(head.as_bytes()));
        format!("{head}{TAIL_BEGIN}{signature}{TAIL_END}").into_bytes()
    }

    #[test]
    fn the_bytes_of_a_message_are_these() {
        let text = String::from_utf8(sealed()).unwrap();
        let head = concat!(
            r#"{"id":"c-1","device":"acme-t-7","counter":4,"issued":"2026-11-22T00:00:00.000Z","#,
            r#""expires":"2026-11-22T00:01:00.000Z","kind":"replay_from","body":{"sequence":41},"key":"ea4a6c63e29c520a""#
        );
        assert_eq!(&text[..text.len() - TAIL_BYTES], head);
        assert_eq!(TAIL_BYTES, 138);
        assert_eq!(text.into_bytes(), sign_text(head));
    }

    #[test]
    fn what_was_sealed_opens_with_the_key_of_the_sealer_only() {
        let message = open(&sealed(), &keys()).unwrap();
        assert_eq!((message.id.as_str(), message.counter, message.body.get()), ("c-1", 4, r#"{"sequence":41}"#));
        let stranger = Keys::new(vec![Signer::new(&[9; 32]).public()]).unwrap();
        assert_eq!(open(&sealed(), &stranger).unwrap_err(), Forged::BadSignature);
        assert_eq!(open(&sealed(), &Keys::default()).unwrap_err(), Forged::BadSignature);
    }

    #[test]
    fn one_flipped_bit_anywhere_is_refused() {
        let sealed = sealed();
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let refused = open(&flipped, &keys()).unwrap_err();
            assert!(matches!(refused, Forged::BadSignature | Forged::NoSignature), "bit {bit}: {refused:?}");
        }
    }

    #[test]
    fn a_message_cut_anywhere_or_with_a_byte_behind_it_is_refused() {
        let sealed = sealed();
        for cut in 0..sealed.len() {
            assert!(open(&sealed[..cut], &keys()).is_err(), "cut at {cut}");
        }
        assert_eq!(open(&[&sealed[..], b" "].concat(), &keys()).unwrap_err(), Forged::NoSignature);
        assert_eq!(open(&[b' '; MESSAGE_MAX + 1], &keys()).unwrap_err(), Forged::TooLong);
    }

    #[test]
    fn signed_nonsense_is_no_envelope() {
        let whole = String::from_utf8(sealed()).unwrap();
        let head = &whole[..whole.len() - TAIL_BYTES];
        let refused = [
            head.replace("acme", "acme\",\"device\":\"acme"),
            head.replace("\"counter\":4", "\"counter\":-4"),
            head.replace("\"counter\":4,", ""),
            head.replace("{\"id\"", "{\"sig\":\"\",\"id\""),
            head.replace("{\"id\"", "{\"later\":1,\"id\""),
            head.replace("c-1", ""),
            head.replace("c-1", &"c".repeat(NAME_MAX + 1)),
            head.replace("c-1", "c 1"),
            head.replace("ea4a", "ea4b"),
            head.replace("00:01:00", "00:00:00"),
            head.replace("2026-11-22T00:01:00.000Z", "tomorrow"),
            String::new(),
            "[".repeat(8_000),
        ];
        for text in refused {
            let message = sign_text(&text);
            assert_eq!(open(&message, &keys()).unwrap_err(), Forged::NotAnEnvelope, "{text}");
        }
        let spaced = head.replace(',', " ,\n ");
        assert!(open(&sign_text(&spaced), &keys()).is_ok(), "other spacing, signed as it is, is an envelope");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = open(&bytes, &keys());
        }

        #[test]
        fn no_signed_text_panics(head in "\\PC{0,200}") {
            let _ = open(&sign_text(&head), &keys());
        }

        #[test]
        fn a_good_message_with_any_stretch_replaced_is_refused(
            from in 0_usize..400, with in proptest::collection::vec(any::<u8>(), 1..40),
        ) {
            let mut message = sealed();
            let from = from.min(message.len());
            let to = (from + with.len()).min(message.len());
            let same = message[from..to] == with[..];
            message.splice(from..to, with);
            prop_assert!(same || open(&message, &keys()).is_err());
        }
    }
}
