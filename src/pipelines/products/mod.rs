//! The pipeline of product events: Kafka → a journal, aggregates and work for the archive, in Postgres.

mod api;
mod archive;
mod commands;
mod copies;
mod panels;
mod probes;
mod recent;
mod settings;
mod stages;

use crate::{
    config::{self, Group, Processing, Reader},
    health::{Consuming, Queues},
    pipeline::{Command, Configured, Pipeline, Prepared, Schema, SourceView},
    probe::Probe,
};
use api::{Figures, Partitions, Reported};
use millrace_engine::ByteBudget;
use millrace_kafka::KafkaStatus;
use millrace_products::{
    NAME,
    reports::{ReadHere, Reports},
    write::{MIGRATIONS, Retention},
};
use prometheus_client::registry::Registry;
use recent::Recent;
use settings::Settings;
use stages::{PREFIX, Parts};
use std::sync::Arc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// See there.
pub(super) struct Products;

/// The way in, as the program looks at it.
struct Broker(KafkaStatus);

// === impl Products ===

impl Pipeline for Products {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "Product events from Kafka: a journal, aggregates and an archive"
    }

    fn settings(&self) -> &'static [&'static Group] {
        &settings::GROUPS
    }

    fn read(&self, reader: &mut Reader<'_>, shared: &Processing) -> Arc<dyn Configured> {
        Arc::new(Settings::read(reader, shared))
    }

    fn read_schema(&self, reader: &mut Reader<'_>, shared: &Processing) -> Option<Schema> {
        Some(Schema {
            database: config::postgres(reader, shared).0,
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
        let parts = Parts::make(self, registry, budget)?;
        let retention = Retention::new(parts.database.clone(), self.keeping.clone());
        let settings = self.clone();
        let recent = Recent::new(self, &parts.database, registry.sub_registry_with_prefix(PREFIX));
        let projection = recent.projection().cloned();
        let reports = Reports::new(parts.database.clone(), &self.kafka.group);
        let partitions = read_here(&parts.status);
        let mut probes = probes::working(self, &parts.status, &parts.database);
        probes.extend(
            recent
                .projection()
                .map(|projection| projection.probe().not_needed()),
        );
        Ok(Prepared {
            probes,
            shown: Some(Arc::new(Reported {
                reports,
                recent: recent.store(),
                partitions,
                figures: Figures::default(),
            })),
            ..Prepared::new(
                NAME,
                &["source", "checker", "writer", "archive", "archiver"],
                Arc::new(Broker(parts.status.clone())),
                Box::new(move |supervision| {
                    let (schema, archiving) = parts.start(&settings, supervision);
                    let projecting = projection.map(|projection| projection.start(supervision, &schema));
                    let retaining = AbortOnDropHandle::new(tokio::spawn(retention.keep()));
                    projecting.into_iter().chain([retaining, archiving]).collect()
                }),
            )
        })
    }
}

/// What this replica knows of the partitions that it reads.
fn read_here(status: &KafkaStatus) -> Partitions {
    let status = status.clone();
    Arc::new(move || {
        let partitions = status.partitions().into_iter();
        let known = partitions.map(|(of, partition)| ReadHere {
            topic: of.topic.to_string(),
            partition: of.partition.into(),
            end: partition.end,
            waits: partition.waits,
        });
        known.collect()
    })
}

// === impl Broker ===

impl SourceView for Broker {
    fn consuming(&self) -> Consuming {
        let state = self.0.consuming();
        Consuming {
            ok: state.yes,
            why: (!state.yes).then_some(state.why),
            since: state.since,
        }
    }

    fn in_flight(&self) -> usize {
        self.0.progress().in_flight
    }

    fn moved_at(&self) -> Instant {
        self.0.progress().moved_at
    }

    fn queues(&self) -> Queues {
        Queues {
            waiting: self.0.lag(),
            ..Queues::default()
        }
    }
}
