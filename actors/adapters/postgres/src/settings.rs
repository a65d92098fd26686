//! What a client of the database needs to know.

use millrace_access::renewable::Renewable;
use millrace_access::tls::TlsFiles;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// The database and how much goes into one transaction.
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    /// `postgresql://…`, as libpq reads it (sslmode, several hosts, …).
    pub url: Renewable<DatabaseUrl>,
    /// Files for TLS; what the URL names itself wins.
    pub tls: TlsFiles,
    /// Connections in the pool.
    pub pool_size: usize,
    /// Bound on connecting.
    pub connect_timeout: Duration,
    /// Bound on one statement; also told to the server.
    pub statement_timeout: Duration,
    /// Writers at work at once, each with one connection.
    pub writers: usize,
    /// Rows in one transaction; a single larger batch is still written whole.
    pub max_rows: usize,
    /// Bytes of source JSON in one transaction; a single larger batch is still written whole.
    pub max_bytes: usize,
}

/// Where the database is, and how to get in; holds a password.
#[derive(Clone, Debug)]
pub struct DatabaseUrl(SecretString);

// === impl DatabaseUrl ===

impl DatabaseUrl {
    /// The text, as libpq reads it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for DatabaseUrl {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for DatabaseUrl {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl PartialEq for DatabaseUrl {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}
