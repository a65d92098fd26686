//! The archive within the pipeline: a source of planned files, what writes them, and what plans them.

use super::{settings::Settings, stages::Schema};
use crate::pipeline::replica_name;
use actix_rt::Arbiter;
use anyhow::Context;
use futures_util::FutureExt;
use millrace_engine::{Build, ByteBudget, DuePace, DueRows, Limits, Load, Port, Supervision};
use millrace_objects::ObjectWriter;
use millrace_postgres::Database;
use millrace_products::archive::{
    ArchiveMetrics, ArchiveStore, Closer, FileWriter, FilesToWrite, Keeper, Planner, files_to_write,
};
use prometheus_client::registry::Registry;
use std::{sync::Arc, time::Duration};
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

/// The settings that name the bucket.
pub(super) const NAMED_BY: &str = "ARCHIVE_BUCKET_NAME, ARCHIVE_STORE_URL or the object store";

/// Files that are written at once by one process.
const WRITERS: usize = 2;

/// A process that dies hands over after a minute; one that lives prolongs its claims each 20 seconds.
const PACE: DuePace = DuePace {
    most: WRITERS,
    look_every: Duration::from_secs(2),
    lease: Duration::from_secs(60),
};

/// What the archive is made of.
#[derive(Clone)]
pub(super) struct Archive {
    database: Database,
    store: ArchiveStore,
    /// Make the bucket where it is missing.
    create_bucket: bool,
    writer: FileWriter,
    metrics: ArchiveMetrics,
}

/// The source of planned files.
type Files = DueRows<FilesToWrite>;

// === impl Archive ===

impl Archive {
    pub(super) fn make(
        settings: &Settings,
        database: &Database,
        registry: &mut Registry,
        budget: &Arc<ByteBudget>,
    ) -> anyhow::Result<Self> {
        let objects = ObjectWriter::open(&settings.archive.store, NAMED_BY).context("the archive's store")?;
        let store = ArchiveStore::new(objects);
        let metrics = ArchiveMetrics::register(registry);
        Ok(Self {
            writer: FileWriter::new(database.clone(), store.clone(), budget.clone(), metrics.clone()),
            database: database.clone(),
            create_bucket: settings.archive.create_bucket,
            store,
            metrics,
        })
    }

    /// A second way in beside Kafka: what is planned is written.
    pub(super) fn start(&self, supervision: &Supervision, schema: &Schema) {
        let (writer, ready) = (self.writer.clone(), schema.clone());
        let to_make = self.create_bucket.then(|| self.store.clone());
        let build: Build<FileWriter> = Arc::new(move || {
            let (writer, schema, to_make) = (writer.clone(), ready.clone(), to_make.clone());
            async move {
                schema.ready().await?;
                if let Some(store) = to_make
                    && let Err(fault) = store.create_bucket().await
                {
                    // Each file says so too, and is tried again; what is read from Kafka goes on.
                    warn!(%fault, "the bucket of the archive is not there");
                }
                Ok(writer)
            }
            .boxed_local()
        });
        let here = Arbiter::current();
        let one = Limits {
            messages: 1,
            load: Load::default(),
        };
        let archivers = (0..WRITERS).map(|n| supervision.sink(("archiver", n), &here, one, build.clone()));
        let port = Port::new(archivers);
        let (database, schema) = (self.database.clone(), schema.clone());
        let build: Build<Files> = Arc::new(move || {
            let (database, schema) = (database.clone(), schema.clone());
            async move {
                schema.ready().await?;
                Ok(DueRows::new(files_to_write(database, &replica_name()), PACE))
            }
            .boxed_local()
        });
        supervision.source("archive", &here, port, build);
    }

    /// Plans and closes for as long as the pipeline runs.
    pub(super) fn keep(self, settings: &Settings) -> AbortOnDropHandle<()> {
        let archive = settings.archive.archive.clone();
        let planner = Planner::new(self.database.clone(), archive.clone());
        let closer = Closer::new(self.database, self.store, archive, &settings.kafka.group);
        let keeper = Keeper::new(planner, closer, self.metrics);
        AbortOnDropHandle::new(tokio::spawn(keeper.keep(settings.kafka.clone())))
    }
}
