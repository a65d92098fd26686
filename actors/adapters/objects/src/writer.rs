//! Writes objects into one bucket, each once: what is there is never replaced.

use super::{
    FetcherSettings, OBJECT_STORE, StoresError,
    bucket::{Bucket, Failure},
    open::open,
    screen::ForAnObject,
    trouble::{Trouble, summary},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use millrace_access::tls;
use millrace_engine::Fault;
use object_store::{
    Attribute, Attributes, GetOptions, GetResult, ObjectMeta, ObjectStoreExt, PutMode, PutOptions, path::Path,
};
use reqwest::{Method, StatusCode};
use std::{borrow::Cow, collections::BTreeMap, path::PathBuf, time::Duration};

/// The way into one bucket. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ObjectWriter {
    bucket: Bucket,
    /// Which settings name the bucket and the store, for people.
    named_by: &'static str,
    request_timeout: Duration,
    whole_timeout: Duration,
    authorities: Option<PathBuf>,
}

/// What the store knows of an object beside its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its key within the bucket.
    pub key: String,
    /// Entity tag, where the store gave one.
    pub etag: Option<String>,
    /// How long it is.
    pub bytes: u64,
    /// Metadata of its user. A folder (`file://`) keeps none, and a list tells none.
    pub metadata: BTreeMap<String, String>,
}

/// What came of a put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is stored; its entity tag, where the store gave one.
    Stored(Option<String>),
    /// There is an object of that key, and it stays as it is.
    Exists,
}

// === impl ObjectWriter ===

impl ObjectWriter {
    /// Opens the first of the settings' buckets; `named_by` are the settings that a person has to look at. Sends no
    /// request.
    ///
    /// # Errors
    /// When the URL is not one of ours, no bucket is named, or the client cannot be built.
    pub fn open(settings: &FetcherSettings, named_by: &'static str) -> Result<Self, StoresError> {
        // The client panics without a process-wide provider. The one that was installed first stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let bucket = open(settings)?.into_iter().next().ok_or(StoresError::NoBucket)?;
        Ok(Self {
            bucket,
            named_by,
            request_timeout: settings.request_timeout,
            whole_timeout: settings.whole_fetch_timeout(),
            authorities: settings.authorities.clone(),
        })
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket.name
    }

    /// Whether objects keep metadata there.
    pub fn keeps_metadata(&self) -> bool {
        self.bucket.folder.is_none()
    }

    /// Asks for an object that does not exist: proves the address, the keys and the bucket.
    ///
    /// # Errors
    /// An outage that says what to do.
    pub async fn ping(&self) -> Result<(), Fault> {
        let answer = self.bucket.ping(self.request_timeout).await;
        answer.map_err(|failure| self.outage(&failure))
    }

    /// Makes the bucket where it is missing. A store of Google or Azure wants more for that than we know.
    ///
    /// # Errors
    /// An outage that says what to do.
    pub async fn create_bucket(&self) -> Result<(), Fault> {
        let refused = |detail: String| {
            let bucket = &self.bucket.name;
            Fault::outage(OBJECT_STORE, format!("bucket {bucket} cannot be made: {detail}"))
        };
        if let Some(folder) = &self.bucket.folder {
            let made = tokio::fs::create_dir_all(folder).await;
            return made.map_err(|error| refused(format!("{}: {error}", folder.display())));
        }
        let Some(signer) = &self.bucket.signer else {
            return Err(refused(
                "this kind of store does not let us; make it by hand".to_owned(),
            ));
        };
        // The library makes no buckets, but a PUT of the empty key is that request, and it can sign it.
        let signed = signer
            .signed_url(Method::PUT, &Path::default(), self.whole_timeout)
            .await;
        let signed = signed.map_err(|error| refused(summary(&error)))?;
        let client = self.client().map_err(refused)?;
        let answer = client.put(signed).send().await;
        // The address in an error would repeat the signature.
        let answer = answer.map_err(|error| refused(error.without_url().to_string()))?;
        match answer.status() {
            // There it is.
            StatusCode::CONFLICT => Ok(()),
            status if status.is_success() => Ok(()),
            status => Err(refused(format!("the store says {status}"))),
        }
    }

    fn client(&self) -> Result<reqwest::Client, String> {
        let mut client = reqwest::Client::builder().timeout(self.request_timeout);
        if let Some(path) = &self.authorities {
            for certificate in tls::certificates(path).map_err(|error| error.to_string())? {
                let certificate = reqwest::Certificate::from_der(&certificate);
                client = client.add_root_certificate(certificate.map_err(|error| error.to_string())?);
            }
        }
        client.build().map_err(|error| error.to_string())
    }

    /// Stores an object where there is none of its key.
    ///
    /// # Errors
    /// An outage of `object_store`; where the store serves, a transient one of this object.
    pub async fn put(&self, key: &str, body: Bytes, metadata: &[(&str, &str)]) -> Result<Put, Fault> {
        let metadata = metadata.iter().filter(|_| self.keeps_metadata());
        let attributes: Attributes = metadata
            .map(|(name, value)| {
                let name = Attribute::Metadata(Cow::Owned((*name).to_owned()));
                (name, (*value).to_owned())
            })
            .collect();
        let mut options = PutOptions::from(attributes);
        options.mode = PutMode::Create;
        let location = location(key)?;
        let putting = self.bucket.store.put_opts(&location, body.into(), options);
        match self.in_time(key, putting).await? {
            Ok(stored) => Ok(Put::Stored(stored.e_tag.as_deref().map(unquoted))),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(Put::Exists)
            }
            Err(error) => Err(self.blame(key, &error).await),
        }
    }

    /// What the store knows of an object.
    ///
    /// # Errors
    /// As for a put.
    pub async fn head(&self, key: &str) -> Result<Option<Head>, Fault> {
        // Not screened: the answer to a HEAD has no body whose words could be looked at.
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        let found = self.found(key, options).await?;
        Ok(found.map(|found| head_of(&found)))
    }

    /// An object, whole. The caller knows that there is room for it.
    ///
    /// # Errors
    /// As for a put.
    pub async fn get(&self, key: &str) -> Result<Option<(Head, Bytes)>, Fault> {
        let mut options = GetOptions::default();
        options.extensions.insert(ForAnObject);
        let Some(found) = self.found(key, options).await? else {
            return Ok(None);
        };
        let head = head_of(&found);
        match self.in_time(key, found.bytes()).await? {
            Ok(body) => Ok(Some((head, body))),
            Err(error) => Err(self.blame(key, &error).await),
        }
    }

    /// All objects below a folder, in no order.
    ///
    /// # Errors
    /// An outage of `object_store`.
    pub async fn list(&self, folder: &str) -> Result<Vec<Head>, Fault> {
        let prefix = location(folder)?;
        let mut listed: BoxStream<'_, object_store::Result<ObjectMeta>> =
            self.bucket.store.list(Some(&prefix));
        let mut all = Vec::new();
        while let Some(next) = self.in_time(folder, listed.next()).await? {
            match next {
                Ok(meta) => all.push(head_of_meta(&meta)),
                Err(error) => return Err(self.blame(folder, &error).await),
            }
        }
        Ok(all)
    }

    /// Deletes an object; that there is none is as well.
    ///
    /// # Errors
    /// As for a put.
    pub async fn delete(&self, key: &str) -> Result<(), Fault> {
        let location = location(key)?;
        match self.in_time(key, self.bucket.store.delete(&location)).await? {
            Ok(()) => Ok(()),
            Err(error) if Trouble::of(&error) == Trouble::Missing => Ok(()),
            Err(error) => Err(self.blame(key, &error).await),
        }
    }

    async fn found(&self, key: &str, options: GetOptions) -> Result<Option<GetResult>, Fault> {
        let location = location(key)?;
        let getting = self.bucket.store.get_opts(&location, options);
        let error = match self.in_time(key, getting).await? {
            Ok(found) => return Ok(Some(found)),
            Err(error) => error,
        };
        if self.bucket.failure(&error).await.trouble != Trouble::Missing {
            return Err(self.blame(key, &error).await);
        }
        // That may have been the answer to a HEAD, which does not say whether the object is missing or its bucket is.
        self.ping().await?;
        Ok(None)
    }

    async fn in_time<T>(&self, what: &str, work: impl Future<Output = T>) -> Result<T, Fault> {
        let bound = self.whole_timeout;
        let late = |_| {
            let detail = format!("{what}: no answer within {bound:?}");
            let trouble = Trouble::Unavailable;
            self.outage(&Failure { trouble, detail })
        };
        tokio::time::timeout(bound, work).await.map_err(late)
    }

    /// A store can refuse or fail one object and serve all others, so it is asked before it is blamed.
    async fn blame(&self, key: &str, error: &object_store::Error) -> Fault {
        let failure = self.bucket.failure(error).await;
        if let Err(fault) = self.ping().await {
            return fault;
        }
        Fault::transient("object_refused", format!("{key}: {}", failure.detail))
    }

    fn outage(&self, failure: &Failure) -> Fault {
        let (bucket, named_by) = (&self.bucket.name, self.named_by);
        let detail = match failure.trouble {
            Trouble::NoSuchBucket => format!("there is no bucket {bucket}: create it, or correct {named_by}"),
            Trouble::Denied => format!(
                "access to bucket {bucket} is refused: check the keys, and that they may put, get and delete objects \
                 and list the bucket"
            ),
            _ => format!("bucket {bucket} does not serve: check {named_by}, and that the store is up"),
        };
        Fault::outage(OBJECT_STORE, format!("{detail} ({})", failure.detail))
    }
}

fn location(key: &str) -> Result<Path, Fault> {
    let refused =
        |error: object_store::path::Error| Fault::poison(super::reasons::BAD_PATH, error.to_string());
    Path::parse(key).map_err(refused)
}

fn head_of(found: &GetResult) -> Head {
    let metadata = found.attributes.iter().filter_map(|(name, value)| match name {
        Attribute::Metadata(name) => Some((name.to_ascii_lowercase(), value.to_string())),
        _ => None,
    });
    Head {
        metadata: metadata.collect(),
        ..head_of_meta(&found.meta)
    }
}

fn head_of_meta(meta: &ObjectMeta) -> Head {
    Head {
        key: meta.location.to_string(),
        etag: meta.e_tag.as_deref().map(unquoted),
        bytes: meta.size,
        metadata: BTreeMap::new(),
    }
}

fn unquoted(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}
