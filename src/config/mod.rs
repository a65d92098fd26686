//! Settings: read once, checked together, refused together.
//!
//! Each subsystem has a file that declares its settings and reads them into the struct that its stage
//! wants. The declarations are the only list: reading, `millrace config`, `docs/SETTINGS.md` and the
//! check for unknown names all come from them.

mod alerts;
mod amqp_url;
#[cfg(feature = "kafka")]
mod archive;
#[cfg(feature = "kafka")]
mod dynamodb;
mod http;
mod json;
#[cfg(feature = "kafka")]
mod kafka;
mod likeness;
mod logging;
mod mask;
mod numbers;
mod objects;
mod postgres;
mod problem;
mod processing;
mod rabbitmq;
mod reader;
mod rule;
mod selection;
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
#[cfg(feature = "kafka")]
pub use archive::{ArchiveGroup, read as archive};
#[cfg(feature = "kafka")]
pub use dynamodb::{ProjectedSettings, RecentSettings, read as recent};
pub use http::HttpSettings;
pub use json::max_depth as max_json_depth;
#[cfg(feature = "kafka")]
pub use kafka::read as kafka;
pub(crate) use likeness::did_you_mean;
pub use logging::{LogFormat, LogLevel, LogSettings};
pub use numbers::{Decimal, Mebibytes, Seconds, Whole};
pub use objects::read as objects;
pub use postgres::read as postgres;
pub use problem::{ConfigError, Problem};
pub use processing::Processing;
pub use processing::WorkerCounts;
pub(crate) use processing::read as processing;
pub use rabbitmq::read as rabbitmq;
pub use reader::Reader;
pub use rule::{AmqpName, Flag, List, Text};
pub(crate) use setting::settings;
pub use setting::{Described, Group, Setting};
pub use source::{Origin, Source};
pub use table::markdown;
pub(crate) use traces::read as traces;
pub use traces::{Pairs, Protocol, RootSampler, Sampler, TraceSettings, TraceTls};

/// The groups of settings that a pipeline may have in common with others.
pub mod groups {
    use super::{Group, json, objects, postgres, rabbitmq};

    /// RabbitMQ, and the names on it.
    pub const RABBITMQ: &Group = &rabbitmq::GROUP;
    /// Limits of JSON.
    pub const JSON: &Group = &json::GROUP;
    /// Where recent events can be asked for.
    #[cfg(feature = "kafka")]
    pub const RECENT: &Group = &super::dynamodb::GROUP;
    /// Kafka, and the group on it.
    #[cfg(feature = "kafka")]
    pub const KAFKA: &Group = &super::kafka::GROUP;
    /// The archive of events.
    #[cfg(feature = "kafka")]
    pub const ARCHIVE: &Group = &super::archive::GROUP;
    /// The object store.
    pub const OBJECTS: &Group = &objects::GROUP;
    /// The database.
    pub const POSTGRES: &Group = &postgres::GROUP;
}

use crate::pipeline::{Configured, Schema};
use std::{any::Any, fmt, sync::Arc, time::Duration};

/// Everything that `millrace run` needs to know.
#[derive(Clone)]
pub struct Config {
    /// The pipelines that run, each with its settings.
    pub pipelines: Vec<Arc<dyn Configured>>,
    /// The HTTP port.
    pub http: HttpSettings,
    /// Logs.
    pub log: LogSettings,
    /// Where traces go, where they go anywhere.
    pub traces: Option<TraceSettings>,
    /// Alerts, and where they go.
    pub alerts: AlertSettings,
    /// Bytes of objects in flight.
    pub memory_budget: u64,
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
        let chosen = selection::read(&mut reader);
        let pipelines = chosen
            .iter()
            .map(|pipeline| pipeline.read(&mut reader, &processing));
        let pipelines = pipelines.collect();
        let http = http::read(&mut reader);
        let log = logging::read(&mut reader);
        let traces = traces::read(&mut reader);
        let alerts = alerts::read(&mut reader);
        for warning in unknown::warnings(source) {
            reader.warn(warning);
        }
        let (in_force, warnings) = table::in_order(reader.finish())?;
        let Processing {
            memory_budget,
            shutdown_grace,
            stage_deadline,
            ..
        } = processing;
        Ok(Self {
            pipelines,
            http,
            log,
            traces,
            alerts,
            memory_budget,
            shutdown_grace,
            stage_deadline,
            warnings,
            in_force,
        })
    }

    /// The settings of a pipeline, where it runs.
    pub fn of<S: Configured>(&self) -> Option<&S> {
        self.pipelines.iter().find_map(|pipeline| {
            let any: &dyn Any = &**pipeline;
            any.downcast_ref()
        })
    }

    /// Reads what `millrace migrate` needs, so that a migration job needs no other secrets: the schema of each
    /// pipeline that has one.
    ///
    /// # Errors
    /// All problems of these settings.
    pub fn load_schemas(source: &Source) -> Result<Vec<Schema>, ConfigError> {
        let mut reader = Reader::new(source);
        let processing = processing::read(&mut reader);
        let chosen = selection::read(&mut reader);
        let schemas = chosen.iter();
        let schemas = schemas.filter_map(|pipeline| pipeline.read_schema(&mut reader, &processing));
        let schemas = schemas.collect();
        reader.finish()?;
        Ok(schemas)
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
