//! What becomes of several crawls of one thing, whatever the order in which they arrive.

use crate::{fixtures::*, server::TestDatabase};
use futures_util::future::join_all;
use jiff::Timestamp;
use millrace_batches::{
    domain::{Items, Json, Platform, Project},
    messages::ParsedBatch,
};
use millrace_engine::Sink;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::{AtomicU32, Ordering},
};

/// One crawl of one post, its author, a comment of it, and an error about it.
#[derive(Clone, Debug)]
struct Crawl {
    key: u8,
    likes: Option<i64>,
    views: Option<i64>,
    text: Option<u8>,
    extra: Option<u8>,
    /// The batch it is in.
    batch: usize,
}

/// Which crawl happened when, and how they reach the database.
#[derive(Clone, Debug)]
struct History {
    crawls: Vec<Crawl>,
    /// When each crawl happened; all different.
    times: Vec<i64>,
    /// The writer and the write of each batch.
    routes: Vec<(usize, usize)>,
    /// Batches that are delivered once more in the end.
    replayed: Vec<usize>,
}

/// What should be stored of a key.
#[derive(Debug, PartialEq, Default)]
struct Expected {
    likes: Option<i64>,
    views: Option<i64>,
    text: Option<String>,
    extra: Option<String>,
    crawled_at: Timestamp,
    job: String,
    first: Timestamp,
    occurrences: i64,
}

const BATCHES: usize = 6;

fn histories() -> impl Strategy<Value = History> {
    let gap = |value: BoxedStrategy<i64>| prop::option::weighted(0.6, value);
    let crawl = (
        0..3u8,
        gap((0..100i64).boxed()),
        gap((0..100i64).boxed()),
        prop::option::weighted(0.6, any::<u8>()),
        prop::option::weighted(0.6, any::<u8>()),
        0..BATCHES,
    )
        .prop_map(|(key, likes, views, text, extra, batch)| Crawl {
            key,
            likes,
            views,
            text,
            extra,
            batch,
        });
    let routes = prop::collection::vec((0..4usize, 0..3usize), BATCHES);
    let replayed = prop::collection::vec(0..BATCHES, 0..3);
    (prop::collection::vec(crawl, 1..14), routes, replayed).prop_flat_map(|(crawls, routes, replayed)| {
        let times = (0..crawls.len() as i64).collect::<Vec<_>>();
        Just(times).prop_shuffle().prop_map(move |times| History {
            crawls: crawls.clone(),
            times,
            routes: routes.clone(),
            replayed: replayed.clone(),
        })
    })
}

fn text_of(text: u8) -> String {
    format!("text {text}")
}

fn extra_of(extra: u8) -> String {
    format!(r#"{{"k{}": {extra}}}"#, extra % 4)
}

// === impl History ===

impl History {
    fn batches(&self, platform: &str) -> Vec<ParsedBatch> {
        (0..BATCHES).map(|index| self.batch(platform, index)).collect()
    }

    fn batch(&self, platform: &str, index: usize) -> ParsedBatch {
        let mut items = Items::default();
        let crawls = self.crawls.iter().zip(&self.times);
        for (crawl, time) in crawls.filter(|(crawl, _)| crawl.batch == index) {
            let (key, time) = (crawl.key.to_string(), at(*time));
            let json = |extra: Option<u8>| extra.map(|extra| Json::from_clean(extra_of(extra)));
            let mut post = post(&key, time);
            (post.like_count, post.view_count) = (crawl.likes, crawl.views);
            (post.content_text, post.extra) = (crawl.text.map(text_of), json(crawl.extra));
            let mut author = author(&key, time);
            (author.total_likes, author.follower_count) = (crawl.likes, crawl.views);
            (author.bio, author.extra) = (crawl.text.map(text_of), json(crawl.extra));
            let mut comment = comment(&key, time);
            (comment.like_count, comment.reply_count) = (crawl.likes, crawl.views);
            (comment.text, comment.extra) = (crawl.text.map(text_of), json(crawl.extra));
            let mut error = error(&key, "TIMEOUT", time);
            (error.error_message, error.error_details) = (crawl.text.map(text_of), json(crawl.extra));
            items.posts.push(post);
            items.authors.push(author);
            items.comments.push(comment);
            items.errors.push(error);
        }
        let mut event = event(&format!("{platform}-{index}"));
        event.platform = Platform::new(platform);
        event.project = Project::Named("p".to_owned());
        event.job_id = format!("job-{index}");
        batch(event, items)
    }

    /// The rule, told in one breath: in the order of the crawls, what is there overwrites.
    fn expected(&self) -> BTreeMap<String, Expected> {
        let mut crawls = self.crawls.iter().zip(&self.times).collect::<Vec<_>>();
        crawls.sort_by_key(|(_, time)| **time);
        let mut rows = BTreeMap::<String, Expected>::new();
        for (crawl, time) in crawls {
            let row = rows.entry(crawl.key.to_string()).or_insert_with(|| Expected {
                first: at(*time),
                ..Expected::default()
            });
            row.likes = crawl.likes.or(row.likes);
            row.views = crawl.views.or(row.views);
            row.text = crawl.text.map(text_of).or(row.text.take());
            row.extra = crawl.extra.map(extra_of).or(row.extra.take());
            row.crawled_at = at(*time);
            row.job = format!("job-{}", crawl.batch);
            row.occurrences += 1;
        }
        rows
    }
}

async fn play(database: &TestDatabase<'_>, history: &History, platform: &str) {
    let batches = history.batches(platform);
    let mut writers = HashMap::<usize, BTreeMap<usize, Vec<&ParsedBatch>>>::new();
    for (batch, (writer, write)) in batches.iter().zip(&history.routes) {
        writers
            .entry(*writer)
            .or_default()
            .entry(*write)
            .or_default()
            .push(batch);
    }
    let shared = database.writer();
    join_all(writers.into_values().map(|writes| {
        let mut writer = shared.clone();
        async move {
            for write in writes.into_values() {
                writer.write(&write).await.unwrap();
            }
        }
    }))
    .await;
    let replayed = history
        .replayed
        .iter()
        .map(|index| &batches[*index])
        .collect::<Vec<_>>();
    shared.clone().write(&replayed).await.unwrap();
}

/// A table and how it calls what every table of the history has.
const VIEWS: [(&str, &str); 4] = [
    (
        "post_analytics",
        "id, like_count, view_count, content_text, extra::text, crawled_at, job_id",
    ),
    (
        "authors",
        "author_key, total_likes, follower_count, bio, extra::text, crawled_at, NULL::text",
    ),
    (
        "comments",
        "comment_id, like_count, reply_count, text, extra::text, crawled_at, NULL::text",
    ),
    (
        "crawl_errors",
        "content_id, NULL::bigint, NULL::bigint, error_message, error_details::text, last_seen_at, job_id, created_at, occurrences",
    ),
];

async fn check(database: &TestDatabase<'_>, history: &History, platform: &str) -> Result<(), TestCaseError> {
    for (table, columns) in VIEWS {
        let rows = database
            .rows(&format!(
                "SELECT {columns} FROM {table} WHERE platform = '{platform}'"
            ))
            .await;
        let mut expected = history.expected();
        let mut found = BTreeMap::new();
        for row in rows {
            let of_error = table == "crawl_errors";
            let key = row.get::<_, String>(0);
            let stored = Expected {
                likes: row.get(1),
                views: row.get(2),
                text: row.get(3),
                extra: row.get(4),
                crawled_at: row.get(5),
                job: row.get::<_, Option<String>>(6).unwrap_or_default(),
                first: if of_error {
                    row.get(7)
                } else {
                    Timestamp::default()
                },
                occurrences: if of_error { row.get(8) } else { 0 },
            };
            found.insert(key, stored);
        }
        for row in expected.values_mut() {
            if table == "crawl_errors" {
                (row.likes, row.views) = (None, None);
            } else {
                (row.first, row.occurrences) = (Timestamp::default(), 0);
            }
            if !matches!(table, "crawl_errors" | "post_analytics") {
                row.job.clear();
            }
        }
        prop_assert_eq!(found, expected, "{}", table);
    }
    Ok(())
}

#[test]
fn the_outcome_is_that_of_the_crawls_in_order_whatever_the_order_of_arrival() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::migrated());
    let case = AtomicU32::new(0);
    let config = Config {
        cases: 60,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&histories(), |history| {
            let platform = format!("case{}", case.fetch_add(1, Ordering::Relaxed));
            runtime.block_on(async {
                play(&database, &history, &platform).await;
                check(&database, &history, &platform).await
            })
        })
        .unwrap();
}

#[tokio::test]
async fn of_two_crawls_of_the_same_moment_the_first_stays_and_the_other_fills_gaps() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    let (mut first, mut second) = (post("v1", at(5)), post("v1", at(5)));
    (first.like_count, second.like_count, second.view_count) = (Some(1), Some(2), Some(3));
    writer
        .write(&[&batch(event("e1"), posts([first]))])
        .await
        .unwrap();
    writer
        .write(&[&batch(event("e2"), posts([second]))])
        .await
        .unwrap();
    let row = &database
        .rows("SELECT like_count, view_count, job_id FROM post_analytics")
        .await[0];
    assert_eq!((row.get(0), row.get(1), row.get(2)), (1i64, 3i64, "p1-kw-e1"));
}

#[tokio::test]
async fn a_crawl_that_says_nothing_new_writes_no_row() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    let mut items = one_of_each("v1");
    items.errors.clear();
    items.rejected.clear();
    writer.write(&[&batch(event("e1"), items.clone())]).await.unwrap();
    let rows = |all: Vec<String>| {
        all.into_iter()
            .filter(|row| !row.starts_with("ingested"))
            .collect::<Vec<_>>()
    };
    let before = rows(database.everything().await);
    writer.write(&[&batch(event("e2"), items)]).await.unwrap();
    assert_eq!(rows(database.everything().await), before);
}

#[tokio::test]
async fn two_projects_that_crawl_one_post_each_keep_their_row() {
    let database = TestDatabase::migrated().await;
    let mut dry = event("e2");
    (dry.project, dry.job_id) = (Project::DryRun, "0b3cbe6e-7c6f-4b3f-9e57-1d2a3b4c5d6e".to_owned());
    let one = batch(event("e1"), posts([post("v1", at(1))]));
    let two = batch(dry, posts([post("v1", at(2))]));
    database.writer().write(&[&one, &two]).await.unwrap();
    let rows = database
        .rows("SELECT scope, project_id, is_dryrun FROM post_analytics ORDER BY is_dryrun")
        .await;
    assert_eq!(
        (rows[0].get(0), rows[0].get(1), rows[0].get(2)),
        ("p1", Some("p1"), false)
    );
    let scope = "0b3cbe6e-7c6f-4b3f-9e57-1d2a3b4c5d6e";
    assert_eq!(
        (rows[1].get(0), rows[1].get(1), rows[1].get(2)),
        (scope, None::<&str>, true)
    );
}

#[tokio::test]
async fn an_error_counts_every_item_that_reports_it() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    let errors = |times: &[i64]| Items {
        errors: times
            .iter()
            .map(|time| error("v1", "TIMEOUT", at(*time)))
            .collect(),
        ..Items::default()
    };
    let twice = batch(event("e1"), errors(&[20, 10]));
    writer.write(&[&twice]).await.unwrap();
    writer.write(&[&batch(event("e2"), errors(&[5]))]).await.unwrap();
    writer.write(&[&twice]).await.unwrap();
    let row = &database
        .rows("SELECT occurrences, created_at, last_seen_at, job_id FROM crawl_errors")
        .await[0];
    assert_eq!(
        (row.get(0), row.get(1), row.get(2), row.get(3)),
        (3i64, at(5), at(20), "p1-kw-e1")
    );
}

#[tokio::test]
async fn the_latest_rejection_of_an_item_stands() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    for (id, received, detail) in [("e1", 10, "first"), ("e2", 20, "second"), ("e3", 5, "late")] {
        let mut event = event(id);
        event.delivery.received_at = at(received);
        let items = Items {
            rejected: vec![rejected(7, detail)],
            ..Items::default()
        };
        let mut batch = batch(event, items);
        batch.object.path = "crawl-results/same.json".to_owned();
        writer.write(&[&batch]).await.unwrap();
    }
    let row = &database
        .rows("SELECT detail, event_id, item_index FROM rejected_items")
        .await[0];
    assert_eq!((row.get(0), row.get(1), row.get(2)), ("second", "e2", 7i64));
}
