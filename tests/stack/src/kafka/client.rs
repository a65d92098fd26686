//! What a test does to topics and groups, through a client of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use futures_util::future::try_join_all;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use tokio::task::spawn_blocking;

use super::{Kafka, Sent};
use crate::wait::wait_for;

const TIMEOUT: Duration = Duration::from_secs(30);

impl Kafka {
    /// A name for a topic or a group that no other test of this process uses.
    pub fn name(&self, hint: &str) -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        format!("{hint}-{}", COUNT.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Makes a topic; returns when it can be written to.
    pub async fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        config: &[(&str, &str)],
    ) -> anyhow::Result<()> {
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let topic = config
            .iter()
            .fold(topic, |topic, (name, value)| topic.set(name, value));
        let made = self
            .admin()?
            .create_topics([&topic], &AdminOptions::new())
            .await?;
        for one in made {
            one.map_err(|(name, code)| anyhow::anyhow!("cannot make the topic {name}: {code}"))?;
        }
        wait_for(&format!("the topic {name}"), TIMEOUT, async || {
            self.watermarks(name, partitions - 1).await
        })
        .await
        .map(drop)
    }

    /// Makes a topic have so many partitions.
    pub async fn add_partitions(&self, name: &str, partitions: usize) -> anyhow::Result<()> {
        let more = NewPartitions::new(name, partitions);
        let made = self
            .admin()?
            .create_partitions([&more], &AdminOptions::new())
            .await?;
        for one in made {
            one.map_err(|(name, code)| anyhow::anyhow!("no more partitions for {name}: {code}"))?;
        }
        let last = i32::try_from(partitions)? - 1;
        wait_for(&format!("more partitions of {name}"), TIMEOUT, async || {
            self.watermarks(name, last).await
        })
        .await
        .map(drop)
    }

    /// Deletes a topic; returns when it is gone.
    pub async fn delete_topic(&self, name: &str) -> anyhow::Result<()> {
        let gone = self.admin()?.delete_topics(&[name], &AdminOptions::new()).await?;
        for one in gone {
            one.map_err(|(name, code)| anyhow::anyhow!("cannot delete the topic {name}: {code}"))?;
        }
        wait_for(&format!("the end of the topic {name}"), TIMEOUT, async || {
            self.watermarks(name, 0).await.is_err()
        })
        .await
    }

    /// Removes what is before an offset, as retention does.
    pub async fn delete_records(&self, topic: &str, partition: i32, before: i64) -> anyhow::Result<()> {
        let list = offsets(topic, partition, Offset::Offset(before))?;
        self.admin()?.delete_records(&list, &AdminOptions::new()).await?;
        wait_for(&format!("{topic} to begin at {before}"), TIMEOUT, async || {
            let (start, _) = self.watermarks(topic, partition).await.ok()?;
            (start == before).then_some(())
        })
        .await
    }

    /// The first offset that is there, and the one that comes next.
    pub async fn watermarks(&self, topic: &str, partition: i32) -> anyhow::Result<(i64, i64)> {
        let topic = topic.to_owned();
        self.ask("millrace-tests", move |consumer| {
            Ok(consumer.fetch_watermarks(&topic, partition, TIMEOUT)?)
        })
        .await
    }

    /// What a group has committed.
    pub async fn committed(&self, group: &str, topic: &str, partition: i32) -> anyhow::Result<Option<i64>> {
        let list = offsets(topic, partition, Offset::Invalid)?;
        let topic = topic.to_owned();
        self.ask(group, move |consumer| {
            let list = consumer.committed_offsets(list, TIMEOUT)?;
            Ok(
                match list.find_partition(&topic, partition).map(|found| found.offset()) {
                    Some(Offset::Offset(offset)) => Some(offset),
                    _ => None,
                },
            )
        })
        .await
    }

    /// The members of a group: the client ids.
    pub async fn members(&self, group: &str) -> anyhow::Result<Vec<String>> {
        let name = group.to_owned();
        self.ask(group, move |consumer| {
            let groups = consumer.fetch_group_list(Some(&name), TIMEOUT)?;
            let members = groups.groups().iter().flat_map(|group| group.members());
            Ok(members.map(|member| member.client_id().to_owned()).collect())
        })
        .await
    }

    /// Sends records, all of them at once, in their order; returns partition and offset of each.
    pub async fn produce(&self, topic: &str, records: &[Sent]) -> anyhow::Result<Vec<(i32, i64)>> {
        let producer = self.producer(&[("enable.idempotence", "true")])?;
        self.produce_by(&producer, topic, records).await
    }

    /// The same by a producer of one's own.
    pub async fn produce_by(
        &self,
        producer: &FutureProducer,
        topic: &str,
        records: &[Sent],
    ) -> anyhow::Result<Vec<(i32, i64)>> {
        let mut sent = Vec::new();
        for record in records {
            let mut headers = OwnedHeaders::new();
            for (key, value) in &record.headers {
                headers = headers.insert(Header {
                    key,
                    value: value.as_ref(),
                });
            }
            let record = FutureRecord::<[u8], [u8]> {
                topic,
                partition: record.partition,
                payload: record.value.as_deref(),
                key: record.key.as_deref(),
                timestamp: record.timestamp,
                headers: (!record.headers.is_empty()).then_some(headers),
            };
            let delivery = producer.send_result(record);
            sent.push(delivery.map_err(|(error, _)| anyhow::anyhow!("cannot send: {error}"))?);
        }
        let all = try_join_all(sent).await.context("the producer is gone")?;
        let placed = all.into_iter().map(|one| match one {
            Ok(placed) => Ok((placed.partition, placed.offset)),
            Err((error, _)) => Err(anyhow::anyhow!("not delivered: {error}")),
        });
        placed.collect()
    }

    /// A producer, for what [`produce`](Self::produce) does not do: `compression.type`, `transactional.id`.
    pub fn producer(&self, config: &[(&str, &str)]) -> anyhow::Result<FutureProducer> {
        Ok(self.client(config).create()?)
    }

    fn client(&self, config: &[(&str, &str)]) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", self.brokers());
        for (name, value) in config {
            client.set(*name, *value);
        }
        client
    }

    fn admin(&self) -> anyhow::Result<AdminClient<DefaultClientContext>> {
        Ok(self.client(&[]).create()?)
    }

    /// Asks through a consumer that is in no group, whatever its `group.id` says.
    async fn ask<T: Send + 'static>(
        &self,
        group: &str,
        question: impl FnOnce(&BaseConsumer) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let client = self.client(&[("group.id", group), ("enable.auto.commit", "false")]);
        // Its questions block, and so does its end.
        spawn_blocking(move || question(&client.create()?)).await?
    }
}

fn offsets(topic: &str, partition: i32, offset: Offset) -> anyhow::Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, offset)?;
    Ok(list)
}
