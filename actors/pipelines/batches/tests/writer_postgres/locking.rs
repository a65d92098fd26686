//! Writers that meet on the same rows wait for each other and never deadlock.

use crate::{fixtures::*, server::TestDatabase};
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
