//! The views that dashboards read.

use crate::{fixtures::*, server::TestDatabase};
use millrace_batches::domain::Items;
use millrace_engine::Sink;

#[tokio::test]
async fn project_progress_counts_batches_once_and_items_as_stored() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    // Batch 1 is announced twice under two ids.
    for (id, index) in [("e1", Some(0)), ("e2", Some(1)), ("e3", Some(1)), ("e4", None)] {
        let mut event = event(id);
        event.job_id = "p1-kw-1".to_owned();
        (event.batch_index, event.total_batches) = (index, Some(8));
        writer.write(&[&batch(event, one_of_each(id))]).await.unwrap();
    }
    let row = &database
        .rows(
            "SELECT project_id, job_id, platform, batches_done, batches_expected, percent, items, successes, \
        errors, rejected, last_committed_at IS NOT NULL FROM project_progress",
        )
        .await[0];
    assert_eq!((row.get(0), row.get(1), row.get(2)), ("p1", "p1-kw-1", "tiktok"));
    assert_eq!((row.get(3), row.get(4), row.get(5)), (3i64, 8i64, 37.5f64));
    assert_eq!(
        (row.get(6), row.get(7), row.get(8), row.get(9)),
        (12i64, 4i64, 4i64, 4i64)
    );
    assert!(row.get::<_, bool>(10));
}

#[tokio::test]
async fn progress_without_a_plan_has_no_percentage() {
    let database = TestDatabase::migrated().await;
    database
        .writer()
        .write(&[&batch(event("e1"), Items::default())])
        .await
        .unwrap();
    let row = &database
        .rows("SELECT batches_done, batches_expected, percent FROM project_progress")
        .await[0];
    assert_eq!(
        (row.get(0), row.get(1), row.get(2)),
        (1i64, None::<i64>, None::<f64>)
    );
}

#[tokio::test]
async fn error_distribution_sums_occurrences() {
    let database = TestDatabase::migrated().await;
    let errors = [
        ("v1", "TIMEOUT"),
        ("v1", "TIMEOUT"),
        ("v2", "timeout"),
        ("v2", "MADE_UP"),
    ];
    let items = Items {
        errors: errors.map(|(id, code)| error(id, code, at(1))).to_vec(),
        ..Items::default()
    };
    database
        .writer()
        .write(&[&batch(event("e1"), items)])
        .await
        .unwrap();
    let rows = database.rows("SELECT project_id, platform, error_code, error_category, errors FROM error_distribution ORDER BY errors").await;
    let rows = rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)))
        .collect::<Vec<_>>();
    assert_eq!(
        rows,
        [
            ("p1", "tiktok", "MADE_UP", "unknown", 1i64),
            ("p1", "tiktok", "TIMEOUT", "network", 3i64)
        ]
    );
}
