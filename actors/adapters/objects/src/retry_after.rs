//! Waits as long as a busy store asks for. object_store's own retry does not read `Retry-After`, and
//! its errors do not carry it, so it is obeyed here, before the answer gets there.

use async_trait::async_trait;
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
        ReqwestConnector,
    },
};
use std::time::Duration;
use tokio::time::sleep;

/// Opens clients that wait as `Retry-After` says.
#[derive(Debug)]
pub(super) struct RetryAfterConnector {
    /// The longest wait for one answer; who has to wait longer is better off out of the fetcher.
    pub(super) longest: Duration,
}

/// A client that hands on a busy store's answer only when the store may be asked again.
#[derive(Debug)]
struct RetryAfterClient {
    client: HttpClient,
    longest: Duration,
}

/// An answer that asks for more time than is waited here.
#[derive(Debug, thiserror::Error)]
#[error("status code: {status}: to be asked again after {asked:?}")]
struct AskedToLeave {
    status: u16,
    asked: Duration,
}

/// The statuses with which a store says that it has too much to do.
const BUSY: [u16; 2] = [429, 503];

// === impl RetryAfterConnector ===

impl HttpConnector for RetryAfterConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(RetryAfterClient {
            client: ReqwestConnector::default().connect(options)?,
            longest: self.longest,
        }))
    }
}

// === impl RetryAfterClient ===

#[async_trait]
impl HttpService for RetryAfterClient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = self.client.execute(request).await?;
        let status = response.status().as_u16();
        if !BUSY.contains(&status) {
            return Ok(response);
        }
        let header = response.headers().get("retry-after");
        match header.and_then(|value| seconds(value.as_bytes())) {
            // Of an unknown kind, because that kind is not tried again.
            Some(asked) if asked > self.longest => Err(HttpError::new(
                HttpErrorKind::Unknown,
                AskedToLeave { status, asked },
            )),
            asked => {
                sleep(asked.unwrap_or_default()).await;
                Ok(response)
            }
        }
    }
}

/// Seconds, as stores send them; a date would need their clock to be ours, and is left to the usual pause.
fn seconds(header: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(header).ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_seconds_are_a_wait() {
        assert_eq!(seconds(b" 2 "), Some(Duration::from_secs(2)));
        for odd in ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "1.5", ""] {
            assert_eq!(seconds(odd.as_bytes()), None, "{odd}");
        }
        assert_eq!(seconds(b"\xff"), None);
    }
}
