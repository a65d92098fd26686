//! Amazon's client over the TLS of the house, with keys that are read again.

use crate::{DynamoKeys, DynamoSettings};
use aws_config::BehaviorVersion;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_dynamodb::{
    Client,
    config::{Credentials, IdentityCache, Region, retry::RetryConfig, timeout::TimeoutConfig},
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use millrace_access::renewable::Renewable;
use secrecy::ExposeSecret;

/// Tries of a question; a write decides for itself how often it tries.
const TRIES: u32 = 3;

/// A client for writes and one for questions, over the same connections.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) writes: Client,
    pub(crate) questions: Client,
}

/// Says who we are.
#[derive(Debug)]
struct Keys(Renewable<DynamoKeys>);

// === impl Clients ===

impl Clients {
    /// Connects to nothing; the chain of Amazon's tools may ask who we are.
    pub(crate) async fn new(settings: &DynamoSettings) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(settings.connect_timeout)
            .operation_attempt_timeout(settings.request_timeout)
            .build();
        let tls = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
        let loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(tls.build_https())
            .region(Region::new(settings.region.clone()))
            .timeout_config(timeouts);
        let loader = match &settings.endpoint {
            Some(endpoint) => loader.endpoint_url(endpoint),
            None => loader,
        };
        let loader = match &settings.keys {
            // Files may have changed since: they are read with each request.
            Some(keys) => loader
                .credentials_provider(Keys(keys.clone()))
                .identity_cache(IdentityCache::no_cache()),
            None => loader,
        };
        let shared = loader.load().await;
        let with = |retry| {
            let config = aws_sdk_dynamodb::config::Builder::from(&shared).retry_config(retry);
            Client::from_conf(config.build())
        };
        Self {
            writes: with(RetryConfig::disabled()),
            questions: with(RetryConfig::standard().with_max_attempts(TRIES)),
        }
    }
}

// === impl Keys ===

impl ProvideCredentials for Keys {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let keys = self.0.renew();
        let secret = keys.secret.expose_secret();
        let token = keys.token.as_ref().map(|token| token.expose_secret().to_owned());
        let known = Credentials::new(&keys.access, secret, token, None, "millrace");
        future::ProvideCredentials::ready(Ok(known))
    }
}
