//! Who is to blame: one test for each answer of a store.

use super::{
    PATH,
    fault_server::{Answer, FaultServer, Request},
    fetch_from, fetcher_of, healthy_but, is_poison, minio, outage_detail, run,
};
use crate::fetcher::{Fetcher, FetcherMetrics, Stores};
use crate::supervision::{ByteBudget, Fault};
use jiff::Timestamp;
use std::sync::Arc;

#[tokio::test]
async fn a_bad_path_or_a_foreign_bucket_is_poison_and_no_request_is_sent() {
    let server = FaultServer::start(|_: &Request| Answer::object("[]")).await;
    let mut fetcher = fetcher_of(&minio(&server.endpoint), &ByteBudget::new(100));
    for path in [
        "crawl-results",
        "/crawl-results/a",
        "crawl-results/../a",
        "ftp://a/b",
    ] {
        let found = run(&mut fetcher, path).await;
        assert!(is_poison(&found, "bad_path"), "{path}: {found:?}");
    }
    for path in ["foreign/a.json", "Crawl-Results/a.json"] {
        let found = run(&mut fetcher, path).await;
        assert!(is_poison(&found, "bucket_not_allowed"), "{path}: {found:?}");
    }
    assert_eq!(server.requests().len(), 0);
    run(&mut fetcher, "s3://extra/a.json").await.unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_missing_object_is_awaited_for_a_while_and_poison_then() {
    let server = FaultServer::start(|_: &Request| Answer::error("404 Not Found", "NoSuchKey")).await;
    let mut fetcher = fetcher_of(&minio(&server.endpoint), &ByteBudget::new(100));
    let cases: [(fn() -> Timestamp, bool); 4] = [
        (|| "2026-01-01T00:00:29Z".parse().unwrap(), true),
        (|| "2026-01-01T00:00:30Z".parse().unwrap(), false),
        // The clock of whoever saw it first may be ahead of ours, but not by an hour.
        (|| "2025-12-31T23:59:59Z".parse().unwrap(), true),
        (|| "2025-12-31T23:00:00Z".parse().unwrap(), false),
    ];
    for (clock, waits) in cases {
        fetcher = fetcher.with_clock(clock);
        let found = run(&mut fetcher, PATH).await;
        let is_awaited = matches!(
            found,
            Err(Fault::NotYet {
                cause: "object_missing",
                ..
            })
        );
        assert_eq!(is_awaited, waits, "{:?} {found:?}", clock());
        assert_eq!(is_poison(&found, "object_missing"), !waits, "{:?}", clock());
    }
}

#[tokio::test]
async fn a_missing_bucket_is_the_operators_fault_not_the_events() {
    let server = FaultServer::start(|_: &Request| Answer::error("404 Not Found", "NoSuchBucket")).await;
    let detail = outage_detail(fetch_from(&server).await);
    assert!(detail.contains("no bucket crawl-results: create it"), "{detail}");
}

#[tokio::test]
async fn refused_keys_are_an_outage_that_says_what_to_check() {
    let server = FaultServer::start(|_: &Request| Answer::error("403 Forbidden", "InvalidAccessKeyId")).await;
    let detail = outage_detail(fetch_from(&server).await);
    assert!(
        detail.contains("MINIO_SECRET_KEY") && detail.contains("InvalidAccessKeyId"),
        "{detail}"
    );
    assert!(!detail.contains("s3cr3t"), "{detail}");
    assert_eq!(
        server.requests().len(),
        1,
        "asking again with the same keys is no use"
    );
}

#[tokio::test]
async fn a_busy_store_is_asked_again_and_is_an_outage_when_it_stays_busy() {
    for status in [
        "503 Slow Down",
        "500 Internal Server Error",
        "429 Too Many Requests",
    ] {
        let server = FaultServer::start(healthy_but(|_| Answer::error(status, "SlowDown"))).await;
        outage_detail(fetch_from(&server).await);
        assert_eq!(server.requests().len(), 2, "{status}");

        let server = FaultServer::start(|request: &Request| match request.nth {
            0 => Answer::error(status, "SlowDown"),
            _ => Answer::object("[]"),
        })
        .await;
        assert_eq!(fetch_from(&server).await.unwrap().body, "[]", "{status}");
    }
}

#[tokio::test]
async fn silence_instead_of_headers_is_an_outage() {
    let server = FaultServer::start(healthy_but(|_| Answer::silence())).await;
    outage_detail(fetch_from(&server).await);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn an_unreachable_store_is_an_outage_and_counted() {
    let server = FaultServer::start(|_: &Request| Answer::silence()).await;
    let settings = minio(&server.endpoint);
    drop(server);
    let metrics = FetcherMetrics::default();
    let stores = Arc::new(Stores::new(&settings).unwrap());
    let mut fetcher = Fetcher::new(stores, &settings, ByteBudget::new(100), metrics.clone());
    let detail = outage_detail(run(&mut fetcher, PATH).await);
    assert!(detail.contains("MINIO_ENDPOINT"), "{detail}");
    assert_eq!(metrics.connection_errors.get(), 1);
    assert_eq!(metrics.fetched.get(), 0);
}
