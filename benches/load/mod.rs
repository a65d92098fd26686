//! One load through the whole pipeline, for every benchmark of it.

use millrace_stack::{Stack, Tenant, wait_for};
use serde_json::Value;
use std::{path::Path, time::Duration};
use tokio_postgres::Client;

/// TikTok items of one load, with about 17 comments each.
pub(crate) const ITEMS: f64 = 10_000.0;
const PATIENCE: Duration = Duration::from_secs(600);

/// A load that went through.
pub(crate) struct Load {
    /// From the first delivery to the last commit.
    pub(crate) seconds: f64,
    /// The most memory that the service had.
    pub(crate) peak_mib: f64,
}

/// Publishes the load of this seed, starts the service with these settings, and waits until all is stored. Returns
/// also its servers and its rows.
pub(crate) async fn run<'a>(
    stack: &'a Stack,
    name: &str,
    seed: usize,
    settings: &[(&str, &str)],
) -> (Load, Tenant<'a>, Client) {
    let tenant = stack.tenant(name).await.unwrap();
    let millrace = Path::new(env!("CARGO_BIN_EXE_millrace"));
    let published = publish(&tenant, ITEMS as usize, seed).await;
    let events = published["events"].as_i64().unwrap();

    let settings: Vec<_> = settings.iter().copied().chain([("LOG_LEVEL", "warn")]).collect();
    let service = tenant.service(millrace, &settings).unwrap();
    service.wait_ready(PATIENCE).await.unwrap();
    let database = tenant.connect_postgres().await.unwrap();
    wait_for("all events in the ledger", PATIENCE, async || {
        count(&database, "ingested_batches").await == events
    })
    .await
    .unwrap();
    let peak_mib = service.memory_kib("VmHWM").unwrap() as f64 / 1_024.0;
    let took =
        "SELECT extract(epoch FROM max(committed_at) - min(received_at))::float8 FROM ingested_batches";
    let seconds = database.query_one(took, &[]).await.unwrap().get(0);
    assert_eq!(service.terminate().await.unwrap(), Some(0));
    (Load { seconds, peak_mib }, tenant, database)
}

/// Uploads and announces so many TikTok items, as crawlers would. Returns what it says of them.
pub(crate) async fn publish(tenant: &Tenant<'_>, items: usize, seed: usize) -> Value {
    let millrace = Path::new(env!("CARGO_BIN_EXE_millrace"));
    let (items, seed) = (items.to_string(), seed.to_string());
    let generate = [
        "generate",
        "--plain",
        "--items",
        &items,
        "--platform",
        "tiktok",
        "--seed",
        &seed,
        "--json",
    ];
    let generated = tenant.command(millrace, &generate, &[]).await.unwrap();
    assert!(
        generated.status.success(),
        "{}",
        String::from_utf8_lossy(&generated.stderr)
    );
    serde_json::from_slice(&generated.stdout).unwrap()
}

/// Rows of a table.
pub(crate) async fn count(database: &Client, table: &str) -> i64 {
    database
        .query_one(&format!("SELECT count(*) FROM {table}"), &[])
        .await
        .unwrap()
        .get(0)
}

/// The middle one.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
