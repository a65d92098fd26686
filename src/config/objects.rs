//! The object store.

use super::numbers::{Mebibytes, Seconds, Whole};
use super::problem::Problem;
use super::reader::Reader;
use super::rule::{Flag, List, Name, Parsed, Text};
use super::setting::{Setting, settings};
use super::tls::{FILE, File};
use millrace_objects::{FetcherSettings, StoreKeys, StoreSettings};
use url::Url;

settings! { "Object store";
    STORE_URL: Parsed<String> = Setting::optional(
        "OBJECT_STORE_URL",
        Parsed::new("`s3://bucket`, `gs://bucket`, `az://container`, `file:///folder`", store_url, String::new),
        "the MinIO names",
        "Another store than MinIO, with the standard variables of that cloud (`AWS_…`, `GOOGLE_…`, `AZURE_…`); overrides the MinIO names.",
    ).hidden_in_url();
    ENDPOINT: Parsed<String> = Setting::new("MINIO_ENDPOINT", Parsed::new("`host:port`, `http(s)://host:port`", endpoint, String::new), "minio:9000", "MinIO, with or without scheme; a scheme wins over `MINIO_USE_SSL`.");
    ACCESS_KEY: Text = Setting::optional("MINIO_ACCESS_KEY", Text, "required unless `OBJECT_STORE_URL` is set", "Access key.").hidden();
    SECRET_KEY: Text = Setting::optional("MINIO_SECRET_KEY", Text, "required unless `OBJECT_STORE_URL` is set", "Secret key.").hidden();
    USE_SSL: Flag = Setting::new("MINIO_USE_SSL", Flag, "false", "https where the endpoint names no scheme.");
    CA_FILE: File = Setting::optional("MINIO_CA_FILE", FILE, "the system's authorities", "Authorities (PEM) that the store's certificate is checked by, of `OBJECT_STORE_URL` too; read at start.");
    REGION: Name = Setting::new("MINIO_REGION", Name, "us-east-1", "Region that requests are signed for.");
    BUCKET: Name = Setting::new("MINIO_CRAWL_RESULTS_BUCKET", Name, "crawl-results", "Bucket that events point into.");
    EXTRA_BUCKETS: List = Setting::optional("MINIO_EXTRA_BUCKETS", List, "none", "Other buckets that events may name, in the same store or that of `OBJECT_STORE_URL`; an event that names any other is dead-lettered. One that does not exist holds its own events only.");
    MAX_CONNECTIONS: Whole<usize> = Setting::new("MINIO_MAX_POOL_CONNECTIONS", Whole::between(1, 1000), "10", "Connections kept open.");
    CONNECT_TIMEOUT: Seconds = Setting::new("MINIO_CONNECT_TIMEOUT_SECONDS", Seconds::between(0.1, 300.0), "5", "Bound on connecting.");
    REQUEST_TIMEOUT: Seconds = Setting::new("MINIO_REQUEST_TIMEOUT_SECONDS", Seconds::between(0.1, 3600.0), "20", "Bound on one request, and on silence within a body.");
    REQUEST_ATTEMPTS: Whole<usize> = Setting::new("MINIO_REQUEST_ATTEMPTS", Whole::between(1, 100), "3", "Tries of one request before it counts as failed.");
    MAX_OBJECT: Mebibytes = Setting::new("MAX_OBJECT_MB", Mebibytes::between(1, 4096), "64", "Cap on an object's size.");
    OBJECT_GRACE: Seconds = Setting::new("OBJECT_GRACE_SECONDS", Seconds::between(0.0, 86_400.0), "30", "How long a missing object may still appear after its event was first seen.");
}

/// Reads the group.
pub fn read(reader: &mut Reader<'_>) -> FetcherSettings {
    let store = store(reader);
    let mut buckets = vec![reader.get(&BUCKET)];
    warn_of_another_bucket(reader, &store, &buckets[0]);
    for extra in reader.optional(&EXTRA_BUCKETS).unwrap_or_default() {
        if !buckets.contains(&extra) {
            buckets.push(extra);
        }
    }
    of(reader, store, buckets)
}

/// Another bucket in the same store, or, where a pipeline has a URL of its own, in that one.
#[cfg(feature = "kafka")]
pub(super) fn read_beside(reader: &mut Reader<'_>, own: Option<String>, bucket: &str) -> FetcherSettings {
    let store = match own {
        Some(url) => at_url(reader, url),
        None => match store(reader) {
            StoreSettings::Url { url, options } => StoreSettings::Url {
                url: in_another_bucket(url, bucket),
                options,
            },
            minio => minio,
        },
    };
    of(reader, store, vec![bucket.to_owned()])
}

/// In a folder the bucket is a folder, which the settings name.
#[cfg(feature = "kafka")]
fn in_another_bucket(url: String, bucket: &str) -> String {
    match url.split_once("://") {
        Some((scheme, _)) if scheme != "file" => format!("{scheme}://{bucket}"),
        _ => url,
    }
}

fn of(reader: &mut Reader<'_>, store: StoreSettings, buckets: Vec<String>) -> FetcherSettings {
    FetcherSettings {
        store,
        authorities: reader.optional(&CA_FILE),
        buckets,
        max_connections: reader.get(&MAX_CONNECTIONS),
        max_object_bytes: reader.get(&MAX_OBJECT),
        connect_timeout: reader.get(&CONNECT_TIMEOUT),
        request_timeout: reader.get(&REQUEST_TIMEOUT),
        request_attempts: reader.get(&REQUEST_ATTEMPTS),
        object_grace: reader.get(&OBJECT_GRACE),
    }
}

fn store(reader: &mut Reader<'_>) -> StoreSettings {
    let url = reader.optional(&STORE_URL);
    let endpoint = reader.get(&ENDPOINT);
    let keys = keys(reader);
    let use_ssl = reader.get(&USE_SSL);
    let region = reader.get(&REGION);
    if let Some(url) = url {
        return at_url(reader, url);
    }
    if !reader.is_set(&STORE_URL) {
        reader.missing(&ACCESS_KEY, "");
        reader.missing(&SECRET_KEY, "");
    }
    if endpoint.starts_with("http://") && use_ssl {
        let what = "says http while MINIO_USE_SSL is true".to_owned();
        let hint = "write https, or turn MINIO_USE_SSL off";
        reader.problem(Problem::new("MINIO_ENDPOINT", what, hint).with_value(&endpoint));
    }
    StoreSettings::Minio {
        endpoint,
        keys: reader.renewable("keys of the object store", keys, self::keys),
        use_ssl,
        region,
    }
}

fn at_url(reader: &Reader<'_>, url: String) -> StoreSettings {
    let standard = reader.source().with_prefixes(&["AWS_", "GOOGLE_", "AZURE_"]);
    let options = standard.into_iter().map(|(name, value)| (name, value.into()));
    StoreSettings::Url {
        url,
        options: options.collect(),
    }
}

/// Where the MinIO name is set too, it may be believed to be the one.
fn warn_of_another_bucket(reader: &mut Reader<'_>, store: &StoreSettings, name: &str) {
    let StoreSettings::Url { url, .. } = store else {
        return;
    };
    let named = Url::parse(url).ok().filter(|url| url.scheme() != "file");
    let differs = named.is_some_and(|url| url.host_str() != Some(name));
    if differs && reader.is_set(&BUCKET) {
        let (ours, url) = (BUCKET.name(), STORE_URL.name());
        reader.warn(format!(
            "{ours} is not used: {url} names the bucket that events point into"
        ));
    }
}

fn keys(reader: &mut Reader<'_>) -> StoreKeys {
    StoreKeys {
        access: reader.optional(&ACCESS_KEY).unwrap_or_default(),
        secret: reader.optional(&SECRET_KEY).unwrap_or_default().into(),
    }
}

fn endpoint(text: &str) -> Result<String, String> {
    let with_scheme = match text.contains("://") {
        true => text.to_owned(),
        false => format!("http://{text}"),
    };
    let url = Url::parse(&with_scheme).map_err(|error| format!("is not an address ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("has the scheme {}, neither http nor https", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user, which belongs in MINIO_ACCESS_KEY and MINIO_SECRET_KEY".to_owned());
    }
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    match bare {
        true => Ok(text.trim_end_matches('/').to_owned()),
        false => Err("holds more than host and port; the bucket is MINIO_CRAWL_RESULTS_BUCKET".to_owned()),
    }
}

pub(super) fn store_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL ({error})"))?;
    match url.scheme() {
        "s3" | "gs" | "az" if url.host_str().is_none_or(str::is_empty) => Err("names no bucket".to_owned()),
        "s3" | "gs" | "az" if !matches!(url.path(), "" | "/") => {
            Err("names a prefix within the bucket, which events do not know".to_owned())
        }
        "s3" | "gs" | "az" => Ok(text.to_owned()),
        "file" if url.host_str().is_some_and(|host| !host.is_empty()) => {
            Err("needs an absolute folder, with three slashes: file:///folder".to_owned())
        }
        "file" => Ok(text.to_owned()),
        other => Err(format!(
            "has the scheme {other}, which is none of s3, gs, az, file"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_comes_with_or_without_scheme() {
        for good in [
            "minio:9000",
            "http://minio:9000",
            "https://s3.example.com",
            "10.0.0.7:9000",
            "[::1]:9000",
        ] {
            assert_eq!(endpoint(good), Ok(good.to_owned()));
        }
        assert_eq!(
            endpoint("https://minio:9000/"),
            Ok("https://minio:9000".to_owned())
        );
        for bad in [
            "s3://minio",
            "minio:port",
            "minio:9000/bucket",
            "http://",
            "http://u:p@minio:9000",
        ] {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_store_url_names_a_known_kind_of_store() {
        for good in [
            "s3://bucket",
            "gs://bucket",
            "az://container",
            "az://container/",
            "file:///data",
        ] {
            assert_eq!(store_url(good), Ok(good.to_owned()));
        }
        for bad in [
            "http://minio:9000",
            "file://data/x",
            "bucket",
            "s3://",
            "ftp://x",
            "az://container/prefix",
        ] {
            assert!(store_url(bad).is_err(), "{bad}");
        }
    }
}
