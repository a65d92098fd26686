//! What flows while things fail, and what must come of it.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use millrace_corpus::{
    Caps, Corpus, CorpusSettings, CrawlBatch, DeadLetters, Expectation, ObjectUpload, Temper, publish_order,
};
use millrace_oracle::{Expected, Objects, OracleSettings, expect};
use object_store::{Attribute, Attributes, PutOptions};
use tokio::time::{Instant, sleep, sleep_until};

use crate::world::World;

const MIB: usize = 1 << 20;
const CAPS: Caps = Caps {
    max_object_bytes: Some(2 * MIB),
    max_decompressed_bytes: Some(4 * MIB),
    max_items: 500,
    max_depth: 64,
    max_text_bytes: 64 << 10,
};
/// More than a replica with two fetchers before a far store takes, so that the queue is seldom empty.
const EVENTS_PER_SECOND: f64 = 8.0;
/// Are in the queue before the first fault.
const BACKLOG: usize = 60;
/// Of 100 events so many are published twice.
const DUPLICATE_PERCENT: u8 = 10;
/// One event in so many is announced before its object is there.
const LATE_ONE_IN: usize = 20;
const LATENESS: Duration = Duration::from_secs(1);
/// So many publications may wait for a broker at a time.
const PUBLISHERS: usize = 32;
const AGAIN: Duration = Duration::from_millis(200);

/// Batches, and the order in which their events are published.
pub(crate) struct Load {
    batches: Vec<CrawlBatch>,
    order: Vec<usize>,
    settings: OracleSettings,
}

// === impl Load ===

impl Load {
    /// As much as is published in this time.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of events"
    )]
    pub(crate) fn new(seed: u64, length: Duration, world: &World<'_>) -> Self {
        let events = BACKLOG + (length.as_secs_f64() * EVENTS_PER_SECOND) as usize;
        let (bucket, extra) = (world.tenant.bucket().to_owned(), world.extra_bucket.clone());
        let endpoint = world.proxies.objects_endpoint();
        let corpus = Corpus::new(CorpusSettings {
            seed,
            items: usize::MAX >> 8,
            comments_per_item: 2,
            bucket: bucket.clone(),
            extra_bucket: Some(extra.clone()),
            endpoint: Some(endpoint.clone()),
            temper: Temper::Hostile,
            dead_letters: DeadLetters::Every,
            caps: CAPS,
            ..CorpusSettings::default()
        });
        let batches: Vec<_> = corpus.take(events).collect();
        let order = publish_order(seed, batches.len(), DUPLICATE_PERCENT);
        let settings = OracleSettings {
            buckets: vec![bucket, extra],
            endpoint: Some(endpoint),
            max_object_bytes: 2 * MIB,
            max_decompressed_bytes: 4 * MIB,
            max_items: CAPS.max_items,
            max_depth: CAPS.max_depth,
            max_text_bytes: CAPS.max_text_bytes,
            ..OracleSettings::default()
        };
        Self {
            batches,
            order,
            settings,
        }
    }

    /// Messages that will be published.
    pub(crate) fn messages(&self) -> usize {
        self.order.len()
    }

    /// Items in all batches.
    pub(crate) fn items(&self) -> usize {
        self.batches.iter().map(|batch| batch.items).sum()
    }

    /// What every table and the dead-letter queue must hold.
    pub(crate) fn expected(&self) -> Expected {
        let objects: Objects = self
            .batches
            .iter()
            .filter_map(|batch| batch.object.as_ref())
            .map(|object| ((object.bucket.clone(), object.key.clone()), object.body.to_vec()))
            .collect();
        let published = self.order.iter().map(|&position| &self.batches[position].event);
        expect(published, &objects, &self.settings)
    }

    /// Stores the objects that are there in time.
    pub(crate) async fn upload(&self, world: &World<'_>) -> anyhow::Result<()> {
        let in_time = (0..self.batches.len()).filter(|position| !is_late(*position));
        let objects = in_time.filter_map(|position| self.batches[position].object.as_ref());
        stream::iter(objects)
            .map(|object| put(world, object))
            .buffer_unordered(PUBLISHERS)
            .try_collect()
            .await
    }

    /// Publishes some events whose objects never come: their retries make the product make its retry queues.
    pub(crate) async fn warm_up(&self, world: &World<'_>) -> anyhow::Result<()> {
        for batch in &self.batches {
            if let Expectation::DeadLetter(reason) = batch.expectation
                && reason.code() == "object_missing"
            {
                publish(world, batch).await;
            }
        }
        Ok(())
    }

    /// Publishes everything, evenly over this time after the backlog; a broker that is down is waited for.
    pub(crate) async fn publish(&self, world: &World<'_>, length: Duration, published: impl Fn()) {
        let started = Instant::now();
        let paced = self.messages().saturating_sub(BACKLOG).max(1);
        let pause = length / u32::try_from(paced).unwrap_or(u32::MAX);
        let uploaded = Mutex::new(BTreeSet::new());
        let (published, uploaded) = (&published, &uploaded);
        stream::iter(self.order.iter().enumerate())
            .map(|(number, &position)| async move {
                let slot = u32::try_from(number.saturating_sub(BACKLOG)).unwrap_or(u32::MAX);
                sleep_until(started + pause * slot).await;
                let batch = &self.batches[position];
                let first = uploaded
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(position);
                let object = batch.object.as_ref().filter(|_| first && is_late(position));
                tokio::join!(publish(world, batch), put_late(world, object));
                published();
            })
            .buffer_unordered(PUBLISHERS)
            .collect::<()>()
            .await;
    }
}

fn is_late(position: usize) -> bool {
    position % LATE_ONE_IN == 7
}

/// Until the broker has it; it may have it twice then.
async fn publish(world: &World<'_>, batch: &CrawlBatch) {
    while !matches!(
        world
            .tenant
            .publish("smap.events", "data.collected", &batch.event)
            .await,
        Ok(true)
    ) {
        sleep(AGAIN).await;
    }
}

async fn put_late(world: &World<'_>, object: Option<&ObjectUpload>) {
    let Some(object) = object else { return };
    sleep(LATENESS).await;
    while put(world, object).await.is_err() {
        sleep(AGAIN).await;
    }
}

async fn put(world: &World<'_>, object: &ObjectUpload) -> anyhow::Result<()> {
    let metadata = object.metadata.iter();
    let attributes: Attributes = metadata
        .map(|(name, value)| (Attribute::Metadata(name.clone().into()), value.clone()))
        .collect();
    let key = object_store::path::Path::parse(&object.key)?;
    world
        .tenant
        .object_store(&object.bucket)?
        .put_opts(&key, object.body.clone().into(), PutOptions::from(attributes))
        .await
        .with_context(|| format!("cannot store {}", object.key))?;
    Ok(())
}
