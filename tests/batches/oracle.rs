//! The whole pipeline against a separate, plain computation: every row of every table, every dead letter.

use crate::{
    running::{DLQ, PATIENCE, Running, copies, millrace},
    trial::{Trial, dead_letters},
};
use millrace_corpus::{CorpusSettings, Platform, Temper};
use millrace_oracle::{Actual, Expected, compare, compare_dead_letters, report};
use millrace_stack::{Stack, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_every_table_is_as_computed() {
    let tenant = Stack::shared().await.tenant("oracle").await.unwrap();
    let trial = Trial::make(&tenant, 20_251_206, 2_500).await;
    trial.upload(&tenant).await;
    let pipeline = Running::start(tenant, &trial.settings()).await;
    trial.publish(&pipeline).await;

    let expected = trial.expected();
    assert!(
        expected.posts.len() > 1_000 && expected.comments.len() > 5_000,
        "a corpus worth comparing"
    );
    let dead = wait_until_settled(&pipeline, &expected).await;
    let differences = compare(&expected, &Actual::read(&pipeline.database).await.unwrap());
    assert!(differences.is_empty(), "{}", report(&differences));
    let differences = compare_dead_letters(&expected, &dead, copies([&pipeline.service]));
    assert!(differences.is_empty(), "{}", report(&differences));

    let metrics = pipeline.service.metrics().await.unwrap();
    let counted = |name: &str| metrics.sum(name, &[]).unwrap_or_default() as usize;
    assert_eq!(
        counted("analytics_items_processed_total"),
        ledger_items(&pipeline).await
    );
    assert_eq!(
        counted("analytics_dead_letters_total"),
        expected.dead_letters.len()
    );
    let stored_twice = counted("analytics_events_processed_total") - expected.ledger.len();
    assert_eq!(counted("analytics_duplicates_total"), stored_twice);
}

/// Both shapes, replies, and damaged items that are neither.
#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_facebook_is_as_computed() {
    let tenant = Stack::shared().await.tenant("facebook").await.unwrap();
    let settings = CorpusSettings {
        seed: 20_251_128,
        items: 1_500,
        comments_per_item: 6,
        platform: Some(Platform::Facebook),
        temper: Temper::Hostile,
        ..CorpusSettings::default()
    };
    let trial = Trial::of(&tenant, settings).await;
    trial.upload(&tenant).await;
    let pipeline = Running::start(tenant, &trial.settings()).await;
    trial.publish(&pipeline).await;

    let expected = trial.expected();
    let replies = expected.comments.values();
    let replies = replies.filter(|row| row["parent_type"] == "COMMENT").count();
    let records = expected
        .authors
        .keys()
        .filter(|key| key.ends_with(".page"))
        .count();
    assert!(
        replies > 1_000 && records > 50,
        "{replies} replies, {records} pages of records"
    );
    let dead = wait_until_settled(&pipeline, &expected).await;
    let differences = compare(&expected, &Actual::read(&pipeline.database).await.unwrap());
    assert!(differences.is_empty(), "{}", report(&differences));
    let differences = compare_dead_letters(&expected, &dead, copies([&pipeline.service]));
    assert!(differences.is_empty(), "{}", report(&differences));
}

/// Waits until all is stored or dead-lettered, and returns id and reason of each dead letter.
pub(crate) async fn wait_until_settled(
    pipeline: &Running<'_>,
    expected: &Expected,
) -> Vec<(Option<String>, String)> {
    let stored = expected.ledger.len() as i64;
    wait_for("every good event in the ledger", PATIENCE * 3, async || {
        let found = pipeline.count("ingested_batches", &[]).await;
        if found == stored {
            Ok(())
        } else {
            Err(format!("{found} of {stored}"))
        }
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.service.lines().join("\n")));
    wait_for("dead letters", PATIENCE, async || {
        let wanted = expected.dead_letters.len();
        let found = pipeline.tenant.peek(DLQ, wanted).await;
        match found.map_err(|error| error.to_string())?.len() {
            found if found == wanted => Ok(()),
            found => Err(format!("{found} of {wanted}")),
        }
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.service.lines().join("\n")));
    pipeline.queue_empties().await;
    let letters = pipeline.tenant.queue(DLQ).await.unwrap().unwrap().messages as usize;
    dead_letters(pipeline, letters).await
}

async fn ledger_items(pipeline: &Running<'_>) -> usize {
    let sum = "SELECT coalesce(sum(item_count), 0)::bigint FROM ingested_batches";
    let items: i64 = pipeline.database.query_one(sum, &[]).await.unwrap().get(0);
    usize::try_from(items).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_generate_announces_is_what_arrives() {
    let pipeline = Running::shared("generate", &[]).await;
    let args = [
        "generate",
        "--items",
        "300",
        "--seed",
        "3",
        "--duplicates",
        "20",
        "--json",
    ];
    let generated = pipeline.tenant.command(millrace(), &args, &[]).await.unwrap();
    assert!(
        generated.status.success(),
        "{}",
        String::from_utf8_lossy(&generated.stderr)
    );
    let summary: serde_json::Value = serde_json::from_slice(&generated.stdout).unwrap();
    let expected = |field: &str| summary[field].as_u64().unwrap() as usize;
    let letters: u64 = summary["expected_dead_letters"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(|n| n.as_u64())
        .sum();
    let dead = pipeline.dead_letters(usize::try_from(letters).unwrap()).await;
    pipeline.queue_empties().await;
    let different = dead
        .iter()
        .filter_map(|letter| letter.header("x-millrace-event-id"));
    let different: std::collections::BTreeSet<_> = different.collect();
    assert_eq!(
        pipeline.count("ingested_batches", &[]).await as usize + different.len(),
        expected("events")
    );
    assert_eq!(ledger_items(&pipeline).await, expected("items"));
}
