//! Looks for the position of assigned partitions: asks the store and the brokers, decides, and seeks.

use crate::{
    KafkaSettings, PositionStore, Stored, TopicPartition,
    caution::Caution,
    context::Listener,
    decide::{Decision, Known, Wait, decide, gap},
    topics::{self, Topic},
};
use futures_util::future::join_all;
use millrace_engine::{Backoff, Fault, jitter};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};
use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};
use tokio::{task::spawn_blocking, time::sleep};
use tracing::warn;
use uuid::Uuid;

/// Delays between questions that fail.
const DELAYS: Backoff = Backoff::doubling(Duration::from_millis(100), Duration::from_secs(5));
/// For an answer of the brokers.
const PATIENCE: Duration = Duration::from_secs(10);
/// Questions about the ids of topics, over about a minute.
const ID_TRIES: u32 = 15;
/// A partition is sought as soon as the client has taken it up.
const SEEK_TRIES: u32 = 20;
const SEEK_PAUSE: Duration = Duration::from_millis(50);

pub(crate) type Client = Arc<BaseConsumer<Listener>>;

/// Where a partition stands.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) stored: Option<i64>,
    pub(crate) topic_id: Option<Uuid>,
    pub(crate) end: i64,
    pub(crate) way: Way,
}

/// How it goes on.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// From here.
    Read {
        at: i64,
        lost_from: Option<i64>,
        behind_group: Option<i64>,
        caution: Option<Caution>,
        /// Whether the client has sought it; else why not.
        sought: Result<(), String>,
    },
    /// Not before a person has done something.
    Wait(Wait),
}

/// What is asked with.
#[derive(Clone)]
pub(crate) struct Placing<S> {
    pub(crate) client: Client,
    pub(crate) store: S,
    pub(crate) settings: Arc<KafkaSettings>,
}

/// Repeats a question until it is answered.
pub(crate) async fn insist<T, E: std::fmt::Display, F: Future<Output = Result<T, E>>>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    for failures in 1.. {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => {
                if failures == 1 || failures % 20 == 0 {
                    warn!(%error, failures, "{what}: no answer yet; asking again");
                }
                sleep(DELAYS.after(failures).mul_f64(jitter(0.5))).await;
            }
        }
    }
    unreachable!("it asks for ever")
}

// === impl Placing ===

impl<S: PositionStore> Placing<S> {
    /// Looks for the positions of these, however long it takes.
    pub(crate) async fn place(self, partitions: Vec<TopicPartition>) -> Vec<(TopicPartition, Placed)> {
        let stored = insist("the stored positions", || self.store.load(&partitions)).await;
        let topics = self.topics().await;
        let committed = insist("the committed offsets", || self.committed(partitions.clone())).await;
        let each = partitions.into_iter().map(|partition| {
            let stored = stored.get(&partition).cloned().unwrap_or_default();
            let committed = committed.get(&partition).copied();
            let topic = topics.get(&*partition.topic).copied();
            self.place_one(partition, stored, committed, topic)
        });
        join_all(each).await
    }

    /// Where the logs of these end; by name where the brokers do not say.
    pub(crate) async fn ends(self, partitions: Vec<TopicPartition>) -> Vec<(TopicPartition, Offset)> {
        let each = partitions.into_iter().map(|name| async {
            let ends = self.watermarks(name.clone()).await;
            let end = ends.map_or(Offset::End, |(_, end)| Offset::Offset(end));
            (name, end)
        });
        join_all(each).await
    }

    /// What the brokers tell of the topics. A server that speaks Kafka's protocol and does not know the question gets
    /// along without: positions are then told from the log's ends alone.
    async fn topics(&self) -> BTreeMap<String, Topic> {
        for failures in 1..=ID_TRIES {
            match topics::ask(&self.settings).await {
                Ok(topics) => return topics,
                Err(error) => warn!(%error, failures, "the ids of the topics: no answer yet; asking again"),
            }
            sleep(DELAYS.after(failures).mul_f64(jitter(0.5))).await;
        }
        warn!("the ids of the topics are not known; a topic that was made anew is told by its length only");
        BTreeMap::new()
    }

    async fn place_one(
        &self,
        partition: TopicPartition,
        stored: Stored,
        committed: Option<i64>,
        topic: Option<Topic>,
    ) -> (TopicPartition, Placed) {
        let (start, end) = insist("the ends of the log", || self.watermarks(partition.clone())).await;
        let known = Known {
            stored: stored.next_offset,
            stored_id: stored.topic_id,
            committed,
            start,
            end,
            topic_id: topic.and_then(|topic| topic.id),
        };
        let way = match decide(known, self.settings.reset, self.settings.on_truncated) {
            Decision::Wait(wait) => Way::Wait(wait),
            Decision::Go {
                at,
                lost_from,
                behind_group,
            } => {
                if let Some(from) = lost_from {
                    let gap = gap(&partition, from, at);
                    insist("the table of gaps", || self.store.note_gap(&gap)).await;
                }
                let sought = self.seek(partition.clone(), at).await;
                Way::Read {
                    at,
                    lost_from,
                    behind_group: committed.filter(|_| behind_group),
                    caution: caution(&stored, at),
                    sought: sought.map_err(|error| error.to_string()),
                }
            }
        };
        let placed = Placed {
            stored: stored.next_offset,
            topic_id: known.topic_id,
            end,
            way,
        };
        (partition, placed)
    }

    async fn committed(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, i64>, Fault> {
        let answer = self
            .blocking(move |client| {
                let mut list = TopicPartitionList::new();
                for TopicPartition { topic, partition } in &partitions {
                    list.add_partition(topic, *partition);
                }
                let list = client.committed_offsets(list, PATIENCE)?;
                let found = partitions.into_iter().filter_map(|partition| {
                    let element = list.find_partition(&partition.topic, partition.partition)?;
                    match element.offset() {
                        Offset::Offset(offset) => Some((partition, offset)),
                        _ => None,
                    }
                });
                Ok(found.collect())
            })
            .await;
        answer.map_err(|error| Fault::outage(crate::DEPENDENCY, error.to_string()))
    }

    async fn watermarks(&self, partition: TopicPartition) -> Result<(i64, i64), KafkaError> {
        self.blocking(move |client| client.fetch_watermarks(&partition.topic, partition.partition, PATIENCE))
            .await
    }

    /// Until the client has taken the partition up, it refuses.
    async fn seek(&self, partition: TopicPartition, at: i64) -> Result<(), KafkaError> {
        self.blocking(move |client| {
            let mut last = Ok(());
            for _ in 0..SEEK_TRIES {
                last = client.seek(
                    &partition.topic,
                    partition.partition,
                    Offset::Offset(at),
                    PATIENCE,
                );
                if last.is_ok() {
                    break;
                }
                std::thread::sleep(SEEK_PAUSE);
            }
            last
        })
        .await
    }

    /// The client's questions block.
    async fn blocking<T: Send + 'static>(
        &self,
        question: impl FnOnce(&BaseConsumer<Listener>) -> Result<T, KafkaError> + Send + 'static,
    ) -> Result<T, KafkaError> {
        let client = self.client.clone();
        let asked = spawn_blocking(move || question(&client)).await;
        asked.unwrap_or(Err(KafkaError::Canceled))
    }
}

/// The note of a process that has died, where it is about what comes now.
fn caution(stored: &Stored, at: i64) -> Option<Caution> {
    let suspect = stored.suspect.as_ref().filter(|suspect| suspect.from == at)?;
    Some(Caution {
        until: suspect.until,
        size: suspect.size.max(1),
        alone: suspect.alone,
    })
}
