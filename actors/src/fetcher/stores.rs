//! The buckets that events may name, opened.

use super::{FetcherSettings, StoreSettings, bucket::Bucket, open::open};
use crate::domain::{Endpoint, ObjectPath};
use bytes::Bytes;
use object_store::{Attribute, Attributes, PutOptions, path::Path};
use secrecy::ExposeSecret;
use std::{collections::BTreeMap, fmt, time::Duration};

/// One open store for each allowed bucket. It is cheap to share and holds the connections.
#[derive(Debug)]
pub struct Stores {
    buckets: BTreeMap<String, Bucket>,
    endpoint: Option<Endpoint>,
    ping_timeout: Duration,
}

/// Settings that open no store.
#[derive(Debug, thiserror::Error)]
pub enum StoresError {
    /// `OBJECT_STORE_URL` cannot be used.
    #[error("OBJECT_STORE_URL {url:?}: {what}")]
    BadUrl {
        /// The URL.
        url: String,
        /// What is wrong with it.
        what: String,
    },
    /// No bucket is configured.
    #[error("no bucket is configured: set MINIO_CRAWL_RESULTS_BUCKET")]
    NoBucket,
    /// An object could not be stored.
    #[error("cannot store {what}")]
    Put {
        /// `bucket/key`.
        what: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The client could not be built.
    #[error("cannot open {what}")]
    Open {
        /// Bucket, URL or folder.
        what: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A bucket that does not serve, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PingError(String);

// === impl Stores ===

impl Stores {
    /// Opens the store that the settings name. Sends no request: a store that is down now may come up.
    ///
    /// # Errors
    /// When the URL is not one of ours, no bucket is named, or the client cannot be built.
    pub fn new(settings: &FetcherSettings) -> Result<Self, StoresError> {
        // The client panics without a process-wide provider. Whoever installed one first keeps it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let buckets = open(settings)?;
        Ok(Self {
            buckets: buckets
                .into_iter()
                .map(|bucket| (bucket.name.clone(), bucket))
                .collect(),
            endpoint: endpoint(&settings.store),
            ping_timeout: settings.request_timeout,
        })
    }

    /// Asks every bucket for an object that does not exist: proves the address, the keys and the buckets.
    ///
    /// # Errors
    /// The first bucket that does not serve, with what to do about it.
    pub async fn ping(&self) -> Result<(), PingError> {
        for bucket in self.buckets.values() {
            bucket
                .ping(self.ping_timeout)
                .await
                .map_err(|failure| PingError(failure.trouble.explain(&bucket.name, &failure.detail)))?;
        }
        Ok(())
    }

    /// Stores an object, replacing one of the same key. Metadata needs a store that has it: a folder
    /// (`file://`) keeps none.
    ///
    /// # Errors
    /// When the path names no allowed bucket, or the store refuses.
    pub async fn put(
        &self,
        bucket: &str,
        key: &str,
        body: Bytes,
        metadata: &[(&str, &str)],
    ) -> Result<(), StoresError> {
        let refused = |source: Box<dyn std::error::Error + Send + Sync>| StoresError::Put {
            what: format!("{bucket}/{key}"),
            source,
        };
        let bucket = self
            .bucket(bucket)
            .ok_or_else(|| refused("not an allowed bucket".into()))?;
        let location = Path::parse(key).map_err(|error| refused(error.into()))?;
        let attributes: Attributes = metadata
            .iter()
            .filter(|_| bucket.folder.is_none())
            .map(|(name, value)| {
                (
                    Attribute::Metadata((*name).to_owned().into()),
                    (*value).to_owned(),
                )
            })
            .collect();
        let options = PutOptions::from(attributes);
        bucket
            .store
            .put_opts(&location, body.into(), options)
            .await
            .map_err(|error| refused(error.into()))?;
        Ok(())
    }

    /// Checks a path as an event gives it.
    pub(super) fn parse(&self, path: &str) -> Result<ObjectPath, crate::domain::BadPath> {
        ObjectPath::parse(path, self.endpoint.as_ref())
    }

    /// The bucket, where it is allowed.
    pub(super) fn bucket(&self, name: &str) -> Option<&Bucket> {
        self.buckets.get(name)
    }

    /// Names of the allowed buckets, for messages.
    pub(super) fn allowed(&self) -> String {
        self.buckets
            .keys()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

// === impl StoresError ===

impl StoresError {
    pub(super) fn open(
        what: impl fmt::Display,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Open {
            what: what.to_string(),
            source: source.into(),
        }
    }
}

fn endpoint(store: &StoreSettings) -> Option<Endpoint> {
    match store {
        StoreSettings::Minio { endpoint, .. } => Some(Endpoint::new(endpoint)),
        StoreSettings::Url { options, .. } => options
            .iter()
            .find(|(name, _)| matches!(name.as_str(), "AWS_ENDPOINT" | "AWS_ENDPOINT_URL"))
            .map(|(_, value)| Endpoint::new(value.expose_secret())),
    }
}
