//! Stands between the client library and the network. The library takes whatever answers for the store: every
//! 404 for a missing object, every 200 for the object. It also refuses an object for a header that is not needed.
//! So each answer to a request for an object is looked at here first.

use super::signs::{SigningStore, Signs, is_signed};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use object_store::{
    ClientOptions,
    client::{HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService},
};
use reqwest::{
    StatusCode, Version,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};

/// Opens clients that look at answers.
#[derive(Debug)]
pub(super) struct ScreeningConnector<C> {
    pub(super) inner: C,
    pub(super) signing: SigningStore,
}

/// Marks requests for objects. The same client also asks for credentials, of servers that are no stores.
#[derive(Clone, Debug)]
pub(super) struct ForAnObject;

/// An answer that no store gives.
#[derive(Debug, thiserror::Error)]
#[error("status code: {status}, and not in the words of a store: {said}")]
pub(super) struct NotTheStore {
    status: u16,
    said: String,
}

#[derive(Debug)]
struct Screening {
    client: HttpClient,
    signing: SigningStore,
}

/// A store's own error is a few hundred bytes.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// Enough of a page to recognise it by.
const SHOWN_CHARS: usize = 80;
/// The library wants a length, and reads to the end whatever it is. No object has this size.
const UNMEASURED: HeaderValue = HeaderValue::from_static("9007199254740991");
/// The library wants a date in its own form and it is never read.
const SOME_DATE: HeaderValue = HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT");

// === impl ScreeningConnector ===

impl<C: HttpConnector> HttpConnector for ScreeningConnector<C> {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Screening {
            client: self.inner.connect(options)?,
            signing: self.signing.clone(),
        }))
    }
}

// === impl Screening ===

#[async_trait]
impl HttpService for Screening {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let for_an_object = request.extensions().get::<ForAnObject>().is_some();
        let response = self.client.execute(request).await?;
        if !for_an_object {
            return Ok(response);
        }
        self.signing.learn(&response);
        match response.status() {
            status if status.is_success() => Ok(without_noise(response)),
            status if status.is_client_error() && !is_of_the_moment(status) || status.is_redirection() => {
                in_a_stores_words(response).await
            }
            _ => Ok(response),
        }
    }
}

/// Too busy or too slow is believed of every server that says it: it is asked again, and is never final.
fn is_of_the_moment(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
    )
}

/// Hands an error on when it is the store's own: it has a code, or, where nothing hangs on the code, at least the
/// id of the request.
async fn in_a_stores_words(response: HttpResponse) -> Result<HttpResponse, HttpError> {
    let signed = is_signed(&response);
    let (parts, body) = response.into_parts();
    let mut pieces = body.bytes_stream();
    let mut body = Vec::new();
    while body.len() < MAX_ERROR_BYTES
        && let Some(piece) = pieces.next().await
    {
        body.extend_from_slice(&piece?);
    }
    let text = String::from_utf8_lossy(&body);
    let own = has_code(&text) || signed && parts.status != StatusCode::NOT_FOUND;
    if own {
        let body = Bytes::from(text.into_owned());
        return Ok(HttpResponse::from_parts(parts, body.into()));
    }
    let error = NotTheStore {
        status: parts.status.as_u16(),
        said: shown(&parts.headers, &text),
    };
    // Of an unknown kind, because that kind is not tried again.
    Err(HttpError::new(HttpErrorKind::Unknown, error))
}

/// `<Error>…<Code>`: S3, what speaks like it, Google's XML, Azure.
fn has_code(text: &str) -> bool {
    let error = text.find("<Error>").or_else(|| text.find("<Error "));
    error.is_some_and(|at| text[at..].contains("<Code>"))
}

fn shown(headers: &HeaderMap, body: &str) -> String {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or("no content type");
    let line = body.split_whitespace().collect::<Vec<_>>().join(" ");
    let start: String = line.chars().take(SHOWN_CHARS).collect();
    format!("{kind:?} {start:?}")
}

fn without_noise(mut response: HttpResponse) -> HttpResponse {
    let framed =
        response.version() >= Version::HTTP_2 || response.headers().contains_key(header::TRANSFER_ENCODING);
    let headers = response.headers_mut();
    let unreadable: Vec<HeaderName> = headers
        .iter()
        .filter(|(_, value)| value.to_str().is_err())
        .map(|(name, _)| name.clone())
        .collect();
    for name in unreadable {
        headers.remove(name);
    }
    headers.insert(header::LAST_MODIFIED, SOME_DATE);
    let signs = Signs::of(&response);
    // Without a length and without frames a body that was cut looks whole: that one is left to be refused.
    if !signs.measured && framed {
        response.headers_mut().insert(header::CONTENT_LENGTH, UNMEASURED);
    }
    response.extensions_mut().insert(signs);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_error_element_has_a_code() {
        assert!(has_code(
            "<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code></Error>"
        ));
        assert!(has_code(
            "<Error xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Code>X</Code></Error>"
        ));
        for other in [
            "",
            "<html><code>NoSuchKey</code></html>",
            "<Code>NoSuchKey</Code>",
            "{\"Code\":\"NoSuchKey\"}",
        ] {
            assert!(!has_code(other), "{other}");
        }
    }
}
