//! Each row of the table of positions.

use crate::{
    replica::{Replica, partition, reached, settings, stored},
    store::Store,
};
use millrace_kafka::{Assignor, KafkaSettings, OffsetReset, OnTruncated};
use millrace_stack::{Kafka, Sent};

/// A topic of one partition with so many records.
async fn topic(kafka: &Kafka, hint: &str, records: usize) -> (String, KafkaSettings) {
    let topic = kafka.name(hint);
    kafka.create_topic(&topic, 1, &[]).await.unwrap();
    write(kafka, &topic, records).await;
    let settings = settings(kafka, &topic);
    (topic, settings)
}

async fn write(kafka: &Kafka, topic: &str, records: usize) {
    let records: Vec<_> = (0..records).map(|n| Sent::new(format!("{n}"))).collect();
    kafka.produce(topic, &records).await.unwrap();
}

fn range(offsets: std::ops::Range<i64>) -> Vec<i64> {
    offsets.collect()
}

#[tokio::test]
async fn without_a_row_it_begins_as_the_setting_says() {
    let kafka = Kafka::shared().await;
    let (name, settings) = topic(kafka, "earliest", 10).await;
    let (earliest, latest) = (Store::default(), Store::default());
    let replica = Replica::start(&settings, &earliest);
    stored(&earliest, 10).await;
    assert_eq!(earliest.offsets(&partition(&name, 0)), range(0..10));
    replica.stop().await;
    let other = KafkaSettings {
        group: format!("{}-latest", settings.group),
        reset: OffsetReset::Latest,
        ..settings
    };
    let replica = Replica::start(&other, &latest);
    // The position is stored before any record comes, so that a restart loses none that comes meanwhile.
    reached(&latest, &partition(&name, 0), 10).await;
    write(kafka, &name, 3).await;
    stored(&latest, 3).await;
    assert_eq!(latest.offsets(&partition(&name, 0)), range(10..13));
    replica.stop().await;
}

#[tokio::test]
async fn without_a_row_and_with_stop_it_waits_for_a_person() {
    let kafka = Kafka::shared().await;
    let (name, mut settings) = topic(kafka, "stop", 3).await;
    settings.reset = OffsetReset::Stop;
    let store = Store::default();
    let replica = Replica::start(&settings, &store);
    replica.refuses("KAFKA_AUTO_OFFSET_RESET").await;
    assert_eq!(store.count(), 0);
    store.set_row(&partition(&name, 0), 1, None);
    stored(&store, 2).await;
    replica.consumes().await;
    replica.stop().await;
}

#[tokio::test]
async fn without_a_row_it_goes_on_where_an_old_service_of_the_group_was() {
    let kafka = Kafka::shared().await;
    let (name, settings) = topic(kafka, "committed", 10).await;
    kafka.alter_offset(&settings.group, &name, 0, 4).await.unwrap();
    let store = Store::default();
    let replica = Replica::start(&settings, &store);
    stored(&store, 6).await;
    assert_eq!(store.offsets(&partition(&name, 0)), range(4..10));
    replica.stop().await;
}

#[tokio::test]
async fn a_group_that_was_rewound_changes_nothing_and_gets_its_copy_again() {
    let kafka = Kafka::shared().await;
    let (name, settings) = topic(kafka, "smaller", 10).await;
    kafka.alter_offset(&settings.group, &name, 0, 2).await.unwrap();
    let store = Store::default();
    store.set_row(&partition(&name, 0), 7, None);
    let replica = Replica::start(&settings, &store);
    stored(&store, 3).await;
    assert_eq!(store.offsets(&partition(&name, 0)), range(7..10));
    assert_eq!(replica.metric("positions_behind_group_total"), 0.0);
    replica.stop().await;
    let committed = kafka.committed(&settings.group, &name, 0).await.unwrap();
    assert_eq!(
        committed,
        Some(10),
        "what is stored is committed before the group is left"
    );
}

#[tokio::test]
async fn what_a_restored_database_forgot_is_read_again() {
    let kafka = Kafka::shared().await;
    let (name, settings) = topic(kafka, "larger", 10).await;
    kafka.alter_offset(&settings.group, &name, 0, 9).await.unwrap();
    let store = Store::default();
    store.set_row(&partition(&name, 0), 3, None);
    let replica = Replica::start(&settings, &store);
    stored(&store, 7).await;
    assert_eq!(store.offsets(&partition(&name, 0)), range(3..10));
    assert_eq!(replica.metric("positions_behind_group_total"), 1.0);
    replica.stop().await;
}

#[tokio::test]
async fn what_retention_ate_unread_is_a_gap_and_the_rest_is_read() {
    let kafka = Kafka::shared().await;
    let (name, settings) = topic(kafka, "eaten", 10).await;
    kafka.delete_records(&name, 0, 6).await.unwrap();
    let store = Store::default();
    let place = partition(&name, 0);
    store.set_row(&place, 2, None);
    let replica = Replica::start(&settings, &store);
    stored(&store, 4).await;
    assert_eq!(store.offsets(&place), range(6..10));
    assert_eq!(replica.metric("positions_lost_total"), 1.0);
    let gaps: Vec<_> = store.tables().gaps.iter().cloned().collect();
    assert_eq!(gaps, [(place, 2, 6, "retention")]);
    replica.stop().await;
}

#[tokio::test]
async fn a_row_above_the_end_waits_and_names_the_partition() {
    let kafka = Kafka::shared().await;
    let (name, settings) = topic(kafka, "above", 5).await;
    let store = Store::default();
    store.set_row(&partition(&name, 0), 50, None);
    let replica = Replica::start(&settings, &store);
    replica.refuses(&format!("{name}/0")).await;
    replica.refuses("KAFKA_ON_TRUNCATED").await;
    assert_eq!(replica.metric("partitions_paused"), 1.0);
    replica.stop().await;
    let anew = KafkaSettings {
        on_truncated: OnTruncated::Earliest,
        ..settings
    };
    let replica = Replica::start(&anew, &store);
    stored(&store, 5).await;
    assert_eq!(store.offsets(&partition(&name, 0)), range(0..5));
    replica.stop().await;
}

#[tokio::test]
async fn a_topic_that_was_made_anew_is_told_by_its_id_even_where_the_offset_fits() {
    let kafka = Kafka::shared().await;
    let (name, settings) = topic(kafka, "anew", 5).await;
    let store = Store::default();
    let replica = Replica::start(&settings, &store);
    stored(&store, 5).await;
    replica.stop().await;
    kafka.delete_topic(&name).await.unwrap();
    kafka.create_topic(&name, 1, &[]).await.unwrap();
    write(kafka, &name, 9).await;
    let replica = Replica::start(&settings, &store);
    replica.refuses("made anew").await;
    assert_eq!(store.count(), 5, "nothing of the new topic is read");
    replica.stop().await;
    let anew = KafkaSettings {
        on_truncated: OnTruncated::Earliest,
        ..settings
    };
    let replica = Replica::start(&anew, &store);
    stored(&store, 14).await;
    reached(&store, &partition(&name, 0), 9).await;
    replica.stop().await;
}

#[tokio::test]
async fn what_is_no_record_is_no_gap_and_counts_as_read() {
    use rdkafka::producer::Producer;
    let kafka = Kafka::shared().await;
    let (name, settings) = topic(kafka, "aborted", 2).await;
    let id = [("transactional.id", &*name)];
    let producer = kafka.producer(&id).unwrap();
    let wait = std::time::Duration::from_secs(30);
    producer.init_transactions(wait).unwrap();
    producer.begin_transaction().unwrap();
    kafka
        .produce_by(&producer, &name, &[Sent::new("never")])
        .await
        .unwrap();
    producer.abort_transaction(wait).unwrap();
    producer.begin_transaction().unwrap();
    kafka
        .produce_by(&producer, &name, &[Sent::new("kept")])
        .await
        .unwrap();
    producer.commit_transaction(wait).unwrap();
    let store = Store::default();
    let replica = Replica::start(&settings, &store);
    stored(&store, 3).await;
    // 0 and 1, the aborted one and its mark, the kept one, and its mark: that is behind the last record.
    assert_eq!(store.offsets(&partition(&name, 0)), [0, 1, 4]);
    reached(&store, &partition(&name, 0), 6).await;
    assert_eq!(replica.metric("positions_lost_total"), 0.0);
    replica.stop().await;
}

#[tokio::test]
async fn compression_keys_headers_and_tombstones_arrive_as_sent() {
    let kafka = Kafka::shared().await;
    let (name, settings) = topic(kafka, "forms", 0).await;
    let store = Store::default();
    let replica = Replica::start(&settings, &store);
    let mut expected = Vec::new();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let producer = kafka.producer(&[("compression.type", codec)]).unwrap();
        let value = codec.repeat(500).into_bytes();
        let sent = Sent::new(value.clone())
            .key("k")
            .header("h", Some(b"v"))
            .header("h", None);
        let tombstone = Sent {
            value: None,
            ..sent.clone()
        };
        kafka
            .produce_by(&producer, &name, &[sent, tombstone])
            .await
            .unwrap();
        expected.push(value);
    }
    stored(&store, 10).await;
    assert_eq!(store.tables().values, expected);
    replica.stop().await;
}

/// The source has read a part when retention overtakes it.
async fn overtaken_by_retention(assignor: Assignor) {
    let kafka = Kafka::shared().await;
    let (name, mut settings) = topic(kafka, "overtaken", 4).await;
    settings.assignor = assignor;
    settings.chunk_records = 2;
    let store = Store::default();
    let place = partition(&name, 0);
    let replica = Replica::start(&settings, &store);
    stored(&store, 4).await;
    store.set_down(true);
    // Large ones, so that the client cannot have fetched them all.
    let large = "x".repeat(500_000);
    let records: Vec<_> = (0..60).map(|_| Sent::new(large.clone())).collect();
    kafka.produce(&name, &records).await.unwrap();
    kafka.delete_records(&name, 0, 60).await.unwrap();
    store.set_down(false);
    reached(&store, &place, 64).await;
    let offsets = store.offsets(&place);
    assert_eq!(offsets[offsets.len() - 4..], [60, 61, 62, 63]);
    assert_eq!(replica.metric("positions_lost_total"), 1.0);
    let (from, to) = {
        let tables = store.tables();
        let (_, from, to, _) = tables.gaps.first().unwrap();
        (*from, *to)
    };
    let read: Vec<_> = range(0..from).into_iter().chain(to..64).collect();
    assert_eq!(offsets, read, "what was not read is the gap");
    replica.stop().await;
}

#[tokio::test]
async fn retention_that_overtakes_a_reader_is_a_gap_too() {
    overtaken_by_retention(Assignor::CooperativeSticky).await;
    overtaken_by_retention(Assignor::Range).await;
}
