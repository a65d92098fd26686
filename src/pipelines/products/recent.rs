//! Recent events: their store, and where that is not the journal, the way into it.

use super::{settings::Settings, stages::Schema};
use crate::{
    config::{ProjectedSettings, RecentSettings},
    pipeline::replica_name,
    probe::Probe,
};
use actix_rt::Arbiter;
use futures_util::FutureExt;
use millrace_dynamodb::Table;
use millrace_engine::{Build, DuePace, DueRows, Limits, Load, Port, Supervision};
use millrace_postgres::{Database, DueRowsOf};
use millrace_products::recent::{
    DynamoEvents, JournalEvents, PROJECTION, ProjectionMetrics, ProjectionQueue, ProjectionWatch, Projector,
    QueuedEvent, RecentStore, SHAPE,
};
use prometheus_client::registry::Registry;
use std::{sync::Arc, time::Duration};
use tokio::sync::OnceCell;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

/// The dependency, as faults and health checks name it.
const RECENT_STORE: &str = "recent_store";

/// Events that are on their way at a time, and in one write: requests of 25, four at a time.
const IN_FLIGHT: usize = 800;
const A_WRITE: usize = 400;
/// How long an event is claimed, and how often it is looked for new ones.
const LEASE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Recent events, wherever they are.
pub(super) enum Recent {
    /// In the journal.
    Journal(JournalEvents),
    /// In DynamoDB.
    Projected(Projection),
}

/// What fills the store.
#[derive(Clone)]
pub(super) struct Projection {
    store: DynamoEvents,
    database: Database,
    creates: bool,
    metrics: ProjectionMetrics,
    pub(super) watch: ProjectionWatch,
    looked_at: Arc<OnceCell<()>>,
}

// === impl Recent ===

impl Recent {
    /// As the settings say. Connects to nothing yet.
    pub(super) fn new(settings: &Settings, database: &Database, registry: &mut Registry) -> Self {
        match &settings.recent {
            RecentSettings::Journal => Self::Journal(JournalEvents::new(database.clone())),
            RecentSettings::DynamoDb(projected) => {
                let ProjectedSettings { table, creates, .. } = &**projected;
                Self::Projected(Projection {
                    store: DynamoEvents::new(Table::new(table.clone())),
                    database: database.clone(),
                    creates: *creates,
                    metrics: ProjectionMetrics::register(registry),
                    watch: ProjectionWatch::register(registry, ProjectionQueue::new(database.clone())),
                    looked_at: Arc::default(),
                })
            }
        }
    }

    /// The store.
    pub(super) fn store(&self) -> Arc<dyn RecentStore> {
        match self {
            Self::Journal(journal) => Arc::new(journal.clone()),
            Self::Projected(projection) => Arc::new(projection.store.clone()),
        }
    }

    /// What fills it, where something does.
    pub(super) fn projection(&self) -> Option<&Projection> {
        match self {
            Self::Journal(_) => None,
            Self::Projected(projection) => Some(projection),
        }
    }
}

// === impl Projection ===

impl Projection {
    /// Starts the source of the queue and the projector, and what looks after both.
    pub(super) fn start(&self, supervision: &Supervision, schema: &Schema) -> AbortOnDropHandle<()> {
        let here = Arbiter::current();
        let projection = self.clone();
        let build: Build<Projector> = Arc::new(move || {
            let projection = projection.clone();
            async move {
                projection.look_at_the_table().await;
                let queue = ProjectionQueue::new(projection.database.clone());
                Ok(Projector::new(
                    queue,
                    Arc::new(projection.store),
                    projection.metrics,
                ))
            }
            .boxed_local()
        });
        let limits = Limits {
            messages: A_WRITE,
            load: Load {
                rows: A_WRITE,
                bytes: usize::MAX,
            },
        };
        let projectors = Port::new([supervision.sink(("projector", 0), &here, limits, build)]);
        let (schema, database) = (schema.clone(), self.database.clone());
        let source: Build<DueRows<DueRowsOf<String, QueuedEvent>>> = Arc::new(move || {
            let schema = schema.clone();
            let due = DueRowsOf::new(database.clone(), &PROJECTION, &replica_name());
            let pace = DuePace {
                most: IN_FLIGHT,
                look_every: LOOK_EVERY,
                lease: LEASE,
            };
            async move {
                schema.ready().await?;
                Ok(DueRows::new(due, pace))
            }
            .boxed_local()
        });
        supervision.source("projection", &here, projectors, source);
        let (watch, table) = (self.watch.clone(), self.store.table().clone());
        AbortOnDropHandle::new(tokio::spawn(async move { watch.keep(&table).await }))
    }

    /// Once: makes what is missing where that is asked for, and warns of what stays missing. A table that is away now is
    /// met by the writes.
    async fn look_at_the_table(&self) {
        let looked = self.looked_at.get_or_try_init(|| async {
            let answer = look(self.store.table(), self.creates).await;
            answer.map(|lacks| {
                for lack in lacks {
                    warn!(
                        table = self.store.table().name(),
                        "the table of recent events: {lack}"
                    );
                }
            })
        });
        if let Err(why) = looked.await {
            warn!(
                table = self.store.table().name(),
                error = why,
                "the table of recent events"
            );
        }
    }

    /// Whether the table answers and is the one that it should be.
    pub(super) fn probe(&self) -> Probe {
        probe(self.store.table().clone(), self.creates)
    }
}

/// The same on a connection of its own; none where the store is the journal.
pub(super) fn probe_of(settings: &RecentSettings) -> Option<Probe> {
    match settings {
        RecentSettings::Journal => None,
        RecentSettings::DynamoDb(projected) => {
            Some(probe(Table::new(projected.table.clone()), projected.creates))
        }
    }
}

fn probe(table: Table, creates: bool) -> Probe {
    Probe::new(RECENT_STORE, move || {
        let table = table.clone();
        async move {
            let description = table
                .describe()
                .await
                .map_err(|error| format!("DynamoDB {error}"))?;
            let Some(description) = description else {
                return match creates {
                    true => Ok(format!("the table {} is made at start", table.name())),
                    false => Err(missing(&table)),
                };
            };
            description
                .has_key_of(&SHAPE)
                .map_err(|why| format!("the table {}: {why}", table.name()))?;
            let lacks = description.lacks(&SHAPE);
            Ok(match lacks.is_empty() {
                true => format!("the table {} answers", table.name()),
                false => format!("the table {} answers; {}", table.name(), lacks.join("; ")),
            })
        }
    })
}

/// What the table lacks, after it was made where that is asked for.
async fn look(table: &Table, creates: bool) -> Result<Vec<String>, String> {
    let told = |error| format!("DynamoDB {error}");
    if creates {
        table.create(&SHAPE).await.map_err(told)?;
    }
    let description = table.describe().await.map_err(told)?;
    let description = description.ok_or_else(|| missing(table))?;
    description.has_key_of(&SHAPE)?;
    Ok(description.lacks(&SHAPE))
}

fn missing(table: &Table) -> String {
    format!(
        "there is no table {}: make it, or set DYNAMO_CREATE_TABLE=true",
        table.name()
    )
}
