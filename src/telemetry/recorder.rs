//! Remembers log lines, whatever `LOG_LEVEL` is: the page is to explain also what was not logged.
//!
//! Fields are collected and kept as they are; they become JSON when the API asks. Nothing in here logs,
//! and the lock on what is kept is held only to put a line in.

use super::fields::Fields;
use super::lines::{Line, Lines};
use jiff::Timestamp;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Writes into [`Lines`].
struct Recorder(Lines);

/// The fields of a span, as this layer saw them; others have their own.
struct Seen(Fields);

/// A layer that remembers what our own modules say, details included.
pub(super) fn remember<S>(lines: Lines) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    // A prefix: all crates of ours begin so.
    Recorder(lines).with_filter(Targets::new().with_target("millrace", LevelFilter::DEBUG))
}

// === impl Recorder ===

impl<S> Layer<S> for Recorder
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(Seen(fields));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(Seen(fields)) = span.extensions_mut().get_mut()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let message = fields.take("message");
        let message = message.and_then(|message| message.as_str().map(str::to_owned));
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(Seen(around)) = span.extensions().get() {
                fields.fill(around);
            }
        }
        let metadata = event.metadata();
        self.0.add(Line {
            at: Timestamp::now(),
            level: metadata.level().as_str(),
            target: metadata.target(),
            message: message.unwrap_or_else(|| metadata.name().to_owned()),
            fields,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::SubscriberExt;

    fn remembered(work: impl FnOnce()) -> Lines {
        let lines = Lines::default();
        // Others may be as quiet as they like, and they have fields of their own.
        let quiet = super::super::json::JsonLines::new(std::io::sink).with_filter(LevelFilter::ERROR);
        let subscriber = Registry::default().with(quiet).with(remember(lines.clone()));
        tracing::subscriber::with_default(subscriber, work);
        lines
    }

    #[test]
    fn a_story_has_the_details_and_the_fields_of_spans() {
        let lines = remembered(|| {
            let span = tracing::error_span!(target: "millrace_amqp", "event", event_id = "e", job_id = "j", trace_id = tracing::field::Empty);
            span.record("trace_id", "t");
            tracing::debug!(target: "millrace_amqp", parent: &span, attempt = 0, "event received");
            tracing::trace!(target: "millrace_amqp", parent: &span, "too much");
            tracing::error!(target: "amqprs", parent: &span, "not ours");
            tracing::info!(target: "millrace_batches::write", event_id = "e", fate = "stored", "stored batch");
        });
        let story = lines.story("e");
        let said: Vec<_> = story.iter().map(|line| line.message.as_str()).collect();
        assert_eq!(said, ["event received", "stored batch"]);
        assert_eq!(story[0].text("job_id"), Some("j"));
        assert_eq!(story[0].text("trace_id"), Some("t"));
        assert_eq!(story[0].count("attempt"), Some(0));
        assert_eq!(story[0].level, "DEBUG");
    }

    #[test]
    fn a_value_that_logs_while_it_is_recorded_does_no_harm() {
        struct Talks;
        impl std::fmt::Debug for Talks {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                tracing::info!(target: "millrace_amqp", event_id = "e", "inner");
                f.write_str("talks")
            }
        }
        let lines = remembered(|| {
            tracing::info!(target: "millrace_amqp", event_id = "e", value = ?Talks, "outer");
        });
        let last = lines.story("e").pop().unwrap();
        assert_eq!(
            (last.message.as_str(), last.text("value")),
            ("outer", Some("talks"))
        );
    }
}
