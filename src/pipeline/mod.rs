//! The wiring, writer first and ingress last: the only place that sees all rooms.

mod collector;
mod health;
mod probes;
mod rooms;
mod stop;

pub use probes::probes;

use crate::{
    config::Config,
    http::{self, HttpServer, HttpState},
};
use anyhow::Context;
use health::Health;
use millrace_actors::{
    ingress::IngressStatus,
    supervision::{ByteBudget, Drain, Exit, RestartPolicy, Supervision},
};
use prometheus_client::registry::Registry;
use rooms::Parts;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Runs the line until it is told to stop or gives up.
///
/// Must be called inside an actix system whose runtime has worker threads: sockets are driven there,
/// while the actors share the system's own thread.
///
/// # Errors
/// What no waiting would mend: a store or database that cannot be addressed, or a port in use.
pub async fn run(config: &Config) -> anyhow::Result<Exit> {
    let mut registry = Registry::default();
    let status = IngressStatus::default();
    let budget = ByteBudget::new(config.memory_budget);
    let parts = Parts::make(config, &mut registry, &status, &budget)?;
    let drain = Drain::default();
    let supervision = Supervision::start(RestartPolicy::default(), drain.clone());

    // Telemetry and health outlive the line: the last scrape sees the last event.
    let outlive = CancellationToken::new();
    let (dependencies, _probing) = http::watch(probes::watched(&parts, &status), &outlive);
    let health = Arc::new(Health::new(supervision.roster(), dependencies, status.clone()));
    registry.register_collector(Box::new(collector::Figures::new(supervision.roster(), budget, parts.database.clone())));
    let serving = serve(config, registry, health, &outlive).await?;

    parts.start(config, &supervision, &status);
    tokio::spawn(stop::on_signal(drain));
    let end = supervision.ended().await;
    match &end {
        Exit::Drained => info!("drained"),
        Exit::GaveUp(actor) => warn!(%actor, "gave up"),
    }
    outlive.cancel();
    if let Some(serving) = serving {
        let _ = serving.await;
    }
    Ok(end)
}

async fn serve(
    config: &Config,
    registry: Registry,
    health: Arc<Health>,
    stop: &CancellationToken,
) -> anyhow::Result<Option<tokio::task::JoinHandle<()>>> {
    if !config.http.enabled {
        return Ok(None);
    }
    let state = HttpState { registry: Arc::new(registry), health };
    let server = HttpServer::bind(&config.http, state).await?;
    info!(address = %server.address().context("the HTTP port")?, "serving metrics and health");
    let stop = stop.clone();
    Ok(Some(tokio::spawn(async move {
        if let Err(error) = server.run(stop).await {
            warn!(%error, "the HTTP server ended");
        }
    })))
}
