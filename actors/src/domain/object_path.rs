//! Which object an event points at.

use std::fmt;

/// Bucket and key of an object, checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectPath {
    bucket: String,
    key: String,
}

/// Host and, where given, port of the object store, for paths that are written as URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(String);

/// A path that names no object of ours, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPath(pub String);

// === impl Endpoint ===

impl Endpoint {
    /// Takes `host:port`, with or without scheme.
    pub fn new(endpoint: &str) -> Self {
        let bare = endpoint.trim().trim_end_matches('/');
        let bare = bare.split_once("://").map_or(bare, |(_, host)| host);
        Self(bare.to_lowercase())
    }
}

// === impl ObjectPath ===

impl ObjectPath {
    /// Reads the path of an event.
    ///
    /// Accepts `bucket/key`, `s3://bucket/key`, `minio://bucket/key` and `http(s)://ENDPOINT/bucket/key`.
    ///
    /// # Errors
    /// A leading `/`, an empty bucket, key or segment, `.` or `..` segments, control characters,
    /// another scheme or another host.
    pub fn parse(path: &str, endpoint: Option<&Endpoint>) -> Result<Self, BadPath> {
        let _ = (path, endpoint);
        Err(BadPath("not written yet".to_owned()))
    }

    /// The bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key within the bucket.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bucket, self.key)
    }
}
