//! The alerts of the pipeline: a look at the broker, the store, the database and at what happened lately.

mod evaluate;
mod rules;
mod settings;
mod snapshot;

#[cfg(test)]
mod tests;

pub use evaluate::alert_rules;
pub(super) use settings::{GROUP, Thresholds};
pub(super) use snapshot::SnapshotSource;

use crate::alerts::Watched;
use millrace_amqp::{AmqpSettings, Broker};
use std::sync::Arc;

/// The pipeline, as the alerts watch it.
pub(super) fn watched(amqp: &AmqpSettings, source: SnapshotSource, thresholds: Thresholds) -> Watched {
    Watched {
        name: name(amqp),
        rules: alert_rules(),
        look: Box::new(move |now, dependencies| {
            evaluate::evaluate(&source.take(now, dependencies), &thresholds)
        }),
    }
}

/// The broker, the virtual host and the queue.
fn name(amqp: &AmqpSettings) -> Arc<str> {
    let (AmqpSettings { queue, .. }, broker) = (amqp, amqp.broker.last());
    let Broker { host, vhost, .. } = &*broker;
    let name = format!("{host}/{vhost}/{queue}").replace("///", "/"); // most are in the virtual host `/`
    millrace_text::mask::masked(&name).into()
}
