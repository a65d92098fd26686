//! What `/health` says of product events, in the words of the service before this one.

use crate::http::HealthPart;
use millrace_products::reports::Reports;
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::{sync::Mutex, time::Instant};

/// However often it is asked, the database is asked no more often than this.
const FRESH: Duration = Duration::from_secs(2);

/// Figures of a moment ago.
#[derive(Default)]
pub(in crate::pipelines::products) struct Figures(Mutex<Option<(Instant, Map<String, Value>)>>);

/// Names of before, and the dependencies that they stand for now: the first that there is.
const NAMES: [(&str, &str); 8] = [
    ("database", "products_database"),
    ("object_store", "archive_store"),
    ("s3", "archive_store"),
    ("s3", "object_store"),
    ("recent_store", "products_database"),
    ("dynamodb", "recent_store"),
    ("dynamodb", "products_database"),
    ("dynamodb", "database"),
];

/// The names, and the figures as they were at most two seconds ago; without a database there are none.
pub(super) async fn part(figures: &Figures, reports: &Reports) -> HealthPart {
    let mut known = figures.0.lock().await;
    let fresh = known.as_ref().is_some_and(|(at, _)| at.elapsed() < FRESH);
    if !fresh {
        *known = Some((Instant::now(), ask(reports).await));
    }
    HealthPart {
        names: NAMES.into(),
        metrics: known
            .as_ref()
            .map(|(_, metrics)| metrics.clone())
            .unwrap_or_default(),
        by_code: true,
    }
}

async fn ask(reports: &Reports) -> Map<String, Value> {
    let events = reports.events_by_type().await;
    let (total, by_type) = match events {
        Ok(events) => (json!(events.values().sum::<i64>()), json!(events)),
        Err(_) => (Value::Null, Value::Null),
    };
    Map::from_iter([
        ("totalEvents".to_owned(), total),
        ("eventsByType".to_owned(), by_type),
    ])
}
