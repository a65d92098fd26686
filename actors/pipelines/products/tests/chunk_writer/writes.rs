//! What one chunk becomes.

use crate::{fixtures::*, server::TestDatabase};
use millrace_engine::Sink;
use millrace_products::write::Rules;
use prometheus_client::{encoding::text::encode, registry::Registry};

#[tokio::test]
async fn a_chunk_is_a_position_a_journal_a_state_counts_and_work() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    let mut one = chunk(None, 3, vec![created(0, "e0", "p", 0), deleted(2, "e2", "p", 9)]);
    one.rejected = vec![rejected(1, "{")];
    writer.write(&[&one]).await.unwrap();

    let journal = "SELECT concat_ws(' ', event_id, event_type, product_id, event_at = to_timestamp(4000000000 + record_offset * 9 / 2), \
        expires_at - received_at, received_on = (received_at AT TIME ZONE 'UTC')::date, topic, partition, record_offset, \
        convert_from(record_key, 'UTF8'), headers, payload) FROM product_events ORDER BY record_offset";
    let headers = r#"[["trace", "aé"], ["trace", null], ["raw", {"base64": "AP8="}]]"#;
    let expected = [("e0", "ProductCreated", 0), ("e2", "ProductDeleted", 2)].map(|(id, of, offset)| {
        format!("{id} {of} p t 30 days t ProductCreated 0 {offset} key {headers} {{\"id\": \"{id}\",  \"odd\": \"\\u0000\"}}")
    });
    assert_eq!(database.texts(journal).await, expected);

    let rejected = "SELECT concat_ws(' ', record_offset, reason, detail, convert_from(raw, 'UTF8'), raw_bytes) FROM rejected_events";
    assert_eq!(database.texts(rejected).await, ["1 malformed_event no JSON { 1"]);
    let state = "SELECT concat_ws(' ', product_id, name, price, stock, status, low_stock, last_event_id, deleted_at = last_event_at) FROM product_state";
    assert_eq!(
        database.texts(state).await,
        ["p costs 1.50 1.50 5 deleted f e2 t"]
    );
    let stats = "SELECT concat_ws(' ', hour = date_trunc('hour', to_timestamp(4000000000)), event_type, events, rejected, duplicates) FROM product_stats ORDER BY event_type";
    assert_eq!(
        database.texts(stats).await,
        [
            "t ProductCreated 1 0 0",
            "t ProductDeleted 1 0 0",
            "t other 0 1 0"
        ]
    );
    let pending = "SELECT concat_ws(' ', event_id, hour = date_trunc('hour', to_timestamp(4000000000)), late, bytes) FROM archive_pending ORDER BY 1";
    assert_eq!(database.texts(pending).await, ["e0 t f 33", "e2 t f 33"]);
    let position = "SELECT concat_ws(' ', group_id, next_offset) FROM kafka_positions";
    assert_eq!(database.texts(position).await, ["analytics-group 3"]);
    for queue in ["projection_queue", "event_outbox"] {
        let rows: i64 = database.value(&format!("SELECT count(*) FROM {queue}")).await;
        assert_eq!(rows, 0, "{queue}: nothing asks for it");
    }
}

#[tokio::test]
async fn queues_are_filled_where_something_asks_for_it() {
    let database = TestDatabase::migrated().await;
    let rules = Rules {
        projects: true,
        copies_rejected: true,
        ..Rules::default()
    };
    let mut registry = Registry::default();
    let mut writer = database.writer_as(rules, &mut registry);
    let mut one = chunk(None, 2, vec![created(0, "e0", "p", 0)]);
    one.rejected = vec![rejected(1, "{")];
    // Long past: its hour was flushed.
    one.events[0].at = "2026-01-01T00:00:00Z".parse().unwrap();
    writer.write(&[&one]).await.unwrap();
    let queue = "SELECT event_id FROM projection_queue";
    assert_eq!(database.texts(queue).await, ["e0"]);
    let outbox =
        "SELECT concat_ws(' ', topic, record_offset, reason, convert_from(value, 'UTF8')) FROM event_outbox";
    assert_eq!(
        database.texts(outbox).await,
        ["ProductCreated 1 malformed_event {"]
    );
    assert!(database.value::<bool>("SELECT late FROM archive_pending").await);

    let mut metrics = String::new();
    encode(&mut metrics, &registry).unwrap();
    for line in [
        "events_stored_total{event_type=\"ProductCreated\"} 1",
        "rejected_total{reason=\"malformed_event\"} 1",
        "late_events_total 1",
        "chunk_records_sum 2.0",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}
