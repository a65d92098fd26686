//! Many new rows are copied into their table; whatever is in the way of that, they are stored as they would be else.

mod refused;

use crate::{fixtures::*, server::TestDatabase, writes::*};
use futures_util::future::join_all;
use millrace_batches::{
    domain::{Comment, Items, Json, Post},
    messages::ParsedBatch,
};
use millrace_engine::{Fault, Sink};
use millrace_postgres::Database;
use tokio::runtime::Handle;

/// Rows that are many enough.
const MANY: usize = 100;

/// A batch of posts and comments under these ids.
fn many(event_id: &str, ids: impl Iterator<Item = usize>, crawled: i64) -> ParsedBatch {
    let mut items = Items::default();
    for id in ids {
        items.posts.push(post(&format!("v{id}"), at(crawled)));
        items.comments.push(comment(&format!("c{id}"), at(crawled)));
    }
    items.authors.push(author("ann", at(crawled)));
    batch(event(event_id), items)
}

/// What is copied is written in a part of a transaction, which has a number of its own.
async fn copied(database: &TestDatabase<'_>, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table} WHERE xmin NOT IN (SELECT xmin FROM ingested_batches)");
    database.value(&sql).await
}

async fn count(database: &TestDatabase<'_>, table: &str) -> i64 {
    database.value(&format!("SELECT count(*) FROM {table}")).await
}

/// The rows of both tables, without what tells when they were written.
async fn rows(database: &TestDatabase<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for table in ["post_analytics", "comments"] {
        let sql = format!(
            "SELECT (to_jsonb(t) - 'first_seen_at' - 'updated_at' - 'job_id')::text FROM {table} t ORDER BY t::text"
        );
        all.extend(
            database
                .rows(&sql)
                .await
                .iter()
                .map(|row| row.get::<_, String>(0)),
        );
    }
    all
}

#[tokio::test]
async fn new_rows_are_copied_and_a_new_crawl_of_them_is_merged() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    writer.write(&[&many("e1", 0..MANY, 1)]).await.unwrap();
    for table in ["post_analytics", "comments"] {
        assert_eq!(copied(&database, table).await, MANY as i64, "{table}");
    }
    let mut later = many("e2", 0..MANY, 2);
    later
        .items
        .posts
        .iter_mut()
        .for_each(|post| post.like_count = Some(7));
    writer.write(&[&later]).await.unwrap();
    assert_eq!(count(&database, "post_analytics").await, MANY as i64);
    assert_eq!(
        copied(&database, "post_analytics").await,
        0,
        "they were merged into what was there"
    );
    assert_eq!(
        database
            .value::<i64>("SELECT min(like_count) FROM post_analytics")
            .await,
        7
    );
}

/// Values that the text of an array, of JSON or of a number could bend; two versions of each, which leave ages.
fn colourful(event_id: &str, id: usize, crawled: i64) -> ParsedBatch {
    let json = |text: &str| Some(Json::from_clean(text.to_owned()));
    let tags = [
        "plain",
        "",
        "NULL",
        "a,b",
        "{x}",
        "quote\"d",
        "back\\slash",
        " spaced ",
        "đầy đủ",
    ];
    let older = Post {
        hashtags: Some(tags.map(str::to_owned).to_vec()),
        media_duration: Some(-0.5),
        published_at: Some("2026-01-02T03:04:05.123456789Z".parse().unwrap()),
        view_count: Some(i64::MAX - id as i64),
        extra: json(r#"{"a":[1,{"b":null}],"c":"\"quoted\" \u00e9"}"#),
        content_text: Some(format!("tab\tnewline\n\\N {id}")),
        content_transcription: Some("x".repeat(id * 300)),
        ..post(&format!("v{id}"), at(crawled - 5))
    };
    let later = Post {
        hashtags: id.is_multiple_of(2).then(Vec::new),
        error_details: json("[]"),
        ..post(&format!("v{id}"), at(crawled))
    };
    let comment = Comment {
        text: Some(String::new()),
        commented_at: Some("1969-12-31T23:59:59.999999Z".parse().unwrap()),
        parent_id: Some("p".into()),
        extra: json("1e3"),
        ..comment(&format!("c{id}"), at(crawled))
    };
    let items = Items {
        comments: vec![comment],
        ..posts([later, older])
    };
    batch(event(event_id), items)
}

#[tokio::test]
async fn what_is_copied_is_what_would_be_inserted() {
    let (together, alone) = (TestDatabase::migrated().await, TestDatabase::migrated().await);
    let batches: Vec<_> = (0..MANY).map(|id| colourful(&format!("e{id}"), id, 10)).collect();
    together
        .writer()
        .write(&batches.iter().collect::<Vec<_>>())
        .await
        .unwrap();
    let mut writer = alone.writer();
    for batch in &batches {
        writer.write(&[batch]).await.unwrap();
    }
    assert_eq!(copied(&together, "post_analytics").await, MANY as i64);
    assert_eq!(copied(&alone, "post_analytics").await, 0);
    let ages = "SELECT count(value_ages) FROM post_analytics";
    assert_eq!(together.value::<i64>(ages).await, MANY as i64);
    assert_eq!(rows(&together).await, rows(&alone).await);
}

/// The second writer cannot see the posts of the first, copies them too, and waits for their keys.
#[tokio::test]
async fn of_two_writers_with_the_same_new_rows_the_second_merges() {
    let database = TestDatabase::migrated().await;
    let holder = hold_author(&database).await;
    let mut first = many("e1", 0..MANY, 2);
    first
        .items
        .posts
        .iter_mut()
        .for_each(|post| post.like_count = Some(1));
    let mut second = many("e2", 0..MANY * 2, 1);
    second.items.authors.clear();
    second.items.posts.iter_mut().for_each(|post| {
        post.like_count = Some(2);
        post.share_count = Some(3);
    });
    let (mut one, mut other) = (database.writer(), database.writer());
    let (firsts, seconds) = ([&first], [&second]);
    let mut writing = Box::pin(one.write(&firsts));
    until_blocked(&database, &mut writing).await;
    let mut waiting = Box::pin(other.write(&seconds));
    until_blocked_by_key(&database, &mut waiting).await;
    holder.batch_execute("ROLLBACK").await.unwrap();
    let (written, waited) = tokio::join!(writing, waiting);
    written.unwrap();
    waited.unwrap();
    let merged = "SELECT count(*) FROM post_analytics WHERE like_count = 1 AND share_count = 3 AND job_id = 'p1-kw-e1'";
    assert_eq!(database.value::<i64>(merged).await, MANY as i64);
    assert_eq!(count(&database, "post_analytics").await, 2 * MANY as i64);
    assert_eq!(count(&database, "comments").await, 2 * MANY as i64);
    assert_eq!(count(&database, "ingested_batches").await, 2);
}

/// Polls `write` until two backends of ours wait.
async fn until_blocked_by_key(
    database: &TestDatabase<'_>,
    write: &mut (impl Future<Output = Result<(), Fault>> + Unpin),
) {
    let client = database.client().await;
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'millrace' \
        AND datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'COPY post_analytics %'";
    loop {
        let polled = std::future::poll_fn(|context| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut *write).poll(context))
        })
        .await;
        assert!(polled.is_pending(), "it was not blocked: {polled:?}");
        if client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 1 {
            return;
        }
    }
}

/// A sample of what is there need not show it.
#[tokio::test]
async fn one_row_that_is_there_among_many_new_ones_is_merged() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    let mut there = many("e0", 7..8, 1);
    there.items.posts[0].share_count = Some(3);
    writer.write(&[&there]).await.unwrap();
    const ALL: usize = 4_500;
    for (event_id, crawled) in [("e1", 2), ("e2", 2)] {
        writer.write(&[&many(event_id, 0..ALL, crawled)]).await.unwrap();
        assert_eq!(count(&database, "post_analytics").await, ALL as i64);
        assert_eq!(count(&database, "comments").await, ALL as i64);
    }
    let kept = "SELECT count(*) FROM post_analytics WHERE share_count = 3 AND job_id = 'p1-kw-e1'";
    assert_eq!(database.value::<i64>(kept).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_bring_the_same_new_rows_in_other_orders_do_not_deadlock() {
    const WRITERS: usize = 6;
    let database = TestDatabase::migrated().await;
    let shared = database.writer();
    for round in 0..10 {
        let batches: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let step = [1, 7, 11, 13, 17, 19][writer];
                let ids = (0..MANY).map(move |index| round * 1_000 + index * step % MANY + writer * 10);
                many(&format!("e{round}-{writer}"), ids, writer as i64)
            })
            .collect();
        let writes = batches.iter().map(|batch| {
            let mut writer = shared.clone();
            async move { writer.write(&[batch]).await }
        });
        for written in join_all(writes).await {
            written.unwrap();
        }
    }
    drop(shared);
    let backends = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    while database.value::<i64>(backends).await > 0 {
        tokio::task::yield_now().await;
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(database.value::<i64>(deadlocks).await, 0);
    assert_eq!(count(&database, "post_analytics").await, 10 * (MANY + 50) as i64);
}

#[tokio::test]
async fn a_bad_row_among_many_is_poison_with_the_reason_of_ever() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    let mut with_nul = many("e1", 0..MANY, 1);
    with_nul.items.comments[MANY / 2].text = Some("a\0b".to_owned());
    let mut with_huge_key = many("e2", 0..MANY, 1);
    with_huge_key.items.posts[MANY / 2].id = (0..9_000)
        .map(|i| char::from_u32(0x4E00 + (i * 7919) % 20_000).unwrap())
        .collect();
    let mut with_bad_json = many("e3", 0..MANY, 1);
    with_bad_json.items.posts[MANY / 2].extra = Some(Json::from_clean("{".to_owned()));
    for (bad, code) in [
        (with_nul, "22021"),
        (with_huge_key, "54000"),
        (with_bad_json, "22P02"),
    ] {
        match writer.write(&[&many("e0", 0..MANY, 1), &bad]).await.unwrap_err() {
            Fault::Poison {
                reason: "row_refused",
                detail,
            } => assert!(detail.contains(code), "{detail}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(database.everything().await, [""; 0]);
    }
    assert_works(&database, &mut writer, "e4").await;
}

#[tokio::test]
async fn an_event_that_comes_twice_in_one_write_is_copied_once() {
    let database = TestDatabase::migrated().await;
    let (first, second) = (many("e1", 0..MANY, 1), many("e1", MANY..MANY * 2, 1));
    database.writer().write(&[&first, &second]).await.unwrap();
    assert_eq!(count(&database, "comments").await, MANY as i64);
    let before = database.everything().await;
    database.writer().write(&[&second]).await.unwrap();
    assert_eq!(database.everything().await, before);
}

/// A row of another session, not committed, keeps the copy waiting.
#[tokio::test]
async fn a_copy_that_is_cut_short_leaves_nothing_behind() {
    let database = TestDatabase::migrated().await;
    let pool = Database::new(&database.settings(), &Handle::current()).unwrap();
    let metrics =
        millrace_batches::write::WriterMetrics::register(&mut Default::default(), Default::default());
    let mut writer = millrace_batches::write::Writer::new(pool.clone(), metrics);
    let holder = database.client().await;
    let hold = "BEGIN; INSERT INTO comments (platform, comment_id, post_id, crawled_at) \
        VALUES ('tiktok', 'c50', 'p', now())";
    holder.batch_execute(hold).await.unwrap();
    let batch = many("e1", 0..MANY, 1);
    let batches = [&batch];
    {
        let mut write = Box::pin(writer.write(&batches));
        let pid = until_blocked(&database, &mut write).await;
        let kill = "SELECT pg_terminate_backend($1)";
        holder.execute(kill, &[&pid]).await.unwrap();
        outage(write.await.unwrap_err());
    }
    {
        let mut write = Box::pin(writer.write(&batches));
        until_blocked(&database, &mut write).await;
    }
    assert_eq!(
        pool.pool_status().size,
        0,
        "the busy connection is not in the pool"
    );
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(database.everything().await, [""; 0]);
    writer.write(&batches).await.unwrap();
    assert_eq!(copied(&database, "comments").await, MANY as i64);
}

/// The driver takes the answers of such a connection for those of the statements before.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_on_which_a_copy_did_not_begin_is_not_used_again() {
    let database = TestDatabase::migrated().await;
    // Whether an answer is taken for another depends on which comes first.
    for round in 0..3 {
        let mut writer = database.writer();
        let holder = database.client().await;
        let hold = "BEGIN; LOCK TABLE comments IN SHARE MODE";
        holder.batch_execute(hold).await.unwrap();
        let first = round * MANY;
        let batch = many(&format!("e{round}"), first..first + MANY, 1);
        let batches = [&batch];
        {
            let mut write = Box::pin(writer.write(&batches));
            let pid = until_blocked(&database, &mut write).await;
            let give_up = format!("SELECT pg_cancel_backend({pid}); ROLLBACK");
            holder.batch_execute(&give_up).await.unwrap();
            charged(write.await.unwrap_err(), "write_too_slow");
        }
        writer.write(&batches).await.unwrap();
        assert_eq!(count(&database, "comments").await, (first + MANY) as i64);
    }
}

/// A copy would go partition by partition, and two of them could wait for each other.
#[tokio::test]
async fn rows_of_partitions_are_inserted() {
    let database = TestDatabase::migrated().await;
    let split = "ALTER TABLE comments RENAME TO whole; \
        CREATE TABLE comments (LIKE whole INCLUDING DEFAULTS, PRIMARY KEY (platform, comment_id)) \
            PARTITION BY HASH (platform, comment_id); \
        CREATE TABLE comments_0 PARTITION OF comments FOR VALUES WITH (MODULUS 2, REMAINDER 0); \
        CREATE TABLE comments_1 PARTITION OF comments FOR VALUES WITH (MODULUS 2, REMAINDER 1)";
    database.client().await.batch_execute(split).await.unwrap();
    let mut writer = database.writer();
    for (event_id, crawled) in [("e1", 1), ("e2", 2)] {
        writer.write(&[&many(event_id, 0..MANY, crawled)]).await.unwrap();
        let sql =
            format!("SELECT count(*) FROM comments WHERE crawled_at = to_timestamp(1760000000 + {crawled})");
        assert_eq!(database.value::<i64>(&sql).await, MANY as i64);
        assert_eq!(copied(&database, "comments").await, 0);
    }
    assert_eq!(copied(&database, "post_analytics").await, 0, "they were there");
}
