//! What the fetcher needs to know.

use millrace_access::renewable::Renewable;
use secrecy::{ExposeSecret, SecretString};
use std::{path::PathBuf, time::Duration};

/// Where objects are and how far the fetcher goes for one.
#[derive(Clone, Debug)]
pub struct FetcherSettings {
    /// The store.
    pub store: StoreSettings,
    /// File with the authorities (PEM) that a store on https is trusted by; without it the system's.
    pub authorities: Option<PathBuf>,
    /// Buckets that events may name; the first is `MINIO_CRAWL_RESULTS_BUCKET`.
    pub buckets: Vec<String>,
    /// Connections kept open.
    pub max_connections: usize,
    /// Cap on an object's size, in bytes.
    pub max_object_bytes: u64,
    /// Bound on connecting.
    pub connect_timeout: Duration,
    /// Bound on one request and on silence within a body.
    pub request_timeout: Duration,
    /// Tries of one request before it counts as failed.
    pub request_attempts: usize,
    /// How long a missing object may still appear after the event was first seen.
    pub object_grace: Duration,
}

// === impl FetcherSettings ===

impl FetcherSettings {
    /// Bound on the whole of one fetch, whatever the store does: as long as every try may be silent,
    /// and once more for a body that trickles.
    pub fn whole_fetch_timeout(&self) -> Duration {
        let tries = u32::try_from(self.request_attempts).unwrap_or(u32::MAX);
        self.request_timeout.saturating_mul(tries.saturating_add(1))
    }
}

/// Which store, and how to get in.
#[derive(Clone, Debug)]
pub enum StoreSettings {
    /// The MinIO names of the environment.
    Minio {
        /// `host:port`, with or without scheme.
        endpoint: String,
        /// Who we are.
        keys: Renewable<StoreKeys>,
        /// https where the endpoint names no scheme.
        use_ssl: bool,
        /// Region.
        region: String,
    },
    /// `OBJECT_STORE_URL`: `s3://`, `gs://`, `az://` (credentials from the standard environment of
    /// that cloud, `options` being those variables) or `file:///root`, where a bucket is a folder.
    Url {
        /// The URL.
        url: String,
        /// Environment variables that name the cloud's own settings (`AWS_…`, `GOOGLE_…`, `AZURE_…`).
        options: Vec<(String, SecretString)>,
    },
}

/// Who we are to a store.
#[derive(Clone, Debug)]
pub struct StoreKeys {
    /// Access key.
    pub access: String,
    /// Secret key.
    pub secret: SecretString,
}

// === impl StoreKeys ===

impl PartialEq for StoreKeys {
    fn eq(&self, other: &Self) -> bool {
        self.access == other.access && self.secret.expose_secret() == other.secret.expose_secret()
    }
}
