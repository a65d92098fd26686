//! Waits as long as a busy store asks for. object_store's own retry does not read `Retry-After`, and
//! its errors do not carry it, so it is obeyed here, before the answer gets there.

use async_trait::async_trait;
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
    },
};
use std::time::Duration;

/// Opens clients that obey `Retry-After`.
#[derive(Debug)]
pub(super) struct ObedientConnector {
    /// A longer wait is not waited here: the event is better off in the delayed retry than in a fetcher.
    pub(super) longest: Duration,
}

/// A client that hands on a busy store's answer only when the store may be asked again.
#[derive(Debug)]
struct Obedient {
    client: HttpClient,
    longest: Duration,
}

/// The statuses with which a store says that it has too much to do.
const BUSY: [u16; 2] = [429, 503];

// === impl ObedientConnector ===

impl HttpConnector for ObedientConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Obedient {
            client: ReqwestConnector::default().connect(options)?,
            longest: self.longest,
        }))
    }
}

// === impl Obedient ===

#[async_trait]
impl HttpService for Obedient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = self.client.execute(request).await?;
        if BUSY.contains(&response.status().as_u16())
            && let Some(asked) = seconds(
                response
                    .headers()
                    .get("retry-after")
                    .map(|value| value.as_bytes()),
            )
            && asked <= self.longest
        {
            tokio::time::sleep(asked).await;
        }
        Ok(response)
    }
}

/// Seconds, as stores send them; a date would need their clock to be ours, and is left to the usual pause.
fn seconds(header: Option<&[u8]>) -> Option<Duration> {
    let text = std::str::from_utf8(header?).ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_seconds_are_a_wait() {
        let of = |text: &str| seconds(Some(text.as_bytes()));
        assert_eq!(of(" 2 "), Some(Duration::from_secs(2)));
        assert_eq!(of("Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(of("-1"), None);
        assert_eq!(seconds(Some(b"\xff")), None);
        assert_eq!(seconds(None), None);
    }
}
