//! What the writer counts: only what is committed, and an event that was stored before never again.

use super::{statements, written::Written};
use crate::{
    domain::{ErrorCategory, ErrorCode, Platform},
    messages::ParsedBatch,
    recent::{ItemCounts, Recent},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{
        MetricType,
        counter::Counter,
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
    },
    registry::{Registry, Unit},
};
use std::time::{Duration, Instant};

/// The writer's metrics. Cheap to clone.
#[derive(Clone, Debug)]
pub struct WriterMetrics {
    items: Family<ItemLabels, Counter>,
    successes: Counter,
    errors: Counter,
    errors_by_code: Family<CodeLabels, Counter>,
    errors_by_category: Family<CategoryLabels, Counter>,
    errors_by_platform: Family<PlatformLabels, Counter>,
    batches: Family<ItemLabels, Counter>,
    duplicates: Counter,
    rows: Family<TableLabels, Counter>,
    write_rows: Histogram,
    write_seconds: Histogram,
    pool_size: Gauge,
    recent: Recent,
}

/// `status` of an item: `success`, `error`, `rejected`; of a batch: see [`batch_status`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ItemLabels {
    platform: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    error_code: &'static str,
    platform: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CategoryLabels {
    category: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PlatformLabels {
    platform: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TableLabels {
    table: &'static str,
}

/// Computed when asked for: a rate must also fall while nothing is written.
#[derive(Debug)]
struct Rates(Recent);

const ITEM_STATUSES: [&str; 3] = ["success", "error", "rejected"];
/// See [`batch_status`].
const BATCH_STATUSES: [&str; 4] = ["success", "partial", "error", "duplicate"];

/// What the rates speak of.
const RATES_OF: Duration = Duration::from_secs(5 * 60);

/// Upper bounds of `analytics_write_batch_rows`.
const ROWS: [f64; 9] = [1.0, 10.0, 50.0, 100.0, 500.0, 1e3, 2e3, 5e3, 1e4];

/// Upper bounds of `analytics_write_duration_seconds`.
const SECONDS: [f64; 12] = [
    0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
];

// === impl WriterMetrics ===

impl WriterMetrics {
    /// Makes the metrics and makes them known. The registry adds `_total` to counters.
    pub fn register(registry: &mut Registry, recent: Recent) -> Self {
        let metrics = Self {
            items: Family::default(),
            successes: Counter::default(),
            errors: Counter::default(),
            errors_by_code: Family::default(),
            errors_by_category: Family::default(),
            errors_by_platform: Family::default(),
            batches: Family::default(),
            duplicates: Counter::default(),
            rows: Family::default(),
            write_rows: Histogram::new(ROWS),
            write_seconds: Histogram::new(SECONDS),
            pool_size: Gauge::default(),
            recent,
        };
        metrics.show_from_the_start();
        metrics.register_items(registry);
        metrics.register_writes(registry);
        registry.register_collector(Box::new(Rates(metrics.recent.clone())));
        metrics
    }

    /// A series that is there from the start shows its first increase.
    fn show_from_the_start(&self) {
        for platform in Platform::LABELS {
            for status in ITEM_STATUSES {
                drop(self.items.get_or_create(&ItemLabels { platform, status }));
            }
            for status in BATCH_STATUSES {
                drop(self.batches.get_or_create(&ItemLabels { platform, status }));
            }
            for error_code in ErrorCode::labels() {
                drop(
                    self.errors_by_code
                        .get_or_create(&CodeLabels { error_code, platform }),
                );
            }
            drop(
                self.errors_by_platform
                    .get_or_create(&PlatformLabels { platform }),
            );
        }
        for table in statements::names() {
            drop(self.rows.get_or_create(&TableLabels { table }));
        }
        for category in ErrorCategory::ALL.map(ErrorCategory::as_str) {
            drop(
                self.errors_by_category
                    .get_or_create(&CategoryLabels { category }),
            );
        }
    }

    fn register_items(&self, registry: &mut Registry) {
        let name = "analytics_items_processed";
        registry.register(name, "Items stored, by outcome", self.items.clone());
        let name = "analytics_items_success";
        registry.register(name, "Items stored as posts", self.successes.clone());
        let name = "analytics_items_error";
        registry.register(name, "Items stored as crawl errors", self.errors.clone());
        let name = "analytics_errors_by_code";
        registry.register(name, "Crawl errors, by code", self.errors_by_code.clone());
        let name = "analytics_errors_by_category";
        registry.register(name, "Crawl errors, by category", self.errors_by_category.clone());
        let name = "analytics_errors_by_platform";
        registry.register(name, "Crawl errors, by platform", self.errors_by_platform.clone());
    }

    fn register_writes(&self, registry: &mut Registry) {
        let name = "analytics_batches_processed";
        registry.register(
            name,
            "Batches settled by the writer, by outcome",
            self.batches.clone(),
        );
        let name = "analytics_duplicates";
        registry.register(name, "Events that were stored before", self.duplicates.clone());
        let name = "analytics_rows_written";
        registry.register(name, "Rows inserted or changed, by table", self.rows.clone());
        let name = "analytics_write_batch_rows";
        registry.register(
            name,
            "Rows inserted or changed by a transaction",
            self.write_rows.clone(),
        );
        let name = "analytics_write_duration";
        registry.register_with_unit(
            name,
            "Time of a write, retries included",
            Unit::Seconds,
            self.write_seconds.clone(),
        );
        let name = "analytics_database_connection_pool_size";
        registry.register(name, "Open database connections", self.pool_size.clone());
    }

    /// Counts an event that was stored before.
    pub(crate) fn repeated(&self, platform: &'static str) {
        self.duplicates.inc();
        self.batch(platform, "duplicate");
    }

    pub(super) fn pool_size(&self, size: usize) {
        self.pool_size.set(i64::try_from(size).unwrap_or(i64::MAX));
    }

    /// Counts a committed transaction.
    pub(super) fn count(&self, outcome: &Written<'_>, took: Duration, now: Instant) {
        for batch in &outcome.stored {
            self.count_batch(batch, now);
        }
        for batch in &outcome.repeated {
            self.repeated(batch.event.platform.label());
        }
        for written in outcome.rows.iter().filter(|written| written.rows > 0) {
            let table = written.table;
            self.rows
                .get_or_create(&TableLabels { table })
                .inc_by(written.rows);
        }
        self.write_rows.observe(outcome.row_count() as f64);
        self.write_seconds.observe(took.as_secs_f64());
    }

    fn count_batch(&self, batch: &ParsedBatch, now: Instant) {
        let (platform, items) = (batch.event.platform.label(), &batch.items);
        let counts = [items.posts.len(), items.errors.len(), items.rejected.len()].map(|len| len as u64);
        let [successes, errors, rejected] = counts;
        for (status, count) in ITEM_STATUSES.into_iter().zip(counts) {
            self.items
                .get_or_create(&ItemLabels { platform, status })
                .inc_by(count);
        }
        self.successes.inc_by(successes);
        self.errors.inc_by(errors);
        for error in &items.errors {
            let error_code = error.error_code.label();
            let category = error.error_code.category().as_str();
            self.errors_by_code
                .get_or_create(&CodeLabels { error_code, platform })
                .inc();
            self.errors_by_category
                .get_or_create(&CategoryLabels { category })
                .inc();
            self.errors_by_platform
                .get_or_create(&PlatformLabels { platform })
                .inc();
        }
        self.batch(platform, batch_status(batch));
        let counts = ItemCounts {
            success: successes,
            error: errors,
            rejected,
        };
        self.recent.note(now, |happened| {
            happened.items.entry(platform).or_default().add(counts);
        });
    }

    fn batch(&self, platform: &'static str, status: &'static str) {
        self.batches.get_or_create(&ItemLabels { platform, status }).inc();
    }
}

/// `success`: every item is a post (also of none); `partial`: some are; `error`: none is. A batch whose event
/// was stored before is a `duplicate`.
fn batch_status(batch: &ParsedBatch) -> &'static str {
    match (batch.items.posts.len(), batch.items.item_count()) {
        (posts, items) if posts == items => "success",
        (0, _) => "error",
        _ => "partial",
    }
}

// === impl Rates ===

impl Collector for Rates {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        type Percent = fn(f64) -> f64;
        let items = self.0.within(Instant::now(), RATES_OF).items;
        let successes: Vec<_> = items
            .iter()
            .filter_map(|(platform, counts)| Some((platform, counts.success_percent()?)))
            .collect();
        let rates: [(_, _, Percent); 2] = [
            (
                "analytics_success_rate",
                "Percent of items of the last 5 minutes that are posts",
                |success| success,
            ),
            (
                "analytics_error_rate",
                "Percent of items of the last 5 minutes that are not",
                |success| 100.0 - success,
            ),
        ];
        for (name, help, percent) in rates {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (platform, success) in &successes {
                let labels = [("platform", **platform)];
                ConstGauge::new(percent(*success)).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
