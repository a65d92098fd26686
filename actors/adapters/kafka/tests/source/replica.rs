//! A process's worth of pipeline: the source and a sink, in a system and a thread of their own.

use crate::{TIMEOUT, store::Store};
use millrace_engine::{
    Build, ByteBudget, Drain, Exit, Fault, Limits, Load, Port, RestartPolicy, Sink, Supervision,
};
use millrace_kafka::{Chunk, KafkaMetrics, KafkaSettings, KafkaSource, KafkaStatus, TopicPartition};
use millrace_stack::{Kafka, wait_for};
use prometheus_client::registry::Registry;
use std::{
    sync::Arc,
    thread::{JoinHandle, spawn},
    time::Duration,
};

/// What happens to a chunk before it is stored.
pub(crate) type Before = Arc<dyn Fn(&Chunk) -> Result<(), Fault> + Send + Sync>;

pub(crate) struct Replica {
    pub(crate) status: KafkaStatus,
    registry: Registry,
    drain: Drain,
    thread: Option<JoinHandle<Exit>>,
}

struct Writer {
    store: Store,
    before: Before,
}

/// Settings for a group of this test alone, with short times.
pub(crate) fn settings(kafka: &Kafka, topic: &str) -> KafkaSettings {
    KafkaSettings {
        brokers: vec![kafka.brokers()],
        topics: vec![topic.to_owned()],
        group: format!("group-of-{topic}"),
        session_timeout: Duration::from_secs(6),
        heartbeat: Duration::from_millis(500),
        rebalance_timeout: Duration::from_secs(8),
        fetch_max_wait: Duration::from_millis(100),
        ..KafkaSettings::default()
    }
}

pub(crate) fn partition(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition {
        topic: topic.into(),
        partition,
    }
}

// === impl Replica ===

impl Replica {
    pub(crate) fn start(settings: &KafkaSettings, store: &Store) -> Self {
        Self::start_with(settings, store, Arc::new(|_| Ok(())))
    }

    pub(crate) fn start_with(settings: &KafkaSettings, store: &Store, before: Before) -> Self {
        let mut registry = Registry::default();
        let source = KafkaSource {
            settings: Arc::new(settings.clone()),
            store: store.clone(),
            budget: ByteBudget::new(64 << 20),
            status: KafkaStatus::default(),
            metrics: KafkaMetrics::register(&mut registry, &settings.topics),
            pipeline: "test",
        };
        let (status, drain, store) = (source.status.clone(), Drain::default(), store.clone());
        let ordered = drain.clone();
        let thread = spawn(move || {
            let runtime = || tokio::runtime::Runtime::new().expect("a runtime");
            actix_rt::System::with_tokio_rt(runtime).block_on(run(source, store, before, ordered))
        });
        Self {
            status,
            registry,
            drain,
            thread: Some(thread),
        }
    }

    /// Orders the drain and waits for its end.
    pub(crate) async fn stop(mut self) -> Exit {
        self.drain.order();
        let thread = self.thread.take().unwrap();
        let joined = tokio::task::spawn_blocking(move || thread.join());
        tokio::time::timeout(TIMEOUT, joined)
            .await
            .unwrap()
            .unwrap()
            .unwrap()
    }

    /// A metric, by its line.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} in {text}"))
            .parse()
            .unwrap()
    }

    /// Waits until it has so many partitions.
    pub(crate) async fn has(&self, partitions: usize) {
        wait_for("the partitions", TIMEOUT, async || {
            let there = self.status.partitions().len();
            if there == partitions {
                Ok(())
            } else {
                Err(format!("{there} of {partitions}"))
            }
        })
        .await
        .unwrap();
    }

    /// Waits until it says that it does not consume, for a reason that has these words.
    pub(crate) async fn refuses(&self, words: &str) {
        wait_for(words, TIMEOUT, async || {
            let state = self.status.consuming();
            let so = !state.yes && state.why.contains(words);
            if so { Ok(()) } else { Err(format!("{state:?}")) }
        })
        .await
        .unwrap();
    }

    pub(crate) async fn consumes(&self) {
        wait_for("the source to consume", TIMEOUT, async || {
            let state = self.status.consuming();
            if state.yes {
                Ok(())
            } else {
                Err(format!("{state:?}"))
            }
        })
        .await
        .unwrap();
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.drain.order();
        self.drain.shorten();
    }
}

/// Waits until so many records are stored, of all partitions.
pub(crate) async fn stored(store: &Store, records: usize) {
    wait_for("the records to be stored", TIMEOUT, async || {
        let there = store.count();
        if there >= records {
            Ok(())
        } else {
            Err(format!("{there} of {records}"))
        }
    })
    .await
    .unwrap();
}

/// Waits until the stored position is this.
pub(crate) async fn reached(store: &Store, partition: &TopicPartition, next: i64) {
    wait_for("the position", TIMEOUT, async || {
        let row = store.row(partition);
        if row == Some(next) {
            Ok(())
        } else {
            Err(format!("{row:?} and not {next}"))
        }
    })
    .await
    .unwrap();
}

async fn run(source: KafkaSource<Store>, store: Store, before: Before, drain: Drain) -> Exit {
    let policy = RestartPolicy {
        intensity: 1_000,
        ..RestartPolicy::default()
    };
    let supervision = Supervision::start("test", policy, drain);
    let here = actix_rt::Arbiter::current();
    let limits = Limits {
        messages: 1,
        load: Load {
            rows: 10_000,
            bytes: 32 << 20,
        },
    };
    let sink: Build<Writer> = Arc::new(move || {
        let (store, before) = (store.clone(), before.clone());
        Box::pin(async move { Ok(Writer { store, before }) })
    });
    let port = Port::new([supervision.sink(("writer", 0), &here, limits, sink)]);
    let source: Build<_> = Arc::new(move || {
        let source = source.clone();
        Box::pin(async move { Ok(source) })
    });
    supervision.source("kafka", &here, port, source);
    supervision.ended().await
}

// === impl Writer ===

impl Sink for Writer {
    type In = Chunk;

    fn load(chunk: &Chunk) -> Load {
        Load {
            rows: chunk.records.len(),
            bytes: 0,
        }
    }

    /// Each chunk has a transaction of its own; a chunk that is refused ends the write, as it does with a database.
    async fn write(&mut self, batch: &[&Chunk]) -> Result<(), Fault> {
        let [chunk] = batch else {
            return Err(Fault::deferred("one_by_one", "chunks are stored one by one"));
        };
        (self.before)(chunk)?;
        self.store.store(chunk)
    }
}
