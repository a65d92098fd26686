//! The pipeline of crawled batches: RabbitMQ → object store → rows in Postgres.

mod alerts;
mod api;
mod commands;
mod panels;
mod probes;
mod settings;
mod stages;

pub use alerts::alert_rules;
pub(crate) use panels::PANELS;
pub use settings::Settings;

use crate::{
    alerts::Watched,
    config::{Group, Processing, Reader},
    health::{Consuming, Queues},
    pipeline::{Command, Configured, Pipeline, Prepared, Schema, SourceView},
    probe::Probe,
};
use alerts::SnapshotSource;
use api::Reported;
use millrace_amqp::AmqpStatus;
use millrace_batches::{
    NAME,
    recent::Recent,
    write::{MIGRATIONS, Reports, Rollups},
};
use millrace_engine::ByteBudget;
use millrace_postgres::Database;
use prometheus_client::registry::Registry;
use stages::Parts;
use std::sync::Arc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// See there.
pub(super) struct Batches;

/// The way in, as the program looks at it.
struct Broker {
    status: AmqpStatus,
    prefetch: u16,
}

// === impl Batches ===

impl Pipeline for Batches {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "Crawl events from RabbitMQ, batches from object storage, rows in Postgres"
    }

    fn settings(&self) -> &'static [&'static Group] {
        &settings::GROUPS
    }

    fn read(&self, reader: &mut Reader<'_>, shared: &Processing) -> Arc<dyn Configured> {
        Arc::new(Settings::read(reader, shared))
    }

    fn read_schema(&self, reader: &mut Reader<'_>, shared: &Processing) -> Option<Schema> {
        Some(Schema {
            database: Settings::read_postgres(reader, shared),
            migrations: MIGRATIONS,
        })
    }

    fn commands(&self) -> &'static [Command] {
        &commands::COMMANDS
    }
}

// === impl Settings ===

impl Configured for Settings {
    fn name(&self) -> &'static str {
        NAME
    }

    fn probes(&self) -> Vec<Probe> {
        probes::of(self)
    }

    fn prepare(&self, registry: &mut Registry, budget: &Arc<ByteBudget>) -> anyhow::Result<Prepared> {
        let recent = Recent::default();
        let parts = Parts::make(self, registry, budget, &recent)?;
        let status = AmqpStatus::default();
        let database = parts.database.clone();
        let settings = self.clone();
        Ok(Prepared {
            name: NAME,
            stages: &["ingress", "fetcher", "parser", "writer"],
            probes: probes::working(&status, &parts.stores, &database),
            source: Arc::new(Broker {
                status: status.clone(),
                prefetch: self.amqp.prefetch,
            }),
            alerts: Some(self.watched(&recent, &status, &database)),
            shown: Some(Arc::new(Reported {
                recent,
                reports: Arc::new(Reports::new(database.clone())),
            })),
            start: Box::new(move |supervision| {
                let sums = Rollups::new(database);
                parts.start(&settings, supervision, &status);
                vec![AbortOnDropHandle::new(tokio::spawn(sums.keep()))]
            }),
        })
    }
}

impl Settings {
    fn watched(&self, recent: &Recent, broker: &AmqpStatus, database: &Database) -> Watched {
        let source = SnapshotSource {
            recent: recent.clone(),
            ingress: broker.clone(),
            database: database.clone(),
            started: std::time::Instant::now(),
        };
        alerts::watched(&self.amqp, source, self.thresholds)
    }
}

// === impl Broker ===

impl SourceView for Broker {
    fn consuming(&self) -> Consuming {
        let state = self.status.consuming();
        Consuming {
            ok: state.yes,
            why: (!state.yes).then_some(state.why),
            since: state.since,
        }
    }

    fn in_flight(&self) -> usize {
        self.status.progress().in_flight
    }

    fn moved_at(&self) -> Instant {
        self.status.progress().moved_at
    }

    fn waits(&self) -> bool {
        self.status.waits_for_queues()
    }

    fn most_in_flight(&self) -> u64 {
        self.prefetch.into()
    }

    fn queues(&self) -> Queues {
        let depths = self.status.depths();
        Queues {
            waiting: depths.work,
            dead_letters: depths.dead_letters,
        }
    }
}
