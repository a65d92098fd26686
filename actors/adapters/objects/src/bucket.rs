//! One bucket that events may name.

use super::screen::ForAnObject;
use super::signs::{SigningStore, Signs};
use super::trouble::{Trouble, summary};
use object_store::{GetOptions, GetResult, ObjectStore, path::Path, signer::Signer};
use std::{path::PathBuf, sync::Arc, time::Duration};
use uuid::Uuid;

/// A bucket, and the way to it.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    /// Name, as events give it.
    pub(super) name: String,
    /// The store, with this bucket as its root.
    pub(super) store: Arc<dyn ObjectStore>,
    /// The folder that plays the bucket, for `file://`.
    pub(super) folder: Option<PathBuf>,
    /// Whether the store signs its answers.
    pub(super) signing: SigningStore,
    /// Signs what the client library cannot ask for: that the bucket be made. Only of S3.
    pub(super) signer: Option<Arc<dyn Signer>>,
}

/// Why a request failed, in a form that fits every report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// What it means.
    pub(super) trouble: Trouble,
    /// What the store said.
    pub(super) detail: String,
}

/// Not an object of anyone. Asking for it is the cheapest request that says in one answer whether
/// the store is there, takes our keys and has the bucket (a HEAD has no body to say which is missing),
/// and it needs the very permissions that work needs.
const PING_KEY: &str = ".millrace-ping";

// === impl Bucket ===

impl Bucket {
    /// Asks for an object; the body is still to be read.
    pub(super) async fn get(&self, key: &str) -> Result<GetResult, Failure> {
        let location = Path::parse(key).map_err(|error| Failure::unclear(error.to_string()))?;
        let mut options = GetOptions::default();
        options.extensions.insert(ForAnObject);
        match self.store.get_opts(&location, options).await {
            Ok(response) => Ok(response),
            Err(error) => Err(self.failure(&error).await),
        }
    }

    /// Whether the bucket would serve an object, were there one. Only a store says of an object that it is missing.
    pub(super) async fn ping(&self, bound: Duration) -> Result<(), Failure> {
        match tokio::time::timeout(bound, self.is_missing()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(Failure {
                trouble: Trouble::NotTheStore,
                detail: "it has an object under a name that was just made up".to_owned(),
            }),
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(Failure {
                trouble: Trouble::Unavailable,
                detail: format!("no answer within {bound:?}"),
            }),
        }
    }

    async fn is_missing(&self) -> Result<bool, Failure> {
        Ok(self.lacks(PING_KEY).await? || self.lacks(&format!("{PING_KEY}-{}", Uuid::new_v4())).await?)
    }

    async fn lacks(&self, key: &str) -> Result<bool, Failure> {
        match self.get(key).await {
            Ok(_) => Ok(false),
            Err(failure) if failure.trouble == Trouble::Missing => Ok(true),
            Err(failure) => Err(failure),
        }
    }

    /// Whether an object that looks as no batch does came from the store at all. A store that signs its answers
    /// is known by that; another is asked for an object that does not exist.
    pub(super) async fn vouches(&self, signs: &Signs, body: &[u8], bound: Duration) -> Result<(), Failure> {
        let oddity = signs.oddity(body);
        if signs.signed || oddity.is_none() && !self.signing.is_to_sign() {
            return Ok(());
        }
        let not_the_store = |why: &str| Failure {
            trouble: Trouble::NotTheStore,
            detail: format!("an answer of {} bytes is not the store's: {why}", body.len()),
        };
        self.ping(bound)
            .await
            .map_err(|failure| not_the_store(&failure.detail))?;
        match oddity {
            Some(oddity) if self.signing.is_to_sign() => {
                Err(not_the_store(&format!("{oddity}, and it has no request id")))
            }
            _ => Ok(()),
        }
    }

    /// Sorts an error of this bucket's store.
    pub(super) async fn failure(&self, error: &object_store::Error) -> Failure {
        let mut trouble = Trouble::of(error);
        if trouble == Trouble::Missing && self.folder_is_missing().await {
            trouble = Trouble::NoSuchBucket;
        }
        Failure {
            trouble,
            detail: summary(error),
        }
    }

    async fn folder_is_missing(&self) -> bool {
        match &self.folder {
            Some(folder) => !tokio::fs::metadata(folder)
                .await
                .is_ok_and(|found| found.is_dir()),
            None => false,
        }
    }
}

// === impl Failure ===

impl Failure {
    /// A failure that names no cause.
    pub(super) fn unclear(detail: impl Into<String>) -> Self {
        Self {
            trouble: Trouble::Unclear,
            detail: detail.into(),
        }
    }
}
