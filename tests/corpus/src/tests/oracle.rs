//! The oracle reads the contract, not this code: both must agree on what a corpus is.

use super::*;
use millrace_oracle::{Expected, Objects, OracleSettings, expect};

fn oracle_settings(settings: &CorpusSettings) -> OracleSettings {
    let buckets = std::iter::once(settings.bucket.clone()).chain(settings.extra_bucket.clone());
    OracleSettings {
        buckets: buckets.collect(),
        endpoint: settings.endpoint.clone(),
        max_object_bytes: settings.caps.max_object_bytes.unwrap(),
        max_decompressed_bytes: settings.caps.max_decompressed_bytes.unwrap(),
        ..OracleSettings::default()
    }
}

fn objects(batches: &[CrawlBatch]) -> Objects {
    let objects = batches.iter().filter_map(|batch| batch.object.clone());
    objects
        .map(|object| ((object.bucket, object.key), object.body.to_vec()))
        .collect()
}

fn ask_oracle(settings: &CorpusSettings, batches: &[CrawlBatch], order: &[usize]) -> Expected {
    let events = order.iter().map(|&position| &batches[position].event);
    expect(events, &objects(batches), &oracle_settings(settings))
}

#[test]
fn every_batch_becomes_what_the_corpus_says() {
    let settings = hostile(2_000);
    let batches: Vec<_> = Corpus::new(settings.clone()).collect();
    let order: Vec<usize> = (0..batches.len()).collect();
    let expected = ask_oracle(&settings, &batches, &order);
    let mut dead = Vec::new();
    for batch in &batches {
        match batch.expectation {
            Expectation::Stored => {
                let ledger = &expected.ledger[batch.event_id.as_deref().unwrap()];
                assert_eq!(ledger["item_count"], batch.items);
            }
            Expectation::DeadLetter(reason) => dead.push((batch.event_id.clone(), reason.code().to_owned())),
        }
    }
    assert_eq!(expected.dead_letters, dead);
    assert_eq!(expected.ledger.len() + dead.len(), batches.len());
    let reasons: BTreeSet<_> = expected
        .rejected_items
        .values()
        .map(|row| row["reason"].as_str().unwrap())
        .collect();
    assert_eq!(
        reasons.into_iter().collect::<Vec<_>>(),
        ["malformed_item", "missing_id", "too_deep", "unknown_fetch_status"]
    );
}

#[test]
fn the_order_of_arrival_does_not_matter() {
    let settings = hostile(2_000);
    let batches: Vec<_> = Corpus::new(settings.clone()).collect();
    let in_order: Vec<usize> = (0..batches.len()).collect();
    let one = ask_oracle(&settings, &batches, &in_order);
    let other = ask_oracle(&settings, &batches, &publish_order(9, batches.len(), 20));
    assert!(
        one.posts
            .values()
            .any(|row| row["view_count"].as_i64() > Some(1 << 31))
    );
    assert_eq!(one.posts, other.posts);
    assert_eq!(one.authors, other.authors);
    assert_eq!(one.comments, other.comments);
    assert_eq!(one.crawl_errors, other.crawl_errors);
    assert_eq!(one.ledger, other.ledger);
    assert_eq!(one.rejected_items, other.rejected_items);
    assert!(other.dead_letters.len() > one.dead_letters.len());
}

/// The contract leaves open which of two versions wins a gap when three arrive out of order. So that
/// no test depends on it, whatever is crawled three times must always have the same fields.
#[test]
fn what_is_crawled_often_has_the_same_fields_each_time() {
    let settings = hostile(2_000);
    let batches: Vec<_> = Corpus::new(settings.clone()).collect();
    let mut fields = std::collections::BTreeMap::<String, Vec<Vec<String>>>::new();
    let (objects, oracle) = (objects(&batches), oracle_settings(&settings));
    for batch in batches.iter().filter(|batch| batch.items > 0) {
        let alone = expect([&batch.event], &objects, &oracle);
        for (key, row) in alone.authors.iter().chain(&alone.comments) {
            let present = row
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, _)| name.clone());
            fields.entry(key.clone()).or_default().push(present.collect());
        }
    }
    let often: Vec<_> = fields
        .into_iter()
        .filter(|(_, crawls)| crawls.len() > 2)
        .collect();
    assert!(!often.is_empty());
    for (key, crawls) in often {
        assert!(
            crawls.windows(2).all(|pair| pair[0] == pair[1]),
            "{key}: {crawls:?}"
        );
    }
}
