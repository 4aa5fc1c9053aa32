//! Who vouches for the broker and for each truck? A certificate authority of the carrier's own, ECDSA P-256 throughout.
//!
//! A truck's right to speak follows from the ACL, not from its certificate: taking its folder away ends its rights, and its certificate's
//! name is never given again, so certificates may live as long as a gateway does.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// The authority's name. Certificates of two installations are told apart by the authority's key, not by this.
const NAME: &str = "Gatestamp dispatch CA";
const CA_YEARS: i32 = 30;
const YEARS: i32 = 15;
/// X.520 allows no longer common name.
pub const COMMON_NAME_MAX: usize = 64;

/// A certificate and its private key, PEM.
#[derive(Debug)]
pub struct Issued {
    /// PEM.
    pub certificate: String,
    /// PEM, PKCS#8.
    pub key: String,
}

/// The authority.
pub struct Authority {
    certificate: String,
    key_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one, valid from `day` on.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn make(day: (i32, u8, u8)) -> Result<Self, String> {
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params(day).self_signed(&key).map_err(failed)?.pem();
        let key_pem = key.serialize_pem();
        Ok(Self { certificate, key_pem, issuer: Issuer::new(params(day), key) })
    }

    /// The one whose files are in `dir`.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn open(dir: &Path, day: (i32, u8, u8)) -> Result<Self, String> {
        let read = |name: &str| {
            let path = dir.join(name);
            let missing = |found| format!("{}: {found}: name the folder that `init` made", path.display());
            std::fs::read_to_string(&path).map_err(missing)
        };
        let (certificate, key_pem) = (read("ca.crt")?, read("ca.key")?);
        let key = KeyPair::from_pem(&key_pem);
        let key = key.map_err(|fault| format!("{}: {fault}", dir.join("ca.key").display()))?;
        // What a certificate takes from its issuer is the name and the key; both are as they were made.
        Ok(Self { certificate, key_pem, issuer: Issuer::new(params(day), key) })
    }

    /// PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// PEM.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.key_pem.clone()
    }

    /// For the broker that is reached under these names and addresses.
    ///
    /// # Errors
    /// When a name cannot stand in a certificate.
    pub fn broker(&self, hosts: &[String], day: (i32, u8, u8)) -> Result<Issued, String> {
        self.issue(hosts, "gatestamp broker", ExtendedKeyUsagePurpose::ServerAuth, day)
    }

    /// For somebody who connects; the broker knows him by `name`.
    ///
    /// # Errors
    /// When the name is too long for a certificate.
    pub fn client(&self, name: &str, day: (i32, u8, u8)) -> Result<Issued, String> {
        if name.len() > COMMON_NAME_MAX {
            return Err(format!(
                "`{name}` is longer than the {COMMON_NAME_MAX} characters of a certificate's name: take a shorter one"
            ));
        }
        self.issue(&[], name, ExtendedKeyUsagePurpose::ClientAuth, day)
    }

    fn issue(
        &self,
        hosts: &[String],
        name: &str,
        purpose: ExtendedKeyUsagePurpose,
        day: (i32, u8, u8),
    ) -> Result<Issued, String> {
        let mut params = CertificateParams::new(hosts.to_vec()).map_err(failed)?;
        params.distinguished_name = named(name);
        params.not_before = date_time_ymd(day.0, day.1, day.2);
        params.not_after = date_time_ymd(day.0 + YEARS, day.1, 1);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok(Issued { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

fn params(day: (i32, u8, u8)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(day.0, day.1, day.2);
    params.not_after = date_time_ymd(day.0 + CA_YEARS, day.1, 1);
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut whole = DistinguishedName::new();
    whole.push(DnType::CommonName, name);
    whole
}

fn failed(fault: rcgen::Error) -> String {
    format!("a certificate cannot be made: {fault}")
}
