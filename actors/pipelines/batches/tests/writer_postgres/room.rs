//! Later crawls of comments find room on their pages, so that no index changes.

use crate::{fixtures::*, server::TestDatabase};
use millrace_batches::domain::Items;
use millrace_engine::Sink;
use millrace_stack::wait_for;
use std::time::Duration;

const COMMENTS: i64 = 1_000;
const MIGRATION: &str =
    include_str!("../../../../../schema/batches/migrations/V13__room_for_later_crawls_of_comments.sql");
/// The part of each page that new rows fill.
const FILLED: &str = "SELECT coalesce(array_to_string(reloptions, ','), '') FROM pg_class WHERE oid = ";

#[tokio::test]
async fn most_later_crawls_of_comments_change_no_index() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    for crawl in 1..=3 {
        let comments = (0..COMMENTS).map(|id| comment(&format!("c{id}"), at(crawl)));
        let items = Items {
            comments: comments.collect(),
            ..Items::default()
        };
        let written = batch(event(&format!("e{crawl}")), items);
        writer.write(&[&written]).await.unwrap();
    }
    // A backend tells what it did a little later.
    let updates = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'comments'";
    let patience = Duration::from_secs(60);
    wait_for("the updates to be counted", patience, async || {
        let counted: i64 = database.value(updates).await;
        if counted == 2 * COMMENTS {
            Ok(())
        } else {
            Err(counted)
        }
    })
    .await
    .unwrap();
    let in_place: i64 = database
        .value(&updates.replace("n_tup_upd", "n_tup_hot_upd"))
        .await;
    assert!(in_place > COMMENTS, "{in_place} of {}", 2 * COMMENTS);
}

#[tokio::test]
async fn a_table_that_was_partitioned_gets_room_in_its_partitions() {
    let database = TestDatabase::migrated().await;
    assert_eq!(
        database
            .value::<String>(&format!("{FILLED} 'comments'::regclass"))
            .await,
        "autovacuum_vacuum_scale_factor=0.05,fillfactor=60"
    );
    let partitioned = "ALTER TABLE comments RENAME TO plain; \
        CREATE TABLE comments (LIKE plain) PARTITION BY HASH (comment_id); \
        CREATE TABLE part PARTITION OF comments FOR VALUES WITH (MODULUS 1, REMAINDER 0)";
    let client = database.client().await;
    client.batch_execute(partitioned).await.unwrap();
    client.batch_execute(MIGRATION).await.unwrap();
    assert_eq!(
        database
            .value::<String>(&format!("{FILLED} 'part'::regclass"))
            .await,
        "fillfactor=60"
    );
}
