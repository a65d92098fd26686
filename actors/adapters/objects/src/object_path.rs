//! Which object an event points at.

use std::fmt;

/// Bucket and key of an object, checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectPath {
    bucket: String,
    key: String,
}

/// Host and port of the object store, for paths that are written as URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    /// `None` where neither a port nor a scheme was given: then the default port of the URL's own
    /// scheme is meant.
    port: Option<u16>,
}

/// A path that names no object of ours, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPath(pub String);

/// S3's own limit on keys, in bytes of UTF-8. A longer key cannot exist, so asking for it is useless.
const MAX_KEY_BYTES: usize = 1024;

/// Enough of a path for a person to recognise it in a message.
const SHOWN_CHARS: usize = 200;

// === impl Endpoint ===

impl Endpoint {
    /// Takes `host` or `host:port`, with or without `http://` or `https://`.
    pub fn new(endpoint: &str) -> Self {
        let endpoint = endpoint.trim();
        let (default_port, authority) = match split_scheme(endpoint) {
            Some((scheme, rest)) => (default_port(&scheme), rest),
            None => (None, endpoint),
        };
        let authority = authority.split('/').next().unwrap_or_default();
        let (host, port) = host_and_port(authority);
        Self {
            host,
            port: port.or(default_port),
        }
    }

    /// Whether the authority of a URL of this scheme is this endpoint.
    fn serves(&self, scheme: &str, authority: &str) -> bool {
        let (host, port) = host_and_port(authority);
        let default = default_port(scheme);
        host == self.host && port.or(default) == self.port.or(default)
    }
}

// === impl ObjectPath ===

impl ObjectPath {
    /// Reads the path of an event.
    ///
    /// Accepts `bucket/key`, `s3://bucket/key`, `minio://bucket/key` and `http(s)://ENDPOINT/bucket/key`;
    /// the scheme and the host in any case. Only the http(s) form is a URL: there, and only there,
    /// percent-encoding is undone (before the checks below, so that nothing hides in it), and a query
    /// or a fragment is refused, because it asks for something other than the object as it is now
    /// (a version, a signature made elsewhere). In the other forms `%`, `?` and `#` are part of the key.
    ///
    /// # Errors
    /// A leading `/`, an empty bucket, key or segment, `.` or `..` segments, control characters,
    /// a key of more than 1024 bytes, another scheme or another host.
    pub fn parse(path: &str, endpoint: Option<&Endpoint>) -> Result<Self, BadPath> {
        let Some((scheme, rest)) = split_scheme(path) else {
            return Self::from_plain(path);
        };
        match scheme.as_str() {
            "s3" | "minio" => Self::from_plain(rest),
            "http" | "https" => Self::from_url(&scheme, rest, endpoint),
            _ => Err(BadPath(format!(
                "scheme {scheme:?} is none of s3, minio, http and https"
            ))),
        }
    }

    fn from_url(scheme: &str, rest: &str, endpoint: Option<&Endpoint>) -> Result<Self, BadPath> {
        // Messages must not repeat what follows `?` or precedes `@`: signatures and passwords.
        if rest.contains(['?', '#']) {
            return Err(BadPath("the URL has a query or a fragment".to_owned()));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(BadPath("the URL carries credentials".to_owned()));
        }
        match endpoint {
            Some(endpoint) if endpoint.serves(scheme, authority) => {
                let path = percent_decoded(path)
                    .ok_or_else(|| BadPath(format!("{} is badly percent-encoded", shown(path))))?;
                Self::from_plain(&path)
            }
            Some(_) => Err(BadPath(format!(
                "host {} is not the configured endpoint",
                shown(authority)
            ))),
            None => Err(BadPath(
                "a URL names an object only where an endpoint is configured".to_owned(),
            )),
        }
    }

    fn from_plain(path: &str) -> Result<Self, BadPath> {
        let bad = |what: &str| Err(BadPath(format!("{} {what}", shown(path))));
        let Some((bucket, key)) = path.split_once('/') else {
            return bad("has no key: expected bucket/key");
        };
        if path.split('/').any(str::is_empty) {
            return bad("has an empty bucket, key or segment");
        }
        if path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return bad("has a segment that is . or ..");
        }
        if path.contains(char::is_control) {
            return bad("has a control character");
        }
        if key.len() > MAX_KEY_BYTES {
            return bad(&format!("has a key of more than {MAX_KEY_BYTES} bytes"));
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
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

/// The scheme in lower case and what follows `://`. Text before `://` that cannot be a scheme is
/// none; such a path has an empty segment and is refused for that.
fn split_scheme(text: &str) -> Option<(String, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let mut bytes = scheme.bytes();
    let starts_well = bytes.next().is_some_and(|first| first.is_ascii_alphabetic());
    let goes_on_well = bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    (starts_well && goes_on_well).then(|| (scheme.to_ascii_lowercase(), rest))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// Host in lower case, and the port where there is one. An IPv6 host keeps its brackets.
fn host_and_port(authority: &str) -> (String, Option<u16>) {
    let split = authority
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host, port.parse().ok()?)));
    match split {
        Some((host, port)) => (host.to_lowercase(), Some(port)),
        None => (authority.to_lowercase(), None),
    }
}

/// `None` where a `%` encodes nothing or the result is not UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let high = char::from(bytes.next()?).to_digit(16)?;
        let low = char::from(bytes.next()?).to_digit(16)?;
        decoded.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(decoded).ok()
}

fn shown(path: &str) -> String {
    match path.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{:?}…", &path[..end]),
        None => format!("{path:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(serde::Deserialize)]
    struct Case {
        minio_path: String,
        ok: Option<(String, String)>,
        reason: Option<String>,
    }

    fn parse(path: &str) -> Result<(String, String), BadPath> {
        parse_at("minio:9000", path)
    }

    fn parse_at(endpoint: &str, path: &str) -> Result<(String, String), BadPath> {
        let found = ObjectPath::parse(path, Some(&Endpoint::new(endpoint)))?;
        Ok((found.bucket, found.key))
    }

    fn pair(bucket: &str, key: &str) -> Result<(String, String), BadPath> {
        Ok((bucket.to_owned(), key.to_owned()))
    }

    #[test]
    fn every_case_of_the_contract() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../fixtures/path.json")).unwrap();
        assert!(!cases.is_empty());
        for case in cases {
            let found = parse(&case.minio_path).ok();
            assert_eq!(found, case.ok, "{}", case.minio_path);
            let reason = found.is_none().then_some("bad_path");
            assert_eq!(reason, case.reason.as_deref(), "{}", case.minio_path);
        }
    }

    #[test]
    fn a_url_is_read_only_at_the_endpoint() {
        for path in [
            "http://minio:9000/b/k",
            "https://minio:9000/b/k",
            "HTTP://MinIO:9000/b/k",
        ] {
            assert_eq!(parse(path), pair("b", "k"), "{path}");
        }
        for path in [
            "http://elsewhere:9000/b/k",
            "http://minio/b/k",
            "http://minio:9001/b/k",
            "http://minio.evil.example:9000/b/k",
            "http://user:secret@minio:9000/b/k",
            "http://minio:9000@evil.example/b/k",
            "http://minio:9000",
            "http:///b/k",
        ] {
            assert!(parse(path).is_err(), "{path}");
        }
        assert!(ObjectPath::parse("http://minio:9000/b/k", None).is_err());
    }

    #[test]
    fn default_ports_need_not_be_written() {
        let cases = [
            ("minio:80", "http://minio/b/k", true),
            ("minio:443", "https://minio/b/k", true),
            ("minio:80", "https://minio/b/k", false),
            ("http://minio", "http://minio:80/b/k", true),
            ("https://minio/", "https://minio:443/b/k", true),
            ("https://minio", "http://minio/b/k", false),
            ("minio", "https://minio/b/k", true),
            ("minio", "http://minio:80/b/k", true),
            ("minio", "http://minio:9000/b/k", false),
            ("[::1]:9000", "http://[::1]:9000/b/k", true),
            ("[::1]", "http://[::1]:80/b/k", true),
        ];
        for (endpoint, path, accepted) in cases {
            assert_eq!(parse_at(endpoint, path).is_ok(), accepted, "{endpoint} {path}");
        }
    }

    #[test]
    fn percent_encoding_is_undone_in_urls_only_and_checked_afterwards() {
        assert_eq!(
            parse("http://minio:9000/b/a%20b/%C3%BC.json"),
            pair("b", "a b/ü.json")
        );
        assert_eq!(parse("s3://b/a%20b?x#y"), pair("b", "a%20b?x#y"));
        assert_eq!(parse("b/a%2e"), pair("b", "a%2e"));
        for path in ["%2e%2e/k", "a/%2E", "a%2F%2Fb", "%00", "a%", "a%4", "a%zz", "%FF"] {
            let path = format!("http://minio:9000/b/{path}");
            assert!(parse(&path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_query_is_refused_and_not_repeated() {
        for path in [
            "http://minio:9000/b/k?X-Amz-Signature=s3cr3t",
            "http://u:s3cr3t@minio:9000/b/k",
        ] {
            let message = parse(path).unwrap_err().to_string();
            assert!(!message.contains("s3cr3t"), "{message}");
        }
        assert!(parse("http://minio:9000/b/k#top").is_err());
    }

    #[test]
    fn control_characters_and_overlong_keys_are_refused() {
        for path in ["b/a\0", "b/a\nb", "b\t/k", "b/\u{7f}", "b/\u{85}"] {
            assert!(parse(path).is_err(), "{path:?}");
        }
        assert!(parse(&format!("b/{}", "k".repeat(1024))).is_ok());
        assert!(parse(&format!("b/{}", "ü".repeat(513))).is_err());
    }

    proptest! {
        #[test]
        fn what_is_displayed_is_read_back(bucket in "[a-z0-9.-]{3,20}", key in "[^\\p{Cc}/]{1,40}(/[^\\p{Cc}/]{1,40}){0,4}") {
            let text = format!("{bucket}/{key}");
            if let Ok(path) = ObjectPath::parse(&text, None) {
                prop_assert_eq!(&path.to_string(), &text);
                prop_assert_eq!(ObjectPath::parse(&path.to_string(), None), Ok(path));
            }
        }

        #[test]
        fn an_accepted_path_has_no_empty_or_relative_segment(text in "(s3://|HTTP://minio:9000/|minio://|)([a-z.%/2EeFf\\x00?ü]|\\.\\./|//){0,30}") {
            let endpoint = Endpoint::new("minio:9000");
            if let Ok(path) = ObjectPath::parse(&text, Some(&endpoint)) {
                let shown = path.to_string();
                prop_assert!(!shown.split('/').any(|segment| matches!(segment, "" | "." | "..")), "{}", shown);
                prop_assert!(!shown.contains(char::is_control));
                prop_assert!(path.key().len() <= MAX_KEY_BYTES && !path.bucket().contains('/'));
            }
        }
    }
}
