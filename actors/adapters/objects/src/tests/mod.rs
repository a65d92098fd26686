//! The fetcher against stores that behave and stores that do not: one test for each rule.

mod bodies;
mod clouds;
mod fault_server;
mod headers;
mod other_servers;
mod outcomes;
mod stores;
mod writing;

use self::fault_server::{Answer, FaultServer, Request, patiently};
use super::Object;
use super::{Fetcher, FetcherMetrics, FetcherSettings, StoreKeys, StoreSettings, Stores};
use jiff::Timestamp;
use millrace_access::renewable::Renewable;
use millrace_engine::{ByteBudget, Fault};
use std::{sync::Arc, time::Duration};

const CAP: u64 = 1_000;
const FIRST_SEEN: &str = "2026-01-01T00:00:00Z";
const KEY: &str = "/crawl-results/tiktok/batch.json";
const PATH: &str = "crawl-results/tiktok/batch.json";

/// Short, so that silence is noticed soon; long enough for a busy machine to answer.
const SILENCE: Duration = Duration::from_millis(300);

fn settings(store: StoreSettings) -> FetcherSettings {
    FetcherSettings {
        store,
        authorities: None,
        buckets: vec!["crawl-results".to_owned(), "extra".to_owned()],
        max_connections: 4,
        max_object_bytes: CAP,
        connect_timeout: SILENCE,
        request_timeout: SILENCE,
        request_attempts: 2,
        object_grace: Duration::from_secs(30),
    }
}

fn keys(access: &str, secret: &str) -> Renewable<StoreKeys> {
    Renewable::fixed(StoreKeys {
        access: access.to_owned(),
        secret: secret.to_owned().into(),
    })
}

fn minio(endpoint: &str) -> FetcherSettings {
    settings(StoreSettings::Minio {
        endpoint: endpoint.to_owned(),
        keys: keys("key", "s3cr3t"),
        use_ssl: false,
        region: "us-east-1".to_owned(),
    })
}

fn files(root: &std::path::Path) -> FetcherSettings {
    settings(StoreSettings::Url {
        url: format!("file://{}", root.display()),
        options: Vec::new(),
    })
}

fn fetcher_of(settings: &FetcherSettings, budget: &Arc<ByteBudget>) -> Fetcher {
    let stores = Arc::new(Stores::new(settings).unwrap());
    Fetcher::new(stores, settings, budget.clone(), FetcherMetrics::default())
        .with_clock(|| FIRST_SEEN.parse().unwrap())
}

async fn run(fetcher: &mut Fetcher, path: &str) -> Result<Object, Fault> {
    let first_seen: Timestamp = FIRST_SEEN.parse().unwrap();
    patiently(fetcher.get(path, first_seen)).await
}

/// One fetch of [`PATH`] from a server with this script.
async fn fetch_from(server: &FaultServer) -> Result<Object, Fault> {
    run(
        &mut fetcher_of(&minio(&server.endpoint), &ByteBudget::new(10_000)),
        PATH,
    )
    .await
}

/// A script for [`PATH`]; the store is well otherwise.
fn healthy_but(
    answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
) -> impl Fn(&Request) -> Answer + Send + Sync {
    move |request| match request.path.as_str() {
        KEY => answer(request),
        _ => Answer::error("404 Not Found", "NoSuchKey"),
    }
}

fn is_poison(found: &Result<Object, Fault>, code: &str) -> bool {
    matches!(found, Err(Fault::Poison { reason, .. }) if *reason == code)
}

fn outage_detail(found: Result<Object, Fault>) -> String {
    outage_detail_of(found.unwrap_err())
}

fn outage_detail_of(fault: Fault) -> String {
    match fault {
        Fault::Outage {
            dependency: "object_store",
            detail,
        } => detail,
        other => panic!("expected an outage, found {other:?}"),
    }
}

fn transient_detail(found: Result<Object, Fault>, expected: &str) -> String {
    match found {
        Err(Fault::Transient { cause, detail }) if cause == expected => detail,
        other => panic!("expected {expected}, found {other:?}"),
    }
}
