//! Unpacks objects and reads items. The only place that names zstd, gzip and the JSON library of objects.
//!
//! The way of an object: `decompress` → `clean` (UTF-8) → `tape`, which reads over each item of an array once and
//! notes where its values are. Where it refuses, the text is read step by step: `depth` → `envelope` (which items;
//! where it refuses, too, `borders` finds them by `scan`, and `fix` makes JSON of what is nearly JSON). Either way
//! each item goes through `clean` (escapes) → `record` (its sections) → `post`, `author`, `comment` or
//! `crawl_error`, which pick values with a `reader` by the spellings of the item's `shape`; what was not picked goes
//! to `extra`. Nothing that was sent is lost: it is in a column, in `extra`, or in a rejected item's text.
//! A platform's shapes are in the platform's folder (`platforms`).

mod author;
mod batch;
mod borders;
mod clean;
mod comment;
mod crawl_error;
mod decompress;
mod depth;
mod envelope;
mod extra;
mod fields;
mod fix;
mod found;
mod item;
mod key;
mod metrics;
mod number;
mod platforms;
mod post;
mod reader;
mod record;
mod resync;
mod scan;
mod settings;
mod shape;
mod spelling;
mod tally;
mod tape;
#[cfg(test)]
mod testkit;
#[cfg(test)]
mod tests;
mod unescape;
mod weight;
mod word;

pub use batch::{Parsed, parse_body, parse_body_step_by_step};
pub use metrics::ParserMetrics;
pub use settings::{ParserLimits, ParserSettings};
pub use tally::{CleanKind, Tally};
pub use weight::ROWS_A_BYTE;

use crate::{
    domain::CrawlEvent,
    failpoints,
    messages::{ParsedBatch, RawBatch},
};
use millrace_engine::failpoints::reached;
use millrace_engine::trace;
use millrace_engine::{Fault, Stage};
use std::{sync::Arc, time::Instant};

/// The third stage: bytes in, rows out. It waits for nothing and may block its thread.
#[derive(Clone, Debug)]
pub struct Parser {
    settings: ParserSettings,
    metrics: ParserMetrics,
}

// === impl Parser ===

impl Parser {
    /// A parser; clones share their metrics.
    pub fn new(settings: ParserSettings, metrics: ParserMetrics) -> Self {
        Self { settings, metrics }
    }
}

impl Stage for Parser {
    type In = RawBatch;
    type Out = ParsedBatch;

    const VERB: &'static str = "parse";

    async fn run(&mut self, raw: &RawBatch) -> Result<ParsedBatch, Fault> {
        reached(failpoints::PARSE_BEGIN, &raw.event.event_id);
        let limits = &self.settings.limits;
        // While rows are made their JSON is there too; plain JSON is counted already: it is the object.
        let is_packed = decompress::is_packed(&raw.body);
        let size = decompress::unpacked_size(&raw.body, limits.max_decompressed_bytes);
        let json_size = if is_packed { size } else { 0 };
        let (event, texts_cut) = within_cap(&raw.event, limits.max_text_bytes);
        let rows_size = |objects| {
            weight::expected(size, objects, limits.max_items, limits.max_comments) + event.text_bytes() as u64
        };
        // How many objects are in what is packed shows only when it is open.
        let objects = if is_packed { 0 } else { weight::objects(&raw.body) };
        let mut reserved = rows_size(objects);
        raw.reservation.open(json_size + reserved).await;
        let started = Instant::now();
        let parsed = decompress::unpack(&raw.body, raw.object.claims_zstd, limits.max_decompressed_bytes)
            .and_then(|json| {
                if is_packed {
                    reserved = raw
                        .reservation
                        .grow_opened(reserved, rows_size(weight::objects(&json)));
                }
                batch::parse_json(&json, &event, &self.settings)
            });
        let mut parsed = parsed.inspect_err(|_| raw.reservation.shrink_opened(json_size + reserved))?;
        let weight = weight::of(&parsed.items, &event) + event.text_bytes() as u64;
        raw.reservation.grow_opened(reserved, weight);
        let took = started.elapsed();
        parsed.cleaned.add_many(CleanKind::TextTruncated, texts_cut);
        tracing::debug!(
            batch.items = parsed.items.item_count(),
            batch.unpacked_bytes = parsed.json_bytes,
            parse.duration_seconds = took.as_secs_f64(),
            "object read"
        );
        // Only the rows go on.
        raw.reservation.shrink_opened(json_size);
        raw.reservation.shrink(raw.body.len() as u64);
        self.metrics.observe(&raw.event, &parsed, took);
        note(&parsed);
        reached(failpoints::PARSE_END, &raw.event.event_id);
        Ok(ParsedBatch {
            bytes: parsed.json_bytes + parsed.items.posts.len() * event.text_bytes(),
            event,
            object: raw.object.clone(),
            items: parsed.items,
            reservation: raw.reservation.clone(),
        })
    }
}

/// The event with its texts cut at the cap of any text, as each of its posts may have them as columns;
/// and how many were cut.
fn within_cap(event: &Arc<CrawlEvent>, max_bytes: usize) -> (Arc<CrawlEvent>, u64) {
    let is_long = |text: Option<&str>| text.is_some_and(|text| text.len() > max_bytes);
    let CrawlEvent {
        task_type,
        keyword,
        brand_name,
        ..
    } = &**event;
    let texts = [task_type.as_deref(), keyword.as_deref(), brand_name.as_deref()];
    if !texts.into_iter().any(is_long) {
        return (event.clone(), 0);
    }
    let mut tally = Tally::default();
    let mut cut = CrawlEvent::clone(event);
    let mut shortened = |text: &str| clean::truncate(text.to_owned(), max_bytes, &mut tally);
    cut.task_type = task_type.as_deref().map(&mut shortened).map(Arc::from);
    cut.keyword = keyword.as_deref().map(&mut shortened).map(Arc::from);
    cut.brand_name = brand_name.as_deref().map(&mut shortened);
    (cut.into(), tally.count(CleanKind::TextTruncated))
}

/// Tells the trace what was in the object.
fn note(parsed: &Parsed) {
    let items = &parsed.items;
    trace::note_on_event("millrace.items", trace::count(items.item_count()));
    for (name, count) in [
        ("millrace.items", items.item_count()),
        ("millrace.items.success", items.posts.len()),
        ("millrace.items.error", items.errors.len()),
        ("millrace.items.rejected", items.rejected.len()),
        ("millrace.object.unpacked_size", parsed.json_bytes),
    ] {
        trace::note(name, trace::count(count));
    }
}
