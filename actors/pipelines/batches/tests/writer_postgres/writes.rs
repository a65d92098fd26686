//! Writes, what is done to them, and what became of them.

use crate::{fixtures::*, server::TestDatabase};
use millrace_batches::{messages::ParsedBatch, write::Writer};
use millrace_engine::{Fault, Sink};
use std::{future::Future, task::Poll};
use tokio_postgres::Client;

pub(crate) fn one(id: &str) -> ParsedBatch {
    batch(event(id), one_of_each(id))
}

pub(crate) fn outage(fault: Fault) -> String {
    match fault {
        Fault::Outage {
            dependency: "database",
            detail,
        } => detail,
        other => panic!("not an outage of the database: {other:?}"),
    }
}

/// The event alone is charged for this.
pub(crate) fn charged(fault: Fault, expected: &str) -> String {
    match fault {
        Fault::Transient { cause, detail } if cause == expected => detail,
        other => panic!("not charged to the event for {expected}: {other:?}"),
    }
}

/// Holds a row that every batch of [`one`] writes, until it is dropped.
pub(crate) async fn hold_author(database: &TestDatabase<'_>) -> Client {
    let holder = database.client().await;
    let hold =
        "BEGIN; INSERT INTO authors (platform, author_key, crawled_at) VALUES ('tiktok', 'ann', now())";
    holder.batch_execute(hold).await.unwrap();
    holder
}

/// Polls `write` until the server has a backend of ours that waits for a lock; returns its process id.
pub(crate) async fn until_blocked(
    database: &TestDatabase<'_>,
    write: &mut (impl Future<Output = Result<(), Fault>> + Unpin),
) -> i32 {
    let client = database.client().await;
    let blocked = "SELECT pid FROM pg_stat_activity WHERE application_name = 'millrace' AND wait_event_type = 'Lock' \
        AND datname = current_database()";
    loop {
        let polled =
            std::future::poll_fn(|context| Poll::Ready(std::pin::Pin::new(&mut *write).poll(context))).await;
        assert!(polled.is_pending(), "it was not blocked: {polled:?}");
        if let Some(row) = client.query_opt(blocked, &[]).await.unwrap() {
            return row.get(0);
        }
    }
}

/// Writes a batch and sees that it is stored once, whatever was tried with it before.
pub(crate) async fn assert_stores(database: &TestDatabase<'_>, writer: &mut Writer, batch: &ParsedBatch) {
    writer.write(&[batch]).await.unwrap();
    assert_stored_once(database, &batch.event.event_id).await;
}

pub(crate) async fn assert_works(database: &TestDatabase<'_>, writer: &mut Writer, id: &str) {
    assert_stores(database, writer, &one(id)).await;
}

/// The rows of [`one`] are there, and its error was counted once.
pub(crate) async fn assert_stored_once(database: &TestDatabase<'_>, id: &str) {
    let sql = format!(
        "SELECT (SELECT count(*) FROM ingested_batches WHERE event_id = '{id}'), \
         (SELECT count(*) FROM post_analytics WHERE id = '{id}'), \
         (SELECT coalesce(sum(occurrences), 0)::bigint FROM crawl_errors WHERE content_id = '{id}-e')"
    );
    let row = &database.rows(&sql).await[0];
    let found: [i64; 3] = [row.get(0), row.get(1), row.get(2)];
    assert_eq!(found, [1, 1, 1], "{id}: ledger, posts, occurrences");
}

pub(crate) async fn assert_not_stored(database: &TestDatabase<'_>, id: &str) {
    let sql = format!("SELECT count(*) FROM ingested_batches WHERE event_id = '{id}'");
    assert_eq!(database.value::<i64>(&sql).await, 0, "{id}");
}

/// Makes the server refuse the next `times` posts with this SQLSTATE. A sequence counts, because no
/// rollback takes it back.
pub(crate) async fn refuse_posts(database: &TestDatabase<'_>, code: &str, times: u32) {
    let sql = format!(
        "DROP SEQUENCE IF EXISTS tries; CREATE SEQUENCE tries; \
         CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF nextval('tries') <= {times} THEN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{code}'; END IF; \
         RETURN NEW; END $$; \
         CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON post_analytics FOR EACH ROW EXECUTE FUNCTION refuse()"
    );
    database.client().await.batch_execute(&sql).await.unwrap();
}

/// Posts that the server has seen since [`refuse_posts`].
pub(crate) async fn tries(database: &TestDatabase<'_>) -> i64 {
    database.value("SELECT last_value FROM tries").await
}
