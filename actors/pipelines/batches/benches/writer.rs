//! What a write costs: usual batches (50 posts with author and 22 comments each), several to a transaction.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../tests/writer_postgres/fixtures.rs"]
mod fixtures;
#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../tests/writer_postgres/server.rs"]
mod server;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fixtures::{at, author, batch, comment, event, post};
use millrace_batches::{
    domain::{Items, Json},
    messages::ParsedBatch,
};
use millrace_engine::Sink;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Runtime;

const POSTS: u64 = 50;
const COMMENTS: u64 = 22;

/// What the rows of a write meet in the database.
#[derive(Clone, Copy, Debug)]
enum Meets {
    /// Nothing: every post and comment is new.
    Nothing,
    /// Rows of an earlier crawl, which change.
    OlderRows,
    /// Rows of the same crawl under another event id, which stay.
    SameRows,
}

fn usual_batch(content: u64, crawled: i64) -> ParsedBatch {
    static EVENTS: AtomicU64 = AtomicU64::new(0);
    let mut items = Items::default();
    for index in 0..POSTS {
        let id = format!("{content}-{index}");
        let mut post = post(&id, at(crawled));
        post.content_text = Some("what a lovely day for a benchmark ".repeat(6));
        post.url = Some(format!("https://www.tiktok.com/@someone/video/{id}"));
        post.hashtags = Some(["benchmark", "lovely"].map(str::to_owned).to_vec());
        (post.view_count, post.like_count) = (Some(crawled), Some(crawled));
        post.published_at = Some(at(-1_000));
        post.extra = Some(Json::from_clean(r#"{"is_ad": false, "duet": [1, 2]}"#.to_owned()));
        items.posts.push(post);
        items.authors.push(author(
            &format!("author-{}", (content + index) % 500),
            at(crawled),
        ));
        items.comments.extend((0..COMMENTS).map(|number| {
            let mut comment = comment(&format!("{id}-{number}"), at(crawled));
            comment.text = Some("first! and many happy returns".to_owned());
            comment.like_count = Some(crawled);
            comment
        }));
    }
    batch(
        event(&format!("e{}", EVENTS.fetch_add(1, Ordering::Relaxed))),
        items,
    )
}

fn write(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let database = runtime.block_on(server::TestDatabase::migrated());
    let writer = runtime.block_on(async { database.writer() });
    let content = AtomicU64::new(0);
    let crawled = AtomicU64::new(1);
    let mut group = criterion.benchmark_group("write");
    group.sample_size(10);
    for meets in [Meets::Nothing, Meets::OlderRows, Meets::SameRows] {
        for events in [1, 8] {
            group.throughput(Throughput::Elements(events * POSTS));
            let name = BenchmarkId::new(format!("{meets:?}"), events);
            group.bench_function(name, |bencher| {
                let batches = || {
                    let first = match meets {
                        Meets::Nothing => content.fetch_add(events, Ordering::Relaxed),
                        Meets::OlderRows | Meets::SameRows => 0,
                    };
                    let time = match meets {
                        Meets::Nothing => 1,
                        Meets::OlderRows => crawled.fetch_add(1, Ordering::Relaxed) as i64,
                        Meets::SameRows => crawled.load(Ordering::Relaxed) as i64,
                    };
                    (first..first + events)
                        .map(|content| usual_batch(content, time))
                        .collect::<Vec<_>>()
                };
                bencher.to_async(&runtime).iter_batched(
                    batches,
                    |batches| {
                        let mut writer = writer.clone();
                        async move { writer.write(&batches.iter().collect::<Vec<_>>()).await.unwrap() }
                    },
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, write);
criterion_main!(benches);
