//! A hostile corpus in four topics, checked and written chunk by chunk: whatever the interleaving, the tables hold what
//! the oracle computes.

use crate::server::TestDatabase;
use jiff::Timestamp;
use millrace_corpus::{
    DeadLetters, Temper,
    products::{ProductRecord, Products, ProductsSettings},
};
use millrace_engine::{ByteBudget, Sink};
use millrace_kafka::{Care, Chunk, Record, TopicPartition};
use millrace_oracle::products::{Actual, Expected, ProductSettings, SentRecord, compare, expect, report};
use millrace_products::{
    event::{Limits, check},
    write::Writer,
};
use std::collections::{BTreeMap, VecDeque};

const LIMITS: Limits = Limits {
    max_event_bytes: 1 << 16,
    max_json_depth: 64,
    max_future_minutes: 60,
};

/// Partitions of each topic.
const PARTITIONS: usize = 3;

/// What waits in each partition.
type Log = BTreeMap<TopicPartition, VecDeque<Record>>;

fn corpus(seed: u64) -> (Log, Expected) {
    let records: Vec<_> = Products::new(ProductsSettings {
        seed,
        events: 400,
        products: 12,
        until: Timestamp::now(),
        temper: Temper::Hostile,
        rejected: DeadLetters::Every,
        repeat_percent: 15,
        late_percent: 15,
        max_event_bytes: Some(LIMITS.max_event_bytes),
        ..ProductsSettings::default()
    })
    .collect();
    let (mut log, mut sent) = (Log::new(), Vec::new());
    for (number, record) in records.into_iter().enumerate() {
        let partition = match &record.key {
            Some(key) => key.iter().fold(0, |sum, byte| sum + usize::from(*byte)),
            None => number,
        };
        let partition = TopicPartition {
            topic: record.topic.into(),
            partition: (partition % PARTITIONS) as i32,
        };
        let waiting = log.entry(partition.clone()).or_default();
        let placed = placed(record, waiting.len() as i64);
        sent.push(as_sent(&partition, &placed));
        waiting.push_back(placed);
    }
    let settings = ProductSettings {
        max_event_bytes: LIMITS.max_event_bytes,
        ..ProductSettings::now()
    };
    (log, expect(sent, &settings))
}

fn placed(record: ProductRecord, offset: i64) -> Record {
    Record {
        offset,
        timestamp: Some(record.timestamp),
        key: record.key,
        value: record.value,
        headers: record.headers,
    }
}

fn as_sent(partition: &TopicPartition, record: &Record) -> SentRecord {
    let bytes = |bytes: &bytes::Bytes| bytes.to_vec();
    let header = |(name, value): &(String, Option<bytes::Bytes>)| (name.clone(), value.as_ref().map(bytes));
    SentRecord {
        topic: partition.topic.to_string(),
        partition: partition.partition,
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key.as_ref().map(bytes),
        value: record.value.as_ref().map(bytes),
        headers: record.headers.iter().map(header).collect(),
    }
}

/// Writes the next records of a partition, as many times as it takes.
async fn write_next(
    writer: &mut Writer,
    partition: &TopicPartition,
    waiting: &mut VecDeque<Record>,
    many: usize,
) {
    let records: Vec<_> = waiting.drain(..many.min(waiting.len())).collect();
    let (first, last) = (records[0].offset, records[records.len() - 1].offset);
    for attempt in 0.. {
        let chunk = Chunk {
            partition: partition.clone(),
            topic_id: None,
            from: (first > 0).then_some(first),
            next: last + 1,
            records: records.clone(),
            care: Care::None,
            received_at: Timestamp::now(),
            reservation: ByteBudget::new(1).try_reserve(0).unwrap(),
        };
        let (checked, _) = check(chunk, &LIMITS);
        match writer.write(&[&checked]).await {
            Ok(()) => return,
            Err(fault) => assert!(attempt < 20, "{partition}: {fault:?}"),
        }
    }
}

/// Numbers that look like chance and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

async fn is_as_computed(database: &TestDatabase, expected: &Expected, about: &str) {
    let actual = Actual::read(&database.client().await).await.unwrap();
    assert_eq!(actual.rows("product_events").len(), expected.events(), "{about}");
    let differences = compare(expected, &actual);
    assert!(differences.is_empty(), "{about}:\n{}", report(&differences));
}

#[tokio::test]
async fn any_interleaving_of_topics_and_partitions_ends_in_the_rows_of_the_oracle() {
    for seed in 1..=6 {
        let database = TestDatabase::migrated().await;
        let (mut log, expected) = corpus(seed);
        let (mut writer, mut dice) = (database.writer(), Dice(seed));
        while !log.is_empty() {
            let at = dice.below(log.len());
            let (partition, waiting) = log.iter_mut().nth(at).unwrap();
            let partition = partition.clone();
            // Some take one record at a time, some all that is there.
            let many = [1, 7, 40, 1000][dice.below(4)];
            write_next(&mut writer, &partition, waiting, many).await;
            log.retain(|_, waiting| !waiting.is_empty());
        }
        is_as_computed(&database, &expected, &format!("seed {seed}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_all_partitions_at_once_end_in_the_rows_of_the_oracle() {
    let database = TestDatabase::migrated().await;
    let (log, expected) = corpus(99);
    let writers = log.into_iter().map(|(partition, mut waiting)| {
        let mut writer = database.writer();
        async move {
            let mut dice = Dice(partition.partition as u64 + 5);
            while !waiting.is_empty() {
                let many = 1 + dice.below(9);
                write_next(&mut writer, &partition, &mut waiting, many).await;
            }
        }
    });
    futures_util::future::join_all(writers).await;
    is_as_computed(&database, &expected, "all at once").await;
}
