//! What is counted: committed events, once.

use crate::{fixtures::*, server::TestDatabase};
use millrace_batches::{
    domain::Platform,
    recent::Recent,
    write::{Writer, WriterMetrics},
};
use millrace_engine::Sink;
use millrace_postgres::Database;
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::runtime::Handle;

#[tokio::test]
async fn only_what_is_committed_and_new_is_counted() {
    let database = TestDatabase::migrated().await;
    let mut registry = Registry::default();
    let metrics = WriterMetrics::register(&mut registry, Recent::default());
    let mut writer = Writer::new(
        Database::new(&database.settings(), &Handle::current()).unwrap(),
        metrics,
    );

    let mut stranger = event("e2");
    stranger.platform = Platform::new("Snapgram");
    let mut items = one_of_each("v1");
    items.errors.push(error("v9", "MADE_UP", at(1)));
    let (one, two) = (
        batch(event("e1"), items),
        batch(stranger, posts([post("v1", at(1))])),
    );
    writer.write(&[&one, &two]).await.unwrap();
    writer.write(&[&one]).await.unwrap();
    let mut poisoned = one_of_each("v2");
    poisoned.posts[0].content_text = Some("\0".to_owned());
    writer.write(&[&batch(event("e3"), poisoned)]).await.unwrap_err();

    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    let timed = |line: &&str| {
        line.contains("_seconds_bucket") || line.contains("_seconds_sum") || line.starts_with("# HELP")
    };
    // Series that are there from the start and were never counted.
    let idle = |line: &&str| line.ends_with("} 0");
    let mut lines = text
        .lines()
        .filter(|line| !timed(line) && !idle(line))
        .collect::<Vec<_>>();
    lines.sort_unstable();
    insta::assert_snapshot!(lines.join("\n"));
}
