//! Settings: read once, checked together, refused together.
//!
//! Each subsystem has a file that declares its settings and reads them into the struct that its room
//! wants. The declarations are the only list: reading, `millrace config`, `docs/SETTINGS.md` and the
//! check for unknown names all come from them.

mod alerts;
mod amqp_url;
mod http;
mod later;
mod logging;
mod mask;
mod numbers;
mod objects;
mod parser;
mod postgres;
mod problem;
mod processing;
mod rabbitmq;
mod reader;
mod rule;
mod setting;
mod source;
mod table;
mod tls;
mod traces;
mod unknown;

#[cfg(test)]
mod tests;

pub(crate) use alerts::is_loopback;
pub use alerts::{AlertSettings, PagerDutySettings};
pub use http::HttpSettings;
pub use logging::{LogFormat, LogLevel, LogSettings};
pub use problem::{ConfigError, Problem};
pub(crate) use processing::Processing;
pub use processing::WorkerCounts;
pub use source::{Origin, Source};
pub use table::markdown;
pub use traces::{Pairs, Protocol, RootSampler, Sampler, TraceSettings, TraceTls};

use millrace_amqp::AmqpSettings;
use millrace_batches::parse::ParserSettings;
use millrace_objects::FetcherSettings;
use millrace_postgres::PostgresSettings;
use reader::Reader;
use std::fmt;
use std::time::Duration;

/// Everything that `millrace run` needs to know.
#[derive(Clone)]
pub struct Config {
    /// The broker.
    pub amqp: AmqpSettings,
    /// The object store.
    pub fetcher: FetcherSettings,
    /// Caps of parsing.
    pub parser: ParserSettings,
    /// The database.
    pub postgres: PostgresSettings,
    /// The HTTP port.
    pub http: HttpSettings,
    /// Logs.
    pub log: LogSettings,
    /// Where traces go, where they go anywhere.
    pub traces: Option<TraceSettings>,
    /// Alerts, and where they go.
    pub alerts: AlertSettings,
    /// Actors of each kind.
    pub workers: WorkerCounts,
    /// Bytes of objects in flight.
    pub memory_budget: u64,
    /// Bring the schema up to date at start.
    pub auto_migrate: bool,
    /// How long a stop may take.
    pub shutdown_grace: Duration,
    /// How long a run of a stage's work may make no progress.
    pub stage_deadline: Duration,
    /// Oddities that are worth a line in the log.
    pub warnings: Vec<String>,
    /// Each setting with its value as it may be shown.
    pub in_force: Vec<InForce>,
}

/// What one setting is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The setting.
    pub name: &'static str,
    /// Its value with what is secret masked; `None` where it is not set.
    pub value: Option<String>,
    /// Where the value came from.
    pub origin: Origin,
    /// Whether the value was masked.
    pub secret: bool,
}

// === impl Config ===

impl Config {
    /// Reads everything.
    ///
    /// # Errors
    /// All problems at once.
    pub fn load(source: &Source) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(source);
        let processing = processing::read(&mut reader);
        let amqp = rabbitmq::read(&mut reader, &processing);
        let fetcher = objects::read(&mut reader);
        let parser = parser::read(&mut reader);
        let (postgres, auto_migrate) = postgres::read(&mut reader, &processing);
        let http = http::read(&mut reader);
        let log = logging::read(&mut reader);
        let traces = traces::read(&mut reader);
        let alerts = alerts::read(&mut reader);
        later::read(&mut reader);
        agreement(&mut reader, &processing, &fetcher, &parser, &postgres);
        for warning in unknown::warnings(source) {
            reader.warn(warning);
        }
        let (in_force, warnings) = reader.finish()?;
        let Processing {
            workers,
            memory_budget,
            shutdown_grace,
            stage_deadline,
        } = processing;
        Ok(Self {
            amqp,
            fetcher,
            parser,
            postgres,
            http,
            log,
            traces,
            alerts,
            workers,
            memory_budget,
            auto_migrate,
            shutdown_grace,
            stage_deadline,
            warnings,
            in_force,
        })
    }

    /// Reads what `millrace migrate` needs, so that a migration job needs no other secrets.
    ///
    /// # Errors
    /// All problems of these settings.
    pub fn load_postgres(source: &Source) -> Result<PostgresSettings, ConfigError> {
        let mut reader = Reader::new(source);
        let processing = processing::read(&mut reader);
        let (postgres, _) = postgres::read(&mut reader, &processing);
        reader.finish()?;
        Ok(postgres)
    }

    /// Reads what a producer of events needs: the broker, the object store, and where traces go.
    ///
    /// # Errors
    /// All problems of these settings.
    pub fn load_producer(
        source: &Source,
    ) -> Result<(AmqpSettings, FetcherSettings, Option<TraceSettings>), ConfigError> {
        let mut reader = Reader::new(source);
        let processing = processing::read(&mut reader);
        let amqp = rabbitmq::read(&mut reader, &processing);
        let fetcher = objects::read(&mut reader);
        let traces = traces::read(&mut reader);
        reader.finish()?;
        Ok((amqp, fetcher, traces))
    }

    /// Reads where logs go; bad settings are left for the full reading to report.
    pub fn load_log(source: &Source) -> LogSettings {
        logging::read(&mut Reader::new(source))
    }

    /// Reads where the HTTP port is.
    ///
    /// # Errors
    /// All problems of these settings.
    pub fn load_http(source: &Source) -> Result<HttpSettings, ConfigError> {
        let mut reader = Reader::new(source);
        let http = http::read(&mut reader);
        reader.finish()?;
        Ok(http)
    }
}

/// Whether limits of different subsystems agree; those within one subsystem are checked where they are read.
fn agreement(
    reader: &mut Reader<'_>,
    processing: &Processing,
    fetcher: &FetcherSettings,
    parser: &ParserSettings,
    postgres: &PostgresSettings,
) {
    if (parser.limits.max_decompressed_bytes as u64) < fetcher.max_object_bytes {
        let what = "is less than MAX_OBJECT_MB, so an uncompressed object could be fetched and never read";
        let hint = "raise it, or lower MAX_OBJECT_MB";
        reader.problem(Problem::new("MAX_DECOMPRESSED_MB", what.to_owned(), hint));
    }
    if processing.memory_budget < fetcher.max_object_bytes {
        reader.warn(
            "MEMORY_BUDGET_MB is less than MAX_OBJECT_MB: an object larger than the budget goes alone"
                .to_owned(),
        );
    }
    let (deadline, slowest) = (
        processing.stage_deadline,
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
    let grace = processing.shutdown_grace;
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

/// Only what may be shown: the structs of the stages are left out, because not all of what they hold
/// (the credentials of a cloud, for one) hides itself.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self
            .in_force
            .iter()
            .map(|entry| (entry.name, entry.value.as_deref().unwrap_or("(not set)")));
        f.debug_map().entries(shown).finish()
    }
}
