//! What the stages are made of, and how they are joined.

use super::{Settings, probes::STORE};
use crate::pipeline::replica_name;
use actix_rt::{Arbiter, ArbiterHandle};
use anyhow::Context;
use futures_util::FutureExt;
use millrace_amqp::{AmqpMetrics, AmqpSettings, AmqpSource, AmqpStatus};
use millrace_batches::{
    domain::Reason,
    event::{CrawlEvents, EventMetrics},
    fetch::{self, Fetch},
    messages::{BatchRef, ParsedBatch, RawBatch},
    parse::{Parser, ParserMetrics},
    recent::Recent,
    write::{self, Writer, WriterMetrics},
};
use millrace_engine::{Build, ByteBudget, Fault, Limits, Load, Port, Supervision};
use millrace_objects::{Fetcher, Stores};
use millrace_postgres::Database;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use tokio::{runtime::Handle, sync::OnceCell};
use tracing::info;

/// Of the names of the pipeline's metrics.
const PREFIX: &str = "analytics";
/// What may ask for another attempt at an event.
const STAGES: [&str; 3] = ["fetcher", "parser", "writer"];

/// Events that one transaction may serve; rows and bytes bound it further.
const EVENTS_A_WRITE: usize = 64;

/// The shared things that actors are built from, again after every failure.
pub(super) struct Parts {
    pub(super) stores: Arc<Stores>,
    pub(super) database: Database,
    fetcher: Fetch,
    parser: Parser,
    events: CrawlEvents,
    amqp_metrics: AmqpMetrics,
    writer_metrics: WriterMetrics,
}

// === impl Parts ===

impl Parts {
    pub(super) fn make(
        config: &Settings,
        registry: &mut Registry,
        budget: &Arc<ByteBudget>,
        recent: &Recent,
    ) -> anyhow::Result<Self> {
        let stores = Arc::new(Stores::new(&config.fetcher).context("object store")?);
        let database = Database::new(&config.postgres, &Handle::current()).context("DATABASE_URL")?;
        let fetcher_metrics = fetch::register(registry);
        let writer_metrics = WriterMetrics::register(registry, recent.clone());
        Ok(Self {
            fetcher: Fetch::new(
                Fetcher::new(stores.clone(), &config.fetcher, budget.clone(), fetcher_metrics),
                budget.clone(),
            ),
            parser: Parser::new(config.parser.clone(), ParserMetrics::register(registry)),
            amqp_metrics: AmqpMetrics::register(
                registry.sub_registry_with_prefix(PREFIX),
                &STAGES,
                Reason::of_events(),
            ),
            events: CrawlEvents::new(
                EventMetrics::register(registry.sub_registry_with_prefix(PREFIX), recent.clone()),
                writer_metrics.clone(),
            ),
            writer_metrics,
            stores,
            database,
        })
    }

    /// One pipeline: ingress → fetchers → parsers → writers. Started from its end, so that nothing is ever
    /// sent to an actor that is not there.
    pub(super) fn start(self, config: &Settings, supervision: &Supervision, status: &AmqpStatus) {
        let here = Arbiter::current();
        let writers = self.writers(config, supervision, &here);
        let parsers = self.parsers(config, supervision, &writers);
        let fetchers = self.fetchers(config, supervision, &here, &parsers);
        let source = self.source(config.amqp.clone(), status.clone());
        supervision.source("ingress", &here, fetchers, source);
        let workers = config.workers;
        info!(
            fetchers = workers.fetchers,
            parsers = workers.parsers,
            writers = workers.writers,
            prefetch = config.amqp.prefetch,
            "pipeline started"
        );
    }

    /// A writer is built when its database answers: a rebuild is the breaker's probe. So are fetchers.
    fn writers(
        &self,
        config: &Settings,
        supervision: &Supervision,
        here: &ArbiterHandle,
    ) -> Port<ParsedBatch> {
        let schema = Schema::new(config, self.database.clone());
        let database = self.database.clone();
        // Its clones share what they learn of the database, and keep it over restarts.
        let writer = Writer::new(database.clone(), self.writer_metrics.clone());
        let build: Build<Writer> = Arc::new(move || {
            let (writer, schema, database) = (writer.clone(), schema.clone(), database.clone());
            async move {
                database.ping().await?;
                schema.ready().await?;
                Ok(writer)
            }
            .boxed_local()
        });
        let limits = Limits {
            messages: EVENTS_A_WRITE,
            load: Load {
                rows: config.postgres.max_rows,
                bytes: config.postgres.max_bytes,
            },
        };
        Port::new(
            (0..config.workers.writers).map(|n| supervision.sink(("writer", n), here, limits, build.clone())),
        )
    }

    /// Each parser has a thread of its own and may block it.
    fn parsers(
        &self,
        config: &Settings,
        supervision: &Supervision,
        next: &Port<ParsedBatch>,
    ) -> Port<RawBatch> {
        let build = always(self.parser.clone());
        Port::new((0..config.workers.parsers).map(|n| {
            let thread = Arbiter::new().handle();
            supervision.stage(("parser", n), &thread, next.clone(), build.clone())
        }))
        .with_wide_lane()
    }

    fn fetchers(
        &self,
        config: &Settings,
        supervision: &Supervision,
        here: &ArbiterHandle,
        next: &Port<RawBatch>,
    ) -> Port<BatchRef> {
        let (stores, fetcher) = (self.stores.clone(), self.fetcher.clone());
        let build: Build<Fetch> = Arc::new(move || {
            let (stores, fetcher) = (stores.clone(), fetcher.clone());
            async move {
                let answer = stores.ping().await;
                answer.map_err(|error| Fault::outage(STORE, error.to_string()))?;
                Ok(fetcher)
            }
            .boxed_local()
        });
        Port::new(
            (0..config.workers.fetchers)
                .map(|n| supervision.stage(("fetcher", n), here, next.clone(), build.clone())),
        )
        .with_wide_lane()
    }

    fn source(&self, settings: AmqpSettings, status: AmqpStatus) -> Build<AmqpSource<CrawlEvents>> {
        let replica = replica_name();
        always(AmqpSource::new(
            self.events.clone(),
            settings,
            self.amqp_metrics.clone(),
            status,
            Arc::new(write::quarantine(self.database.clone(), &replica)),
            replica,
        ))
    }
}

/// Builds by cloning what is ready to work.
fn always<W: Clone + Send + Sync + 'static>(made: W) -> Build<W> {
    Arc::new(move || {
        let made = made.clone();
        async move { Ok(made) }.boxed_local()
    })
}

/// The schema, brought up to date once, by whichever writer comes first.
#[derive(Clone)]
struct Schema {
    /// None where it is seen to elsewhere.
    database: Option<Database>,
    ready: Arc<OnceCell<()>>,
}

// === impl Schema ===

impl Schema {
    fn new(config: &Settings, database: Database) -> Self {
        Self {
            database: config.auto_migrate.then_some(database),
            ready: Arc::default(),
        }
    }

    /// A database that is down at start is waited for like one that goes down later.
    async fn ready(&self) -> Result<(), Fault> {
        let Some(database) = &self.database else {
            return Ok(());
        };
        self.ready
            .get_or_try_init(|| async {
                let migrated = write::MIGRATIONS.migrate_over(database).await; // says itself what it applied
                migrated.map_err(|error| Fault::outage("database", error.to_string()))?;
                Ok(())
            })
            .await
            .copied()
    }
}
