//! The questions of the API never stand in the writers' way.

use crate::{fixtures::*, server::TestDatabase};
use millrace_batches::{
    reports::{ErrorsOf, Page, Position, ReportQueries},
    write::Reports,
};
use millrace_engine::Sink;
use millrace_postgres::{Database, PostgresSettings};
use tokio::runtime::Handle;

fn one_connection(database: &TestDatabase<'_>) -> Database {
    let settings = PostgresSettings {
        pool_size: 1,
        ..database.settings()
    };
    Database::new(&settings, &Handle::current()).unwrap()
}

#[tokio::test]
async fn a_question_gives_up_soon_and_gives_its_connection_back() {
    let database = TestDatabase::migrated().await;
    let pool = one_connection(&database);
    let reports = Reports::new(pool.clone());
    let blocker = database.client().await;
    let lock = "BEGIN; LOCK TABLE ingested_batches IN ACCESS EXCLUSIVE MODE";
    blocker.batch_execute(lock).await.unwrap();
    let refused = reports.batches(None, Page::first(1)).await.unwrap_err();
    assert!(refused.0.contains("57014"), "{refused}");
    assert_eq!((pool.pool_status().size, pool.pool_status().available), (1, 1));
    blocker.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(reports.batches(None, Page::first(1)).await, Ok(Some(Vec::new())));
    assert_eq!(pool.pool_status().size, 1, "it was the same connection");
}

#[tokio::test]
async fn without_a_schema_the_answer_says_so() {
    let database = TestDatabase::empty().await;
    let reports = Reports::new(one_connection(&database));
    let refused = reports.errors(ErrorsOf::default()).await.unwrap_err();
    assert!(refused.0.contains("rollup_"), "{refused}");
}

#[tokio::test]
async fn rows_of_the_same_moment_are_walked_once_each() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    for n in 0..7 {
        let stored = batch(event(&format!("e{n}")), one_of_each(&n.to_string()));
        writer.write(&[&stored]).await.unwrap();
    }
    let client = database.client().await;
    client
        .batch_execute("UPDATE ingested_batches SET committed_at = now()")
        .await
        .unwrap();
    let reports = Reports::new(one_connection(&database));
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let part = reports
            .batches(None, Page { after, limit: 2 })
            .await
            .unwrap()
            .unwrap();
        let Some(last) = part.last() else { break };
        after = Some(Position(last.committed_at, last.event_id.clone(), String::new()));
        seen.extend(part.into_iter().map(|batch| batch.event_id));
    }
    assert_eq!(seen, ["e6", "e5", "e4", "e3", "e2", "e1", "e0"]);
}

/// More than are sorted: those of exactly one project or job, or the newest, or none at all, and never a part of them.
#[tokio::test]
async fn a_search_finds_all_that_begin_so_or_says_that_it_cannot() {
    let database = TestDatabase::migrated().await;
    let client = database.client().await;
    let insert = "INSERT INTO ingested_batches (event_id, object_path, project_id, job_id, platform, item_count, success_count, \
        error_count, rejected_count, error_distribution, event_at, received_at, committed_at, attempts) \
        SELECT prefix || n, 'o', project, project || '-' || n % 2, 'tiktok', 1, 1, 0, 0, '{}', now(), now(), \
               now() - n * interval '1 second' - age, 1 \
        FROM generate_series(1, 2100) n, \
             (VALUES ('new_', 'p1', interval '0'), ('old_', 'p10', interval '1 day'), ('old_x', 'p100', '2 days')) AS of (prefix, project, age)";
    client.batch_execute(insert).await.unwrap();
    client.batch_execute("ANALYZE").await.unwrap();
    let reports = Reports::new(one_connection(&database));
    let search = async |q: &str, limit| {
        let found = reports
            .batches(Some(q.to_owned()), Page::first(limit))
            .await
            .unwrap();
        found.map(|found| found.into_iter().map(|batch| batch.event_id).collect::<Vec<_>>())
    };
    let ids = |prefix: &str, numbers: &[i32]| {
        Some(numbers.iter().map(|n| format!("{prefix}{n}")).collect::<Vec<_>>())
    };
    assert_eq!(search("new_210", 9).await, ids("new_", &[210, 2100]));
    assert_eq!(
        search("p1-1", 2).await,
        ids("new_", &[1, 3]),
        "a job, with no more than are sorted"
    );
    assert_eq!(
        search("p10", 2).await,
        ids("old_", &[1, 2]),
        "exactly this project"
    );
    assert_eq!(search("new_", 2).await, ids("new_", &[1, 2]), "the newest");
    assert_eq!(search("p", 2).await, ids("new_", &[1, 2]));
    assert_eq!(
        search("old_", 6_500).await,
        None,
        "they are not all among the newest"
    );
    assert_eq!(search("unknown", 2).await, ids("", &[]));
    let late = Page {
        after: Some(Position(
            jiff::Timestamp::UNIX_EPOCH,
            String::new(),
            String::new(),
        )),
        limit: 3,
    };
    let end = reports.batches(Some("p10".to_owned()), late).await.unwrap();
    assert_eq!(end, Some(Vec::new()), "the end of a project");
}
