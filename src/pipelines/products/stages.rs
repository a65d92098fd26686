//! What the stages are made of, and how they are joined.

use super::{archive::Archive, copies::Copies, settings::Settings};
use crate::pipeline::replica_name;
use actix_rt::Arbiter;
use anyhow::Context;
use futures_util::FutureExt;
use millrace_engine::{Build, ByteBudget, Fault, Limits, Load, Port, Supervision};
use millrace_kafka::{Chunk, KafkaMetrics, KafkaSource, KafkaStatus};
use millrace_postgres::Database;
use millrace_products::{
    NAME,
    event::{CheckMetrics, Checker},
    messages::CheckedChunk,
    write::{MIGRATIONS, Positions, Writer, WriterMetrics},
};
use prometheus_client::registry::Registry;
use std::sync::Arc;
use tokio::{runtime::Handle, sync::OnceCell};
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

/// Of the names of the pipeline's metrics.
pub(super) const PREFIX: &str = "products";

/// The shared things that actors are built from, again after every failure.
pub(super) struct Parts {
    pub(super) database: Database,
    pub(super) status: KafkaStatus,
    source: KafkaSource<Positions>,
    checker: Checker,
    writer: Writer,
    archive: Archive,
    copies: Option<Copies>,
}

// === impl Parts ===

impl Parts {
    pub(super) fn make(
        settings: &Settings,
        registry: &mut Registry,
        budget: &Arc<ByteBudget>,
    ) -> anyhow::Result<Self> {
        let registry = registry.sub_registry_with_prefix(PREFIX);
        let database = Database::new(&settings.postgres, &Handle::current()).context("DATABASE_URL")?;
        let topics: Vec<Arc<str>> = settings
            .kafka
            .topics
            .iter()
            .map(|topic| topic.as_str().into())
            .collect();
        let status = KafkaStatus::default();
        let writer_metrics = WriterMetrics::register(registry);
        let archive = Archive::make(settings, &database, registry, budget)?;
        Ok(Self {
            source: KafkaSource {
                settings: Arc::new(settings.kafka.clone()),
                store: Positions::new(database.clone(), &settings.kafka.group),
                budget: budget.clone(),
                status: status.clone(),
                metrics: KafkaMetrics::register(registry, &settings.kafka.topics),
                pipeline: NAME,
            },
            checker: Checker::new(settings.limits, CheckMetrics::register(registry, &topics)),
            writer: Writer::new(
                database.clone(),
                settings.rules.clone(),
                &replica_name(),
                writer_metrics,
            ),
            archive,
            copies: Copies::make(settings, &database)?,
            status,
            database,
        })
    }

    /// One pipeline: source → checkers → writers, and beside it planned files → archivers. Started from its end, so that
    /// nothing is ever sent to an actor that is not there. What plans files ends with its handle.
    pub(super) fn start(
        self,
        settings: &Settings,
        supervision: &Supervision,
    ) -> (Schema, AbortOnDropHandle<()>) {
        let schema = Schema::new(settings, self.database.clone());
        self.archive.start(supervision, &schema);
        let writers = self.writers(settings, supervision, &schema);
        let checkers = self.checkers(settings, supervision, &writers);
        // The positions are in tables that the migrations make, so they come first here too.
        let (of_source, source) = (schema.clone(), self.source.clone());
        let build: Build<KafkaSource<Positions>> = Arc::new(move || {
            let (schema, source) = (of_source.clone(), source.clone());
            async move {
                schema.ready().await?;
                Ok(source)
            }
            .boxed_local()
        });
        if let Some(copies) = self.copies {
            copies.start(supervision, &schema);
        }
        supervision.source("source", &Arbiter::current(), checkers, build);
        info!(
            checkers = settings.workers.parsers,
            writers = settings.workers.writers,
            topics = settings.kafka.topics.join(","),
            group = settings.kafka.group,
            "pipeline started"
        );
        (schema, self.archive.keep(settings))
    }

    /// A writer is built when its database answers: a rebuild is the breaker's probe.
    fn writers(&self, settings: &Settings, supervision: &Supervision, schema: &Schema) -> Port<CheckedChunk> {
        let schema = schema.clone();
        // Its clones share what they learn of the database, and keep it over restarts.
        let (writer, database) = (self.writer.clone(), self.database.clone());
        let build: Build<Writer> = Arc::new(move || {
            let (writer, schema, database) = (writer.clone(), schema.clone(), database.clone());
            async move {
                database.ping().await?;
                schema.ready().await?;
                Ok(writer)
            }
            .boxed_local()
        });
        // Each chunk is a transaction of its own: what waits for one of them waits for no other.
        let limits = Limits {
            messages: 1,
            load: Load {
                rows: settings.kafka.chunk_records,
                bytes: settings.kafka.chunk_bytes,
            },
        };
        let here = Arbiter::current();
        Port::new(
            (0..settings.workers.writers)
                .map(|n| supervision.sink(("writer", n), &here, limits, build.clone())),
        )
    }

    /// Each has a thread of its own and may block it.
    fn checkers(
        &self,
        settings: &Settings,
        supervision: &Supervision,
        next: &Port<CheckedChunk>,
    ) -> Port<Chunk> {
        let checker = self.checker.clone();
        let build: Build<Checker> = Arc::new(move || {
            let checker = checker.clone();
            async move { Ok(checker) }.boxed_local()
        });
        Port::new((0..settings.workers.parsers).map(|n| {
            let thread = Arbiter::new().handle();
            supervision.stage(("checker", n), &thread, next.clone(), build.clone())
        }))
        .with_wide_lane()
    }
}

/// The schema, brought up to date once, by whichever actor comes first.
#[derive(Clone)]
pub(super) struct Schema {
    /// None where it is seen to elsewhere.
    database: Option<Database>,
    ready: Arc<OnceCell<()>>,
}

// === impl Schema ===

impl Schema {
    fn new(settings: &Settings, database: Database) -> Self {
        Self {
            database: settings.auto_migrate.then_some(database),
            ready: Arc::default(),
        }
    }

    /// A database that is down at start is waited for like one that goes down later.
    pub(super) async fn ready(&self) -> Result<(), Fault> {
        let Some(database) = &self.database else {
            return Ok(());
        };
        self.ready
            .get_or_try_init(|| async {
                let migrated = MIGRATIONS.migrate_over(database).await; // says itself what it applied
                migrated.map_err(|error| Fault::outage("database", error.to_string()))?;
                Ok(())
            })
            .await
            .copied()
    }
}
