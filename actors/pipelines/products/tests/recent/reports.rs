//! What the database says of events, products, files and positions.

use crate::server::{TestDatabase, ago, events};
use jiff::Timestamp;
use millrace_products::reports::{ArchivedIn, ProductsByStatus, Reports};

fn reports(database: &TestDatabase) -> Reports {
    Reports::new(database.database.clone(), "group")
}

async fn run(database: &TestDatabase, sql: &str) {
    database.client.batch_execute(sql).await.unwrap();
}

#[tokio::test]
async fn products_are_counted_as_they_are_and_events_as_they_were() {
    let database = TestDatabase::new().await;
    let reports = reports(&database);
    let none = reports.stats(24).await.unwrap();
    assert_eq!((none.total_products, none.total_events, none.since), (0, 0, None));
    run(
        &database,
        "INSERT INTO product_state (product_id, status, low_stock, price, first_seen_at, last_event_at, last_event_id, value_ages)
         SELECT 'p-' || n, (ARRAY['created', 'updated', 'updated', 'deleted'])[1 + n % 4], n % 2 = 1, 19.90, now(), now(), 'e', '{}'
         FROM generate_series(0, 7) AS n;
         INSERT INTO product_stats (hour, event_type, topic, partition, events, rejected, duplicates)
         SELECT date_trunc('hour', now()) - make_interval(hours => h), kind, kind, p, 10 + h, 1, 2
         FROM generate_series(0, 29) AS h, generate_series(0, 1) AS p, unnest(ARRAY['ProductCreated', 'LowStockWarning']) AS kind;
         INSERT INTO product_stats (hour, event_type, topic, partition, rejected) VALUES (now() - interval '90 days', 'other', 'x', 0, 9)",
    )
    .await;
    let stats = reports.stats(24).await.unwrap();
    assert_eq!(stats.total_products, 6);
    let expected = ProductsByStatus {
        created: 2,
        updated: 4,
        deleted: 2,
        low_stock: 2,
    };
    assert_eq!(stats.products_by_status, expected);
    let of_a_kind: i64 = (0..30).map(|hour| 2 * (10 + hour)).sum();
    assert_eq!(stats.total_events, 2 * of_a_kind);
    assert_eq!(stats.events_by_type["LowStockWarning"], of_a_kind);
    assert_eq!(stats.events_by_type.len(), 2, "a kind without events is none");
    assert_eq!(stats.hourly_stats.len(), 24);
    let this_hour = Timestamp::now().strftime("%Y-%m-%dT%H").to_string();
    assert_eq!(stats.hourly_stats.last_key_value(), Some((&this_hour, &40)));
    let since = stats.since.unwrap();
    assert!((ago(31 * 3_600)..ago(28 * 3_600)).contains(&since), "{since}");
    let product = reports.product("p-1").await.unwrap().unwrap();
    assert_eq!(
        (product.price.as_deref(), product.status.as_str()),
        (Some("19.90"), "updated")
    );
    assert_eq!(reports.product("none").await.unwrap(), None);
}

#[tokio::test]
async fn an_event_is_told_with_its_place_its_file_and_what_came_again() {
    let all = events(4);
    let database = TestDatabase::new().await;
    database.store(&all).await;
    run(
        &database,
        "UPDATE product_event_ids SET duplicates = 3 WHERE event_id = 'e-000';
         INSERT INTO projection_failures (event_id, received_on, detail) VALUES ('e-000', now(), 'too large');
         DELETE FROM projection_queue WHERE event_id = 'e-000';
         INSERT INTO archive_pending (hour, event_id, received_on, bytes, late)
         SELECT date_trunc('hour', event_at, 'UTC'), event_id, received_on, 1, false FROM product_events WHERE event_id = 'e-000';
         INSERT INTO archive_files (file_id, hour, seq, late, state, key, members, received_from, received_to, events)
         SELECT gen_random_uuid(), date_trunc('hour', event_at, 'UTC'), 1, false, 'planned', 'k-1', '{e-001}', received_on, received_on, 1
         FROM product_events WHERE event_id = 'e-001';
         INSERT INTO archive_files (file_id, hour, seq, late, state, key, members, received_from, received_to, events, min_event_at, max_event_at)
         SELECT gen_random_uuid(), date_trunc('hour', event_at, 'UTC'), 2, false, 'stored', 'k-2', '{}', received_on, received_on, 1, event_at, event_at
         FROM product_events WHERE event_id = 'e-002'",
    )
    .await;
    let reports = reports(&database);
    let told = async |id: &str| reports.event(id).await.unwrap().unwrap();
    let first = told("e-000").await;
    assert_eq!(
        (first.duplicates, first.offset, first.projection_waits),
        (3, Some(0), false)
    );
    assert_eq!(first.topic.as_deref(), Some("ProductCreated"));
    assert_eq!(first.projection_failure.as_deref(), Some("too large"));
    assert_eq!(first.archive.state, "pending");
    let archived = |state: &str, keys: &[&str]| ArchivedIn {
        state: state.to_owned(),
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
    };
    assert_eq!(told("e-001").await.archive, archived("planned", &["k-1"]));
    assert_eq!(told("e-002").await.archive, archived("stored", &["k-2"]));
    assert_eq!(told("e-003").await.archive, archived("unknown", &[]));
    assert!(told("e-003").await.projection_waits);
    assert_eq!(reports.event("none").await.unwrap(), None);
}

#[tokio::test]
async fn an_hour_is_told_with_its_files_and_what_is_in_none() {
    let database = TestDatabase::new().await;
    run(
        &database,
        "INSERT INTO archive_files (file_id, hour, seq, late, state, key, members, received_from, received_to, events, bytes)
         SELECT gen_random_uuid(), timestamptz '2026-03-01 10:00Z' + make_interval(hours => n / 3), n, n % 3 = 2,
                CASE n % 3 WHEN 2 THEN 'planned' ELSE 'stored' END, 'k' || n, '{}', now(), now(), 5, CASE n % 3 WHEN 2 THEN NULL ELSE 100 END
         FROM generate_series(0, 5) AS n;
         INSERT INTO archive_pending VALUES ('2026-03-01 11:00Z', 'a', now(), 1, true), ('2026-03-01 12:00Z', 'b', now(), 1, false);
         INSERT INTO archive_hours (hour, files, events) VALUES ('2026-03-01 10:00Z', 3, 15)",
    )
    .await;
    let reports = reports(&database);
    let all = reports.archive(None).await.unwrap();
    let hours: Vec<_> = all.hours.iter().map(|hour| hour.hour.to_string()).collect();
    assert_eq!(
        hours,
        [
            "2026-03-01T12:00:00Z",
            "2026-03-01T11:00:00Z",
            "2026-03-01T10:00:00Z"
        ]
    );
    assert!(all.files.is_empty());
    let [first, second, third] = &all.hours[..] else {
        panic!("three hours");
    };
    assert_eq!((first.files, first.pending, first.closed_at), (0, 1, None));
    let counts = (
        second.files,
        second.late_files,
        second.planned,
        second.events,
        second.bytes,
        second.pending,
    );
    assert_eq!(counts, (3, 1, 1, 15, 200, 1));
    assert!(third.closed_at.is_some() && second.closed_at.is_none());
    let one = reports.archive(Some(second.hour)).await.unwrap();
    assert_eq!(one.hours, std::slice::from_ref(second));
    assert_eq!(
        one.files.iter().map(|file| file.key.as_str()).collect::<Vec<_>>(),
        ["k3", "k4", "k5"]
    );
}

#[tokio::test]
async fn rejected_records_are_walked_shown_and_dropped() {
    let database = TestDatabase::new().await;
    run(
        &database,
        "INSERT INTO rejected_events (topic, partition, record_offset, reason, detail, raw, raw_bytes, created_at)
         SELECT (ARRAY['a', 'B'])[1 + n % 2], n % 3, n, (ARRAY['malformed_event', 'too_deep'])[1 + n / 40], 'why', 'abc', 3 + n, to_timestamp(1000000 + n / 10)
         FROM generate_series(0, 59) AS n",
    )
    .await;
    let reports = reports(&database);
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let part = reports.rejected(None, after, 7).await.unwrap();
        let Some(last) = part.last() else { break };
        after = Some(last.place());
        found.extend(part);
    }
    assert_eq!(found.len(), 60);
    assert!(found.is_sorted_by(|a, b| {
        let key = |it: &millrace_products::reports::RejectedReport| {
            (it.created_at, it.topic.clone(), it.partition, it.offset)
        };
        key(a) > key(b)
    }));
    let deep = reports
        .rejected(Some("too_deep".to_owned()), None, 200)
        .await
        .unwrap();
    assert_eq!(deep.len(), 20);
    let (whole, cut) = (("a", 0, 0), ("B", 1, 1));
    let shown = reports
        .rejected_whole(whole.0, whole.1, whole.2)
        .await
        .unwrap()
        .unwrap();
    assert!(shown.is_whole() && shown.raw.as_deref() == Some(b"abc"));
    assert!(
        !reports
            .rejected_whole(cut.0, cut.1, cut.2)
            .await
            .unwrap()
            .unwrap()
            .is_whole()
    );
    assert!(reports.drop_rejected("a", 0, 0).await.unwrap());
    assert!(!reports.drop_rejected("a", 0, 0).await.unwrap());
    assert_eq!(reports.rejected_whole("a", 0, 0).await.unwrap(), None);
}

#[tokio::test]
async fn a_position_is_moved_only_from_where_it_was_seen() {
    let database = TestDatabase::new().await;
    run(
        &database,
        "INSERT INTO kafka_positions (group_id, topic, partition, next_offset) VALUES ('group', 'a', 0, 7), ('group', 'a', 1, 8), ('other', 'a', 2, 9);
         INSERT INTO position_gaps (group_id, topic, partition, from_offset, to_offset, reason) VALUES ('group', 'a', 0, 1, 5, 'retention')",
    )
    .await;
    let reports = reports(&database);
    let (positions, gaps) = reports.positions().await.unwrap();
    assert_eq!(positions.iter().map(|it| it.position).collect::<Vec<_>>(), [7, 8]);
    assert_eq!((gaps.len(), gaps[0].to_offset), (1, 5));
    assert!(!reports.seek(("a", 0), 6, 3, "person").await.unwrap());
    assert!(reports.seek(("a", 0), 7, 3, "person").await.unwrap());
    let (positions, _) = reports.positions().await.unwrap();
    assert_eq!(
        (positions[0].position, positions[0].owner.as_deref()),
        (3, Some("person"))
    );
}
