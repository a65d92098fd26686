//! HTTP clients for loopback.

use std::time::Duration;

use anyhow::Context;

/// A client that keeps no connections: an idle one would belong to the runtime of the test that opened it.
pub(crate) fn client(timeout: Duration) -> anyhow::Result<reqwest::Client> {
    install_crypto();
    reqwest::Client::builder()
        .timeout(timeout)
        .pool_max_idle_per_host(0)
        .no_proxy()
        .build()
        .context("cannot make an HTTP client")
}

/// The HTTP and object clients panic when they are built in a process without a provider, even for plain `http`.
pub(crate) fn install_crypto() {
    // Fails when there is one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
