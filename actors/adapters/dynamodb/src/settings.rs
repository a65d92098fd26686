//! Where the table is, and how to get in.

use millrace_access::renewable::Renewable;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// A table, and how patiently it is asked.
#[derive(Clone, Debug)]
pub struct DynamoSettings {
    /// Another server than Amazon's: `http://host:port`.
    pub endpoint: Option<String>,
    /// As Amazon names it; a server of one's own takes any.
    pub region: String,
    /// Who we are; without them the chain of Amazon's tools says it: web identity, container, instance.
    pub keys: Option<Renewable<DynamoKeys>>,
    /// The table.
    pub table: String,
    /// Bound on connecting.
    pub connect_timeout: Duration,
    /// Bound on one request.
    pub request_timeout: Duration,
    /// How long one write may go on about items that were not taken; then it is up to its caller.
    pub patience: Duration,
    /// Batches of one write that are under way at a time.
    pub concurrency: usize,
}

/// Who we are.
#[derive(Clone, Debug)]
pub struct DynamoKeys {
    /// Access key.
    pub access: String,
    /// Secret key.
    pub secret: SecretString,
    /// Token of keys that end.
    pub token: Option<SecretString>,
}

// === impl DynamoSettings ===

impl DynamoSettings {
    /// A table on a server of one's own, which takes every key.
    pub fn at(endpoint: &str, table: &str) -> Self {
        Self {
            endpoint: Some(endpoint.to_owned()),
            region: "us-east-1".to_owned(),
            keys: Some(Renewable::fixed(DynamoKeys::assumed())),
            table: table.to_owned(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            patience: Duration::from_secs(15),
            concurrency: 4,
        }
    }
}

// === impl DynamoKeys ===

impl DynamoKeys {
    /// What servers for development take: they look at no key.
    pub fn assumed() -> Self {
        Self {
            access: "fake".to_owned(),
            secret: "fake".into(),
            token: None,
        }
    }
}

impl PartialEq for DynamoKeys {
    fn eq(&self, other: &Self) -> bool {
        let all = |keys: &Self| {
            let token = keys.token.as_ref().map(|token| token.expose_secret().to_owned());
            (keys.access.clone(), keys.secret.expose_secret().to_owned(), token)
        };
        all(self) == all(other)
    }
}
