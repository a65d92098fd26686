//! The way from the queue into the store.

use crate::server::{TestDatabase, ago, dynamo, events, queued};
use jiff::Timestamp;
use millrace_engine::{Fault, Sink};
use millrace_products::recent::{DynamoEvents, ProjectionMetrics, Projector, QueuedEvent, RecentStore};
use millrace_stack::Refusal;
use std::{collections::BTreeSet, sync::Arc};

fn projector(database: &TestDatabase, store: &DynamoEvents) -> Projector {
    Projector::new(
        database.queue(),
        Arc::new(store.clone()),
        ProjectionMetrics::default(),
    )
}

async fn project(projector: &mut Projector, rows: &[QueuedEvent]) -> Result<(), Fault> {
    projector.write(&rows.iter().collect::<Vec<_>>()).await
}

#[tokio::test]
async fn throttling_loses_nothing_and_doubles_nothing() {
    let all = events(250);
    let database = TestDatabase::new().await;
    database.store(&all).await;
    let (server, store) = dynamo().await;
    server.refuse(Refusal::Half);
    let mut projector = projector(&database, &store);
    for _ in 0..2 {
        project(&mut projector, &queued(&all)).await.unwrap();
    }
    assert!(server.refused() > 10, "{}", server.refused());
    server.refuse(Refusal::None);
    let items = server.items("RecentEvents").await.unwrap();
    let ids: BTreeSet<_> = items
        .iter()
        .map(|item| item["id"]["S"].as_str().unwrap())
        .collect();
    assert_eq!((items.len(), ids.len()), (250, 250));
    for event in all.iter().filter(|event| event.expires_at > Timestamp::now()) {
        let told = store.get(&event.id, Timestamp::now()).await.unwrap();
        assert_eq!(told.as_ref(), Some(event));
    }
    assert_eq!(database.count("projection_failures").await, 0);
}

#[tokio::test]
async fn what_the_store_refuses_is_put_aside_and_what_is_gone_is_done() {
    let all = events(3);
    let database = TestDatabase::new().await;
    database.store(&all).await;
    let (server, store) = dynamo().await;
    server.refuse(Refusal::Named("ValidationException"));
    let mut projector = projector(&database, &store);
    let mut rows = queued(&all);
    rows[2].event_id = "of a day that was dropped".to_owned();
    project(&mut projector, &rows).await.unwrap();
    assert_eq!(database.count("projection_failures").await, 2);
    assert_eq!(database.queue().waiting().await.unwrap().failures, 2);
    let sql = "SELECT DISTINCT detail FROM projection_failures";
    let detail: String = database.client.query_one(sql, &[]).await.unwrap().get(0);
    assert!(detail.contains("ValidationException"), "{detail}");
}

#[tokio::test]
async fn a_store_that_is_away_costs_no_event_and_stops_nothing_else() {
    let all = events(3);
    let database = TestDatabase::new().await;
    database.store(&all).await;
    let (server, store) = dynamo().await;
    let mut projector = projector(&database, &store);
    for refusal in ["AccessDeniedException", "ResourceNotFoundException"] {
        server.refuse(Refusal::Named(refusal));
        let fault = project(&mut projector, &queued(&all)).await.unwrap_err();
        // Deferred: no breaker opens, and no attempt is charged.
        assert!(
            matches!(
                fault,
                Fault::Deferred {
                    cause: "recent_store",
                    ..
                }
            ),
            "{fault}"
        );
        assert!(fault.to_string().contains(refusal), "{fault}");
    }
    assert_eq!(database.count("projection_failures").await, 0);
    server.refuse(Refusal::None);
    project(&mut projector, &queued(&all)).await.unwrap();
    assert_eq!(server.items("RecentEvents").await.unwrap().len(), 3);
}

#[tokio::test]
async fn events_are_put_back_into_the_queue_from_the_journal() {
    let all = events(70);
    let database = TestDatabase::new().await;
    database.store(&all).await;
    database
        .client
        .execute("DELETE FROM projection_queue", &[])
        .await
        .unwrap();
    let since = ago(86_400 + 1_200);
    let wanted: BTreeSet<_> = all
        .iter()
        .filter(|event| event.received_at >= since && event.expires_at > Timestamp::now())
        .map(|event| event.id.as_str())
        .collect();
    assert!(wanted.len() > 20, "{}", wanted.len());
    let queue = database.queue();
    let many = u64::try_from(wanted.len()).unwrap();
    assert_eq!(queue.again(since, true, |_, _| {}).await.unwrap(), many);
    assert_eq!(
        database.count("projection_queue").await,
        0,
        "a dry run changes nothing"
    );
    let mut told = 0;
    assert_eq!(
        queue.again(since, false, |_, added| told += added).await.unwrap(),
        many
    );
    assert_eq!(told, many);
    assert_eq!(
        queue.again(since, false, |_, _| {}).await.unwrap(),
        0,
        "they are there"
    );
    let rows = database
        .client
        .query("SELECT event_id FROM projection_queue", &[])
        .await
        .unwrap();
    let found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), wanted);
    let waiting = queue.waiting().await.unwrap();
    assert_eq!(u64::try_from(waiting.events).unwrap(), many);
    assert!(waiting.oldest.unwrap() <= Timestamp::now());
}
