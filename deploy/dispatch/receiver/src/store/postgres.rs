//! `PostgreSQL`: for fleets that outgrow one machine, and for several receivers beside each other.
//!
//! The synchronous `postgres` crate, since `SQLite` is synchronous too and a commit is waited for either way; it is tokio-postgres with a
//! runtime of its own, on the ledger's thread.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Config, NoTls, Statement};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Row, Store, StoreError, Value, restored, schema};
use crate::clock::wall_ms;

/// For a server that does not answer at all.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// A server that vanishes without a word is noticed after 20 s + 3 * 5 s of silence, or 30 s after something was sent; the kernel's own
/// patience is two hours.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(20);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
const UNANSWERED_MAX: Duration = Duration::from_secs(30);
/// The same on the server's side: a receiver that vanished in a transaction must not keep its rows from the others. Over a Unix socket
/// the server takes the last three and ignores them.
const LIMITS: &str = "SET idle_in_transaction_session_timeout = '30s'; SET lock_timeout = '30s';
    SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";
/// Any number, the same in every receiver: who brings the tables forward does it alone.
const MIGRATION_LOCK: &str = "SELECT pg_advisory_xact_lock(7284301562)";

/// A connection to a `PostgreSQL` server.
pub struct Postgres {
    client: Client,
    statements: BTreeMap<&'static str, Statement>,
}

impl Postgres {
    /// Connects, and brings the database to this release's tables.
    ///
    /// # Errors
    /// When the server cannot be reached, or a later release made the tables.
    pub fn open(url: &str, ca: Option<&Path>) -> Result<Self, StoreError> {
        let mut config: Config =
            url.parse().map_err(|fault| StoreError::Refused(format!("store.url is no connection string: {fault}")))?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_PATIENCE);
        }
        config.application_name("gatestamp-receiver");
        config.keepalives(true).keepalives_idle(KEEPALIVE_IDLE).keepalives_interval(KEEPALIVE_INTERVAL);
        config.keepalives_retries(KEEPALIVE_RETRIES).tcp_user_timeout(UNANSWERED_MAX);
        let client = match ca {
            None => config.connect(NoTls),
            Some(ca) => {
                config.ssl_mode(postgres::config::SslMode::Require);
                config.connect(MakeRustlsConnect::new(tls(ca)?))
            }
        };
        let mut store = Self { client: client.map_err(failed)?, statements: BTreeMap::new() };
        store.client.batch_execute(LIMITS).map_err(failed)?;
        store.be_durable()?;
        store.migrate()?;
        store.recognize()?;
        Ok(store)
    }

    /// A server may be set up to answer before the log is on disk. What is stronger than `on` stays as it is.
    fn be_durable(&mut self) -> Result<(), StoreError> {
        let setting: String = self.client.query_one("SHOW synchronous_commit", &[]).map_err(failed)?.get(0);
        if setting == "off" {
            self.client.batch_execute("SET synchronous_commit = on").map_err(failed)?;
        }
        Ok(())
    }

    /// Marks the database if it is not the one that it was: somebody has put a copy in its place, with our `restore` or his own tools.
    fn recognize(&mut self) -> Result<(), StoreError> {
        // A server that does not tell who it is can only be believed: `restore` marks it all the same.
        let Ok(row) = self.client.query_one(restored::IDENTITY, &[]) else { return Ok(()) };
        let identity: String = row.get(0);
        let known = self.query(restored::KNOWN, &[])?;
        if known.first().and_then(|row| row.first()?.text()) == Some(identity.as_str()) {
            return Ok(());
        }
        self.begin()?;
        let done = self.know(&identity).and_then(|()| self.commit());
        if done.is_err() {
            self.rollback();
        }
        done
    }

    fn know(&mut self, identity: &str) -> Result<(), StoreError> {
        self.client.batch_execute(MIGRATION_LOCK).map_err(failed)?;
        // Another receiver may have come first.
        let known = self.query(restored::KNOWN, &[])?;
        let known = known.first().and_then(|row| row.first()?.text());
        if known.is_some_and(|known| known != identity) {
            restored::mark_postgres(self, wall_ms())?;
        }
        self.execute(restored::KNOW, &[identity.into()])?;
        Ok(())
    }

    fn migrate(&mut self) -> Result<(), StoreError> {
        let mut transaction = self.client.transaction().map_err(failed)?;
        transaction.batch_execute(MIGRATION_LOCK).map_err(failed)?;
        transaction.batch_execute(schema::META).map_err(failed)?;
        let found: Option<String> = transaction.query_opt(schema::READ, &[]).map_err(failed)?.map(|row| row.get(0));
        for (version, step) in schema::missing(found.as_deref(), &schema::POSTGRES, "the PostgreSQL database")? {
            transaction.batch_execute(step).map_err(failed)?;
            transaction.execute(schema::WRITE, &[&version.to_string()]).map_err(failed)?;
        }
        transaction.commit().map_err(failed)
    }

    fn prepared(&mut self, sql: &'static str) -> Result<Statement, StoreError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).map_err(failed)?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }
}

/// Trusts this CA and no other.
pub(super) fn tls(ca: &Path) -> Result<rustls::ClientConfig, StoreError> {
    let name = ca.display();
    let refused = |what: String| StoreError::Refused(format!("store.ca: {name}: {what}"));
    let mut roots = rustls::RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(ca).map_err(|fault| refused(fault.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|fault| refused(fault.to_string()))?;
        roots.add(certificate).map_err(|fault| refused(fault.to_string()))?;
    }
    if roots.is_empty() {
        return Err(refused("no certificate in it: PEM is wanted".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|fault| refused(fault.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// The server's own words stand in the cause: "db error" alone helps nobody.
fn failed(fault: postgres::Error) -> StoreError {
    let cause = fault.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    StoreError::Failed(format!("PostgreSQL: {fault}{cause}"))
}

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => value.to_sql(kind, out),
            Self::Real(value) => value.to_sql(kind, out),
            Self::Text(value) => value.to_sql(kind, out),
            Self::Bytes(value) => value.to_sql(kind, out),
        }
    }

    /// All integers of the tables have 64 bits and all floats too: anything else would be written with the wrong length.
    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::FLOAT8, Type::TEXT, Type::BYTEA].contains(kind)
    }

    to_sql_checked!();
}

impl Store for Postgres {
    fn begin(&mut self) -> Result<(), StoreError> {
        self.client.batch_execute("BEGIN").map_err(failed)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.client.batch_execute("COMMIT").map_err(failed)
    }

    fn rollback(&mut self) {
        // Fails when the connection is gone, and with it the transaction.
        let _ = self.client.batch_execute("ROLLBACK");
    }

    fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64, StoreError> {
        let statement = self.prepared(sql)?;
        self.client.execute(&statement, &borrowed(values)).map_err(failed)
    }

    fn query(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let statement = self.prepared(sql)?;
        let rows = self.client.query(&statement, &borrowed(values)).map_err(failed)?;
        Ok(rows.iter().map(line).collect())
    }
}

fn borrowed(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

fn line(row: &postgres::Row) -> Row {
    let value = |at: usize, kind: &Type| match *kind {
        Type::INT8 => row.get::<_, Option<i64>>(at).map_or(Value::Null, Value::Int),
        Type::FLOAT8 => row.get::<_, Option<f64>>(at).map_or(Value::Null, Value::Real),
        Type::BYTEA => row.get::<_, Option<Vec<u8>>>(at).map_or(Value::Null, Value::Bytes),
        Type::TEXT => row.get::<_, Option<String>>(at).map_or(Value::Null, Value::Text),
        // The ledger asks for no other type; a view's timestamp is for people.
        _ => Value::Null,
    };
    row.columns().iter().enumerate().map(|(at, column)| value(at, column.type_())).collect()
}
