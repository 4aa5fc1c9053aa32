//! Certificates: read from their files, judged, and made into the client half of TLS 1.3.
//!
//! Only the CA that the configuration names is believed, never the system's. TLS 1.3 alone: in it our certificate, which names
//! the truck, is not sent in the clear, and a handshake is one round trip shorter, which on 2G is two seconds.

mod name;

use super::gone::{Cause, Gone};
use crate::besttime::{BestTime, TimeSource};
use crate::config::TlsFiles;
use crate::fault::Fault;
use crate::time::rfc3339;
use geofence::UnixMillis;
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{InconsistentKeys, RootCertStore};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use webpki::EndEntityCert;

/// A bundle of a hundred certificates fits.
const FILE_MAX: u64 = 256 * 1024;
/// Permissions that let others than the owner at the key.
const NOT_THE_OWNERS: u32 = 0o077;

/// What the files hold, good for connecting.
#[derive(Debug, Clone)]
pub struct Credentials {
    roots: Arc<RootCertStore>,
    own: Arc<CertifiedKey>,
    bytes: [Vec<u8>; 3],
    /// The last moment of our own certificate.
    pub not_after: UnixMillis,
    /// The common name of our own certificate.
    name: Option<String>,
    /// What `check` refuses and a running daemon may go on with: a key that others can read, dates that do not fit a clock that
    /// may be wrong.
    pub doubts: Vec<Fault>,
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Credentials {
    /// Reads the files and holds them against each other and against the time.
    ///
    /// # Errors
    /// Every fault, each naming its file and the remedy.
    pub fn read(files: &TlsFiles, time: BestTime) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut take = |path: &Path| content(path).map_err(|fault| faults.push(fault)).ok();
        let (ca, cert, key) = (take(&files.ca), take(&files.cert), take(&files.key));
        let roots = ca.as_ref().and_then(|(bytes, _)| roots(&files.ca, bytes).map_err(|f| faults.push(f)).ok());
        let chain = cert.as_ref().and_then(|(b, _)| certificates(&files.cert, b).map_err(|f| faults.push(f)).ok());
        let secret = key.as_ref().and_then(|(b, _)| private_key(&files.key, b).map_err(|f| faults.push(f)).ok());
        let (Some(roots), Some(chain), Some(secret)) = (roots, chain, secret) else { return Err(faults) };
        let (Some((ca, _)), Some((cert, _)), Some((key, mode))) = (ca, cert, key) else { return Err(faults) };
        let own = certified(files, chain, secret).map_err(|fault| vec![fault])?;
        let (not_after, name, doubt) = validity(&files.cert, &own, time).map_err(|fault| vec![fault])?;
        let exposed = (mode & NOT_THE_OWNERS != 0).then(|| {
            let what = format!("others than the owner may use the private key (mode {:03o})", mode & 0o777);
            fault(&files.key, what, "chmod 600 the file, and let it belong to the user gatestamp")
        });
        let doubts = doubt.into_iter().chain(exposed).collect();
        Ok(Self { roots, own: Arc::new(own), bytes: [ca, cert, key], not_after, name, doubts })
    }

    /// Our own certificate is another device's than `device`, and may open its connection, and no other's, at the broker.
    #[must_use]
    pub fn foreign_to(&self, device: &str) -> Option<String> {
        let name = self.name.as_deref().filter(|name| !name::may_be_of(name, device))?;
        Some(format!(
            "our certificate is for {name}, and this gateway is {device}: a broker that knows trucks by their certificates lets it do \
             nothing here, or takes it for the other one"
        ))
    }

    /// Our own certificate has expired beyond doubt: the broker would only say the same, at four kilobytes an attempt.
    #[must_use]
    pub fn has_expired(&self, time: BestTime) -> bool {
        self.not_after < time.utc && time.source != TimeSource::System
    }

    /// The client's half, which believes certificates at this time.
    ///
    /// # Panics
    /// Never: the provider that is compiled in knows TLS 1.3.
    #[must_use]
    pub fn client(&self, time: BestTime) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_details(provider(), Arc::new(At(unix(time.utc))))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("ring has the ciphers of TLS 1.3");
        let resolver = Arc::new(rustls::sign::SingleCertAndKey::from(Arc::clone(&self.own)));
        let mut client = builder.with_root_certificates(Arc::clone(&self.roots)).with_client_cert_resolver(resolver);
        // A resumed session would not look at the broker's certificate again.
        client.resumption = Resumption::disabled();
        Arc::new(client)
    }
}

/// The time of one connection: the handshake is over in a minute.
#[derive(Debug)]
struct At(UnixTime);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

fn unix(time: UnixMillis) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(time.0).unwrap_or(0)))
}

/// A time of a certificate; what lies beyond all calendars is written as far as they go.
fn utc(time: UnixTime) -> UnixMillis {
    UnixMillis(i64::try_from(time.as_secs()).unwrap_or(i64::MAX).saturating_mul(1_000))
}

fn fault(path: &Path, what: String, remedy: &str) -> Fault {
    Fault { file: path.display().to_string(), line: None, what, remedy: remedy.to_owned() }
}

/// The bytes of a file and its mode.
#[expect(clippy::wildcard_enum_match_arm, reason = "of all errors of files two have a remedy of their own")]
fn content(path: &Path) -> Result<(Vec<u8>, u32), Fault> {
    let read = || -> io::Result<(Vec<u8>, u32)> {
        let file = File::open(path)?;
        let mode = file.metadata()?.permissions().mode();
        let mut bytes = Vec::new();
        file.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
        Ok((bytes, mode))
    };
    let (bytes, mode) = read().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => fault(
            path,
            "there is no such file".to_owned(),
            "put it there, or correct `ca`, `cert` and `key` in the configuration",
        ),
        io::ErrorKind::PermissionDenied => {
            fault(path, "the file may not be read".to_owned(), "let it belong to the user gatestamp (chown, chmod 600)")
        }
        _ => fault(path, format!("the file cannot be read: {error}"), "see that it is a file on a sound disk"),
    })?;
    if bytes.len() as u64 > FILE_MAX {
        let what = format!("the file is longer than {} KiB", FILE_MAX / 1_024);
        return Err(fault(path, what, "leave only the certificates in it that are needed"));
    }
    Ok((bytes, mode))
}

fn certificates(path: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let read: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(bytes).collect();
    let found = read.map_err(|error| not_pem(path, &error))?;
    if found.is_empty() {
        let what = "there is no PEM certificate in it".to_owned();
        return Err(fault(
            path,
            what,
            "it has to hold lines from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----",
        ));
    }
    Ok(found)
}

fn not_pem(path: &Path, error: &PemError) -> Fault {
    fault(path, format!("is not PEM: {error}"), "copy it again; DER is turned into PEM by openssl x509 -inform der")
}

fn roots(path: &Path, bytes: &[u8]) -> Result<Arc<RootCertStore>, Fault> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(path, bytes)? {
        store.add(certificate).map_err(|error| {
            fault(path, format!("holds what is no usable CA certificate: {error}"), "name the broker's CA certificate")
        })?;
    }
    Ok(Arc::new(store))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other error is one of PEM")]
fn private_key(path: &Path, bytes: &[u8]) -> Result<PrivateKeyDer<'static>, Fault> {
    PrivateKeyDer::from_pem_slice(bytes).map_err(|error| match error {
        PemError::NoItemsFound => fault(
            path,
            "there is no PEM private key in it".to_owned(),
            "it has to hold lines from -----BEGIN PRIVATE KEY-----, without a passphrase",
        ),
        other => not_pem(path, &other),
    })
}

fn certified(
    files: &TlsFiles,
    chain: Vec<CertificateDer<'static>>,
    secret: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, Fault> {
    let key = provider().key_provider.load_private_key(secret).map_err(|error| {
        let remedy = "use an ECDSA P-256, Ed25519 or RSA key";
        fault(&files.key, format!("is not a private key that can be used: {error}"), remedy)
    })?;
    let own = CertifiedKey::new(chain, key);
    match own.keys_match() {
        Ok(()) => Ok(own),
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            let what = format!("the key does not belong to the certificate {}", files.cert.display());
            Err(fault(&files.key, what, "put the pair in place that was issued together"))
        }
        Err(error) => Err(fault(&files.cert, format!("is not a certificate: {error}"), "copy it again")),
    }
}

/// The last moment of our own certificate, its name, and what is doubtful about its dates at this time.
fn validity(
    path: &Path,
    own: &CertifiedKey,
    time: BestTime,
) -> Result<(UnixMillis, Option<String>, Option<Fault>), Fault> {
    let unusable =
        |error: &dyn std::fmt::Display| fault(path, format!("is not a certificate: {error}"), "copy it again");
    let certificate = own.end_entity_cert().map_err(|error| unusable(&error))?;
    let parsed = EndEntityCert::try_from(certificate).map_err(|error| unusable(&error))?;
    // The verifier looks at the dates before anything else, and says them where they do not hold.
    let verify = |at: UnixTime| {
        let usage = webpki::KeyUsage::client_auth();
        parsed.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &[], &[], at, usage, None, None).map(|_| ())
    };
    let now = format!("it is {} ({})", rfc3339(time.utc), time.source.name());
    let doubt = match verify(unix(time.utc)) {
        Err(webpki::Error::CertNotValidYet { not_before, .. }) if time.source.is_clock() => Some(fault(
            path,
            format!("is valid from {} on, and {now}", rfc3339(utc(not_before))),
            "wait, or have one issued that begins now; see that the clock is right",
        )),
        Err(webpki::Error::CertExpired { not_after, .. }) => Some(fault(
            path,
            format!("expired on {}, and {now}", rfc3339(utc(not_after))),
            "have a new certificate issued, and put it in place with its key; the next connection uses it",
        )),
        Ok(()) | Err(_) => None,
    };
    let not_after = match verify(FAR_AHEAD) {
        Err(webpki::Error::CertExpired { not_after, .. }) => not_after,
        // Valid beyond the year 9000, or not to be read: the broker will say.
        Ok(()) | Err(_) => FAR_AHEAD,
    };
    Ok((utc(not_after), name::common_name(parsed.subject()), doubt))
}

/// In the year 9000.
const FAR_AHEAD: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(221_845_392_000));

/// What an error of TLS means for whoever has to mend it.
#[must_use]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "rustls has many more errors than there are remedies, and adds to them"
)]
pub fn in_words(error: &rustls::Error, host: &str, time: BestTime) -> Gone {
    use rustls::{AlertDescription as Alert, CertificateError as Bad, Error};
    let now = format!("it is {} ({})", rfc3339(time.utc), time.source.name());
    let (cause, why) = match error {
        Error::InvalidCertificate(bad) => match bad {
            Bad::UnknownIssuer => {
                (Cause::Issuer, "the broker's certificate is not from the CA that `ca` names".to_owned())
            }
            Bad::ExpiredContext { not_after, .. } => {
                let then = rfc3339(utc(*not_after));
                (Cause::Certificate, format!("the broker's certificate expired on {then}, and {now}"))
            }
            Bad::NotValidYetContext { not_before, .. } => {
                let then = rfc3339(utc(*not_before));
                (Cause::Certificate, format!("the broker's certificate is valid from {then} on, and {now}"))
            }
            Bad::NotValidForNameContext { .. } | Bad::NotValidForName => {
                (Cause::Name, format!("the broker's certificate is not for {host}, as `url` names it"))
            }
            other => (Cause::Certificate, format!("the broker's certificate is not good: {other}")),
        },
        Error::AlertReceived(alert) => match alert {
            Alert::CertificateExpired => {
                (Cause::OwnExpired, format!("the broker says that our certificate expired; {now}"))
            }
            Alert::CertificateRevoked => {
                (Cause::OwnRefused, "the broker says that our certificate is revoked".to_owned())
            }
            Alert::UnknownCA | Alert::BadCertificate | Alert::CertificateUnknown | Alert::DecryptError => {
                (Cause::OwnRefused, format!("the broker does not accept our certificate ({alert:?})"))
            }
            other => (Cause::Ended, format!("the broker ended the handshake ({other:?})")),
        },
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            let what = "a captive portal, or the port of a broker without TLS";
            (Cause::Stranger, format!("what answers at {host} does not speak TLS: {what}"))
        }
        Error::PeerIncompatible(_) => (Cause::Stranger, format!("the broker at {host} cannot do TLS 1.3: {error}")),
        other => (Cause::Ended, format!("TLS: {other}")),
    };
    Gone::new(cause, why)
}
