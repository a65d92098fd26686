//! The whole line against a separate, plain computation: every row of every table, every dead letter.

use crate::running::{DLQ, PATIENCE, Running, millrace};
use millrace::corpus::{Caps, Corpus, CorpusSettings, CrawlBatch, DeadLetters, Temper, publish_order};
use millrace_oracle::{
    Actual, Copies, Expected, Objects, OracleSettings, compare, compare_dead_letters, expect, report,
};
use millrace_stack::{Stack, wait_for};
use object_store::{Attribute, Attributes, PutOptions};

const MIB: usize = 1 << 20;
const ITEMS: usize = 2_500;
/// Of 100 events so many are published twice.
const DUPLICATES: u8 = 10;

/// Small caps, so that objects which exceed them are small too.
const CAPS: Caps = Caps {
    max_object_bytes: Some(2 * MIB),
    max_decompressed_bytes: Some(4 * MIB),
    max_items: 500,
    max_depth: 64,
    max_text_bytes: 64 << 10,
};

const SETTINGS: [(&str, &str); 6] = [
    ("MAX_OBJECT_MB", "2"),
    ("MAX_DECOMPRESSED_MB", "4"),
    ("MAX_ITEMS_PER_BATCH", "500"),
    ("MAX_TEXT_BYTES", "65536"),
    ("OBJECT_GRACE_SECONDS", "2"),
    ("RETRY_INITIAL_DELAY", "0.5"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_every_table_is_as_computed() {
    let tenant = Stack::shared().await.tenant("oracle").await.unwrap();
    let extra = format!("{}-archive", tenant.bucket());
    tenant.stack().objects.create_bucket(&extra).await.unwrap();
    let endpoint = tenant.stack().objects.endpoint();
    let endpoint = endpoint
        .split_once("://")
        .map_or(endpoint.as_str(), |(_, host)| host)
        .to_owned();
    let corpus = Corpus::new(CorpusSettings {
        seed: 20_251_206,
        items: ITEMS,
        comments_per_item: 5,
        bucket: tenant.bucket().to_owned(),
        extra_bucket: Some(extra.clone()),
        endpoint: Some(endpoint.clone()),
        temper: Temper::Hostile,
        dead_letters: DeadLetters::Every,
        caps: CAPS,
        ..CorpusSettings::default()
    });
    let batches: Vec<_> = corpus.collect();

    let settings: Vec<_> = SETTINGS
        .into_iter()
        .chain([("MINIO_EXTRA_BUCKETS", extra.as_str())])
        .collect();
    let line = Running::start(tenant, &settings).await;
    upload(&line, &batches).await;
    let order = publish_order(7, batches.len(), DUPLICATES);
    assert!(order.len() > batches.len(), "some events come twice");
    for &position in &order {
        line.publish(&batches[position].event).await;
    }

    let expected = expected(&line, &batches, &order, &extra, &endpoint);
    let buried = wait_until_settled(&line, &expected).await;
    let differences = compare(&expected, &Actual::read(&line.database).await.unwrap());
    assert!(differences.is_empty(), "{}", report(&differences));
    let differences = compare_dead_letters(&expected, &buried, Copies::Exact);
    assert!(differences.is_empty(), "{}", report(&differences));

    let metrics = line.service.metrics().await.unwrap();
    let counted = |name: &str| metrics.sum(name, &[]).unwrap_or_default() as usize;
    assert_eq!(
        counted("analytics_items_processed_total"),
        ledger_items(&line).await
    );
    assert_eq!(
        counted("analytics_dead_letters_total"),
        expected.dead_letters.len()
    );
    let stored_twice = counted("analytics_events_processed_total") - expected.ledger.len();
    assert_eq!(counted("analytics_duplicates_total"), stored_twice);
}

async fn upload(line: &Running<'_>, batches: &[CrawlBatch]) {
    for object in batches.iter().filter_map(|batch| batch.object.as_ref()) {
        let metadata = object.metadata.iter();
        let attributes: Attributes = metadata
            .map(|(name, value)| (Attribute::Metadata(name.clone().into()), value.clone()))
            .collect();
        let store = line.tenant.object_store(&object.bucket).unwrap();
        let key = object_store::path::Path::parse(&object.key).unwrap();
        store
            .put_opts(&key, object.body.clone().into(), PutOptions::from(attributes))
            .await
            .unwrap();
    }
}

/// What the oracle says of all that was published, copies included.
fn expected(
    line: &Running<'_>,
    batches: &[CrawlBatch],
    order: &[usize],
    extra: &str,
    endpoint: &str,
) -> Expected {
    let objects: Objects = batches
        .iter()
        .filter_map(|batch| batch.object.as_ref())
        .map(|object| ((object.bucket.clone(), object.key.clone()), object.body.to_vec()))
        .collect();
    let settings = OracleSettings {
        buckets: vec![line.tenant.bucket().to_owned(), extra.to_owned()],
        endpoint: Some(endpoint.to_owned()),
        max_object_bytes: CAPS.max_object_bytes.unwrap(),
        max_decompressed_bytes: CAPS.max_decompressed_bytes.unwrap(),
        max_items: CAPS.max_items,
        max_depth: CAPS.max_depth,
        max_text_bytes: CAPS.max_text_bytes,
        ..OracleSettings::default()
    };
    let published: Vec<_> = order.iter().map(|&position| &batches[position].event).collect();
    let expected = expect(published, &objects, &settings);
    assert!(
        expected.posts.len() > 1_000 && expected.comments.len() > 5_000,
        "a corpus worth comparing"
    );
    expected
}

/// Waits until all is stored or buried, and returns id and reason of each dead letter.
async fn wait_until_settled(line: &Running<'_>, expected: &Expected) -> Vec<(Option<String>, String)> {
    let stored = expected.ledger.len() as i64;
    wait_for("every good event in the ledger", PATIENCE * 3, async || {
        let found = line.count("ingested_batches", &[]).await;
        if found == stored {
            Ok(())
        } else {
            Err(format!("{found} of {stored}"))
        }
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", line.service.lines().join("\n")));
    let buried = line.dead_letters(expected.dead_letters.len()).await;
    line.queue_empties().await;
    assert_eq!(
        line.tenant.queue(DLQ).await.unwrap().unwrap().messages,
        buried.len() as u64
    );
    let reason = |name: &str, letter: &millrace_stack::Message| letter.header(name);
    buried
        .iter()
        .map(|letter| {
            (
                reason("x-millrace-event-id", letter),
                reason("x-millrace-reason", letter).unwrap_or_default(),
            )
        })
        .collect()
}

async fn ledger_items(line: &Running<'_>) -> usize {
    let sum = "SELECT coalesce(sum(item_count), 0)::bigint FROM ingested_batches";
    let items: i64 = line.database.query_one(sum, &[]).await.unwrap().get(0);
    usize::try_from(items).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_generate_announces_is_what_arrives() {
    let line = Running::shared("generate", &[]).await;
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
    let generated = line.tenant.command(millrace(), &args, &[]).await.unwrap();
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
    let buried = line.dead_letters(usize::try_from(letters).unwrap()).await;
    line.queue_empties().await;
    let different = buried
        .iter()
        .filter_map(|letter| letter.header("x-millrace-event-id"));
    let different: std::collections::BTreeSet<_> = different.collect();
    assert_eq!(
        line.count("ingested_batches", &[]).await as usize + different.len(),
        expected("events")
    );
    assert_eq!(ledger_items(&line).await, expected("items"));
}
