//! What the writer needs to know.

use secrecy::SecretString;
use std::time::Duration;

/// The database and how much goes into one transaction.
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    /// `postgresql://…`, as libpq reads it (sslmode, several hosts, …).
    pub url: SecretString,
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
