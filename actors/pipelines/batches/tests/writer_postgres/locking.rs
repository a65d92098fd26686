//! Writers that meet on the same rows wait for each other and never deadlock.

use crate::{fixtures::*, server::TestDatabase, writes::*};
use futures_util::future::join_all;
use millrace_batches::{domain::Items, messages::ParsedBatch};
use millrace_engine::Sink;

/// The hot rows in an order that differs from batch to batch.
fn hot(writer: usize, round: usize) -> ParsedBatch {
    const ROWS: usize = 60;
    let order = |index: usize| (index * [1, 7, 11, 13, 17, 19, 23, 29][writer % 8] + round) % ROWS;
    let seconds = (round * 8 + writer) as i64;
    let items = Items {
        authors: (0..ROWS)
            .map(|index| author(&format!("a{}", order(index)), at(seconds)))
            .collect(),
        comments: (0..ROWS)
            .map(|index| comment(&format!("c{}", order(index)), at(seconds)))
            .collect(),
        errors: (0..ROWS)
            .map(|index| error(&format!("v{}", order(index)), "TIMEOUT", at(seconds)))
            .collect(),
        ..posts((0..ROWS).map(|index| post(&format!("v{}", order(index)), at(seconds))))
    };
    batch(event(&format!("e{writer}-{round}")), items)
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_on_hot_rows_do_not_deadlock() {
    const WRITERS: usize = 8;
    const ROUNDS: usize = 12;
    let database = TestDatabase::migrated().await;
    let shared = database.writer();
    join_all((0..WRITERS).map(|index| {
        let mut writer = shared.clone();
        async move {
            for round in 0..ROUNDS {
                writer.write(&[&hot(index, round)]).await.unwrap();
            }
        }
    }))
    .await;
    let occurrences: i64 = database.value("SELECT min(occurrences) FROM crawl_errors").await;
    assert_eq!(occurrences, (WRITERS * ROUNDS) as i64);
    // Backends report when they are idle or end; a deadlock also would have cost its writer a second.
    drop(shared);
    let backends = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    while database.value::<i64>(backends).await > 0 {
        tokio::task::yield_now().await;
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(database.value::<i64>(deadlocks).await, 0);
}

/// What many batches share must not be locked while the rest of a large batch is written.
#[tokio::test]
async fn a_writer_that_waits_for_a_comment_does_not_hold_its_authors() {
    let database = TestDatabase::migrated().await;
    let holder = database.client().await;
    let hold = "BEGIN; INSERT INTO comments (platform, comment_id, post_id, crawled_at) \
        VALUES ('tiktok', 'e1-c1', 'p', now())";
    holder.batch_execute(hold).await.unwrap();
    let blocked = one("e1");
    let batches = [&blocked];
    let mut writer = database.writer();
    let mut write = Box::pin(writer.write(&batches));
    until_blocked(&database, &mut write).await;
    assert_works(&database, &mut database.writer(), "e2").await;
    holder.batch_execute("ROLLBACK").await.unwrap();
    write.await.unwrap();
    assert_stored_once(&database, "e1").await;
}
