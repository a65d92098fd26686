//! An id is stored once, and the first record with it wins.

use crate::{fixtures::*, server::TestDatabase};
use millrace_engine::Sink;

#[tokio::test]
async fn the_first_record_with_an_id_wins_within_a_chunk_and_across_chunks() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    let again = updated(1, "a", "other", 50, values("9", 9, None));
    let first = chunk(
        None,
        3,
        vec![created(0, "a", "p", 0), again, created(2, "b", "p", 1)],
    );
    writer.write(&[&first]).await.unwrap();
    let elsewhere = vec![
        updated(0, "a", "p", 60, values("7", 7, None)),
        created(1, "c", "q", 2),
        deleted(2, "a", "p", 70),
    ];
    writer.write(&[&chunk_of(1, None, 3, elsewhere)]).await.unwrap();

    let ids = "SELECT concat_ws(' ', event_id, duplicates) FROM product_event_ids ORDER BY 1";
    assert_eq!(database.texts(ids).await, ["a 3", "b 0", "c 0"]);
    let journal = "SELECT concat_ws(' ', event_id, partition, record_offset) FROM product_events ORDER BY 1";
    assert_eq!(database.texts(journal).await, ["a 0 0", "b 0 2", "c 1 1"]);
    let state =
        "SELECT concat_ws(' ', product_id, price, status, last_event_id) FROM product_state ORDER BY 1";
    assert_eq!(
        database.texts(state).await,
        ["p 1.50 created b", "q 1.50 created c"]
    );
    let stats =
        "SELECT concat_ws(' ', partition, event_type, events, duplicates) FROM product_stats ORDER BY 1";
    let expected = [
        "0 ProductCreated 2 0",
        "0 ProductUpdated 0 1",
        "1 ProductCreated 1 0",
        "1 ProductDeleted 0 1",
        "1 ProductUpdated 0 1",
    ];
    assert_eq!(database.texts(stats).await, expected);
    let pending: i64 = database.value("SELECT count(*) FROM archive_pending").await;
    assert_eq!(pending, 3);
}

#[tokio::test]
async fn a_rejected_record_that_is_read_again_is_one_row_and_one_count() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    for from in [None, Some(1)] {
        let mut one = chunk(from, 1, vec![]);
        one.rejected = vec![rejected(0, "{")];
        writer.write(&[&one]).await.unwrap();
    }
    let rows: i64 = database.value("SELECT count(*) FROM rejected_events").await;
    let counted: i64 = database
        .value("SELECT sum(rejected)::bigint FROM product_stats")
        .await;
    assert_eq!((rows, counted), (1, 1));
    // Another record at that place, as of a topic that was made anew.
    let mut other = chunk(Some(1), 2, vec![]);
    other.rejected = vec![rejected(0, "]")];
    writer.write(&[&other]).await.unwrap();
    let raw = "SELECT convert_from(raw, 'UTF8') FROM rejected_events";
    assert_eq!(database.texts(raw).await, ["]"]);
    let counted: i64 = database
        .value("SELECT sum(rejected)::bigint FROM product_stats")
        .await;
    assert_eq!(counted, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_bring_the_same_ids_and_products_at_once_end_in_one_row_each() {
    let database = TestDatabase::migrated().await;
    let writing = (0..4).map(|partition| {
        let mut writer = database.writer();
        async move {
            for round in 0..10_i64 {
                let events = (0..40).map(|n| {
                    // Each in an order of its own.
                    let n = (n * 7 + i64::from(partition) * 11) % 40;
                    created(round * 40 + n, &format!("e{round}-{n}"), &format!("p{n}"), round)
                });
                let position = (round > 0).then_some(round * 40);
                let one = chunk_of(partition, position, (round + 1) * 40, events.collect());
                writer.write(&[&one]).await.unwrap();
            }
        }
    });
    futures_util::future::join_all(writing).await;
    let counts = "SELECT concat_ws(' ', (SELECT count(*) FROM product_events), (SELECT count(*) FROM product_state), \
        (SELECT sum(events) FROM product_stats), (SELECT sum(duplicates) FROM product_stats), (SELECT sum(duplicates) FROM product_event_ids))";
    assert_eq!(database.texts(counts).await, ["400 40 400 1200 1200"]);
}
