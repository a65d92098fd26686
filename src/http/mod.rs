//! The one HTTP port: metrics for Prometheus, probes for Kubernetes, health for people, and the JSON API.

mod api;
mod connections;
mod handlers;
mod metrics;
mod page;
mod shown;

pub use api::{
    Api, ApiError, Body, Name, PartOf, Problem, Query, Replica, Told, cursor, cursor_of, limit, text,
};
pub use shown::{Extent, HealthPart, Panels, Shown};

use crate::config::HttpSettings;
use crate::health::{AlertView, HealthView};
use crate::telemetry::Lines;
use anyhow::Context;
use axum::http::{HeaderValue, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use connections::{BOUNDS, Bounds};
use prometheus_client::registry::Registry;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What the handlers look at.
#[derive(Clone)]
pub struct HttpState {
    /// Who answers.
    pub replica: Replica,
    /// All metrics.
    pub registry: Arc<Registry>,
    /// How things are.
    pub health: Arc<dyn HealthView>,
    /// What fires now.
    pub alerts: Arc<AlertView>,
    /// What was logged lately.
    pub lines: Lines,
    /// What the pipelines show.
    pub shown: Vec<Arc<dyn Shown>>,
}

/// A server that has its port and serves it when run.
pub struct HttpServer {
    listener: TcpListener,
    routes: Router,
    bounds: Bounds,
    /// Ends what would never end by itself.
    closing: CancellationToken,
}

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
        let closing = CancellationToken::new();
        let routes = Router::new()
            .route("/", get(page::index))
            .route("/metrics", get(metrics::metrics))
            .route("/livez", get(handlers::livez))
            .route("/readyz", get(handlers::readyz))
            .route("/health", get(handlers::health))
            .nest("/api/v1", api::routes(settings, &state, &closing))
            .fallback(handlers::not_found)
            .method_not_allowed_fallback(handlers::only_get)
            .layer(Extension(page::Page::new(&state.shown)))
            .layer(map_response(take_the_type_at_its_word))
            .with_state(state);
        Ok(Self {
            listener,
            routes,
            bounds: BOUNDS,
            closing,
        })
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
    pub async fn run(self, stop: CancellationToken) {
        connections::serve(self.listener, self.routes, self.bounds, stop, self.closing).await;
    }
}

/// A browser is not to guess that some text of ours is a script.
async fn take_the_type_at_its_word(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

#[cfg(test)]
pub(crate) mod tests;
