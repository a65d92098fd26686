//! What has had its time goes, and nothing else.

use crate::{fixtures::*, server::TestDatabase};
use jiff::{Timestamp, ToSpan};
use millrace_engine::Sink;
use millrace_products::write::{Keeping, Retention, Tidied};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn ago(days: i64) -> Timestamp {
    Timestamp::now() - (days * 24).hours()
}

/// An event that was received so many days ago, and its id then.
async fn received(database: &TestDatabase, days: i64) {
    let id = format!("d{days}");
    let mut one = chunk_of(days.try_into().unwrap(), None, 1, vec![created(0, &id, "p", 0)]);
    one.received_at = ago(days);
    database.writer().write(&[&one]).await.unwrap();
    let sql = format!(
        "UPDATE product_event_ids SET seen_at = now() - interval '{days} days' WHERE event_id = '{id}'"
    );
    database.run(&sql).await;
}

fn retention(database: &TestDatabase) -> Retention {
    let keeping = Keeping {
        journal: 30 * DAY,
        ids: 30 * DAY,
        stats: 400 * DAY,
    };
    Retention::new(database.database(), keeping)
}

const EVENTS: &str = "SELECT event_id FROM product_events ORDER BY 1";
const IDS: &str = "SELECT event_id FROM product_event_ids ORDER BY 1";

#[tokio::test]
async fn days_go_whole_when_they_are_over_and_their_ids_with_them() {
    let database = TestDatabase::migrated().await;
    for days in [45, 33, 20, 0] {
        received(&database, days).await;
    }
    database.run("TRUNCATE archive_pending").await;
    let now = Timestamp::now();
    let tidied = retention(&database).tidy(now).await.unwrap();
    assert_eq!(database.texts(EVENTS).await, ["d0", "d20"]);
    assert_eq!(database.texts(IDS).await, ["d0", "d20"]);
    assert_eq!(tidied.ids, 2);
    let days = "SELECT count(*) FROM pg_partition_tree('product_events') WHERE isleaf AND relid::text < 'product_events_' || \
        to_char(now() AT TIME ZONE 'UTC' - interval '30 days', 'YYYYMMDD')";
    assert_eq!(database.value::<i64>(days).await, 0);
    assert_eq!(retention(&database).tidy(now).await.unwrap(), Tidied::default());
}

#[tokio::test]
async fn a_day_of_which_something_waits_stays_with_its_ids() {
    for (waits, done) in [
        ("SELECT", "TRUNCATE archive_pending"),
        (
            "TRUNCATE archive_pending; INSERT INTO projection_queue (event_id, received_on) \
             SELECT event_id, received_on FROM product_events",
            "TRUNCATE projection_queue",
        ),
        (
            "TRUNCATE archive_pending; INSERT INTO archive_files (file_id, hour, seq, late, state, key, members, received_from, received_to, events) \
             SELECT gen_random_uuid(), now(), 1, false, 'planned', 'k', ARRAY[event_id], received_on, received_on + 1, 1 FROM product_events",
            "UPDATE archive_files SET state = 'stored', members = '{}'",
        ),
    ] {
        let database = TestDatabase::migrated().await;
        received(&database, 40).await;
        database.run(waits).await;
        retention(&database).tidy(Timestamp::now()).await.unwrap();
        assert_eq!(database.texts(EVENTS).await, ["d40"], "{waits}");
        assert_eq!(
            database.texts(IDS).await,
            ["d40"],
            "the archive finds its event by it"
        );
        database.run(done).await;
        retention(&database).tidy(Timestamp::now()).await.unwrap();
        assert_eq!(database.texts(EVENTS).await, [""; 0], "{done}");
        retention(&database).tidy(Timestamp::now()).await.unwrap();
        assert_eq!(database.texts(IDS).await, [""; 0], "{done}");
    }
}

#[tokio::test]
async fn counts_go_after_their_time() {
    let database = TestDatabase::migrated().await;
    database
        .run(
            "INSERT INTO product_stats (hour, event_type, topic, partition, events) \
             SELECT now() - n * interval '1 day', 'ProductCreated', 't', 0, n FROM generate_series(399, 401, 2) AS n",
        )
        .await;
    let tidied = retention(&database).tidy(Timestamp::now()).await.unwrap();
    assert_eq!(tidied.stats, 1);
    assert_eq!(
        database.value::<i64>("SELECT events FROM product_stats").await,
        399
    );
}
