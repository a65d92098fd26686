//! What the brokers have: where partitions begin and end, and where a time is in them. On a connection of its own, in no
//! group.

use crate::{DEPENDENCY, KafkaSettings, TopicPartition, client_config, context::Listener, topics};
use jiff::Timestamp;
use millrace_engine::Fault;
use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    topic_partition_list::Offset,
};
use std::{collections::BTreeMap, time::Duration};
use tokio::{sync::mpsc::unbounded_channel, task::spawn_blocking};

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a partition has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The oldest record that is kept.
    pub start: i64,
    /// Behind the newest.
    pub end: i64,
}

/// The partitions of the topics of the settings. A topic that is not there is left out.
///
/// # Errors
/// [`Fault::Outage`] where the brokers do not answer.
pub async fn spans(settings: &KafkaSettings) -> Result<BTreeMap<TopicPartition, Span>, Fault> {
    let there = partitions(settings).await?;
    look(settings, move |client| {
        let spans = there.into_iter().map(|of| {
            let (start, end) = client.fetch_watermarks(&of.topic, of.partition, PATIENCE)?;
            Ok((of, Span { start, end }))
        });
        spans.collect()
    })
    .await
}

/// The first record from a time on, of each partition of a topic; where there is none, the end of the partition.
///
/// # Errors
/// [`Fault::Outage`] where the brokers do not answer.
pub async fn offsets_at(
    settings: &KafkaSettings,
    topic: &str,
    at: Timestamp,
) -> Result<BTreeMap<i32, i64>, Fault> {
    let there = partitions(settings).await?;
    let there: Vec<_> = there.into_iter().filter(|of| *of.topic == *topic).collect();
    look(settings, move |client| {
        let mut asked = TopicPartitionList::new();
        for of in &there {
            asked.add_partition_offset(&of.topic, of.partition, Offset::Offset(at.as_millisecond()))?;
        }
        let found = client.offsets_for_times(asked, PATIENCE)?;
        let offsets = found.elements().into_iter().map(|found| {
            let offset = match found.offset() {
                Offset::Offset(offset) => offset,
                _ => {
                    client
                        .fetch_watermarks(found.topic(), found.partition(), PATIENCE)?
                        .1
                }
            };
            Ok((found.partition(), offset))
        });
        offsets.collect()
    })
    .await
}

async fn partitions(settings: &KafkaSettings) -> Result<Vec<TopicPartition>, Fault> {
    let topics = topics::ask(settings).await;
    let topics = topics.map_err(|error| Fault::outage(DEPENDENCY, error.to_string()))?;
    let partitions = topics.into_iter().flat_map(|(name, topic)| {
        let name: std::sync::Arc<str> = name.into();
        let numbers = 0..i32::try_from(topic.partitions).unwrap_or(i32::MAX);
        numbers.map(move |partition| TopicPartition {
            topic: name.clone(),
            partition,
        })
    });
    Ok(partitions.collect())
}

/// The client's answers block.
async fn look<T: Send + 'static>(
    settings: &KafkaSettings,
    ask: impl FnOnce(BaseConsumer<Listener>) -> Result<T, KafkaError> + Send + 'static,
) -> Result<T, Fault> {
    let config = client_config::onlooker(settings);
    let sasl = settings.access.sasl.clone();
    let asked = spawn_blocking(move || {
        // What it tells beside its answers is not listened to.
        let (tell, _) = unbounded_channel();
        ask(config.create_with_context(Listener::new(tell, sasl))?)
    });
    let answer = asked.await.unwrap_or(Err(KafkaError::Canceled));
    answer.map_err(|error| Fault::outage(DEPENDENCY, error.to_string()))
}
