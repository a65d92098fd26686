//! What the pipeline of crawled batches needs to know.

mod later;
mod parser;

use super::alerts::Thresholds;
use crate::config::{
    self, ConfigError, Group, Problem, Processing, Reader, Source, TraceSettings, WorkerCounts, groups,
};
use millrace_amqp::AmqpSettings;
use millrace_batches::parse::ParserSettings;
use millrace_objects::FetcherSettings;
use millrace_postgres::PostgresSettings;

/// Everything that the pipeline needs to know.
#[derive(Clone)]
pub struct Settings {
    /// The broker.
    pub amqp: AmqpSettings,
    /// The object store.
    pub fetcher: FetcherSettings,
    /// Caps of parsing.
    pub parser: ParserSettings,
    /// The database.
    pub postgres: PostgresSettings,
    pub(super) thresholds: Thresholds,
    /// Actors of each kind.
    pub workers: WorkerCounts,
    /// Bring the schema up to date at start.
    pub auto_migrate: bool,
}

/// Its groups of settings, in the order of the documentation.
pub(super) static GROUPS: [&Group; 7] = [
    groups::RABBITMQ,
    groups::OBJECTS,
    groups::POSTGRES,
    groups::JSON,
    &parser::GROUP,
    &later::GROUP,
    &super::alerts::GROUP,
];

// === impl Settings ===

impl Settings {
    /// Reads everything; problems are the reader's.
    pub fn read(reader: &mut Reader<'_>, shared: &Processing) -> Self {
        let amqp = config::rabbitmq(reader, shared);
        let fetcher = config::objects(reader);
        let parser = parser::read(reader);
        let (postgres, auto_migrate) = config::postgres(reader, shared);
        later::read(reader);
        let thresholds = Thresholds::read(reader);
        let settings = Self {
            amqp,
            fetcher,
            parser,
            postgres,
            thresholds,
            workers: shared.workers,
            auto_migrate,
        };
        settings.agree(reader, shared);
        settings
    }

    /// Reads what a producer of events needs: the broker, the object store, and where traces go.
    ///
    /// # Errors
    /// All problems of these settings.
    pub(super) fn read_producer(
        source: &Source,
    ) -> Result<(AmqpSettings, FetcherSettings, Option<TraceSettings>), ConfigError> {
        let mut reader = Reader::new(source);
        let processing = config::processing(&mut reader);
        let amqp = config::rabbitmq(&mut reader, &processing);
        let fetcher = config::objects(&mut reader);
        let traces = config::traces(&mut reader);
        reader.finish()?;
        Ok((amqp, fetcher, traces))
    }

    /// Reads the database alone, so that a migration job needs no other secrets.
    pub(super) fn read_postgres(reader: &mut Reader<'_>, shared: &Processing) -> PostgresSettings {
        config::postgres(reader, shared).0
    }

    /// Whether limits of different subsystems agree; those within one subsystem are checked where they are read.
    fn agree(&self, reader: &mut Reader<'_>, shared: &Processing) {
        let Self {
            fetcher,
            parser,
            postgres,
            ..
        } = self;
        if (parser.limits.max_decompressed_bytes as u64) < fetcher.max_object_bytes {
            let what =
                "is less than MAX_OBJECT_MB, so an uncompressed object could be fetched and never read";
            let hint = "raise it, or lower MAX_OBJECT_MB";
            reader.problem(Problem::new("MAX_DECOMPRESSED_MB", what.to_owned(), hint));
        }
        if shared.memory_budget < fetcher.max_object_bytes {
            reader.warn(
                "MEMORY_BUDGET_MB is less than MAX_OBJECT_MB: an object larger than the budget goes alone"
                    .to_owned(),
            );
        }
        let (deadline, slowest) = (
            shared.stage_deadline,
            fetcher
                .whole_fetch_timeout()
                .saturating_add(postgres.statement_timeout),
        );
        if deadline <= slowest {
            let what = format!(
                "is {} s, but an honest fetch and an honest statement may take {} s together",
                deadline.as_secs_f64(),
                slowest.as_secs_f64()
            );
            let hint = "raise it, or lower MINIO_REQUEST_TIMEOUT_SECONDS, MINIO_REQUEST_ATTEMPTS or DATABASE_STATEMENT_TIMEOUT_SECONDS";
            reader.problem(Problem::new("STAGE_DEADLINE_SECONDS", what, hint));
        }
        let grace = shared.shutdown_grace;
        for (name, bound) in [
            ("MINIO_REQUEST_TIMEOUT_SECONDS", fetcher.request_timeout),
            ("DATABASE_STATEMENT_TIMEOUT_SECONDS", postgres.statement_timeout),
        ] {
            if bound > grace {
                reader.warn(format!(
                    "{name} ({} s) is more than SHUTDOWN_GRACE_SECONDS ({} s): what is slow at a stop is left for redelivery",
                    bound.as_secs_f64(),
                    grace.as_secs_f64()
                ));
            }
        }
    }
}
