//! Who is to blame: one test for each answer of a store.

use super::{
    KEY, PATH,
    fault_server::{Answer, FaultServer, Request},
    fetch_from, fetcher_of, healthy_but, is_poison, minio, outage_detail, run, transient_detail,
};
use crate::Object;
use crate::{Fetcher, FetcherMetrics, Stores};
use jiff::Timestamp;
use millrace_engine::{ByteBudget, Fault};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// The store has failed.
const BROKEN: [&str; 4] = [
    "500 Internal Server Error",
    "502 Bad Gateway",
    "504 Gateway Timeout",
    "408 Request Timeout",
];

/// The store has too much to do.
const BUSY: [&str; 2] = ["503 Slow Down", "429 Too Many Requests"];

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
        // The clock of the replica that saw it first may be ahead of ours, but not by an hour.
        (|| "2025-12-31T23:59:59Z".parse().unwrap(), true),
        (|| "2025-12-31T23:00:00Z".parse().unwrap(), false),
    ];
    for (clock, waits) in cases {
        fetcher = fetcher.with_clock(clock);
        let found = run(&mut fetcher, PATH).await;
        let is_awaited = matches!(
            found,
            Err(Fault::Deferred {
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
    for (status, code) in [
        ("403 Forbidden", "InvalidAccessKeyId"),
        ("401 Unauthorized", "AccessDenied"),
    ] {
        let server = FaultServer::start(move |_: &Request| Answer::error(status, code)).await;
        let detail = outage_detail(fetch_from(&server).await);
        assert!(
            detail.contains("MINIO_SECRET_KEY") && detail.contains(code),
            "{detail}"
        );
        assert!(!detail.contains("s3cr3t"), "{detail}");
        assert_eq!(
            server.asked_for(KEY),
            1,
            "asking again with the same keys is no use"
        );
    }
}

#[tokio::test]
async fn one_object_that_is_denied_is_charged_for_it_while_the_store_serves() {
    let server = FaultServer::start(healthy_but(|_| Answer::error("403 Forbidden", "AccessDenied"))).await;
    let detail = transient_detail(fetch_from(&server).await, "object_denied");
    assert!(detail.contains("AccessDenied"), "{detail}");
}

#[tokio::test]
async fn one_object_on_which_the_store_fails_is_charged_for_it_while_the_store_serves() {
    for status in BROKEN {
        let well = FaultServer::start(healthy_but(|_| Answer::error(status, "InternalError"))).await;
        let detail = transient_detail(fetch_from(&well).await, "object_unreadable");
        assert!(detail.contains("InternalError"), "{status}: {detail}");
        assert_eq!(well.asked_for(KEY), 2, "{status}: tried twice first");
    }
}

#[tokio::test]
async fn a_store_that_fails_on_everything_is_an_outage() {
    for status in BROKEN {
        let failing = FaultServer::start(|_: &Request| Answer::error(status, "InternalError")).await;
        let detail = outage_detail(fetch_from(&failing).await);
        assert!(detail.contains("InternalError"), "{status}: {detail}");
    }
}

#[tokio::test]
async fn a_failure_that_passes_is_not_even_noticed() {
    for status in BROKEN.into_iter().chain(BUSY) {
        let server = FaultServer::start(|request: &Request| match request.nth {
            0 => Answer::error(status, "InternalError"),
            _ => Answer::object("[]"),
        })
        .await;
        assert_eq!(fetch_from(&server).await.unwrap().body, "[]", "{status}");
    }
}

#[tokio::test]
async fn one_throttled_object_waits_and_is_not_charged_while_the_store_serves() {
    for status in BUSY {
        let server = FaultServer::start(healthy_but(|_| Answer::error(status, "SlowDown"))).await;
        let found = fetch_from(&server).await;
        let waits = matches!(&found, Err(Fault::Deferred { cause: "store_busy", detail }) if detail.contains("SlowDown"));
        assert!(waits, "{status}: {found:?}");
        assert_eq!(server.asked_for(KEY), 2, "{status}: tried twice first");
    }
}

#[tokio::test]
async fn a_store_that_throttles_everything_is_an_outage() {
    for status in BUSY {
        let server = FaultServer::start(|_: &Request| Answer::error(status, "SlowDown")).await;
        let detail = outage_detail(fetch_from(&server).await);
        assert!(detail.contains("too busy"), "{status}: {detail}");
    }
}

/// The store is asked again no sooner than it said; what it said is longer than our own pause.
#[tokio::test]
async fn retry_after_is_obeyed() {
    const ASKED: Duration = Duration::from_secs(1);
    let server = FaultServer::start(|request: &Request| match request.nth {
        0 => Answer::with_headers("503 Slow Down", &[("Retry-After", "1")], ""),
        _ => Answer::object("[]"),
    })
    .await;
    let mut settings = minio(&server.endpoint);
    settings.request_timeout = ASKED * 5;
    let started = Instant::now();
    let mut fetcher = fetcher_of(&settings, &ByteBudget::new(100));
    assert_eq!(run(&mut fetcher, PATH).await.unwrap().body, "[]");
    assert!(started.elapsed() >= ASKED, "{:?}", started.elapsed());
}

/// This test would take far too long otherwise.
#[tokio::test]
async fn a_long_retry_after_is_left_to_the_delayed_retry() {
    let busy = || Answer::with_headers("429 Too Many Requests", &[("Retry-After", "86400")], "");
    let well = FaultServer::start(healthy_but(move |_| busy())).await;
    let found = fetch_from(&well).await;
    let waits =
        matches!(&found, Err(Fault::Deferred { cause: "store_busy", detail }) if detail.contains("86400s"));
    assert!(waits, "{found:?}");
    assert_eq!(well.asked_for(KEY), 1, "it said when to come back");

    let failing = FaultServer::start(move |_: &Request| busy()).await;
    outage_detail(fetch_from(&failing).await);
    assert_eq!(failing.asked_for(KEY), 1);
}

/// A request that the store does not understand, or says it does not.
#[tokio::test]
async fn a_400_blames_the_object_while_the_store_serves_and_the_settings_otherwise() {
    let bad = || Answer::error("400 Bad Request", "AuthorizationHeaderMalformed");
    let well = FaultServer::start(healthy_but(move |_| bad())).await;
    transient_detail(fetch_from(&well).await, "object_unreadable");
    let failing = FaultServer::start(move |_: &Request| bad()).await;
    let detail = outage_detail(fetch_from(&failing).await);
    assert!(detail.contains("MINIO_REGION"), "{detail}");
}

#[tokio::test]
async fn a_store_whose_name_is_unknown_is_an_outage() {
    let mut fetcher = fetcher_of(&minio("no-such-store.invalid:9000"), &ByteBudget::new(100));
    let detail = outage_detail(run(&mut fetcher, PATH).await);
    assert!(detail.contains("MINIO_ENDPOINT"), "{detail}");
}

#[tokio::test]
async fn a_store_that_speaks_no_tls_is_an_outage() {
    let server = FaultServer::start_deaf().await;
    let endpoint = format!("https://{}", server.endpoint);
    let mut fetcher = fetcher_of(&minio(&endpoint), &ByteBudget::new(100));
    let detail = outage_detail(run(&mut fetcher, PATH).await);
    assert!(detail.contains("MINIO_ENDPOINT"), "{detail}");
}

/// A fetch of an event that was first seen an hour ago.
async fn fetch_late(server: &FaultServer) -> Result<Object, Fault> {
    let fetcher = fetcher_of(&minio(&server.endpoint), &ByteBudget::new(10_000));
    let mut fetcher = fetcher.with_clock(|| "2026-01-01T01:00:00Z".parse().unwrap());
    run(&mut fetcher, PATH).await
}

#[tokio::test]
async fn silence_instead_of_headers_is_an_outage() {
    let server = FaultServer::start(|_: &Request| Answer::silence()).await;
    outage_detail(fetch_from(&server).await);
    outage_detail(fetch_late(&server).await);
}

#[tokio::test]
async fn silence_about_one_object_is_charged_for_it_when_it_lasts_while_the_store_serves() {
    let server = FaultServer::start(healthy_but(|_| Answer::silence())).await;
    let found = fetch_from(&server).await;
    let waits = matches!(
        found,
        Err(Fault::Deferred {
            cause: "object_silent",
            ..
        })
    );
    assert!(waits, "{found:?}");
    assert_eq!(server.asked_for(KEY), 2, "tried twice first");
    transient_detail(fetch_late(&server).await, "object_silent");
}

#[tokio::test]
async fn an_object_that_is_always_throttled_is_charged_in_the_end() {
    let server = FaultServer::start(healthy_but(|_| Answer::error("503 Slow Down", "SlowDown"))).await;
    let detail = transient_detail(fetch_late(&server).await, "store_busy");
    assert!(detail.contains("SlowDown"), "{detail}");
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
