//! A corpus on its way through the pipeline, and what must come of it.

use crate::running::{DLQ, Running};
use millrace_corpus::{Caps, Corpus, CorpusSettings, CrawlBatch, DeadLetters, Temper, publish_order};
use millrace_oracle::{Expected, Objects, OracleSettings, expect};
use millrace_stack::Tenant;
use object_store::{Attribute, Attributes, PutOptions};

const MIB: usize = 1 << 20;
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

/// Some batches have more comments.
const MAX_COMMENTS: usize = 220;

const SETTINGS: [(&str, &str); 7] = [
    ("MAX_OBJECT_MB", "2"),
    ("MAX_DECOMPRESSED_MB", "4"),
    ("MAX_ITEMS_PER_BATCH", "500"),
    ("MAX_TEXT_BYTES", "65536"),
    ("MAX_COMMENTS_PER_BATCH", "220"),
    ("OBJECT_GRACE_SECONDS", "2"),
    ("RETRY_INITIAL_DELAY", "0.5"),
];

/// Hostile batches, every kind of poison among them, and the order in which they are published.
pub(crate) struct Trial {
    pub(crate) batches: Vec<CrawlBatch>,
    pub(crate) order: Vec<usize>,
    bucket: String,
    extra_bucket: String,
    endpoint: String,
}

// === impl Trial ===

impl Trial {
    pub(crate) async fn make(tenant: &Tenant<'_>, seed: u64, items: usize) -> Self {
        let hostile = CorpusSettings {
            seed,
            items,
            comments_per_item: 5,
            temper: Temper::Hostile,
            dead_letters: DeadLetters::Every,
            ..CorpusSettings::default()
        };
        Self::of(tenant, hostile).await
    }

    /// Another corpus than the usual.
    pub(crate) async fn of(tenant: &Tenant<'_>, settings: CorpusSettings) -> Self {
        let bucket = tenant.bucket().to_owned();
        let extra_bucket = format!("{bucket}-archive");
        tenant.stack().objects.create_bucket(&extra_bucket).await.unwrap();
        let endpoint = tenant.stack().objects.endpoint();
        let endpoint = endpoint
            .split_once("://")
            .map_or(endpoint.as_str(), |(_, host)| host)
            .to_owned();
        let corpus = Corpus::new(CorpusSettings {
            bucket: bucket.clone(),
            extra_bucket: Some(extra_bucket.clone()),
            endpoint: Some(endpoint.clone()),
            caps: CAPS,
            ..settings
        });
        let batches: Vec<_> = corpus.collect();
        let order = publish_order(7, batches.len(), DUPLICATES);
        assert!(order.len() > batches.len(), "some events come twice");
        Self {
            batches,
            order,
            bucket,
            extra_bucket,
            endpoint,
        }
    }

    /// What the service has to be told.
    pub(crate) fn settings(&self) -> Vec<(&str, &str)> {
        let extra = ("MINIO_EXTRA_BUCKETS", self.extra_bucket.as_str());
        SETTINGS.into_iter().chain([extra]).collect()
    }

    pub(crate) async fn upload(&self, tenant: &Tenant<'_>) {
        for object in self.batches.iter().filter_map(|batch| batch.object.as_ref()) {
            let metadata = object.metadata.iter();
            let attributes: Attributes = metadata
                .map(|(name, value)| (Attribute::Metadata(name.clone().into()), value.clone()))
                .collect();
            let store = tenant.object_store(&object.bucket).unwrap();
            let key = object_store::path::Path::parse(&object.key).unwrap();
            store
                .put_opts(&key, object.body.clone().into(), PutOptions::from(attributes))
                .await
                .unwrap();
        }
    }

    pub(crate) async fn publish(&self, pipeline: &Running<'_>) {
        for &position in &self.order {
            pipeline.publish(&self.batches[position].event).await;
        }
    }

    /// What the oracle says of all that was published, copies included.
    pub(crate) fn expected(&self) -> Expected {
        let objects: Objects = self
            .batches
            .iter()
            .filter_map(|batch| batch.object.as_ref())
            .map(|object| ((object.bucket.clone(), object.key.clone()), object.body.to_vec()))
            .collect();
        let settings = OracleSettings {
            buckets: vec![self.bucket.clone(), self.extra_bucket.clone()],
            endpoint: Some(self.endpoint.clone()),
            max_object_bytes: CAPS.max_object_bytes.unwrap(),
            max_decompressed_bytes: CAPS.max_decompressed_bytes.unwrap(),
            max_items: CAPS.max_items,
            max_depth: CAPS.max_depth,
            max_comments: MAX_COMMENTS,
            max_text_bytes: CAPS.max_text_bytes,
            ..OracleSettings::default()
        };
        let published: Vec<_> = self
            .order
            .iter()
            .map(|&position| &self.batches[position].event)
            .collect();
        expect(published, &objects, &settings)
    }
}

/// Id and reason of so many dead letters.
pub(crate) async fn dead_letters(pipeline: &Running<'_>, most: usize) -> Vec<(Option<String>, String)> {
    let letters = pipeline.tenant.peek(DLQ, most).await.unwrap();
    let header = |name: &str, letter: &millrace_stack::Message| letter.header(name);
    letters
        .iter()
        .map(|letter| {
            (
                header("x-millrace-event-id", letter),
                header("x-millrace-reason", letter).unwrap_or_default(),
            )
        })
        .collect()
}
