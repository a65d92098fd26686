//! Puts a corpus where the service will find it, as crawlers would: object first, then the event.

use super::{Corpus, CrawlBatch, Expectation, ObjectUpload, publish_order};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use std::{collections::BTreeMap, future::Future, time::Duration};

/// Where objects go.
pub trait Upload: Sync {
    /// Stores one object.
    fn put(&self, object: ObjectUpload) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// Where events go.
pub trait Publish: Sync {
    /// Publishes one event; done when it is safe with the receiver.
    fn publish(&self, event: Bytes) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// How a corpus is loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadSettings {
    /// Seed of the order of publication.
    pub seed: u64,
    /// Of 100 events so many are published twice.
    pub duplicate_percent: u8,
    /// Events a second; none: as fast as they are taken.
    pub events_per_second: Option<u32>,
    /// Requests at one time.
    pub concurrency: usize,
}

/// What was loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LoadSummary {
    /// Different events.
    pub events: usize,
    /// Items in batches that are to be stored.
    pub items: usize,
    /// Objects uploaded.
    pub objects: usize,
    /// Bytes of those objects, as stored.
    pub bytes: u64,
    /// Events published a second time.
    pub duplicates: usize,
    /// Messages that must end in the dead-letter queue, by reason; a duplicate counts again.
    pub expected_dead_letters: BTreeMap<&'static str, usize>,
}

/// Batches are loaded in windows: the order is shuffled within one, and memory holds one.
const WINDOW: usize = 1_000;

/// Uploads and publishes a whole corpus. `progress` hears of each message, by the items it announces.
///
/// # Errors
/// The first object or event that could not be delivered.
pub async fn load<U: Upload, P: Publish>(
    corpus: Corpus,
    settings: &LoadSettings,
    upload: &U,
    publish: &P,
    progress: impl Fn(usize),
) -> anyhow::Result<LoadSummary> {
    let mut summary = LoadSummary::default();
    let mut corpus = corpus.fuse();
    let mut pace = settings.events_per_second.map(pace);
    for window in 0.. {
        let order_seed = settings.seed.wrapping_add(window);
        let batches = upload_window(corpus.by_ref().take(WINDOW), settings, upload, &mut summary).await?;
        if batches.is_empty() {
            break;
        }
        let order = publish_order(order_seed, batches.len(), settings.duplicate_percent);
        summary.duplicates += order.len() - batches.len();
        for group in order.chunks(settings.concurrency.max(1)) {
            for &position in group {
                summary.expect(batches[position].expectation);
            }
            publish_group(
                group.iter().map(|&position| &batches[position]),
                &mut pace,
                publish,
                &progress,
            )
            .await?;
        }
    }
    Ok(summary)
}

async fn upload_window<U: Upload>(
    batches: impl Iterator<Item = CrawlBatch>,
    settings: &LoadSettings,
    upload: &U,
    summary: &mut LoadSummary,
) -> anyhow::Result<Vec<CrawlBatch>> {
    let mut uploads = stream::iter(batches)
        .map(|mut batch| {
            let object = batch.object.take();
            let bytes = object.as_ref().map(|object| object.body.len() as u64);
            async move {
                if let Some(object) = object {
                    upload.put(object).await?;
                }
                anyhow::Ok((batch, bytes))
            }
        })
        .buffered(settings.concurrency.max(1));
    let mut done = Vec::new();
    while let Some((batch, bytes)) = uploads.try_next().await? {
        summary.events += 1;
        summary.items += batch.items;
        summary.objects += usize::from(bytes.is_some());
        summary.bytes += bytes.unwrap_or_default();
        done.push(batch);
    }
    Ok(done)
}

async fn publish_group<'a, P: Publish>(
    group: impl Iterator<Item = &'a CrawlBatch>,
    pace: &mut Option<tokio::time::Interval>,
    publish: &P,
    progress: impl Fn(usize),
) -> anyhow::Result<()> {
    let mut sent = Vec::new();
    for batch in group {
        match pace {
            Some(pace) => {
                pace.tick().await;
                publish.publish(batch.event.clone()).await?;
            }
            None => sent.push(publish.publish(batch.event.clone())),
        }
        progress(batch.items);
    }
    futures_util::future::try_join_all(sent).await?;
    Ok(())
}

fn pace(events_per_second: u32) -> tokio::time::Interval {
    tokio::time::interval(Duration::from_secs(1) / events_per_second.max(1))
}

// === impl LoadSummary ===

impl LoadSummary {
    fn expect(&mut self, expectation: Expectation) {
        if let Expectation::DeadLetter(reason) = expectation {
            *self.expected_dead_letters.entry(reason.code()).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CorpusSettings, DeadLetters};
    use std::{collections::BTreeSet, sync::Mutex};

    /// Remembers what it was given, in order.
    #[derive(Default)]
    struct Seen(Mutex<Vec<String>>);

    impl Upload for Seen {
        async fn put(&self, object: ObjectUpload) -> anyhow::Result<()> {
            self.0.lock().unwrap().push(object.key);
            Ok(())
        }
    }

    impl Publish for Seen {
        async fn publish(&self, event: Bytes) -> anyhow::Result<()> {
            self.0
                .lock()
                .unwrap()
                .push(String::from_utf8(event.to_vec()).unwrap());
            Ok(())
        }
    }

    fn settings() -> LoadSettings {
        LoadSettings {
            seed: 5,
            duplicate_percent: 30,
            events_per_second: None,
            concurrency: 8,
        }
    }

    fn corpus() -> Corpus {
        let dead_letters = DeadLetters::Few;
        Corpus::new(CorpusSettings {
            items: 600,
            comments_per_item: 1,
            dead_letters,
            ..CorpusSettings::default()
        })
    }

    #[tokio::test]
    async fn every_object_is_uploaded_and_every_event_published() {
        let (objects, events) = (Seen::default(), Seen::default());
        let summary = load(corpus(), &settings(), &objects, &events, |_| ())
            .await
            .unwrap();
        let events = events.0.into_inner().unwrap();
        assert_eq!(summary.items, 600);
        assert_eq!(summary.objects, objects.0.into_inner().unwrap().len());
        assert_eq!(summary.events + summary.duplicates, events.len());
        assert!(summary.duplicates > 0);
        let sent: BTreeSet<String> = events.into_iter().collect();
        for batch in corpus() {
            assert!(sent.contains(std::str::from_utf8(&batch.event).unwrap()));
        }
        assert!(summary.expected_dead_letters["bad_path"] >= 1);
    }

    #[tokio::test]
    async fn a_refused_event_is_an_error() {
        struct Refusing;
        impl Publish for Refusing {
            async fn publish(&self, _event: Bytes) -> anyhow::Result<()> {
                anyhow::bail!("no route to the queue")
            }
        }
        let error = load(corpus(), &settings(), &Seen::default(), &Refusing, |_| ())
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "no route to the queue");
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_kept() {
        let start = tokio::time::Instant::now();
        let paced = LoadSettings {
            events_per_second: Some(10),
            ..settings()
        };
        let summary = load(corpus(), &paced, &Seen::default(), &Seen::default(), |_| ())
            .await
            .unwrap();
        let sent = (summary.events + summary.duplicates) as u32;
        assert_eq!(start.elapsed(), (sent - 1) * Duration::from_millis(100));
    }
}
