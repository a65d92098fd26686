//! Opens the store that the settings name.

use super::{
    FetcherSettings, StoreSettings, bucket::Bucket, keys::Keys, retry_after::RetryAfterConnector,
    screen::ScreeningConnector, signs::SigningStore, stores::StoresError,
};
use millrace_access::tls;
use object_store::{
    BackoffConfig, Certificate, ClientOptions, ObjectStore, RetryConfig, aws::AmazonS3Builder,
    azure::MicrosoftAzureBuilder, gcp::GoogleCloudStorageBuilder, local::LocalFileSystem, path::Path,
    prefix::PrefixStore, signer::Signer,
};
use secrecy::{ExposeSecret, SecretString};
use std::{path::PathBuf, sync::Arc, time::Duration};
use url::Url;

/// First pause between tries of a request.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause between tries of a request. Longer outages are the supervisor's business.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Every bucket that events may name.
pub(super) fn open(settings: &FetcherSettings) -> Result<Vec<Bucket>, StoresError> {
    match &settings.store {
        StoreSettings::Minio { .. } => named(settings)?
            .iter()
            .map(|name| minio(settings, name))
            .collect(),
        StoreSettings::Url { url, options } => {
            let bad = |what: &str| StoresError::BadUrl {
                url: url.clone(),
                what: what.to_owned(),
            };
            let parsed = Url::parse(url).map_err(|error| bad(&error.to_string()))?;
            if parsed.scheme() == "file" {
                let root = parsed
                    .to_file_path()
                    .map_err(|()| bad("file:// takes an absolute path"))?;
                return named(settings)?.iter().map(|name| folder(&root, name)).collect();
            }
            let name = parsed.host_str().ok_or_else(|| bad("it names no bucket"))?;
            if !matches!(parsed.path(), "" | "/") {
                return Err(bad("a prefix within the bucket is not supported"));
            }
            // The first of the settings is a MinIO name, which the URL overrides.
            let extra = settings.buckets.iter().skip(1).map(String::as_str);
            let names = std::iter::once(name).chain(extra.filter(|extra| *extra != name));
            names
                .map(|name| {
                    cloud(settings, parsed.scheme(), name, options)?
                        .ok_or_else(|| bad("expected s3, gs, az or file"))
                })
                .collect()
        }
    }
}

fn named(settings: &FetcherSettings) -> Result<&[String], StoresError> {
    match settings.buckets.as_slice() {
        [] => Err(StoresError::NoBucket),
        buckets => Ok(buckets),
    }
}

fn bucket(
    name: &str,
    store: Arc<dyn ObjectStore>,
    signing: SigningStore,
    signer: Option<Arc<dyn Signer>>,
) -> Bucket {
    Bucket {
        name: name.to_owned(),
        store,
        folder: None,
        signing,
        signer,
    }
}

fn minio(settings: &FetcherSettings, name: &str) -> Result<Bucket, StoresError> {
    let StoreSettings::Minio {
        endpoint,
        keys,
        use_ssl,
        region,
    } = &settings.store
    else {
        return Err(StoresError::NoBucket);
    };
    let endpoint = match endpoint.trim().trim_end_matches('/') {
        full if full.contains("://") => full.to_owned(),
        bare if *use_ssl => format!("https://{bare}"),
        bare => format!("http://{bare}"),
    };
    let plain = endpoint.to_ascii_lowercase().starts_with("http://");
    let signing = SigningStore::default();
    let store = AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_virtual_hosted_style_request(false)
        .with_bucket_name(name)
        .with_region(region)
        .with_credentials(Arc::new(Keys(keys.clone())))
        // `with_allow_http` of the builder would be undone here, so the options carry it.
        .with_client_options(client_options(settings, plain)?)
        .with_http_connector(connector(settings, &signing))
        .with_retry(retry(settings))
        .build()
        .map_err(|source| StoresError::open(name, source))?;
    let store = Arc::new(store);
    Ok(bucket(name, store.clone(), signing, Some(store)))
}

/// `None` for a scheme that is none of ours.
fn cloud(
    settings: &FetcherSettings,
    scheme: &str,
    name: &str,
    options: &[(String, SecretString)],
) -> Result<Option<Bucket>, StoresError> {
    let url = format!("{scheme}://{name}");
    let signing = SigningStore::default();
    // Our bounds come first, so that what the operator says in the cloud's own variables wins; but for the bucket,
    // which events name.
    macro_rules! build {
        ($builder:ty) => {{
            let ours = <$builder>::new()
                .with_client_options(client_options(settings, false)?)
                .with_http_connector(connector(settings, &signing))
                .with_retry(retry(settings))
                .with_url(url.as_str());
            let builder = options.iter().filter(|(name, _)| !names_a_bucket(name)).fold(
                ours,
                |builder, (name, value)| match name.to_ascii_lowercase().parse() {
                    Ok(key) => builder.with_config(key, value.expose_secret()),
                    Err(_) => builder,
                },
            );
            let store = builder.build();
            Arc::new(store.map_err(|source| StoresError::open(&url, source))?)
        }};
    }
    let mut signer: Option<Arc<dyn Signer>> = None;
    let store: Arc<dyn ObjectStore> = match scheme {
        "s3" => {
            let store = build!(AmazonS3Builder);
            signer = Some(store.clone());
            store
        }
        "gs" => build!(GoogleCloudStorageBuilder),
        "az" => build!(MicrosoftAzureBuilder),
        _ => return Ok(None),
    };
    Ok(Some(bucket(name, store, signing, signer)))
}

fn names_a_bucket(variable: &str) -> bool {
    ["BUCKET", "BUCKET_NAME", "CONTAINER_NAME"]
        .iter()
        .any(|end| variable.to_ascii_uppercase().ends_with(end))
}

/// The store's root is the common root, not the bucket's folder: the folder may appear later, as a
/// bucket may.
fn folder(root: &std::path::Path, name: &str) -> Result<Bucket, StoresError> {
    let open = |source| StoresError::open(root.display(), source);
    let prefix = Path::parse(name).map_err(|error| open(error.into()))?;
    // What was written must still be there after a power cut, as in any other store.
    let local = LocalFileSystem::new_with_prefix(root)
        .map_err(open)?
        .with_fsync(true);
    Ok(Bucket {
        name: name.to_owned(),
        store: Arc::new(PrefixStore::new(local, prefix)),
        folder: Some(PathBuf::from(root).join(name)),
        signing: SigningStore::default(),
        signer: None,
    })
}

fn client_options(settings: &FetcherSettings, plain_http: bool) -> Result<ClientOptions, StoresError> {
    let mut options = ClientOptions::new();
    if let Some(path) = &settings.authorities {
        let unusable = |source| StoresError::open(path.display(), source);
        for certificate in
            tls::certificates(path).map_err(|error| StoresError::open("MINIO_CA_FILE", error))?
        {
            let certificate = Certificate::from_der(&certificate).map_err(unusable)?;
            options = options.with_root_certificate(certificate);
        }
    }
    // Plain http needs no certificates, a small container may have none to load, and who names an authority
    // means that one alone.
    let no_system = plain_http || settings.authorities.is_some();
    Ok(options
        .with_allow_http(plain_http)
        .with_no_system_certificates(no_system)
        .with_connect_timeout(settings.connect_timeout)
        // Silence is bounded here; the whole of a fetch is bounded by the fetcher. A bound on the
        // whole of one request would fail a large object on a slow but healthy line.
        .with_read_timeout(settings.request_timeout)
        .with_timeout_disabled()
        .with_pool_max_idle_per_host(settings.max_connections))
}

/// All waits that one fetch of a busy store asks for fit into one request's timeout.
fn connector(settings: &FetcherSettings, signing: &SigningStore) -> ScreeningConnector<RetryAfterConnector> {
    let attempts = u32::try_from(settings.request_attempts.max(1)).unwrap_or(u32::MAX);
    ScreeningConnector {
        inner: RetryAfterConnector {
            longest: settings.request_timeout / attempts,
        },
        signing: signing.clone(),
    }
}

fn retry(settings: &FetcherSettings) -> RetryConfig {
    let attempts = settings.request_attempts.max(1);
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: FIRST_PAUSE,
            max_backoff: LONGEST_PAUSE,
            base: 2.0,
        },
        max_retries: attempts - 1,
        retry_timeout: settings.whole_fetch_timeout(),
    }
}
