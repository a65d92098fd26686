//! What a delivery looks like in traces and in the log.

use super::{copies, in_flight::InFlight};
use crate::AmqpSettings;
use amqprs::Deliver;
use millrace_engine::trace::{self, Kind, Value};
use tracing::{Span, error_span, field::Empty};

/// Fields that every line about a delivery carries, where its event cannot be read. At error level, so that
/// `LOG_LEVEL` does not take them away.
pub(super) fn unread(pipeline: &'static str, event_id: Option<&str>) -> Span {
    error_span!("event", pipeline, event_id, trace_id = Empty)
}

/// The span of a delivery, from its arrival to its end, below the one that carries its `fields`.
pub(super) fn process(
    delivery: &InFlight,
    deliver: &Deliver,
    (name, fields): (&str, &Span),
    attributes: Vec<(&'static str, Value)>,
    settings: &AmqpSettings,
) -> Span {
    let span = trace::child(fields, &format!("{name} process"), Kind::Consumer);
    trace::go_on(&span, |name| copies::header_text(&delivery.properties, name));
    if let Some(trace) = trace::id(&span).as_deref().or(delivery.facts.trace_id.as_deref()) {
        fields.record("trace_id", trace);
    }
    describe_delivery(&span, delivery, deliver, settings);
    for (name, value) in attributes {
        trace::attribute(&span, name, value);
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
