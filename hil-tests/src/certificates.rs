//! Who vouches for broker and trucks?
//!
//! A certificate authority made for one test and forgotten with it: no key of the rig is ever in the repository.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd,
};

/// Years in which the certificates of the rig hold, unless a test says otherwise.
const HOLDS: (i32, i32) = (2020, 2100);

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// The paths of a certificate and its key, PEM.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate.
    pub cert: PathBuf,
    /// Its private key, readable for the owner alone.
    pub key: PathBuf,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new(name: &str) -> io::Result<Self> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let mut params = parameters(name, HOLDS);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).map_err(io::Error::other)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// Writes its own certificate.
    ///
    /// # Errors
    /// As the file system has them.
    pub fn write(&self, to: &Path) -> io::Result<PathBuf> {
        fs::write(to, &self.certificate)?;
        Ok(to.to_owned())
    }

    /// A certificate for a server, by these names and addresses, as `dir/server.pem` and `dir/server.key`.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn server(&self, names: &[&str], dir: &Path) -> io::Result<Pair> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        (params.not_before, params.not_after) = (date_time_ymd(HOLDS.0, 1, 1), date_time_ymd(HOLDS.1, 1, 1));
        self.issue(&params, dir, "server")
    }

    /// A client's certificate, whose common name becomes its user name at the broker, as `dir/NAME.pem` and `dir/NAME.key`.
    /// It holds from the first day of one year to that of another.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn client(&self, name: &str, holds: Option<(i32, i32)>, dir: &Path) -> io::Result<Pair> {
        let mut params = parameters(name, holds.unwrap_or(HOLDS));
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        self.issue(&params, dir, name)
    }

    fn issue(&self, params: &CertificateParams, dir: &Path, stem: &str) -> io::Result<Pair> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(io::Error::other)?;
        let pair = Pair { cert: dir.join(format!("{stem}.pem")), key: dir.join(format!("{stem}.key")) };
        fs::write(&pair.cert, certificate.pem())?;
        fs::write(&pair.key, key.serialize_pem())?;
        fs::set_permissions(&pair.key, Permissions::from_mode(0o600))?;
        Ok(pair)
    }
}

fn parameters(name: &str, (from, to): (i32, i32)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
    params
}

/// What the truck of the rig may do at a broker with access control, as dispatch sets it up.
pub const ACL: &str = "user demo-truck-7\ntopic write gatestamp/v1/demo/truck-7/events\n\
    topic write gatestamp/v1/demo/truck-7/position\ntopic write gatestamp/v1/demo/truck-7/state\n\
    topic write gatestamp/v1/demo/truck-7/health\ntopic write gatestamp/v1/demo/truck-7/reply\n\
    topic read gatestamp/v1/demo/truck-7/down/#\n";

/// The certificates of broker and truck, and the file of the broker that says who may do what.
pub struct Secrets {
    /// Who vouches for both.
    pub authority: Authority,
    /// Its certificate.
    pub ca: PathBuf,
    /// The broker's.
    pub server: Pair,
    /// The truck's.
    pub truck: Pair,
    /// Who may do what.
    pub acl: PathBuf,
}

impl Secrets {
    /// Makes all of them in `dir`.
    ///
    /// # Errors
    /// When one cannot be made or written.
    pub fn write(dir: &Path, acl: &str) -> io::Result<Self> {
        let authority = Authority::new("rig")?;
        let ca = authority.write(&dir.join("ca.pem"))?;
        let server = authority.server(&["localhost", "127.0.0.1"], dir)?;
        let truck = authority.client("demo-truck-7", None, dir)?;
        let file = dir.join("acl");
        fs::write(&file, acl)?;
        Ok(Self { authority, ca, server, truck, acl: file })
    }
}
