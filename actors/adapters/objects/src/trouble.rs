//! What an error of the store means, and what a person can do about it.

use super::screen::NotTheStore;
use object_store::client::{HttpError, HttpErrorKind};
use std::error::Error;

/// An error of the store, sorted by what it says about the store and the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The store answers, the bucket exists, the object does not.
    Missing,
    /// The bucket itself does not exist: no event can be fetched until an operator acts.
    NoSuchBucket,
    /// Our keys, or what they may do, are refused: for this object, or for all.
    Denied,
    /// The store says that it has too much to do: with this object, or with all.
    Busy,
    /// The store has failed: on this object, or on all.
    Broken,
    /// Something else than a store answered: what stands before it, or in its place.
    NotTheStore,
    /// The store cannot be reached, or says nothing.
    Unavailable,
    /// Could be the object or the store: a cut body, an answer that makes no sense.
    Unclear,
}

/// Longest text of a store that goes into a message.
const MAX_SUMMARY_CHARS: usize = 400;

// === impl Trouble ===

impl Trouble {
    /// Sorts an error.
    pub(super) fn of(error: &object_store::Error) -> Self {
        if causes(error).any(is_of_another_server) {
            return Self::NotTheStore;
        }
        match error {
            object_store::Error::NotFound { .. } => missing(error),
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                Self::Denied
            }
            _ => match (status_of(error), transport_of(error)) {
                (Some(429 | 503), _) => Self::Busy,
                (Some(408 | 500..=599), _) => Self::Broken,
                (
                    _,
                    Some(
                        HttpErrorKind::Connect
                        | HttpErrorKind::Request
                        | HttpErrorKind::Timeout
                        | HttpErrorKind::Interrupted,
                    ),
                ) => Self::Unavailable,
                _ => Self::Unclear,
            },
        }
    }

    /// One sentence: what happened, to what, why, and what to do next.
    pub(super) fn explain(self, bucket: &str, detail: &str) -> String {
        match self {
            Self::Missing => format!("there is no such object in bucket {bucket} ({detail})"),
            Self::NoSuchBucket => format!(
                "there is no bucket {bucket}: create it, or correct MINIO_CRAWL_RESULTS_BUCKET \
                 or OBJECT_STORE_URL ({detail})"
            ),
            Self::Denied => format!(
                "access to bucket {bucket} is refused: check MINIO_ACCESS_KEY and MINIO_SECRET_KEY (with \
                 OBJECT_STORE_URL: the cloud's own variables), and that they may get objects and list the bucket ({detail})"
            ),
            Self::Busy => format!(
                "the object store is too busy for bucket {bucket}, or not ready yet: give it time or more room, or \
                 lower MAX_CONCURRENT_BATCH_PROCESSING ({detail})"
            ),
            Self::Broken => format!(
                "the object store fails for bucket {bucket}: look into its own log, and that of what stands \
                 between ({detail})"
            ),
            Self::NotTheStore => format!(
                "what answers for bucket {bucket} is no object store: check MINIO_ENDPOINT or OBJECT_STORE_URL (is it the console's port?) and \
                 what stands between, an ingress, a proxy or a login page ({detail})"
            ),
            Self::Unavailable => format!(
                "the object store does not answer for bucket {bucket}: check MINIO_ENDPOINT or OBJECT_STORE_URL, and that it is up \
                 ({detail})"
            ),
            Self::Unclear => format!(
                "the object store gives an unusable answer for bucket {bucket}: check MINIO_ENDPOINT or OBJECT_STORE_URL, \
                 MINIO_REGION and what stands between ({detail})"
            ),
        }
    }
}

/// One line from an error of the store: status, code and message of an XML answer, else the chain
/// of causes. The rest of such an answer stays out, because stores put signatures into it.
pub(super) fn summary(error: &object_store::Error) -> String {
    let chain = chain_of(error);
    let text = match (element(&chain, "Code"), element(&chain, "Message")) {
        (Some(code), message) => {
            let status = status_in(&chain).map_or_else(String::new, |status| format!("{status} "));
            format!("{status}{code}: {}", message.unwrap_or("no message"))
        }
        (None, _) => chain,
    };
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_SUMMARY_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// A 404 means a missing object or a missing bucket. Only the code in the answer tells them apart;
/// a `<` in a key is escaped, so a key cannot fake it. A folder has no codes.
fn missing(error: &object_store::Error) -> Trouble {
    match element(&chain_of(error), "Code") {
        Some("NoSuchKey" | "BlobNotFound") | None => Trouble::Missing,
        Some("NoSuchBucket" | "ContainerNotFound") => Trouble::NoSuchBucket,
        Some(_) => Trouble::Unclear,
    }
}

/// Stores do redirect, to where the bucket is, but never in circles.
fn is_of_another_server(cause: &(dyn Error + 'static)) -> bool {
    let lost = cause
        .downcast_ref::<reqwest::Error>()
        .is_some_and(reqwest::Error::is_redirect);
    lost || cause.is::<NotTheStore>()
}

fn transport_of(error: &object_store::Error) -> Option<HttpErrorKind> {
    causes(error)
        .find_map(|cause| cause.downcast_ref::<HttpError>())
        .map(HttpError::kind)
}

/// object_store keeps the type that carries the status to itself, so its text has to do.
fn status_of(error: &object_store::Error) -> Option<u16> {
    status_in(&chain_of(error))
}

fn status_in(chain: &str) -> Option<u16> {
    let (_, rest) = chain.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text)
}

fn chain_of(error: &object_store::Error) -> String {
    let mut chain = error.to_string();
    for cause in causes(error).skip(1) {
        let text = cause.to_string();
        if !chain.contains(&text) {
            chain.push_str(": ");
            chain.push_str(&text);
        }
    }
    chain
}

fn causes(error: &object_store::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(Some(error as &(dyn Error + 'static)), |cause| (*cause).source())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> object_store::Error {
        object_store::Error::Generic {
            store: "S3",
            source: text.to_owned().into(),
        }
    }

    #[test]
    fn a_status_sorts_a_generic_error() {
        let of = |status: &str| {
            Trouble::of(&generic(&format!(
                "Server returned non-2xx status code: {status}"
            )))
        };
        assert_eq!(of("503 Service Unavailable: "), Trouble::Busy);
        assert_eq!(of("429 Too Many Requests: "), Trouble::Busy);
        assert_eq!(of("500 Internal Server Error: "), Trouble::Broken);
        assert_eq!(of("408 Request Timeout: "), Trouble::Broken);
        assert_eq!(of("400 Bad Request: "), Trouble::Unclear);
        assert_eq!(Trouble::of(&generic("no digits")), Trouble::Unclear);
    }

    #[test]
    fn only_code_and_message_of_an_answer_are_repeated() {
        let error = generic(
            "Server returned non-2xx status code: 403 Forbidden: <Error><Code>SignatureDoesNotMatch</Code>\
             <Message>no\nmatch</Message><StringToSign>s3cr3t</StringToSign></Error>",
        );
        assert_eq!(summary(&error), "403 SignatureDoesNotMatch: no match");
    }

    #[test]
    fn a_long_answer_is_cut() {
        assert_eq!(
            summary(&generic(&"ü".repeat(10_000))).chars().count(),
            MAX_SUMMARY_CHARS + 1
        );
    }
}
