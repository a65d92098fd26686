//! The wiring, writer first and ingress last: the only place that sees all rooms.

mod collector;
mod health;
mod rooms;
mod stop;

use crate::{
    alerts::{self, VitalSigns},
    config::Config,
    dependencies,
    exit::{Exit, Failure},
    http::{self, HealthView, HttpServer, HttpState, Pace, Replica},
    telemetry::{self, Telemetry},
};
use anyhow::Context;
use collector::Figures;
use health::Health;
use millrace_amqp::AmqpStatus;
use millrace_batches::{
    recent::Recent,
    write::{Reports, Rollups},
};
use millrace_engine::{self, ByteBudget, Drain, RestartPolicy, Supervision};
use prometheus_client::registry::Registry;
use rooms::Parts;
pub(crate) use rooms::replica_name;
use std::{sync::Arc, time::Instant};
use stop::StopSignals;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{error, info};

/// Runs until it is told to stop, and says how it ended.
///
/// # Errors
/// What no waiting would fix: a store or database that cannot be addressed, or a port in use.
pub fn run(config: Config, telemetry: &Telemetry) -> Result<Exit, Failure> {
    // Sockets are driven by the runtime's workers; the actors share this thread.
    let runtime = || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.expect("threads for the I/O runtime")
    };
    let end = actix_rt::System::with_tokio_rt(runtime).block_on(line(&config, telemetry))?;
    Ok(match end {
        millrace_engine::Exit::Drained => Exit::Fine,
        millrace_engine::Exit::GaveUp(_) => Exit::GaveUp,
    })
}

async fn line(config: &Config, telemetry: &Telemetry) -> anyhow::Result<millrace_engine::Exit> {
    let signals = StopSignals::listen().context("signals")?;
    let replica = Replica::new(rooms::replica_name());
    let mut registry = Registry::default();
    telemetry.register(&mut registry);
    let budget = ByteBudget::new(config.memory_budget);
    let recent = Recent::default();
    let parts = Parts::make(config, &mut registry, &budget, &recent)?;
    let status = AmqpStatus::default();
    let drain = Drain::default();
    tokio::spawn(signals.obey(drain.clone()));
    let policy = RestartPolicy {
        deadline: config.stage_deadline,
        ..RestartPolicy::default()
    };
    let supervision = Supervision::start(millrace_batches::NAME, policy, drain.clone());

    // Telemetry and health outlive the line: the last scrape sees the last event.
    let outlive = CancellationToken::new();
    let probes = dependencies::working_probes(&status, &parts.stores, &parts.database);
    let (dependencies, _asking) = http::watch(probes, Pace::default(), &outlive);
    let health = Arc::new(Health::new(
        &supervision,
        dependencies,
        status.clone(),
        budget,
        config.amqp.prefetch,
    ));
    registry.register_collector(Box::new(Figures::new(supervision.actors(), health.clone())));
    let down = {
        let health = health.clone();
        move || {
            let all = health.dependencies();
            all.iter()
                .find(|dependency| !dependency.ok)
                .map(|dependency| dependency.name)
        }
    };
    tokio::spawn(stop::leave_an_outage(drain.clone(), down));
    let signs = VitalSigns {
        recent: recent.clone(),
        dependencies: {
            let health = health.clone();
            Arc::new(move || health.dependencies())
        },
        ingress: status.clone(),
        database: parts.database.clone(),
        started: Instant::now(),
    };
    let line = rooms::name(&config.amqp);
    let look = move |now| signs.take(now);
    let (alerts, alerting) = alerts::start(&config.alerts, line, &mut registry, drain, look)?;
    let state = HttpState {
        replica,
        registry: Arc::new(registry),
        health,
        alerts: Arc::new(move || alerts.firing()),
        recent,
        lines: telemetry::lines(),
        reports: Arc::new(Reports::new(parts.database.clone())),
    };
    let serving = serve(config, state, &outlive).await?;

    let sums = Rollups::new(parts.database.clone());
    let _summing = AbortOnDropHandle::new(tokio::spawn(sums.keep()));
    parts.start(config, &supervision, &status);
    let end = supervision.ended().await;
    match &end {
        millrace_engine::Exit::Drained => info!("drained; leaving"),
        millrace_engine::Exit::GaveUp(actor) => error!(%actor, "an actor could not go on; leaving"),
    }
    outlive.cancel();
    alerting.ended().await;
    if let Some(serving) = serving {
        let _ = serving.await;
    }
    Ok(end)
}

async fn serve(
    config: &Config,
    state: HttpState,
    stop: &CancellationToken,
) -> anyhow::Result<Option<tokio::task::JoinHandle<()>>> {
    if !config.http.enabled {
        return Ok(None);
    }
    let server = HttpServer::bind(&config.http, state).await?;
    info!(address = %server.address().context("the HTTP port")?, "serving metrics and health");
    let stop = stop.clone();
    Ok(Some(tokio::spawn(server.run(stop))))
}
