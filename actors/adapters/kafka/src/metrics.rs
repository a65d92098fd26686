//! What the source counts. A pipeline registers it under its own prefix.

use crate::{PartitionStatus, TopicPartition};
use jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
};

/// Counters and gauges of the way in.
#[derive(Clone, Debug)]
pub struct KafkaMetrics {
    topics: Arc<[Arc<str>]>,
    pub(crate) records: Family<TopicLabel, Counter>,
    pub(crate) rebalances: Family<KindLabel, Counter>,
    pub(crate) fenced: Counter,
    pub(crate) lost: Counter,
    pub(crate) behind_group: Counter,
    lag: Family<TopicLabel, Gauge>,
    lag_max: Family<TopicLabel, Gauge>,
    lag_seconds: Family<TopicLabel, Gauge<f64, AtomicU64>>,
    assigned: Gauge,
    pub(crate) paused: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct TopicLabel {
    topic: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct KindLabel {
    pub(crate) kind: &'static str,
}

/// Every kind of rebalance.
pub(crate) const KINDS: [&str; 3] = ["assigned", "revoked", "lost"];

// === impl KafkaMetrics ===

impl KafkaMetrics {
    /// Registers them; all series of these topics are there from the beginning.
    pub fn register(registry: &mut Registry, topics: &[String]) -> Self {
        let made = Self {
            topics: topics.iter().map(|topic| Arc::from(topic.as_str())).collect(),
            records: Family::default(),
            rebalances: Family::default(),
            fenced: Counter::default(),
            lost: Counter::default(),
            behind_group: Counter::default(),
            lag: Family::default(),
            lag_max: Family::default(),
            lag_seconds: Family::default(),
            assigned: Gauge::default(),
            paused: Gauge::default(),
        };
        for kind in KINDS {
            drop(made.rebalances.get_or_create(&KindLabel { kind }));
        }
        made.observe(&BTreeMap::new(), Timestamp::UNIX_EPOCH);
        for topic in made.topics.iter() {
            drop(made.records.get_or_create(&TopicLabel { topic: topic.clone() }));
        }
        made.name(registry);
        made
    }

    fn name(&self, registry: &mut Registry) {
        registry.register("records", "Records taken from Kafka", self.records.clone());
        registry.register(
            "rebalances",
            "Times that partitions were given, taken back, or lost without being asked",
            self.rebalances.clone(),
        );
        registry.register(
            "fenced",
            "Chunks that were dropped because their partition's position had been moved by another",
            self.fenced.clone(),
        );
        registry.register(
            "positions_lost",
            "Times that retention had eaten records that were not read",
            self.lost.clone(),
        );
        registry.register(
            "positions_behind_group",
            "Times that the group had committed more than was stored, at an assignment",
            self.behind_group.clone(),
        );
        registry.register(
            "consumer_lag",
            "Records that are not stored, of this replica's partitions",
            self.lag.clone(),
        );
        registry.register(
            "consumer_lag_max",
            "Records that are not stored, of the partition with most of them",
            self.lag_max.clone(),
        );
        registry.register(
            "consumer_lag_seconds",
            "Age of the newest record that was read, of the partition where it is oldest; 0 where all is stored",
            self.lag_seconds.clone(),
        );
        registry.register(
            "partitions_assigned",
            "Partitions that this replica has",
            self.assigned.clone(),
        );
        registry.register(
            "partitions_paused",
            "Of them those that are not read now: a dependency is down, or they wait for a person",
            self.paused.clone(),
        );
    }

    pub(crate) fn took(&self, topic: &Arc<str>, records: usize) {
        let label = TopicLabel { topic: topic.clone() };
        self.records.get_or_create(&label).inc_by(records as u64);
    }

    pub(crate) fn rebalanced(&self, kind: &'static str) {
        self.rebalances.get_or_create(&KindLabel { kind }).inc();
    }

    /// Shows how far behind the partitions are.
    pub(crate) fn observe(&self, partitions: &BTreeMap<TopicPartition, PartitionStatus>, now: Timestamp) {
        self.assigned.set(count(partitions.len() as u64));
        for topic in self.topics.iter() {
            let ours = || {
                partitions
                    .iter()
                    .filter(|(partition, _)| partition.topic == *topic)
            };
            let lags = || ours().map(|(_, status)| status.lag());
            let seconds = ours().filter(|(_, status)| status.lag() > 0);
            let seconds = seconds.filter_map(|(_, status)| status.read_up_to);
            let seconds = seconds.map(|at| now.duration_since(at).as_secs_f64().max(0.0));
            let label = TopicLabel { topic: topic.clone() };
            self.lag.get_or_create(&label).set(count(lags().sum()));
            self.lag_max
                .get_or_create(&label)
                .set(count(lags().max().unwrap_or(0)));
            self.lag_seconds
                .get_or_create(&label)
                .set(seconds.fold(0.0, f64::max));
        }
    }
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_shown_for_every_topic() {
        let mut registry = Registry::default();
        let topics = ["a".to_owned(), "b".to_owned()];
        let metrics = KafkaMetrics::register(&mut registry, &topics);
        let status = |position, read_up_to| PartitionStatus {
            position: Some(position),
            end: Some(100),
            read_up_to: Some(Timestamp::from_second(read_up_to).expect("a time")),
            waits: None,
        };
        let partition = |partition| TopicPartition {
            topic: "a".into(),
            partition,
        };
        let partitions = [
            (partition(0), status(90, 1_000)),
            (partition(1), status(70, 1_030)),
            (partition(2), status(100, 0)),
        ];
        metrics.observe(&partitions.into(), Timestamp::from_second(1_060).expect("a time"));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("text");
        for line in [
            "consumer_lag{topic=\"a\"} 40",
            "consumer_lag_max{topic=\"a\"} 30",
            "consumer_lag_seconds{topic=\"a\"} 60.0",
            "consumer_lag{topic=\"b\"} 0",
            "records_total{topic=\"b\"} 0",
            "rebalances_total{kind=\"lost\"} 0",
            "partitions_assigned 3",
        ] {
            assert!(text.lines().any(|there| there == line), "{line} in {text}");
        }
    }
}
