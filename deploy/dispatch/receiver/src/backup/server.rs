//! How do PostgreSQL's own programs reach the server that the receiver reaches? They know their own formats, and are told the same: the
//! address as an argument, the CA and the password in the environment, since every user of the machine can read the arguments.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use postgres::Config;
use postgres::config::{Host, TargetSessionAttrs};

use crate::store::StoreError;

/// A server, for `pg_dump` and `pg_restore`.
pub(super) struct Server {
    /// The connection string, without the password.
    pub(super) name: String,
    environment: Vec<(&'static str, OsString)>,
}

impl Server {
    /// The same server, with the same trust.
    ///
    /// # Errors
    /// When `url` is no connection string.
    pub(super) fn of(url: &str, ca: Option<&Path>) -> Result<Self, StoreError> {
        let refused = |why: String| StoreError::Refused(format!("store.url is no connection string: {why}"));
        let config: Config = url.parse().map_err(|fault: postgres::Error| refused(fault.to_string()))?;
        let mut environment = Vec::new();
        if let Some(password) = config.get_password() {
            let password = std::str::from_utf8(password).map_err(|fault| refused(fault.to_string()))?;
            environment.push(("PGPASSWORD", password.into()));
        }
        if let Some(ca) = ca {
            environment.push(("PGSSLMODE", "verify-full".into()));
            environment.push(("PGSSLROOTCERT", ca.into()));
        }
        Ok(Self { name: name(&config), environment })
    }

    /// Runs one of them.
    ///
    /// # Errors
    /// When it is not installed, and what it says when it fails.
    pub(super) fn tool(&self, program: &str, arguments: &[&str]) -> Result<(), StoreError> {
        let done = Command::new(program).args(arguments).envs(self.environment.iter().cloned()).output();
        let done = done.map_err(|fault| {
            StoreError::Failed(format!("{program}: {fault} (Debian: apt install postgresql-client)"))
        })?;
        if done.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&done.stderr);
        Err(StoreError::Refused(format!("{program}: {}", said.trim())))
    }
}

/// In libpq's words (PostgreSQL manual, 32.1.1 and 32.1.2). The encryption is not among them: the environment says it, and here it
/// would count for more.
fn name(config: &Config) -> String {
    let list = |items: Vec<String>| Some(items.join(",")).filter(|items| !items.is_empty());
    let host = |host: &Host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.to_string_lossy().into_owned(),
    };
    let attributes = config.get_target_session_attrs();
    let attributes = [(TargetSessionAttrs::ReadWrite, "read-write"), (TargetSessionAttrs::ReadOnly, "read-only")]
        .into_iter()
        .find_map(|(named, word)| (named == attributes).then(|| word.to_owned()));
    let words = [
        ("host", list(config.get_hosts().iter().map(host).collect())),
        ("hostaddr", list(config.get_hostaddrs().iter().map(ToString::to_string).collect())),
        ("port", list(config.get_ports().iter().map(ToString::to_string).collect())),
        ("user", config.get_user().map(str::to_owned)),
        ("dbname", config.get_dbname().map(str::to_owned)),
        ("options", config.get_options().map(str::to_owned)),
        ("target_session_attrs", attributes),
    ];
    let said = words.into_iter().filter_map(|(word, value)| Some(format!("{word}={}", quoted(&value?))));
    said.collect::<Vec<_>>().join(" ")
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_and_the_ca_are_told_and_no_argument_shows_the_password() {
        let forms = [
            "host=db.example port=5433 user=u dbname=d password='se cret'",
            "postgresql://u:se%20cret@db.example:5433/d",
        ];
        for url in forms {
            let server = Server::of(url, Some(Path::new("/ca.crt"))).expect("a connection string");
            assert_eq!(server.name, "host='db.example' port='5433' user='u' dbname='d'");
            let told = [("PGPASSWORD", "se cret"), ("PGSSLMODE", "verify-full"), ("PGSSLROOTCERT", "/ca.crt")];
            assert_eq!(server.environment, told.map(|(name, value)| (name, OsString::from(value))));
        }
        assert_eq!(quoted("it's\\"), "'it\\'s\\\\'");
        assert!(Server::of("host=x colour=1", None).err().is_some_and(|why| why.to_string().contains("store.url")));
    }
}
