//! One request to a receiver, and what came of it.

use crate::config::is_loopback;
use reqwest::{Response, StatusCode, header::RETRY_AFTER, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::{error::Error, time::Duration};
use url::Url;

/// Where notices are posted to. The address itself may be the secret, so no error and no log names it.
#[derive(Debug)]
pub(super) struct Sender {
    client: reqwest::Client,
    url: SecretString,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It was taken.
    Taken,
    /// It may be taken later: at the earliest after this long, where the receiver says so.
    Later { why: String, after: Option<Duration> },
    /// It will never be taken.
    Refused { why: String },
}

/// A receiver that wants more than this will be asked earlier.
const LONGEST_WAIT: Duration = Duration::from_secs(10 * 60);

// === impl Sender ===

impl Sender {
    /// Connects to nothing yet. Proxies are those of the environment, except for this machine itself.
    ///
    /// # Errors
    /// The system's certificates cannot be read.
    pub(super) fn new(url: SecretString, timeout: Duration) -> reqwest::Result<Self> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("millrace/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            // To follow one would show the secret to another server.
            .redirect(redirect::Policy::none())
            // Notices are too rare to keep connections for.
            .pool_max_idle_per_host(0);
        let here = Url::parse(url.expose_secret()).is_ok_and(|url| is_loopback(&url));
        let builder = if here { builder.no_proxy() } else { builder };
        let client = builder.build()?;
        Ok(Self { client, url })
    }

    pub(super) async fn post(&self, body: &Value) -> Answer {
        let request = self.client.post(self.url.expose_secret()).json(body);
        match request.send().await {
            Ok(response) => read(&response),
            Err(error) if error.is_builder() => Answer::Refused { why: words(error) },
            Err(error) => Answer::Later {
                why: words(error),
                after: None,
            },
        }
    }
}

/// Bodies of answers are not read: they say little, and some proxies repeat the address in them.
fn read(response: &Response) -> Answer {
    let status = response.status();
    if status.is_success() {
        return Answer::Taken;
    }
    let why = format!("it answers {status}");
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {}
        status if status.is_server_error() => {}
        status if status.is_redirection() => {
            return Answer::Refused {
                why: format!("{why}, and redirects are not followed"),
            };
        }
        _ => return Answer::Refused { why },
    }
    let after = response.headers().get(RETRY_AFTER);
    let after = after.and_then(|value| seconds(value.to_str().ok()?));
    Answer::Later { why, after }
}

/// The form that Slack and PagerDuty use; a date is as good as nothing.
fn seconds(text: &str) -> Option<Duration> {
    let seconds = text.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words += &format!(": {error}");
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&str>) -> Answer {
        let mut response = http_response(status);
        if let Some(value) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, value.parse().unwrap());
        }
        read(&response)
    }

    fn http_response(status: u16) -> Response {
        let response = axum::http::Response::builder().status(status).body("").unwrap();
        response.into()
    }

    #[test]
    fn only_what_time_may_mend_is_tried_again() {
        for taken in [200, 202, 204] {
            assert_eq!(answer(taken, None), Answer::Taken, "{taken}");
        }
        for later in [408, 429, 500, 502, 503, 504] {
            assert!(
                matches!(answer(later, None), Answer::Later { after: None, .. }),
                "{later}"
            );
        }
        for refused in [301, 302, 307, 308, 400, 401, 403, 404, 410, 413] {
            assert!(
                matches!(answer(refused, None), Answer::Refused { .. }),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_receiver_says_when_and_is_believed_within_reason() {
        let after = |value| match answer(429, Some(value)) {
            Answer::Later { after, .. } => after,
            other => panic!("{other:?}"),
        };
        assert_eq!(after("30"), Some(Duration::from_secs(30)));
        assert_eq!(after("0"), Some(Duration::ZERO));
        assert_eq!(after("86400"), Some(LONGEST_WAIT));
        assert_eq!(after("Wed, 21 Oct 2026 07:28:00 GMT"), None);
    }
}
