//! What the parser counts.

use super::{batch::Parsed, tally::CleanKind};
use crate::domain::{CrawlEvent, Platform};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};
use std::time::Duration;

/// Seconds; a full TikTok batch takes a millisecond or two, a full object of 256 MiB about one second.
const PARSE_BUCKETS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
];

/// The parser's metrics; clones share their values.
#[derive(Clone, Debug)]
pub struct ParserMetrics {
    parse_duration: Histogram,
    size_mismatch: Family<SizeLabels, Counter>,
    content_count_mismatch: Family<PlatformLabels, Counter>,
    values_cleaned: Family<KindLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SizeLabels {
    platform: &'static str,
    expected_size: u32,
    /// From 0 to the expected size, else `more`: the number of series is bounded.
    actual_size: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PlatformLabels {
    platform: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

// === impl SizeLabels ===

impl SizeLabels {
    fn new(platform: &Platform, expected: usize, items: usize) -> Self {
        Self {
            platform: platform.label(),
            expected_size: expected as u32,
            actual_size: if items > expected {
                "more".to_owned()
            } else {
                items.to_string()
            },
        }
    }
}

// === impl ParserMetrics ===

impl Default for ParserMetrics {
    /// Metrics that are not scraped.
    fn default() -> Self {
        Self {
            parse_duration: Histogram::new(PARSE_BUCKETS),
            size_mismatch: Family::default(),
            content_count_mismatch: Family::default(),
            values_cleaned: Family::default(),
        }
    }
}

impl ParserMetrics {
    /// Adds the parser's metrics to what is scraped.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register_with_unit(
            "analytics_batch_parse_duration",
            "Time to unpack and read one object",
            Unit::Seconds,
            metrics.parse_duration.clone(),
        );
        registry.register(
            "analytics_batch_size_mismatch",
            "Batches of another size than the platform's crawler sends; a short last one is normal",
            metrics.size_mismatch.clone(),
        );
        registry.register(
            "analytics_content_count_mismatch",
            "Batches that hold another number of items than their event says",
            metrics.content_count_mismatch.clone(),
        );
        registry.register(
            "analytics_values_cleaned",
            "Values that were changed, or left to `extra`, so that their row could be stored",
            metrics.values_cleaned.clone(),
        );
        metrics.show_from_the_start();
        metrics
    }

    /// A series that is there from the start shows its first increase.
    fn show_from_the_start(&self) {
        for kind in CleanKind::ALL.iter().map(|kind| kind.label()) {
            drop(self.values_cleaned.get_or_create(&KindLabels { kind }));
        }
        for platform in Platform::LABELS {
            drop(
                self.content_count_mismatch
                    .get_or_create(&PlatformLabels { platform }),
            );
        }
        for platform in [Platform::Tiktok, Platform::Youtube] {
            let expected = platform.expected_batch_size().unwrap_or_default();
            for items in (0..expected).chain([expected + 1]) {
                let labels = SizeLabels::new(&platform, expected, items);
                drop(self.size_mismatch.get_or_create(&labels));
            }
        }
    }

    pub(super) fn observe(&self, event: &CrawlEvent, parsed: &Parsed, took: Duration) {
        self.parse_duration.observe(took.as_secs_f64());
        for (kind, times) in parsed.cleaned.iter() {
            let kind = kind.label();
            self.values_cleaned
                .get_or_create(&KindLabels { kind })
                .inc_by(times);
        }
        let comments_over = parsed.cleaned.count(CleanKind::CommentsOverCap);
        if comments_over > 0 {
            tracing::warn!(
                millrace.event_id = event.event_id,
                batch.comments_over_cap = comments_over,
                "the batch has more comments than MAX_COMMENTS_PER_BATCH: the others are kept in `extra` of their posts"
            );
        }
        self.observe_size(event, parsed.items.item_count());
    }

    fn observe_size(&self, event: &CrawlEvent, items: usize) {
        let platform = event.platform.label();
        if event.content_count.is_some_and(|claimed| claimed != items as i64) {
            tracing::warn!(
                millrace.event_id = event.event_id,
                event.content_count,
                batch.items = items,
                "the object holds another number of items than its event says"
            );
            self.content_count_mismatch
                .get_or_create(&PlatformLabels { platform })
                .inc();
        }
        if let Some(expected) = unexpected_size(event, items) {
            tracing::warn!(
                millrace.event_id = event.event_id,
                batch.expected_items = expected,
                batch.items = items,
                "the batch is not of the size that {platform} crawlers send"
            );
            let labels = SizeLabels::new(&event.platform, expected, items);
            self.size_mismatch.get_or_create(&labels).inc();
        }
    }
}

/// The expected size, where a batch of `items` does not have it and should.
fn unexpected_size(event: &CrawlEvent, items: usize) -> Option<usize> {
    let expected = event
        .platform
        .expected_batch_size()
        .filter(|size| *size != items)?;
    let is_last = match (event.batch_index, event.total_batches) {
        // 0-based and 1-based producers both exist.
        (Some(index), Some(total)) => index.saturating_add(1) >= total,
        _ => false,
    };
    let is_short_last = is_last && items < expected;
    (!is_short_last).then_some(expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::testkit;

    #[test]
    fn a_short_last_batch_is_normal_and_everything_else_is_counted() {
        let sized = |batch_index, total_batches, items| {
            let mut event = testkit::event(Platform::Tiktok);
            event.batch_index = batch_index;
            event.total_batches = total_batches;
            unexpected_size(&event, items)
        };
        assert_eq!(sized(None, None, 50), None);
        assert_eq!(sized(None, None, 49), Some(50));
        assert_eq!(sized(Some(0), Some(5), 49), Some(50));
        assert_eq!(
            sized(Some(4), Some(5), 49),
            None,
            "the last of a 0-based producer"
        );
        assert_eq!(sized(Some(5), Some(5), 0), None, "the last of a 1-based producer");
        assert_eq!(sized(Some(4), Some(5), 51), Some(50), "no batch is longer");
        let other = testkit::event(Platform::Other("x".to_owned()));
        assert_eq!(
            unexpected_size(&other, 3),
            None,
            "nothing is known of other platforms"
        );
    }

    #[test]
    fn clones_share_their_values_and_names_are_those_of_the_contract() {
        let mut registry = Registry::default();
        let metrics = ParserMetrics::register(&mut registry);
        let mut event = testkit::event(Platform::Tiktok);
        event.content_count = Some(7);
        event.total_batches = None;
        let body = br#"[{"meta":{"id":"1"},"content":{"description":"\u0000","view_count":-1}}]"#;
        let parsed = testkit::parse_as(body, &event).unwrap();
        metrics.clone().observe(&event, &parsed, Duration::from_millis(1));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "analytics_batch_parse_duration_seconds_count 1",
            "analytics_batch_parse_duration_seconds_bucket{le=\"0.0005\"} 0",
            "analytics_batch_size_mismatch_total{platform=\"tiktok\",expected_size=\"50\",actual_size=\"1\"} 1",
            "analytics_content_count_mismatch_total{platform=\"tiktok\"} 1",
            "analytics_values_cleaned_total{kind=\"nul_removed\"} 1",
            "analytics_values_cleaned_total{kind=\"count_unreadable\"} 1",
            "analytics_values_cleaned_total{kind=\"text_truncated\"} 0",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }
}
