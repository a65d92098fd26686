//! The one HTTP port: metrics for Prometheus, probes for Kubernetes, health for people.

mod handlers;
mod metrics;
mod page;
mod prober;
mod view;

pub use prober::{Dependencies, Pace, watch};
pub use view::{ActorStatus, DependencyStatus, HealthView, Summary};

use crate::config::HttpSettings;
use anyhow::Context;
use axum::Router;
use axum::routing::get;
use prometheus_client::registry::Registry;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What the handlers look at.
#[derive(Clone)]
pub struct HttpState {
    /// All metrics.
    pub registry: Arc<Registry>,
    /// How things are.
    pub health: Arc<dyn HealthView>,
}

/// A server that has its port and serves it when run.
pub struct HttpServer {
    listener: TcpListener,
    routes: Router,
}

/// How long a stop waits for requests at hand.
const LINGER: Duration = Duration::from_secs(1);

// === impl HttpServer ===

impl HttpServer {
    /// Takes the port, so that a port in use stops the start and not the work.
    ///
    /// # Errors
    /// The port is taken or not allowed.
    pub async fn bind(settings: &HttpSettings, state: HttpState) -> anyhow::Result<Self> {
        let address = SocketAddr::new(settings.address, settings.port);
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| {
            format!("cannot listen on {address}; set METRICS_PORT to a free port, or METRICS_ENABLED=false")
        })?;
        let routes = Router::new()
            .route("/", get(page::index))
            .route("/metrics", get(metrics::metrics))
            .route("/livez", get(handlers::livez))
            .route("/readyz", get(handlers::readyz))
            .route("/health", get(handlers::health))
            .fallback(handlers::not_found)
            .with_state(state);
        Ok(Self { listener, routes })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The socket is gone.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` is cancelled and the requests at hand are answered. A client that is slow about
    /// its request delays the stop by no more than a second.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn run(self, stop: CancellationToken) -> std::io::Result<()> {
        let server = axum::serve(self.listener, self.routes);
        let server = server.with_graceful_shutdown(stop.clone().cancelled_owned());
        let too_long = async {
            stop.cancelled().await;
            tokio::time::sleep(LINGER).await;
        };
        tokio::select! {
            done = server.into_future() => done,
            () = too_long => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
