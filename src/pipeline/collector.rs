//! Figures that are read where they are kept, at the moment of a scrape.

use millrace_actors::supervision::{ByteBudget, Entry, Roster, State};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// The actors and the byte budget.
#[derive(Debug)]
pub(super) struct Figures {
    roster: Roster,
    budget: Arc<ByteBudget>,
}

// === impl Figures ===

impl Figures {
    pub(super) fn new(roster: Roster, budget: Arc<ByteBudget>) -> Self {
        Self { roster, budget }
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let actors = self.roster.entries();
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
        let bytes = ConstGauge::new(whole(self.budget.used()));
        let metric = encoder.encode_descriptor(
            "analytics_inflight",
            "Bytes of objects in flight",
            Some(&Unit::Bytes),
            bytes.metric_type(),
        )?;
        bytes.encode(metric)
    }
}

fn per_actor(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    actors: &BTreeMap<Arc<str>, Entry>,
    figure: impl Fn(&Entry) -> i64,
) -> fmt::Result {
    let metric = ConstGauge::new(0_i64);
    let mut family = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
    for (actor, entry) in actors {
        ConstGauge::new(figure(entry)).encode(family.encode_family(&[("actor", &**actor)])?)?;
    }
    Ok(())
}

fn restarts(encoder: &mut DescriptorEncoder<'_>, actors: &BTreeMap<Arc<str>, Entry>) -> fmt::Result {
    let metric = ConstCounter::new(0_u64);
    let help = "Restarts of the actor's work, by cause";
    let mut family =
        encoder.encode_descriptor("analytics_actor_restarts", help, None, metric.metric_type())?;
    for (actor, entry) in actors {
        for (cause, count) in &entry.restarts {
            let labels = [("actor", &**actor), ("cause", cause)];
            ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn whole(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
