//! What the oracle must know of the service's settings, and what it is given.

use std::collections::BTreeMap;

/// Bucket and key → content. Metadata is left out: the magic number has the last word on compression.
pub type Objects = BTreeMap<(String, String), Vec<u8>>;

/// The settings of the service that decide what is stored.
#[derive(Clone, Debug)]
pub struct OracleSettings {
    /// Buckets that events may name.
    pub buckets: Vec<String>,
    /// The object store, `host:port` with or without scheme.
    pub endpoint: Option<String>,
    /// Bytes of an object.
    pub max_object_bytes: usize,
    /// Bytes after decompression.
    pub max_decompressed_bytes: usize,
    /// Items in a batch.
    pub max_items: usize,
    /// Comments in a batch.
    pub max_comments: usize,
    /// Nesting of the JSON.
    pub max_depth: usize,
    /// Bytes of a text field.
    pub max_text_bytes: usize,
    /// `PERMANENT_ERROR_CODES`.
    pub permanent: Vec<String>,
    /// `TRANSIENT_ERROR_CODES`.
    pub transient: Vec<String>,
}

// === impl OracleSettings ===

impl Default for OracleSettings {
    fn default() -> Self {
        let list = |codes: &str| codes.split(' ').map(str::to_owned).collect();
        Self {
            buckets: vec!["crawl-results".to_owned()],
            endpoint: None,
            max_object_bytes: 64 << 20,
            max_decompressed_bytes: 256 << 20,
            max_items: 10_000,
            max_comments: 200_000,
            max_depth: 64,
            max_text_bytes: 1 << 20,
            permanent: list("CONTENT_REMOVED CONTENT_NOT_FOUND INVALID_URL ACCESS_DENIED"),
            transient: list("NETWORK_ERROR TIMEOUT RATE_LIMITED CONTENT_UNAVAILABLE STORAGE_ERROR"),
        }
    }
}
