//! What the counters must say, from what was published and from the oracle: the product has no part in it.

use super::contract::category;
use crate::trial::Trial;
use millrace_corpus::Expectation;
use millrace_oracle::{Expected, Row};
use millrace_stack::Metrics;
use std::collections::{BTreeMap, BTreeSet};

/// Series that are not zero, as they stand in the scrape.
pub(super) type Figures = BTreeMap<String, u64>;

/// The families whose every series is known beforehand.
pub(super) const KNOWN: &[&str] = &[
    "events_processed_total",
    "event_processing_duration_seconds_count",
    "events_failed_total",
    "dead_letters_total",
    "batches_fetched_total",
    "batch_fetch_duration_seconds_count",
    "batch_parse_duration_seconds_count",
    "batches_processed_total",
    "items_processed_total",
    "items_success_total",
    "items_error_total",
    "errors_by_code_total",
    "errors_by_category_total",
    "errors_by_platform_total",
    "duplicates_total",
    "minio_connection_errors_total",
    "redeliveries_total",
    "publish_errors_total",
    "actor_restarts_total",
];

/// Reasons that show only when the object is there.
const FETCHED: [&str; 5] = [
    "decompression_failed",
    "decompressed_too_large",
    "malformed_json",
    "too_deep",
    "too_many_items",
];

/// What grows with each fetch of a batch that is stored.
const OF_A_FETCH: [&str; 3] = [
    "batches_fetched_total",
    "batch_fetch_duration_seconds_count",
    "batch_parse_duration_seconds_count",
];

/// Of batches with an odd size, each time that they are parsed.
const MISMATCHES: &[&str] = &["batch_size_mismatch_total"];

/// What the scrape says of these families.
pub(super) fn scraped(metrics: &Metrics, families: &[&str]) -> Figures {
    let mut figures = Figures::new();
    for family in families {
        for sample in metrics.samples(&format!("analytics_{family}"), &[]) {
            let labels: Vec<_> = sample
                .labels
                .iter()
                .map(|(name, value)| (&**name, &**value))
                .collect();
            add(&mut figures, family, &labels, sample.value as u64);
        }
    }
    figures
}

/// What it must say when all of the trial is settled and of that many copies the ledger knew before their fetch: which
/// ones it knows in time is chance.
pub(super) fn expected(trial: &Trial, oracle: &Expected, spared: u64) -> Figures {
    let mut figures = Figures::new();
    let mut stored = BTreeSet::new();
    for &position in &trial.order {
        let batch = &trial.batches[position];
        match &batch.expectation {
            Expectation::DeadLetter(reason) => {
                let reason = reason.code();
                for family in ["events_failed_total", "dead_letters_total"] {
                    add(&mut figures, family, &[("reason", reason)], 1);
                }
                if FETCHED.contains(&reason) {
                    fetched(&mut figures);
                }
            }
            Expectation::Stored => {
                let event_id = batch.event_id.as_deref().unwrap();
                let row = &oracle.ledger[event_id];
                good(&mut figures, row);
                if stored.insert(event_id) {
                    first(&mut figures, row);
                } else {
                    add(&mut figures, "duplicates_total", &[], 1);
                    let labels = [("platform", platform(row)), ("status", "duplicate")];
                    add(&mut figures, "batches_processed_total", &labels, 1);
                }
            }
        }
    }
    for family in OF_A_FETCH {
        *figures.get_mut(&format!("{family}{{}}")).unwrap() -= spared;
    }
    figures
}

/// What it says of odd sizes: no more are missing than copies that were not fetched.
pub(super) fn assert_mismatches(metrics: &Metrics, trial: &Trial, oracle: &Expected, spared: u64) {
    let found = scraped(metrics, MISMATCHES);
    let [fewest, most] = mismatches(trial, oracle);
    assert!(found.keys().eq(most.keys()), "{found:?} {most:?}");
    for (series, count) in &found {
        assert!((fewest[series]..=most[series]).contains(count), "{series}");
    }
    let sum = |figures: &Figures| figures.values().sum::<u64>();
    assert!(sum(&most) - sum(&found) <= spared, "{found:?} {most:?}");
}

/// The fewest and the most that it may say of them: of first deliveries, and of all.
fn mismatches(trial: &Trial, oracle: &Expected) -> [Figures; 2] {
    let [mut fewest, mut most] = [Figures::new(), Figures::new()];
    let mut seen = BTreeSet::new();
    let ids = trial
        .order
        .iter()
        .filter_map(|&position| trial.batches[position].event_id.as_deref());
    for id in ids {
        let Some(row) = oracle.ledger.get(id) else {
            continue;
        };
        let Some((expected, actual)) = size_mismatch(row) else {
            continue;
        };
        let labels = [
            ("actual_size", &*actual),
            ("expected_size", expected),
            ("platform", platform(row)),
        ];
        add(&mut most, MISMATCHES[0], &labels, 1);
        add(&mut fewest, MISMATCHES[0], &labels, u64::from(seen.insert(id)));
    }
    [fewest, most]
}

fn fetched(figures: &mut Figures) {
    add(figures, "batches_fetched_total", &[], 1);
    add(figures, "batch_fetch_duration_seconds_count", &[], 1);
}

/// What counts each time that an event comes to its end.
fn good(figures: &mut Figures, row: &Row) {
    fetched(figures);
    add(figures, "batch_parse_duration_seconds_count", &[], 1);
    let platform = [("platform", platform(row))];
    add(figures, "events_processed_total", &platform, 1);
    add(figures, "event_processing_duration_seconds_count", &platform, 1);
}

/// What counts when its rows are stored.
fn first(figures: &mut Figures, row: &Row) {
    let platform = ("platform", platform(row));
    let counts = ["item_count", "success_count", "error_count", "rejected_count"];
    let [items, successes, errors, rejected] = counts.map(|column| number(row, column));
    let status = match successes {
        all if all == items => "success",
        0 => "error",
        _ => "partial",
    };
    add(
        figures,
        "batches_processed_total",
        &[platform, ("status", status)],
        1,
    );
    for (status, count) in [("success", successes), ("error", errors), ("rejected", rejected)] {
        add(
            figures,
            "items_processed_total",
            &[platform, ("status", status)],
            count,
        );
    }
    add(figures, "items_success_total", &[], successes);
    add(figures, "items_error_total", &[], errors);
    for (code, count) in row["error_distribution"].as_object().unwrap() {
        let count = count.as_u64().unwrap();
        let category = category(code);
        let code = category.map_or("other", |_| code);
        add(
            figures,
            "errors_by_code_total",
            &[("error_code", code), platform],
            count,
        );
        let category = ("category", category.unwrap_or("unknown"));
        add(figures, "errors_by_category_total", &[category], count);
        add(figures, "errors_by_platform_total", &[platform], count);
    }
}

/// The size that the platform's crawler sends, and the one that came, where that is worth a look.
fn size_mismatch(row: &Row) -> Option<(&'static str, String)> {
    let (name, expected) = match platform(row) {
        "tiktok" => ("50", 50),
        "youtube" => ("20", 20),
        _ => return None,
    };
    let items = number(row, "item_count");
    let place = |column: &str| row[column].as_i64();
    let is_last = match (place("batch_index"), place("total_batches")) {
        (Some(index), Some(total)) => index == total || index == total - 1 || index > total,
        _ => false,
    };
    let normal = items == expected || (is_last && items < expected);
    let actual = if items > expected {
        "more".to_owned()
    } else {
        items.to_string()
    };
    (!normal).then_some((name, actual))
}

/// Percent of items that are posts, by platform.
pub(super) fn success_rates(oracle: &Expected) -> BTreeMap<&str, f64> {
    let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for row in oracle.ledger.values() {
        let (successes, items) = counts.entry(platform(row)).or_default();
        *successes += number(row, "success_count");
        *items += number(row, "item_count");
    }
    let percent = |(platform, (successes, items))| (platform, successes as f64 / items as f64 * 100.0);
    counts
        .into_iter()
        .filter(|(_, (_, items))| *items > 0)
        .map(percent)
        .collect()
}

fn platform(row: &Row) -> &str {
    match row["platform"].as_str().unwrap() {
        known @ ("tiktok" | "youtube") => known,
        _ => "other",
    }
}

fn number(row: &Row, column: &str) -> u64 {
    row[column].as_u64().unwrap()
}

/// Labels in the order of their names.
fn add(figures: &mut Figures, family: &str, labels: &[(&str, &str)], count: u64) {
    if count > 0 {
        let labels: Vec<_> = labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        *figures
            .entry(format!("{family}{{{}}}", labels.join(",")))
            .or_default() += count;
    }
}
