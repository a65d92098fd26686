//! Figures that are read where they are kept, at the moment of a scrape.

use crate::health::HealthView;
use crate::health::{All, Health};
use millrace_engine::{ActorId, Cause, Entry, State};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};
use std::{fmt, sync::Arc};

/// The actors, and how the pipelines are.
pub(super) struct Figures(Arc<All>);

// === impl Figures ===

impl Figures {
    pub(super) fn new(pipelines: Arc<All>) -> Self {
        Self(pipelines)
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
        let pipelines = &self.0.0;
        let actors: Vec<_> = pipelines.iter().flat_map(|one| one.actors()).collect();
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
        let inflight = self.0.inflight();
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
        per_pipeline(
            &mut encoder,
            "analytics_inflight_limit_events",
            limit,
            pipelines,
            |one| one.inflight().prefetch,
        )?;
        let ready = "1 while deliveries are taken and every dependency answers, as /readyz says";
        per_pipeline(&mut encoder, "analytics_ready", ready, pipelines, |one| {
            u64::from(one.ready())
        })?;
        dependencies(&mut encoder, pipelines)?;
        queues(&mut encoder, pipelines)
    }
}

fn per_pipeline(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    pipelines: &[Arc<Health>],
    figure: impl Fn(&Health) -> u64,
) -> fmt::Result {
    let metric = ConstGauge::new(0_i64);
    let mut family = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
    for one in pipelines {
        ConstGauge::new(whole(figure(one))).encode(family.encode_family(&[("pipeline", one.name)])?)?;
    }
    Ok(())
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

fn dependencies(encoder: &mut DescriptorEncoder<'_>, pipelines: &[Arc<Health>]) -> fmt::Result {
    let (name, help) = ("analytics_dependency_up", "1 while the dependency answers");
    let metric = ConstGauge::new(0_i64);
    let mut family = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
    for one in pipelines {
        for dependency in one.dependencies() {
            let up = ConstGauge::new(i64::from(dependency.ok));
            let labels = [("pipeline", one.name), ("dependency", dependency.name)];
            up.encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

/// No sample where the broker has not said. Every replica sees the same queues: take the maximum, not the sum.
fn queues(encoder: &mut DescriptorEncoder<'_>, pipelines: &[Arc<Health>]) -> fmt::Result {
    let (name, help) = ("analytics_queue_messages", "Messages that wait at the broker");
    let metric = ConstGauge::new(0_i64);
    let mut family = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
    for one in pipelines {
        let queues = one.queues();
        for (queue, depth) in [("work", queues.waiting), ("dead_letters", queues.dead_letters)] {
            if let Some(depth) = depth {
                let labels = [("pipeline", one.name), ("queue", queue)];
                ConstGauge::new(whole(depth)).encode(family.encode_family(&labels)?)?;
            }
        }
    }
    Ok(())
}

fn per_actor(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    actors: &[(ActorId, Entry)],
    figure: impl Fn(&Entry) -> i64,
) -> fmt::Result {
    let metric = ConstGauge::new(0_i64);
    let mut family = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
    for (actor, entry) in actors {
        let name = actor.to_string();
        let labels = [("pipeline", actor.pipeline), ("actor", name.as_str())];
        ConstGauge::new(figure(entry)).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn restarts(encoder: &mut DescriptorEncoder<'_>, actors: &[(ActorId, Entry)]) -> fmt::Result {
    let metric = ConstCounter::new(0_u64);
    let help = "Restarts of the actor's work, by cause";
    let mut family =
        encoder.encode_descriptor("analytics_actor_restarts", help, None, metric.metric_type())?;
    for (actor, entry) in actors {
        let name = actor.to_string();
        // Also those that never happened: a series that is there from the start shows its first increase.
        for cause in Cause::LABELS {
            let count = entry.restarts.get(cause).copied().unwrap_or_default();
            let labels = [
                ("pipeline", actor.pipeline),
                ("actor", name.as_str()),
                ("cause", cause),
            ];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn whole(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
