//! Logs on standard error, one JSON object a line for machines or lines for people; and traces over OTLP.

mod export;
mod fields;
mod json;
mod lines;
mod panics;
mod process;
mod recorder;
mod traces;

pub use lines::{Line, Lines, Update};

use crate::config::{LogFormat, LogLevel, LogSettings, TraceSettings};
use json::JsonLines;
use millrace_text::mask;
use prometheus_client::registry::Registry as Metrics;
use std::io::IsTerminal;
use std::sync::LazyLock;
use traces::Traces;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// Logs and traces of a process. The last spans leave when it is dropped.
pub struct Telemetry(Option<Traces>);

/// Starts logging, panics included. The first call wins; tests may have been there before.
pub fn start(settings: &LogSettings) {
    init(settings, None);
}

/// The same with traces, where the settings say where they go; `instance` tells replicas apart.
///
/// # Errors
/// Files for TLS that cannot be read, or headers that are none.
pub fn start_with_traces(
    settings: &LogSettings,
    traces: Option<&TraceSettings>,
    instance: &str,
) -> anyhow::Result<Telemetry> {
    let traces = traces.map(|traces| Traces::start(traces, instance)).transpose()?;
    init(settings, traces.as_ref());
    Ok(Telemetry(traces))
}

fn init(settings: &LogSettings, traces: Option<&Traces>) {
    let terminal = std::io::stderr().is_terminal();
    let by_terminal = if terminal {
        LogFormat::Pretty
    } else {
        LogFormat::Json
    };
    // Boxed, because an optional layer is never told of the dispatcher, and lines need it.
    let log = match settings.format.unwrap_or(by_terminal) {
        LogFormat::Json => json_layer(settings, std::io::stderr).boxed(),
        LogFormat::Pretty => pretty_layer(settings, terminal).boxed(),
    };
    let spans = traces.map(span_layer);
    let remember = recorder::remember(lines());
    let started = Registry::default()
        .with(log)
        .with(spans)
        .with(remember)
        .try_init();
    if started.is_ok() {
        panics::log_them(filter(settings).max_level_hint() >= Some(LevelFilter::DEBUG));
    }
}

// === impl Telemetry ===

impl Telemetry {
    /// Adds the figures of the process, and what telemetry itself counts.
    pub fn register(&self, registry: &mut Metrics) {
        registry.register_collector(Box::new(process::Process));
        if let Some(traces) = &self.0 {
            traces.metrics.register(registry);
        }
    }
}

/// Does `work` while `lines` remembers what it logs.
#[cfg(test)]
pub(crate) fn remembering(lines: &Lines, work: impl FnOnce()) {
    let subscriber = Registry::default().with(recorder::remember(lines.clone()));
    tracing::subscriber::with_default(subscriber, work);
}

/// The last log lines of this process; one for all, as the subscriber is.
pub fn lines() -> Lines {
    static LINES: LazyLock<Lines> = LazyLock::new(Lines::default);
    LINES.clone()
}

fn pretty_layer<S>(settings: &LogSettings, colours: bool) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let fields = debug_fn(|writer, field, value| match field.name() {
        "message" => write!(writer, "{}", mask::masked(&format!("{value:?}"))),
        // How a span is exported is nothing to read.
        name if name.starts_with("otel.") => Ok(()),
        name => write!(writer, "{name}={}", mask::masked(&format!("{value:?}"))),
    });
    tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .fmt_fields(fields.delimited(" "))
        .with_filter(filter(settings))
}

/// Our own spans, and what went wrong within them.
fn span_layer<S>(traces: &Traces) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let ours = |metadata: &Metadata<'_>| {
        let exported = metadata.target() == millrace_engine::trace::TARGET;
        let mark = *metadata.level() <= Level::WARN && metadata.target().starts_with("millrace");
        if metadata.is_span() { exported } else { mark }
    };
    tracing_opentelemetry::layer()
        .with_tracer(traces.tracer())
        .with_tracked_inactivity(false)
        .with_threads(false)
        .with_location(false)
        .with_target(false)
        .with_level(false)
        // Spans are found through tracing; OpenTelemetry's own idea of what is current is not used.
        .with_context_activation(false)
        .with_filter(filter_fn(ours))
}

fn json_layer<S, W>(settings: &LogSettings, writer: W) -> impl Layer<S> + use<S, W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    JsonLines::new(writer).with_filter(filter(settings))
}

/// Our own modules at `LOG_LEVEL`, dependencies only when something is wrong; then the directives of `RUST_LOG`.
/// A directive for one module adds to that, or a look at one library would silence all the rest. A level without a
/// module is meant for everything, so it takes the place of `LOG_LEVEL`.
fn filter(settings: &LogSettings) -> EnvFilter {
    let level = settings.level.as_str();
    let others = match settings.level {
        LogLevel::Error | LogLevel::Off => level,
        LogLevel::Trace | LogLevel::Debug | LogLevel::Info | LogLevel::Warn => "warn",
    };
    // A collector that is down is told once, by us. `millrace` is a prefix: all crates of ours begin so.
    let ours = format!("{others},opentelemetry=off,millrace={level}");
    let directives = match settings.filter.as_deref() {
        None => ours,
        Some(asked) if has_bare_level(asked) => asked.to_owned(),
        // Of two directives for the same module the later one wins.
        Some(asked) => format!("{ours},{asked}"),
    };
    EnvFilter::builder().parse_lossy(directives)
}

fn has_bare_level(directives: &str) -> bool {
    let mut pieces = directives.split(',');
    // An empty piece would be read as a level too.
    pieces.any(|piece| !piece.is_empty() && piece.parse::<LevelFilter>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged in the course of `work`, raw and parsed.
    fn logged(settings: &LogSettings, work: impl FnOnce()) -> (String, Vec<Value>) {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = Registry::default().with(json_layer(settings, move || writer.clone()));
        tracing::subscriber::with_default(subscriber, work);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let parsed = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        (text, parsed)
    }

    #[test]
    fn a_line_is_one_object_with_the_fixed_keys_first() {
        let (text, lines) = logged(&LogSettings::default(), || {
            tracing::info!(items = 3, "stored\na batch")
        });
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "stored\na batch");
        assert_eq!(line["target"], "millrace::telemetry::tests");
        assert_eq!(line["items"], 3);
        line["timestamp"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap();
        assert!(text.starts_with("{\"timestamp\":"), "{text}");
    }

    #[test]
    fn fields_of_spans_are_at_the_top_and_the_innermost_wins() {
        let (text, lines) = logged(&LogSettings::default(), || {
            let outer = tracing::info_span!(
                "process",
                event_id = "e1",
                actor = "ingress",
                job_id = tracing::field::Empty
            );
            outer.record("job_id", "j1");
            let _outer = outer.enter();
            let _inner = tracing::info_span!("fetch", actor = "fetcher", project_id = "p1").entered();
            tracing::info!(event_id = "e2", fetch.duration_seconds = 0.5, "fetched");
        });
        let line = &lines[0];
        assert_eq!(line["event_id"], "e2");
        assert_eq!(line["job_id"], "j1");
        assert_eq!(line["project_id"], "p1");
        assert_eq!(line["actor"], "fetcher");
        assert_eq!(line["fetch.duration_seconds"], 0.5);
        for key in ["event_id", "actor", "job_id", "timestamp"] {
            assert_eq!(text.matches(&format!("\"{key}\":")).count(), 1, "{key} in {text}");
        }
    }

    #[test]
    fn a_field_never_hides_a_fixed_key() {
        let (text, lines) = logged(&LogSettings::default(), || {
            let _span = tracing::info_span!("process", level = "span", message = "span").entered();
            tracing::warn!(level = 9, target = "moon", "landed");
        });
        let line = &lines[0];
        assert_eq!(
            (&line["level"], &line["message"]),
            (&"WARN".into(), &"landed".into())
        );
        assert_eq!(
            (&line["field.level"], &line["field.target"]),
            (&9.into(), &"moon".into())
        );
        assert_eq!(text.matches("\"level\":").count(), 1);
    }

    #[test]
    fn errors_are_logged_with_their_causes() {
        let cause = io::Error::other("disk full");
        let error = anyhow::Error::from(cause)
            .context("cannot write")
            .context("batch lost");
        let (_, lines) = logged(&LogSettings::default(), || {
            let error: &(dyn std::error::Error + 'static) = error.as_ref();
            tracing::error!(error, "failed");
        });
        assert_eq!(lines[0]["error"], "batch lost: cannot write: disk full");
    }

    /// What reaches the log of four lines: two of a library, one of a crate of ours, one of this module.
    fn heard(settings: &LogSettings) -> Vec<String> {
        let (_, lines) = logged(settings, || {
            tracing::info!(target: "amqprs::net", "heartbeat");
            tracing::error!(target: "amqprs::net", "closed");
            tracing::debug!(target: "millrace_batches::fetch", "fetched");
            tracing::trace!("ticked");
        });
        lines
            .iter()
            .map(|line| line["message"].as_str().unwrap().to_owned())
            .collect()
    }

    fn at(level: LogLevel, filter: Option<&str>) -> LogSettings {
        LogSettings {
            level,
            filter: filter.map(str::to_owned),
            ..LogSettings::default()
        }
    }

    #[test]
    fn dependencies_are_quiet_and_we_are_as_loud_as_asked() {
        assert_eq!(heard(&at(LogLevel::Debug, None)), ["closed", "fetched"]);
        assert_eq!(heard(&LogSettings::default()), ["closed"]);
        assert!(heard(&at(LogLevel::Off, None)).is_empty());
    }

    #[test]
    fn a_filter_for_one_module_adds_to_the_level() {
        let debug = |filter| heard(&at(LogLevel::Debug, Some(filter)));
        assert_eq!(debug("amqprs=info"), ["heartbeat", "closed", "fetched"]);
        assert_eq!(debug("amqprs=info,"), ["heartbeat", "closed", "fetched"]);
        assert_eq!(debug("amqprs=off"), ["fetched"]);
        // The directive that names more of the path wins, in whatever order they stand.
        assert_eq!(debug("millrace_batches::fetch=info"), ["closed"]);
        assert_eq!(
            debug("millrace::telemetry=trace"),
            ["closed", "fetched", "ticked"]
        );
        assert_eq!(
            heard(&at(LogLevel::Off, Some("amqprs=info"))),
            ["heartbeat", "closed"]
        );
        // The same module as ours: the later directive wins.
        assert_eq!(
            heard(&at(LogLevel::Info, Some("millrace=debug"))),
            ["closed", "fetched"]
        );
    }

    #[test]
    fn a_filter_with_a_bare_level_takes_the_place_of_the_level() {
        let info = |filter| heard(&at(LogLevel::Info, Some(filter)));
        assert_eq!(info("debug"), ["heartbeat", "closed", "fetched"]);
        assert_eq!(info("TRACE"), ["heartbeat", "closed", "fetched", "ticked"]);
        assert_eq!(info("amqprs=off,debug"), ["fetched"]);
        assert_eq!(info("error,millrace=debug"), ["closed", "fetched"]);
        assert!(info("off").is_empty());
    }
}
