//! The buckets that events may name, opened.

use super::{FetcherSettings, Served, StoreSettings, bucket::Bucket, open::open};
use crate::{Endpoint, ObjectPath};
use bytes::Bytes;
use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use object_store::{Attribute, Attributes, PutOptions, path::Path};
use secrecy::ExposeSecret;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// One open store for each allowed bucket. It is cheap to share and holds the connections.
#[derive(Debug)]
pub struct Stores {
    buckets: BTreeMap<String, Bucket>,
    /// The one that events point into where nothing else is said.
    first: String,
    endpoint: Option<Endpoint>,
    ping_timeout: Duration,
    /// Buckets that are known not to serve, so that each is told of once.
    told: Mutex<BTreeSet<String>>,
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
        // The client panics without a process-wide provider. The one that was installed first stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let buckets = open(settings)?;
        let first = buckets.first().ok_or(StoresError::NoBucket)?.name.clone();
        Ok(Self {
            buckets: buckets
                .into_iter()
                .map(|bucket| (bucket.name.clone(), bucket))
                .collect(),
            first,
            endpoint: endpoint(&settings.store),
            ping_timeout: settings.request_timeout,
            told: Mutex::default(),
        })
    }

    /// Asks every bucket for an object that does not exist: proves the address, the keys and the buckets.
    ///
    /// # Errors
    /// No bucket serves; says what to do about the first.
    pub async fn ping(&self) -> Result<Served, PingError> {
        let answers = join_all(self.buckets.values().map(|bucket| async move {
            let answer = bucket.ping(self.ping_timeout).await;
            let told =
                |failure: super::bucket::Failure| failure.trouble.explain(&bucket.name, &failure.detail);
            (bucket.name.as_str(), answer.map_err(told))
        }))
        .await;
        let mut troubles: Vec<(&str, String)> = answers
            .into_iter()
            .filter_map(|(name, answer)| Some((name, answer.err()?)))
            .collect();
        troubles.sort_by_key(|(name, _)| *name != self.first);
        if troubles.len() == self.buckets.len() {
            let (_, first) = troubles.swap_remove(0);
            return Err(PingError(first));
        }
        self.tell(&troubles);
        let first_is_there = troubles.iter().all(|(name, _)| *name != self.first);
        let troubles = troubles.into_iter().map(|(_, told)| told).collect();
        Ok(Served::new(first_is_there, troubles))
    }

    /// Whether any bucket but this one serves.
    pub(super) async fn serves_beside(&self, but: &Bucket) -> bool {
        let others = self.buckets.values().filter(|bucket| bucket.name != but.name);
        let mut answers: FuturesUnordered<_> = others.map(|bucket| bucket.ping(self.ping_timeout)).collect();
        while let Some(answer) = answers.next().await {
            if answer.is_ok() {
                return true;
            }
        }
        false
    }

    /// Tells of each bucket when it stops serving beside others, and when it serves again.
    fn tell(&self, troubles: &[(&str, String)]) {
        let mut known = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, trouble) in troubles {
            if known.insert((*name).to_owned()) {
                tracing::warn!(
                    bucket = name,
                    reason = trouble,
                    "a bucket does not serve; its events wait, others go on"
                );
            }
        }
        known.retain(|name| {
            let bad = troubles.iter().any(|(bad, _)| bad == name);
            if !bad {
                tracing::info!(bucket = name, "the bucket serves again");
            }
            bad
        });
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
    pub(super) fn parse(&self, path: &str) -> Result<ObjectPath, crate::BadPath> {
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
