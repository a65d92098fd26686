//! Figures that are read where they are kept, at the moment of a scrape.

use crate::http::HealthView;
use millrace_engine::{ActorId, ActorRegistry, Cause, Entry, State};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// The actors, and how the line is.
pub(super) struct Figures {
    actors: ActorRegistry,
    health: Arc<dyn HealthView>,
}

// === impl Figures ===

impl Figures {
    pub(super) fn new(actors: ActorRegistry, health: Arc<dyn HealthView>) -> Self {
        Self { actors, health }
    }
}

/// Without what it looks at.
impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Figures").finish_non_exhaustive()
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let actors = self.actors.entries();
        per_actor(
            &mut encoder,
            "analytics_actor_up",
            "1 while the actor is ready or at work",
            &actors,
            |entry| i64::from(entry.state == State::Up),
        )?;
        per_actor(
            &mut encoder,
            "analytics_actor_mailbox_depth",
            "Messages sent to the actor and not passed on",
            &actors,
            |entry| whole(entry.depth.get()),
        )?;
        restarts(&mut encoder, &actors)?;
        let inflight = self.health.inflight();
        let bytes = Some(&Unit::Bytes);
        gauge(
            &mut encoder,
            "analytics_inflight",
            "Bytes of objects in flight",
            bytes,
            inflight.bytes,
        )?;
        let limit = "Bytes of objects that may be in flight";
        gauge(
            &mut encoder,
            "analytics_inflight_limit",
            limit,
            bytes,
            inflight.budget_bytes,
        )?;
        let limit = "Events that may be in flight: the prefetch";
        gauge(
            &mut encoder,
            "analytics_inflight_limit_events",
            limit,
            None,
            inflight.prefetch,
        )?;
        let ready = "1 while deliveries are taken and every dependency answers, as /readyz says";
        gauge(
            &mut encoder,
            "analytics_ready",
            ready,
            None,
            u64::from(self.health.ready()),
        )?;
        dependencies(&mut encoder, &*self.health)?;
        queues(&mut encoder, &*self.health)
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    figure: u64,
) -> fmt::Result {
    let metric = ConstGauge::new(whole(figure));
    let descriptor = encoder.encode_descriptor(name, help, unit, metric.metric_type())?;
    metric.encode(descriptor)
}

fn dependencies(encoder: &mut DescriptorEncoder<'_>, health: &dyn HealthView) -> fmt::Result {
    let (name, help) = ("analytics_dependency_up", "1 while the dependency answers");
    let metric = ConstGauge::new(0_i64);
    let mut family = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
    for dependency in health.dependencies() {
        let up = ConstGauge::new(i64::from(dependency.ok));
        up.encode(family.encode_family(&[("dependency", dependency.name)])?)?;
    }
    Ok(())
}

/// No sample where the broker has not said. Every replica sees the same queues: take the maximum, not the sum.
fn queues(encoder: &mut DescriptorEncoder<'_>, health: &dyn HealthView) -> fmt::Result {
    let (name, help) = ("analytics_queue_messages", "Messages that wait at the broker");
    let metric = ConstGauge::new(0_i64);
    let mut family = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
    let queues = health.queues();
    for (queue, depth) in [("work", queues.waiting), ("dead_letters", queues.dead_letters)] {
        if let Some(depth) = depth {
            ConstGauge::new(whole(depth)).encode(family.encode_family(&[("queue", queue)])?)?;
        }
    }
    Ok(())
}

fn per_actor(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    actors: &BTreeMap<ActorId, Entry>,
    figure: impl Fn(&Entry) -> i64,
) -> fmt::Result {
    let metric = ConstGauge::new(0_i64);
    let mut family = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
    for (actor, entry) in actors {
        ConstGauge::new(figure(entry)).encode(family.encode_family(&[("actor", actor.to_string())])?)?;
    }
    Ok(())
}

fn restarts(encoder: &mut DescriptorEncoder<'_>, actors: &BTreeMap<ActorId, Entry>) -> fmt::Result {
    let metric = ConstCounter::new(0_u64);
    let help = "Restarts of the actor's work, by cause";
    let mut family =
        encoder.encode_descriptor("analytics_actor_restarts", help, None, metric.metric_type())?;
    for (actor, entry) in actors {
        let actor = actor.to_string();
        // Also those that never happened: a series that is there from the start shows its first increase.
        for cause in Cause::LABELS {
            let count = entry.restarts.get(cause).copied().unwrap_or_default();
            let labels = [("actor", actor.as_str()), ("cause", cause)];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn whole(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
