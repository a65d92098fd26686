//! Batches as crawlers make them, and the work of parsing one.

use anyhow::Context;
use jiff::Timestamp;
use millrace_batches::{
    domain::{self, CrawlEvent},
    parse::{Parsed, ParserSettings, parse_body},
};
use millrace_corpus::{Corpus, CorpusSettings, CrawlBatch, Platform};
use millrace_engine::Delivery;

/// Parses the same whole batch so many times.
pub(crate) fn parse(platform: Platform, times: usize) -> anyhow::Result<()> {
    let batch = batches(platform, 1).remove(0);
    for _ in 0..times {
        std::hint::black_box(parsed(platform, &batch, "evt")?);
    }
    Ok(())
}

/// So many packed batches of the usual size.
pub(crate) fn batches(platform: Platform, count: usize) -> Vec<CrawlBatch> {
    let size = if platform == Platform::Youtube { 20 } else { 50 };
    let corpus = Corpus::new(CorpusSettings {
        items: count * size * 8,
        platform: Some(platform),
        ..CorpusSettings::default()
    });
    let is_packed = |batch: &CrawlBatch| {
        let object = batch.object.as_ref();
        object.is_some_and(|object| object.key.ends_with(".zst"))
    };
    corpus
        .filter(|batch| batch.items == size && is_packed(batch))
        .take(count)
        .collect()
}

/// The event that announces a batch.
pub(crate) fn event(platform: Platform, id: &str) -> CrawlEvent {
    let platform = match platform {
        Platform::Youtube => "youtube",
        _ => "tiktok",
    };
    let delivery = Delivery::first(Timestamp::UNIX_EPOCH);
    CrawlEvent::new(id, "proj_xyz-brand-0", domain::Platform::new(platform), delivery)
}

/// The rows of a batch.
pub(crate) fn parsed(platform: Platform, batch: &CrawlBatch, id: &str) -> anyhow::Result<Parsed> {
    let object = batch.object.as_ref().context("a batch without an object")?;
    let settings = ParserSettings::default();
    parse_body(&object.body, true, &event(platform, id), &settings)
        .ok()
        .context("a batch of ours is refused")
}
