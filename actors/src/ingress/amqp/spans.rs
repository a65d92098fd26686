//! What a delivery looks like in traces and in the log.

use super::{copies, in_flight::InFlight};
use crate::{domain::CrawlEvent, ingress::AmqpSettings};
use amqprs::Deliver;
use millrace_engine::trace::{self, Kind};
use tracing::{Span, error_span, field::Empty};

/// The span of a delivery, from its arrival to its end. The fields that every line about it carries are
/// on a span around it: at error level, so that `LOG_LEVEL` does not take them away.
pub(super) fn process(
    delivery: &InFlight,
    deliver: &Deliver,
    event: Option<&CrawlEvent>,
    settings: &AmqpSettings,
) -> Span {
    let fields = match event {
        Some(event) => error_span!(
            "event",
            event_id = event.event_id,
            job_id = event.job_id,
            project_id = event.project_id(),
            trace_id = Empty
        ),
        None => error_span!("event", event_id = delivery.event_id.as_deref(), trace_id = Empty),
    };
    let span = trace::child(&fields, "data.collected process", Kind::Consumer);
    trace::go_on(&span, |name| copies::header_text(&delivery.properties, name));
    if let Some(trace) = trace::id(&span).as_deref().or(delivery.facts.trace_id.as_deref()) {
        fields.record("trace_id", trace);
    }
    describe_delivery(&span, delivery, deliver, settings);
    if let Some(event) = event {
        describe_event(&span, event);
    }
    span
}

/// The span of what the broker is told about a delivery.
pub(super) fn settle(process: &Span) -> Span {
    let span = trace::child(process, "settle", Kind::Client);
    trace::attribute(&span, "messaging.system", "rabbitmq");
    trace::attribute(&span, "messaging.operation.type", "settle");
    trace::attribute(&span, "messaging.operation.name", "ack");
    span
}

/// The span of a message that we publish to a queue or an exchange, until the broker confirms it.
pub(super) fn publish(parent: &Span, to: &str, bytes: usize) -> Span {
    let span = trace::child(parent, &format!("{to} publish"), Kind::Producer);
    trace::attribute(&span, "messaging.system", "rabbitmq");
    trace::attribute(&span, "messaging.operation.type", "send");
    trace::attribute(&span, "messaging.operation.name", "publish");
    trace::attribute(&span, "messaging.destination.name", to.to_owned());
    trace::attribute(&span, "messaging.message.body.size", trace::count(bytes));
    span
}

fn describe_delivery(span: &Span, delivery: &InFlight, deliver: &Deliver, settings: &AmqpSettings) {
    trace::attribute(span, "messaging.system", "rabbitmq");
    trace::attribute(span, "messaging.operation.type", "process");
    trace::attribute(span, "messaging.operation.name", "process");
    trace::attribute(
        span,
        "messaging.destination.name",
        destination(deliver, &delivery.queue),
    );
    let routing_key = deliver.routing_key().clone();
    trace::attribute(span, "messaging.rabbitmq.destination.routing_key", routing_key);
    let tag = i64::try_from(delivery.tag).unwrap_or(i64::MAX);
    trace::attribute(span, "messaging.rabbitmq.message.delivery_tag", tag);
    trace::attribute(
        span,
        "messaging.message.body.size",
        trace::count(delivery.body.len()),
    );
    if let Some(id) = delivery.properties.message_id() {
        trace::attribute(span, "messaging.message.id", id.clone());
    }
    let broker = settings.broker.last();
    trace::attribute(span, "server.address", broker.host.clone());
    trace::attribute(span, "server.port", i64::from(broker.port));
    trace::attribute(span, "millrace.attempt", i64::from(delivery.facts.attempt));
    trace::attribute(span, "millrace.redelivered", delivery.redelivered);
    if let Some(event_id) = &delivery.event_id {
        trace::attribute(span, "millrace.event_id", event_id.clone());
    }
}

fn describe_event(span: &Span, event: &CrawlEvent) {
    trace::attribute(span, "millrace.job_id", event.job_id.clone());
    trace::attribute(span, "millrace.platform", event.platform.as_str().to_owned());
    if let Some(project) = event.project_id() {
        trace::attribute(span, "millrace.project_id", project.to_owned());
    }
    if let Some(index) = event.batch_index {
        trace::attribute(span, "millrace.batch_index", index);
    }
}

/// `exchange:routing key:queue`, as the conventions for RabbitMQ say; what is empty or said already is
/// left out.
fn destination(deliver: &Deliver, queue: &str) -> String {
    let mut parts: Vec<&str> = Vec::with_capacity(3);
    for part in [deliver.exchange().as_str(), deliver.routing_key(), queue] {
        if !part.is_empty() && !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts.join(":")
}
