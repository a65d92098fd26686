//! How far the topics go now, asked beside the group.

use crate::{DEPENDENCY, KafkaSettings, TopicPartition, client_config, topics};
use millrace_engine::Fault;
use rdkafka::{
    config::ClientConfig,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};
use std::{collections::BTreeMap, time::Duration};
use tokio::task::spawn_blocking;

/// For the answer about one partition.
const PATIENCE: Duration = Duration::from_secs(10);
/// It fetches nothing.
const BUDGET: u64 = 1 << 20;

/// For each partition of the topics that are there, the offset that its next record will have.
///
/// # Errors
/// [`Fault::Outage`] where a broker does not answer.
pub async fn ends(settings: &KafkaSettings) -> Result<BTreeMap<TopicPartition, i64>, Fault> {
    let outage = |why: String| Fault::outage(DEPENDENCY, why);
    let there = topics::ask(settings).await;
    let there = there.map_err(|error| outage(error.to_string()))?;
    let partitions = there.iter().flat_map(|(topic, found)| {
        let numbers = 0..i32::try_from(found.partitions).unwrap_or(i32::MAX);
        numbers.map(|partition| TopicPartition {
            topic: topic.as_str().into(),
            partition,
        })
    });
    let partitions: Vec<_> = partitions.collect();
    // It never joins the group, because it subscribes to nothing.
    let config = client_config::consumer(settings, BUDGET, partitions.len());
    let asked = spawn_blocking(move || ask(&config, partitions)).await;
    let asked = asked.map_err(|error| outage(error.to_string()))?;
    asked.map_err(|error| outage(error.to_string()))
}

fn ask(
    config: &ClientConfig,
    partitions: Vec<TopicPartition>,
) -> Result<BTreeMap<TopicPartition, i64>, KafkaError> {
    let client: BaseConsumer = config.create()?;
    let end = |partition: TopicPartition| {
        let (_, end) = client.fetch_watermarks(&partition.topic, partition.partition, PATIENCE)?;
        Ok((partition, end))
    };
    partitions.into_iter().map(end).collect()
}
