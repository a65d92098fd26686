//! Logs on standard error: one JSON object a line for machines, or lines for people.

mod fields;
mod json;
mod lines;
mod panics;
mod recorder;

pub use lines::{Line, Lines, News};

use crate::config::{LogFormat, LogLevel, LogSettings};
use json::JsonLines;
use std::io::IsTerminal;
use std::sync::LazyLock;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// Starts logging, panics included. The first call wins; tests may have been there before.
pub fn start(settings: &LogSettings) {
    let terminal = std::io::stderr().is_terminal();
    let by_terminal = if terminal {
        LogFormat::Pretty
    } else {
        LogFormat::Json
    };
    let started = match settings.format.unwrap_or(by_terminal) {
        LogFormat::Json => json_subscriber(settings, std::io::stderr)
            .with(recorder::remember(lines()))
            .try_init(),
        LogFormat::Pretty => {
            let lines = tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .with_ansi(terminal);
            Registry::default()
                .with(lines.with_filter(filter(settings)))
                .with(recorder::remember(self::lines()))
                .try_init()
        }
    };
    if started.is_ok() {
        panics::log_them(filter(settings).max_level_hint() >= Some(LevelFilter::DEBUG));
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

fn json_subscriber<W>(
    settings: &LogSettings,
    writer: W,
) -> impl Subscriber + for<'a> LookupSpan<'a> + Send + Sync + use<W>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    Registry::default().with(JsonLines::new(writer).with_filter(filter(settings)))
}

/// Our own modules at the level that was asked for; dependencies speak up only when something is wrong.
fn filter(settings: &LogSettings) -> EnvFilter {
    let level = settings.level.as_str();
    let others = match settings.level {
        LogLevel::Error | LogLevel::Off => level,
        LogLevel::Trace | LogLevel::Debug | LogLevel::Info | LogLevel::Warn => "warn",
    };
    let ours = format!("{others},millrace={level},millrace_actors={level}");
    EnvFilter::builder().parse_lossy(settings.filter.as_deref().unwrap_or(&ours))
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
        let subscriber = json_subscriber(settings, move || writer.clone());
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

    #[test]
    fn dependencies_are_quiet_and_we_are_as_loud_as_asked() {
        let debug = LogSettings {
            level: LogLevel::Debug,
            ..LogSettings::default()
        };
        let chatter = || {
            tracing::info!(target: "amqprs::net", "heartbeat");
            tracing::error!(target: "amqprs::net", "closed");
            tracing::debug!(target: "millrace_actors::fetcher", "fetched");
            tracing::trace!("ticked");
        };
        let messages = |settings: &LogSettings| -> Vec<String> {
            let (_, lines) = logged(settings, chatter);
            lines
                .iter()
                .map(|line| line["message"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(messages(&debug), ["closed", "fetched"]);
        assert_eq!(messages(&LogSettings::default()), ["closed"]);
        let off = LogSettings {
            level: LogLevel::Off,
            ..LogSettings::default()
        };
        assert!(messages(&off).is_empty());
        let filter = Some("amqprs=info".to_owned());
        assert_eq!(
            messages(&LogSettings { filter, ..debug }),
            ["heartbeat", "closed"]
        );
    }
}
