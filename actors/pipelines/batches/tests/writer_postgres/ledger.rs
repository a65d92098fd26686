//! An event is stored once, with all of its rows or none.

use crate::{
    fixtures::*,
    server::{TABLES, TestDatabase},
};
use futures_util::future::join_all;
use millrace_batches::domain::Items;
use millrace_engine::Sink;

#[tokio::test]
async fn an_event_that_is_in_the_ledger_changes_nothing() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    let first = batch(event("e1"), one_of_each("v1"));
    writer.write(&[&first]).await.unwrap();
    let before = database.everything().await;
    assert_eq!(before.len(), TABLES.len());

    let mut changed = one_of_each("v1");
    changed.posts[0].like_count = Some(99);
    changed.posts[0].crawled_at = at(99);
    writer.write(&[&first]).await.unwrap();
    writer.write(&[&batch(event("e1"), changed)]).await.unwrap();
    assert_eq!(database.everything().await, before);
}

#[tokio::test]
async fn of_an_event_that_comes_twice_in_one_write_the_first_counts() {
    let database = TestDatabase::migrated().await;
    let (first, second) = (
        batch(event("e1"), one_of_each("a")),
        batch(event("e1"), one_of_each("b")),
    );
    let other = batch(event("e0"), one_of_each("c"));
    database.writer().write(&[&first, &second, &other]).await.unwrap();
    let ids = database.rows("SELECT id FROM post_analytics ORDER BY id").await;
    assert_eq!(
        ids.iter().map(|row| row.get::<_, &str>(0)).collect::<Vec<_>>(),
        ["a", "c"]
    );
    let author: i64 = database.value("SELECT count(*) FROM authors").await;
    assert_eq!(author, 1, "both batches name one author");
}

#[tokio::test]
async fn the_same_event_from_many_writers_at_once_is_stored_once() {
    let database = TestDatabase::migrated().await;
    let same = batch(event("e1"), one_of_each("v1"));
    let writes = (0..8).map(|_| async { database.writer().write(&[&same]).await });
    for written in join_all(writes).await {
        written.unwrap();
    }
    let occurrences: i64 = database
        .value("SELECT sum(occurrences)::bigint FROM crawl_errors")
        .await;
    assert_eq!(occurrences, 1);
}

#[tokio::test]
async fn an_empty_batch_is_a_ledger_row() {
    let database = TestDatabase::migrated().await;
    database
        .writer()
        .write(&[&batch(event("e1"), Items::default())])
        .await
        .unwrap();
    let everything = database.everything().await;
    assert_eq!(everything.len(), 1);
    assert!(everything[0].starts_with("ingested_batches"));
}

#[tokio::test]
async fn the_ledger_holds_what_is_known_of_the_event() {
    let database = TestDatabase::migrated().await;
    let mut one = event("e1");
    one.batch_index = Some(0);
    one.total_batches = Some(4);
    one.content_count = Some(50);
    one.delivery.attempt = 3;
    one.delivery.trace_id = Some("0af7651916cd43dd8448eb211c80319c".to_owned());
    let mut items = one_of_each("v1");
    items.errors.extend([
        error("x", "TIMEOUT", at(1)),
        error("x", "TIMEOUT", at(2)),
        error("x", "NEW\"1", at(2)),
    ]);
    let mut stored = batch(one, items);
    stored.object.etag = Some("abc".to_owned());
    database.writer().write(&[&stored]).await.unwrap();

    let row: String = database
        .value("SELECT (to_jsonb(b) - 'committed_at')::text FROM ingested_batches b WHERE committed_at > '2020-01-01'")
        .await;
    insta::assert_snapshot!(row);
}

#[tokio::test]
async fn every_column_arrives_as_it_was_sent() {
    let database = TestDatabase::migrated().await;
    let clean = |text: &str| Some(millrace_batches::domain::Json::from_clean(text.to_owned()));
    let tags = [
        "plain",
        "",
        "NULL",
        "null",
        "a,b",
        "{x}",
        "quote\"d",
        "back\\slash",
        " spaced ",
        "đầy đủ",
    ];
    let mut items = one_of_each("v1");
    let post = &mut items.posts[0];
    post.hashtags = Some(tags.map(str::to_owned).to_vec());
    post.content_transcription = Some("x".repeat(1 << 20));
    post.media_duration = Some(12.5);
    post.published_at = Some("2026-01-02T03:04:05.123456789Z".parse().unwrap());
    post.extra = clean(r#"{"a":[1,{"b":null}],"c":"\"quoted\""}"#);
    post.view_count = Some(i64::MAX);
    database
        .writer()
        .write(&[&batch(event("e1"), items)])
        .await
        .unwrap();

    let row = &database
        .rows(
            "SELECT hashtags, length(content_transcription), media_duration, published_at, extra, \
        view_count, content_text FROM post_analytics",
        )
        .await[0];
    assert_eq!(row.get::<_, Vec<String>>(0), tags);
    assert_eq!(row.get::<_, i32>(1), 1 << 20);
    assert_eq!(row.get::<_, f64>(2), 12.5);
    assert_eq!(
        row.get::<_, jiff::Timestamp>(3).to_string(),
        "2026-01-02T03:04:05.123456Z"
    );
    assert_eq!(
        row.get::<_, serde_json::Value>(4),
        serde_json::json!({"a": [1, {"b": null}], "c": "\"quoted\""})
    );
    assert_eq!(row.get::<_, i64>(5), i64::MAX);
    assert_eq!(row.get::<_, Option<String>>(6), None);
}
