//! The fetcher against stores that behave and stores that do not: one test for each rule.

use super::{
    Fetcher, FetcherMetrics, FetcherSettings, StoreSettings, Stores,
    fault_server::{Answer, FaultServer, Request, patiently},
};
use crate::{
    domain::{CrawlEvent, Delivery, Platform, Project},
    messages::{BatchRef, BatchSource, RawBatch},
    supervision::{ByteBudget, Fault, Stage},
};
use bytes::Bytes;
use jiff::Timestamp;
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
        buckets: vec!["crawl-results".to_owned(), "extra".to_owned()],
        max_connections: 4,
        max_object_bytes: CAP,
        connect_timeout: SILENCE,
        request_timeout: SILENCE,
        request_attempts: 2,
        object_grace: Duration::from_secs(30),
    }
}

fn minio(endpoint: &str) -> FetcherSettings {
    settings(StoreSettings::Minio {
        endpoint: endpoint.to_owned(),
        access_key: "key".to_owned(),
        secret_key: "s3cr3t".to_owned().into(),
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

fn batch_ref(source: BatchSource) -> BatchRef {
    let at: Timestamp = FIRST_SEEN.parse().unwrap();
    BatchRef {
        event: Arc::new(CrawlEvent {
            event_id: "evt_1".to_owned(),
            event_at: at,
            job_id: "proj-brand-0".to_owned(),
            project: Project::Named("proj".to_owned()),
            platform: Platform::Tiktok,
            content_count: None,
            batch_index: None,
            total_batches: None,
            task_type: None,
            keyword: None,
            brand_name: None,
            user_id: None,
            delivery: Delivery {
                received_at: at,
                first_seen: at,
                attempt: 1,
                trace_id: None,
            },
        }),
        source,
    }
}

async fn run(fetcher: &mut Fetcher, path: &str) -> Result<RawBatch, Fault> {
    let input = batch_ref(BatchSource::Object(path.to_owned()));
    patiently(fetcher.run(&input)).await
}

/// One fetch of [`PATH`] from a server with this script.
async fn fetch_from(server: &FaultServer) -> Result<RawBatch, Fault> {
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

fn is_poison(found: &Result<RawBatch, Fault>, code: &str) -> bool {
    matches!(found, Err(Fault::Poison { reason, .. }) if *reason == code)
}

fn outage_detail(found: Result<RawBatch, Fault>) -> String {
    match found {
        Err(Fault::Outage {
            dependency: "object_store",
            detail,
        }) => detail,
        other => panic!("expected an outage, found {other:?}"),
    }
}

#[tokio::test]
async fn an_object_arrives_with_its_etag_and_its_claim() {
    let server = FaultServer::start(|_: &Request| {
        let headers = [("ETag", "\"e1\""), ("x-amz-meta-Compressed", "TRUE")];
        Answer::with_headers("200 OK", &headers, "[]")
    })
    .await;
    let budget = ByteBudget::new(100);
    let mut fetcher = fetcher_of(&minio(&server.endpoint), &budget);
    let path = format!("http://{}/crawl-results/a%20b/%C3%BC.json", server.endpoint);
    let batch = run(&mut fetcher, &path).await.unwrap();
    assert_eq!(batch.body, "[]");
    assert_eq!(batch.object.path, "crawl-results/a b/ü.json");
    assert_eq!(batch.object.etag.as_deref(), Some("e1"));
    assert!(batch.object.claims_zstd);
    assert_eq!(budget.used(), 2);
    assert_eq!(server.requests()[0].path, "/crawl-results/a%20b/%C3%BC.json");
}

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
async fn too_large_an_object_is_poison_before_its_body_is_read() {
    let server = FaultServer::start(|_: &Request| {
        // Whoever waited for the body would wait for ever.
        Answer::raw("200 OK", &[("Content-Length", "1001")], "").then_silence()
    })
    .await;
    let found = fetch_from(&server).await;
    assert!(is_poison(&found, "object_too_large"), "{found:?}");
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

#[tokio::test]
async fn a_cut_body_is_resumed_where_it_was_cut() {
    let server = FaultServer::start(|request: &Request| match request.range.as_deref() {
        None => Answer::raw("200 OK", &[("ETag", "\"e1\""), ("Content-Length", "10")], "01234"),
        Some(_) => Answer::with_headers(
            "206 Partial Content",
            &[("ETag", "\"e1\""), ("Content-Range", "bytes 5-9/10")],
            "56789",
        ),
    })
    .await;
    assert_eq!(fetch_from(&server).await.unwrap().body, "0123456789");
    assert_eq!(server.requests()[1].range.as_deref(), Some("bytes=5-9"));
}

#[tokio::test]
async fn a_body_that_is_always_cut_or_stalls_is_the_objects_fault_while_the_store_serves() {
    fn half() -> Answer {
        Answer::raw("200 OK", &[("ETag", "\"e1\""), ("Content-Length", "10")], "01234")
    }
    for answer in [half as fn() -> Answer, || half().then_silence()] {
        let well = FaultServer::start(healthy_but(move |_| answer())).await;
        let found = fetch_from(&well).await;
        assert!(
            matches!(
                found,
                Err(Fault::Transient {
                    cause: "object_unreadable",
                    ..
                })
            ),
            "{found:?}"
        );

        let sick = FaultServer::start(move |request: &Request| match request.path.as_str() {
            KEY => answer(),
            _ => Answer::error("503 Slow Down", "SlowDown"),
        })
        .await;
        outage_detail(fetch_from(&sick).await);
    }
}

#[tokio::test]
async fn an_answer_without_a_length_is_no_outage() {
    let server = FaultServer::start(healthy_but(|_| Answer::raw("200 OK", &[], "[]"))).await;
    let found = fetch_from(&server).await;
    assert!(matches!(found, Err(Fault::Transient { .. })), "{found:?}");
}

#[tokio::test]
async fn an_object_that_does_not_fit_now_is_let_go_and_asked_for_again() {
    let server = FaultServer::start(|_: &Request| Answer::object(&"x".repeat(50))).await;
    let budget = ByteBudget::new(100);
    let others = budget.reserve(80).await;
    let mut fetcher = fetcher_of(&minio(&server.endpoint), &budget);
    let fetch = tokio::spawn(async move { run(&mut fetcher, PATH).await });
    server.wait_for_requests(1).await;
    // The waiter holds the turn: from then on nobody else gets a share.
    while budget.try_reserve(1).is_some() {
        tokio::task::yield_now().await;
    }
    assert!(!fetch.is_finished());
    assert_eq!(budget.used(), 80);
    drop(others);
    let batch = patiently(fetch).await.unwrap().unwrap();
    assert_eq!((batch.body.len(), budget.used()), (50, 50));
    assert_eq!(server.requests().len(), 2);
    drop(batch);
    assert_eq!(budget.used(), 0);
}

#[tokio::test]
async fn a_batch_in_the_message_passes_through_and_weighs_the_same() {
    let root = tempfile::tempdir().unwrap();
    let budget = ByteBudget::new(100);
    let mut fetcher = fetcher_of(&files(root.path()), &budget);
    let input = batch_ref(BatchSource::Inline(Bytes::from_static(b"[{}]")));
    let batch = fetcher.run(&input).await.unwrap();
    assert_eq!(batch.object.path, "inline:evt_1");
    assert_eq!((batch.body.as_ref(), budget.used()), (b"[{}]".as_slice(), 4));
}

#[tokio::test]
async fn a_folder_serves_as_a_store() {
    let root = tempfile::tempdir().unwrap();
    let settings = files(root.path());
    let stores = Stores::new(&settings).unwrap();
    let missing = stores.ping().await.unwrap_err().to_string();
    assert!(missing.contains("no bucket crawl-results"), "{missing}");

    let mut fetcher = fetcher_of(&settings, &ByteBudget::new(10_000));
    outage_detail(run(&mut fetcher, PATH).await);

    for bucket in ["crawl-results", "extra"] {
        stores
            .put(
                bucket,
                "a b/ü.json.zst",
                Bytes::from_static(b"[1]"),
                &[("compressed", "true")],
            )
            .await
            .unwrap();
    }
    stores.ping().await.unwrap();
    let batch = run(&mut fetcher, "minio://crawl-results/a b/ü.json.zst")
        .await
        .unwrap();
    assert_eq!(
        (batch.body.as_ref(), batch.object.claims_zstd),
        (b"[1]".as_slice(), true)
    );
    assert!(is_poison(
        &run(&mut fetcher, "foreign/a").await,
        "bucket_not_allowed"
    ));
    let found = run(&mut fetcher, PATH).await;
    assert!(matches!(found, Err(Fault::NotYet { .. })), "{found:?}");

    let large = Bytes::from(vec![b'x'; 1_001]);
    stores.put("extra", "large.json", large, &[]).await.unwrap();
    assert!(is_poison(
        &run(&mut fetcher, "extra/large.json").await,
        "object_too_large"
    ));
}

#[tokio::test]
async fn a_ping_says_what_is_wrong() {
    let cases = [
        ("404 Not Found", "NoSuchKey", None),
        ("200 OK", "Fine", None),
        ("404 Not Found", "NoSuchBucket", Some("create it")),
        ("403 Forbidden", "SignatureDoesNotMatch", Some("MINIO_SECRET_KEY")),
        ("503 Slow Down", "SlowDown", Some("MINIO_ENDPOINT")),
        (
            "400 Bad Request",
            "AuthorizationHeaderMalformed",
            Some("MINIO_REGION"),
        ),
    ];
    for (status, code, advice) in cases {
        let server = FaultServer::start(move |_: &Request| Answer::error(status, code)).await;
        let found = Stores::new(&minio(&server.endpoint)).unwrap().ping().await;
        match (found, advice) {
            (Ok(()), None) => {}
            (Err(error), Some(advice)) => assert!(error.to_string().contains(advice), "{error}"),
            (found, _) => panic!("{status} {code}: {found:?}"),
        }
    }
}

#[tokio::test]
async fn settings_that_open_no_store_say_why() {
    let url = |url: &str| {
        settings(StoreSettings::Url {
            url: url.to_owned(),
            options: vec![("AWS_REGION".to_owned(), "eu-central-1".to_owned())],
        })
    };
    for (bad, what) in [
        ("ftp://bucket", "expected s3, gs, az or file"),
        ("s3://bucket/prefix", "prefix"),
        ("bucket", "relative URL"),
        ("s3:///", "no bucket"),
        ("file:///no/such/folder", "/no/such/folder"),
    ] {
        let error = Stores::new(&url(bad)).unwrap_err().to_string();
        assert!(error.contains(what), "{bad}: {error}");
    }
    let stores = Stores::new(&url("s3://my-bucket")).unwrap();
    assert_eq!(stores.allowed(), "my-bucket");
}
