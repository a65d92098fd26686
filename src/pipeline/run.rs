//! The run of the pipelines that were chosen: each has a supervision, a breaker and a drain of its own; they share the
//! budget of memory, the port, telemetry and the way to stop.

use super::{
    Looked, Prepared,
    collector::Figures,
    stop::{self, StopSignals},
};
use crate::{
    alerts::{self, SnapshotSource},
    config::Config,
    exit::{Exit, Failure},
    health::{self, All, Health, HealthView, Pace},
    http::{HttpServer, HttpState, Replica},
    telemetry::{self, Telemetry},
};
use anyhow::Context;
use futures_util::future::join_all;
use millrace_batches::{recent::Recent, reports::NoReports};
use millrace_engine::{self as engine, ByteBudget, Drain, RestartPolicy, Supervision};
use prometheus_client::registry::Registry;
use std::{sync::Arc, time::Instant};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{error, info};

/// A pipeline whose supervision runs.
struct Hosted {
    prepared: Prepared,
    supervision: Supervision,
    health: Arc<Health>,
    _asking: Vec<tokio::task::JoinHandle<()>>,
}

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
    Ok(actix_rt::System::with_tokio_rt(runtime).block_on(pipelines(&config, telemetry))?)
}

async fn pipelines(config: &Config, telemetry: &Telemetry) -> anyhow::Result<Exit> {
    let signals = StopSignals::listen().context("signals")?;
    let replica = Replica::new(replica_name());
    let mut registry = Registry::default();
    telemetry.register(&mut registry);
    let budget = ByteBudget::new(config.memory_budget);
    let drain = Drain::default();
    tokio::spawn(signals.obey(drain.clone()));
    // Telemetry and health outlive the pipelines: the last scrape sees the last event.
    let outlive = CancellationToken::new();
    let mut hosted = Vec::new();
    for pipeline in &config.pipelines {
        let prepared = pipeline.prepare(&mut registry, &budget)?;
        hosted.push(Hosted::new(prepared, config, &budget, &drain, &outlive));
    }
    let all = Arc::new(All(hosted.iter().map(|one| one.health.clone()).collect()));
    registry.register_collector(Box::new(Figures::new(all.clone())));
    let looked = hosted.iter_mut().find_map(|one| {
        let health = one.health.clone();
        one.prepared.looked.take().map(|looked| (looked, health))
    });
    let (looked, alerts, alerting) = match looked {
        Some((looked, health)) => {
            let (alerts, alerting) = watch(config, &looked, health, &mut registry, drain.clone())?;
            (Some(looked), Some(alerts), Some(alerting))
        }
        None => (None, None, None),
    };
    let state = HttpState {
        replica,
        registry: Arc::new(registry),
        health: all,
        alerts: Arc::new(move || alerts.as_ref().map_or_else(Vec::new, alerts::Alerts::firing)),
        recent: looked
            .as_ref()
            .map_or_else(Recent::default, |looked| looked.recent.clone()),
        lines: telemetry::lines(),
        reports: looked.map_or_else(|| Arc::new(NoReports) as _, |looked| looked.reports),
    };
    let serving = serve(config, state, &outlive).await?;
    let running: Vec<_> = hosted.into_iter().map(Hosted::start).collect();
    let gave_up = join_all(running.iter().map(|running| running.ended(&drain))).await;
    outlive.cancel();
    if let Some(alerting) = alerting {
        alerting.ended().await;
    }
    if let Some(serving) = serving {
        let _ = serving.await;
    }
    Ok(match gave_up.contains(&true) {
        true => Exit::GaveUp,
        false => Exit::Fine,
    })
}

/// Starts the alerts about the pipeline that has such.
fn watch(
    config: &Config,
    looked: &Looked,
    health: Arc<Health>,
    registry: &mut Registry,
    drain: Drain,
) -> anyhow::Result<(alerts::Alerts, alerts::Alerting)> {
    let signs = SnapshotSource {
        recent: looked.recent.clone(),
        dependencies: Arc::new(move || health.dependencies()),
        ingress: looked.broker.clone(),
        database: looked.database.clone(),
        started: Instant::now(),
    };
    let look = move |now| signs.take(now);
    alerts::start(&config.alerts, looked.origin.clone(), registry, drain, look)
}

// === impl Hosted ===

impl Hosted {
    /// Starts a supervision without actors. The order to drain is passed on to it.
    fn new(
        mut prepared: Prepared,
        config: &Config,
        budget: &Arc<ByteBudget>,
        all: &Drain,
        outlive: &CancellationToken,
    ) -> Self {
        let policy = RestartPolicy {
            deadline: config.stage_deadline,
            ..RestartPolicy::default()
        };
        let drain = Drain::default();
        let (whole, own) = (all.clone(), drain.clone());
        tokio::spawn(async move {
            whole.ordered().await;
            own.order();
        });
        let supervision = Supervision::start(prepared.name, policy, drain.clone());
        let probes = std::mem::take(&mut prepared.probes);
        let (dependencies, asking) = health::watch(probes, Pace::default(), outlive);
        let health = Arc::new(Health::new(&prepared, &supervision, dependencies, budget.clone()));
        let looking = health.clone();
        let down = move || {
            let all = looking.dependencies();
            all.iter()
                .find(|dependency| !dependency.ok)
                .map(|dependency| dependency.name)
        };
        tokio::spawn(stop::leave_an_outage(drain, down));
        Self {
            prepared,
            supervision,
            health,
            _asking: asking,
        }
    }

    fn start(self) -> Running {
        let name = self.prepared.name;
        let beside = (self.prepared.start)(&self.supervision);
        Running {
            name,
            supervision: self.supervision,
            _beside: beside,
        }
    }
}

/// A pipeline whose actors run.
struct Running {
    name: &'static str,
    supervision: Supervision,
    /// What it does beside them.
    _beside: Vec<AbortOnDropHandle<()>>,
}

// === impl Running ===

impl Running {
    /// Waits for its end, and says whether it gave up: then all others are to drain too.
    async fn ended(&self, all: &Drain) -> bool {
        let end = self.supervision.ended().await;
        let pipeline = self.name;
        match &end {
            engine::Exit::Drained => info!(pipeline, "drained; leaving"),
            engine::Exit::GaveUp(actor) => {
                error!(pipeline, %actor, "an actor could not go on; leaving");
                all.order();
            }
        }
        matches!(end, engine::Exit::GaveUp(_))
    }
}

/// How operators of the broker and readers of traces tell replicas apart.
pub fn replica_name() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "localhost".to_owned());
    format!("millrace@{host}/{}", std::process::id())
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
