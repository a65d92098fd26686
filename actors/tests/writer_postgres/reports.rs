//! The questions of the API never stand in the writers' way.

use crate::{fixtures::*, server::TestDatabase};
use millrace_actors::{
    reports::{ErrorsOf, Page, Position, ReportBook},
    supervision::Sink,
    writer::{
        PostgresSettings,
        postgres::{Database, Reports},
    },
};
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
    assert_eq!(reports.batches(None, Page::first(1)).await, Ok(Vec::new()));
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
        let part = reports.batches(None, Page { after, limit: 2 }).await.unwrap();
        let Some(last) = part.last() else { break };
        after = Some(Position(last.committed_at, last.event_id.clone(), String::new()));
        seen.extend(part.into_iter().map(|batch| batch.event_id));
    }
    assert_eq!(seen, ["e6", "e5", "e4", "e3", "e2", "e1", "e0"]);
}
